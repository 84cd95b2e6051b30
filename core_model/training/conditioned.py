"""What of SoVITS a style enters by, trained alone: the style itself and the layers that read it; all else stays.

Knows networks, examples and one loss for each recording; nothing of privacy: who takes part in a step, and what is done
with the losses, are functions that it is given. The network is trained as it speaks: tokens and phonemes through the
prior and the flow to a waveform, whose log mel is compared with the recording's. No judges, no posterior, no KL. Where
the decoder hums, it hums the recording's pitch, and the pitch that the style says is compared with that one too.
B recordings of a step, S style, F latent frames, N samples.

    units of Linear(1, S)  ─▶  style = start + scale * weight  ─▶  prior ─▶ flow⁻¹ ─▶ decoder ─▶ mel distance (B,)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from core_model.sovits.layers import take_frames
from core_model.sovits.losses import MelLoss, pitch_losses
from core_model.sovits.synthesizer import SoVITS
from core_model.training.dataset import FRAMES_PER_TOKEN, SAMPLES_PER_TOKEN, Batch, Example, collate
from core_model.training.sovits import SLICE_FRAMES, SPOKEN_NOISE, Weights, mel_loss

_SAMPLES_PER_FRAME = SAMPLES_PER_TOKEN // FRAMES_PER_TOKEN
_PITCH = Weights().pitch / Weights().mel  # of the mel distance, as the base was trained
_READERS = ("condition", "style_to_fusion")  # what the layers that read a style are called
_NOT_TRAINED = ("posterior_encoder.", "pitch_contour.")  # unheard when it speaks; float64, and no layer is called

Recordings = Sequence[Sequence[Example]]  # each recording is one unit, however many pieces it was cut into


@dataclass(frozen=True, slots=True)
class Learning:
    """How fast, and how the style is scaled. Chosen on synthetic speech (docs/LOG.md)."""

    style_rate: float = 4.0
    reader_rate: float = 1.0
    momentum: float = 0.9
    scale: float = 1.0  # of the style's parameter


@dataclass(frozen=True, slots=True)
class Window:
    """What of each recording takes part in a step."""

    batch: Batch  # one piece of each
    starts: np.ndarray = field(repr=False)  # (B,) latent frames
    noise: np.ndarray = field(repr=False)  # (B, latent, F) standard normal
    breath: np.ndarray = field(repr=False)  # (B, hop, SLICE_FRAMES) standard normal


class Conditioned(nn.Module):
    """*network* speaking in a style that is a parameter."""

    start: Tensor  # (1, S, 1), a buffer

    def __init__(self, network: SoVITS, start: np.ndarray, scale: float) -> None:
        """The style begins at *start* (1, S, 1); *scale* says how far a step of the parameter takes it."""
        super().__init__()
        self.network = network
        self.scale = scale
        self.register_buffer("start", torch.from_numpy(np.ascontiguousarray(start, np.float32)), persistent=False)
        # A Linear layer without a bias, fed with ones, is a vector; and gradients of single rows are known of Linear.
        self.offset = nn.Linear(1, start.shape[1], bias=False)
        nn.init.zeros_(self.offset.weight)
        self.eval()
        self.requires_grad_(False)
        for part in self.trained_layers().values():
            part.train().requires_grad_(True)

    def trained_layers(self) -> dict[str, nn.Module]:
        """The layers that learn, by name: the style's own, and those of prior, flow and decoder that read it."""
        readers = {
            f"network.{name}": part
            for name, part in self.network.named_modules()
            if name.rpartition(".")[2] in _READERS and not name.startswith(_NOT_TRAINED)
        }
        return {"offset": self.offset} | readers

    @property
    def dimension(self) -> int:
        """How many values learn."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    def style(self) -> np.ndarray:
        """As it is now: (1, S, 1) float32."""
        weight = self.offset.weight.detach()
        return np.asarray((self.start + self.scale * weight[None]).cpu().numpy(), dtype=np.float32)

    def forward(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        phonemes: Tensor,
        phoneme_lengths: Tensor,
        noise: Tensor,
        starts: Tensor,
        log_f0: Tensor,
        breath: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """The slice as it is spoken, and the pitch that the style says of all frames, where one is hummed.

        (B, T) and (B, P) with lengths, noise (B, latent, F), starts (B,), log_f0 (B, 1, F), breath (B, hop,
        SLICE_FRAMES) -> (B, 1, SLICE_FRAMES * hop), (B, 1, F).
        """
        ones = torch.ones(len(tokens), 1, device=tokens.device, requires_grad=True)  # or a hook would miss its input's
        style = self.start + self.scale * self.offset(ones)[:, :, None]
        prior = self.network.prior(tokens, phonemes, style, 1.0, token_lengths, phoneme_lengths)
        z_p = prior.mean + noise * torch.exp(prior.log_scale) * SPOKEN_NOISE
        z = self.network.flow.reverse(z_p, style, prior.mask)
        hummed = take_frames(log_f0, starts, SLICE_FRAMES)
        waveform = self.network.hum(take_frames(z, starts, SLICE_FRAMES), style, hummed, breath)
        contour = self.network.pitch_contour
        return waveform, None if contour is None else contour(tokens, style.expand(len(tokens), -1, -1), prior.mask)


def optimizer_of(module: Conditioned, learning: Learning) -> torch.optim.Optimizer:
    """Gradient descent with momentum over what is trained, the style at a rate of its own.

    Not Adam: what is mostly noise, it enlarges until it moves as far as what is not (docs/LOG.md).
    """
    readers = [p for name, part in module.trained_layers().items() if name != "offset" for p in part.parameters()]
    groups = [
        {"params": list(module.offset.parameters()), "lr": learning.style_rate},
        {"params": readers, "lr": learning.reader_rate},
    ]
    return torch.optim.SGD(groups, momentum=learning.momentum)


def window(recordings: Recordings, drawn: Sequence[int], latent: int, entropy: Callable[[int], bytes]) -> Window:
    """Of each recording that was *drawn* a piece, a place in it, and noise: by *entropy*, a source of random bytes."""
    rng = np.random.Generator(np.random.Philox(key=int.from_bytes(entropy(16), "big")))
    pieces = [recordings[index][int(rng.integers(len(recordings[index])))] for index in drawn]
    batch = collate(pieces)
    frames = batch.token_lengths * FRAMES_PER_TOKEN
    starts = np.array([int(rng.integers(0, max(1, count - SLICE_FRAMES + 1))) for count in frames])
    noise = rng.standard_normal((len(pieces), latent, batch.mel.shape[2]), dtype=np.float32)
    breath = rng.standard_normal((len(pieces), _SAMPLES_PER_FRAME, SLICE_FRAMES), dtype=np.float32)
    return Window(batch, starts, noise, breath)


def losses_of(module: nn.Module, distance: MelLoss, seen: Window) -> Tensor:
    """The distance of each row, of mel and of pitch: (B,). No row has a say in another one's."""
    batch = seen.batch
    arrays = (batch.tokens, batch.token_lengths, batch.phonemes, batch.phoneme_lengths, seen.noise, seen.starts)
    generated, said = module(*(torch.from_numpy(array) for array in (*arrays, batch.log_f0(), seen.breath)))
    samples, begins = SLICE_FRAMES * _SAMPLES_PER_FRAME, seen.starts * _SAMPLES_PER_FRAME
    real = np.stack([row[begin : begin + samples] for row, begin in zip(batch.waveform, begins, strict=True)])
    pairs = zip(distance.spectrograms(torch.from_numpy(real)[:, None]), distance.spectrograms(generated), strict=True)
    distances = torch.stack([(made - spoken).abs().mean(dim=(1, 2)) for spoken, made in pairs]).mean(dim=0)
    return distances if said is None else distances + _PITCH * pitch_losses(said, torch.from_numpy(batch.f0)[:, None])


def train(
    module: nn.Module,
    recordings: Recordings,
    steps: int,
    *,
    latent: int,
    optimizer: torch.optim.Optimizer,
    draw: Callable[[], Sequence[int]],
    step: Callable[[Tensor | None], None],
    entropy: Callable[[int], bytes],
    report: Callable[[int, int], None],
) -> None:
    """*steps* times: *draw* says which recordings take part, *step* gets their losses (B,), or None where none does.

    The rates of *optimizer* fall in a line to a tenth. Nothing is written, and nothing is told but how many steps are
    done: a loss says something of the recordings.
    """
    distance = mel_loss()
    rates = [group["lr"] for group in optimizer.param_groups]
    for done in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - 0.9 * done / steps)
        drawn = draw()
        step(losses_of(module, distance, window(recordings, drawn, latent, entropy)) if drawn else None)
        report(done + 1, steps)
