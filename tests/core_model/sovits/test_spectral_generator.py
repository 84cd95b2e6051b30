"""The decoder's lengths, and what its head says."""

from __future__ import annotations

import pytest
import torch

from core_model.sovits.dims import ISTFTDims
from core_model.sovits.spectral_generator import SpectralGenerator


@pytest.mark.parametrize(("latent_hop", "frames"), [(320, 1), (320, 7), (160, 5)])
def test_every_frame_becomes_its_samples(latent_hop: int, frames: int) -> None:
    decoder = SpectralGenerator(6, 4, latent_hop, ISTFTDims(width=8, blocks=1))
    assert decoder(torch.randn(2, 6, frames), torch.randn(2, 4, 1)).shape == (2, 1, frames * latent_hop)


def test_the_two_spectral_frames_of_a_latent_frame_differ() -> None:
    """Repeating a latent frame would give both the same entry, and a buzz at the latent rate."""
    torch.manual_seed(0)
    decoder = SpectralGenerator(6, 4, 320, ISTFTDims(width=8, blocks=1))
    entered = decoder.entry(torch.randn(1, 6, 1)).reshape(8, 2)
    assert (entered[:, 0] - entered[:, 1]).abs().min() > 0


def test_autocast_leaves_the_inverse_in_float32() -> None:
    torch.manual_seed(0)
    decoder = SpectralGenerator(6, 4, 320, ISTFTDims(width=8, blocks=1))
    z, style = torch.randn(1, 6, 9), torch.randn(1, 4, 1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        hidden_kind = decoder.blocks[0](torch.randn(1, 8, 4)).dtype
        waveform = decoder(z, style)
    assert waveform.dtype == torch.float32
    assert hidden_kind == torch.float32  # residual sums are kept in float32 too
    torch.testing.assert_close(waveform, decoder(z, style).detach(), atol=2e-3, rtol=0.2)


def test_an_untrained_magnitude_cannot_overflow() -> None:
    decoder = SpectralGenerator(6, 4, 320, ISTFTDims(width=8, blocks=1))
    with torch.no_grad():
        decoder.head.bias.fill_(1e4)
        assert torch.isfinite(decoder(torch.randn(1, 6, 3), torch.randn(1, 4, 1))).all()


def test_the_head_is_log_magnitudes_and_phases() -> None:
    torch.manual_seed(0)
    decoder = SpectralGenerator(6, 4, 320, ISTFTDims(width=8, blocks=1))
    z, style = torch.randn(1, 6, 5), torch.randn(1, 4, 1)
    seen = []
    decoder.head.register_forward_hook(lambda _module, _given, out: seen.append(out))
    waveform = decoder(z, style)
    log_magnitude, phase = seen[0].double().chunk(2, 2)
    spectrum = torch.polar(log_magnitude.exp(), phase).to(torch.complex64)
    torch.testing.assert_close(waveform, decoder.inverse(spectrum.real, spectrum.imag), atol=1e-5, rtol=1e-4)
