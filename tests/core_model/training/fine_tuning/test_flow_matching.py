"""Fine-tuning v3 and v4: the loss falls, what must stay stays, whole or LoRA, and a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.diffusion.adapters import TRAINED_WHOLE, adapt, lora_weights
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.features import audio
from core_model.sovits.dims import FlowMatchingDims, HiFiGANDims
from core_model.training.fine_tuning import flow_matching
from core_model.training.fine_tuning.flow_matching import FROZEN_PARTS, FlowMatchingPlan, train
from core_model.training.schedule import Progress
from core_model.upstream import names
from tests.core_model.training.fine_tuning.tiny import LIKE_V2, tiny_utterances
from tests.core_model.training.tiny import Interrupted, same, weights_of

pytestmark = pytest.mark.usefixtures("one_thread")
BANDS = 8
LIKE_V4 = replace(
    LIKE_V2,
    decoder=FlowMatchingDims(
        mel_bands=BANDS,
        mel_sample_rate=32000,
        mel_fft=1280,
        mel_hop=320,
        features=16,
        feature_layers=1,
        heard_frames_per_code=4.0,
        window_frames=100,
        prompt_frames=50,
        width=32,
        layers=2,
        heads=2,
        feedforward=32,
        time_width=16,
        text_layers=1,
        text_inner=16,
        position_groups=4,
        vocoder=HiFiGANDims(16, (10, 8, 4), (20, 16, 8), (3,), ((1,),)),
    ),
)
PLAN = FlowMatchingPlan(steps=4, batch_size=2, learning_rate=1e-3, steps_per_epoch=2, seed=3)
_FILTERS = audio.mel_filterbank(32000, 1280, BANDS)


def mel_of(waveform: np.ndarray) -> np.ndarray:
    return (audio.log_mel(audio.linear_spectrogram(waveform, 1280, 320), _FILTERS) + 12) / 14 * 2 - 1


def tiny_flow(seed: int = 0) -> FlowMatchingSoVITS:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = FlowMatchingSoVITS(LIKE_V4)
        for parameter in network.transformer.parameters():  # as trained weights are: none of them is zero any more
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.02)
    return network


def moved(network: FlowMatchingSoVITS, before: dict[str, torch.Tensor]) -> set[str]:
    after = weights_of(network)
    return {name.partition("/")[2] for name in before if not torch.equal(after[name], before[name])}


def test_the_loss_falls_and_quantizer_and_text_encoder_never_move() -> None:
    network = tiny_flow()
    before, told = weights_of(network), []
    train(network, tiny_utterances(), mel_of, replace(PLAN, steps=80, learning_rate=3e-3, batch_size=4), told.append)
    losses = [progress.losses["velocity"] for progress in told]
    assert np.mean(losses[-20:]) < 0.85 * np.mean(losses[:20])
    changed = moved(network, before)
    assert not [name for name in changed if name.startswith(FROZEN_PARTS)]
    unmoved = {name for name, _ in network.named_parameters()} - changed
    assert all(name.startswith((*FROZEN_PARTS, "mel_projection.")) for name in unmoved), "the rest learns"


def test_a_lora_moves_only_what_its_file_holds_and_the_file_has_upstreams_names() -> None:
    network = tiny_flow()
    adapt(network, 4)
    before = weights_of(network)
    train(network, tiny_utterances(), mel_of, replace(PLAN, steps=3))
    changed = moved(network, before)
    assert changed and all(name.startswith(TRAINED_WHOLE) or name.endswith((".down", ".up")) for name in changed)
    held = lora_weights(network)
    assert changed <= held.keys()
    theirs = {names.to_upstream("lora", name) for name in held}
    assert any(name.endswith("attn.to_out.0.lora_B.default.weight") for name in theirs)
    assert not any(name.startswith(("enc_p.", "ssl_proj.")) for name in theirs)


@pytest.mark.parametrize("rank", [0, 2], ids=["whole", "lora"])
def test_a_stopped_run_ends_bit_for_bit_as_if_it_had_not_been(tmp_path: Path, rank: int) -> None:
    def fresh(seed: int = 0) -> FlowMatchingSoVITS:
        network = tiny_flow(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return adapt(network, rank) if rank else network

    whole = fresh()
    train(whole, tiny_utterances(), mel_of, PLAN)
    plan = replace(PLAN, checkpoint=tmp_path / "c", checkpoint_every=1)

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(fresh(), tiny_utterances(), mel_of, plan, stop)
    resumed = fresh(9)
    train(resumed, tiny_utterances(), mel_of, plan)
    assert same(weights_of(resumed), weights_of(whole))


def test_shortcuts_are_three_in_ten_and_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts are at most two thirds; time plus both halves of a shortcut never passes 1; k is 2 to 7."""
    seen: list[tuple[bool, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]] = []
    network = tiny_flow()

    def watched(*inputs: torch.Tensor, shortcut: bool) -> object:
        seen.append((shortcut, inputs[7], inputs[9], inputs[10], inputs[11]))
        return flow_matching.Lesson(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 1))

    monkeypatch.setattr(network, "forward", watched)
    utterances = tiny_utterances(2)
    for step in range(200):
        flow_matching._lesson(network, utterances, lambda waveform: np.zeros((BANDS, len(waveform) // 320)), PLAN, step)
    assert 0.2 < np.mean([shortcut for shortcut, *_ in seen]) < 0.4
    for shortcut, lengths, prompts, times, sizes in seen:
        assert bool((prompts <= lengths * 2 / 3).all()) and bool((times >= 0).all())
        assert bool((times + 2 * sizes <= 1).all())
        halvings = -torch.log2(sizes) if shortcut else torch.full_like(sizes, 2.0)
        assert bool(((halvings >= 2) & (halvings <= 7) & (halvings == halvings.round())).all())
        assert shortcut or not sizes.any()
