"""Noise of a small seed comes off again; the product's own does not; where chance would pass, none is searched."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from privacy.budget import Budget
from privacy.errors import AttackError, VectorError
from privacy.inversion import chance_of_one, search
from privacy.mechanisms import calibrate, jitter, release

D = 256
Draw = Callable[[int], np.ndarray]


def numpy_draw(kind: Callable[..., np.random.BitGenerator], sigma: float) -> Draw:
    return lambda seed: sigma * np.random.Generator(kind(seed)).standard_normal(D)


def legacy_draw(sigma: float) -> Draw:
    return lambda seed: sigma * np.random.RandomState(seed).standard_normal(D)


def torch_draw(sigma: float) -> Draw:
    return lambda seed: sigma * torch.randn(D, generator=torch.Generator().manual_seed(seed)).double().numpy()


GENERATORS: dict[str, Callable[[float], Draw]] = {
    "Philox": lambda sigma: numpy_draw(np.random.Philox, sigma),
    "PCG64": lambda sigma: numpy_draw(np.random.PCG64, sigma),
    "MT19937": legacy_draw,
    "torch": torch_draw,
}


def person(key: int = 5) -> np.ndarray:
    """Non-negative, as Resemblyzer's vectors are."""
    row = np.abs(np.random.Generator(np.random.Philox(key=key)).standard_normal(D))
    return row / np.linalg.norm(row)


@pytest.mark.parametrize("directions", [False, True])
@pytest.mark.parametrize("name", GENERATORS)
def test_a_small_seed_gives_the_clean_vector_back(name: str, directions: bool) -> None:
    draw = GENERATORS[name](1.2)
    noisy = person() + draw(777)
    released = noisy / np.linalg.norm(noisy) if directions else noisy
    probe = person() + 0.05 * np.random.Generator(np.random.Philox(key=6)).standard_normal(D)
    found = search(released, range(1000), draw, sigma=1.2, directions=directions, generator=name)
    assert [each.seed for each in found.found] == [777]
    assert found.tried == 1000
    assert np.abs(found.found[0].nearest_to(probe) - person()).max() <= 1e-6
    assert str(found).startswith("inverted: the noise is that of seed 777")
    assert found.as_dict() == {"generator": name, "tried": 1000, "found": [777], "nearest": found.nearest}


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_the_product_s_own_noise_is_not_found(epsilon: float) -> None:
    made = calibrate("local", Budget(epsilon), D, 1)
    released = release(person()[None], made)
    for name, kind in GENERATORS.items():
        found = search(released, range(500), kind(made.sigma), sigma=made.sigma, directions=True, generator=name)
        assert found.found == ()
        assert found.nearest > 1.0  # the best of them is nowhere near
        assert str(found).startswith("not found among the 500 seeds tried")
        assert str(found).endswith("that is not safe, only not found")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_product_s_own_noise_is_not_found_among_many() -> None:
    made = calibrate("local", Budget(8.0), D, 1)
    released = release(person()[None], made)
    for name, kind in GENERATORS.items():
        found = search(released, range(100_000), kind(made.sigma), sigma=made.sigma, directions=True, generator=name)
        assert (found.tried, found.found) == (100_000, ())


def test_small_noise_needs_all_the_digits() -> None:
    """sigma = .01: to 1e-13 the norm tells a seed of 1000, to 1e-5 it would not, and a direction tells nothing."""
    draw = numpy_draw(np.random.PCG64, 0.01)
    noisy = person() + draw(321)
    found = search(noisy, range(1000), draw, sigma=0.01, directions=False, generator="PCG64", tolerance=1e-13)
    assert [each.seed for each in found.found] == [321]
    for more in ({"directions": False}, {"directions": True, "tolerance": 1e-13}):
        with pytest.raises(AttackError, match="by chance"):
            search(noisy, range(1000), draw, sigma=0.01, generator="PCG64", **more)


def test_jitter_of_the_product_is_not_found_either() -> None:
    made = jitter(0.5, D)
    draw = numpy_draw(np.random.Philox, made.sigma)
    released = release(person()[None], made)
    assert search(released, range(300), draw, sigma=made.sigma, directions=True, generator="Philox").found == ()


@pytest.mark.parametrize(("sigma", "directions"), [(0.4, True), (0.3, True), (0.1, False), (1.0, False)])
def test_chance_is_what_it_is_said_to_be(sigma: float, directions: bool) -> None:
    """With 6 values and a wide tolerance, so that wrong ones do pass: counted among 200,000."""
    draw = np.random.Generator(np.random.Philox(key=3))
    tolerance = 0.01
    if directions:
        residual = np.linalg.norm(sigma * draw.standard_normal((200_000, 5)), axis=1) - 1
        passed = float((residual <= tolerance).mean())
        assert passed <= chance_of_one(6, sigma, directions=True, tolerance=tolerance)
    else:
        vectors = np.eye(6)[0] + math.sqrt(2) * sigma * draw.standard_normal((200_000, 6))
        passed = float((np.abs(np.linalg.norm(vectors, axis=1) - 1) <= tolerance).mean())
        bound = chance_of_one(6, sigma, directions=False, tolerance=tolerance)
        assert passed <= bound
        assert bound == pytest.approx(2 * passed, rel=0.15)


def test_directions_of_few_values_are_refused() -> None:
    with pytest.raises(AttackError, match="by chance"):
        search(np.ones(4), range(10), lambda seed: np.ones(4), sigma=1.0, directions=True, generator="x")
    assert chance_of_one(2, 1.0, directions=False, tolerance=1e-5) == 1.0


def test_no_seed_is_no_search() -> None:
    with pytest.raises(AttackError, match="no seed was tried"):
        search(person(), [], legacy_draw(1.0), sigma=1.0, directions=True, generator="MT19937")


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan])
def test_no_noise_is_nothing_to_invert(sigma: float) -> None:
    with pytest.raises(AttackError, match="nothing to invert"):
        search(person(), [1], legacy_draw(1.0), sigma=sigma, directions=True, generator="MT19937")


@pytest.mark.parametrize("wrong", [np.full(8, math.nan), np.zeros(8), np.ones((2, 8))])
def test_what_is_no_vector_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(VectorError):
        search(wrong, [1], legacy_draw(1.0), sigma=1.0, directions=True, generator="MT19937")
