"""From the embedded base to one person, in as few steps as show that it is done as it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.nano import base
from core_model.nano.dims import SOVITS_DIMS
from core_model.training.adaptation import Adaptation, adapt, rounded, style_of
from core_model.training.dataset import Dataset
from core_model.training.schedule import Progress
from tests.core_model.training.tiny import tiny_sovits, utterance

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tuned(
    tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> tuple[base.Base, base.Base, list[Progress], Path]:
    """(the base, tuned), (the base as it was), what was told, the work directory."""
    work = tmp_path_factory.mktemp("work")
    told: list[Progress] = []
    networks = base.load()
    dataset = Dataset([utterance(0, 8), utterance(1, 9)])
    adapt(networks, dataset, Adaptation(gpt_steps=1, sovits_steps=2), work, told.append)
    return networks, base.load(), told, work


Tuned = tuple[base.Base, base.Base, list[Progress], Path]


def moved(a: torch.nn.Module, b: torch.nn.Module) -> dict[str, bool]:
    other = b.state_dict()
    return {name: not torch.equal(tensor, other[name]) for name, tensor in a.state_dict().items()}


def test_both_stages_run_and_leave_a_checkpoint(tuned: Tuned) -> None:
    _, _, told, work = tuned
    assert [(progress.stage, progress.step) for progress in told] == [("gpt", 1), ("sovits", 1), ("sovits", 2)]
    assert sorted(path.name for path in work.iterdir()) == [
        "gpt.checkpoint.safetensors",
        "sovits.checkpoint.safetensors",
    ]
    assert all(np.isfinite(list(progress.losses.values())).all() for progress in told)


def test_only_the_decoder_its_pitch_and_the_gpt_move(tuned: Tuned) -> None:
    networks, untuned, _, _ = tuned
    changed = moved(networks.sovits, untuned.sovits)
    decoder = {name for name in changed if name.startswith(("decoder.", "pitch_contour."))}
    assert any(changed[name] for name in decoder if name.startswith("pitch_contour."))
    assert 10 < len(decoder) < len(changed)
    assert not any(changed[name] for name in changed.keys() - decoder)
    assert sum(changed[name] for name in decoder) > 0.9 * len(decoder)
    assert sum(moved(networks.gpt, untuned.gpt).values()) > 10


def test_weights_rest_as_float16(tuned: Tuned) -> None:
    networks, *_ = tuned
    weights = rounded(networks.gpt)
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float16)}
    assert weights.keys() == networks.gpt.state_dict().keys()


def test_the_style_is_the_mean_over_examples() -> None:
    network = tiny_sovits().eval()
    a, b = utterance(0, 5), utterance(1, 6)
    apart = style_of(network, [a]), style_of(network, [b])
    together = style_of(network, [a, b])
    assert together.shape == (1, network.dims.style, 1)
    np.testing.assert_allclose(together, (apart[0] + apart[1]) / 2, atol=1e-6)
    assert np.abs(apart[0] - apart[1]).max() > 1e-3


def test_the_base_is_what_its_dims_say_and_knows_its_people() -> None:
    loaded = base.load()
    assert loaded.sovits.dims == SOVITS_DIMS
    assert loaded.stock_styles.shape[1:] == (SOVITS_DIMS.style, 1)
    assert len(loaded.stock_styles) >= 20
    assert loaded.sha256 == base.digest()
    assert base.FILE.stat().st_size < 40_000_000  # DESIGN §10
