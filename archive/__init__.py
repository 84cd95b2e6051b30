"""Bytes: the bundle's format, its encryption and its checks. Knows nothing of speech."""

__version__ = "1.0.0"
