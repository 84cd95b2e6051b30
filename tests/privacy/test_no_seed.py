"""No seed, torch generator or recorded state has a way to the noise: not in this room, not in the verbs that call it.

Read from the source: what a call could be given, and what a module could reach. A seed in a bundle gave a clean vector
back to 2e-7 in a trial (docs/privacy.md).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What judges a release: it resamples scores and tries seeds, and nothing of the noise's way may know of it.
JUDGES = {"metrics", "resampling", "reidentification", "membership", "inversion"}
ROOM = sorted(path for path in (ROOT / "privacy").glob("*.py") if path.stem not in JUDGES)
DRAWING = {"privacy.mechanisms", "privacy.discrete_gaussian", "privacy.dpsgd"}
CALLERS = sorted(
    {
        path
        for path in (ROOT / "lifecycle").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and DRAWING & {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    }
)
RANDOM_MODULES = {"random", "torch", "secrets", "numpy.random"}
RANDOM_NAMES = {"seed", "manual_seed", "default_rng", "Generator", "Philox", "PCG64", "RandomState", "SystemRandom"}
RANDOM_NAMES |= {"set_state", "get_state", "set_rng_state", "fork_rng", "rng", "generator", "bit_generator"}


def ways(tree: ast.AST, modules: set[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for each thing through which a seed or a generator could come in."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names if name.name.partition(".")[0] in modules)
            case ast.ImportFrom(module=str(module)) if {module, module.partition(".")[0]} & modules:
                yield node.lineno, module
            case ast.Attribute(value=ast.Name(id="np" | "numpy" | "torch"), attr="random"):
                yield node.lineno, "np.random"
            case ast.Attribute(attr=attr) if attr in RANDOM_NAMES:
                yield node.lineno, attr
            case ast.Name(id=name) if name in RANDOM_NAMES:
                yield node.lineno, name
            case ast.arg(arg=name) if name in RANDOM_NAMES or "random" in name or "noise" in name:
                yield node.lineno, f"argument {name}"


@pytest.mark.parametrize("path", ROOM, ids=lambda path: path.name)
def test_the_room_has_no_way_in(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path.name == "dpsgd.py":  # torch computes there; that it draws nothing there, tests/privacy/test_dpsgd.py shows
        found = list(ways(tree, RANDOM_MODULES - {"torch"}))
        assert {what for _, what in found} <= {"argument noise_multiplier"}
        assert "secure_mode" not in path.read_text()
    else:
        assert list(ways(tree, RANDOM_MODULES)) == []


def test_what_private_training_draws_for_itself_comes_from_the_operating_system_too() -> None:
    tree = ast.parse((ROOT / "lifecycle" / "private_training.py").read_text())
    given = [
        word.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "entropy"
    ]
    assert [ast.unparse(value) for value in given] == ["os.urandom"]
    assert "seed" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", CALLERS, ids=lambda path: path.name)
def test_who_calls_it_has_none_either(path: Path) -> None:
    assert list(ways(ast.parse(path.read_text()), {"random", "numpy.random"})) == []


@pytest.mark.parametrize("path", ROOM, ids=lambda path: path.name)
def test_what_makes_noise_knows_nothing_of_what_judges_it(path: Path) -> None:
    assert imported(path) & {f"privacy.{judge}" for judge in JUDGES} == set()


@pytest.mark.parametrize("judge", sorted(JUDGES))
def test_what_judges_noise_makes_none(judge: str) -> None:
    """It neither calls the mechanisms nor the sampler, and draws of no generator but one that was passed in."""
    path = ROOT / "privacy" / f"{judge}.py"
    assert imported(path) & {"privacy.mechanisms", "privacy.discrete_gaussian", "privacy.dpsgd"} == set()
    made = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert [ast.unparse(call.func) for call in made if "random" in ast.unparse(call.func)] == []


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    whole = {f"{node.module}.{name.name}" for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names}
    whole |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return whole | {name.rpartition(".")[0] for name in whole}


def test_only_one_function_draws_and_only_from_the_operating_system() -> None:
    drawing = [
        (path.name, ast.unparse(node))
        for path in ROOM
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("urandom")
    ]
    assert [name for name, _ in drawing] == ["discrete_gaussian.py", "dpsgd.py", "dpsgd.py"]  # one; who, and the noise


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from numpy.random import Philox",
        "import torch",
        "x = np.random.normal()",
        "def release(vectors, seed): ...",
        "def release(vectors, *, noise=None): ...",
        "torch.manual_seed(1)",
    ],
)
def test_the_search_would_notice(source: str) -> None:
    assert list(ways(ast.parse(source), RANDOM_MODULES))
