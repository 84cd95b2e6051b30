"""Our three runners of compat_tests/RUNNER.md: python -m core_model.runner torch|torchscript|onnx VERB.

Knows the protocol and which question goes to which room; judges nothing. Imports what a verb needs when that verb is
asked for, so that torchscript needs torch, NumPy and safetensors alone, of any release since torch 1.13, and onnx no
torch. The suite never imports this: to it, these are three programs among others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core_model.errors import CoreModelError, RuntimeMissingError
from core_model.machine import describe as describe_machine
from core_model.replaying import read_text, teacher_forced, warm_up, warm_up_decoder
from core_model.runtimes import RUNTIMES, load_runtime, version_of
from core_model.speaking import Runtime, SpeakingOptions, speak
from core_model.text.text_data import check_packages
from core_model.utterances import front_end_of, utterances
from core_model.voice import Array, Floats, Integers, Voice

PROTOCOL = 1
_READS = {
    "torch": ("weights/gpt.safetensors", "weights/sovits.safetensors", "weights/vocoder.safetensors"),
    "torchscript": ("exports/torchscript/gpt.pt", "exports/torchscript/sovits.pt"),
    "onnx": ("exports/onnx/gpt.onnx", "exports/onnx/sovits.onnx"),
}


class RequestError(CoreModelError):
    """A request that breaks the protocol."""


class Asked:
    """One request: the voice, and the items with their arrays."""

    def __init__(self, name: str, request: Mapping[str, Any]) -> None:
        if request.get("protocol") != PROTOCOL:
            raise RequestError(f"this runner keeps protocol {PROTOCOL}, not {request.get('protocol')!r}")
        self.name = name
        self.voice = Voice.open(Path(request["voice"]))
        self.items: Sequence[Mapping[str, Any]] = request.get("items", ())
        self._work = Path(request.get("work", "."))
        self._threads = int(request.get("threads", 1))
        self._given = 0

    def runtime(self) -> Runtime:
        """The voice's networks, loaded."""
        return load_runtime(self.voice, self.name, threads=self._threads)

    def integers(self, name: str) -> Integers:
        """An array that came with the request."""
        array: Array = np.load(self._work / name, allow_pickle=False)
        return array.astype(np.int64)

    def floats(self, name: str) -> Floats:
        """The same of float32."""
        array: Array = np.load(self._work / name, allow_pickle=False)
        return array.astype(np.float32)

    def put(self, array: Array, dtype: type[np.generic]) -> str:
        """Leave an array for whoever asked; its name."""
        name = f"out.{self._given}.npy"
        self._given += 1
        np.save(self._work / name, np.ascontiguousarray(array, dtype), allow_pickle=False)
        return name


def describe(asked: Asked) -> dict[str, Any]:
    """What computes, on what machine, from which files."""
    voice = asked.voice
    packages: dict[str, str] = {}
    for language in voice.description.languages:
        try:
            packages |= check_packages(language)
        except (RuntimeMissingError, KeyError):
            continue  # `phonemize` says so, for the texts that need it
    reads = [path for path in _READS[asked.name] if (voice.directory / path).is_file()]
    return {
        "runner": f"lifecycle {asked.name}",
        "runtime": version_of(asked.name),
        "machine": describe_machine(),
        "verbs": list(VERBS),
        "reads": ["voice.json", "prompts/default.safetensors", *reads],
        "packages": packages,
    }


def phonemize(asked: Asked) -> dict[str, Any]:
    """Texts to rows of phonemes."""
    front_end = front_end_of(asked.voice)
    items = []
    for item in asked.items:
        said = read_text(asked.voice, front_end, item["text"], item["language"])
        rows = [row for utterance in said for row in utterance.phonemes]
        items.append({"phonemes": asked.put(np.array(rows), np.int64)})
    return {"items": items}


def tokens(asked: Asked) -> dict[str, Any]:
    """Logits along given tokens."""
    runtime = asked.runtime()
    given = [(asked.integers(item["phonemes"]), asked.integers(item["tokens"])) for item in asked.items]
    warm_up(asked.voice, runtime, *given[0])
    logits = [teacher_forced(asked.voice, runtime, phonemes, path) for phonemes, path in given]
    return {"items": [{"logits": asked.put(rows, np.float32)} for rows in logits]}


def decode(asked: Asked) -> dict[str, Any]:
    """Tokens and noise to samples."""
    runtime, prompt = asked.runtime(), asked.voice.prompt()
    items = []
    for index, item in enumerate(asked.items):
        given, phonemes = asked.integers(item["tokens"]), asked.integers(item["phonemes"])
        steps = item.get("steps")
        if index == 0:
            warm_up_decoder(asked.voice, runtime, given, phonemes, steps)
        waveform = runtime.decode(
            given, phonemes, prompt, asked.floats(item["noise"]), float(item["noise_scale"]), 1.0, steps
        )
        items.append({"waveform": asked.put(waveform, np.float32)})
    return {"items": items}


def say(asked: Asked) -> dict[str, Any]:
    """Texts to samples, tokens drawn by a seed."""
    runtime = asked.runtime()
    items = []
    for item in asked.items:
        said = utterances(asked.voice, item["text"], language=item["language"])
        options = SpeakingOptions(language=item["language"], seed=int(item["seed"]))
        speech = speak(asked.voice, runtime, said, options)
        items.append({"waveform": asked.put(speech.waveform, np.float32), "sample_rate": speech.sample_rate})
    return {"items": items}


def listen(asked: Asked) -> dict[str, Any]:
    """Samples to the statistics of who speaks."""
    try:
        from core_model.features.speaker_statistics import speaker_statistics
    except ImportError as error:
        raise RuntimeMissingError(f"to listen, {error.name} is needed and not installed") from error
    items = []
    for item in asked.items:
        statistics = speaker_statistics(asked.floats(item["waveform"]), int(item["sample_rate"]))
        items.append({"statistics": asked.put(statistics, np.float32)})
    return {"items": items}


VERBS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "describe": describe,
    "phonemize": phonemize,
    "tokens": tokens,
    "decode": decode,
    "speak": say,
    "listen": listen,
}


def answer(name: str, verb: str, request: bytes) -> tuple[dict[str, Any], int]:
    """The object to print and the exit code."""
    try:
        if name not in RUNTIMES or verb not in VERBS:
            raise RequestError(f"there is no {name} {verb}")
        document = json.loads(request)
        if not isinstance(document, dict):
            raise RequestError("the request is no object")
        return {"protocol": PROTOCOL, **VERBS[verb](Asked(name, document))}, 0
    except CoreModelError as error:
        return {"protocol": PROTOCOL, "error": str(error), "missing": isinstance(error, RuntimeMissingError)}, 1
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        told = f"{type(error).__name__}: {error}"
        return {"protocol": PROTOCOL, "error": " ".join(told.split()), "missing": False}, 1


def main(arguments: Sequence[str]) -> int:
    """Answer what stands on stdin."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m core_model.runner torch|torchscript|onnx VERB < REQUEST\n")
        return 2
    told, code = answer(arguments[0], arguments[1], sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(told) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
