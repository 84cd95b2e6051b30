"""Golden outputs: what a voice said, step by step, on the day it was made, and how far a runtime is from that today.

Torch-free; whatever keeps `core_model.speaking.Runtime` can be recorded or compared. Holds no audio of a person: the
waveforms are the voice's own, of public sentences, and of the recordings only the 58 numbers of `speaker_statistics`.
Everything random is stored as an array, because seeds do not carry across the years (DESIGN §5, §8).

    golden/golden.json          sentences, tolerances and how they were found, identity, machine, date
    golden/golden.safetensors   for each sentence i:
        i.phonemes (P,)         text -> phonemes
        i.tokens   (T,)         the path along which logits were recorded, sampled as speech is; opening included
        i.logits   (T - opening + 1, V)   raw, after each token of the path; best tokens and margins follow from them
        i.noise (1, C, F), i.waveform (N,)      tokens + prompt + noise (+ steps) -> waveform
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from core_model.errors import AudioError, GoldenError, VoiceError
from core_model.features.speaker_statistics import LENGTH, distance, speaker_statistics
from core_model.migrations.steps import GOLDEN, SCHEMA, to_current
from core_model.replaying import read_text, teacher_forced
from core_model.speaking import (
    Runtime,
    SpeakingOptions,
    begin,
    decoder_noise,
    has_exports,
    sample_tokens,
    sentence_seed,
    usual_sampling,
)
from core_model.text.front_end import FrontEnd
from core_model.utterances import Utterance, front_end_of
from core_model.voice import Array, Floats, Integers, Voice, json_bytes

TEXTS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "The morning train left four minutes late, and nobody minded.",
        "On 3 May 2021, Dr. Lee paid $4.50 for a cup of tea.",
        "Why would a quiet brown fox jump over my lazy dog again?",
    ),
    "zh": ("清晨的火车晚了四分钟，可是没有人着急。", "他花了十二块钱，买了两本旧书和一杯热茶。"),
    "ja": ("朝の電車は四分おくれましたが、だれも気にしませんでした。", "古い本を二冊と、あたたかいお茶を買いました。"),
    "ko": ("아침 기차가 사 분 늦었지만 아무도 신경 쓰지 않았어요.", "그는 헌책 두 권과 따뜻한 차 한 잔을 샀습니다."),
    "yue": ("朝早嘅火車遲咗四分鐘，不過冇人介意。", "佢用十二蚊買咗兩本舊書同埋一杯熱茶。"),
}
_LANGUAGES = 2  # of a voice's languages, the first so many are recorded: enough to see a front end or a network drift
_SENTENCES_OF_SEVERAL = 2  # of each, where there is more than one; of flow matching one, which takes half a minute

RECORD, _ARRAYS = "golden.json", "golden.safetensors"
_SENTENCE_ARRAYS = {
    "phonemes": np.int64,
    "tokens": np.int64,
    "logits": np.float32,
    "noise": np.float32,
    "waveform": np.float32,
}
_LONGEST_TOKENS = 150  # six seconds: a voice that never stops must not fill the disk with logits
_STEPS = 4  # of flow matching: its usual 32 take minutes for a sentence, and prove no more
_CLEARLY_FARTHER = 1.25  # the nearest stock voice must be this many times as far as the voice itself,
_CLEARLY_FARTHER_BY = 1.0  # and this much farther: as far as one speaker wanders


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far today's outputs may be from the recorded ones."""

    logits: float = 1e-3  # largest difference of any raw logit
    waveform: float = 5e-5  # largest difference of any sample, as a share of the recorded peak
    waveform_db: float = 40.0  # least signal-to-noise ratio
    found: str = (
        "defaults, more than ten times the largest differences in a matrix of 2026-11-28 (torch 1.13.1 to 2.15.0, ONNX "
        "Runtime 1.15.1 to 1.32.0, AVX2 and AVX-512, one thread and two): logits 5.3e-5 (nano) and 4.1e-6 (v2's "
        "sizes), samples 1.8e-6 and 4.4e-6 of the peak"
    )


FLOW_MATCHING = Tolerances(
    waveform=4e-4,
    found=(
        "forty times what was measured on 2026-11-21 between one thread and two of torch 2.13 (AVX-512) at v4's sizes "
        "in four steps: samples 1.0e-5 of the peak, 115 dB; logits as of the other families"
    ),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose voice it is, in 58 numbers, and how far off is too far. No threshold: the layer cannot be run."""

    reference: str  # 'recordings': statistics of the person's recordings; 'speech': of the voice's own golden speech
    statistics: tuple[float, ...]  # () where the speech has none: nothing in it is voiced
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

    text: str = field(repr=False)
    language: str
    phonemes: Integers = field(repr=False)
    tokens: Integers = field(repr=False)
    logits: Floats = field(repr=False)
    noise: Floats = field(repr=False)
    waveform: Floats = field(repr=False)


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
    steps: int | None = None  # of flow matching; None for decoders that know none

    @classmethod
    def read(cls, directory: Path) -> Golden:
        """Read golden/; GoldenError if it is missing or broken."""
        try:
            record = json.loads((directory / RECORD).read_bytes())
            arrays = load_file(directory / _ARRAYS)
            return _parse(record, arrays)
        except FileNotFoundError as error:
            raise GoldenError(f"the voice has no golden outputs ({error.filename})") from error
        except VoiceError as error:
            raise GoldenError(f"the golden outputs cannot be read: {error}") from error
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
            "steps": self.steps,
            "tolerances": asdict(self.tolerances),
            "identity": asdict(self.identity) | {"threshold": self.identity.threshold},
            "sentences": [{"text": sentence.text, "language": sentence.language} for sentence in self.sentences],
        }
        arrays: dict[str, Array] = {}
        for index, sentence in enumerate(self.sentences):
            for name in _SENTENCE_ARRAYS:
                arrays[f"{index}.{name}"] = np.ascontiguousarray(getattr(sentence, name))
        directory.mkdir(exist_ok=True)
        (directory / RECORD).write_bytes(json_bytes(record))
        (directory / _ARRAYS).write_bytes(save(arrays))


def with_tolerances(record: bytes, tolerances: Tolerances) -> bytes:
    """golden.json with other tolerances, and how they were found; what it records stays. GoldenError."""
    try:
        held = json.loads(record)
        if held["schema"] != SCHEMA:
            raise ValueError(f"this toolkit reads schema {SCHEMA}, found {held['schema']!r}")
        return json_bytes(held | {"tolerances": asdict(tolerances)})
    except (ValueError, KeyError, TypeError) as error:
        raise GoldenError(f"the golden outputs cannot be read: {error!r}") from error


def record_golden(
    voice: Voice,
    runtime: Runtime,
    *,
    now: datetime,
    machine: Mapping[str, str],
    recordings: Floats | None = None,
    texts: Mapping[str, Sequence[str]] | None = None,
) -> Golden:
    """Speak *texts* (by language; else `golden_texts`) and write golden/ into *voice*; on one thread, please.

    *recordings* are the `speaker_statistics` of the person's recordings; without them the golden speech itself is the
    reference. *machine* as `core_model.machine.describe` gives it. The identity is not yet judged against stock voices:
    let the base's own speakers say the same (`decode_sentences` with their styles), then `judge`. An imported voice has
    no stock voices, and so no verdict on its identity.
    """
    chosen = golden_texts(voice) if texts is None else texts
    steps = None if has_exports(voice) else _STEPS
    front_end = front_end_of(voice)
    begin(voice, runtime, Utterance("", (), (0,)), voice.prompt(), 1)  # warm-up: the first call of a process may differ
    pairs = [(text, language) for language, several in chosen.items() for text in several]
    sentences = tuple(
        record_sentence(voice, runtime, front_end, text, language, sentence_seed(0, index), steps)
        for index, (text, language) in enumerate(pairs)
    )
    speech = np.concatenate([s.waveform for s in sentences])
    golden = Golden(
        made=now.isoformat(timespec="seconds"),
        runtime=runtime.version,
        machine=machine,
        noise_scale=SpeakingOptions().noise_scale,
        tolerances=Tolerances() if steps is None else FLOW_MATCHING,
        identity=_own_identity(speech, voice.description.sample_rate, recordings),
        sentences=sentences,
        steps=steps,
    )
    golden.write(voice.golden_directory)
    return golden


def golden_texts(voice: Voice) -> dict[str, tuple[str, ...]]:
    """What is recorded of *voice*: public sentences in the first of its languages. GoldenError where none is known."""
    known = [language for language in voice.description.languages if language in TEXTS][:_LANGUAGES]
    if not known:
        raise GoldenError(f"there are no golden texts in {', '.join(voice.description.languages)}")
    count = None if len(known) == 1 else _SENTENCES_OF_SEVERAL if has_exports(voice) else 1
    return {language: TEXTS[language][:count] for language in known}


def record_sentence(
    voice: Voice, runtime: Runtime, front_end: FrontEnd, text: str, language: str, seed: int, steps: int | None = None
) -> GoldenSentence:
    """Speak one sentence and keep every step. GoldenError if it is not one sentence."""
    said = read_text(voice, front_end, text, language)
    if len(said) != 1:
        raise GoldenError(f"a golden text must be one sentence: {text!r}")
    sampling = replace(usual_sampling(voice), limit=_LONGEST_TOKENS)
    tokens = sample_tokens(voice, runtime, said[0], voice.prompt(), seed, sampling).tokens
    noise = decoder_noise(voice, seed, int(tokens.size))
    phonemes = np.asarray(said[0].phonemes, np.int64)
    waveform = runtime.decode(tokens, phonemes, voice.prompt(), noise, SpeakingOptions().noise_scale, 1.0, steps)
    logits = teacher_forced(voice, runtime, phonemes, tokens)
    return GoldenSentence(text, language, phonemes, tokens, logits, noise, waveform)


def decode_sentences(voice: Voice, runtime: Runtime, golden: Golden, style: Floats | None = None) -> list[Floats]:
    """The waveforms of all golden sentences, through *runtime*, in the prompt's style or another."""
    prompt = voice.prompt() if style is None else replace(voice.prompt(), style=style)
    return [
        runtime.decode(
            sentence.tokens, sentence.phonemes, prompt, sentence.noise, golden.noise_scale, 1.0, golden.steps
        )
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


def _own_identity(speech: Floats, sample_rate: int, recordings: Floats | None) -> Identity:
    """What can be said before anybody was compared with. AudioError if a person's voice gives no voiced speech."""
    try:
        statistics = speaker_statistics(speech, sample_rate)
    except AudioError:
        if recordings is not None:
            raise
        return Identity("speech", (), 0.0, None, 0)  # an imported voice may whisper; it is not told by its statistics
    return judge(statistics, recordings, ())


def _steps(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 1000:
        raise ValueError(f"steps is {value!r}")
    return value


def _parse(document: object, arrays: Mapping[str, Array]) -> Golden:
    if not isinstance(document, Mapping):
        raise ValueError(f"{RECORD} is not an object")
    record = to_current(GOLDEN, document)
    told, kept = record["identity"], record["tolerances"]
    described, machine = record["sentences"], record["machine"]
    if not (isinstance(told, dict) and isinstance(kept, dict) and isinstance(described, list) and described):
        raise ValueError("identity, tolerances or sentences is of the wrong type")
    if not isinstance(machine, dict):
        raise ValueError("machine is not an object")
    told = {name: value for name, value in told.items() if name != "threshold"}  # it follows from the others
    identity = Identity(**told | {"statistics": tuple(float(value) for value in told["statistics"])})
    if len(identity.statistics) != LENGTH and (identity.statistics or identity.stock_voices):
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
        steps=_steps(record["steps"]),
        tolerances=Tolerances(**kept),
        identity=identity,
        sentences=tuple(sentences),
    )
