"""Voices that many tests read and none may change: copy the directory before touching it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from core_model.voice import Voice


settings.register_profile("house", deadline=None)  # a busy machine is no failure; pytest's own limit still holds
settings.load_profile("house")


@pytest.fixture(scope="session")
def tiny_voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """A tiny aligned voice with golden outputs and both exports."""
    from tests.tiny_voice import make_tiny_voice  # imports torch, which tests of bytes and text need not wait for

    return make_tiny_voice(tmp_path_factory.mktemp("voices") / "ada", exports=True)


@pytest.fixture(scope="session")
def tiny_quantizer_voice(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """The other kind: tokens of a quantizer, word features, a prompt with words, transposed convolutions."""
    from tests.tiny_voice import make_tiny_voice

    return make_tiny_voice(tmp_path_factory.mktemp("voices") / "quentin", seed=2, quantizer=True, exports=True)


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Torch on one thread: for tests that compare numbers."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
