"""From a directory of recordings to the ones that a voice can be learnt from, and to why the others cannot.

Knows nothing of networks, features or training, and needs no torch. Opens wav, flac, ogg and mp3 files below the
directory (hidden ones aside), never a file outside it, also where a link leads there. What a good recording is, says
`lifecycle.recording_checks`; where its words come from, `lifecycle.transcripts`. The same directory gives the same
survey, in the order of the file names.

    found = survey(Path("recordings"), front_end_languages=("en",))
    for row in table(found): ...                 # file names, figures, reasons; never a transcript
    require_enough(found)                        # NotEnoughRecordingsError

Each file is left out for the first of these that holds: `outside` · `unreadable` · `too_short` · `too_long` ·
`silent` · `clipped` · `noisy` · `no_transcript` · `transcript_unreadable` · `transcript_empty` · `unknown_language` ·
`duplicate` (the very samples of an earlier one that is used). A line of a list that names no recording here, or might
name several, is `missing` (one row for all, if a list has many); a list that cannot be read is `list_unreadable`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core_model.errors import AudioError, UnknownLanguageError
from core_model.features.audio import SUFFIXES
from lifecycle.errors import NotADirectoryOfRecordingsError, NotEnoughRecordingsError
from lifecycle.printable import printable
from lifecycle.recording_checks import measure, why_not_the_sound, why_not_the_words
from lifecycle.transcripts import Transcript, Transcripts, find, inside

LEAST_TOTAL_S = 20.0
_MANY = 20  # lines of one list that name no recording here: a part of a big data set, and one row says so


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording that is good enough, with its words. The words are a person's: no repr shows them, no log may."""

    path: Path  # absolute
    text: str = field(repr=False)
    language: str
    duration_s: float
    sample_rate: int  # Hz, as in the file
    channels: int
    signal_to_noise_db: float
    sha256: str  # of its samples: the same sound, whatever the file is called
    source: str  # where its words come from: "txt", "list" or "metadata"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One file, or line of a list, that is not used."""

    path: Path  # below the directory; as the list has it where the line names no recording
    reason: str  # a code from this module's docstring
    figure: float | None  # what was measured: s, dB, or the share of the samples in %
    sentence: str
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a directory holds: every recording is in one of the two."""

    directory: Path
    used: tuple[Recording, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def total_s(self) -> float:
        """Seconds of recordings that are used."""
        return sum(recording.duration_s for recording in self.used)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that a person sees."""

    file: str
    used: bool
    duration_s: float | None
    signal_to_noise_db: float | None
    reason: str  # empty if used
    sentence: str  # empty if used


def survey(
    directory: Path,
    *,
    front_end_languages: Sequence[str],
    language: str = "en",
    progress: Callable[[int, int, str], None] | None = None,
) -> Survey:
    """Look at every recording below *directory*; *language* is that of transcripts which do not name theirs.

    *progress* is told (done, of how many, file name). NotADirectoryOfRecordingsError; UnknownLanguageError if
    *language* is none of *front_end_languages*. Too little sound is no error here: see `require_enough`.
    """
    if language not in front_end_languages:
        raise UnknownLanguageError(language, tuple(front_end_languages))
    if not directory.is_dir():
        raise NotADirectoryOfRecordingsError(directory)
    directory = directory.resolve()
    paths = sorted(sound_files(directory), key=lambda path: path.relative_to(directory).as_posix())
    transcripts = find(directory, paths, language)
    used: list[Recording] = []
    left_out = list(_what_lists_say_in_vain(transcripts))
    earlier: dict[str, Path] = {}
    for done, path in enumerate(paths):
        match _judge(path, directory, transcripts.by_recording.get(path), front_end_languages, earlier):
            case Recording() as recording:
                used.append(recording)
                earlier[recording.sha256] = path.relative_to(directory)
            case why_not:
                left_out.append(why_not)
        if progress:
            progress(done + 1, len(paths), path.name)
    return Survey(directory, tuple(used), tuple(sorted(left_out, key=lambda item: (item.path.as_posix(), item.reason))))


def require_enough(survey: Survey, least_s: float = LEAST_TOTAL_S) -> None:
    """NotEnoughRecordingsError if *survey* found less than *least_s* seconds to learn from."""
    if survey.total_s < least_s:
        raise NotEnoughRecordingsError(survey.directory, survey.total_s, least_s, len(survey.left_out))


def table(survey: Survey) -> tuple[Row, ...]:
    """What to show of *survey*, by file name: nothing that anybody said."""
    rows = []
    for used in survey.used:
        file = printable(used.path.relative_to(survey.directory).as_posix())
        rows.append(Row(file, True, used.duration_s, used.signal_to_noise_db, "", ""))
    for item in survey.left_out:
        rows.append(Row(printable(item.path.as_posix()), False, item.duration_s, None, item.reason, item.sentence))
    return tuple(sorted(rows, key=lambda row: (row.file, row.reason)))


def sound_files(directory: Path) -> Iterator[Path]:
    """Every file below *directory* that is called like a sound; links among them may lead elsewhere (`inside`)."""
    for root, directories, files in os.walk(directory):  # os.walk does not follow links to directories
        directories[:] = [name for name in directories if not name.startswith(".")]
        yield from (Path(root, name) for name in files if not name.startswith(".") and name.lower().endswith(SUFFIXES))


def _what_lists_say_in_vain(transcripts: Transcripts) -> Iterator[LeftOut]:
    for name in transcripts.unreadable:
        yield LeftOut(Path(name), "list_unreadable", None, "it is not UTF-8 text of this directory")
    for name, astray in transcripts.astray.items():
        if len(astray) > _MANY:
            sentence = f"{len(astray)} of its lines name recordings that are not here"
            yield LeftOut(Path(name), "missing", float(len(astray)), sentence)
        else:
            yield from (LeftOut(Path(line), "missing", None, f"{name} names it, but it is not here") for line in astray)


def _judge(
    path: Path, directory: Path, transcript: Transcript | None, languages: Sequence[str], earlier: dict[str, Path]
) -> Recording | LeftOut:
    relative = path.relative_to(directory)
    if not inside(path, directory):
        return LeftOut(relative, "outside", None, "it is a link that leads out of the directory, or no ordinary file")
    try:
        measured = measure(path)
    except AudioError as error:
        return LeftOut(relative, "unreadable", None, printable(str(error)))
    why_not = why_not_the_sound(measured) or why_not_the_words(transcript, languages)
    if not why_not and measured.sha256 in earlier:
        why_not = "duplicate", None, f"it holds the same sound as {printable(earlier[measured.sha256].as_posix())}"
    if why_not or not transcript or transcript.text is None:  # the latter two are reasons, which only mypy cannot know
        return LeftOut(relative, *(why_not or ("no_transcript", None, "")), measured.duration_s)
    return Recording(
        path=path,
        text=transcript.text,
        language=transcript.language,
        duration_s=measured.duration_s,
        sample_rate=measured.sample_rate,
        channels=measured.channels,
        signal_to_noise_db=measured.signal_to_noise_db,
        sha256=measured.sha256,
        source=transcript.source,
    )
