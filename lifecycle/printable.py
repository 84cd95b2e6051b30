"""Text of somebody else's making, as a terminal may show it.

A file may be called anything, and may say anything of itself: escape sequences that repaint a terminal, a line break
that fakes a second answer, bytes that are no text. Knows nothing of where the text comes from.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """*text* on one line, each character that could move a terminal's cursor, or be none, replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
