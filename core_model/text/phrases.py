"""Where a Chinese or Japanese sentence, which has no spaces, falls into phrases: BudouX's tables, read by our own code.

A cut before a character is scored by the characters round it, alone, in pairs and in threes; above half the sum of
all scores it is made. The tables are BudouX's (Google, Apache-2.0), one for each language. Knows nothing of languages.
"""

from __future__ import annotations

import json

_FEATURES = {  # of the cut before character i: the characters from i + first up to i + last
    "UW1": (-3, -2),
    "UW2": (-2, -1),
    "UW3": (-1, 0),
    "UW4": (0, 1),
    "UW5": (1, 2),
    "UW6": (2, 3),
    "BW1": (-2, 0),
    "BW2": (-1, 1),
    "BW3": (0, 2),
    "TW1": (-3, 0),
    "TW2": (-2, 1),
    "TW3": (-1, 2),
    "TW4": (0, 3),
}


class Phrases:
    """One table. Raises ValueError if *content* is not one."""

    def __init__(self, content: bytes) -> None:
        table = json.loads(content)
        if not isinstance(table, dict) or not all(isinstance(scores, dict) for scores in table.values()):
            raise ValueError("not a table of phrases")
        self._features = [(*_FEATURES[name], scores) for name, scores in table.items() if name in _FEATURES]
        self._threshold = 0.5 * sum(sum(scores.values()) for *_, scores in self._features)

    def split(self, text: str) -> list[str]:
        """*text* as phrases; none for no text."""
        found = [text[:1]] if text else []
        for place in range(1, len(text)):
            if self._score(text, place) > self._threshold:
                found.append("")
            found[-1] += text[place]
        return found

    def _score(self, text: str, place: int) -> int:
        score = 0
        for first, last, scores in self._features:
            if place + first >= 0 and place + last <= len(text):
                score += scores.get(text[place + first : place + last], 0)
        return score
