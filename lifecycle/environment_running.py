"""Run: a verb of the toolkit inside the environment that a bundle carries, walled in, and what it wrote brought out.

Knows which verbs make sense there and how files come back; the engine is `container_engine`'s. Whoever runs inside may
be hostile: what it wrote is taken over only where it is plain files, and never over a file of another kind.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from lifecycle.container_engine import Ended, Engine, Limits, Mounted
from lifecycle.environment_building import HOME, OUTPUT
from lifecycle.environment_in_bundle import Unpacked, unpacked
from lifecycle.errors import OutputRefusedError
from lifecycle.store import Store, new_file, require_same_kind
from lifecycle.trusting import Judgement, Trust

VERBS = ("speak", "verify")
_MOST_files = 1000
_MOST_bytes = 4 << 30
_KIND_bytes = 4  # enough to tell a wav from anything else


@dataclass(frozen=True, slots=True)
class Ran:
    """A run, and what it left."""

    voice: str
    image: str  # as the engine calls it
    ended: Ended
    files: tuple[Path, ...]
    judgement: Judgement


def run(
    bundle_path: Path,
    arguments: Sequence[str],
    output: Path,
    identities: Sequence[Identity],
    store: Store,
    engine: Engine,
    *,
    trust: Trust,
    base: Path | None = None,
    limits: Limits,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Ran:
    """Run *arguments*, a verb of VERBS and what follows its voice, and put the files it writes into *output*.

    NotTrustedError, EnvironmentsError, ArchiveError, VoiceError, StoreError.
    """
    tell(0, 3, "looking at every byte")
    with unpacked(bundle_path, identities, store, trust, base) as found:
        image = found.environment.image()
        tell(1, 3, "loading the image")
        loaded = engine.load(image, found.environment.image_file)
        written = found.scratch / "output"
        written.mkdir()
        _open_to_nobody(found.voice.directory, written)
        tell(2, 3, arguments[0])
        inside = f"{HOME}/voices/{found.name}"
        mounts = (Mounted(found.voice.directory, inside), Mounted(written, OUTPUT, writable=True))
        ended = engine.run(loaded, command(found, arguments), mounts, limits)
        return Ran(found.name, loaded, ended, bring_out(written, output), found.judgement)


def command(found: Unpacked, arguments: Sequence[str]) -> list[str]:
    """The command line inside: the verb with its voice, on the environment's runtime, with a file to write to."""
    verb, *rest = arguments
    if not _named(rest, "--runtime"):
        rest += ["--runtime", found.environment.told.runtime]
    if verb == "speak" and not _named(rest, "-o", "--output"):
        rest += ["--output", f"{found.name}.wav"]
    return [verb, found.name, *rest]


def _named(arguments: Sequence[str], *options: str) -> bool:
    return any(argument.partition("=")[0] in options for argument in arguments)


def _open_to_nobody(voice: Path, written: Path) -> None:
    """Let the container's user, who is nobody here, read the one and write into the other.

    Nobody else can: both lie in a directory that only its owner enters, and the engine mounts them from within.
    """
    for directory, _, files in os.walk(voice):
        Path(directory).chmod(0o755)
        for name in files:
            (Path(directory) / name).chmod(0o644)
    written.chmod(0o777)


def bring_out(written: Path, output: Path) -> tuple[Path, ...]:
    """Copy the files of *written* into *output*. OutputRefusedError for what is no file; OutputExistsError."""
    entries = sorted(written.iterdir())
    sizes = [path.lstat().st_size for path in entries]
    if len(entries) > _MOST_files or sum(sizes) > _MOST_bytes:
        raise OutputRefusedError(f"it wrote more than {_MOST_files} files or {_MOST_bytes >> 30} GiB")
    return tuple(_take_over(path, output / path.name) for path in entries)


def _take_over(path: Path, destination: Path) -> Path:
    if path.name.startswith(".") or not path.name.isprintable():
        raise OutputRefusedError(f"it wrote {path.name!r}, which is hidden or no name")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise OutputRefusedError(f"it wrote {path.name}, which is no file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OutputRefusedError(f"it wrote {path.name}, which is no file")
    with os.fdopen(descriptor, "rb") as source:
        kind = source.read(_KIND_bytes)
        source.seek(0)
        require_same_kind(destination, kind)
        with new_file(destination) as file:
            shutil.copyfileobj(source, file)
    return destination
