"""Archive: from a voice to one bundle that carries everything needed to speak, the same one every time.

Knows what of a voice goes into a payload; nothing of the bundle's bytes, and of the exports only that they are made.
The payload is the voice directory as it is, with exports/ made anew from its weights: a bundle's id then depends on the
voice and on this toolkit, and on nothing that happened to lie about. DESIGN §7.

Run as a program (`python -m lifecycle.preserving VOICE WORK [ENVIRONMENT]`) it prints the bundle id and writes no
bundle: that is how a rebuild check makes the payload again, in a process with another past.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity, Recipient
from archive.bundle import Packed, open_bundle, pack, payload_digest
from archive.custody import Act
from archive.delta_making import Base
from archive.parity import DEFAULT_PERCENT
from core_model.export.process import export, kinds_of
from core_model.tensor_places import tensor_edges
from core_model.voice import Voice
from lifecycle import __version__
from lifecycle.environment_directory import DIRECTORY as ENVIRONMENT
from lifecycle.environment_directory import Environment
from lifecycle.errors import RebuildError
from lifecycle.narrowed_weights import narrowed
from lifecycle.store import Store, require_same_kind

DERIVED = (
    ENVIRONMENT,
    "exports",
    "manifest.json",
    "manifest.dsse.json",
)  # beside voice.json, but no part of the voice: never carried over, made anew or named anew
BUNDLE_BEGINS = b"README.txt\0"  # what may be replaced by another bundle: archive/SPEC.md
_ROOT = Path(__file__).resolve().parent.parent
_OTHER_HASH_SEED = "20451121"  # any but the 0 that exports are made under and the day's random one


@dataclass(frozen=True, slots=True)
class Since:
    """The bundle that a delta is made since, and what opens it."""

    path: Path
    identities: Sequence[Identity]


@dataclass(frozen=True, slots=True)
class Preserved:
    """A written bundle."""

    path: Path
    packed: Packed
    rebuilt: bool  # whether it was proven that the same voice gives the same payload
    exports: tuple[str, ...]  # what it holds for other runtimes; () for a voice that runs on torch alone


def preserve(
    store: Store,
    name: str,
    destination: Path,
    *,
    recipients: Sequence[Recipient] = (),
    public: bool = False,
    rebuild_check: bool = False,
    redundancy: int = DEFAULT_PERCENT,
    since: Since | None = None,
    act: Act | None = None,
    environment: Environment | None = None,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Preserved:
    """Write the voice *name* into the bundle *destination*. StoreError, CoreModelError, ArchiveError, RebuildError.

    *act* signs it, *environment* travels with it. With *since* it holds only what that bundle does not.

    With *rebuild_check* the payload is made a second time before the bundle is written: from a copy of
    the voice in another directory, in a process with another PYTHONHASHSEED.
    """
    voice = Voice.open(store.path(name))
    require_same_kind(destination, BUNDLE_BEGINS)
    destination.parent.mkdir(parents=True, exist_ok=True)  # now, not after a minute of exporting
    stages = 3 if rebuild_check else 2
    with store.scratch(name) as work:
        tell(0, stages, "exporting the networks" if kinds_of(voice) else "reading the voice")
        members, notes = payload_members(voice, work, environment)
        description = describe(voice)
        if rebuild_check:
            tell(1, stages, "making the payload a second time")
            _require_same_again(voice, work, environment, payload_digest(members, description, notes=notes))
        tell(stages - 1, stages, "writing the bundle")
        readme = {"voice": voice.name, "licence": voice.description.licence} if public else {}
        packed = pack(
            destination,
            members,
            description=description,
            recipients=recipients,
            public=public,
            readme=readme,
            notes=notes,
            redundancy=redundancy,
            since=_base(since, work) if since else None,
            act=act,
        )
        tell(stages, stages, "done")
    return Preserved(destination, packed, rebuild_check, kinds_of(voice))


def payload_members(
    voice: Voice, work: Path, environment: Environment | None = None
) -> tuple[dict[str, Path], dict[str, dict[str, object]]]:
    """Return path in the payload → file, for all that a bundle of *voice* holds, and what the manifest notes of them.

    Exports are made below *work*, and there weights are narrowed.
    """
    members = voice_files(voice)
    for kind in kinds_of(voice):
        directory = work / "exports" / kind
        directory.mkdir(parents=True)
        members |= {f"exports/{kind}/{path.name}": path for path in export(voice, kind, directory)}
    members, notes = narrowed(members, work)
    return members | (environment.members() if environment else {}), notes


def voice_files(voice: Voice) -> dict[str, Path]:
    """Return path in the payload → file, for what is the voice's own and made from nothing else in it.

    A file whose name begins with a dot was never finished, and is not the voice's.
    """
    files = (path for path in voice.directory.rglob("*") if path.is_file() and not path.name.startswith("."))
    members = {path.relative_to(voice.directory).as_posix(): path for path in files}
    return {name: path for name, path in members.items() if name.split("/")[0] not in DERIVED}


def describe(voice: Voice) -> dict[str, object]:
    """Return what the manifest tells about *voice*. Its name is the one that its maker gave it."""
    told = voice.description
    return {
        "voice": told.name,
        "family": told.family,
        "languages": list(told.languages),
        "sample_rate": told.sample_rate,
        "licence": told.licence,
        "preview": told.preview,
        "toolkit": f"lifecycle {__version__}",
    }


def _base(since: Since, work: Path) -> Base:
    directory = work / "since"
    directory.mkdir()
    with open_bundle(since.path, since.identities) as bundle:
        return bundle.as_base(directory, tensor_edges)


def _require_same_again(voice: Voice, work: Path, environment: Environment | None, bundle_id: str) -> None:
    """Make the payload from a copy of *voice*, in another process; RebuildError if its id is not *bundle_id*."""
    copy, again = work / "copy" / "of" / "it", work / "again"
    shutil.copytree(voice.directory, copy, ignore=_environment_of(voice))
    again.mkdir()
    settings = os.environ | {"PYTHONHASHSEED": _OTHER_HASH_SEED, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "lifecycle.preserving", str(copy), str(again)]
    command += [] if environment is None else [str(environment.directory)]
    run = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RebuildError(bundle_id, run.stderr.strip().rpartition("\n")[2])
    if run.stdout.strip() != bundle_id:
        raise RebuildError(bundle_id, f"another payload, {run.stdout.strip()}")
    shutil.rmtree(copy)


def _environment_of(voice: Voice) -> Callable[[str, list[str]], list[str]]:
    """For copytree: a voice that was restored may have hundreds of megabytes beside it that are not its own."""
    return lambda directory, names: [ENVIRONMENT] if Path(directory) == voice.directory and ENVIRONMENT in names else []


if __name__ == "__main__":
    opened = Voice.open(Path(sys.argv[1]))
    carried = Environment.open(Path(sys.argv[3])) if len(sys.argv) > 3 else None
    again, notes_again = payload_members(opened, Path(sys.argv[2]), carried)
    sys.stdout.write(payload_digest(again, describe(opened), notes=notes_again) + "\n")
