"""Fine-tuning SoVITS: the loss falls, the quantizer stays, phoneme readers learn slower, and a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core_model.features import audio
from core_model.sovits import losses
from core_model.training.fine_tuning import sovits
from core_model.training.fine_tuning.sovits import READING_PARTS, MelBands, SoVITSPlan, train
from core_model.training.fine_tuning.utterances import FFT, HOP, SAMPLE_RATE
from core_model.training.schedule import Progress
from tests.core_model.training.fine_tuning.tiny import LIKE_PRO, LIKE_V2, tiny_judges, tiny_sovits, tiny_utterances
from tests.core_model.training.tiny import Interrupted, same, weights_of

pytestmark = pytest.mark.usefixtures("one_thread")
PLAN = SoVITSPlan(steps=4, batch_size=2, learning_rate=1e-3, steps_per_epoch=2, seed=3)


def test_the_loss_falls_and_the_quantizer_never_moves() -> None:
    network, before = tiny_sovits(), weights_of(tiny_sovits())
    told: list[Progress] = []
    train(
        network,
        tiny_judges(),
        tiny_utterances(),
        replace(PLAN, steps=60, learning_rate=5e-3, batch_size=4),
        told.append,
    )
    mel = [progress.losses["mel"] for progress in told]
    assert sum(mel[-5:]) < 0.8 * sum(mel[:5])
    after = weights_of(network)
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert not [name for name in moved if "quantizer" in name]
    still = {name for name in after if name not in moved and "quantizer" not in name}
    assert not still, "everything else learns"


@pytest.mark.parametrize("dims", [LIKE_V2, LIKE_PRO], ids=["v2", "pro"])
def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path, dims: object) -> None:
    """With dropout, which is drawn by (seed, step) as noise and slices are."""
    vectors = dims is LIKE_PRO
    whole = tiny_sovits(LIKE_PRO if vectors else LIKE_V2), tiny_judges()
    utterances = tiny_utterances(speaker_vector=vectors)
    train(*whole, utterances, PLAN)
    plan = replace(PLAN, checkpoint=tmp_path / "c", checkpoint_every=1)

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise Interrupted

    resumed = tiny_sovits(LIKE_PRO if vectors else LIKE_V2), tiny_judges()
    with pytest.raises(Interrupted):
        train(*resumed, utterances, plan, stop)
    resumed = tiny_sovits(LIKE_PRO if vectors else LIKE_V2, seed=9), tiny_judges(9)
    train(*resumed, utterances, plan)
    ours, theirs = weights_of(*resumed), weights_of(*whole)
    # A frozen quantizer is in the checkpoint too, so even the other seed's came back.
    assert same(ours, theirs)


def test_parts_that_read_phonemes_take_two_fifths_of_a_step() -> None:
    """Adam's first step is the learning rate, whatever the gradient."""
    network, before = tiny_sovits(), weights_of(tiny_sovits())
    train(network, tiny_judges(), tiny_utterances(), replace(PLAN, steps=1, learning_rate=1e-3))
    after = weights_of(network)
    steps = {name.partition("/")[2]: float((after[name] - before[name]).abs().max()) for name in after}
    readers = [step for name, step in steps.items() if name.startswith(READING_PARTS) and "attention" in name]
    others = [step for name, step in steps.items() if name.startswith("decoder.")]
    # AdamW's decay moves a weight of 1 by a hundredth of the rate more.
    assert max(readers) == pytest.approx(4e-4, rel=0.05)
    assert max(others) == pytest.approx(1e-3, rel=0.05)


def test_the_rate_falls_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: object) -> object:
        seen.append(self.param_groups[0]["lr"])
        return step(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    train(tiny_sovits(), tiny_judges(), tiny_utterances(), replace(PLAN, steps=3, learning_rate=1e-4))
    assert seen == [pytest.approx(rate) for rate in [1e-4] * 4 + [1e-4 * 0.999875] * 2]


def test_mel_bands_are_those_of_the_audio_room() -> None:
    waveform = torch.randn(1, 1, 20 * HOP, generator=torch.Generator().manual_seed(0)) * 0.1
    linear = audio.linear_spectrogram(waveform[0, 0].numpy(), FFT, HOP)
    expected = audio.log_mel(linear, audio.mel_filterbank(SAMPLE_RATE, FFT, sovits.MEL_BANDS))
    bands = MelBands()
    torch.testing.assert_close(bands.of_waveform(waveform)[0], torch.from_numpy(expected), atol=2e-4, rtol=0)
    torch.testing.assert_close(
        bands.of_spectrogram(torch.from_numpy(linear)), torch.from_numpy(expected), atol=1e-5, rtol=0
    )


def test_the_loss_is_the_sum_that_upstream_minimises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adversarial + matching (twice inside) + 45 mel + KL."""
    for name, value in {"adversarial_loss": 2.0, "feature_matching_loss": 3.0, "kl_loss": 5.0}.items():
        monkeypatch.setattr(losses, name, lambda *_, value=value: torch.tensor(value))
    network, judges, bands = tiny_sovits(), tiny_judges(), MelBands()
    made = sovits._forward(network, bands, tiny_utterances(), PLAN, 0)
    total, told = sovits._loss(judges, bands, made, PLAN)
    assert float(total.detach()) == pytest.approx(10.0 + 45.0 * told["mel"], rel=1e-5)
