"""The toolkit itself as a wheel, made of what is installed here: an environment carries the software that wrote it.

Knows which packages are ours; nothing of a wheel's bytes. The same toolkit gives the same wheel, from a checkout or
installed, in any directory. What lies about in the packages and is no part of them stays out.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from containers.wheel_writer import Metadata, write_wheel

NAME = "lifecycle"
ENTRY = {"lifecycle": "lifecycle.cli:main"}
_ROOMS = ("archive", "containers", "core_model", "lifecycle", "privacy")
_SUITES = "compat_tests"  # its modules, which verify is made of; its vectors and voices are the repository's own
_ROOT = Path(__file__).resolve().parent.parent
_NO_PART = ("__pycache__", ".pyc", "~")


def toolkit_metadata() -> Metadata:
    """What the wheel says of itself. importlib.metadata.PackageNotFoundError if the toolkit is not installed."""
    told = metadata.metadata(NAME)
    requires = tuple(metadata.requires(NAME) or ())
    summary, python = str(told["Summary"]), str(told["Requires-Python"])
    return Metadata(NAME, str(told["Version"]), summary, python, requires, ENTRY)


def write_toolkit_wheel(directory: Path) -> Path:
    """Write the wheel into *directory*; return it."""
    told = toolkit_metadata()
    path = directory / told.wheel_name
    with path.open("xb") as file:
        write_wheel(file, told, _files())
    return path


def _files() -> dict[str, Path]:
    found = [path for room in _ROOMS for path in (_ROOT / room).rglob("*")] + list((_ROOT / _SUITES).glob("*"))
    files = {path.relative_to(_ROOT): path for path in sorted(found) if path.is_file()}
    return {place.as_posix(): path for place, path in files.items() if not any(map(_is_no_part, place.parts))}


def _is_no_part(part: str) -> bool:
    return part.startswith(".") or part.endswith(_NO_PART)
