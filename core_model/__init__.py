"""Networks, text, training and the player: everything that turns text into one person's speech."""

__version__ = "1.0.0"
