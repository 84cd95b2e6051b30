"""The SoVITS loop learns, goes on bit for bit where it was stopped, and hears its judges when it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.sovits import losses
from core_model.sovits.synthesizer import SoVITS
from core_model.training.dataset import FRAMES_PER_TOKEN, Dataset, collate
from core_model.training.schedule import Options, Progress
from core_model.training.sovits import Weights, mel_loss, train
from tests.core_model.training.tiny import (
    Interrupted,
    same,
    tiny_dataset,
    tiny_judges,
    tiny_sovits,
    utterance,
    weights_of,
)
from tests.tiny_voice import SPECTRAL_SOVITS

pytestmark = pytest.mark.usefixtures("one_thread")
DATASET = tiny_dataset(4)
OPTIONS = Options(steps=6, batch_size=2, learning_rate=1e-3, warmup_steps=1, seed=3)
HEARD_EARLY = Weights(judges_from=0.3, judges_full=0.8)


def frozen(name: str) -> bool:
    return name.startswith("quantizer.")


def trained(options: Options = OPTIONS) -> dict[str, torch.Tensor]:
    network, judges = tiny_sovits(), tiny_judges()
    train(network, judges, DATASET, options, HEARD_EARLY, frozen=frozen)
    return weights_of(network, judges)


@pytest.fixture(scope="module")
def uninterrupted(one_thread: None) -> dict[str, torch.Tensor]:
    return trained()


def test_the_same_seed_gives_the_same_weights_and_another_does_not(uninterrupted: dict[str, torch.Tensor]) -> None:
    assert same(uninterrupted, trained())
    assert not same(uninterrupted, trained(replace(OPTIONS, seed=4)))


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 5])
def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_not_been(
    tmp_path: Path, stopped_after: int, uninterrupted: dict[str, torch.Tensor]
) -> None:
    """Before the judges are heard and after, with a part frozen: the optimizer counts what is left otherwise."""
    options = replace(OPTIONS, checkpoint=tmp_path / "c", checkpoint_every=1)

    def stop(progress: Progress) -> None:
        if progress.step == stopped_after:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(tiny_sovits(), tiny_judges(), DATASET, options, HEARD_EARLY, stop, frozen)
    seed = 0 if stopped_after == 1 else 99
    network, judges = tiny_sovits(seed), tiny_judges(seed)
    steps: list[int] = []
    train(network, judges, DATASET, options, HEARD_EARLY, lambda progress: steps.append(progress.step), frozen)
    assert steps == list(range(stopped_after, 7))
    assert same(weights_of(network, judges), uninterrupted)


def test_what_is_frozen_does_not_move_and_all_else_does(uninterrupted: dict[str, torch.Tensor]) -> None:
    before = weights_of(tiny_sovits(), tiny_judges())
    moved = {name for name in before if not torch.equal(before[name], uninterrupted[name])}
    still = set(before) - moved
    assert {name for name in before if name.startswith("0/quantizer.")} <= still
    assert {name for name in still if not name.startswith("0/quantizer.")} == set()


def test_it_learns_an_utterance_by_heart() -> None:
    told: list[Progress] = []
    dataset = Dataset([utterance(2, 6)])
    network = tiny_sovits()
    options = Options(steps=120, batch_size=1, learning_rate=3e-3, warmup_steps=5)
    train(network, None, dataset, options, report=told.append)
    mel = [progress.losses["mel"] for progress in told]
    kl = [progress.losses["kl"] for progress in told]
    assert np.mean(mel[-10:]) < 0.5 * np.mean(mel[:5])
    assert np.mean(kl[-10:]) < np.mean(kl[:5])
    spoken = [progress.losses["spoken"] for progress in told]
    said = [progress.losses["pitch"] for progress in told]
    assert np.mean(spoken[-10:]) < 0.7 * np.mean(spoken[:5])
    assert np.mean(said[-10:]) < 0.5 * np.mean(said[:5])
    assert set(told[-1].losses) == {"mel", "kl", "spoken", "pitch"}


def test_what_is_spoken_is_left_out_at_weight_0_and_what_is_not_hummed_has_no_pitch() -> None:
    def told(network: SoVITS, weights: Weights) -> list[dict[str, float]]:
        found: list[Progress] = []
        train(network, None, DATASET, replace(OPTIONS, steps=2), weights, found.append)
        return [progress.losses for progress in found]

    with_it, without = told(tiny_sovits(), Weights()), told(tiny_sovits(), Weights(spoken=0.0))
    assert set(with_it[0]) == {"mel", "kl", "spoken", "pitch"}
    assert set(without[0]) == {"mel", "kl", "pitch"}
    assert without[0]["kl"] == with_it[0]["kl"]  # the noise of the posterior is drawn before that of the prior
    assert without[1]["kl"] != with_it[1]["kl"]  # and it was learnt from
    assert set(told(tiny_sovits(dims=SPECTRAL_SOVITS), Weights())[0]) == {"mel", "kl", "spoken"}


def test_the_pitch_is_learnt_from_its_own_loss_alone() -> None:
    """It is not heard meanwhile: the recording's pitch is hummed."""
    moved = []
    for weight in (0.0, 20.0):
        network = tiny_sovits()
        before = weights_of(network)
        train(network, None, DATASET, replace(OPTIONS, steps=2), Weights(pitch=weight))
        after = weights_of(network)
        contour = [name for name in after if name.startswith("0/pitch_contour.")]
        assert len(contour) == 11
        moved.append([float((after[name] - before[name]).abs().max()) for name in contour])
    assert max(moved[0]) < 1e-4 < min(moved[1])  # without it, only AdamW's decay


def test_judges_listen_before_they_are_heard_and_learn_to_tell_apart() -> None:
    told: list[Progress] = []
    options = replace(OPTIONS, steps=60, learning_rate=2e-3)
    train(tiny_sovits(), tiny_judges(), DATASET, options, Weights(judges_from=0.5, judges_full=0.9), told.append)
    listening = [p.step for p in told if "judges" in p.losses]
    heard = [p.step for p in told if "fooled" in p.losses]
    assert listening[0] == 28 and listening[-1] == 60
    assert heard == list(range(31, 61))
    judged = [p.losses["judges"] for p in told if "judges" in p.losses]
    assert np.mean(judged[-5:]) < np.mean(judged[:3])


def test_padding_does_not_change_what_is_learnt_from() -> None:
    """Latents, KL, style and the decoded slice of a short utterance are the same alone and beside a long one."""
    short, long = utterance(0, 3), utterance(1, 9)
    network = tiny_sovits(seed=5).eval()
    frames = FRAMES_PER_TOKEN * len(long.tokens)
    noise = torch.from_numpy(
        np.random.default_rng(0).standard_normal((2, network.dims.latent, frames), dtype=np.float32)
    )

    breath = torch.randn(1, network.dims.hop, 16, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1)

    def kl_and_waveform(examples: list[object], garbage: float = 0.0) -> tuple[float, torch.Tensor, torch.Tensor]:
        batch = collate(examples)  # type: ignore[arg-type]
        length = FRAMES_PER_TOKEN * batch.token_lengths
        batch.mel[0, :, length[0] :] = garbage
        parts = (batch.tokens, batch.token_lengths, batch.phonemes, batch.phoneme_lengths, batch.mel, length)
        tensors = [torch.from_numpy(part) for part in parts]
        rows = noise[: len(examples), :, : batch.mel.shape[2]]
        with torch.inference_mode():
            starts, log_f0 = torch.zeros(len(examples), dtype=torch.int64), torch.from_numpy(batch.f0)[:, None]
            log_f0 = torch.where(log_f0 > 0, log_f0, 150.0).log()
            out = network(*tensors, rows, starts, 16, log_f0=log_f0, breath=breath[: len(examples)])
        first = [t[:1] for t in (out.z_p, out.posterior_log_scale, out.mean, out.log_scale, out.mask)]
        return losses.kl_loss(*first).item(), out.waveform[0], out.style[0]

    kl, waveform, style = kl_and_waveform([short])
    for garbage in (0.0, 5.0):
        padded_kl, padded_waveform, padded_style = kl_and_waveform([short, long], garbage)
        assert padded_kl == pytest.approx(kl, rel=1e-4)
        torch.testing.assert_close(padded_waveform, waveform, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(padded_style, style, rtol=1e-4, atol=1e-5)


def test_mel_loss_is_zero_for_the_same_and_grows_with_the_difference() -> None:
    distance = mel_loss()
    rng = np.random.default_rng(0)
    sound = torch.from_numpy(rng.standard_normal((1, 1, 10_240), dtype=np.float32)) * 0.1
    assert distance(sound, sound).item() == 0
    assert 0 < distance(sound, sound * 0.9).item() < distance(sound, sound * 0.5).item()


def test_bfloat16_runs_judges_included() -> None:
    told: list[Progress] = []
    network, judges = tiny_sovits(), tiny_judges()
    train(network, judges, DATASET, replace(OPTIONS, bfloat16=True), HEARD_EARLY, told.append)
    assert all(np.isfinite(list(progress.losses.values())).all() for progress in told)
    assert "matching" in told[-1].losses
    assert {tensor.dtype for tensor in (*network.parameters(), *judges.parameters())} == {torch.float32}
