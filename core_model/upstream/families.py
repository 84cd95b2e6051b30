"""Which network a checkpoint holds, told by the names and shapes of its tensors.

Never by a file's size, and by the configuration only where nothing else differs (v3 and v4). A family is claimed only
when every tensor of it is there in its shape and nothing else is; the two-byte head must agree. What is recognised but
not read is refused by its name; nothing recognised is a refusal, too. Reference: shapes.py, flow_shapes.py,
companion_shapes.py; the heads are those that GPT-SoVITS at 48b1a01 writes and reads.

    names                          kind             family
    model.ar_predict_layer.*       gpt              s1longer, s1longer-v2, s1, s1big, s1big2, or "other" numbers
    enc_p.* dec.* flow.*           sovits           v1, v2, v2Pro, v2ProPlus
    enc_p.* cfm.estimator.*        sovits           v3, v4
    *.lora_A.*, no enc_p           lora             v3, v4
    *.lora_A.* *.base_layer.*      lora_training    v3, v4
    discriminators.*               discriminator    v1v2, v2Pro_v2ProPlus
    conv_pre.* resblocks.*         vocoder          v3, v4
    layer3_ds.* seg_1.*            speaker_vector   eres2netv2
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from core_model.errors import CheckpointError
from core_model.upstream import companion_shapes, flow_shapes, shapes

Shapes = Mapping[str, tuple[int, ...]]

HEADS = {  # head: (kind, family)
    "00": ("sovits", "v1"),
    "01": ("sovits", "v2"),
    "02": ("sovits", "v3"),
    "03": ("lora", "v3"),
    "04": ("lora", "v4"),
    "05": ("sovits", "v2Pro"),
    "06": ("sovits", "v2ProPlus"),
}
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
    lora_rank: int | None = None


def identify(head: str, tensors: Shapes, version: str = "") -> Finding:
    """The network that *tensors* make up; CheckpointError if they are none, one that is not read, or incomplete.

    *head* is the file's first two bytes; *version* what its configuration calls itself, if it does.
    """
    if not tensors:
        raise CheckpointError("it holds no tensors: nothing was examined, so nothing can be said of it")
    if tensors.get("ssl_proj.weight", ())[2:] == (1,):
        raise CheckpointError("it is a 50 Hz SoVITS, of which no voice was released; it is not read")
    finding = _finding(head, tensors, version)
    if head == "PK":
        return finding
    if HEADS.get(head) != (finding.kind, finding.family):
        said = _name(*HEADS[head]) if head in HEADS else "nothing known"
        raise CheckpointError(
            f"its head {head} says {said}, its tensors are those of {_name(finding.kind, finding.family)}"
        )
    return replace(finding, evidence=(*finding.evidence, f"head {head} says {_name(finding.kind, finding.family)} too"))


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


def _finding(head: str, tensors: Shapes, version: str) -> Finding:
    if "model.ar_predict_layer.weight" in tensors:
        return _gpt(tensors)
    if any(".lora_A." in name for name in tensors):
        return _lora(head, tensors, version)
    if any(name.startswith("cfm.") for name in tensors):
        return _flow_matching(head, tensors, version)
    if "enc_p.text_embedding.weight" in tensors:
        return _sovits(tensors, version)
    if all(name.startswith("discriminators.") for name in tensors):
        return _discriminator(tensors)
    if "conv_pre.bias" in tensors and any(name.startswith("resblocks.") for name in tensors):
        return _vocoder(tensors)
    if "layer3_ds.weight" in tensors and "seg_1.weight" in tensors:
        _require_exactly("an ERes2NetV2", companion_shapes.speaker_vector(), tensors)
        return Finding("speaker_vector", "eres2netv2", (f"all {len(tensors)} tensors of ERes2NetV2",))
    raise CheckpointError(f"its tensors are those of no known network; the first is {next(iter(tensors))!r}")


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


def _flow_matching(head: str, tensors: Shapes, version: str) -> Finding:
    _require_exactly("SoVITS v3 or v4", flow_shapes.flow_matching(), tensors)
    family, why = _third_or_fourth(head, version)
    return Finding("sovits", family, (f"all {len(tensors)} tensors of a SoVITS with flow matching (v3 or v4)", why))


def _lora(head: str, tensors: Shapes, version: str) -> Finding:
    name = next(name for name in tensors if ".lora_A." in name)
    rank = _matrix(tensors, name)[0]
    training = any(".base_layer." in name for name in tensors)
    expected = flow_shapes.lora_training(rank) if training else flow_shapes.lora(rank)
    _require_exactly(f"a LoRA of rank {rank}", expected, tensors)
    family, why = _third_or_fourth(head, version)
    holding = "with the base it was trained on" if training else "without its base"
    told = f"all {len(tensors)} tensors of a LoRA of rank {rank}, {holding}"
    return Finding("lora_training" if training else "lora", family, (told, why), rank)


def _third_or_fourth(head: str, version: str) -> tuple[str, str]:
    """(v3 or v4, the evidence): names and shapes are the same, so the head decides, then the configuration."""
    if head in ("02", "03", "04"):
        family = HEADS[head][1]
        doubt = f", though its configuration says {version}" if version and version != family else ""
        return family, f"v3 and v4 have the same tensors; its head {head} says {family}{doubt}"
    if version in ("v3", "v4"):
        return version, f"v3 and v4 have the same tensors; its configuration says {version}"
    return (
        "v3",
        "v3 and v4 have the same tensors, and nothing in the file says which it is: taken for v3, as upstream does",
    )


def _vocoder(tensors: Shapes) -> Finding:
    weight_norm = any(name.endswith(".weight_v") for name in tensors)
    if "activation_post.act.alpha" in tensors:
        family, what, expected = "v3", "BigVGAN", companion_shapes.vocoder_v3(weight_norm=weight_norm)
    else:
        family, what, expected = "v4", "HiFi-GAN", companion_shapes.vocoder_v4(weight_norm=weight_norm)
    _require_exactly(f"the {what} vocoder of {family}", expected, tensors)
    form = "with weight norm" if weight_norm else "with weight norm folded in"
    return Finding("vocoder", family, (f"all {len(tensors)} tensors of the {what} that {family} uses, {form}",))


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


def _name(kind: str, family: str) -> str:
    return f"a {family} LoRA" if kind == "lora" else f"{kind} {family}"
