"""The analyser of Japanese: Open JTalk, compiled, with the dictionary that the package pyopenjtalk-plus carries.

Knows how the package is called. A voice carries nothing for Japanese: the dictionary is 100 MB, and the analyser that
reads it is compiled anyway; the voice's index records the package's version instead.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core_model.errors import RuntimeMissingError

FILES: Mapping[str, str] = {}  # in a voice's text/: name -> licence
PACKAGES = ("pyopenjtalk-plus",)

Analyse = Callable[[str], Sequence[str]]  # a run of readable characters -> its full-context labels, () if silent


def content(name: str) -> bytes:
    """The content of one of FILES, which are none."""
    raise KeyError(name)


@functools.lru_cache(maxsize=1)
def load_analyser() -> Analyse:
    """The package's analyser. Raises RuntimeMissingError if it is not installed.

    What the package adds to Open JTalk by default is left out: upstream's voices never heard it.
    """
    os.environ.setdefault(
        "ORT_DISABLE_TELEMETRY", "1"
    )  # the package imports ONNX Runtime, which reports home by default
    try:
        import pyopenjtalk
        from pyopenjtalk.openjtalk import OpenJTalk
    except ImportError as error:
        raise RuntimeMissingError(
            f"reading Japanese needs the package {PACKAGES[0]} (pip install {PACKAGES[0]}): {error}"
        ) from error
    dictionary = str(Path(pyopenjtalk.__file__).with_name("dictionary"))
    engine: Any = OpenJTalk(dn_mecab=dictionary.encode())  # its own one, whatever OPEN_JTALK_DICT_DIR may say

    def analyse(run: str) -> Sequence[str]:
        words = pyopenjtalk.run_frontend(run, use_vanilla=True, jtalk=engine)
        if not any(word["mora_size"] for word in words):
            return ()  # nothing sounds; asked for labels, the engine would only complain on stderr
        return pyopenjtalk.make_label(words, jtalk=engine)

    return analyse
