"""Where recorded vectors of GPT-SoVITS come from; without them the tests of this directory skip and say why.

LIFECYCLE_GOLDENS        the directory of *.npz files       default ../shared/upstream/golden/public
LIFECYCLE_GOLDEN_SEED    the seed their weights came from   default public
LIFECYCLE_SPECS          names and shapes, *.json           default specs/ two levels above the vectors,
                                                            else ../shared/upstream/specs
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from tests.golden import weights

SHARED = Path(__file__).resolve().parents[3] / "shared" / "upstream"

Vectors = Mapping[str, np.ndarray]


@pytest.fixture(scope="session")
def goldens() -> Path:
    """The directory of recorded vectors."""
    directory = Path(os.environ.get("LIFECYCLE_GOLDENS", SHARED / "golden" / "public"))
    if not directory.is_dir():
        pytest.skip(f"no golden vectors: {directory} is not a directory (set LIFECYCLE_GOLDENS)")
    return directory


@pytest.fixture(scope="session")
def vectors(goldens: Path) -> Callable[[str], Vectors]:
    """Call it with a file's stem: the arrays of that file."""

    def load(stem: str) -> Vectors:
        path = goldens / f"{stem}.npz"
        if not path.is_file():
            pytest.skip(f"no golden vectors: {path} is missing")
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)

    return load


@dataclass(frozen=True)
class Recipe:
    """Where the names and shapes of weights stand, and the seed they are made from."""

    seed: str
    specs: Path

    def shapes(self, family: str) -> dict[str, tuple[int, ...]]:
        """Upstream's names and shapes; skips where there is no such list."""
        if not (self.specs / f"{family}.json").is_file():
            pytest.skip(f"no names and shapes: {self.specs / family}.json is missing (set LIFECYCLE_SPECS)")
        return weights.shapes(self.specs, family)


@pytest.fixture(scope="session")
def recipe(goldens: Path) -> Recipe:
    """What the recorded networks' weights are made from."""
    beside = goldens.resolve().parent.parent / "specs"
    specs = Path(os.environ.get("LIFECYCLE_SPECS", beside if beside.is_dir() else SHARED / "specs"))
    return Recipe(os.environ.get("LIFECYCLE_GOLDEN_SEED", "public"), specs)


@pytest.fixture(scope="session")
def golden_weights(recipe: Recipe) -> Callable[[str], dict[str, np.ndarray]]:
    """Call it with a family, such as gpt_s1longer-v2: its weights, float32, under upstream's names."""

    @lru_cache(maxsize=1)  # a few hundred MB each
    def make(family: str) -> dict[str, np.ndarray]:
        return weights.weights(recipe.seed, family, recipe.shapes(family))

    return make


@pytest.fixture(scope="session")
def golden_tensors(recipe: Recipe) -> Callable[[str], Iterator[tuple[str, np.ndarray]]]:
    """Call it with a family too big to rest twice: its tensors, one after another."""
    return lambda family: weights.stream(recipe.seed, family, recipe.shapes(family))
