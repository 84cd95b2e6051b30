"""Voices that many tests read and none may change: copy the directory before touching it. And no socket is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from core_model.silence import SWITCHES
from tests import silent

if TYPE_CHECKING:
    from core_model.voice import Voice

os.environ.update(SWITCHES)  # some tests import ONNX Runtime before anything of ours does
silent.install()

settings.register_profile("house", deadline=None)  # a busy machine is no failure; pytest's own limit still holds
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin that fails a test for a socket."""
    if not config.pluginmanager.has_plugin("silent"):
        config.pluginmanager.register(silent, "silent")


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
