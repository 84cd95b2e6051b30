"""The hall: wires the rooms together and talks to people."""

__version__ = "1.0.0"
