"""Speech from a voice through ONNX Runtime and NumPy alone: no torch, which may not install any more one day.

Knows the exported graphs' inputs (core_model/export/graphs.py draws them) and keeps the key/value buffer; the order of
the steps is `core_model.speaking`'s. Sends nothing anywhere: since 1.29 ONNX Runtime reports home by default, which
is switched off before it is imported.

    speech = Player(Voice.open(Path("voices/slt"))).synthesize("Good morning.")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded, so it must stand before the import below

import numpy as np
import numpy.typing as npt
import onnxruntime

from core_model.errors import ExportMissingError, RuntimeMissingError, VoiceError
from core_model.speaking import SpeakingOptions, Speech, has_exports, speak
from core_model.strict.onnx_graph import require_graph
from core_model.utterances import utterances
from core_model.voice import Floats, Integers, Prompt, Voice

_DAMAGED = onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf  # no age of a runtime explains that
_OLD_OR_STRANGE = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
)


class Player:
    """A voice's two exported graphs, loaded. Keeps `core_model.speaking.Runtime`. *threads* 0: one for each core."""

    name = "onnx"
    version = f"onnxruntime {onnxruntime.__version__}"

    def __init__(self, voice: Voice, *, threads: int = 0) -> None:
        if not has_exports(voice):
            raise RuntimeMissingError(f"a voice of family {voice.description.family} runs on torch alone")
        directory = voice.exports_directory / "onnx"
        self._voice = voice
        self._gpt = _session(directory / "gpt.onnx", threads)
        self._sovits = _session(directory / "sovits.onnx", threads)
        layers, _, heads, width = self._gpt.get_inputs()[-1].shape[1:]
        self._row: tuple[int, ...] = (layers, 2, heads, width)

    def synthesize(
        self,
        text: str | None = None,
        *,
        phonemes: str | None = None,
        options: SpeakingOptions | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Speech:
        """Speak *text*, or *phonemes* written as text. Raises TextError and its kinds."""
        options = options or SpeakingOptions()
        said = utterances(self._voice, text, phonemes=phonemes, language=options.language, cut=options.cut)
        return speak(self._voice, self, said, options, progress)

    def begin(
        self, phonemes: Integers, prompt_tokens: Integers, word_features: Floats | None, limit: int
    ) -> PlayerContinuation:
        """The GPT's first pass; see `Runtime.begin`."""
        capacity = phonemes.size + prompt_tokens.size + limit
        continuation = PlayerContinuation(self._gpt, np.empty((capacity, *self._row), np.float32), word_features)
        continuation.extend(phonemes, prompt_tokens, 0, prefix_mask(phonemes.size, prompt_tokens.size))
        return continuation

    def decode(
        self,
        tokens: Integers,
        phonemes: Integers,
        prompt: Prompt,
        noise: Floats,
        noise_scale: float,
        speed: float,
        steps: int | None = None,
    ) -> Floats:
        """SoVITS; see `Runtime.decode`. The speed is in the length of the noise, and there are no steps."""
        inputs = {
            "tokens": tokens[None],
            "phonemes": phonemes[None],
            "style": prompt.style,
            "noise": noise,
            "noise_scale": np.array(noise_scale, np.float32),
        }
        waveform: Floats = self._sovits.run(["waveform"], inputs)[0].reshape(-1)
        return waveform


class Session(Protocol):
    """A loaded graph: ONNX Runtime's, or whatever is called in the same way."""

    def run(self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """The *outputs* for the *inputs*, each by its name."""


class PlayerContinuation:
    """One sentence half spoken: the keys and values of all rows so far, in a buffer allocated once."""

    def __init__(self, session: Session, buffer: Floats, word_features: Floats | None) -> None:
        self._session = session
        self._buffer = buffer  # (capacity, L, 2, H, D)
        self._length = 0
        self._word_features = None if word_features is None else word_features[None]  # (1, P, F)
        self.logits: Floats = np.empty(0, np.float32)

    def step(self, token: int, position: int) -> Floats:
        """(V,) after *token*; see `Continuation.step`."""
        mask = np.ones((1, 1, 1, self._length + 1), np.bool_)
        return self.extend(np.empty(0, np.int64), np.array([token], np.int64), position, mask)

    def extend(self, phonemes: Integers, tokens: Integers, first_position: int, mask: npt.NDArray[np.bool_]) -> Floats:
        """Run the graph on new rows, remember them, return the logits after the last."""
        inputs = {
            "phonemes": phonemes[None],
            "tokens": tokens[None],
            "first_position": np.array(first_position, np.int64),
            "mask": mask,
            "past": self._buffer[: self._length],  # a view: nothing is copied
        }
        if self._word_features is not None:
            inputs["word_features"] = self._word_features[:, : phonemes.size]
        logits, new = self._session.run(["logits", "new"], inputs)
        self._buffer[self._length : self._length + len(new)] = new
        self._length += len(new)
        self.logits = logits[0]
        return self.logits


def prefix_mask(phonemes: int, tokens: int) -> npt.NDArray[np.bool_]:
    """(1, 1, R, R), True where a row may look: at all phonemes, and tokens also at tokens up to their own."""
    row, column = np.ogrid[: phonemes + tokens, : phonemes + tokens]
    return ((column < phonemes) | ((row >= phonemes) & (column <= row)))[None, None]


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ExportMissingError(f"the voice has no {path.parent.name} export: {path.name} is missing")
    if not path.stat().st_size:
        raise VoiceError(f"exports/onnx/{path.name}", "is empty")
    require_graph(path, f"exports/onnx/{path.name}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only: nobody who wants to hear a voice can act on warnings
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _DAMAGED as error:
        raise VoiceError(f"exports/onnx/{path.name}", "is no ONNX file") from error
    except _OLD_OR_STRANGE as error:
        raise RuntimeMissingError(f"ONNX Runtime {onnxruntime.__version__} cannot read {path}: {error}") from error
