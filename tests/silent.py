"""No test opens a socket, nor does any process that it starts, unless it says so: `@pytest.mark.sockets("loopback")`.

A plugin that both conftests register; what watches is `silent_start/silent_trap.py`. A socket that was refused fails
the test at its end, also where whoever wanted it swallowed the refusal.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

START = Path(__file__).parent / "silent_start"
_USUALLY = ("ipv6-question",)  # transformers, docker's SDK and pip import urllib3, which asks it; nothing is sent


def load_trap() -> ModuleType:
    """The trap's module; the one that `sitecustomize` loaded, where this process is somebody's child."""
    if "silent_trap" not in sys.modules:
        spec = importlib.util.spec_from_file_location("silent_trap", START / "silent_trap.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["silent_trap"] = module
        spec.loader.exec_module(module)
    return sys.modules["silent_trap"]


trap = load_trap()


def install() -> None:
    """Watch this process and its children from now on, with a log of its own."""
    descriptor, os.environ[trap.LOG] = tempfile.mkstemp(prefix="sockets-", suffix=".log")
    os.close(descriptor)
    os.environ[trap.ALLOWED] = " ".join(_USUALLY)
    trap.install()


@contextmanager
def allowing(*words: str) -> Iterator[None]:
    """Let this process, and those that it starts meanwhile, open these kinds of socket and no others."""
    strange = set(words) - set(trap.ALLOWANCES)
    if strange:
        raise ValueError(f"there is no such allowance: {strange}")
    before = os.environ[trap.ALLOWED]
    os.environ[trap.ALLOWED] = " ".join(words)
    try:
        yield
    finally:
        os.environ[trap.ALLOWED] = before


@contextmanager
def expected() -> Iterator[list[str]]:
    """For tests of the trap: yield a list that holds, at the end of the block, what was refused in it."""
    path, before, told = Path(os.environ[trap.LOG]), os.environ[trap.LOG], []
    with tempfile.TemporaryDirectory() as directory:
        os.environ[trap.LOG] = str(Path(directory) / "log")
        try:
            yield told
        finally:
            told += _lines(Path(os.environ[trap.LOG]))
            os.environ[trap.LOG] = before
    assert path.exists()


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Allow what the test's markers name, while it runs."""
    named = [word for marker in item.iter_markers("sockets") for word in marker.args]
    with allowing(*_USUALLY, *named):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail the test if anything was refused."""
    outcome = yield
    path = Path(os.environ[trap.LOG])
    refused = _lines(path)
    if refused:
        path.write_text("")
        pytest.fail("sockets that nobody asked for:\n" + "\n".join(refused), pytrace=False)
    return outcome


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no log behind."""
    Path(os.environ[trap.LOG]).unlink(missing_ok=True)
