"""Long text into pieces to be spoken one by one: sentences, and clauses of a sentence that is too long.

    >>> sentences("Dr. Smith paid $3.50. Why?", "en")
    ['Dr. Smith paid $3.50.', 'Why?']

A piece is at most LIMIT characters, where a character is a syllable LIMIT_WITHOUT_SPACES, except that a number is never
cut; every piece holds something that can be spoken; joined by spaces (English) they are the text with its white space
evened. Knows nothing of phonemes.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from core_model.errors import EmptyTextError, UnknownLanguageError
from core_model.text.english_abbreviations import stop_is_part

LIMIT = 200  # characters; some 15 s of speech, about the longest utterance a voice is trained on
LIMIT_WITHOUT_SPACES = 60  # the same where a character is a syllable
_LANGUAGES = ("en", "zh", "ja", "ko", "yue")

_PARAGRAPH = re.compile(r"\n\s*\n|[\r\f\v\x85\u2028\u2029]+")
_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]+")
_CLAUSE_ENDS = (  # the earlier in this list, the better the place to take breath; each matches up to the place
    re.compile(r"[;:][\"'”’)\]]*(?=\s)|\s?[—–](?=\D)|\s-(?=\s)"),
    re.compile(r",[\"'”’)\]]*(?=\s)"),
    re.compile(r"(?=\s(?:and|but|or|because|which|who|that|when|where|while|if|so|than)\s)"),
    re.compile(r"(?=\s)"),
)
_END_WITHOUT_SPACES = re.compile(r"(?:[!?…。！？]+|\.(?=\s|$))[\"'”’」』）)\]]*")
_CLAUSE_END_WITHOUT_SPACES = re.compile(r"[,;:，、；：—～~]+[\"'”’」』）)\]]*|\s")
_SPEAKABLE = re.compile(r"[A-Za-z0-9]")
_WORD = re.compile(r"[^\W_]")
_NUMBER = re.compile(r"\d[\d.,:/ ]*\d|\d")


def sentences(text: str, language: str) -> list[str]:
    """The pieces of *text*, in order, at least one.

    Raises UnknownLanguageError, or EmptyTextError if no piece could be spoken.
    """
    if language not in _LANGUAGES:
        raise UnknownLanguageError(language, _LANGUAGES)
    cut = _english if language == "en" else _without_spaces
    pieces = [piece for paragraph in _PARAGRAPH.split(text) for piece in cut(" ".join(paragraph.split()))]
    pieces = _join_unspeakable(pieces, _SPEAKABLE if language == "en" else _WORD)
    if not pieces:
        raise EmptyTextError("nothing in the text can be spoken")
    return pieces


def _english(paragraph: str) -> list[str]:
    return [piece for sentence in _cut_sentences(paragraph) for piece in _cut_clauses(sentence)]


def _without_spaces(paragraph: str) -> list[str]:
    """Sentences of a language that marks them by 。 and its like; one that is too long is cut at its last comma."""
    pieces = []
    for sentence in _cut_after(paragraph, _END_WITHOUT_SPACES):
        while len(sentence) > LIMIT_WITHOUT_SPACES:
            places = [end.end() for end in _CLAUSE_END_WITHOUT_SPACES.finditer(sentence, 0, LIMIT_WITHOUT_SPACES)]
            fitting = [place for place in places if place >= LIMIT_WITHOUT_SPACES // 4]
            number = next((n for n in _NUMBER.finditer(sentence) if n.start() < LIMIT_WITHOUT_SPACES < n.end()), None)
            place = max(fitting, default=LIMIT_WITHOUT_SPACES if number is None else number.end())
            pieces.append(sentence[:place].strip())
            sentence = sentence[place:].strip()
        pieces.append(sentence)
    return [piece for piece in pieces if piece]


def _cut_after(text: str, end: re.Pattern[str]) -> list[str]:
    starts = [0, *(match.end() for match in end.finditer(text)), len(text)]
    return [text[start:stop].strip() for start, stop in pairwise(starts)]


def _cut_sentences(text: str) -> list[str]:
    found, start = [], 0
    for end in _END.finditer(text):
        following = text[end.end() :].lstrip().split(" ", 1)[0]
        if end[0] == "." and stop_is_part(text[start : end.start()], following):
            continue
        if following[:1].islower() and (len(end[0]) > 1):  # "Yes." he said; well... no
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [piece for piece in (*found, text[start:].strip()) if piece]


def _cut_clauses(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > LIMIT:
        place = _best_place(sentence)
        if place is None:
            break
        pieces.append(sentence[:place].strip())
        sentence = sentence[place:].strip()
    return [*pieces, sentence]


def _best_place(sentence: str) -> int | None:
    """Where to cut the first piece off; None where only a number could be cut."""
    inside = {place for number in _NUMBER.finditer(sentence) for place in range(number.start() + 1, number.end())}
    for clause_end in _CLAUSE_ENDS:
        places = [end.end() for end in clause_end.finditer(sentence, 0, LIMIT + 1)]
        fitting = [place for place in places if LIMIT // 4 <= place <= LIMIT and place not in inside]
        if fitting:
            return max(fitting)
    # One word or number longer than all that: let a word break where it must, a number never.
    return next((place for place in range(LIMIT, len(sentence)) if place not in inside), None)


def _join_unspeakable(pieces: list[str], speakable: re.Pattern[str]) -> list[str]:
    """Join a piece of punctuation alone to the one before it, or to the first if it stands in front."""
    joined: list[str] = []
    waiting = ""
    for piece in pieces:
        whole = f"{waiting} {piece}".strip()
        if speakable.search(unicodedata.normalize("NFKD", piece)):
            joined.append(whole)
            waiting = ""
        elif joined:
            joined[-1] += f" {piece}"
        else:
            waiting = whole
    return joined
