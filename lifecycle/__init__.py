"""The hall: wires the rooms together and talks to people."""

__version__ = "0.1.0"
