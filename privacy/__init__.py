"""Privacy: what a release of somebody's voice gives away, how much noise that takes, and what was given away so far."""

__version__ = "1.0.0"
