"""Who speaks, in 20,480 numbers: ERes2NetV2, the network that v2Pro and v2ProPlus take a speaker vector from.

Knows filterbanks and nothing of voices. Upstream reads the network before its pooling: the fused map of the two last
stages, averaged over time and not normalised. Reference: Chen 2024 (ERes2NetV2, "boosting short-duration speaker
verification performance"); INFERENCE.md §1c.
B batch, F frames, M mel bins, C channels, H = M / 8 rows of the last map.

    (B, F, M) ─▶ entry ─▶ stage 1 ─▶ 2 ─▶ 3 ─┬─▶ 4 ──────────┐
                                             └─▶ downsample ─▶ fusion ─▶ (B, C, H, T) ─▶ mean over T ─▶ (B, C · H)

    load(Path("sv/pretrained_eres2netv2w24s4ep4.ckpt")).vector(waveform)   # (N,) at 16 kHz -> (1, 20480)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_model.errors import CheckpointError, PretrainedError
from core_model.features.kaldi_filterbank import kaldi_filterbank
from core_model.upstream import names
from core_model.upstream.checkpoint import read_checkpoint


@dataclass(frozen=True, slots=True)
class SpeakerDims:
    """Sizes; the defaults are upstream's (baseWidth 24, scale 4, expansion 4)."""

    mel_bins: int = 80
    channels: int = 64  # of the entry
    widths: tuple[int, ...] = (24, 48, 96, 192)  # of one branch of a block, by stage
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    branches: int = 4
    outputs: tuple[int, ...] = (256, 512, 1024, 2048)  # channels behind a block, by stage
    squeeze: int = 4  # how much narrower a fusion's attention is than what it fuses
    fused_from: int = 2  # the first stage whose branches are fused by attention, not added
    embedding: int = 192  # of the classifier's head, which upstream's files hold and nothing here computes

    @property
    def vector(self) -> int:
        """Length of a speaker vector."""
        return self.outputs[-1] * (self.mel_bins // 8)


class ClippedReLU(nn.Hardtanh):
    """Between 0 and 20, as this network was trained."""

    def __init__(self) -> None:
        super().__init__(0.0, 20.0)


class AttentionalFusion(nn.Module):
    """Two maps to one: what each contributes is decided for every point by a small network that sees both."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        inner = channels // squeeze
        self.weigh = nn.Sequential(
            nn.Conv2d(2 * channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.SiLU(),
            nn.Conv2d(inner, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(B, C, H, T) twice -> (B, C, H, T)."""
        share: Tensor = torch.tanh(self.weigh(torch.cat((x, y), dim=1)))
        return x * (1.0 + share) + y * (1.0 - share)


class Block(nn.Module):
    """A bottleneck whose middle is a chain of branches, each fed with its share and with what came before it."""

    def __init__(self, entering: int, width: int, leaving: int, stride: int, dims: SpeakerDims, *, fused: bool) -> None:
        super().__init__()
        wide = width * dims.branches
        self.narrow = nn.Conv2d(entering, wide, 1, stride, bias=False)
        self.narrow_norm = nn.BatchNorm2d(wide)
        self.branches = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(dims.branches))
        self.branch_norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(dims.branches))
        self.fusions = nn.ModuleList()
        if fused:
            self.fusions.extend(AttentionalFusion(width, dims.squeeze) for _ in range(dims.branches - 1))
        self.widen = nn.Conv2d(wide, leaving, 1, bias=False)
        self.widen_norm = nn.BatchNorm2d(leaving)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or entering != leaving:
            self.shortcut = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))
        self.activation = ClippedReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, T) -> (B, C', H / stride, T / stride)."""
        shares = self.activation(self.narrow_norm(self.narrow(x))).chunk(len(self.branches), dim=1)
        done: list[Tensor] = []
        for index, (branch, norm) in enumerate(zip(self.branches, self.branch_norms, strict=True)):
            share = shares[index]
            if done and len(self.fusions):
                share = self.fusions[index - 1](done[-1], share)
            elif done:
                share = done[-1] + share
            done.append(self.activation(norm(branch(share))))
        x = self.widen_norm(self.widen(torch.cat(done, dim=1))) + self.shortcut(x)
        left: Tensor = self.activation(x)
        return left


class SpeakerNetwork(nn.Module):
    """ERes2NetV2 up to its fused map."""

    def __init__(self, dims: SpeakerDims) -> None:
        super().__init__()
        self.dims = dims
        self.entry = nn.Conv2d(1, dims.channels, 3, padding=1, bias=False)
        self.entry_norm = nn.BatchNorm2d(dims.channels)
        channels = (dims.channels, *dims.outputs)
        self.stages = nn.ModuleList(
            _stage(entering, leaving, index, dims) for index, (entering, leaving) in enumerate(pairwise(channels))
        )
        self.downsample = nn.Conv2d(dims.outputs[-2], dims.outputs[-1], 3, 2, padding=1, bias=False)
        self.fusion = AttentionalFusion(dims.outputs[-1], dims.squeeze)
        self.classifier = nn.Linear(2 * dims.vector, dims.embedding)  # never called: upstream's file holds it
        self.activation = ClippedReLU()

    def forward(self, filterbank: Tensor) -> Tensor:
        """(B, F, M) -> (B, vector)."""
        x = self.activation(self.entry_norm(self.entry(filterbank.transpose(1, 2)[:, None])))  # (B, C, M, F)
        before = x
        for stage in self.stages:
            before, x = x, stage(x)
        fused: Tensor = self.fusion(x, self.downsample(before))  # (B, C, H, T)
        return fused.flatten(1, 2).mean(-1)

    @torch.inference_mode()
    def vector(self, waveform: NDArray[np.float32]) -> Tensor:
        """(N,) at 16 kHz in ±1 -> (1, vector). AudioError if it is too short."""
        found: Tensor = self(torch.from_numpy(kaldi_filterbank(waveform))[None])
        return found


def _stage(entering: int, leaving: int, index: int, dims: SpeakerDims) -> nn.Sequential:
    width, fused = dims.widths[index], index >= dims.fused_from
    first = Block(entering, width, leaving, 1 if index == 0 else 2, dims, fused=fused)
    more = (Block(leaving, width, leaving, 1, dims, fused=fused) for _ in range(dims.blocks[index] - 1))
    return nn.Sequential(first, *more)


def load(path: Path) -> SpeakerNetwork:
    """The network of upstream's file *path*, in float32, ready to listen. PretrainedError if it is another file."""
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        raise PretrainedError(path, str(error)) from error
    if checkpoint.kind != "speaker_vector":
        raise PretrainedError(path, f"it is a {checkpoint.kind} file, not the speaker-vector network")
    table = names.all_to_ours("speaker_vector", checkpoint.tensors)
    with torch.device("meta"):
        network = SpeakerNetwork(SpeakerDims())
    weights = {table[name]: torch.from_numpy(values) for name, values in checkpoint.tensors.items()}
    network.load_state_dict(
        {name: values.float() if values.is_floating_point() else values for name, values in weights.items()},
        strict=True,
        assign=True,
    )
    return network.eval()
