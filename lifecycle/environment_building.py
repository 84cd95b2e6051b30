"""Build: from a lock, a directory of wheels and a root file system to an environment, the same one every time.

Knows what an environment is made of and in which order; nothing of how tars, wheels and images are written. Nothing is
fetched: `environment_fetching` does that, when a person says so. Nothing that goes into the image is run.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive.files import appearing
from containers.base import Base
from containers.errors import ImageError, WheelDigestError
from containers.image import Config, Image, write_image
from containers.layers import Member
from containers.locks import Chosen, choose, write_lock
from containers.needs import require_complete
from containers.profiles import DOCKERFILE, Profile
from containers.wheels import Wheel
from lifecycle import __version__
from lifecycle.environment_directory import IMAGE, LOCK, RECORD, WHEELS, Environment, Told
from lifecycle.store import sync_tree
from lifecycle.toolkit_wheel import NAME, write_toolkit_wheel

NOBODY = "65534:65534"
HOME = "/lifecycle"  # where a container finds a home with voices in it
OUTPUT = "/output"  # and where it may write
_PACKAGES = "opt/lifecycle/packages"
_COMMAND = "opt/lifecycle/bin/lifecycle"


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that was written."""

    environment: Environment
    image: Image
    unpacked_bytes: int  # of the image's layers


def build(
    destination: Path,
    profile: Profile,
    *,
    wheels: Path,
    base: Path,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Built:
    """Write the environment of *profile* into the new directory *destination*, whole or not at all.

    *base* is a root file system as a tar, and says for which processor everything is. DestinationExistsError,
    ContainersError, OSError.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with appearing(destination) as making:
        making.chmod(0o755)  # there is nothing secret in it
        (making / WHEELS).mkdir()
        tell(0, 3, "choosing wheels")
        with Base(base, python=profile.python, leave_out=profile.left_out.base) as opened:
            built = _build(making, profile, wheels, opened, tell)
        sync_tree(making)
    tell(3, 3, "done")
    return Built(Environment(destination, built.environment.told), built.image, built.unpacked_bytes)


def _build(making: Path, profile: Profile, wheels: Path, base: Base, tell: Callable[[int, int, str], None]) -> Built:
    architecture = base.architecture
    chosen = choose(profile.pins, wheels, python=profile.python, architecture=architecture, glibc=profile.glibc)
    carried = [_carry(one, making / WHEELS) for one in chosen]
    toolkit = _own(write_toolkit_wheel(making / WHEELS))
    (making / LOCK).write_text(write_lock([*carried, toolkit], _LOCK_COMMENT.format(profile=profile.name)))
    tell(1, 3, "writing the image")
    image = _write_image(making, profile, base, carried, toolkit)
    (making / "Dockerfile").write_text(_dockerfile(image))
    (making / "README.txt").write_text(_README.format(profile=profile.name, image=image, python=profile.python))
    tell(2, 3, "looking at it once more")
    told = Told(
        profile=profile.name,
        toolkit=f"lifecycle {__version__}",
        python=profile.python,
        architecture=architecture,
        runtime=profile.runtime,
        manifest=image.manifest,
        config=image.config,
        base_sha256=base.sha256,
        files=_files(making),
    )
    (making / RECORD).write_bytes(told.document())
    return Built(Environment.open(making), image, sum(layer.size for layer in image.layers))


def _write_image(making: Path, profile: Profile, base: Base, carried: Sequence[Chosen], toolkit: Chosen) -> Image:
    scratch = making / ".layers"
    scratch.mkdir()
    with ExitStack() as stack:  # all wheels stay open until all layers are written: their files come in another order
        opened = {one.path: stack.enter_context(_opened(one)) for one in (*carried, toolkit)}
        needs = {one.path: opened[one.path].requirements() for one in carried}
        require_complete(needs, carried, python=profile.python, architecture=base.architecture)
        unpack = partial(_unpack, architecture=base.architecture)
        libraries = [member for one in carried for member in unpack(opened[one.path], profile.left_out.wheels)]
        ours = [*unpack(opened[toolkit.path], profile.left_out.toolkit), _starter(profile.python)]
        layers = (base.members(), libraries, ours)
        try:
            image = write_image(
                making / IMAGE, f"lifecycle-{profile.name}", layers, _config(profile, base.architecture), scratch
            )
        except ValueError as error:  # two wheels with one file, say
            raise ImageError(IMAGE, f"cannot be written: {error}") from error
    scratch.rmdir()
    return image


def _carry(one: Chosen, directory: Path) -> Chosen:
    """Copy a wheel; WheelDigestError if what was copied is not what was chosen."""
    path = directory / one.path.name
    shutil.copyfile(one.path, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != one.sha256:
        raise WheelDigestError(path.name, sha256)
    return Chosen(one.name, one.version, path, sha256)


def _own(path: Path) -> Chosen:
    with path.open("rb") as file:
        return Chosen(NAME, path.name.split("-")[1], path, hashlib.file_digest(file, "sha256").hexdigest())


def _opened(one: Chosen) -> Wheel:
    wheel = Wheel(one.path)
    if wheel.sha256 != one.sha256:
        wheel.close()
        raise WheelDigestError(one.path.name, wheel.sha256)
    return wheel


def _unpack(wheel: Wheel, leave_out: Sequence[str], architecture: str) -> Iterator[Member]:
    return wheel.members(_PACKAGES, leave_out=leave_out, architecture=architecture)


def _starter(python: str) -> Member:
    starter = _STARTER.format(python=python).encode()
    return Member(_COMMAND, "file", 0o755, len(starter), open=lambda: io.BytesIO(starter))


def _dockerfile(image: Image) -> str:
    """The Dockerfile with its base by digest: the first layer, which lies in the image."""
    text = DOCKERFILE.read_text()
    return text.replace("ARG BASE=base.tar\n", f"ARG BASE=blobs/sha256/{image.layers[0].sha256}\n", 1)


def _config(profile: Profile, architecture: str) -> Config:
    environment = {
        "HOME": "/tmp",
        "LIFECYCLE_HOME": HOME,
        "ORT_DISABLE_TELEMETRY": "1",
        "PATH": f"/{_COMMAND.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": f"/{_PACKAGES}",
        "PYTHONUTF8": "1",
    }
    labels = {"org.opencontainers.image.title": f"lifecycle {__version__}, {profile.name}"}
    return Config(architecture, NOBODY, environment, (f"/{_COMMAND}",), OUTPUT, labels)


def _files(making: Path) -> dict[str, tuple[str, int]]:
    found = {}
    for path in sorted(making.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(making).as_posix()] = (digest, path.stat().st_size)
    return found


_STARTER = """\
#!/usr/bin/python{python}
import sys

from lifecycle.cli import main

sys.exit(main(prog_name="lifecycle"))
"""

_LOCK_COMMENT = """\
Exactly the wheels in wheels/, for the profile {profile}. The toolkit's own metadata asks for more than it needs here:
pip install --no-index --no-deps --require-hashes --find-links wheels -r requirements.lock"""

_README = """\
What a voice's software runs in: profile {profile}, Linux, {image.architecture}.

With docker or podman, where VOICES/voices/NAME is the voice and OUT an empty directory. The container's user is nobody
here, and must read the one and write into the other:

    chmod -R a+rX VOICES
    chmod a+rwx OUT
    docker load -i image.tar
    docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \\
        -v "$PWD/VOICES:/lifecycle:ro" -v "$PWD/OUT:/output" {image.config} \\
        speak NAME "Good morning." -o good_morning.wav

The image is {image.config} to docker before its version 29, and {image.manifest}
to newer engines and to OCI tools (skopeo, umoci, podman).

Without an engine, with Python {python} on Linux:

    python{python} -m venv venv
    venv/bin/python -m pip install --no-index --no-deps --require-hashes --find-links wheels -r requirements.lock
    venv/bin/lifecycle --help

Every file's SHA-256 stands in environment.json.
"""
