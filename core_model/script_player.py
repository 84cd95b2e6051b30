"""Speech from a voice's TorchScript: the graphs as some torch once wrote them, run by the libtorch that is here.

Knows the exported graphs' inputs (core_model/export/graphs.py draws them); the buffer of keys and values is the
player's. A file of another time can end the process (torch 1.9 reading newer traces: SIGABRT), so whoever runs one that
this machine did not write does so in a process of its own: lifecycle.old_exports.

    runtime = ScriptPlayer(voice, directory=voice.exports_directory / "torchscript")
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core_model.errors import ExportMissingError, RuntimeMissingError, VoiceError
from core_model.export.graphs import GPT_OUTPUTS, SOVITS_INPUTS, SOVITS_OUTPUTS, gpt_inputs
from core_model.gpt import GPTDims
from core_model.player import PlayerContinuation, prefix_mask
from core_model.speaking import has_exports
from core_model.strict.torch_script import require_script
from core_model.voice import Array, Floats, Integers, Prompt, Voice


class ScriptPlayer:
    """Both graphs, loaded. Keeps `core_model.speaking.Runtime`. *threads* 0 leaves that to torch."""

    name = "torchscript"
    version = f"TorchScript on torch {torch.__version__}"

    def __init__(self, voice: Voice, *, threads: int = 0, directory: Path | None = None) -> None:
        if not has_exports(voice):
            raise RuntimeMissingError(f"a voice of family {voice.description.family} runs on torch alone")
        if threads:
            torch.set_num_threads(threads)
        place = directory or voice.exports_directory / "torchscript"
        dims = GPTDims(**voice.description.gpt)  # type: ignore[arg-type]  # voice.json was checked field by field
        self._gpt = Script(place / "gpt.pt", gpt_inputs(dims), GPT_OUTPUTS)
        self._sovits = Script(place / "sovits.pt", SOVITS_INPUTS, SOVITS_OUTPUTS)
        self._row = (dims.layers, 2, dims.heads, dims.width // dims.heads)

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
        inputs: dict[str, Array] = {
            "tokens": tokens[None],
            "phonemes": phonemes[None],
            "style": prompt.style,
            "noise": noise,
            "noise_scale": np.array(noise_scale, np.float32),
        }
        return self._sovits.run(SOVITS_OUTPUTS, inputs)[0].reshape(-1).astype(np.float32)


class Script:
    """One graph, called as ONNX Runtime calls its own: names of outputs and arrays by the names of inputs."""

    def __init__(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        place = f"{path.parent.name}/{path.name}"
        if not path.is_file():
            raise ExportMissingError(f"there is no {place}")
        require_script(path, place)
        self._inputs, self._outputs = inputs, outputs
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is deprecated.*")
                self._module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            told = str(error).strip().splitlines()[0][:200]
            raise VoiceError(place, f"is not what torch {torch.__version__} can read: {told}") from error

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """The *outputs* for the *inputs*, each by its name."""
        given = [torch.from_numpy(np.array(inputs[name])) for name in self._inputs]
        with torch.no_grad():
            found = self._module(*given)
        named: dict[str, Tensor] = dict(
            zip(self._outputs, (found,) if isinstance(found, Tensor) else found, strict=True)
        )
        return [named[name].numpy() for name in outputs]
