"""Makes the splitter of mixed text from its data files. Knows their formats; text_data.py knows where they lie.

mixed.lid.176.ftz         fastText's classifier of 176 languages
mixed.phrases.ja.json     BudouX's table of Japanese phrases
mixed.phrases.zh.json     the same for Chinese in simplified characters
"""

from __future__ import annotations

import functools
from pathlib import Path

from core_model.errors import VoiceError
from core_model.text.language_detection import Detector
from core_model.text.phrases import Phrases
from core_model.text.script_runs import ScriptRuns
from core_model.text.text_data import TextData

PACKAGES: tuple[str, ...] = ()
_BUDOUX = "Apache-2.0 (BudouX 0.10.1, Google)"
FILES = {
    "mixed.lid.176.ftz": "CC-BY-SA-3.0 (fastText, Facebook)",
    "mixed.phrases.ja.json": _BUDOUX,
    "mixed.phrases.zh.json": _BUDOUX,
}
_DATA = Path(__file__).parent / "data"


def content(name: str) -> bytes:
    """One of FILES, as this installation has it."""
    return (_DATA / name).read_bytes()


def load(data: TextData) -> ScriptRuns:
    """The splitter. Raises VoiceError if a file of a voice is not what was written."""
    return _made(*(data.read(name) for name in sorted(FILES)))


@functools.lru_cache(maxsize=2)
def _made(model: bytes, japanese: bytes, chinese: bytes) -> ScriptRuns:
    try:
        return ScriptRuns(Detector(model), Phrases(japanese), Phrases(chinese))
    except ValueError as error:
        raise VoiceError("text/mixed.*", str(error)) from error
