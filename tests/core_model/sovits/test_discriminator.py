"""The judges: upstream's count and lengths, and that both ways of judging agree."""

from __future__ import annotations

import pytest
import torch

from core_model.sovits.discriminator import DiscriminatorDims, MultiPeriodDiscriminator, PeriodJudge

SMALL = DiscriminatorDims(
    periods=(2, 3, 5),
    period_widths=(4, 6, 8),
    scale_widths=(4, 8, 8),
    scale_kernels=(15, 9, 5),
    scale_strides=(1, 4, 1),
    scale_groups=(1, 2, 1),
)


@pytest.mark.parametrize("samples", [100, 101, 103])
def test_one_judgement_per_judge_at_any_length(samples: int) -> None:
    torch.manual_seed(0)
    judgements = MultiPeriodDiscriminator(SMALL)(torch.randn(2, 1, samples))
    assert len(judgements) == 4
    assert [len(judgement.features) for judgement in judgements] == [4, 4, 4, 4]
    for judgement in judgements:
        assert judgement.score.shape[0] == 2
        assert torch.equal(judgement.features[-1].flatten(1), judgement.score)


def test_comparing_is_judging_twice() -> None:
    torch.manual_seed(0)
    discriminator = MultiPeriodDiscriminator(SMALL)
    real, generated = torch.randn(2, 1, 90), torch.randn(2, 1, 90)
    for both, expected in zip(
        discriminator.compare(real, generated), (discriminator(real), discriminator(generated)), strict=True
    ):
        for one, other in zip(both, expected, strict=True):
            torch.testing.assert_close(one.score, other.score)
            for a, b in zip(one.features, other.features, strict=True):
                torch.testing.assert_close(a, b)


def test_a_period_judge_never_mixes_phases() -> None:
    """Its columns are the samples of one phase: changing a sample moves one column of the scores alone."""
    torch.manual_seed(0)
    judge = PeriodJudge(3, SMALL)
    waveform = torch.randn(1, 1, 60)
    changed = waveform.clone()
    changed[0, 0, 31] += 1  # 31 % 3 == 1
    moved = (judge(waveform).features[-1] - judge(changed).features[-1]).abs().amax((0, 1, 2))
    assert moved[1] > 0
    assert moved[0] == moved[2] == 0
