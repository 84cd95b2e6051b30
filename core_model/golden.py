"""Golden outputs: what a voice said, step by step, on the day it was made, and how far a runtime is from that today.

Torch-free; whatever keeps `core_model.speaking.Runtime` can be recorded or compared. Holds no audio of a person: the
waveforms are the voice's own, of public sentences, and of the recordings only the 58 numbers of `speaker_statistics`.
Everything random is stored as an array, because seeds do not carry across the years (DESIGN §5, §8).

    golden/golden.json          sentences, tolerances and how they were found, identity, machine, date
    golden/golden.safetensors   for each sentence i:
        i.phonemes (P,)         text -> phonemes
        i.tokens   (T,)         the path along which logits were recorded, sampled as speech is; opening included
        i.logits   (T - opening + 1, V)   raw, after each token of the path; best tokens and margins follow from them
        i.noise (1, latent, F), i.waveform (N,)      tokens + style of the prompt + noise -> waveform
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from core_model.errors import GoldenError
from core_model.features.speaker_statistics import LENGTH, distance, speaker_statistics
from core_model.speaking import (
    Runtime,
    SpeakingOptions,
    begin,
    decoder_noise,
    opening_tokens,
    sample_tokens,
    sentence_seed,
    usual_sampling,
)
from core_model.text.front_end import FrontEnd
from core_model.utterances import Utterance, front_end_of, utterances
from core_model.voice import Array, Floats, Integers, Voice, json_bytes

SCHEMA = 1
TEXTS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "The morning train left four minutes late, and nobody minded.",
        "On 3 May 2021, Dr. Lee paid $4.50 for a cup of tea.",
        "Why would a quiet brown fox jump over my lazy dog again?",
    )
}

_RECORD, _ARRAYS = "golden.json", "golden.safetensors"
_SENTENCE_ARRAYS = {
    "phonemes": np.int64,
    "tokens": np.int64,
    "logits": np.float32,
    "noise": np.float32,
    "waveform": np.float32,
}
_LONGEST_TOKENS = 150  # six seconds: a voice that never stops must not fill the disk with logits
_CLEARLY_FARTHER = 1.25  # the nearest stock voice must be this many times as far as the voice itself,
_CLEARLY_FARTHER_BY = 1.0  # and this much farther: as far as one speaker wanders


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far today's outputs may be from the recorded ones."""

    logits: float = 1e-3  # largest difference of any raw logit
    waveform: float = 5e-5  # largest difference of any sample, as a share of the recorded peak
    waveform_db: float = 40.0  # least signal-to-noise ratio
    found: str = (
        "defaults, forty times what was measured on 2026-11-21 between torch 2.13 and ONNX Runtime 1.31 (AVX-512) at "
        "upstream's sizes: logits 2.5e-5 (24 layers of 512, logits spread by 9), samples 1.2e-6 of the peak (v2)"
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose voice it is, in 58 numbers, and how far off is too far. No threshold: the layer cannot be run."""

    reference: str  # 'recordings': statistics of the person's recordings; 'speech': of the voice's own golden speech
    statistics: tuple[float, ...]
    own_distance: float  # of the golden speech from the reference
    nearest_stock: float | None  # of the nearest stock voice; None: there was none to compare with
    stock_voices: int

    @property
    def threshold(self) -> float | None:
        """Midway between the voice and the nearest stock voice, where the two can be told apart."""
        stock = self.nearest_stock
        if stock is None or stock < self.own_distance + max(
            _CLEARLY_FARTHER_BY, (_CLEARLY_FARTHER - 1) * self.own_distance
        ):
            return None
        return (self.own_distance + stock) / 2


@dataclass(frozen=True, slots=True, eq=False)
class GoldenSentence:
    """One sentence, step by step; shapes at the top of this file."""

    text: str
    language: str
    phonemes: Integers
    tokens: Integers
    logits: Floats
    noise: Floats
    waveform: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """All that was recorded."""

    made: str  # ISO 8601, UTC
    runtime: str
    machine: Mapping[str, str]
    noise_scale: float
    tolerances: Tolerances
    identity: Identity
    sentences: tuple[GoldenSentence, ...]

    @classmethod
    def read(cls, directory: Path) -> Golden:
        """Read golden/; GoldenError if it is missing or broken."""
        try:
            record = json.loads((directory / _RECORD).read_bytes())
            arrays = load_file(directory / _ARRAYS)
            return _parse(record, arrays)
        except FileNotFoundError as error:
            raise GoldenError(f"the voice has no golden outputs ({error.filename})") from error
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise GoldenError(f"the golden outputs cannot be read: {error!r}") from error

    def write(self, directory: Path) -> None:
        """Write golden/ into a voice that is being made."""
        record = {
            "schema": SCHEMA,
            "made": self.made,
            "runtime": self.runtime,
            "machine": dict(self.machine),
            "noise_scale": self.noise_scale,
            "tolerances": asdict(self.tolerances),
            "identity": asdict(self.identity) | {"threshold": self.identity.threshold},
            "sentences": [{"text": sentence.text, "language": sentence.language} for sentence in self.sentences],
        }
        arrays: dict[str, Array] = {}
        for index, sentence in enumerate(self.sentences):
            for name in _SENTENCE_ARRAYS:
                arrays[f"{index}.{name}"] = np.ascontiguousarray(getattr(sentence, name))
        directory.mkdir(exist_ok=True)
        (directory / _RECORD).write_bytes(json_bytes(record))
        (directory / _ARRAYS).write_bytes(save(arrays))


def record_golden(
    voice: Voice,
    runtime: Runtime,
    *,
    now: datetime,
    machine: Mapping[str, str],
    recordings: Floats | None = None,
    texts: Sequence[str] | None = None,
) -> Golden:
    """Speak *texts* (public sentences by default) and write golden/ into *voice*; on one thread, please.

    *recordings* are the `speaker_statistics` of the person's recordings; without them the golden speech itself is the
    reference. *machine* as `core_model.machine.describe` gives it. The identity is not yet judged against stock voices:
    let the base's own speakers say the same (`decode_sentences` with their styles), then `judge`.
    """
    language = voice.description.languages[0]
    options = SpeakingOptions()
    chosen = TEXTS[language] if texts is None else tuple(texts)
    front_end = front_end_of(voice)
    begin(voice, runtime, Utterance("", (), (0,)), voice.prompt(), 1)  # warm-up: the first call of a process may differ
    sentences = tuple(
        record_sentence(voice, runtime, front_end, text, language, sentence_seed(0, index))
        for index, text in enumerate(chosen)
    )
    speech = speaker_statistics(np.concatenate([s.waveform for s in sentences]), voice.description.sample_rate)
    golden = Golden(
        made=now.isoformat(timespec="seconds"),
        runtime=runtime.version,
        machine=machine,
        noise_scale=options.noise_scale,
        tolerances=Tolerances(),
        identity=judge(speech, recordings, ()),
        sentences=sentences,
    )
    golden.write(voice.golden_directory)
    return golden


def record_sentence(
    voice: Voice, runtime: Runtime, front_end: FrontEnd, text: str, language: str, seed: int
) -> GoldenSentence:
    """Speak one sentence and keep every step. GoldenError if it is not one sentence."""
    said = utterances(voice, text, language=language, front_end=front_end)
    if len(said) != 1:
        raise GoldenError(f"a golden text must be one sentence: {text!r}")
    sampling = replace(usual_sampling(voice), limit=_LONGEST_TOKENS)
    tokens = sample_tokens(voice, runtime, said[0], voice.prompt(), seed, sampling).tokens
    noise = decoder_noise(voice, seed, int(tokens.size))
    phonemes = np.asarray(said[0].phonemes, np.int64)
    waveform = runtime.decode(tokens, phonemes, voice.prompt(), noise, SpeakingOptions().noise_scale, 1.0)
    logits = teacher_forced(voice, runtime, phonemes, tokens)
    return GoldenSentence(text, language, phonemes, tokens, logits, noise, waveform)


def teacher_forced(voice: Voice, runtime: Runtime, phonemes: Integers, tokens: Integers) -> Floats:
    """Raw logits after the prompt and after each further token of the path: (T - opening + 1, V)."""
    utterance = Utterance("", (), tuple(int(row) for row in phonemes))
    continuation, before = begin(voice, runtime, utterance, voice.prompt(), int(tokens.size) + 1)
    path = tokens[opening_tokens(voice).size :]
    rows = [continuation.logits]
    rows += [continuation.step(int(token), before.size + index) for index, token in enumerate(path)]
    return np.stack(rows)


def decode_sentences(voice: Voice, runtime: Runtime, golden: Golden, style: Floats | None = None) -> list[Floats]:
    """The waveforms of all golden sentences, through *runtime*, in the prompt's style or another."""
    prompt = voice.prompt() if style is None else replace(voice.prompt(), style=style)
    return [
        runtime.decode(sentence.tokens, sentence.phonemes, prompt, sentence.noise, golden.noise_scale, 1.0)
        for sentence in golden.sentences
    ]


def judge(speech: Floats, recordings: Floats | None, stock: Sequence[Floats]) -> Identity:
    """Statistics of the golden speech, of the recordings and of stock voices, to what `Identity` keeps of them."""
    reference = speech if recordings is None else recordings
    far = [distance(vector, reference) for vector in stock]
    return Identity(
        reference="speech" if recordings is None else "recordings",
        statistics=tuple(round(float(value), 5) for value in reference),
        own_distance=round(distance(speech, reference), 4),
        nearest_stock=round(min(far), 4) if far else None,
        stock_voices=len(stock),
    )


def _parse(record: Mapping[str, object], arrays: Mapping[str, Array]) -> Golden:
    if record["schema"] != SCHEMA:
        raise ValueError(f"this toolkit reads schema {SCHEMA}, found {record['schema']!r}")
    told, kept = record["identity"], record["tolerances"]
    described, machine = record["sentences"], record["machine"]
    if not (isinstance(told, dict) and isinstance(kept, dict) and isinstance(described, list) and described):
        raise ValueError("identity, tolerances or sentences is of the wrong type")
    if not isinstance(machine, dict):
        raise ValueError("machine is not an object")
    told = {name: value for name, value in told.items() if name != "threshold"}  # it follows from the others
    identity = Identity(**told | {"statistics": tuple(float(value) for value in told["statistics"])})
    if len(identity.statistics) != LENGTH:
        raise ValueError(f"identity.statistics are {len(identity.statistics)}, not {LENGTH}")
    sentences = []
    for index, facts in enumerate(described):
        found = {name: arrays[f"{index}.{name}"].astype(dtype) for name, dtype in _SENTENCE_ARRAYS.items()}
        sentences.append(GoldenSentence(str(facts["text"]), str(facts["language"]), **found))
    return Golden(
        made=str(record["made"]),
        runtime=str(record["runtime"]),
        machine=machine,
        noise_scale=float(str(record["noise_scale"])),
        tolerances=Tolerances(**kept),
        identity=identity,
        sentences=tuple(sentences),
    )
