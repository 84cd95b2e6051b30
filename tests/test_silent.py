"""The trap itself: what it catches, in this process and in every kind of child, and what it lets by."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import silent

KNOCK = """
import socket
try:
    socket.create_connection(("192.0.2.1", 443), 0.1)
except OSError:
    pass  # as whoever reports home does
"""
LISTEN = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()"


def knock() -> None:
    exec(KNOCK)  # noqa: S102  the very words that children are given


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.create_connection(("127.0.0.1", 9), 0.1),
        lambda: socket.socket(socket.AF_UNIX).connect("/nonexistent"),
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_this_process(attempt: object) -> None:
    with silent.expected() as refused, pytest.raises(silent.trap.SocketRefusedError):
        attempt()  # type: ignore[operator]
    assert len(refused) == 1


def test_a_test_that_swallows_the_refusal_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_configure\n")
    (tmp_path / "test_it.py").write_text(f"def test_quiet():\n    pass\n\ndef test_loud():\n    exec({KNOCK!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_it.py"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed, 1 error" in done.stdout and "sockets that nobody asked for" in done.stdout
    assert "ERROR test_it.py::test_loud" in done.stdout


CALLS = {
    "plain": [sys.executable, "-c", KNOCK],
    "isolated": [sys.executable, "-I", "-c", KNOCK],
    "isolated among others": [sys.executable, "-W", "error", "-BIc", KNOCK],
    "without environment": [sys.executable, "-E", "-s", "-c", KNOCK],
    "through a shell": ["sh", "-c", 'exec "$0" -c "$1"', sys.executable, KNOCK],
}
GRANDCHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-I", "-c", {KNOCK!r}], env={{}}, check=True)
"""


@pytest.mark.parametrize("environment", [None, {}, {"PATH": os.defpath, "PYTHONPATH": "/nonexistent"}])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_children(call: list[str], environment: dict[str, str] | None) -> None:
    with silent.expected() as refused:
        subprocess.run(call, env=None if environment is None else dict(environment), check=True)
    assert len(refused) == 1 and "192.0.2.1" in refused[0]


def test_grandchildren_and_children_by_other_ways() -> None:
    with silent.expected() as refused:
        subprocess.run([sys.executable, "-c", GRANDCHILD], check=True)
    assert len(refused) == 1
    with silent.expected() as refused:
        process = multiprocessing.get_context("spawn").Process(target=knock)
        process.start()
        process.join()
    assert len(refused) == 1
    with silent.expected() as refused:
        os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", KNOCK], os.environ), 0)
    assert len(refused) == 1


def test_an_isolated_child_is_isolated_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "stranger.py").write_text("")
    told = "import sys; print([p for p in sys.path if p in ('', sys.argv[1]) or 'silent' in p], sys.argv)"
    command = [sys.executable, "-I", "-c", told, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"[] ['-c', {str(tmp_path)!r}]\n"
    command[1:2] = []
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"['', {str(tmp_path)!r}]")


def test_a_child_that_cannot_be_watched_is_not_started() -> None:
    with pytest.raises(silent.trap.SocketRefusedError, match="without the trap"):
        subprocess.run([sys.executable, "-IS", "-c", "pass"], check=False)


@pytest.mark.sockets("loopback")
def test_what_a_test_declares_it_may() -> None:
    exec(LISTEN)  # noqa: S102
    subprocess.run([sys.executable, "-I", "-c", LISTEN], env={}, check=True)
    assert socket.getaddrinfo("localhost", 80)
    with silent.expected() as refused, pytest.raises(silent.trap.SocketRefusedError):
        socket.create_connection(("192.0.2.1", 443), 0.1)
    assert refused
    with silent.expected() as refused, pytest.raises(silent.trap.SocketRefusedError), socket.socket() as opened:
        opened.bind(("0.0.0.0", 0))  # whoever is on the network could talk to it
    assert refused


def test_what_only_talks_to_itself_needs_no_leave() -> None:
    one, other = socket.socketpair()
    one.sendall(b"x")
    assert other.recv(1) == b"x"
    one.close()
    other.close()
    assert socket.gethostname()


def test_an_allowance_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="no such allowance"), silent.allowing("everything"):
        pass
