"""The speaker network at tiny dims against the slow obvious computation, and the files that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.errors import AudioError, PretrainedError
from core_model.features import speaker_vector
from core_model.features.kaldi_filterbank import kaldi_filterbank
from core_model.features.speaker_vector import AttentionalFusion, Block, SpeakerDims, SpeakerNetwork
from core_model.upstream import companion_shapes, names

TINY = SpeakerDims(
    mel_bins=80, channels=4, widths=(2, 3, 4, 5), blocks=(1, 2, 2, 1), branches=3, outputs=(6, 8, 8, 12), squeeze=2
)


def lively(network: nn.Module) -> nn.Module:
    """Every weight and every statistic of a norm drawn at random."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in network.state_dict().items():
            if name.endswith("running_var"):
                values.copy_(0.5 + torch.rand(values.shape, generator=generator))
            elif values.is_floating_point():
                fan = max(1, values[0].numel()) if values.dim() > 1 else 4
                values.copy_(torch.randn(values.shape, generator=generator) / fan**0.5)
    return network.eval()


def norm(x: Tensor, of: nn.Module) -> Tensor:
    shape = (1, -1, 1, 1)
    centred = (x - of.running_mean.view(shape)) / torch.sqrt(of.running_var.view(shape) + 1e-5)
    return centred * of.weight.view(shape) + of.bias.view(shape)


def slow_fusion(fusion: AttentionalFusion, x: Tensor, y: Tensor) -> Tensor:
    first, first_norm, _, second, second_norm = fusion.weigh
    hidden = norm(F.conv2d(torch.cat([x, y], 1), first.weight, first.bias), first_norm)
    weights = torch.tanh(norm(F.conv2d(hidden * torch.sigmoid(hidden), second.weight, second.bias), second_norm))
    return x * (1 + weights) + y * (1 - weights)


def slow_block(block: Block, x: Tensor, stride: int) -> Tensor:
    wide = norm(F.conv2d(x, block.narrow.weight, stride=stride), block.narrow_norm).clamp(0, 20)
    width = wide.shape[1] // len(block.branches)
    outputs: list[Tensor] = []
    for index in range(len(block.branches)):
        share = wide[:, index * width : (index + 1) * width]
        if index and len(block.fusions):
            share = slow_fusion(block.fusions[index - 1], outputs[-1], share)
        elif index:
            share = outputs[-1] + share
        convolved = F.conv2d(share, block.branches[index].weight, padding=1)
        outputs.append(norm(convolved, block.branch_norms[index]).clamp(0, 20))
    widened = norm(F.conv2d(torch.cat(outputs, 1), block.widen.weight), block.widen_norm)
    passed = x
    if not isinstance(block.shortcut, nn.Identity):
        passed = norm(F.conv2d(x, block.shortcut[0].weight, stride=stride), block.shortcut[1])
    return (widened + passed).clamp(0, 20)


@torch.inference_mode()
def test_the_slow_computation() -> None:
    network = lively(SpeakerNetwork(TINY))
    filterbank = torch.randn(1, 37, 80, generator=torch.Generator().manual_seed(2))
    x = norm(F.conv2d(filterbank.transpose(1, 2)[:, None], network.entry.weight, padding=1), network.entry_norm)
    x = x.clamp(0, 20)
    for index, stage in enumerate(network.stages):
        before = x
        for number, block in enumerate(stage):
            assert (len(block.fusions) > 0) == (index >= 2)
            x = slow_block(block, x, 2 if index and not number else 1)
    lowered = F.conv2d(before, network.downsample.weight, stride=2, padding=1)
    fused = slow_fusion(network.fusion, x, lowered)  # (1, C, H, T)
    expected = torch.stack([fused[0, channel, row].mean() for channel in range(12) for row in range(10)])
    torch.testing.assert_close(network(filterbank)[0], expected, rtol=1e-4, atol=1e-5)
    assert TINY.vector == expected.numel() == 120


def test_the_released_sizes() -> None:
    with torch.device("meta"):
        network = SpeakerNetwork(SpeakerDims())
    found = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    upstream = companion_shapes.speaker_vector()
    table = names.all_to_ours("speaker_vector", upstream)
    assert found == {table[name]: tuple(shape) for name, shape in upstream.items()}
    assert SpeakerDims().vector == 20_480


def test_a_waveform_goes_through_the_filterbank() -> None:
    network = lively(SpeakerNetwork(TINY))
    waveform = (0.1 * np.random.default_rng(1).standard_normal(8_000)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(kaldi_filterbank(waveform))[None])
    assert torch.equal(network.vector(waveform), expected)
    with pytest.raises(AudioError):
        network.vector(waveform[:100])


def write(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    def zeros(name: str, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=torch.int64 if name.endswith("num_batches_tracked") else torch.float16)

    torch.save({name: zeros(name, tuple(shape)) for name, shape in shapes.items()}, path)
    return path


def test_upstreams_file(tmp_path: Path) -> None:
    network = speaker_vector.load(write(tmp_path / "sv.ckpt", companion_shapes.speaker_vector()))
    assert not network.training
    assert network.vector(np.ones(1_600, np.float32)).shape == (1, 20_480)


def test_files_that_are_refused(tmp_path: Path) -> None:
    shapes = companion_shapes.speaker_vector()
    shapes.pop("layer3_ds.weight")
    for path in (write(tmp_path / "a", shapes), write(tmp_path / "b", {"x": (1,)})):
        with pytest.raises(PretrainedError, match=str(path)):
            speaker_vector.load(path)
