"""The client's side of RUNNER.md: a program asked verb by verb, and never believed.

Knows the protocol and no voice. One call is one process: JSON on its stdin and stdout, arrays as .npy in a directory of
that call alone. Whatever the program does instead of answering is a `RunnerError` of one kind and one sentence.

    runner = Runner(["python", "-m", "core_model.runner", "onnx"], time_limit_s=600)
    runner.describe(Path("voice"), work=Path("work")).runtime          # 'onnxruntime 1.31.1'
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compat_tests.arrays import ArrayError, read_array, write_array
from compat_tests.calling import Called, Limits, call
from compat_tests.errors import Fault, RunnerError
from compat_tests.goldens import Floats, Integers
from compat_tests.limited import NOT_STARTED
from compat_tests.speaker_distance import LENGTH

PROTOCOL = 1
VERBS = ("describe", "phonemize", "tokens", "decode", "speak", "listen")
ENVIRONMENT: Mapping[str, str] = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # nobody's voice is reported home
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
_MOST_ARRAY_BYTES = 256 << 20
_LONGEST_TOLD = 400


@dataclass(frozen=True, slots=True)
class Description:
    """What a runner says of itself."""

    name: str  # 'lifecycle onnx'
    runtime: str  # which release of what computes: 'torch 2.13.0+cpu AVX512'
    machine: Mapping[str, str]  # system, architecture, instruction_sets, and what else it likes to tell
    verbs: tuple[str, ...]
    reads: tuple[str, ...] = ()  # the files of the voice that it computes from
    packages: Mapping[str, str] = field(default_factory=dict)  # analysers of text that it has, and their versions


@dataclass(frozen=True, slots=True)
class Text:
    """One item of `phonemize`."""

    text: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True, eq=False)
class TokenPath:
    """One item of `tokens`: phonemes (P,) and the tokens (T,) along which logits are wanted."""

    phonemes: Integers = field(repr=False)
    tokens: Integers = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Decoding:
    """One item of `decode`: tokens (T,), phonemes (P,), noise (1, C, F)."""

    tokens: Integers = field(repr=False)
    phonemes: Integers = field(repr=False)
    noise: Floats = field(repr=False)
    noise_scale: float
    steps: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What `speak` gives: (N,) at *sample_rate* Hz."""

    waveform: Floats = field(repr=False)
    sample_rate: int


class Runner:
    """A program that keeps RUNNER.md. Each method raises RunnerError, and needs a directory *work* to put its own into.

    *environment* is all that the program sees of one (None: `ENVIRONMENT`); HOME and TMPDIR are a directory of the
    call. *time_limit_s* is for one call, the loading of networks included. *threads* more than one is for a matrix.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        time_limit_s: float,
        environment: Mapping[str, str] | None = None,
        memory_bytes: int = 0,
        threads: int = 1,
    ) -> None:
        if not command:
            raise ValueError("a runner is a command of at least one word")
        self.command = tuple(str(word) for word in command)
        self.limits = Limits(time_s=time_limit_s, memory_bytes=memory_bytes)
        self.threads = threads
        self.environment = dict(ENVIRONMENT if environment is None else environment)

    def describe(self, voice: Path, *, work: Path) -> Description:
        """What computes, and what it can be asked."""
        told = _Call(self, "describe", voice, work).answer()
        name, runtime = (_text("describe", told, field) for field in ("runner", "runtime"))
        verbs, reads = (_texts("describe", told, field) for field in ("verbs", "reads"))
        strange = [verb for verb in verbs if verb not in VERBS]
        if strange or "describe" not in verbs:
            raise RunnerError("protocol", "describe", f"names verbs of another protocol: {', '.join(verbs)[:200]}")
        machine, packages = (_map("describe", told, field) for field in ("machine", "packages"))
        return Description(name, runtime, machine, verbs, reads, packages)

    def phonemize(self, voice: Path, items: Sequence[Text], *, work: Path) -> list[Integers]:
        """(P,) for each text."""
        asked = _Call(self, "phonemize", voice, work)
        told = asked.answer([{"text": item.text, "language": item.language} for item in items], ("phonemes",))
        rows = [asked.integers(one["phonemes"]) for one in told["items"]]
        if any((row < 0).any() for row in rows):
            raise RunnerError("array", "phonemize", "gives rows of phonemes below 0")
        return rows

    def tokens(self, voice: Path, items: Sequence[TokenPath], *, work: Path) -> list[Floats]:
        """(R, V) raw logits along each path: after the prompt, and after each further token."""
        asked = _Call(self, "tokens", voice, work)
        given = [
            {"phonemes": asked.put(item.phonemes, np.int64), "tokens": asked.put(item.tokens, np.int64)}
            for item in items
        ]
        told = asked.answer(given, ("logits",))
        return [asked.floats(one["logits"], 2) for one in told["items"]]

    def decode(self, voice: Path, items: Sequence[Decoding], *, work: Path) -> list[Floats]:
        """(N,) samples for each."""
        asked = _Call(self, "decode", voice, work)
        given = [
            {
                "tokens": asked.put(item.tokens, np.int64),
                "phonemes": asked.put(item.phonemes, np.int64),
                "noise": asked.put(item.noise, np.float32),
                "noise_scale": item.noise_scale,
                "steps": item.steps,
            }
            for item in items
        ]
        told = asked.answer(given, ("waveform",))
        return [asked.floats(one["waveform"], 1) for one in told["items"]]

    def speak(self, voice: Path, text: str, language: str, seed: int, *, work: Path) -> Spoken:
        """Speech of a text, tokens drawn by *seed*."""
        asked = _Call(self, "speak", voice, work)
        told = asked.answer([{"text": text, "language": language, "seed": seed}], ("waveform", "sample_rate"))
        sample_rate = told["items"][0]["sample_rate"]
        if not isinstance(sample_rate, int) or isinstance(sample_rate, bool) or not 0 < sample_rate <= 1_000_000:
            raise RunnerError("items", "speak", "gives a sample rate that is none")
        return Spoken(asked.floats(told["items"][0]["waveform"], 1), sample_rate)

    def listen(self, voice: Path, waveform: Floats, sample_rate: int, *, work: Path) -> Floats:
        """(58,) statistics of who speaks in (N,) samples at *sample_rate* Hz."""
        asked = _Call(self, "listen", voice, work)
        item = {"waveform": asked.put(waveform, np.float32), "sample_rate": sample_rate}
        statistics = asked.floats(asked.answer([item], ("statistics",))["items"][0]["statistics"], 1)
        if statistics.shape != (LENGTH,):
            raise RunnerError("array", "listen", f"gives {statistics.size} statistics, not {LENGTH}")
        return statistics


class _Call:
    """One call: its directory, what was put into it, and what came back."""

    def __init__(self, runner: Runner, verb: str, voice: Path, work: Path) -> None:
        self._runner = runner
        self._verb = verb
        self._voice = voice.resolve()
        self._directory = _new_directory(work.resolve(), verb)
        self._put = 0

    def put(self, array: npt.NDArray[np.generic], dtype: type[np.generic]) -> str:
        """Write an array for the runner to read; its name."""
        name = f"in.{self._put}.npy"
        self._put += 1
        write_array(self._directory / name, array.astype(dtype))
        return name

    def answer(self, items: Sequence[Mapping[str, object]] | None = None, fields: Sequence[str] = ()) -> dict[str, Any]:
        """Ask, and return the object that came back, with one object of *fields* for each of *items*."""
        request: dict[str, object] = {"protocol": PROTOCOL, "voice": str(self._voice)}
        if items is not None:
            request |= {"work": str(self._directory), "threads": self._runner.threads, "items": list(items)}
        runner = self._runner
        if shutil.which(runner.command[0], path=runner.environment.get("PATH", os.defpath)) is None:
            raise self._fault("not started", f"is not there: {runner.command[0]}")
        environment = runner.environment | {"HOME": str(self._directory), "TMPDIR": str(self._directory)}
        called = call(
            (*runner.command, self._verb),
            json.dumps(request, ensure_ascii=False, allow_nan=False).encode(),
            environment=environment,
            directory=self._directory,
            limits=runner.limits,
        )
        told = self._object(called)
        if type(told.get("protocol")) is not int or told["protocol"] != PROTOCOL:
            raise self._fault("protocol", f"keeps protocol {str(told.get('protocol'))[:20]}, not {PROTOCOL}")
        if items is not None:
            self._require_items(told, len(items), fields)
        return told

    def integers(self, name: object) -> Integers:
        """(n,) of the file that the runner named."""
        return self._array(name, np.int64, 1).astype(np.int64)

    def floats(self, name: object, dimensions: int) -> Floats:
        """The same of float32."""
        return self._array(name, np.float32, dimensions).astype(np.float32)

    def _array(self, name: object, dtype: type[np.generic], dimensions: int) -> npt.NDArray[np.generic]:
        if isinstance(name, str) and name.startswith("in."):
            raise self._fault("path", f"names {name[:80]!r}, which is what it was given")
        try:
            return read_array(self._directory, name, dtype, dimensions, _MOST_ARRAY_BYTES)
        except ArrayError as error:
            raise self._fault(error.kind, str(error)) from None

    def _object(self, called: Called) -> dict[str, object]:
        """What it printed, if it ended as the protocol says."""
        if called.ended == "timeout":
            raise self._fault("timeout", f"did not end within {self._runner.limits.time_s:g} s and was ended")
        if called.ended == "too much":
            raise self._fault("too much", "wrote more than any voice needs and was ended")
        if called.code == NOT_STARTED:
            raise self._fault("not started", f"could not be started: {_last_line(called.stderr)}")
        if called.code not in (0, 1):
            how = f"was ended by {_signal(-called.code)}" if called.code < 0 else f"ended with {called.code}"
            raise self._fault("crashed", f"{how}: {_last_line(called.stderr)}")
        try:
            told = json.loads(called.stdout.decode("utf-8"), parse_constant=_no_number)
        except (ValueError, RecursionError):
            if called.code == 1:
                raise self._fault("crashed", f"ended with 1 and no sentence: {_last_line(called.stderr)}") from None
            raise self._fault("json", "printed something that is not one JSON object") from None
        if not isinstance(told, dict):
            raise self._fault("json", "printed JSON that is no object")
        if called.code == 1:
            sentence = told.get("error")
            if not isinstance(sentence, str) or not sentence.strip():
                raise self._fault("json", "refused without a sentence")
            kind: Fault = "missing" if told.get("missing") is True else "refused"
            raise self._fault(kind, f"refused: {_plain(sentence.strip().rstrip('.'))}")
        return told

    def _require_items(self, told: Mapping[str, object], count: int, fields: Sequence[str]) -> None:
        items = told.get("items")
        if not isinstance(items, list) or len(items) != count:
            found = len(items) if isinstance(items, list) else "no list of"
            raise self._fault("items", f"gave {found} answers for {count} items")
        for item in items:
            if not isinstance(item, dict) or set(item) != set(fields):
                raise self._fault("items", f"gave an answer that is not {', '.join(fields)} and nothing else")
        names = [value for item in items for value in item.values() if isinstance(value, str)]
        if len(set(names)) != len(names):
            raise self._fault("items", "gave one file as the answer for two items")

    def _fault(self, kind: Fault, problem: str) -> RunnerError:
        return RunnerError(kind, self._verb, problem)


def _new_directory(work: Path, verb: str) -> Path:
    """An empty directory for one call, which nobody else may look into."""
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    index = 0
    while True:
        directory = work / f"{index:03}-{verb}"
        try:
            directory.mkdir(mode=0o700)
            return directory
        except FileExistsError:
            index += 1


def _text(verb: str, told: Mapping[str, object], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise RunnerError("protocol", verb, f"says nothing of its {name}")
    return _plain(value)


def _texts(verb: str, told: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = told.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RunnerError("protocol", verb, f"gives {name} that are no list of texts")
    return tuple(_plain(one) for one in value)


def _map(verb: str, told: Mapping[str, object], name: str) -> dict[str, str]:
    value = told.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise RunnerError("protocol", verb, f"gives {name} that are no map of texts")
    return {_plain(key): _plain(one) for key, one in value.items()}


def _plain(text: str) -> str:
    """A foreign program's text as it may be shown: of bounded length, and nothing in it that moves a cursor."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= _LONGEST_TOLD else shown[:_LONGEST_TOLD] + "…"


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return _plain(lines[-1].strip()) if lines else "it did not say why"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _no_number(spelled: str) -> float:
    raise ValueError(f"{spelled} is no number")
