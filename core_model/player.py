"""Speech from a voice through ONNX Runtime and NumPy alone: no torch, which may not install any more one day.

Knows the exported graphs' inputs (core_model/export/graphs.py draws them); the order of the steps is
`core_model.speaking`'s, the key/value buffer `core_model.continuation`'s. Sends nothing anywhere: since 1.29 ONNX
Runtime reports home by default, which is switched off before it is imported.

    speech = Player(Voice.open(Path("voices/slt"))).synthesize("Good morning.")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from core_model.errors import ExportMissingError, RuntimeMissingError, VoiceError
from core_model.silence import SWITCHES

# Too late to switch anything off: measured, 1.31.1 went on reporting after the variable was set and after its own
# disable_telemetry_events() (docs/LOG.md). What would then be reported is that this voice was loaded, so it is not.
if "onnxruntime" in sys.modules and os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
    raise RuntimeMissingError(
        "ONNX Runtime was loaded by somebody else with its reports switched on: import core_model.player before it, or "
        "start with ORT_DISABLE_TELEMETRY=1"
    )
os.environ.update(SWITCHES)  # read when the library is loaded, so they must stand before the import below

import numpy as np
import onnxruntime

from core_model.continuation import GraphContinuation
from core_model.speaking import SpeakingOptions, Speech, has_exports, speak
from core_model.strict.onnx_graph import require_graph
from core_model.utterances import utterances
from core_model.voice import Array, Floats, Integers, Prompt, Voice

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
    ) -> GraphContinuation:
        """The GPT's first pass; see `Runtime.begin`."""
        return GraphContinuation.begin(self._extend, self._row, phonemes, prompt_tokens, word_features, limit)

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

    def _extend(self, inputs: Mapping[str, Array]) -> tuple[Floats, Floats]:
        logits, new = self._gpt.run(["logits", "new"], dict(inputs))
        return logits, new


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
