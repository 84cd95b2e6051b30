"""The runtimes that compute a voice's networks, each imported only when it is asked for.

Knows their names and nothing of what they compute. A machine without torch still speaks and verifies through onnx.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core_model.errors import PretrainedError, RuntimeMissingError
from core_model.speaking import Runtime
from core_model.voice import Floats, Voice


def load_runtime(voice: Voice, name: str, *, threads: int = 0) -> Runtime:
    """Return the networks of *voice* on the runtime *name*; *threads* 0 leaves that to it.

    RuntimeMissingError if it is not installed or the voice has no export for it; VoiceError.
    """
    try:
        if name == "torch":
            from core_model.synthesis import TorchRuntime

            return TorchRuntime(voice, threads=threads)
        from core_model.player import Player

        return Player(voice, threads=threads)
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(f"{error.name} is not installed") from error
    except ImportError as error:  # installed, but for another processor or without a library that it needs
        raise RuntimeMissingError(f"{name} is installed and cannot be loaded: {error}") from error


def load_word_features(folder: Path, width: int) -> Callable[[str, tuple[int, ...]], Floats]:
    """Return what makes word features of a normalised text and the phonemes of each of its characters.

    RuntimeMissingError if what it computes with is not installed; PretrainedError, also if it is not *width* wide.
    """
    try:
        from core_model.features.word_features import load

        network = load(folder)
        if network.width != width:
            raise PretrainedError(folder, f"gives {network.width} values for a character, the voice takes {width}")
        return network.of
    except ImportError as error:
        raise RuntimeMissingError(f"word features need torch and transformers: {error}") from error
