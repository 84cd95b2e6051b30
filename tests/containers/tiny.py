"""Small bases, wheels and profiles: everything that an image is made of, in a few kilobytes.

base = write_base(tmp_path / "base.tar")
wheel = write_wheel_file(tmp_path, "tomato", {"tomato/__init__.py": b""})
profile = tiny_profile([wheel])
"""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from containers.locks import Pin
from containers.profiles import LeftOut, Profile

PYTHON = "3.11"
X86_64, AARCH64 = 62, 183


def elf(machine: int = X86_64, more: bytes = b"") -> bytes:
    """The head of a 64-bit little-endian ELF file, which is all that anybody looks at."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little") + more


def write_base(
    path: Path,
    *,
    machine: int = X86_64,
    files: Mapping[str, bytes] | None = None,
    entries: Sequence[tarfile.TarInfo] = (),
    mtime: int = 0,
) -> Path:
    """A root file system with an interpreter and *files*, and *entries* without content."""
    contents = {f"./usr/bin/python{PYTHON}": elf(machine), "./etc/hostname": b"here\n", **(files or {})}
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), 0o755, mtime
            tar.addfile(info, io.BytesIO(content))
        for info in entries:
            tar.addfile(info)
    return path


def entry(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """One entry of a tar that has no content."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def write_wheel_file(
    directory: Path,
    name: str,
    files: Mapping[str, bytes],
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    needs: Sequence[str] = (),
    change: Callable[[dict[str, bytes]], None] = lambda files: None,
    put: Callable[[zipfile.ZipFile], None] = lambda packed: None,
) -> Path:
    """A right wheel of *files*, unless *change* touches them after RECORD was written, or *put* adds to the zip."""
    dist_info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {line}\n" for line in needs)
    inside = dict(files)
    inside[f"{dist_info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}".encode()
    inside[f"{dist_info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    rows = [f"{path},{record_digest(content)},{len(content)}" for path, content in inside.items()]
    inside[f"{dist_info}/RECORD"] = ("\n".join([*rows, f"{dist_info}/RECORD,,"]) + "\n").encode()
    change(inside)
    path = directory / f"{name}-{version}-{tag}.whl"
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file, content in inside.items():
            packed.writestr(file, content)
        put(packed)
    return path


def record_digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pin_of(path: Path) -> Pin:
    """What a lock says of this wheel."""
    name, version = path.name.split("-")[:2]
    return Pin(name, version, (sha256_of(path),))


def tiny_profile(wheels: Sequence[Path], *, pins: Sequence[Pin] = ()) -> Profile:
    """A profile of these wheels, or of *pins*."""
    nothing = LeftOut(base=("etc/hostname",), wheels=("*/tests/*",), toolkit=("*.sh",))
    return Profile("player", PYTHON, (2, 36), "onnx", tuple(pins) or tuple(map(pin_of, wheels)), nothing)
