"""A tiny environment: a system, two wheels and the toolkit's own; and a bundle of a voice on paper that carries one."""

from __future__ import annotations

from pathlib import Path

from archive.bundle import pack
from containers.profiles import Profile
from lifecycle.environment_building import Built, build
from lifecycle.environment_directory import Environment
from tests.containers.tiny import elf, tiny_profile, write_base, write_wheel_file
from tests.lifecycle.paper_voice import write_paper_voice


def inputs(directory: Path, *, mtime: int = 0) -> tuple[Profile, Path, Path]:
    """(profile, wheels, base): a tomato of machine code, the onion that it needs, and a system."""
    wheels = directory / "wheels"
    native = {"tomato/__init__.py": b"red = True\n", "tomato/skin.so": elf(), "tomato/tests/test_red.py": b""}
    made = [
        write_wheel_file(wheels, "tomato", native, tag="cp311-cp311-manylinux_2_28_x86_64", needs=["onion"]),
        write_wheel_file(wheels, "onion", {"onion.py": b"layers = 7\n"}),
    ]
    return tiny_profile(made), wheels, write_base(directory / "base.tar", files={"./etc/x": b"x"}, mtime=mtime)


def built(directory: Path) -> Built:
    profile, wheels, base = inputs(directory)
    return build(directory / "environment", profile, wheels=wheels, base=base)


def write_bundle(path: Path, environment: Environment | None) -> Path:
    """A public bundle that nobody signed, of the voice "anna"."""
    voice = write_paper_voice(path.parent / f"{path.stem}.made" / "anna").directory
    members = {file.relative_to(voice).as_posix(): file for file in voice.rglob("*") if file.is_file()}
    members |= environment.members() if environment else {}
    pack(path, members, description={"voice": "anna"}, public=True, redundancy=0)
    return path
