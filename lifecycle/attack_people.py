"""Whom an attack is tried on: recordings of the person, of the person but not learnt from, and of other people.

Knows directories and what a usable recording is; keeps waveforms in memory, and no file's name goes any further. One
sound counts once, and a sound that is said to be two people's, or learnt from and not, is refused: it would decide the
attack by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core_model.features import audio
from core_model.features.audio import SUFFIXES
from lifecycle.errors import AttackError, NotADirectoryOfRecordingsError, NotEnoughRecordingsError
from lifecycle.prompting import recordings_below
from lifecycle.recording_checks import SHORTEST_S, measure

RATE = 16_000
MOST_OF_ANOTHER = 10  # recordings of each other speaker; more would make the attack longer and little sharper
_LEAST_OTHERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """One recording: where it lies, what identifies its samples, and (N,) float32 at 16 kHz."""

    path: Path
    sha256: str
    waveform: npt.NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.waveform) / RATE


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Everybody whose recordings take part."""

    person: tuple[Sound, ...]
    held_out: tuple[Sound, ...]  # of the person; () where nobody named any
    others: tuple[tuple[Sound, ...], ...]  # one tuple a speaker; () where nobody named any
    left_out: int  # files that were no good


def gather(recordings: Path, held_out: Path | None, others: Path | None) -> People:
    """Read them all. RecordingsError, AttackError."""
    person, left_out = _sounds(recordings)
    if not person:
        raise NotEnoughRecordingsError(recordings, 0.0, SHORTEST_S, left_out)
    kept, kept_left_out = _sounds(held_out) if held_out else ((), 0)
    if held_out and not kept:
        raise NotEnoughRecordingsError(held_out, 0.0, SHORTEST_S, kept_left_out)
    speakers, others_left_out = _speakers(others) if others else ((), 0)
    known = {sound.sha256 for sound in person}
    if known & {sound.sha256 for sound in kept}:
        raise AttackError(
            "a recording is both among those that the voice learnt from and among those that it did not",
            "take it out of --recordings or of --held-out.",
        )
    known |= {sound.sha256 for sound in kept}
    if known & {sound.sha256 for speaker in speakers for sound in speaker}:
        raise AttackError("a recording of the person lies among those of the others", "take it out of --others.")
    return People(person, kept, speakers, left_out + kept_left_out + others_left_out)


def seconds(sounds: Sequence[Sound]) -> float:
    """Of all of them together."""
    return sum(sound.seconds for sound in sounds)


def _speakers(directory: Path) -> tuple[tuple[tuple[Sound, ...], ...], int]:
    """One speaker for each directory in *directory*."""
    if not directory.is_dir():
        raise NotADirectoryOfRecordingsError(directory)
    found = [_sounds(path, MOST_OF_ANOTHER) for path in sorted(directory.iterdir()) if _may_be_a_speaker(path)]
    speakers = tuple(sounds for sounds, _ in found if sounds)
    if len(speakers) < _LEAST_OTHERS:
        raise AttackError(
            f"{len(speakers) or 'no'} other speaker{'' if len(speakers) == 1 else 's'} can be heard in it; "
            f"{_LEAST_OTHERS} are the least",
            "--others names a directory with one directory of recordings for each speaker.",
        )
    return speakers, sum(left_out for _, left_out in found)


def _may_be_a_speaker(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES and path.is_file():
        raise AttackError(
            "a recording lies in the directory of the others itself, so whose it is cannot be told",
            "--others names a directory with one directory of recordings for each speaker.",
        )
    return path.is_dir() and not path.is_symlink() and not path.name.startswith(".")


def _sounds(directory: Path, most: int | None = None) -> tuple[tuple[Sound, ...], int]:
    """The good recordings below *directory*, each sound once, and how many were no good."""
    paths, left_out = recordings_below(directory)
    found: dict[str, Sound] = {}
    for path in paths:
        if most is not None and len(found) == most:
            break
        sha256 = measure(path).sha256
        if sha256 not in found:
            found[sha256] = Sound(path, sha256, audio.load(path, RATE).waveform)
    return tuple(found.values()), len(left_out)
