"""Tensor names of GPT-SoVITS and ours: one table, read in both directions.

Knows no shapes and no values; a row is a pair of templates, and a name that no row describes is refused, never passed
on. Reference: the files GPT-SoVITS writes (its commit 48b1a01); ours are attribute paths in core_model.gpt, .sovits.

    upstream                                  ours
    model.h.layers.{i}.linear1.{leaf}    <->  blocks.{i}.feedforward.expand.{leaf}

{i} {j} {k} stand for numbers. {leaf} stands for the parameter of one layer: weight or bias, or, where a layer carries
weight norm, upstream's weight_g and weight_v, which torch's parametrized form (ours) calls
parametrizations.weight.original0 and original1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from core_model.errors import CheckpointError

# upstream's leaf -> ours
LEAVES = {
    "weight": "weight",
    "bias": "bias",
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}

Row = tuple[str, str]  # (upstream template, our template)

GPT: tuple[Row, ...] = (
    ("model.bert_proj.{leaf}", "word_feature_projection.{leaf}"),
    ("model.ar_text_embedding.word_embeddings.weight", "phoneme_embedding.weight"),
    ("model.ar_text_position.alpha", "phoneme_position_scale"),
    ("model.ar_audio_embedding.word_embeddings.weight", "token_embedding.weight"),
    ("model.ar_audio_position.alpha", "token_position_scale"),
    ("model.h.layers.{i}.self_attn.in_proj_weight", "blocks.{i}.attention.query_key_value.weight"),
    ("model.h.layers.{i}.self_attn.in_proj_bias", "blocks.{i}.attention.query_key_value.bias"),
    ("model.h.layers.{i}.self_attn.out_proj.{leaf}", "blocks.{i}.attention.output.{leaf}"),
    ("model.h.layers.{i}.linear1.{leaf}", "blocks.{i}.feedforward.expand.{leaf}"),
    ("model.h.layers.{i}.linear2.{leaf}", "blocks.{i}.feedforward.contract.{leaf}"),
    ("model.h.layers.{i}.norm1.{leaf}", "blocks.{i}.attention_norm.{leaf}"),
    ("model.h.layers.{i}.norm2.{leaf}", "blocks.{i}.feedforward_norm.{leaf}"),
    ("model.ar_predict_layer.weight", "head.weight"),
)

SOVITS: tuple[Row, ...] = ()

DISCRIMINATOR: tuple[Row, ...] = ()

TABLES: Mapping[str, tuple[Row, ...]] = {"gpt": GPT, "sovits": SOVITS, "discriminator": DISCRIMINATOR}


def to_ours(kind: str, name: str) -> str:
    """Our name of upstream's tensor *name* in a network of *kind* (a key of TABLES); CheckpointError if it has none."""
    return _translate(_rules(kind, 0), kind, name)


def to_upstream(kind: str, name: str) -> str:
    """Upstream's name of our tensor *name*: the inverse of `to_ours`."""
    return _translate(_rules(kind, 1), kind, name)


def all_to_ours(kind: str, names: Iterable[str]) -> dict[str, str]:
    """{upstream's name: ours} for every name, or CheckpointError if one is unknown or two would become the same."""
    table = {name: to_ours(kind, name) for name in names}
    if len(set(table.values())) != len(table):
        raise CheckpointError(f"two tensors of the {kind} network would get the same name")
    return table


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row in one direction: what to match, what to write, and the leaves in that direction."""

    pattern: re.Pattern[str]
    template: str
    leaves: Mapping[str, str]


@cache
def _rules(kind: str, source: int) -> tuple[_Rule, ...]:
    if kind not in TABLES:
        raise CheckpointError(f"no table of tensor names for a network of kind {kind!r}")
    leaves = LEAVES if source == 0 else {ours: theirs for theirs, ours in LEAVES.items()}
    return tuple(_Rule(_pattern(row[source], leaves), row[1 - source], leaves) for row in TABLES[kind])


def _pattern(template: str, leaves: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(leaf) for leaf in leaves)
    text = re.escape(template).replace(r"\{leaf\}", f"(?P<leaf>{alternatives})")
    # A number is written the one way that `str` writes it, or "01" and "1" would be the same tensor.
    return re.compile(re.sub(r"\\\{([ijk])\\\}", r"(?P<\1>0|[1-9][0-9]*)", text))


def _translate(rules: tuple[_Rule, ...], kind: str, name: str) -> str:
    for rule in rules:
        if match := rule.pattern.fullmatch(name):
            parts = match.groupdict()
            if "leaf" in parts:
                parts["leaf"] = rule.leaves[parts["leaf"]]
            return rule.template.format(**parts)
    raise CheckpointError(f"{name!r} is not a tensor of the {kind} network")
