"""The container engine of this machine, through the docker SDK: load an image by its digest, run it walled in.

Knows images and directories; nothing of voices. What runs gets no network, no capabilities, no new privileges, a root
that it can only read, a user that owns nothing, and limits on memory, processes and time. Nothing is ever pulled.
docs/environment.md; Docker Engine API 1.41. Podman answers the same calls on its own socket.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.image import Image
from lifecycle.errors import EngineError, EngineMissingError, MemoryLimitError, OtherMachineError, TimeLimitError
from lifecycle.printable import printable

_PATIENCE_s = 600  # for one answer of the engine: it may be loading a gigabyte
_HERE = ("unix://", "http+unix://", "npipe://")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # what some engines call what images call otherwise
_LOG = {"max-size": "8m", "max-file": "1"}
_TEMPORARY = "rw,noexec,nosuid,nodev,mode=1777,size=256m"
# Said here because podman else asks for more than its host may give. nproc counts all processes of that user.
_ULIMITS = {"core": 0, "nofile": 1024, "nproc": 4096}
_KILLED = 137  # 128 + SIGKILL


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use."""

    memory_bytes: int = 2 << 30
    time_s: float = 600.0
    processes: int = 128


@dataclass(frozen=True, slots=True)
class Mounted:
    """A directory of this machine inside a container."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that came to its end."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float  # from the start of the container to its end


class Engine:
    """A connection. Made by `connect`."""

    def __init__(self, client: Any, failures: tuple[type[Exception], ...]) -> None:
        self._client = client
        self._failures = failures  # what the SDK and the library below it raise

    def load(self, image: Image, file: Path) -> str:
        """Give the engine *image* out of its tar, unless it has it already; return what it calls it.

        OtherMachineError if this machine could not run it, EngineError.
        """
        with self._told("tell its architecture"):
            here = str(self._client.version()["Arch"])
        here = _MACHINES.get(here, here)
        if here != image.architecture:
            raise OtherMachineError("the image", image.architecture, here)
        found = self._find(image)
        if found is None:
            with self._told("load the image"), file.open("rb") as data:
                self._client.images.load(data)
            found = self._find(image)
        if found is None:
            raise EngineError("the engine took the image and does not know it by its digest")
        return found

    def run(self, image: str, command: Sequence[str], mounts: Sequence[Mounted], limits: Limits) -> Ended:
        """Run *command* walled in; no container stays. TimeLimitError, MemoryLimitError, EngineError."""
        with self._told("make a container"):
            container = self._client.containers.create(image, list(command), **walls(mounts, limits))
        try:
            began = time.monotonic()
            with self._told("start the container"):
                container.start()
            code = self._wait(container, limits.time_s)
            seconds = time.monotonic() - began
            with self._told("tell what came of it"):
                container.reload()
                if code == _KILLED and container.attrs["State"].get("OOMKilled"):
                    raise MemoryLimitError(limits.memory_bytes)
                said = container.logs(stdout=True, stderr=False).decode("utf-8", "replace")
                told = container.logs(stdout=False, stderr=True).decode("utf-8", "replace")
            return Ended(code, said, told, seconds)
        finally:
            with contextlib.suppress(*self._failures):
                container.remove(force=True, v=True)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _find(self, image: Image) -> str | None:
        """What the engine calls *image*: after its config before docker 29, its manifest since; None if unknown."""
        from docker.errors import ImageNotFound

        for digest in (image.config, image.manifest):
            with self._told("look for the image"), contextlib.suppress(ImageNotFound):
                return str(self._client.images.get(digest).id)
        return None

    def _wait(self, container: Any, limit_s: float) -> int:
        began = time.monotonic()
        try:
            return int(container.wait(timeout=limit_s)["StatusCode"])
        except self._failures as error:
            if time.monotonic() - began < limit_s:
                raise EngineError(f"the engine could not wait for the container: {error}") from error
            raise TimeLimitError(limit_s) from error

    @contextlib.contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            from docker.errors import ImageNotFound

            if isinstance(error, ImageNotFound):
                raise
            raise EngineError(f"the engine could not {doing}: {error}") from error


def connect() -> Engine:
    """The engine that docker's own settings name (DOCKER_HOST and so on). EngineMissingError if none answers.

    One on another machine is not asked: nothing of a voice goes over a network.
    """
    try:
        with _no_internet_socket():
            import docker
            from requests.exceptions import RequestException
    except ImportError as error:
        raise EngineMissingError(f"the package docker, which talks to an engine, is not installed: {error}") from error
    failures = (docker.errors.DockerException, RequestException, OSError)
    address = docker.utils.kwargs_from_env().get("base_url") or docker.constants.DEFAULT_UNIX_SOCKET
    if not address.startswith(_HERE):
        raise EngineMissingError(f"the container engine at {printable(address)} may be another machine's")
    path = Path(address.partition("://")[2])
    if "unix" in address and not path.is_socket():  # said before the SDK tries, which would leave a socket open
        raise EngineMissingError("no container engine answers on this machine")
    try:
        client = docker.from_env(timeout=_PATIENCE_s)
        client.ping()
    except failures as error:
        raise EngineMissingError("no container engine answers on this machine") from error
    return Engine(client, failures)


@contextlib.contextmanager
def _no_internet_socket() -> Iterator[None]:
    """While urllib3 is imported: it would open one to ask whether there is IPv6, which no engine here needs."""
    before, socket.has_ipv6 = socket.has_ipv6, False
    try:
        yield
    finally:
        socket.has_ipv6 = before


def walls(mounts: Sequence[Mounted], limits: Limits) -> Mapping[str, Any]:
    """What stands round every container, as the SDK's `containers.create` takes it."""
    from docker.types import LogConfig, Mount, Ulimit

    return {
        "cap_drop": ["ALL"],
        "ipc_mode": "private",
        "log_config": LogConfig(type="json-file", config=dict(_LOG)),
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,  # both together: none of it may be swap
        "mounts": [Mount(one.target, str(one.source), type="bind", read_only=not one.writable) for one in mounts],
        "network_mode": "none",
        "pids_limit": limits.processes,
        "read_only": True,
        "security_opt": ["no-new-privileges"],
        "tmpfs": {"/tmp": _TEMPORARY},
        "ulimits": [Ulimit(name=name, soft=most, hard=most) for name, most in _ULIMITS.items()],
        "user": "65534:65534",
    }
