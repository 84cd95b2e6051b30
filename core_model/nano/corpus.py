"""What the base is taught with: engines' speech in rounds, and its utterances as examples.

Knows directories, engines and the front end; nothing of networks or schedules. Speech is made in rounds, each of which
lets every speaker say a few minutes more, so that whoever has little time hears all speakers for a shorter while. Every
speaker of a round is a directory that is whole or not there; corpus.json, written last, says how many rounds there are.
"""

from __future__ import annotations

import ctypes.util
import difflib
import itertools
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from core_model.alignment_codes import SILENCE, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic
from core_model.nano import speech
from core_model.nano.dims import CODES
from core_model.text.front_end import FrontEnd
from core_model.training.dataset import Dataset, Example, make_example, semitones

WORDNET = Path("/usr/share/wordnet")
HELD_OUT_SENTENCES = 300  # never spoken by any speaker of the base
ROUNDS = 4
MINUTES = {"flite": 3.0, "festival": 2.5, "espeak": 0.6}  # per speaker and round
_SENTENCES = 400  # a round's: more than are spoken in its minutes
_LEAST_TOKENS, _MOST_TOKENS = 20, 160  # utterances of 0.8 to 6.4 s

Spoken = tuple[np.ndarray, str, list[str], list[float]]  # waveform, text, phones, their ends in seconds
Map = Callable[..., Iterable[Any]]  # the built-in one, or that of a pool of processes


def missing_sources(wordnet: Path = WORDNET) -> list[str]:
    """What Debian packages are needed and not here: `apt-get install` takes the names as they are."""
    voices = Path("/usr/share/festival/voices/english")
    needed = {
        "flite": shutil.which("flite"),
        "festival": shutil.which("festival"),
        "festvox-kallpc16k": (voices / "kal_diphone").exists(),
        "festvox-kdlpc16k": (voices / "ked_diphone").exists(),
        "libespeak-ng1": ctypes.util.find_library("espeak-ng"),
        "wordnet-base": (wordnet / "data.noun").exists(),
    }
    return [package for package, found in needed.items() if not found]


def held_out(wordnet: Path = WORDNET) -> list[str]:
    """Sentences that no speaker of the base has said."""
    return speech.sentences(wordnet)[-HELD_OUT_SENTENCES:]


@contextmanager
def workers(count: int) -> Iterator[Map]:
    """A map over *count* processes, in order; over none but this one where *count* is 1.

    Processes, because espeak-ng is one engine for each; started afresh, because torch's threads do not survive a fork.
    """
    if count == 1:
        yield map
        return
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def make_speech(work: Path, enough: Callable[[], bool], mapped: Map = map) -> int:
    """Rounds of speech under *work*, until there are ROUNDS or *enough* says so; how many there are then."""
    done = work / "speech" / "corpus.json"
    if done.exists():
        return int(json.loads(done.read_text(encoding="utf-8"))["rounds"])
    texts = speech.sentences(WORDNET)
    rounds = 0
    while rounds < ROUNDS and not (rounds and enough()):
        list(mapped(partial(_speak, work, texts, rounds), range(len(speech.SPEAKERS))))
        rounds += 1
    _write_whole(done, json.dumps({"rounds": rounds}))
    return rounds


def _speak(work: Path, texts: Sequence[str], number: int, index: int) -> None:
    """Every speaker reads its own shuffle of the sentences, a part of it in each round."""
    speaker = speech.SPEAKERS[index]
    order = np.random.Generator(np.random.Philox(key=[7, index])).permutation(len(texts) - HELD_OUT_SENTENCES)
    part = order[number * _SENTENCES : (number + 1) * _SENTENCES]
    home = work / "speech" / f"{number:02d}"
    speech.generate(home, speaker, [texts[k] for k in part], MINUTES[speaker.engine] * 60)


def utterances(work: Path, index: int) -> list[Spoken]:
    """Of one speaker, all rounds."""
    found = []
    for directory in sorted((work / "speech").glob(f"*/{speech.SPEAKERS[index].name}")):
        for line in (directory / "segments.jsonl").read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            waveform, _ = soundfile.read(directory / entry["file"], dtype="float32")
            phones = [phone for phone, _ in entry["phones"]]
            found.append((acoustic.level(waveform), entry["text"], phones, [end for _, end in entry["phones"]]))
    return found


def make_dataset(work: Path, mapped: Map = map) -> Dataset:
    """All speakers' utterances as examples, in one file under *work*."""
    path = work / "dataset.safetensors"
    if path.exists():
        return Dataset.load(path)
    found = mapped(partial(examples_of, work), range(len(speech.SPEAKERS)))
    dataset = Dataset(list(itertools.chain.from_iterable(found)))
    dataset.save(path)
    return dataset


def examples_of(work: Path, index: int) -> list[Example]:
    """One speaker's examples, with pitch around the speaker's own median."""
    said = utterances(work, index)
    pitches = [semitones(waveform) for waveform, *_ in said]
    if not said or np.isnan(np.concatenate(pitches)).all():
        return []
    front_end = FrontEnd()
    median = float(np.nanmedian(np.concatenate(pitches)))
    examples = []
    for waveform, text, phones, ends in said:
        symbols = symbols_with_stress(phones, front_end.phonemize(text, "en").symbols)
        if phones[0] != SILENCE:
            symbols, ends = [SILENCE, *symbols], [0.04, *ends]
        if phones[-1] != SILENCE:
            symbols, ends = [*symbols, "."], [*ends, len(waveform) / acoustic.SAMPLE_RATE]
        try:
            example = make_example(index, waveform, symbols, ends, median, CODES)
        except AlignmentError:
            continue
        if _LEAST_TOKENS <= len(example.tokens) <= _MOST_TOKENS:
            examples.append(example)
    return examples


def symbols_with_stress(phones: Sequence[str], written: Sequence[str]) -> list[str]:
    """An engine's *phones* as phonemes, with stress and marks from the front end's *written* phonemes where both agree.

    Where they do not, the engine is right about what was spoken, and a vowel takes the stress that it has most often.
    """
    spoken = [
        f"{phone}0" if phone in {"AH", "ER"} else f"{phone}1" if phone[0] in "AEIOU" else phone for phone in phones
    ]
    bare = [phone_of(symbol) for symbol in written]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, list(phones), bare, autojunk=False).get_opcodes():
        if tag == "equal":
            spoken[a:b] = written[c:d]
        elif tag == "replace" and b - a == d - c:
            for index in range(b - a):
                if spoken[a + index][-1].isdigit() and written[c + index][-1].isdigit():
                    spoken[a + index] = spoken[a + index][:-1] + written[c + index][-1]
    return spoken


def _write_whole(path: Path, text: str) -> None:
    """*text* at *path*, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_name(path.name + ".partial")
    with partial_path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial_path.replace(path)
