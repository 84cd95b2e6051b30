"""English text as a person would read it aloud: the plain reading, made before upstream's normalisation.

GPT-SoVITS drops `;`, reads "Dr." as drive and "THE END" letter by letter; this writes the text so that what follows
cannot go wrong. Composes its siblings, one per kind of thing; the order matters (a date before a number, a number
before the capitals beside it). Text in, text out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from core_model.text.english_abbreviations import expand
from core_model.text.english_amounts import spell_amounts
from core_model.text.english_capitals import spell_capitals
from core_model.text.english_dates import spell_dates
from core_model.text.english_roman import spell_roman

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "o",
        "Ø": "O",
        "ð": "th",
        "þ": "th",
        "ł": "l",
        "Ł": "L",
    }
    | {"đ": "d", "ı": "i", "’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
    | {
        "™": "",
        "®": "",
        "©": "",
        "−": "-",
        "‐": "-",
        "‑": "-",
        "‒": "–",
        "―": "—",
        "。": ". ",
        "、": ", ",
        "⁄": "/",
        "×": " times ",
        "÷": " divided by ",
    }
)
_SIGNS = (  # what is still a sign when numbers, dates and addresses are done
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s)", "with"),
    (r"/(?=(?:second|minute|hour|day|night|week|month|year|person|piece)\b)", " per "),
    (r"#(?=[A-Za-z])", ""),
    (r"#(?=\d)", "number "),
    (r"(?<=\w)@(?=\w)|(?<=\s)@(?=\s)", " at "),
    (r"@", " "),
    (r"±", " plus or minus "),
    (r"\+", " plus "),
    (r"=", " equals "),
    (r"(?<=\d)\s-\s(?=\d)", " minus "),
    (r"(?<=[A-Za-z])/(?=[A-Za-z])", " "),
    (r"(?<=[\w\s])\s<\s", " less than "),
    (r"(?<=[\w\s])\s>\s", " greater than "),
    (r"[<>{}*_~^|\\/\"]", " "),
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s,;!?\"')]*[\w/]", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?<![\w.@/])[A-Za-z0-9-]+(?:\.[a-z0-9-]+)*"
    r"\.(?:com|org|net|edu|gov|io|dev|ai|co|uk|de|fr|ch|txt|py|md|pdf|html)(?![\w-]|\.\w)"
)
_ADDRESS_SIGNS = {
    ".": " dot ",
    "@": " at ",
    "/": " slash ",
    "-": " dash ",
    "_": " underscore ",
    ":": " colon ",
    "+": " plus ",
}


def read_aloud(text: str, known: Container[str]) -> str:
    """*text* with everything that is no word written as words; *known* holds the dictionary's words."""
    text = _even(text)
    text = _ADDRESS.sub(_address, text)
    text = _DOMAIN.sub(_address, text)
    text = re.sub(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b", lambda found: " ".join((*found[1], "and", *found[2])), text)  # AT&T
    text = re.sub(r"\s*&(?:amp;)?\s*", " and ", text)
    text = expand(spell_dates(text))
    text = re.sub(r"(?:#|№\s?|\b[Nn]o\.\s)(?=\d)", "number ", text)
    text = re.sub(r"(\d)\s?\+\s?(?=\d)", r"\1 plus ", text)
    text = re.sub(r"(\d)\s-\s(?=\d)", r"\1 minus ", text)
    text = spell_amounts(spell_roman(text))
    for pattern, said in _SIGNS:
        text = re.sub(pattern, said, text)
    text = spell_capitals(text, known)
    return _pauses(text)


def _even(text: str) -> str:
    """One kind of each quotation mark, letter and space; superscripts and built-up fractions written out."""
    text = re.sub(r"(?<=\d)(?=[½¼¾⅓⅔⅛⅜⅝⅞])", " ", text)
    text = re.sub(r"(?<![A-Za-z0-9])[²³]", lambda found: "23"["²³".index(found[0])], text)
    text = "".join(mark if mark in "²³°¢" else unicodedata.normalize("NFKC", mark) for mark in text)
    text = text.translate(_LETTERS)
    return " ".join(text.split())


def _address(found: re.Match[str]) -> str:
    text = re.sub(r"^https?://", "", found[0], flags=re.IGNORECASE).rstrip("/")
    text = re.sub(r"^www\.", "W W W.", text, flags=re.IGNORECASE)
    return "".join(_ADDRESS_SIGNS.get(mark, mark if mark.isalnum() or mark == " " else " ") for mark in text)


def _pauses(text: str) -> str:
    """Marks that upstream would lose as the commas and stops it knows; apostrophes only inside words."""
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", " ", text)
    text = " ".join(text.split())
    text = re.sub(r"(?<=[A-Za-z])²", " squared", text)
    text = re.sub(r"(?<=[A-Za-z])³", " cubed", text)
    text = re.sub(r"\s*(?:--+|[–—]|\s-+\s)\s*", ", ", text)
    text = re.sub(r"[;:()\[\]]", ",", text)
    text = re.sub(r"\s*,(?:\s*,)*\s*", ", ", text)
    text = re.sub(r",\s*(?=[.!?])", "", text)
    text = re.sub(r"(?<=[.!?])\s*,", "", text)
    text = re.sub(r"\s+(?=[.!?])", "", text)
    return " ".join(text.split()).lstrip(", ")
