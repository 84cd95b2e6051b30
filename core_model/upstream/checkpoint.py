"""A checkpoint of GPT-SoVITS, read whole or refused: tensors, configuration, and what says which network it is.

Runs nothing the file contains, knows neither torch nor our tensor names (names.py does). Every refusal is a
CheckpointError. Reference: what GPT-SoVITS at 48b1a01 saves.

    {weight: {name: tensor}, config, info}                   a voice (.pth) or a GPT (.ckpt), float16
    {weight: {name: tensor}, config, info, lora_rank}        a LoRA (.pth), float16
    {weight: {name: tensor}}                                 a base discriminator
    {model: {name: tensor}, iteration, optimizer, ...}       a training state, float32
    {generator: {name: tensor}}                              the v3 vocoder
    {name: tensor}                                           the v4 vocoder, the speaker-vector network

    checkpoint = read_checkpoint(Path("voice_e8_s400.pth"))
    checkpoint.family, checkpoint.tensors["dec.conv_pre.weight"].shape
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core_model.errors import CheckpointError
from core_model.upstream import families, norms, unpickle
from core_model.upstream.container import Container
from core_model.upstream.old_stream import OldStream, is_old_stream
from core_model.upstream.unpickle import BFLOAT16, Storage, TensorPlan

_WITH_TENSORS = ("weight", "model", "generator")
_KNOWN_PARTS = {*_WITH_TENSORS, "config", "info", "lora_rank", "iteration", "optimizer", "learning_rate"}
_DEEPEST, _LARGEST = 16, 100_000  # a configuration nests 4 deep and holds some 100 values


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file held. Tensors are under upstream's names, in the dtype of the file, and share no memory with it.

    But for bfloat16, which NumPy has not: such tensors are float32, which holds all their values exactly, and *widened*
    says so. Norms are under the names of the old hooks (weight_g), as upstream writes them, whichever form came in.
    """

    kind: str  # gpt, sovits, lora, lora_training, discriminator, vocoder or speaker_vector
    family: str
    head: str  # the first two bytes: PK, or GPT-SoVITS's code
    tensors: dict[str, np.ndarray] = field(repr=False)
    config: dict[str, object]  # plain values, lists and dicts
    info: str
    evidence: tuple[str, ...]  # why it is of this family
    lora_rank: int | None = None  # of a LoRA
    training: bool = False  # a training state: float32, with an optimizer beside it
    start_md5: str = ""  # of the file's first 8192 bytes, by which GPT-SoVITS knows its base files
    widened: bool = False  # the file held bfloat16


@dataclass(frozen=True, slots=True)
class Outline:
    """A checkpoint of which everything was read and checked but the values."""

    finding: families.Finding
    head: str
    start_md5: str
    plans: dict[str, TensorPlan]
    config: dict[str, object]
    info: str
    training: bool


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at *path*. Memory: its weights once, and the file is never changed.

    CheckpointError: no checkpoint, damaged, of a network not read yet, or not complete. UnsafePickleError: its pickle
    asks for something a voice does not need.
    """
    with _opened(path) as container:
        found = _outline(container)
        tensors = _read(container, found.plans)
    return Checkpoint(
        kind=found.finding.kind,
        family=found.finding.family,
        head=found.head,
        tensors=tensors,
        config=found.config,
        info=found.info,
        evidence=found.finding.evidence,
        lora_rank=found.finding.lora_rank,
        training=found.training,
        start_md5=found.start_md5,
        widened=any(plan.storage.dtype == BFLOAT16 for plan in found.plans.values()),
    )


def read_outline(path: Path) -> Outline:
    """As `read_checkpoint`, with the same refusals, but no value is read and so damage to values is not seen."""
    with _opened(path) as container:
        outline = _outline(container)
        for plan in outline.plans.values():
            container.require_storage(plan.storage.key, plan.storage.dtype, plan.storage.count)
    return outline


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """{name: tensor} of a checkpoint of any network (HuBERT's, RoBERTa's), which is not asked what it is.

    As careful as read_checkpoint: nothing runs, and a file that is not whole is refused.
    """
    with _opened(path) as container:
        contents = unpickle.read(container.pickle())
        plans = _weights(contents.root)
        _require_all_named(container, contents.storages)
        return _read(container, plans)


def gpt_dims(checkpoint: Checkpoint) -> dict[str, int]:
    """The numbers of core_model.gpt.GPTDims for a checkpoint of kind gpt.

    All but heads follow from the shapes; heads stand in its configuration, and are refused if they cannot be right.
    """
    numbers = families.gpt_numbers({name: tensor.shape for name, tensor in checkpoint.tensors.items()})
    return {**numbers, "heads": gpt_heads(checkpoint.config, numbers["width"])}


def gpt_heads(config: dict[str, object], width: int) -> int:
    """How many attention heads a GPT's configuration gives it; CheckpointError if they cannot be right."""
    model = config.get("model")
    heads = model.get("head") if isinstance(model, dict) else None
    if type(heads) is not int or heads < 1 or width % heads:
        raise CheckpointError(f"its configuration gives {heads!r} attention heads for a width of {width}")
    return heads


def _opened(path: Path) -> Container | OldStream:
    if path.exists() and not path.is_file():  # a pipe would be waited for, perhaps for ever
        raise CheckpointError("it is no file")
    return OldStream(path) if is_old_stream(path) else Container(path)


def _outline(container: Container | OldStream) -> Outline:
    contents = unpickle.read(container.pickle())
    parts = contents.root
    plans = _weights(parts)
    config = _config(parts)
    shapes = {name: plan.shape for name, plan in plans.items()}
    finding = families.identify(container.head, shapes, version_of(config))
    named = parts if isinstance(parts, dict) else {}
    _require_rank(named.get("lora_rank"), finding)
    _require_all_named(container, contents.storages)
    info = named.get("info", "")
    if not isinstance(info, str):
        raise CheckpointError("its info is no text")
    return Outline(finding, container.head, container.start_md5, plans, config, info, "model" in named)


def _weights(parts: object) -> dict[str, TensorPlan]:
    if not isinstance(parts, dict):
        raise CheckpointError(f"it holds a {type(parts).__name__}, not the parts of a checkpoint")
    holders = [part for part in _WITH_TENSORS if part in parts]
    if not holders and parts and all(isinstance(value, TensorPlan) for value in parts.values()):
        found: object = parts  # a bare list of tensors: vocoders are saved so
    else:
        unknown = [part for part in parts if part not in _KNOWN_PARTS]
        if unknown or len(holders) != 1:
            raise CheckpointError(f"its parts are {', '.join(map(str, parts)) or 'none'}: not those of a checkpoint")
        found = parts[holders[0]]
    if not isinstance(found, dict):
        raise CheckpointError("its weights are no dict")
    for name, plan in found.items():
        if not (isinstance(name, str) and isinstance(plan, TensorPlan)):
            raise CheckpointError(f"among its weights, {name!r} is no tensor")
    return norms.to_hooks(found)


def _require_rank(said: object, finding: families.Finding) -> None:
    """Refuse a rank that is not the one the shapes show."""
    if said is not None and (type(said) is not int or said != finding.lora_rank):
        raise CheckpointError(f"its lora_rank is {said!r}, its tensors show {finding.lora_rank or 'no LoRA'}")


def _read(container: Container | OldStream, plans: dict[str, TensorPlan]) -> dict[str, np.ndarray]:
    storages: dict[Storage, np.ndarray] = {}
    tensors: dict[str, np.ndarray] = {}
    for name, plan in plans.items():
        wanted = plan.storage
        if wanted not in storages:
            storages[wanted] = _widened(container.storage(wanted.key, wanted.dtype, wanted.count))
        tensors[name] = plan.view(storages[wanted])
    return tensors


def _widened(values: np.ndarray) -> np.ndarray:
    """bfloat16 as float32, bit for bit the same numbers; anything else as it is."""
    if values.dtype != BFLOAT16:
        return values
    return (values["bfloat16"].astype("<u4") << 16).view("<f4")


def _require_all_named(container: Container | OldStream, named: frozenset[str]) -> None:
    """Refuse storages that the pickle never names: a file says all it holds."""
    surplus = container.storage_keys - named
    if surplus:
        raise CheckpointError(f"storage {min(surplus)} belongs to no tensor")


def _config(parts: object) -> dict[str, object]:
    found = parts.get("config", {}) if isinstance(parts, dict) else {}
    if not isinstance(found, dict):
        raise CheckpointError("its config is no set of named values")
    plain = _Plain()
    return {str(key): plain.copy(value, f"config.{key}", 1) for key, value in found.items()}


def version_of(config: dict[str, object]) -> str:
    """What a configuration calls its version: in its model's part, else at its top; "" if it does not say."""
    model = config.get("model")
    version = model.get("version") if isinstance(model, dict) else None
    version = config.get("version") if version is None else version
    return version if isinstance(version, str) else ""


class _Plain:
    """Copies a configuration, with a budget: references may share one list so often that a copy would fill memory."""

    def __init__(self) -> None:
        self.left = _LARGEST

    def copy(self, value: object, where: str, depth: int) -> object:
        """*value* as dicts, lists and plain values; *where* is its path, for the refusal."""
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            raise CheckpointError(f"{where} is nested or repeated beyond what a configuration needs")
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, dict):
            return {key: self.copy(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.copy(item, f"{where}[{n}]", depth + 1) for n, item in enumerate(value)]
        raise CheckpointError(f"{where} is a {type(value).__name__}, which no configuration holds")
