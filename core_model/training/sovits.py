"""Trains SoVITS: an utterance's tokens, phonemes and spectrogram back to its waveform, with judges joining late.

Read once, from top to bottom. Knows batches and networks; nothing of where the data came from. The losses are VITS's
(Kim 2021): mel distance and KL throughout; least-squares judges and feature matching are ramped in over the last part
of the run, so that the scale of the whole loss never jumps. The slice is also spoken from the prior, as it will be once
there is no recording, and compared in the same way; the pitch that the codes say is compared with the recording's,
which the decoder hums meanwhile. Every step's noise and slices are drawn by (seed, step). Resumable: see checkpoint.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from core_model.features import acoustic, audio
from core_model.sovits import losses
from core_model.sovits.discriminator import MultiPeriodDiscriminator, compare
from core_model.sovits.synthesizer import SoVITS, TrainingForward
from core_model.training import checkpoint
from core_model.training.dataset import FRAMES_PER_TOKEN, SAMPLES_PER_TOKEN, Dataset
from core_model.training.schedule import Options, Progress, Report, learning_rate, silent

SLICE_FRAMES = 32  # latent frames that the decoder sees of each utterance: 0.64 s
_SAMPLES_PER_FRAME = SAMPLES_PER_TOKEN // FRAMES_PER_TOKEN
SPOKEN_NOISE = 0.5  # what a voice speaks with
_LISTEN_BEFORE = 0.05  # of the run: for so long judges learn before anybody hears them


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each loss counts, and when (as a share of the run) the judges begin and are fully heard."""

    mel: float = 45.0
    kl: float = 1.0
    spoken: float = 0.5  # of the mel distance, for the slice from the prior; 0: it is not spoken
    pitch: float = 20.0  # of natural logs of Hz: a semitone is 0.06
    adversarial: float = 1.0
    judges_from: float = 0.75
    judges_full: float = 0.82


def mel_loss() -> losses.MelLoss:
    """Three resolutions: fine in time, even, fine in frequency."""
    return losses.MelLoss(
        [
            losses.MelResolution(fft, fft // 4, audio.mel_filterbank(acoustic.SAMPLE_RATE, fft, bands))
            for fft, bands in ((256, 32), (512, 64), (1024, 80))
        ]
    )


@dataclass(frozen=True, slots=True)
class _Pass:
    """One batch through the network: what came out, and what it should sound like."""

    out: TrainingForward
    real: torch.Tensor = field(repr=False)  # (B, 1, N) the slices that were spoken
    generated: torch.Tensor = field(repr=False)  # (B, 1, N) float32
    f0: torch.Tensor = field(repr=False)  # (B, 1, F) Hz, 0 where unvoiced
    counts: float  # what a mean over frames counts for among the other processes' means; one over rows counts the same


def train(
    network: SoVITS,
    judges: MultiPeriodDiscriminator | None,
    dataset: Dataset,
    options: Options,
    weights: Weights = Weights(),
    report: Report = silent,
    frozen: Callable[[str], bool] = lambda name: False,
) -> None:
    """Train *network* (and *judges*, where given) in place, going on from `options.checkpoint` if it exists.

    *frozen* names the parameters that keep their values. Utterances shorter than SLICE_FRAMES must not be in *dataset*.
    Where several processes train, each learns from its rows of every batch: the losses are those of the whole batch.
    """
    processes = options.processes
    network.to(options.device).train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not frozen(name))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    distance = mel_loss().to(options.device)
    networks: dict[str, torch.nn.Module] = {"sovits": network}
    optimizers = {"adamw": _adamw(trained, options)}
    if judges is not None:
        networks["judges"] = judges.to(options.device).train()
        optimizers["judges_adamw"] = _adamw(judges.parameters(), options)
    start = checkpoint.load(options.checkpoint, networks, optimizers, options.keeper) if options.checkpoint else 0
    joined = processes.joined(network)
    joined_judges = None if judges is None else processes.joined(judges)
    for step in range(start, options.steps):
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(options, step)
        made = _forward(network, joined, dataset, options, step, spoken=weights.spoken > 0)
        share = (step + 1) / options.steps
        total, told = _distances(made, distance, weights)
        if joined_judges is not None and share > weights.judges_from - _LISTEN_BEFORE:
            told |= _teach(joined_judges, optimizers["judges_adamw"], made, options)
        if judges is not None and (heard := _ramp(share, weights)) > 0:
            verdict, verdict_told = _verdict(judges, made, options)
            total = total + heard * weights.adversarial * verdict
            told |= verdict_told
        optimizers["adamw"].zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        optimizers["adamw"].step()
        told = processes.mean(told, options.device)
        if processes.first:
            report(Progress("sovits", step + 1, options.steps, told))
            checkpoint.save_when_due(options, step + 1, networks, optimizers)
    processes.wait()
    network.eval()


def _adamw(parameters: Iterable[torch.nn.Parameter], options: Options) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.8, 0.99), eps=1e-9, fused=True)


def _autocast(options: Options) -> torch.autocast:
    return torch.autocast(torch.device(options.device).type, dtype=torch.bfloat16, enabled=options.bfloat16)


def _forward(
    network: SoVITS, joined: nn.Module, dataset: Dataset, options: Options, step: int, *, spoken: bool
) -> _Pass:
    """The batch of *step* through *network*, called as *joined*; its slices and noise are drawn by (seed, step) too."""
    rng = np.random.Generator(np.random.Philox(key=[options.seed, step], counter=1))
    batch = dataset.batch(options.seed, step, options.batch_size)
    frames = batch.token_lengths * FRAMES_PER_TOKEN
    starts = np.array([int(rng.integers(0, max(1, n - SLICE_FRAMES + 1))) for n in frames])
    samples = SLICE_FRAMES * _SAMPLES_PER_FRAME
    real = np.stack([row[s : s + samples] for row, s in zip(batch.waveform, starts * _SAMPLES_PER_FRAME, strict=True)])
    shape = (len(frames), network.dims.latent, batch.mel.shape[2])
    arrays = {
        "codes": batch.tokens,
        "code_lengths": batch.token_lengths,
        "phonemes": batch.phonemes,
        "phoneme_lengths": batch.phoneme_lengths,
        "linear_spectrogram": batch.mel,
        "frame_lengths": frames,
        "posterior_noise": rng.standard_normal(shape, dtype=np.float32),
        "slice_starts": starts,
    }
    if spoken:
        arrays["prior_noise"] = SPOKEN_NOISE * rng.standard_normal(shape, dtype=np.float32)
    if network.hums:
        arrays["log_f0"] = batch.log_f0()
        arrays["breath"] = rng.standard_normal((len(frames), network.dims.hop, SLICE_FRAMES), dtype=np.float32)
    rows = options.processes.rows(len(frames))
    inputs = {name: torch.from_numpy(array[rows]).to(options.device) for name, array in arrays.items()}
    with _autocast(options):
        out: TrainingForward = joined(**inputs, slice_frames=SLICE_FRAMES)
    counts = options.processes.weight(frames[rows].sum(), frames.sum())
    f0, heard = (torch.from_numpy(array[rows]).to(options.device)[:, None] for array in (batch.f0, real))
    return _Pass(out, heard, out.waveform.float(), f0, counts)


def _distances(made: _Pass, distance: losses.MelLoss, weights: Weights) -> tuple[torch.Tensor, dict[str, float]]:
    out = made.out
    mel = distance(made.real, made.generated)
    kl = losses.kl_loss(out.z_p, out.posterior_log_scale, out.mean, out.log_scale, out.mask) * made.counts
    total, told = weights.mel * mel + weights.kl * kl, {"mel": mel.item(), "kl": kl.item()}
    if out.spoken is not None:
        spoken = distance(made.real, out.spoken.float())
        total, told = total + weights.mel * weights.spoken * spoken, told | {"spoken": spoken.item()}
    if out.log_f0 is not None:
        apart = losses.pitch_losses(out.log_f0, made.f0).mean()
        total, told = total + weights.pitch * apart, told | {"pitch": apart.item()}
    return total, told


def _teach(judges: nn.Module, optimizer: torch.optim.Optimizer, made: _Pass, options: Options) -> dict[str, float]:
    """One step of the judges: real speech towards 1, generated towards 0."""
    with _autocast(options):
        real_seen, generated_seen = compare(judges, made.real, made.generated.detach())
    judged = losses.discriminator_loss(real_seen, generated_seen)
    optimizer.zero_grad(set_to_none=True)
    judged.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {"judges": judged.item()}


def _verdict(judges: MultiPeriodDiscriminator, made: _Pass, options: Options) -> tuple[torch.Tensor, dict[str, float]]:
    """What the judges, who learn nothing from it, make of the generated speech."""
    judges.requires_grad_(False)
    with _autocast(options):
        real_seen, generated_seen = compare(judges, made.real, made.generated)
    fooled = losses.adversarial_loss(generated_seen)
    matching = losses.feature_matching_loss(real_seen, generated_seen)
    judges.requires_grad_(True)
    return fooled + matching, {"fooled": fooled.item(), "matching": matching.item()}


def _ramp(share: float, weights: Weights) -> float:
    return min(1.0, max(0.0, (share - weights.judges_from) / max(1e-6, weights.judges_full - weights.judges_from)))
