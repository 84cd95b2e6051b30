"""The house keeps its shape: doors between rooms, no torch where torch must not be, and constructs that are never used.

import-linter reads the source and does not see what an `__init__` drags in; the subprocess test imports for real, with
torch made unimportable, and does not see what a function imports when called. Together they hold DESIGN §3.
"""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("archive", "compat_tests", "containers", "core_model", "lifecycle", "privacy")
SOURCES = sorted(
    path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.parent != ROOT / "compat_tests" / "vectors"
)

TORCH_FREE = (
    "archive",
    "compat_tests",
    "containers",
    "core_model.continuation",
    "core_model.description",
    "core_model.diffusion.lora",
    "core_model.features.reference_mel",
    "core_model.migrations",
    "core_model.player",
    "core_model.replaying",
    "core_model.runner",
    "core_model.runtimes",
    "core_model.sampling",
    "core_model.sovits.dims",
    "core_model.sovits.families",
    "core_model.speaking",
    "core_model.strict",
    "core_model.text",
    "core_model.upstream",
    "core_model.utterances",
    "core_model.voice",
    "lifecycle",
    "privacy",
)
# Inside the packages above, the ones that may import torch at the top.
WITH_TORCH = {
    "lifecycle.attack_membership",
    "lifecycle.attack_people",
    "lifecycle.attack_seed",
    "lifecycle.attack_speech",
    "lifecycle.attack_style",
    "lifecycle.attacking",
    "lifecycle.new_voice",
    "lifecycle.private_training",
    "lifecycle.released_voice",
    "lifecycle.releasing",
    "lifecycle.training",
    "lifecycle.training_report",
    "privacy.dpsgd",
    "lifecycle.prompting",
    "lifecycle.converting",
    "lifecycle.fine_tuned_voice",
    "lifecycle.fine_tuning",
}

# Run in a fresh interpreter. Any import of torch raises, also one that is caught and ignored: it is counted.
PROBE = """
import importlib, sys

class NoTorch:
    tried = []
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            self.tried.append(name)
            raise ModuleNotFoundError("torch is absent here", name=name)

sys.meta_path.insert(0, NoTorch())
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert not NoTorch.tried, f"{name} imports {NoTorch.tried}"
assert "torch" not in sys.modules
"""


def modules_below(name: str) -> Iterator[str]:
    """Yield *name* and the modules below it, read from the disk so that nothing is imported here."""
    path = ROOT.joinpath(*name.split("."))
    yield name
    if path.is_dir():
        for module in pkgutil.iter_modules([str(path)]):
            yield from modules_below(f"{name}.{module.name}")


def test_modules_that_must_outlive_torch_import_without_it() -> None:
    names = [module for name in TORCH_FREE for module in modules_below(name) if module not in WITH_TORCH]
    assert len(names) > 10
    run = subprocess.run([sys.executable, "-c", PROBE, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_probe_would_notice_torch() -> None:
    run = subprocess.run([sys.executable, "-c", PROBE, "torch"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0


def test_contracts_between_the_rooms_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


UNSAFE = {"pickle", "marshal", "shelve", "dill"}


def forbidden_constructs(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for each construct that this house never uses."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, f"import {name.name}") for name in names if name.name in UNSAFE)
            case ast.ImportFrom(module=module) if module in UNSAFE:
                yield node.lineno, f"from {node.module} import"
            case ast.Global():
                yield node.lineno, "global"
            case ast.ExceptHandler(type=None):
                yield node.lineno, "bare except"
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield node.lineno, f"{name}()"
            case ast.Call(func=ast.Attribute(attr="extractall")):
                yield node.lineno, "extractall()"
            case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                yield node.lineno, "torch.load"
            case ast.Attribute(value=ast.Name(id="os"), attr="system"):
                yield node.lineno, "os.system"
            case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
                yield node.lineno, "sys.path"
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield node.value.lineno, "shell=True"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_forbidden_construct(path: Path) -> None:
    found = forbidden_constructs(ast.parse(path.read_text()))
    assert [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in found] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n global x",
        "try:\n pass\nexcept:\n pass",
        "tar.extractall('.')",
        "torch.load('x')",
        "subprocess.run('ls', shell=True)",
        "sys.path.insert(0, '.')",
        "eval('1')",
    ],
)
def test_the_search_would_notice(source: str) -> None:
    assert list(forbidden_constructs(ast.parse(source)))


NETWORKS = [
    ROOT / "core_model" / "gpt.py",
    *(path for room in ("diffusion", "sovits") for path in sorted((ROOT / "core_model" / room).rglob("*.py"))),
]
RANDOM = {"randn", "rand", "randn_like", "rand_like", "normal", "multinomial", "bernoulli", "randint", "randperm"}


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_networks_draw_no_random_numbers(path: Path) -> None:
    """DESIGN §5: randomness is an input, the same noise gives the same speech. First values are free."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    computing = [function for function in functions if not function.name.strip("_").startswith("init")]
    drawn = [
        f"{path.name}:{node.lineno}: torch.{node.attr}"
        for function in computing
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr in RANDOM and ast.unparse(node.value) == "torch"
    ]
    assert drawn == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text()))
    assert told, f"{path} has no docstring"
    assert len(told.splitlines()[0]) > 10
