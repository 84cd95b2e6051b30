"""An environment: what a voice's software runs in, as one directory that can be carried, checked and run for years.

Knows the directory's files and their digests; nothing of how they came about, and of engines nothing.

    environment.json     what it is, with the digest of everything else: canonical JSON
    requirements.lock    exactly the wheels below, as pip reads them
    wheels/*.whl         the toolkit itself, source and all, and what it needs
    image.tar            all that on an operating system: docker load, podman load, skopeo
    Dockerfile           how a person builds the same by hand
    README.txt
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.errors import ContainersError
from containers.image import Image, read_image
from containers.locks import parse_lock
from lifecycle.errors import BrokenEnvironmentError, NoEnvironmentError

DIRECTORY = "environment"  # within a payload, and within a voice that was restored
RECORD = "environment.json"
LOCK = "requirements.lock"
IMAGE = "image.tar"
WHEELS = "wheels"
OTHERS = (LOCK, IMAGE, "Dockerfile", "README.txt")

_FORMAT = "lifecycle-environment"
_VERSION = 1
_MOST_bytes = 1 << 20
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*\.whl")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Told:
    """What environment.json says."""

    profile: str
    toolkit: str  # "lifecycle 0.1.0"
    python: str  # "3.11"
    architecture: str  # as images call it
    runtime: str  # what the toolkit computes with in it
    manifest: str  # the image's digests: see containers.image.Image
    config: str
    base_sha256: str  # of the root file system that it was built on
    files: Mapping[str, tuple[str, int]]  # path → (SHA-256, size) of all but this one

    def document(self) -> bytes:
        """environment.json."""
        told = {
            "format": _FORMAT,
            "version": _VERSION,
            "profile": self.profile,
            "toolkit": self.toolkit,
            "python": self.python,
            "architecture": self.architecture,
            "runtime": self.runtime,
            "image": {"manifest": self.manifest, "config": self.config},
            "base_sha256": self.base_sha256,
            "files": {path: {"sha256": sha256, "size": size} for path, (sha256, size) in sorted(self.files.items())},
        }
        return (json.dumps(told, indent=1, sort_keys=True) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment directory whose every file is the one that it says."""

    directory: Path
    told: Told

    @classmethod
    def open(cls, directory: Path) -> Environment:
        """Read it, and compare every file with its digest. NoEnvironmentError, BrokenEnvironmentError."""
        if not (directory / RECORD).is_file():
            raise NoEnvironmentError(f"{directory} holds no {RECORD}")
        told = _parse(directory / RECORD)
        for path, (sha256, size) in told.files.items():
            _require_file(directory / path, path, sha256, size)
        _require_nothing_else(directory, told)
        _require_locked(directory, told)
        return cls(directory, told)

    @property
    def image_file(self) -> Path:
        """The image."""
        return self.directory / IMAGE

    def image(self) -> Image:
        """The image as it says itself, each blob compared. BrokenEnvironmentError unless the record means it."""
        try:
            image = read_image(self.image_file)
        except ContainersError as error:
            raise BrokenEnvironmentError(IMAGE, str(error)) from error
        if (image.manifest, image.config, image.architecture) != (
            self.told.manifest,
            self.told.config,
            self.told.architecture,
        ):
            raise BrokenEnvironmentError(IMAGE, f"is not the image that {RECORD} names")
        return image

    def members(self) -> dict[str, Path]:
        """Path in a payload → file, for all that an environment is."""
        return {f"{DIRECTORY}/{path}": self.directory / path for path in (RECORD, *self.told.files)}


def _parse(path: Path) -> Told:
    if path.stat().st_size > _MOST_bytes:
        raise BrokenEnvironmentError(RECORD, f"has more than {_MOST_bytes >> 20} MiB")
    try:
        told: dict[str, Any] = json.loads(path.read_bytes())
        if (told["format"], told["version"]) != (_FORMAT, _VERSION):
            raise BrokenEnvironmentError(RECORD, f"is of format {told['format']!r} {told['version']!r}, not 1")
        files = {name: (file["sha256"], file["size"]) for name, file in told["files"].items()}
        texts = {
            name: told[name] for name in ("profile", "toolkit", "python", "architecture", "runtime", "base_sha256")
        }
        texts |= {name: told["image"][name] for name in ("manifest", "config")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenEnvironmentError(RECORD, f"does not tell what it must: {error}") from error
    if not all(isinstance(text, str) for text in texts.values()):
        raise BrokenEnvironmentError(RECORD, "holds a number where a text belongs")
    if not {*OTHERS} <= set(files) or not all(_allowed(name) for name in files):
        raise BrokenEnvironmentError(RECORD, "lists other files than an environment has")
    for name, (sha256, size) in files.items():
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or not isinstance(size, int):
            raise BrokenEnvironmentError(RECORD, f"tells no SHA-256 and size of {name}")
    return Told(files=files, **texts)


def _allowed(name: str) -> bool:
    directory, _, file = name.rpartition("/")
    return name in OTHERS or (directory == WHEELS and _FILE.fullmatch(file) is not None)


def _require_file(path: Path, name: str, sha256: str, size: int) -> None:
    if path.is_symlink() or not path.is_file():
        raise BrokenEnvironmentError(name, "is missing")
    if path.stat().st_size != size:
        raise BrokenEnvironmentError(name, f"has {path.stat().st_size} bytes and not {size}")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BrokenEnvironmentError(name, f"is not the file that {RECORD} names: its SHA-256 is another")


def _require_nothing_else(directory: Path, told: Told) -> None:
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if name not in (RECORD, WHEELS) and name not in told.files:
            raise BrokenEnvironmentError(name, f"is not among the files that {RECORD} lists")


def _require_locked(directory: Path, told: Told) -> None:
    """Every wheel is in requirements.lock and every pin has its wheel: pip would else find another, or none."""
    try:
        pins = parse_lock((directory / LOCK).read_text(), LOCK)
    except (ContainersError, UnicodeDecodeError) as error:
        raise BrokenEnvironmentError(LOCK, str(error)) from error
    locked = sorted(sha256 for pin in pins for sha256 in pin.sha256)
    carried = sorted(sha256 for name, (sha256, _) in told.files.items() if name.startswith(f"{WHEELS}/"))
    if locked != carried:
        raise BrokenEnvironmentError(LOCK, "names other wheels than the ones that are carried")
