"""Import: from GPT-SoVITS's checkpoints to a voice in the store, value for value, without running anything in them.

Knows what of a checkpoint goes where in a voice; which file is which, checkpoint_files knows. Needs no torch, unless a
prompt is made from a recording or the player's graphs are wanted. Values are never changed: what rested in float16
rests in float16, and a LoRA rests beside its untouched base (they are merged when the voice is loaded), so that export
gives back what came in.

    files ─▶ look ─▶ pair ─▶ read, every value finite ─▶ our names ─▶ weights/, voice.json, text/, records/ ─▶ prompt

The lineage says for each part: file (name only), sha256, family, head, info, configuration, dtype.
records/upstream.json holds the same configuration in its own order, and the order of the tensors.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from core_model.errors import CheckpointError, RuntimeMissingError
from core_model.export.process import write_exports
from core_model.sovits.dims import dims_to_dict
from core_model.sovits.families import FAMILIES
from core_model.text.phonemes import TABLES as SYMBOLS
from core_model.text.text_data import TABLES as LANGUAGES
from core_model.text.text_data import UPSTREAM, check_packages, write_data
from core_model.upstream import names
from core_model.upstream.checkpoint import Checkpoint, gpt_dims, read_checkpoint
from core_model.utterances import symbols_sha256
from core_model.voice import Description, SymbolTable, Voice, write_files
from lifecycle.checkpoint_files import CheckpointFile, Parts, find_parts
from lifecycle.configurations import require_text, without_directories
from lifecycle.errors import LanguageUnreadableError, NoPlayerError, NotFiniteError, UnfitFileError
from lifecycle.store import Store

Tell = Callable[[int, int, str], None]  # done, of how many, what to say beside it
RECORD = "upstream.json"  # in records/: the order of things, for the way back

_HALF_INFINITY, _HALF_MAGNITUDE = 0x7C00, 0x7FFF


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a person may decide about an import."""

    base: Path | None = None  # the file that a LoRA changes
    vocoder: Path | None = None
    languages: tuple[str, ...] = ()  # the first is the usual one; none: all that the phoneme table has
    spoken: str | None = None  # of the reference, as `speak --language` takes it: comes first if no languages are named
    licence: str = "all rights reserved"
    accept_stock: bool = False  # take a file that is nobody's voice
    exports: bool = False  # write the player's graphs, too: takes torch
    keep_directories: bool = False  # leave whole paths in the configurations, whomever they name


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the files."""

    voice: Voice
    parts: Mapping[str, CheckpointFile]
    shortened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # part: fields whose directories were cut
    unreadable: Mapping[str, str] = field(default_factory=dict)  # language that was left out: what it needs


def import_voice(
    store: Store,
    name: str,
    files: Sequence[Path],
    options: ImportOptions = ImportOptions(),
    *,
    vocoders: Mapping[str, Path] | None = None,
    finish: Callable[[Voice], None] = lambda voice: None,
    tell: Tell = lambda done, total, note: None,
) -> Imported:
    """Make the voice *name* of *files*. StoreError, ImportingError, CoreModelError; then there is no voice.

    *vocoders* are what is at hand, by family; *finish* adds to the voice before it appears in the store.
    """
    store.require_free(name)
    parts = find_parts(
        files, base=options.base, vocoder=options.vocoder, at_hand=vocoders, accept_stock=options.accept_stock
    )
    if options.exports and parts.vocoder is not None:
        raise NoPlayerError(parts.family)
    languages, unreadable = _languages(parts, options.languages, options.spoken)
    total = len(parts.named()) + 2
    lineage: dict[str, object] = {}
    records: dict[str, object] = {}
    shortened: dict[str, tuple[str, ...]] = {}
    gpt: dict[str, int] = {}
    with store.new_voice(name) as directory:
        for done, (part, file) in enumerate(parts.named().items()):
            tell(done, total, f"reading {file.name}")
            checkpoint = _read(file)
            if part == "gpt":
                gpt = _gpt_dims(file, checkpoint)
            config, shortened[part] = _configuration(file, checkpoint, keep=options.keep_directories)
            lineage[part] = _facts(file, checkpoint, config)
            records[part] = {"config": config, "tensors": list(checkpoint.tensors)}
            _write_weights(directory, part, _in_our_names(part, checkpoint))
            del checkpoint  # before the next one is read: both at once take twice the memory
        tell(total - 2, total, "writing the data of its languages")
        description = _description(name, parts, gpt, languages, options.licence, {"imported": lineage})
        write_files(directory, description, weights={}, prompts={})
        with _no_garbage_collection():
            write_data(directory / "text", description.languages, UPSTREAM, _table(parts.family))
        _write_record(directory, records)
        finish(Voice.open(directory))
        if options.exports:
            tell(total - 1, total, "exporting the networks for the player")
            write_exports(Voice.open(directory))
    cut = {part: fields for part, fields in shortened.items() if fields}
    return Imported(Voice.open(store.path(name)), parts.named(), cut, unreadable)


def _read(file: CheckpointFile) -> Checkpoint:
    """The checkpoint, every value of it a number."""
    try:
        checkpoint = read_checkpoint(file.path)
    except CheckpointError as error:
        raise UnfitFileError(file.path, str(error)) from error
    if (checkpoint.kind, checkpoint.family) != (file.kind, file.family):
        raise UnfitFileError(file.path, "it was changed while it was being read")
    for tensor_name, tensor in checkpoint.tensors.items():
        if not all_finite(tensor):
            raise NotFiniteError(file.path, tensor_name)
    return checkpoint


def all_finite(tensor: np.ndarray) -> bool:
    """Whether no value is NaN or infinite. Of float16 the bits are looked at, which is many times faster."""
    if tensor.dtype != np.float16:
        return bool(np.isfinite(tensor).all())
    bits = np.ascontiguousarray(tensor).reshape(-1).view(np.uint16)
    return not bits.size or int((bits & _HALF_MAGNITUDE).max()) < _HALF_INFINITY


def _gpt_dims(file: CheckpointFile, checkpoint: Checkpoint) -> dict[str, int]:
    try:
        return gpt_dims(checkpoint)
    except CheckpointError as error:
        raise UnfitFileError(file.path, str(error)) from error


def _in_our_names(part: str, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    kind = f"vocoder_{checkpoint.family}" if part == "vocoder" else part
    table = names.all_to_ours(kind, checkpoint.tensors)
    return {table[name]: tensor for name, tensor in checkpoint.tensors.items()}


def _configuration(
    file: CheckpointFile, checkpoint: Checkpoint, *, keep: bool
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The configuration as the voice keeps it, and where directories were cut from it."""
    try:
        require_text(checkpoint.config, checkpoint.info)
    except ValueError as error:
        raise UnfitFileError(file.path, str(error)) from error
    return (checkpoint.config, ()) if keep else without_directories(checkpoint.config)


def _facts(file: CheckpointFile, checkpoint: Checkpoint, config: Mapping[str, object]) -> dict[str, object]:
    """What the lineage says of one part. The file's name alone: directories name people."""
    with file.path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    facts: dict[str, object] = {
        "file": file.name,
        "sha256": sha256,
        "family": checkpoint.family,
        "head": checkpoint.head,
        "info": checkpoint.info,
        "config": config,
        "dtype": ", ".join(sorted({str(tensor.dtype) for tensor in checkpoint.tensors.values()})),
    }
    if checkpoint.widened:
        facts["widened"] = "bfloat16"
    if checkpoint.lora_rank is not None:
        facts["rank"] = checkpoint.lora_rank
    if file.stock:
        facts["stock"] = file.stock[0]
    return facts


def _table(family: str) -> str:
    """The phoneme table that a family was trained on."""
    return "v1" if family == "v1" else "v2"


def _languages(parts: Parts, wanted: Sequence[str], spoken: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """The languages of the voice: *wanted*, else all that its phoneme table has symbols for, what is *spoken* first.

    Of those that nobody named, what cannot be read here is left out, with the reason.
    """
    of_this_table = LANGUAGES[_table(parts.family)]
    for language in wanted:
        if language not in of_this_table:
            others = tuple(code for code in wanted if code in of_this_table) or of_this_table
            raise LanguageUnreadableError(language, others, f"a {parts.family} voice has no phonemes for {language!r}")
    usual = (spoken or "").rpartition("_")[2]  # all_zh is zh
    languages = tuple(dict.fromkeys(wanted)) or tuple(sorted(of_this_table, key=lambda language: language != usual))
    unreadable: dict[str, str] = {}
    for language in languages:
        try:
            check_packages(language)
        except RuntimeMissingError as error:
            if language in (*wanted, usual):
                others = tuple(code for code in languages if code != language)
                raise LanguageUnreadableError(language, others, str(error)) from error
            unreadable[language] = str(error)
    return tuple(language for language in languages if language not in unreadable), unreadable


def _description(
    name: str,
    parts: Parts,
    gpt: Mapping[str, int],
    languages: tuple[str, ...],
    licence: str,
    lineage: Mapping[str, object],
) -> Description:
    dims = FAMILIES[parts.family]
    table = _table(parts.family)
    latent_rate = dims.sample_rate // dims.hop
    return Description(
        name=name,
        family=parts.family,
        gpt=dict(gpt),
        sovits=dims_to_dict(dims),
        token_scheme={"kind": "quantizer"},
        languages=languages,
        symbols=SymbolTable(table, symbols_sha256(SYMBOLS[table])),
        sample_rate=dims.waveform_rate,
        semantic_rate=latent_rate // dims.code_upsampling,
        latent_rate=latent_rate,
        lineage=lineage,
        licence=licence,
        preview=False,
    )


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """For building a million objects that are no garbage: to look through them again and again takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _write_weights(directory: Path, part: str, tensors: Mapping[str, np.ndarray]) -> None:
    (directory / "weights").mkdir(exist_ok=True)
    path = directory / "weights" / f"{part}.safetensors"
    try:
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path
        )  # no metadata: voice.py
    except SafetensorError as error:  # what the system said, wrapped: a full disk is no bug
        code = re.search(r"os error (\d+)", str(error))
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def _write_record(directory: Path, records: Mapping[str, object]) -> None:
    (directory / "records").mkdir(exist_ok=True)
    text = json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False) + "\n"  # unsorted: the order is the fact
    (directory / "records" / RECORD).write_text(text, encoding="utf-8")
