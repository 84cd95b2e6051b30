"""What migrating a voice would do, and why, told before anything is done.

Reads documents and exports of one voice directory; writes nothing, runs nothing, needs no torch. A voice is current if
its documents are of the newest schema and its exports, where it has any, are those that its own history says this very
torch made.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from core_model.export import exported
from core_model.export.process import kinds_of
from core_model.migrations.documents import old_documents
from core_model.migrations.steps import SCHEMA, STEPS
from core_model.voice import Voice

# Of the bundle that a voice came from; they speak of its files as they were.
OF_A_BUNDLE = ("custody.jsonl", "manifest.dsse.json", "manifest.json")
_OLD_SCRIPT = "exports/torchscript/"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be done to one voice. Paths are those inside the voice."""

    voice: str
    schema: int  # the oldest that a document of it is written in
    steps: tuple[str, ...] = ()  # one line each
    documents: tuple[str, ...] = ()  # that are written anew
    exports: tuple[str, ...] = ()  # kinds that are made anew
    reasons: tuple[str, ...] = ()  # why they are
    kept: tuple[str, ...] = ()  # files that go into `aside`
    aside: str = ""  # where, as in history/0001
    proven_on: tuple[str, ...] = ()  # runtimes on which the old golden outputs have to come out again

    @property
    def nothing_to_do(self) -> bool:
        """Whether the voice is current."""
        return not (self.documents or self.exports)


def plan_migration(voice: Voice) -> Plan:
    """What would bring *voice* forward. VoiceError, LaterSchemaError."""
    documents = old_documents(voice.directory)
    schema = min((document.schema for document in documents), default=SCHEMA)
    reasons = _reasons(voice, changing=bool(documents))
    if not documents and not reasons:
        return Plan(voice.name, schema)
    kinds = kinds_of(voice)
    return Plan(
        voice.name,
        schema,
        tuple(f"{step.number} to {step.number + 1}: {step.told}" for step in STEPS[schema - 1 :]),
        tuple(document.place for document in documents),
        kinds if reasons else (),
        reasons,
        tuple(path.relative_to(voice.directory).as_posix() for path in _kept(voice, exporting=bool(reasons))),
        f"history/{len(voice.description.history) + 1:04}",
        ("torch", *kinds) if voice.golden_directory.is_dir() else (),
    )


def torch_version() -> str:
    """The torch that would make the exports, asked without importing it; "" if there is none."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""


def _reasons(voice: Voice, *, changing: bool) -> tuple[str, ...]:
    """Why the exports are to be made anew."""
    if not kinds_of(voice):
        return ()
    resting = exported.digests(voice)
    if not resting:
        return ("there are none",) if changing else ()
    reasons = [*(f"{path} is missing" for path in exported.missing(voice)), *exported.too_new(voice)]
    last = voice.description.history[-1] if voice.description.history else {}
    made = last.get("exports")
    if not isinstance(made, dict) or made.get("files") != resting:
        reasons.append("by which torch they were made is not recorded")
    elif made.get("torch") != torch_version():
        reasons.append(f"they were made by torch {made.get('torch')}, and this is {torch_version() or 'none'}")
    return tuple(reasons)


def _kept(voice: Voice, *, exporting: bool) -> list[Path]:
    """What goes into the history: what came with a bundle, and the first TorchScript, which no migration made."""
    found = [voice.directory / name for name in OF_A_BUNDLE]
    has_one = any(voice.directory.glob(f"history/*/{_OLD_SCRIPT}*"))
    if exporting and not has_one:
        found += sorted((voice.directory / _OLD_SCRIPT).glob("*.pt"))
    return [path for path in found if path.is_file()]
