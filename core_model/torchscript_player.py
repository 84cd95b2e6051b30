"""Speech from a voice's TorchScript: torch as nothing but a loader, of any release that still reads the format.

Knows the exported graphs' inputs (core_model/export/graphs.py draws them) and none of the networks; the order of the
steps is `core_model.speaking`'s, the key/value buffer `core_model.continuation`'s. Loading TorchScript runs code that
is in the file, so every file is read by `core_model.strict.torch_script` first. Written against torch 1.13 and
everything since; deprecated by torch, so loaded only when asked for.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from core_model.continuation import GraphContinuation
from core_model.errors import ExportMissingError, RuntimeMissingError, VoiceError
from core_model.speaking import has_exports
from core_model.strict.torch_script import require_script
from core_model.voice import Array, Floats, Integers, Prompt, Voice


def _capability() -> str:
    """The instruction set that torch chose, as every release prints it; '' where it does not."""
    found = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    return found[1] if found else ""


class TorchScriptPlayer:
    """A voice's two exported graphs, loaded. Keeps `core_model.speaking.Runtime`.

    *threads* is for the whole process, because torch has no other; 0 leaves it as it is. *directory* holds gpt.pt and
    sovits.pt; without one, the voice's own exports do.
    """

    name = "torchscript"
    version = f"torchscript {torch.__version__} {_capability()}".strip()

    def __init__(self, voice: Voice, *, threads: int = 0, directory: Path | None = None) -> None:
        if not has_exports(voice):
            raise RuntimeMissingError(f"a voice of family {voice.description.family} runs on torch alone")
        if threads:
            torch.set_num_threads(threads)
        directory = directory or voice.exports_directory / "torchscript"
        self._gpt = _load(directory / "gpt.pt")
        self._sovits = _load(directory / "sovits.pt")
        layers, heads, width = (int(str(voice.description.gpt[name])) for name in ("layers", "heads", "width"))
        self._row = (layers, 2, heads, width // heads)

    def begin(
        self, phonemes: Integers, prompt_tokens: Integers, word_features: Floats | None, limit: int
    ) -> GraphContinuation:
        """The GPT's first pass; see `Runtime.begin`."""
        return GraphContinuation.begin(self._extend, self._row, phonemes, prompt_tokens, word_features, limit)

    @torch.no_grad()
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
        scale = np.array(noise_scale, np.float32)
        inputs = (_tensor(array) for array in (tokens[None], phonemes[None], prompt.style, noise, scale))
        waveform: Floats = self._sovits(*inputs).numpy().reshape(-1)
        return waveform

    @torch.no_grad()
    def _extend(self, inputs: Mapping[str, Array]) -> tuple[Floats, Floats]:
        logits, new = self._gpt(*(_tensor(inputs[name]) for name in _GPT_INPUTS if name in inputs))
        return logits.numpy(), new.numpy()


_GPT_INPUTS = ("phonemes", "tokens", "word_features", "first_position", "mask", "past")  # in the graph's order


def _load(path: Path) -> torch.jit.ScriptModule:
    place = f"exports/torchscript/{path.name}"
    if not path.is_file():
        raise ExportMissingError(f"the voice has no torchscript export: {path.name} is missing")
    require_script(path, place)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*`?torch\.jit.*deprecated")  # known, and said in docs/verify.md
        try:
            module: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]
                str(path), map_location="cpu"
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise VoiceError(place, f"torch {torch.__version__} cannot read it: {reason}") from error
    return module.eval()


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(array))  # a copy: torch warns of arrays it must not write to
