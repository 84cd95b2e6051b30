"""A container engine for tests: the one that answers already, else a dockerd of our own that goes again.

with started_engine() as engine: ...             # None where there is none: "not run: no engine"
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.container_engine import Engine, connect
from lifecycle.errors import EngineMissingError

_PATIENCE_s = 60
# Nothing outside of our own directory is touched: no bridge, no packet filter.
_WAYS = ((), ("--storage-driver", "vfs"))


@contextlib.contextmanager
def started_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine | None]:
    """Yield a connection to an engine, or None; what was started is stopped, and what it stored is gone."""
    with contextlib.suppress(EngineMissingError), connect() as engine:
        yield engine
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        for way in _WAYS:
            # Not below pytest's own directory: a socket's name has at most 107 bytes.
            directory = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="engine", ignore_cleanup_errors=True))
            )
            daemon = stack.enter_context(_daemon(directory, way))
            monkeypatch.setenv("DOCKER_HOST", f"unix://{directory}/engine.sock")
            engine = _answering(daemon)
            if engine is not None:
                yield stack.enter_context(engine)
                return
        yield None


@contextlib.contextmanager
def _daemon(directory: Path, way: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    command = ["dockerd", "--host", f"unix://{directory}/engine.sock", "--data-root", f"{directory}/data"]
    command += ["--exec-root", f"{directory}/exec", "--pidfile", f"{directory}/pid"]
    command += ["--bridge", "none", "--iptables=false", *way]
    with (directory / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield daemon
        finally:
            daemon.terminate()
            try:
                daemon.wait(_PATIENCE_s)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)  # its containerd too: they are our own session
                daemon.wait()


def _answering(daemon: subprocess.Popen[bytes]) -> Engine | None:
    began = time.monotonic()
    while daemon.poll() is None and time.monotonic() - began < _PATIENCE_s:
        try:
            return connect()
        except EngineMissingError:
            time.sleep(0.2)
    return None
