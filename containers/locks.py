"""Hash-locked requirements, as pip reads them with --require-hashes, and the wheels in a directory that they mean.

Knows names, versions, tags and digests; nothing of what is in a wheel. A lock here is for one Python on one system, so
it holds pins and hashes and nothing else: no markers, no options, no addresses. Reference: pip's requirements file
format; PEP 425 and 600 for tags, through the library `packaging`. What cannot be hashed: docs/decisions/0006-locks.md.

    numpy==2.4.6 \\
        --hash=sha256:0a2…  \\
        --hash=sha256:7fd…
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from containers.architecture import of_image
from containers.errors import LockError, MissingWheelsError, WheelDigestError

_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)((?:\s+--hash=sha256:[0-9a-f]{64})*)")
_OLDEST_GLIBC_MINOR = 5  # of manylinux1: PEP 513


@dataclass(frozen=True, slots=True)
class Pin:
    """One requirement: this version, and one of these files."""

    name: str  # normalised: PEP 503
    version: str
    sha256: tuple[str, ...]  # () where no index serves the same file as another: any, and its own digest is recorded

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The wheel that a pin means here."""

    name: str
    version: str  # as the file says it: 2.13.0+cpu
    path: Path
    sha256: str


def parse_lock(text: str, file: str, *, unhashed: Sequence[str] = ()) -> tuple[Pin, ...]:
    """The pins of a requirements file, and of *unhashed* ("torch==2.13.0"). LockError."""
    pins = []
    for line in re.sub(r"\\\n", " ", text).split("\n"):
        line = line.partition("#")[0].strip()
        if line:
            pin = _parse_pin(line, file)
            if not pin.sha256:
                raise LockError(file, line[:80], "has no hash")
            pins.append(pin)
    pins += [_parse_pin(line, file) for line in unhashed]
    names = [pin.name for pin in pins]
    for name in names:
        if names.count(name) > 1:
            raise LockError(file, name, "is locked twice")
    return tuple(pins)


def write_lock(chosen: Sequence[Chosen], comment: str) -> str:
    """A lock of exactly these wheels."""
    lines = [f"{one.name}=={one.version} \\\n    --hash=sha256:{one.sha256}\n" for one in sorted(chosen, key=_by_name)]
    return "".join(f"# {line}\n" for line in comment.split("\n")) + "".join(lines)


def choose(
    pins: Sequence[Pin], directory: Path, *, python: str, architecture: str, glibc: tuple[int, int]
) -> list[Chosen]:
    """The wheel in *directory* for each pin. MissingWheelsError names all that lack; WheelDigestError."""
    there = _wheels_in(directory)
    tags = _tags(python, architecture, glibc)
    chosen, missing = [], {}
    for pin in pins:
        named = [wheel for wheel in there if wheel.name == pin.name and _same_version(wheel.version, pin)]
        fitting = [wheel for wheel in named if wheel.tags & tags]
        if fitting:
            chosen.append(_by_digest(pin, fitting))
            continue
        wanted = f"{pin} for Python {python} on Linux {architecture}"
        missing[wanted] = f"{named[0].path.name} is for another" if named else ""
    if missing:
        raise MissingWheelsError(missing)
    return sorted(chosen, key=_by_name)


def platform_tags(architecture: str, glibc: tuple[int, int]) -> list[str]:
    """The platforms whose wheels run there, newest first: manylinux_2_36_x86_64 and so on."""
    known = of_image(architecture)
    machine = known.machine if known else architecture
    legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    tags = []
    for minor in range(glibc[1], _OLDEST_GLIBC_MINOR - 1, -1):
        tags.append(f"manylinux_{glibc[0]}_{minor}_{machine}")
        if minor in legacy:
            tags.append(f"{legacy[minor]}_{machine}")
    return [*tags, f"linux_{machine}"]


@dataclass(frozen=True, slots=True)
class _There:
    """One wheel in the directory, as its name tells."""

    path: Path
    name: str
    version: Version
    tags: frozenset[Tag]


def _wheels_in(directory: Path) -> list[_There]:
    found = []
    for path in sorted(directory.glob("*.whl")):
        try:
            name, version, _, tags = parse_wheel_filename(path.name)
        except (InvalidWheelFilename, InvalidVersion):
            continue  # no name that pip would take either
        found.append(_There(path, name, version, tags))
    return found


def _by_digest(pin: Pin, fitting: Sequence[_There]) -> Chosen:
    found = {}
    for wheel in fitting:
        with wheel.path.open("rb") as file:
            found[hashlib.file_digest(file, "sha256").hexdigest()] = wheel
    right = [digest for digest in found if not pin.sha256 or digest in pin.sha256]
    if not right:
        digest, wheel = next(iter(found.items()))
        raise WheelDigestError(wheel.path.name, digest)
    best = found[right[0]]
    return Chosen(pin.name, str(best.version), best.path, right[0])


def _same_version(there: Version, pin: Pin) -> bool:
    """2.13.0+cpu is a 2.13.0 where the lock leaves the file open, and only there."""
    return there == Version(pin.version) or (not pin.sha256 and there.public == pin.version)


def _tags(python: str, architecture: str, glibc: tuple[int, int]) -> frozenset[Tag]:
    major, minor = (int(part) for part in python.split("."))
    platforms = platform_tags(architecture, glibc)
    native = cpython_tags((major, minor), platforms=platforms)
    return frozenset([*native, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)])


def _parse_pin(line: str, file: str) -> Pin:
    match = _LINE.fullmatch(line)
    if match is None:
        raise LockError(file, line[:80], "is not NAME==VERSION with hashes")
    try:
        version = str(Version(match[2]))
    except InvalidVersion as error:
        raise LockError(file, line[:80], "has no version that PEP 440 knows") from error
    return Pin(canonicalize_name(match[1]), version, tuple(re.findall(r"[0-9a-f]{64}", match[3])))


def _by_name(chosen: Chosen) -> str:
    return chosen.name
