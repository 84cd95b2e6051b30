"""Export: from a voice back to the checkpoints it was imported from, as GPT-SoVITS itself saves them.

Knows which part of a voice becomes which file; how a checkpoint is written is core_model.upstream.writing's. Needs no
torch. All files appear or none does, and none is ever overwritten. What came in goes out: names, order, values and
dtypes of the tensors, configuration, info, head, a LoRA's rank. Only the zip around them is written anew.

    gpt ─▶ NAME.ckpt    sovits or lora ─▶ NAME.pth    if asked for: base ─▶ NAME-base.pth, vocoder ─▶ NAME-vocoder.pth
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import CheckpointError, VoiceError
from core_model.sovits.families import FAMILIES
from core_model.upstream import names
from core_model.upstream.checkpoint import Checkpoint
from core_model.upstream.writing import write_checkpoint
from core_model.voice import Array, Voice
from lifecycle.errors import ExportingError, OutputExistsError
from lifecycle.importing import RECORD
from lifecycle.store import Store, new_file

_RECORD_PLACE = f"records/{RECORD}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, by the part of the voice."""

    files: Mapping[str, Path]


def export_voice(store: Store, name: str, directory: Path, *, complete: bool = False) -> Exported:
    """Write the voice *name* into *directory* for GPT-SoVITS. StoreError, VoiceError, ExportingError.

    *complete* adds what is not the person's but the voice needs: a LoRA's base, the vocoder of v3 and v4.
    """
    voice = Voice.open(store.path(name))
    lineage = voice.description.lineage
    imported = lineage.get("imported", lineage.get("fine_tuned"))
    if voice.description.family not in FAMILIES:
        raise ExportingError(name, voice.description.family)
    if not isinstance(imported, Mapping):
        raise VoiceError("lineage.imported", "is missing")
    record = _record(voice)
    files = {part: directory / file for part, file in _files(voice, name, complete=complete).items()}
    for path in files.values():
        if path.exists():
            raise OutputExistsError(path)
    placed: list[Path] = []
    try:
        _write(list(files.items()), lambda part: _checkpoint(voice, part, imported, record), placed)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    return Exported(files)


def _files(voice: Voice, name: str, *, complete: bool) -> dict[str, str]:
    """{part: file name}."""
    lora = voice.has_weights("lora")
    files = {"gpt": f"{name}.ckpt", "lora" if lora else "sovits": f"{name}.pth"}
    if complete and lora:
        files["sovits"] = f"{name}-base.pth"
    if complete and voice.has_weights("vocoder"):
        files["vocoder"] = f"{name}-vocoder.pth"
    return files


def _write(files: list[tuple[str, Path]], make: Callable[[str], Checkpoint], placed: list[Path]) -> None:
    """Write all of *files*, and give none its name before the last one is whole; *placed* tells which have it."""
    if not files:
        return
    part, path = files[0]
    with new_file(path, mode=0o600, replace=False) as file:  # a voice, unencrypted: as private as where it came from
        write_checkpoint(file, make(part))
        _write(files[1:], make, placed)
    placed.append(path)


def _record(voice: Voice) -> Mapping[str, object]:
    """What importing wrote down of the order of things."""
    try:
        record = json.loads((voice.directory / "records" / RECORD).read_bytes())
    except FileNotFoundError:
        raise VoiceError(_RECORD_PLACE, "is missing") from None
    except (ValueError, RecursionError) as error:
        raise VoiceError(_RECORD_PLACE, f"is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise VoiceError(_RECORD_PLACE, "must be an object")
    return record


def _checkpoint(voice: Voice, part: str, imported: Mapping[str, object], record: Mapping[str, object]) -> Checkpoint:
    facts, order = imported.get(part), record.get(part)
    if not isinstance(facts, Mapping):
        raise VoiceError(f"lineage.imported.{part}", "is missing")
    if not isinstance(order, Mapping) or not isinstance(config := order.get("config"), dict):
        raise VoiceError(f"{_RECORD_PLACE}: {part}.config", "is missing")
    head, info, rank = facts.get("head"), facts.get("info"), facts.get("rank")
    if not isinstance(head, str) or not isinstance(info, str):
        raise VoiceError(f"lineage.imported.{part}", "must say head and info")
    if part == "lora" and (not isinstance(rank, int) or isinstance(rank, bool)):
        raise VoiceError("lineage.imported.lora.rank", "must be a whole number")
    return Checkpoint(
        kind=part,
        family=str(facts.get("family")),
        head=head,
        tensors=_in_their_names(part, voice, order.get("tensors")),
        config=config,
        info=info,
        evidence=(),
        lora_rank=rank if isinstance(rank, int) else None,
    )


def _in_their_names(part: str, voice: Voice, order: object) -> dict[str, Array]:
    """The tensors of *part* under upstream's names, in the order in which they came."""
    kind = f"vocoder_{voice.description.family}" if part == "vocoder" else part
    try:
        tensors = {names.to_upstream(kind, name): tensor for name, tensor in voice.weights(part).items()}
    except CheckpointError as error:
        raise VoiceError(f"weights/{part}.safetensors", str(error)) from error
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(tensors):
        raise VoiceError(f"{_RECORD_PLACE}: {part}.tensors", f"are not those of weights/{part}.safetensors")
    return {name: tensors[name] for name in order}
