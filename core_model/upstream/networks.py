"""Which network lies in a checkpoint that a scan has described, ours or a stranger's, and what is unusual about it.

Knows no files and no safety. What is GPT-SoVITS's is claimed only with all its tensors (families.py). Reference: the
parts that GPT-SoVITS at 48b1a01, PyTorch Lightning and the programs of strangers.py put round their tensors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from core_model.errors import CheckpointError
from core_model.upstream import families, permitted
from core_model.upstream.checkpoint import Outline, gpt_heads
from core_model.upstream.findings import Sign
from core_model.upstream.messages import HEAD, HPARAMS, SIZES, UNDERFLOW, UTILS
from core_model.upstream.pickle_scan import Made, Tensor
from core_model.upstream.stock import marks
from core_model.upstream.strangers import stranger, tensors_of

_STORAGE_bytes = {"Half": 2, "BFloat16": 2, "Short": 2, "Double": 8, "Long": 8, "Byte": 1, "Char": 1, "Bool": 1}
_GPT_USERS = {512: "v1", 732: "v2 and all later versions"}
_TRAINING = {
    "sovits": "training_generator",
    "lora_training": "training_generator",
    "discriminator": "training_discriminator",
}
_NEARLY = ("it looks like", "its head", "it is a 50 Hz")  # what families.identify says of what is nearly ours
_VOICE_PARTS = {"weight", "config", "info", "lora_rank"}
_BASES = {"sovits": "base", "discriminator": "base_discriminator"}


@dataclass(frozen=True, slots=True)
class Recognised:
    """What it is; whether it is GPT-SoVITS's; whether it is a file to train from."""

    sign: Sign
    ours: bool
    base: bool = False
    form: bool = False  # whether it has a voice's parts or head, whatever it holds: then a voice's list holds for it

    @property
    def permitted(self) -> frozenset[str]:
        """What its pickle may ask for."""
        return permitted.VOICE if self.ours or self.form else permitted.PLAIN


def outlined(outline: Outline, length: int, names: Collection[str]) -> Recognised:
    """A checkpoint that `read_outline` has read, in a file of *length* bytes whose pickle asks for *names*."""
    finding = outline.finding
    dtypes = sorted({str(plan.storage.dtype) for plan in outline.plans.values()})
    stock = marks(finding.kind, outline.plans, outline.start_md5, training=outline.training)
    evidence = [*finding.evidence, *stock, f"its values rest in {', '.join(dtypes)}"]
    problems: list[str] = []
    if outline.training:
        evidence.append("its parts are model, optimizer, iteration: a training state")
    if outline.info:
        evidence.append(f"its info says {outline.info[:80]!r}")
    if finding.kind == "gpt":
        evidence.append(f"its phonemes are those of {_GPT_USERS.get(_rows(outline), 'no version that was released')}")
    problems += _unusual(outline, dtypes)
    problems += _foretold(outline, length, names)
    kind = (_TRAINING if outline.training else _BASES if stock else {}).get(finding.kind, finding.kind)
    sign = Sign(kind, finding.family, tuple(evidence), tuple(problems))
    return Recognised(sign, ours=True, base=bool(stock))


def recognised(head: str, root: object) -> Recognised:
    """What a scan's *root* holds, by its names and shapes."""
    parts = {str(key): value for key, value in root.items()} if isinstance(root, dict) else {}
    part, tensors = tensors_of(root, Tensor)
    shapes = {name: value.shape for name, value in tensors.items() if isinstance(value, Tensor)}
    lightning = "pytorch-lightning_version" in parts
    refusal = ""
    try:
        finding = families.identify(head, shapes, _version(parts.get("config")))
    except CheckpointError as error:
        refusal = str(error)
    else:
        sign = Sign(finding.kind, finding.family, finding.evidence)
        if lightning:
            return _lightning(sign)
        if "optimizer" in parts:
            sign = replace(sign, kind=_TRAINING.get(finding.kind, finding.kind))
        return Recognised(sign, ours=True)
    if lightning and stranger(parts, shapes) is None:
        return _lightning(Sign("lightning", None, (f"it holds {len(shapes)} tensors of a network not known here",)))
    known = stranger(parts, shapes)
    form = known is None and (head != "PK" or ("weight" in parts and parts.keys() <= _VOICE_PARTS))
    return Recognised(known or _unknown(part, parts, shapes, refusal), ours=False, form=form)


def values_bytes(root: object, keys: object) -> int:
    """How many bytes of values follow the pickles of torch's old form: for each storage a count and its values."""
    _, tensors = tensors_of(root, Tensor)
    known = {t.storage: t for t in tensors.values() if isinstance(t, Tensor)}
    listed = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    return sum(8 + known[key].count * _width(known[key].dtype) if key in known else 8 for key in listed)


def head_name(head: str) -> str:
    """What a two-byte head stands for."""
    kind, family = families.HEADS[head]
    return f"a {family} LoRA" if kind == "lora" else family


def head_problems(known: bool, *, usual: bool) -> tuple[str, ...]:
    """What other tools say of a head that is not PK."""
    said = "its first two bytes are GPT-SoVITS's, not a zip's" if known else "its first two bytes are not a zip's"
    said += "; that is usual" if usual else ""
    return (HEAD.said_of(said, UNDERFLOW),) if known else (f"unusual: {said}",)


def _lightning(sign: Sign) -> Recognised:
    told = "it holds pytorch-lightning_version and state_dict: a training state of PyTorch Lightning"
    evidence = (*sign.evidence, told)
    problems = ("it is a state of training, three times as large as the voice that was saved beside it",)
    return Recognised(replace(sign, kind="lightning", evidence=evidence, problems=problems), ours=False)


def _unknown(part: str, parts: Mapping[str, object], shapes: Collection[str], refusal: str) -> Sign:
    if not shapes:
        told = f"it holds no tensors; its parts are {', '.join(list(parts)[:6])[:200] or 'none'}"
        return Sign("torch", None, (told,), ("it holds nothing that could speak",))
    where = f" in its part {part!r}" if part else ""
    told = (
        f"it holds {len(shapes)} tensors{where} of a network not known here; the first is {next(iter(shapes))[:120]!r}"
    )
    if refusal.startswith(_NEARLY):
        return Sign("torch", None, (told,), (f"not whole, or changed: {refusal}",), usable=False)
    return Sign("torch", None, (told,))


def _unusual(outline: Outline, dtypes: list[str]) -> list[str]:
    kind, config = outline.finding.kind, outline.config
    found = []
    if kind in ("sovits", "gpt", "lora") and not outline.training:
        if dtypes != ["float16"]:
            found.append(f"unusual: its values rest in {', '.join(dtypes)}; GPT-SoVITS saves a voice in float16")
        if not config:
            found.append("unusual: it holds no configuration")
        if not outline.info:
            found.append("unusual: it does not say how long it was trained (info)")
    if kind == "gpt":
        try:
            gpt_heads(config, families.gpt_numbers({n: p.shape for n, p in outline.plans.items()})["width"])
        except CheckpointError as error:
            found.append(str(error))
    return found


def _foretold(outline: Outline, length: int, names: Collection[str]) -> list[str]:
    """What other tools will say of this file, and how GPT-SoVITS itself will mistake it."""
    finding = outline.finding
    said = []
    if "utils.HParams" in names:
        said.append(HPARAMS.said_of("its configuration is of a class of GPT-SoVITS's; that is usual", UTILS))
    if finding.kind == "sovits" and finding.family in ("v1", "v2") and not outline.training:
        rows = 322 if finding.family == "v1" else 732
        said.append(
            SIZES.said_of(f"its table of phonemes has {rows} rows, and programs for the other version refuse it")
        )
    guess = "v1" if length < 82978 * 1024 else "v2" if length < 700 << 20 else "v3"
    guessed = outline.head == "PK" and finding.kind == "sovits" and not outline.training
    if guessed and guess != finding.family:
        said.append(f"GPT-SoVITS goes by the size of this file, {length} bytes, and takes it for {guess}")
    return said


def _rows(outline: Outline) -> int:
    return outline.plans["model.ar_text_embedding.word_embeddings.weight"].shape[0]


def _version(config: object) -> str:
    """What a configuration, of HParams or of dicts, calls its version."""
    for holder in (_inside(_inside(config).get("model")), _inside(config)):
        version = holder.get("version")
        if isinstance(version, str):
            return version
    return ""


def _inside(value: object) -> Mapping[object, object]:
    return value.state if isinstance(value, Made) else value if isinstance(value, dict) else {}


def _width(dtype: str) -> int:
    return _STORAGE_bytes.get(dtype.removeprefix("cuda.").removesuffix("Storage"), 4)
