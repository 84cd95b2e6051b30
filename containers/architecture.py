"""Which processor machine code is made for, told by the head of an ELF file, and what that processor is called where.

Knows nothing of images and wheels. Reference: System V ABI, ELF header, e_machine at byte 18; OCI image spec (GOARCH).
"""

from __future__ import annotations

from dataclasses import dataclass

HEAD_bytes = 20
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One processor by its three names."""

    image: str  # as images call it: amd64
    machine: str  # as wheels and `uname -m` do: x86_64
    elf: int  # e_machine


KNOWN = (Architecture("amd64", "x86_64", 62), Architecture("arm64", "aarch64", 183))


def of_machine_code(head: bytes) -> str | None:
    """What the file that begins with *head* is made for, as images call it; None if it is no machine code for Linux."""
    if len(head) < HEAD_bytes or not head.startswith(_ELF):
        return None
    number = int.from_bytes(head[18:20], "big" if head[5] == 2 else "little")
    return next((known.image for known in KNOWN if known.elf == number), f"an unknown processor ({number})")


def of_image(name: str) -> Architecture | None:
    """The architecture that images call *name*; None if it is not one of ours."""
    return next((known for known in KNOWN if known.image == name), None)


def of_machine(name: str) -> Architecture | None:
    """The architecture that `uname -m` calls *name*; None if it is not one of ours."""
    return next((known for known in KNOWN if known.machine == name), None)
