"""Integration and teaching: against transformers whose velocities are known, and that the real one learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core_model.diffusion import cfm, dit
from tests.core_model.diffusion import tiny

DIMS = tiny.FLOW_V3
BANDS = DIMS.mel_bands


class Known(nn.Module):
    """A transformer whose answer is a rule; remembers what it was asked."""

    def __init__(self, rule: object) -> None:
        super().__init__()
        self.rule = rule
        self.asked: list[tuple[float, float]] = []

    def embed_text(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        return features

    def moment(self, time: Tensor, step: Tensor) -> Tensor:
        return torch.stack((time, step), 1)

    def forward(
        self, noisy: Tensor, prompt: Tensor, text: Tensor, moment: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        self.asked.append((round(float(moment[0, 0]), 6), round(float(moment[0, 1]), 6)))
        return self.rule(noisy, prompt, text, moment)


def test_a_constant_velocity_arrives_where_it_points() -> None:
    known = Known(lambda noisy, *_: torch.full_like(noisy, 3.0))
    noise = torch.randn(1, BANDS, 7)
    mel = cfm.integrate(known, noise, torch.zeros(1, BANDS, 2), torch.zeros(1, DIMS.features, 7), 4)
    torch.testing.assert_close(mel[:, :, 2:], noise[:, :, 2:] + 3.0)
    assert not mel[:, :, :2].any()
    assert known.asked == [(0.0, 0.25), (0.25, 0.25), (0.5, 0.25), (0.75, 0.25)]


def test_decay_is_stepped_as_euler_does() -> None:
    known = Known(lambda noisy, *_: -noisy)
    noise = torch.randn(1, BANDS, 5)
    mel = cfm.integrate(known, noise, torch.zeros(1, BANDS, 0), torch.zeros(1, DIMS.features, 5), 10)
    torch.testing.assert_close(mel, noise * 0.9**10)


def test_the_prompt_is_shown_and_its_noise_is_not() -> None:
    transformer = dit.DiT(DIMS)
    tiny.enliven(transformer)
    noise, prompt, features = torch.randn(1, BANDS, 9), torch.rand(1, BANDS, 4), torch.rand(1, DIMS.features, 9)
    with torch.no_grad():
        usual = cfm.integrate(transformer, noise, prompt, features, 2)
        other_noise = noise.clone()
        other_noise[:, :, :4] = 5.0
        assert torch.equal(cfm.integrate(transformer, other_noise, prompt, features, 2), usual)
        other = cfm.integrate(transformer, noise, prompt + 1, features, 2)
    assert (other - usual)[:, :, 4:].abs().max() > 0.01


def lesson(transformer: nn.Module, *, shortcut: bool = False, time: float = 0.25, step: float = 0.0) -> cfm.Lesson:
    generator = torch.Generator().manual_seed(3)
    mel, noise = (torch.randn(2, BANDS, 8, generator=generator) for _ in range(2))
    features = torch.randn(2, DIMS.features, 8, generator=generator)
    lengths, prompts = torch.tensor([8, 6]), torch.tensor([2, 3])
    at, size = torch.full((2,), time), torch.full((2,), step)
    return cfm.teach(transformer, mel, noise, features, lengths, prompts, at, size, shortcut=shortcut)


def test_a_perfect_answer_costs_nothing_and_the_prompt_does_not_count() -> None:
    """The rule knows the true velocity only past the prompt and within the row."""
    generator = torch.Generator().manual_seed(3)
    mel, noise = (torch.randn(2, BANDS, 8, generator=generator) for _ in range(2))
    answer = (mel - noise).transpose(1, 2).clone()
    answer[0, :2], answer[1, :3], answer[1, 6:] = 9.0, 9.0, 9.0
    assert lesson(Known(lambda *_: answer)).loss() < 1e-10


def test_the_mask_and_the_mean() -> None:
    """One wrong value among 6 frames of the first row: error² / (bands · frames), averaged over two rows."""
    generator = torch.Generator().manual_seed(3)
    mel, noise = (torch.randn(2, BANDS, 8, generator=generator) for _ in range(2))
    answer = (mel - noise).transpose(1, 2).clone()
    answer[0, 5, 1] += 3.0
    taught = lesson(Known(lambda *_: answer))
    assert taught.mask.sum(2).tolist() == [[6.0], [3.0]]
    torch.testing.assert_close(taught.loss(), torch.tensor(9.0 / (BANDS * 6) / 2))


def test_what_the_transformer_is_shown_when_it_learns() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def rule(noisy: Tensor, prompt: Tensor, *_: Tensor) -> Tensor:
        seen.append((noisy, prompt))
        return torch.zeros_like(noisy)

    generator = torch.Generator().manual_seed(3)
    mel, noise = (torch.randn(2, BANDS, 8, generator=generator).transpose(1, 2) for _ in range(2))
    lesson(Known(rule), time=0.25)
    noisy, prompt = seen[0]
    torch.testing.assert_close(noisy[0, 2:], (0.75 * noise + 0.25 * mel)[0, 2:])
    torch.testing.assert_close(prompt[1, :3], mel[1, :3])
    assert not noisy[0, :2].any()
    assert not prompt[0, 2:].any()
    assert not noisy[1, 6:].any()


def test_a_shortcut_aims_where_two_half_steps_lead() -> None:
    """dx/dt = -x: from x, a step of d gives -x, then -(1 - d) x; their mean is what one step of 2d should say."""
    known = Known(lambda noisy, *_: -noisy)
    taught = lesson(known, shortcut=True, time=0.5, step=0.25)
    assert known.asked == [(0.5, 0.25), (0.75, 0.25), (0.5, 0.5)]
    torch.testing.assert_close(taught.target, taught.predicted * (1 + 0.75) / 2)


def test_only_the_last_answer_of_a_shortcut_learns() -> None:
    transformer = dit.DiT(DIMS)
    tiny.enliven(transformer)
    taught = lesson(transformer, shortcut=True, time=0.5, step=0.125)
    assert taught.predicted.requires_grad
    assert not taught.target.requires_grad


@pytest.mark.parametrize("shortcut", [False, True])
def test_padding_does_not_change_the_loss(shortcut: bool) -> None:
    transformer = dit.DiT(DIMS).requires_grad_(False)
    tiny.enliven(transformer)
    generator = torch.Generator().manual_seed(5)
    mel, noise = (torch.randn(1, BANDS, 9, generator=generator) for _ in range(2))
    features = torch.randn(1, DIMS.features, 9, generator=generator)
    rest = (torch.tensor([6]), torch.tensor([2]), torch.tensor([0.5]), torch.tensor([0.125]))
    padded = cfm.teach(transformer, mel, noise, features, *rest, shortcut=shortcut).loss()
    alone = cfm.teach(transformer, mel[:, :, :6], noise[:, :, :6], features[:, :, :6], *rest, shortcut=shortcut).loss()
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-4)


def test_it_learns_one_mel() -> None:
    """A fresh transformer, taught one mel for a while, carries noise nearer to it: signs and scales are right."""
    torch.manual_seed(0)
    transformer = tiny.FlowMatchingSoVITS(tiny.LIKE_V3).transformer
    generator = torch.Generator().manual_seed(1)
    mel = torch.rand(1, BANDS, 12, generator=generator) * 2 - 1
    features = torch.randn(1, DIMS.features, 12, generator=generator)
    optimizer = torch.optim.AdamW(transformer.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        noise = torch.randn(8, BANDS, 12, generator=generator)
        time = torch.rand(8, generator=generator)
        eight = (torch.full((8,), 12), torch.full((8,), 4), time, torch.zeros(8))
        taught = cfm.teach(transformer, mel.expand(8, -1, -1), noise, features.expand(8, -1, -1), *eight)
        losses.append(taught.loss().item())
        optimizer.zero_grad()
        taught.loss().backward()
        optimizer.step()
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    noise = torch.randn(1, BANDS, 12, generator=generator)
    with torch.no_grad():
        made = cfm.integrate(transformer, noise, mel[:, :, :4], features, 8)
    before, after = ((x - mel)[:, :, 4:].square().mean() for x in (noise, made))
    assert after < 0.3 * before
