"""Whether a set of wheels is complete: what each says that it needs is there, in a version that it takes.

Knows metadata and nothing of what is in the wheels. pip would find this out and complain; an image is made without pip.
Reference: PEP 508, through the library `packaging`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from containers.architecture import of_image
from containers.errors import WheelError
from containers.locks import Chosen


def require_complete(
    needs: Mapping[Path, Sequence[str]], chosen: Sequence[Chosen], *, python: str, architecture: str
) -> None:
    """WheelError for the first of *needs* (wheel → its requirements) that none of *chosen* meets."""
    there = {one.name: Version(one.version) for one in chosen}
    environment = _environment(python, architecture)
    for path, lines in needs.items():
        for line in lines:
            try:
                needed = Requirement(line)
            except InvalidRequirement as error:
                raise WheelError(path.name, f"needs {line[:80]!r}, which is no requirement") from error
            if needed.marker is not None and not needed.marker.evaluate(environment):
                continue
            version = there.get(canonicalize_name(needed.name))
            if version is None or not needed.specifier.contains(version, prereleases=True):
                raise WheelError(path.name, f"needs {needed.name}{needed.specifier}, which the lock does not have")


def _environment(python: str, architecture: str) -> dict[str, str]:
    """What markers are about, there and not here."""
    known = of_image(architecture)
    return {
        **{name: str(value) for name, value in default_environment().items()},
        "extra": "",
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": known.machine if known else architecture,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
