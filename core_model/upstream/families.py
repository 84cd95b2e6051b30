"""Which network a checkpoint holds, told by the names and shapes of its tensors.

Never by a file's size, and never by the configuration alone, which older voices do not fill in. A family is claimed
only when every tensor of it is there in its shape and nothing else is; the two-byte head must agree. What is recognised
but not read yet is refused by its name; nothing recognised is a refusal, too. Reference: shapes.py; the heads are those
that GPT-SoVITS at 48b1a01 writes and reads.

    names                          kind            family
    model.ar_predict_layer.*       gpt             s1longer, s1longer-v2, s1, s1big, s1big2, or "other" numbers
    enc_p.* dec.* flow.*           sovits          v1, v2, v2Pro, v2ProPlus
    discriminators.*               discriminator   v1v2, v2Pro_v2ProPlus
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from core_model.errors import CheckpointError
from core_model.upstream import shapes

Shapes = Mapping[str, tuple[int, ...]]

HEADS = {"00": "v1", "01": "v2", "02": "v3", "03": "v3 LoRA", "04": "v4 LoRA", "05": "v2Pro", "06": "v2ProPlus"}
GPT_FAMILIES: dict[tuple[int, ...], str] = {  # (phonemes, semantic tokens, width, layers, word features)
    (512, 1025, 512, 24, 1024): "s1longer",
    (732, 1025, 512, 24, 1024): "s1longer-v2",
    (512, 1025, 512, 12, 1024): "s1",
    (512, 1025, 1024, 16, 1024): "s1big",
    (512, 1025, 1024, 6, 1024): "s1big2",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a checkpoint is, and what says so, one sentence each."""

    kind: str
    family: str
    evidence: tuple[str, ...]


def identify(head: str, tensors: Shapes, version: str = "") -> Finding:
    """The network that *tensors* make up; CheckpointError if they are none, one not read yet, or incomplete.

    *head* is the file's first two bytes; *version* what its configuration calls itself, if it does.
    """
    if not tensors:
        raise CheckpointError("it holds no tensors: nothing was examined, so nothing can be said of it")
    _decline(head, tensors, version)
    if "model.ar_predict_layer.weight" in tensors:
        finding = _gpt(tensors)
    elif "enc_p.text_embedding.weight" in tensors:
        finding = _sovits(tensors, version)
    elif all(name.startswith("discriminators.") for name in tensors):
        finding = _discriminator(tensors)
    else:
        raise CheckpointError(f"its tensors are those of no known network; the first is {next(iter(tensors))!r}")
    if head == "PK":
        return finding
    if HEADS.get(head) != finding.family or finding.kind != "sovits":
        raise CheckpointError(
            f"its head {head} says {HEADS.get(head, 'nothing known')}, its tensors are those of {_name(finding)}"
        )
    return Finding(finding.kind, finding.family, (*finding.evidence, f"head {head} says {finding.family} too"))


def gpt_numbers(tensors: Shapes) -> dict[str, int]:
    """phonemes, semantic_tokens, width, layers and word_features of a GPT; heads leave no trace in the shapes."""
    rows, width = _matrix(tensors, "model.ar_text_embedding.word_embeddings.weight")
    return {
        "phonemes": rows,
        "semantic_tokens": _matrix(tensors, "model.ar_predict_layer.weight")[0],
        "width": width,
        "layers": next(n for n in count() if f"model.h.layers.{n}.linear1.weight" not in tensors),
        "word_features": _matrix(tensors, "model.bert_proj.weight")[1],
    }


def _decline(head: str, tensors: Shapes, version: str) -> None:
    """Refuse what is recognised but not read."""
    name = ""
    if any(".lora_A." in tensor for tensor in tensors) or head in ("03", "04"):
        name = HEADS[head] if head in ("03", "04") else "v3 or v4 LoRA"
    elif any(tensor.startswith("cfm.") for tensor in tensors) or head == "02":
        name = version if version in ("v3", "v4") else "v3"  # the same names and shapes; upstream too takes v3
    elif "conv_pre.weight" in tensors or "conv_pre.weight_v" in tensors:
        name = "v3 vocoder" if "activation_post.act.alpha" in tensors else "v4 vocoder"
    elif "layer1.0.conv1.weight" in tensors and "seg_1.weight" in tensors:
        name = "speaker-vector network"
    elif tensors.get("ssl_proj.weight", ())[2:] == (1,):
        name = "50 Hz SoVITS"
    if name:
        raise CheckpointError(f"it is a {name} file, which is not read yet")


def _gpt(tensors: Shapes) -> Finding:
    numbers = gpt_numbers(tensors)
    _require_exactly("GPT", shapes.gpt(**numbers), tensors)
    family = GPT_FAMILIES.get(tuple(numbers.values()), "other")
    return Finding(
        "gpt",
        family,
        (
            f"all {len(tensors)} tensors of a GPT with {numbers['layers']} layers of width {numbers['width']}",
            f"the phoneme table has {numbers['phonemes']} rows",
        ),
    )


def _sovits(tensors: Shapes, version: str) -> Finding:
    phonemes = _matrix(tensors, "enc_p.text_embedding.weight")[0]
    decoder = tensors.get("dec.conv_pre.weight", (0,))[0]
    evidence = [f"the phoneme table has {phonemes} rows"]
    if "sv_emb.weight" in tensors:
        family = "v2ProPlus" if decoder == 768 else "v2Pro"
        evidence += ["it takes a speaker vector", f"its decoder starts {decoder} wide"]
    else:
        family = "v1" if phonemes == 322 else "v2"
    posterior = any(name.startswith("enc_q.") for name in tensors)
    _require_exactly(f"SoVITS {family}", shapes.sovits(shapes.SOVITS[family], posterior=posterior), tensors)
    holding = "with" if posterior else "without"
    evidence.append(
        f"all {len(tensors)} tensors of {family}, {holding} the posterior encoder, are there in their shapes"
    )
    if version and version != family:
        evidence.append(f"its configuration says {version}, which is not relied upon")
    return Finding("sovits", family, tuple(evidence))


def _discriminator(tensors: Shapes) -> Finding:
    last = max((name.split(".")[1] for name in tensors), key=lambda number: (len(number), number))
    family = "v1v2" if last == "5" else "v2Pro_v2ProPlus"
    periods = shapes.DISCRIMINATORS[family]
    _require_exactly(f"discriminator {family}", shapes.discriminator(periods), tensors)
    return Finding("discriminator", family, (f"all {len(tensors)} tensors of {len(periods)} periods and one scale",))


def _matrix(tensors: Shapes, name: str) -> tuple[int, int]:
    shape = tensors.get(name, ())
    if len(shape) != 2:
        raise CheckpointError(f"{name} is {'missing' if name not in tensors else f'of shape {shape}, no matrix'}")
    return shape[0], shape[1]


def _require_exactly(what: str, expected: Shapes, found: Shapes) -> None:
    if expected != found:
        differences = list(_differences(expected, found))
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise CheckpointError(f"it looks like {what}, but {'; '.join(differences[:3])}{more}")


def _differences(expected: Shapes, found: Shapes) -> Iterator[str]:
    for name in expected.keys() - found.keys():
        yield f"{name} is missing"
    for name in sorted(found.keys() - expected.keys()):
        yield f"{name} is unknown"
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            yield f"{name} has the shape {found[name]} instead of {expected[name]}"


def _name(finding: Finding) -> str:
    return f"{finding.kind} {finding.family}"
