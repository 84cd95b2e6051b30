"""Every refusal of this room.

ContainersError
├── LockError                 a requirements file that is not locked as ours are: carries the file, the line
├── MissingWheelsError        wheels that the lock wants and that are not there: carries them all
├── WheelDigestError          a wheel of the right name whose bytes are not those that the lock names
├── WheelError                a wheel that breaks its format, or that would do more than be unpacked
├── BaseError                 a root file system that no image can be built on
├── WrongArchitectureError    machine code for another processor than the image's
└── ImageError                an image that is not what it says it is
"""

from __future__ import annotations

from collections.abc import Mapping


class ContainersError(Exception):
    """Base of everything this room refuses."""


class LockError(ContainersError):
    """A requirements file that is not locked as ours are."""

    def __init__(self, file: str, line: str, problem: str) -> None:
        super().__init__(f"{file}: {line!r} {problem}")
        self.file = file
        self.line = line


class MissingWheelsError(ContainersError):
    """The lock wants wheels that are not there."""

    def __init__(self, missing: Mapping[str, str]) -> None:
        first, instead = next(iter(missing.items()))
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        super().__init__(f"there is no wheel of {first}{f' ({instead})' if instead else ''}{others}")
        self.missing = dict(missing)  # requirement → what is there instead, or ""


class WheelDigestError(ContainersError):
    """A wheel of the right name whose bytes are not those that the lock names."""

    def __init__(self, file: str, found: str) -> None:
        super().__init__(f"{file} is not the wheel that the lock names: its SHA-256 is {found}")
        self.file = file


class WheelError(ContainersError):
    """A wheel that breaks its format, or that would do more than be unpacked."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file} {problem}")
        self.file = file
        self.problem = problem


class BaseError(ContainersError):
    """A root file system that no image can be built on."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file} {problem}")
        self.file = file


class WrongArchitectureError(ContainersError):
    """Machine code for another processor."""

    def __init__(self, what: str, found: str, wanted: str) -> None:
        super().__init__(f"{what} is made for {found}, and {wanted} is wanted")
        self.what = what
        self.found = found
        self.wanted = wanted


class ImageError(ContainersError):
    """An image that is not what it says it is."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file} {problem}")
        self.file = file
