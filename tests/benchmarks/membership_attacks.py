"""`make attacks`, second half: which prompts was a small network trained on? Without privacy, and with DP-SGD.

    python -m tests.benchmarks.membership_attacks --work DIR

A convolution and a GRU (64 k parameters) learn to say the next frame of a log-mel spectrogram, from half a second each
of 150 telephone prompts of seven people; 150 others were not seen; the reference model saw 150 more and neither of
these. One loss to a prompt. DP-SGD by Opacus: Poisson sampling, norm 1, noise for epsilon at delta = 1e-5 by PRV.

One seed, one small network, 150 against 150: it shows that the attack works where something leaks and how far DP-SGD
takes that away, not what a voice of this program leaks (`lifecycle attack`). "Before": trials that preceded this code,
with another network and other data.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from privacy import membership as attack
from tests.benchmarks.prompt_speech import NoSpeechError, beginnings

DELTA = 1e-5
SECONDS = 0.55
EACH = 150
FRAMES = 50
BATCH = 30


@dataclass(frozen=True, slots=True)
class Setting:
    """One training, and what was found before: AUC raw and calibrated."""

    epochs: int
    epsilon: float | None
    before: tuple[float, float] | None = None


SETTINGS = (
    Setting(20, None, (0.72, 0.83)),
    Setting(100, None, (0.998, 0.991)),
    Setting(400, None),
    Setting(20, 32.0, (0.53, 0.61)),
    Setting(20, 8.0, (0.52, 0.58)),
    Setting(20, 2.0, (0.50, 0.55)),
)


class NextFrame(nn.Module):
    """(batch, frames, 40) log-mel to the same, each frame from those before it."""

    def __init__(self) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from opacus.layers import DPGRU
        self.convolution = nn.Conv1d(40, 64, 5)
        self.recurrent = DPGRU(64, 96, batch_first=True)
        self.out = nn.Linear(96, 40)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Shapes as above."""
        before = nn.functional.pad(mel.transpose(1, 2), (5, 0))[:, :, :-1]  # at t: the five frames before it
        hidden = torch.relu(self.convolution(before)).transpose(1, 2)
        said: torch.Tensor = self.out(self.recurrent(hidden)[0])
        return said


def losses(network: nn.Module, mel: torch.Tensor) -> torch.Tensor:
    """(batch,) mean squared errors."""
    return ((network(mel) - mel) ** 2).mean(dim=(1, 2))


def trained(mel: torch.Tensor, setting: Setting, seed: int) -> tuple[nn.Module, float | None]:
    """A network trained on *mel* (n, frames, 40), and its noise multiplier. *seed* is of weights and batches alone."""
    torch.manual_seed(seed)
    network: nn.Module = NextFrame()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    noise = None
    if setting.epsilon is None:
        for _ in range(setting.epochs):
            for rows in torch.randperm(len(mel)).split(BATCH):
                optimizer.zero_grad()
                losses(network, mel[rows]).mean().backward()
                optimizer.step()
        return network, noise
    from opacus import PrivacyEngine
    from opacus.accountants.utils import get_noise_multiplier

    rate = BATCH / len(mel)
    steps = round(setting.epochs / rate)
    noise = get_noise_multiplier(
        target_epsilon=setting.epsilon, target_delta=DELTA, sample_rate=rate, steps=steps, accountant="prv"
    )
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(mel), batch_size=BATCH)
    private, optimizer, _ = PrivacyEngine(accountant="prv").make_private(
        module=network,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=noise,
        max_grad_norm=1.0,
        noise_generator=torch.Generator().manual_seed(int.from_bytes(os.urandom(8), "big") >> 1),
    )
    for _ in range(steps):
        rows = torch.nonzero(torch.rand(len(mel)) < rate)[:, 0]  # Poisson
        optimizer.zero_grad()
        losses(private, mel[rows]).mean().backward()
        optimizer.step()
    return private, noise


def spectrograms(work: Path) -> torch.Tensor:
    """(prompts, FRAMES, 40) log-mel, each band of mean 0 and deviation 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from resemblyzer.audio import wav_to_mel_spectrogram
    mel = [np.log(wav_to_mel_spectrogram(sound)[:FRAMES] + 1e-6) for sound in beginnings(work, SECONDS, 100)]
    rows = np.array([each for each in mel if len(each) == FRAMES])
    return torch.from_numpy((rows - rows.mean(axis=(0, 1))) / rows.std(axis=(0, 1))).float()


def told(mel: torch.Tensor, setting: Setting, generator: np.random.Generator) -> dict[str, object]:
    """One row."""
    members, others, elsewhere = mel[:EACH], mel[EACH : 2 * EACH], mel[2 * EACH : 3 * EACH]
    network, noise = trained(members, setting, 1)
    reference, _ = trained(elsewhere, Setting(20, None), 2)
    network.eval()

    def of(model: nn.Module, rows: torch.Tensor) -> npt.NDArray[np.float64]:
        with torch.no_grad():
            return losses(model, rows).double().numpy()

    row: dict[str, object] = {"epochs": setting.epochs, "epsilon": setting.epsilon, "noise multiplier": noise}
    found = []
    for attacker in (attack.RAW, attack.CALIBRATED):
        scores = [
            attack.raw_scores(of(network, rows))
            if attacker == attack.RAW
            else attack.calibrated_scores(of(network, rows), of(reference, rows))
            for rows in (members, others)
        ]
        found.append(
            attack.membership(*scores, generator, attacker=attacker, data="telephone prompts", unit="a prompt")
        )
    losses_seen = [float(of(network, rows).mean()) for rows in (members, others)]
    return {**row, "losses": losses_seen, "attacks": [each.as_dict() for each in found]}


def main() -> None:
    """Run it; refusals are a sentence and exit 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    try:
        mel = spectrograms(work)
    except NoSpeechError as refusal:
        sys.exit(f"error: {refusal}")
    generator = np.random.Generator(np.random.Philox(key=20261128))
    mel = mel[torch.from_numpy(generator.permutation(len(mel)))]
    if len(mel) < 3 * EACH:
        sys.exit(f"error: there are {len(mel)} prompts of {SECONDS} s, and {3 * EACH} are needed")
    rows = []
    for setting in SETTINGS:
        rows.append(told(mel, setting, generator))
        raw, calibrated = (each["rates"]["auc"] for each in rows[-1]["attacks"])  # type: ignore[attr-defined]
        tpr = rows[-1]["attacks"][1]["rates"]["tpr"]  # type: ignore[index]
        name = f"{setting.epochs} epochs, {'no privacy' if setting.epsilon is None else f'ε = {setting.epsilon:g}'}"
        before = " / ".join(f"{value:g}" for value in setting.before or ()) or "–"
        print(f"| {name} | {_range(raw)} / {_range(calibrated)} | {before} | {_range(tpr)} |", flush=True)
    result = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "torch": torch.__version__, "rows": rows}
    (work / "membership.json").write_text(json.dumps(result, indent=1) + "\n")


def _range(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.2f}, {figure['high']:.2f}]"


if __name__ == "__main__":
    main()
