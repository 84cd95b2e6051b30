"""Networks beside a voice's own that somebody asks for: what makes word features, imported only then.

Knows where it comes from and nothing of what it computes. The runtimes of a voice itself are `core_model.runtimes`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core_model.errors import PretrainedError, RuntimeMissingError
from core_model.voice import Floats


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
