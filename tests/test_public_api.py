"""The names that others may rely on are where DESIGN §3 says, and no package `__init__` holds what drags in more."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = (
    "archive.bundle.Bundle",
    "archive.bundle.check",
    "archive.bundle.open_bundle",
    "archive.bundle.pack",
    "archive.errors.ArchiveError",
    "archive.manifest.Manifest",
    "compat_tests.errors.CompatError",
    "compat_tests.runner.Runner",
    "compat_tests.suite.judge",
    "core_model.errors.CoreModelError",
    "core_model.player.Player",
    "core_model.synthesis.synthesize",
    "core_model.training.gpt.train",
    "core_model.training.sovits.train",
    "core_model.upstream.checkpoint.read_checkpoint",
    "core_model.voice.Voice",
    "lifecycle.errors.LifecycleError",
    "lifecycle.store.Store",
    "privacy.budget.Budget",
    "privacy.dpsgd.make_private",
    "privacy.errors.PrivacyError",
    "privacy.ledger.Ledger",
    "privacy.mechanisms.release",
)
INITS = sorted(
    path
    for room in ("archive", "compat_tests", "containers", "core_model", "lifecycle", "privacy")
    for path in (ROOT / room).rglob("__init__.py")
)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_there_and_documented(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    member = getattr(importlib.import_module(module), attribute)
    assert member.__doc__
    assert member.__module__ == module  # defined there, not passed on from elsewhere


@pytest.mark.parametrize("path", INITS, ids=lambda path: str(path.relative_to(ROOT)))
def test_package_init_is_a_docstring_and_a_version(path: Path) -> None:
    if path == ROOT / "lifecycle" / "cli" / "__init__.py":
        return  # the verb table, which imports each verb when it is called
    docstring, *rest = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)
    for statement in rest:
        assert isinstance(statement, ast.Assign), f"{path}:{statement.lineno}"
        assert [target.id for target in statement.targets if isinstance(target, ast.Name)] == ["__version__"]
