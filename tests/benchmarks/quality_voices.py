"""The two people whom the base has never heard, as recordings with words: some to adapt to, others to judge by.

Knows files and packages; nothing of networks. flite's slt: the sentences of examples/ for adaptation, and sentences of
WordNet that the recipe holds out, spoken when the bench runs. A real person, Allison Smith: the English prompts of
asterisk-core-sounds-en-g722 (CC-BY-SA 3.0), fetched from Debian into a work directory, for evaluation only: nothing of
them is in the repository, in a package or in a voice that is kept.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from core_model.nano import corpus
from tests.benchmarks import g722
from tests.benchmarks.prompt_speech import NoSpeechError, fetch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MOST_SECONDS = 60.0  # to adapt to
RATE = 16_000
_PACKAGE, _WORDS = "asterisk-core-sounds-en-g722", "asterisk-core-sounds-en"
_LEAST_WORDS, _MOST_WORDS = 3, 20
_LEAST_S, _MOST_S = 1.2, 8.0
_PLAIN = re.compile(r"[A-Za-z][A-Za-z' ,.;!?-]*")


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """One recording and its words."""

    name: str
    text: str
    waveform: np.ndarray  # float32 at 16 kHz

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.waveform) / RATE


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Whom a voice is made of, and what it is judged by."""

    name: str
    to_adapt: tuple[Said, ...]  # at most MOST_SECONDS
    held_out: tuple[Said, ...]  # of no sentence that is in to_adapt


def slt(work: Path, count: int) -> Person:
    """flite's slt with *count* held-out sentences. NoSpeechError where flite or WordNet is not installed."""
    if shutil.which("flite") is None or not (corpus.WORDNET / "data.noun").exists():
        raise NoSpeechError("flite or wordnet-base is not installed:  apt-get install flite wordnet-base")
    examples = [
        _recorded(path, path.with_suffix(".txt").read_text().strip()) for path in sorted(EXAMPLES.glob("*.flac"))
    ]
    texts = sorted(corpus.held_out(), key=_order)[:count]
    home = work / "slt"
    home.mkdir(parents=True, exist_ok=True)
    spoken = []
    for text in texts:
        path = home / f"{_order(text)[:16]}.wav"
        if not path.exists():
            unfinished = path.with_suffix(".unfinished.wav")
            subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(unfinished)], check=True)
            unfinished.replace(path)
        spoken.append(_recorded(path, text))
    return Person("slt", up_to(examples, MOST_SECONDS), tuple(spoken))


def allison(work: Path, count: int) -> Person:
    """The English prompts' speaker with *count* held-out prompts, or as many as there are. NoSpeechError."""
    texts = transcripts(fetch(work, _WORDS))
    sounds = next(fetch(work, _PACKAGE).rglob("en_US_f_Allison"))
    names = [name for name in sorted(texts, key=_order) if (sounds / f"{name}.g722").exists()]
    decoded = g722.decode([(sounds / f"{name}.g722").read_bytes() for name in names])
    prompts = [Said(name, texts[name], waveform) for name, waveform in zip(names, decoded, strict=True)]
    usable = [prompt for prompt in prompts if _LEAST_S <= prompt.seconds <= _MOST_S]
    to_adapt = up_to(usable, MOST_SECONDS)
    return Person("allison", to_adapt, tuple(unseen(usable, to_adapt))[:count])


def transcripts(directory: Path) -> dict[str, str]:
    """Prompts by name, where their words can be read without knowing how a number or a symbol is spoken."""
    (path,) = directory.rglob("core-sounds-en.txt.gz")
    found = {}
    for line in gzip.decompress(path.read_bytes()).decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        plain = " ".join(text.split())
        words = len(plain.split())
        if colon and not name.startswith(";") and _PLAIN.fullmatch(plain) and _LEAST_WORDS <= words <= _MOST_WORDS:
            found[name.strip()] = plain
    return found


def up_to(recordings: Iterable[Said], seconds: float) -> tuple[Said, ...]:
    """The first ones that are *seconds* long together, at most."""
    taken: list[Said] = []
    total = 0.0
    for recording in recordings:
        if total + recording.seconds <= seconds:
            taken.append(recording)
            total += recording.seconds
    return tuple(taken)


def unseen(recordings: Iterable[Said], seen: Iterable[Said]) -> list[Said]:
    """Those of *recordings* that share no sentence with *seen*, and whose words nobody before them has said."""
    known = {sentence for recording in seen for sentence in _sentences(recording.text)}
    kept = []
    for recording in recordings:
        said = _sentences(recording.text)
        if known.isdisjoint(said):
            kept.append(recording)
            known |= said
    return kept


def _sentences(text: str) -> set[str]:
    return {words for part in re.split(r"[.!?;]", text) if (words := " ".join(re.findall(r"[a-z']+", part.lower())))}


def _order(text: str) -> str:
    """What decides who comes first: nothing but the text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _recorded(path: Path, text: str) -> Said:
    waveform, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise NoSpeechError(f"{path.name} is of {rate} Hz, not of {RATE}")
    return Said(path.stem, text, waveform)
