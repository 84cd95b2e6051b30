"""Fine-tunes SoVITS from upstream's base: v1, v2, v2Pro and v2ProPlus, against their own judges.

Read once, from top to bottom. Judges are heard from the first step; least squares, feature matching, 45 times the
distance of 128 mel bands, KL; AdamW at 1e-4, less by a share of 1.25e-4 each epoch, and at 0.4 of it for the parts that
read phonemes. Codes come from the base's quantizer, which never moves: with it moved, the GPT would speak another
language than the decoder understands. No gradient is clipped. Reference: INFERENCE.md §8. Resumable: see
core_model.training.checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core_model.features import audio
from core_model.sovits import losses
from core_model.sovits.discriminator import MultiPeriodDiscriminator
from core_model.sovits.layers import take_frames
from core_model.sovits.synthesizer import SoVITS, TrainingForward
from core_model.training import checkpoint
from core_model.training.fine_tuning.utterances import FFT, HOP, SAMPLE_RATE, SLICE_FRAMES, Batch, Utterances
from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.schedule import Progress, Report, silent

MEL_BANDS = 128
MEL_WEIGHT = 45.0
READING_PARTS = ("text_encoder.phoneme_embedding.", "text_encoder.phoneme_encoder.", "text_encoder.fusion.")
_DECAY = 0.999875  # of the learning rate, each epoch
_TORCH_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class SoVITSPlan:
    """How much SoVITS and its judges learn."""

    steps: int
    batch_size: int = 4
    learning_rate: float = 1e-4
    reading_share: float = 0.4  # of the learning rate, for the parts that read phonemes
    steps_per_epoch: int = 100  # what is left of a short dataset that upstream repeats up to 100 utterances
    seed: int = 0
    bfloat16: bool = False
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every: int = 50
    keeper: Keeper = IN_THE_CLEAR


class MelBands(nn.Module):
    """Log mel bands of the families' linear spectrogram, of what was spoken and of what was made."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        filters = audio.mel_filterbank(SAMPLE_RATE, FFT, MEL_BANDS)
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)  # (M, bins)
        self.register_buffer("window", torch.hann_window(FFT, periodic=True), persistent=False)

    def of_spectrogram(self, spectrogram: Tensor) -> Tensor:
        """(B, bins, F) -> (B, M, F)."""
        return torch.log(torch.clamp(torch.matmul(self.filters, spectrogram.float()), min=1e-5))

    def of_waveform(self, waveform: Tensor) -> Tensor:
        """(B, 1, F * HOP) -> (B, M, F), mirrored at both ends."""
        with torch.autocast(waveform.device.type, enabled=False):
            padding = (FFT - HOP) // 2
            padded = nn.functional.pad(waveform.float(), (padding, padding), mode="reflect")[:, 0]
            spectrum = torch.stft(padded, FFT, HOP, window=self.window, center=False, return_complex=True)
            return self.of_spectrogram(torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8))


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One batch through the network: what came out, and what it should sound like."""

    out: TrainingForward
    real: Tensor = field(repr=False)  # (B, 1, N) the slices that were spoken
    real_mel: Tensor = field(repr=False)  # (B, M, SLICE_FRAMES)
    generated: Tensor = field(repr=False)  # (B, 1, N) float32


def train(
    network: SoVITS,
    judges: MultiPeriodDiscriminator,
    utterances: Utterances,
    plan: SoVITSPlan,
    report: Report = silent,
) -> None:
    """Fine-tune *network* and *judges* in place, going on from `plan.checkpoint` if it exists."""
    network.to(plan.device).train()
    judges.to(plan.device).train()
    network.quantizer.requires_grad_(False).eval()
    bands = MelBands().to(plan.device)
    optimizer = torch.optim.AdamW(list(_groups(network, plan)), betas=(0.8, 0.99), eps=1e-9)
    judges_optimizer = torch.optim.AdamW(judges.parameters(), betas=(0.8, 0.99), eps=1e-9)
    networks: dict[str, nn.Module] = {"sovits": network, "judges": judges}
    optimizers: dict[str, torch.optim.Optimizer] = {"adamw": optimizer, "judges_adamw": judges_optimizer}
    start = checkpoint.load(plan.checkpoint, networks, optimizers, plan.keeper) if plan.checkpoint else 0
    for step in range(start, plan.steps):
        rate = plan.learning_rate * _DECAY ** (step // plan.steps_per_epoch)
        groups = (*optimizer.param_groups, *judges_optimizer.param_groups)
        for group, share in zip(groups, (1.0, plan.reading_share, 1.0), strict=True):
            group["lr"] = rate * share
        made = _forward(network, bands, utterances, plan, step)
        told = _teach(judges, judges_optimizer, made, plan)
        loss, parts = _loss(judges, bands, made, plan)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report(Progress("sovits", step + 1, plan.steps, parts | told))
        if plan.checkpoint and ((step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps):
            checkpoint.save(plan.checkpoint, step + 1, networks, optimizers, plan.keeper)
    network.eval()


def _groups(network: SoVITS, plan: SoVITSPlan) -> Iterator[dict[str, object]]:
    """Two groups of parameters: all that moves, and the parts that read phonemes."""
    moving = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    yield {"params": [p for name, p in moving if not name.startswith(READING_PARTS)], "lr": plan.learning_rate}
    yield {"params": [p for name, p in moving if name.startswith(READING_PARTS)], "lr": plan.learning_rate}


def _autocast(plan: SoVITSPlan) -> torch.autocast:
    return torch.autocast(plan.device, dtype=torch.bfloat16, enabled=plan.bfloat16)


def _forward(network: SoVITS, bands: MelBands, utterances: Utterances, plan: SoVITSPlan, step: int) -> _Pass:
    """The batch of *step* through the network; its slices, its noise and its dropout are drawn by (seed, step) too."""
    rng = np.random.Generator(np.random.Philox(key=[plan.seed, step], counter=1))
    batch = utterances.batch(plan.seed, step, plan.batch_size)
    starts = np.array([int(rng.integers(0, frames - SLICE_FRAMES + 1)) for frames in batch.frame_lengths])
    shape = (len(starts), network.dims.latent, batch.spectrogram.shape[2])
    noise = rng.standard_normal(shape, dtype=np.float32)
    spectrogram, slice_starts = _tensor(batch.spectrogram, plan), _tensor(starts, plan)
    vectors = None if batch.speaker_vectors is None else _tensor(batch.speaker_vectors, plan)
    with torch.random.fork_rng(devices=[]), _autocast(plan):
        torch.manual_seed(int(rng.integers(_TORCH_SEEDS)))
        out: TrainingForward = network(
            _tensor(batch.codes, plan),
            _tensor(batch.code_lengths, plan),
            _tensor(batch.phonemes, plan),
            _tensor(batch.phoneme_lengths, plan),
            spectrogram,
            _tensor(batch.frame_lengths, plan),
            _tensor(noise, plan),
            slice_starts,
            SLICE_FRAMES,
            vectors,
        )
    real_mel = take_frames(bands.of_spectrogram(spectrogram), slice_starts, SLICE_FRAMES)
    return _Pass(out, _tensor(_slices(batch, starts), plan), real_mel, out.waveform.float())


def _slices(batch: Batch, starts: np.ndarray) -> np.ndarray:
    samples = SLICE_FRAMES * HOP
    rows = zip(batch.waveform, starts * HOP, strict=True)
    return np.stack([row[start : start + samples] for row, start in rows])[:, None]


def _teach(
    judges: MultiPeriodDiscriminator, optimizer: torch.optim.Optimizer, made: _Pass, plan: SoVITSPlan
) -> dict[str, float]:
    """One step of the judges: real speech towards 1, generated towards 0."""
    with _autocast(plan):
        real_seen, generated_seen = judges.compare(made.real, made.generated.detach())
    judged = losses.discriminator_loss(real_seen, generated_seen)
    optimizer.zero_grad(set_to_none=True)
    judged.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {"judges": judged.item()}


def _loss(
    judges: MultiPeriodDiscriminator, bands: MelBands, made: _Pass, plan: SoVITSPlan
) -> tuple[Tensor, dict[str, float]]:
    """What SoVITS minimises. The judges, who were just taught, learn nothing from it."""
    out = made.out
    mel = (made.real_mel - bands.of_waveform(made.generated)).abs().mean()
    kl = losses.kl_loss(out.z_p, out.posterior_log_scale, out.mean, out.log_scale, out.mask)
    judges.requires_grad_(False)
    with _autocast(plan):
        real_seen, generated_seen = judges.compare(made.real, made.generated)
    judges.requires_grad_(True)
    fooled = losses.adversarial_loss(generated_seen)
    matching = losses.feature_matching_loss(real_seen, generated_seen)
    told = {"mel": mel.item(), "kl": kl.item(), "fooled": fooled.item(), "matching": matching.item()}
    return fooled + matching + MEL_WEIGHT * mel + kl, told


def _tensor(array: np.ndarray, plan: SoVITSPlan) -> Tensor:
    return torch.from_numpy(array).to(plan.device)
