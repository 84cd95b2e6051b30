"""The golden outputs of a voice, read from its directory: what it said on the day it was made, step by step.

Knows JSON, safetensors and NumPy, so that it reads a voice when the toolkit that wrote it is gone; computes nothing.
RUNNER.md tells what the arrays mean and how they are made again.

    voice.json                  sample_rate
    golden/golden.json          schema 1 or 2: sentences, tolerances, identity, runtime, machine, date
    golden/golden.safetensors   for each sentence i: i.phonemes (P,), i.tokens (T,), i.logits (R, V),
                                i.noise (1, C, F), i.waveform (N,)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from compat_tests.errors import RecordError

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_TAKEN_FOR_GRANTED: Mapping[object, Mapping[str, object]] = {1: {"steps": None}, 2: {}}  # by schema: what it left out
_MOST_RECORD_BYTES = 4 << 20  # of golden.json, which has a few thousand
_ARRAYS: Mapping[str, tuple[type[np.generic], int]] = {  # dtype, dimensions
    "phonemes": (np.int64, 1),
    "tokens": (np.int64, 1),
    "logits": (np.float32, 2),
    "noise": (np.float32, 3),
    "waveform": (np.float32, 1),
}


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far today's outputs may be from the recorded ones, and how that was found."""

    logits: float  # largest difference of any raw logit
    waveform: float  # largest difference of any sample, as a share of the recorded peak
    waveform_db: float  # least signal-to-noise ratio
    found: str


@dataclass(frozen=True, slots=True)
class RecordedIdentity:
    """Whose voice it is, in 58 numbers, and how far off is too far. No threshold: the layer cannot be run."""

    reference: str  # 'recordings' of the person, or the voice's own golden 'speech'
    statistics: tuple[float, ...]
    nearest_stock: float | None
    stock_voices: int
    threshold: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One golden sentence; shapes at the top of this file."""

    id: str  # 'en-0': its language and its place
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
    runtime: str  # 'torch 2.13.0+cpu AVX512'
    machine: Mapping[str, str]
    sample_rate: int  # Hz
    noise_scale: float
    steps: int | None  # of flow matching; None for decoders that know none
    tolerances: Tolerances
    identity: RecordedIdentity
    sentences: tuple[Sentence, ...]

    @property
    def recorded(self) -> str:
        """When and on what, for a person."""
        return f"{self.made}, {self.runtime}"


def read_golden(voice_directory: Path) -> Golden:
    """Read voice.json and golden/. RecordError if they are missing or broken."""
    try:
        sample_rate = _document(voice_directory / "voice.json")["sample_rate"]
        record = _document(voice_directory / "golden" / "golden.json")
        arrays = load_file(voice_directory / "golden" / "golden.safetensors")
        return _parse(record, arrays, _positive(sample_rate, "sample_rate", 1_000_000))
    except FileNotFoundError as error:
        raise RecordError(f"the voice has no golden outputs ({error.filename})") from error
    except OSError as error:
        raise RecordError(f"the golden outputs cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise RecordError(f"the golden outputs cannot be read: {error!r}") from error


def _document(path: Path) -> dict[str, object]:
    if path.stat().st_size > _MOST_RECORD_BYTES:
        raise ValueError(f"{path.name} is larger than any voice's")
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict):
        raise ValueError(f"{path.name} is no object")
    return document


def _parse(record: Mapping[str, object], arrays: Mapping[str, npt.NDArray[np.generic]], sample_rate: int) -> Golden:
    if record["schema"] not in _TAKEN_FOR_GRANTED:
        raise ValueError(f"this suite reads schemas 1 to {len(_TAKEN_FOR_GRANTED)}, found {record['schema']!r}")
    record = {**_TAKEN_FOR_GRANTED[record["schema"]], **record}
    described, machine, kept = record["sentences"], record["machine"], record["tolerances"]
    if not isinstance(described, list) or not described:
        raise ValueError("sentences is no list, or an empty one")
    if not isinstance(machine, dict) or not isinstance(kept, dict):
        raise ValueError("machine or tolerances is no object")
    steps = record["steps"]
    return Golden(
        made=str(record["made"]),
        runtime=str(record["runtime"]),
        machine={str(name): str(value) for name, value in machine.items()},
        sample_rate=sample_rate,
        noise_scale=_number(record["noise_scale"]),
        steps=None if steps is None else _positive(steps, "steps", 1000),
        tolerances=Tolerances(
            logits=_number(kept["logits"]),
            waveform=_number(kept["waveform"]),
            waveform_db=_number(kept["waveform_db"]),
            found=str(kept.get("found", "")),
        ),
        identity=_identity(record["identity"]),
        sentences=tuple(_sentence(index, facts, arrays) for index, facts in enumerate(described)),
    )


def _sentence(index: int, facts: object, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Sentence:
    if not isinstance(facts, dict):
        raise ValueError(f"sentence {index} is no object")
    found = {}
    for name, (dtype, dimensions) in _ARRAYS.items():
        array = arrays[f"{index}.{name}"].astype(dtype)
        if array.ndim != dimensions or not array.size:
            raise ValueError(f"{index}.{name} has the shape {array.shape}")
        found[name] = array
    tokens, logits = found["tokens"], found["logits"]
    if logits.shape[1] < 2:
        raise ValueError(f"{index}.logits has no second best token")
    if found["phonemes"].min() < 0 or tokens.min() < 0 or tokens.max() >= logits.shape[1]:
        raise ValueError(f"{index}.phonemes or {index}.tokens names a row that no network has")
    if not 0 <= tokens.size + 1 - logits.shape[0] <= 1 or found["noise"].shape[0] != 1:
        raise ValueError(f"{index}.logits or {index}.noise does not belong to {index}.tokens")
    language = str(facts["language"])
    return Sentence(f"{language}-{index}", str(facts["text"]), language, **found)


def _identity(told: object) -> RecordedIdentity:
    if not isinstance(told, dict):
        raise ValueError("identity is no object")
    statistics = tuple(_number(value) for value in told["statistics"])
    stock_voices = int(told["stock_voices"])
    if len(statistics) != 58 and (statistics or stock_voices):
        raise ValueError(f"identity.statistics are {len(statistics)}, not 58")
    return RecordedIdentity(
        reference=str(told["reference"]),
        statistics=statistics,
        nearest_stock=None if told["nearest_stock"] is None else _number(told["nearest_stock"]),
        stock_voices=stock_voices,
        threshold=None if told["threshold"] is None else _number(told["threshold"]),
    )


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")  # a tolerance of infinity would pass everything
    return float(value)


def _positive(value: object, name: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise ValueError(f"{name} is {value!r}")
    return value
