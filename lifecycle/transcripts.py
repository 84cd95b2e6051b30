"""What is said in each recording of a directory, from the three ways in which people write it down.

Knows nothing of audio and opens no recording; refuses to look outside the directory, also where a link or a list leads
there. The first of these that names a recording speaks for it, and a directory may mix them:

1. `x.txt` beside `x.wav`: the whole file is the transcript;
2. `*.list` in the directory, as GPT-SoVITS writes it: a line is `path|speaker|language|text`. Such paths often come
   from another machine: of one that does not lead into the directory, only the end is taken, its file name at least;
3. `metadata.csv` in the directory, as in LJSpeech: a line is `id|text` or `id|text|text with numbers in words`, and the
   last is taken. The id is a file name, with or without its suffix.

Where two lines of one kind name the same recording, the first counts (lists in the order of their names).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from core_model.features.audio import SUFFIXES

_MOST_BYTES = 64 << 20  # of one transcript or list; more is some other kind of file
_LANGUAGES = {"jp": "ja", "english": "en", "en-us": "en", "en-gb": "en"}  # other people's names for ours


@dataclass(frozen=True, slots=True)
class Transcript:
    """What one recording says, and who says so. The text is a person's words: no repr shows it, no log may."""

    text: str | None = field(repr=False)  # None: there is a transcript, but it is not UTF-8 text
    language: str
    source: str  # "txt", "list" or "metadata"


@dataclass(frozen=True, slots=True)
class Transcripts:
    """Every transcript of a directory, by recording, and what of the lists led nowhere."""

    by_recording: dict[Path, Transcript]
    astray: dict[str, tuple[str, ...]]  # by list: what its lines name that is no recording here, or could be several
    unreadable: tuple[str, ...]  # lists that are not UTF-8 text, or that lie outside the directory; sorted


def inside(path: Path, directory: Path) -> bool:
    """Whether *path*, all links followed, is an ordinary file below *directory* (which is resolved already)."""
    try:
        resolved = path.resolve(strict=True)
        return resolved.is_file() and resolved.is_relative_to(directory)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return False


def find(directory: Path, recordings: Sequence[Path], language: str) -> Transcripts:
    """The transcripts of *recordings*, all below *directory*; *language* where the transcript does not say one."""
    directory = directory.resolve()
    names = _Names(directory, recordings)
    found: dict[Path, Transcript] = {}
    astray: dict[str, tuple[str, ...]] = {}
    unreadable: list[str] = []
    for recording in recordings:
        beside = recording.with_suffix(".txt")
        if beside.exists():
            text = _read(beside, directory)
            found[recording] = Transcript(None if text is None else _joined(text), language, "txt")
    for path in [*sorted(directory.glob("*.list")), *directory.glob("metadata.csv")]:
        lines = _read(path, directory)
        if lines is None:
            unreadable.append(path.name)
        strangers: set[str] = set()
        for number, line in enumerate((lines or "").split("\n"), 1):
            named, transcript = _from_list(line) if path.suffix == ".list" else _from_metadata(line, language)
            if meant := names.find(named):
                found.setdefault(meant, transcript)
            elif named:
                strangers.add(named if _is_a_name(named, line) else f"line {number}")
        astray[path.name] = tuple(sorted(strangers))
    return Transcripts(found, astray, tuple(sorted(unreadable)))


class _Names:
    """Finds the recording that a line of a list means."""

    def __init__(self, directory: Path, recordings: Sequence[Path]) -> None:
        self._by_path = {_normal(path.relative_to(directory).as_posix()): path for path in recordings}
        self._by_name: dict[str, list[Path]] = {}
        for path in recordings:
            for name in {_normal(path.name), _normal(path.stem)}:
                self._by_name.setdefault(name, []).append(path)

    def find(self, named: str) -> Path | None:
        """The recording whose path below the directory *named* ends with, else the only one of that file name."""
        parts = PureWindowsPath(_normal(named)).parts  # splits at both kinds of slash
        for first in range(len(parts)):
            if recording := self._by_path.get("/".join(parts[first:])):
                return recording
        candidates = self._by_name.get(parts[-1], []) if parts else []
        return candidates[0] if len(candidates) == 1 else None


def _normal(name: str) -> str:
    """One spelling of accented letters: a Mac writes them in two characters, a list often in one."""
    return unicodedata.normalize("NFC", name)


def _is_a_name(named: str, line: str) -> bool:
    """Whether *named* may be shown as a file's name; else it may be what somebody said, in a list of another shape."""
    return "|" in line and (len(named.split()) == 1 or PureWindowsPath(named).suffix.lower() in SUFFIXES)


def _from_list(line: str) -> tuple[str, Transcript]:
    named, _, language, text = [*line.split("|", 3), "", "", ""][:4]  # a line cut short has an empty transcript
    code = language.strip().lower()
    return named.strip(), Transcript(_joined(text), _LANGUAGES.get(code, code), "list")


def _from_metadata(line: str, language: str) -> tuple[str, Transcript]:
    named, *texts = line.split("|")
    spoken = [text for text in map(_joined, texts[:2]) if text]
    return named.strip(), Transcript(spoken[-1] if spoken else "", language, "metadata")


def _read(path: Path, directory: Path) -> str | None:
    """The text of *path*; None if it is not UTF-8, is too long, or lies elsewhere."""
    try:
        if not inside(path, directory) or path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _joined(text: str) -> str:
    return " ".join(text.split())
