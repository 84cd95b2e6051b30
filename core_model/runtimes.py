"""The runtimes that compute a voice's networks, each imported only when it is asked for.

Knows their names and nothing of what they compute. A machine without torch still speaks and verifies through onnx.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core_model.errors import RuntimeMissingError
from core_model.speaking import Runtime
from core_model.voice import Voice

RUNTIMES = ("torch", "torchscript", "onnx")


def version_of(name: str) -> str:
    """Which release of what computes on the runtime *name*, without a voice. RuntimeMissingError."""
    with _missing_told(name):
        version: str = _imported(name).version
    return version


def load_runtime(voice: Voice, name: str, *, threads: int = 0) -> Runtime:
    """Return the networks of *voice* on the runtime *name*; *threads* 0 leaves that to it.

    RuntimeMissingError if it is not installed or the voice has no export for it; VoiceError.
    """
    with _missing_told(name):
        runtime: Runtime = _imported(name)(voice, threads=threads)
    return runtime


def _imported(name: str) -> type[Any]:
    if name == "torch":
        from core_model.synthesis import TorchRuntime

        return TorchRuntime
    if name == "torchscript":
        from core_model.torchscript_player import TorchScriptPlayer

        return TorchScriptPlayer
    from core_model.player import Player

    return Player


@contextmanager
def _missing_told(name: str) -> Iterator[None]:
    """RuntimeMissingError for what is not installed, or cannot be loaded, however late that shows."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(f"{error.name} is not installed") from error
    except ImportError as error:  # installed, but for another processor or without a library that it needs
        raise RuntimeMissingError(f"{name} is installed and cannot be loaded: {error}") from error
