"""One call of a foreign program: bytes in, bytes out, and an end to it whatever it does.

Knows no protocol. No shell; nothing of this process's environment but what the caller passes; its own session, so that
all it started can be ended with it; output counted while it comes, on the pipes and in its directory. What it cannot
stop: a program that leaves its session and outlives the call, but not its limits on CPU time and file size.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from compat_tests import limited

_PIECE_BYTES = 1 << 16
_LOOK_EVERY_S = 0.2
_KEPT_STDERR_BYTES = 4096  # its last words; the rest is thrown away
_CPU_TIMES = 8  # CPU seconds for each second of the limit: a runtime may load its networks on all cores


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use."""

    time_s: float
    stdout_bytes: int = 4 << 20
    written_bytes: int = 1 << 30  # in its directory, all files together, and any file anywhere
    memory_bytes: int = 0  # of address space; 0: as much as there is


@dataclass(frozen=True, slots=True)
class Called:
    """How it ended. *code* as subprocess gives it, negative for a signal; *ended* is why it was stopped, if it was."""

    code: int
    stdout: bytes
    stderr: bytes  # its last words
    ended: Literal["", "timeout", "too much"] = ""


def call(
    command: Sequence[str], request: bytes, *, environment: Mapping[str, str], directory: Path, limits: Limits
) -> Called:
    """Run *command* in *directory* with *request* on its stdin, within *limits*. Nothing of it is left running."""
    numbers = (limits.written_bytes, int(limits.time_s * _CPU_TIMES) + 1, limits.memory_bytes)
    within = [sys.executable, "-I", str(Path(limited.__file__)), *(str(number) for number in numbers), *command]
    with tempfile.TemporaryFile() as given:
        given.write(request)
        given.seek(0)
        with subprocess.Popen(
            within,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
        ) as process:
            try:
                return _watched(process, directory, limits)
            finally:
                _end(process)


def _watched(process: subprocess.Popen[bytes], directory: Path, limits: Limits) -> Called:
    deadline = time.monotonic() + limits.time_s
    said = bytearray()
    last_words = bytearray()
    for stream, piece in _pieces(process):
        if stream is process.stdout:
            said += piece
        else:
            last_words = (last_words + piece)[-_KEPT_STDERR_BYTES:]
        if len(said) > limits.stdout_bytes or _written(directory) > limits.written_bytes:
            return Called(0, b"", bytes(last_words), "too much")
        if time.monotonic() > deadline:
            return Called(0, b"", bytes(last_words), "timeout")
    code = process.wait()
    if code == -signal.SIGXFSZ or _written(directory) > limits.written_bytes:
        return Called(code, b"", bytes(last_words), "too much")
    return Called(code, bytes(said), bytes(last_words), "timeout" if code == -signal.SIGXCPU else "")


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[tuple[IO[bytes] | None, bytes]]:
    """What comes on its two pipes, and nothing now and then, until it has ended: a child of its may keep them open."""
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream is not None  # for mypy: both are pipes
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ)
        while True:
            over = process.poll() is not None
            ready = selector.select(0 if over else _LOOK_EVERY_S)
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    selector.unregister(key.fileobj)
                yield (process.stdout if key.fileobj is process.stdout else process.stderr), piece
            if over and not any(key.fd in selector.get_map() for key, _ in ready):
                return
            if not selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_EVERY_S)
            yield None, b""


def _written(directory: Path) -> int:
    """Bytes in the directory, which a runner fills with plain files; what lies deeper is refused later."""
    total = 0
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, and all that it started and that stayed in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
