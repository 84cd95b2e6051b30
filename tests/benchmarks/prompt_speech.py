"""Seven real people's telephone prompts as speaker vectors: fetched from Debian when asked, kept in a work directory.

For evaluation only: nothing of it is in the repository, in a package or in a voice. `apt-get download` and `dpkg-deb
--extract` put the packages under the work directory; nothing is installed, and root is not needed. There are wideband
G.722 packages (four people) and older ones of 8 kHz (three). So that the line does not tell who speaks, all of it goes
through 8 kHz. A fifth G.722 package, es, is the en speaker in another language, and stays out.

Vectors are Resemblyzer's (256 values, non-negative, norm 1), one a prompt.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch

from tests.benchmarks import g722

Floats = npt.NDArray[np.float64]
RATE = 16000
NARROW = 8000
LEAST_SECONDS = 1.0  # of a prompt, and of the voice in it
MOST_SECONDS = 4.0
MOST_PROMPTS = 215  # of a person

# Label, package, ending of its files. People are called by language, and by package where a language has two.
PEOPLE = (
    ("en", "asterisk-core-sounds-en-g722", "g722"),
    ("es-co", "asterisk-prompt-es-co", "gsm"),
    ("fr", "asterisk-core-sounds-fr-g722", "g722"),
    ("fr-armelle", "asterisk-prompt-fr-armelle", "gsm"),
    ("it", "asterisk-core-sounds-it-g722", "g722"),
    ("it-menardi", "asterisk-prompt-it-menardi-alaw", "alaw"),
    ("ru", "asterisk-core-sounds-ru-g722", "g722"),
)
_BYTES_PER_SECOND = {"g722": 8000, "alaw": 8000, "gsm": 1650}
_NOT_SPEECH = ("beep", "silence", "tone", "pips", "ascending", "descending")


class NoSpeechError(Exception):
    """The prompts cannot be had here; the message is a sentence for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person's prompts."""

    label: str
    vectors: Floats  # (prompts, 256), norm 1
    seconds: Floats  # (prompts,) of voice behind each


def people(work: Path, most: int = MOST_PROMPTS) -> list[Person]:
    """The seven people, with *most* prompts each; from *work* what is there already. NoSpeechError."""
    work.mkdir(parents=True, exist_ok=True)
    for _, package, _ in PEOPLE:
        fetch(work, package)  # first of all, so that nobody waits for minutes to be told that it cannot be had
    return [person(work, label, package, ending, most) for label, package, ending in PEOPLE]


def person(work: Path, label: str, package: str, ending: str, most: int) -> Person:
    """One of them."""
    kept = work / f"{package}-{most}.npz"
    if not kept.exists():
        vectors, seconds = _embedded(_prompts(fetch(work, package), ending, most))
        unfinished = work / f"{package}-{most}.unfinished.npz"
        np.savez(unfinished, allow_pickle=False, vectors=vectors, seconds=seconds)
        unfinished.replace(kept)
    with np.load(kept, allow_pickle=False) as found:
        return Person(label, found["vectors"], found["seconds"])


def beginnings(work: Path, seconds: float, most: int) -> list[npt.NDArray[np.float32]]:
    """The first *seconds* of up to *most* prompts of each person, at 16 kHz, person by person. NoSpeechError."""
    cut = (_prompts(fetch(work, package), ending, most, seconds) for _, package, ending in PEOPLE)
    return [sound for person in cut for sound in person if len(sound) >= seconds * RATE - 1]


def fetch(work: Path, package: str) -> Path:
    """The directory with the files of *package*, fetched if it is not there. NoSpeechError."""
    place = work / package
    if place.exists():
        return place
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise NoSpeechError(f"there is no {program} here: the prompts come as packages of Debian or Ubuntu")
    unfinished = work / f"{package}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    quiet = {"cwd": unfinished, "capture_output": True, "text": True, "check": False, "timeout": 600}
    done = subprocess.run(["apt-get", "download", "--quiet", package], **quiet)  # type: ignore[call-overload]
    archives = list(unfinished.glob("*.deb"))
    if done.returncode or len(archives) != 1:
        raise NoSpeechError(f"{package} cannot be fetched: offline, or `apt-get update` was never run, or no Debian")
    extract = ["dpkg-deb", "--extract", str(archives[0]), "files"]
    if subprocess.run(extract, **quiet).returncode:  # type: ignore[call-overload]
        raise NoSpeechError(f"{package} came damaged; run it again")
    archives[0].unlink()
    os.rename(unfinished, place)  # noqa: PTH104
    return place


def _prompts(directory: Path, ending: str, most: int, seconds: float = MOST_SECONDS) -> list[npt.NDArray[np.float32]]:
    """Up to *most* prompts at 16 kHz: long enough, cut at *seconds*, in an order that only their names decide."""
    bytes_per_second = _BYTES_PER_SECOND[ending]
    paths = [
        path
        for path in directory.rglob(f"*.{ending}")
        if path.stat().st_size >= LEAST_SECONDS * bytes_per_second
        and not any(word in f"{path.parent.name}/{path.stem}" for word in _NOT_SPEECH)
    ]
    paths.sort(key=lambda path: hashlib.sha256(path.stem.encode()).digest())
    paths = paths[:most]
    if ending == "g722":
        wide = g722.decode([path.read_bytes()[: int(seconds * bytes_per_second)] for path in paths])
        narrow = [soxr.resample(sound, g722.RATE, NARROW) for sound in wide]
    else:
        subtype = {"gsm": "GSM610", "alaw": "ALAW"}[ending]
        raw = {"format": "RAW", "subtype": subtype, "samplerate": NARROW, "channels": 1, "dtype": "float32"}
        narrow = [soundfile.read(path, **raw)[0][: int(seconds * NARROW)] for path in paths]
    return [soxr.resample(sound, NARROW, RATE).astype(np.float32) for sound in narrow]


def _embedded(sounds: list[npt.NDArray[np.float32]]) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():  # it imports a name that scipy has moved
        warnings.simplefilter("ignore")
        from resemblyzer import VoiceEncoder, preprocess_wav
    encoder = VoiceEncoder("cpu", verbose=False)
    vectors, seconds = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network takes minutes with two, where anybody else works
    for sound in sounds:
        voice = preprocess_wav(sound)
        if len(voice) >= LEAST_SECONDS * RATE:
            vectors.append(np.asarray(encoder.embed_utterance(voice), dtype=np.float64))
            seconds.append(len(voice) / RATE)
    torch.set_num_threads(threads)
    rows = np.array(vectors)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), np.array(seconds)
