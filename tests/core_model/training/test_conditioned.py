"""What is trained where a style enters: whom it hears, what each recording's loss is made of, and what stays."""

from __future__ import annotations

import pytest
import torch

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import length_mask
from core_model.sovits.losses import pitch_losses
from core_model.training import conditioned
from core_model.training.conditioned import Window, losses_of, window
from core_model.training.dataset import FRAMES_PER_TOKEN, collate
from core_model.training.sovits import mel_loss
from tests.private_examples import tiny_conditioned, tiny_recordings
from tests.tiny_voice import SOVITS, SPECTRAL_SOVITS

pytestmark = pytest.mark.usefixtures("one_thread")
ROWS = 3
BOTH = pytest.mark.parametrize("dims", [SOVITS, SPECTRAL_SOVITS], ids=["hums", "does not"])


def seen() -> Window:
    return window(tiny_recordings(ROWS), range(ROWS), SOVITS.latent, lambda count: bytes(count))


@BOTH
def test_a_row_costs_the_same_alone_and_beside_longer_ones(dims: SoVITSDims) -> None:
    together, module, distance = seen(), tiny_conditioned(dims=dims), mel_loss()
    with torch.no_grad():
        joint = losses_of(module, distance, together)
        assert joint.shape == (ROWS,)
        for row, (piece, *_) in enumerate(tiny_recordings(ROWS)):
            frames, one = FRAMES_PER_TOKEN * len(piece.tokens), slice(row, row + 1)
            alone = Window(
                collate([piece]), together.starts[one], together.noise[one, :, :frames], together.breath[one]
            )
            assert losses_of(module, distance, alone).item() == pytest.approx(joint[row].item(), abs=2e-5)


def test_a_row_also_costs_what_the_style_misses_the_pitch_by(monkeypatch: pytest.MonkeyPatch) -> None:
    given, module, distance = seen(), tiny_conditioned(), mel_loss()
    contour, batch = module.network.pitch_contour, given.batch
    assert contour is not None
    with torch.no_grad():
        whole = losses_of(module, distance, given)
        frames = torch.from_numpy(FRAMES_PER_TOKEN * batch.token_lengths)
        style = torch.from_numpy(module.style()).expand(ROWS, -1, -1)
        said = contour(torch.from_numpy(batch.tokens), style, length_mask(frames, batch.mel.shape[2]))
        missed = pitch_losses(said, torch.from_numpy(batch.f0)[:, None])
        monkeypatch.setattr(conditioned, "_PITCH", 0.0)
        sound = losses_of(module, distance, given)
    assert missed.min() > 0.01
    torch.testing.assert_close(whole - sound, 20 / 45 * missed, atol=1e-5, rtol=1e-4)


@BOTH
def test_what_learns_reads_a_style_and_is_heard(dims: SoVITSDims) -> None:
    module = tiny_conditioned(dims=dims)
    losses_of(module, mel_loss(), seen()).sum().backward()
    names = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[1] for name in names if name.startswith("network.")} == {
        "decoder",
        "flow",
        "style_to_fusion",
    }
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) is (name in names), name


def test_the_style_hears_the_pitch_it_says() -> None:
    """Its gradient is more than that of the sound."""
    found = []
    for voiced in (1.0, 0.0):
        module, given = tiny_conditioned(), seen()
        contour = module.network.pitch_contour
        assert contour is not None
        tokens = torch.from_numpy(given.batch.tokens)
        ones = torch.ones(ROWS, 1, requires_grad=True)
        style = module.start + module.offset(ones)[:, :, None]
        f0 = torch.from_numpy(given.batch.f0)[:, None] * voiced
        pitch_losses(contour(tokens, style, None), f0).sum().backward()
        found.append(module.offset.weight.grad.abs().max().item())
    assert found[0] > 1e-3
    assert found[1] == 0
