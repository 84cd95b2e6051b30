"""Tensor names of GPT-SoVITS and ours: one table, read in both directions.

Knows no shapes and no values; a row is a pair of templates, and a name that no row describes is refused, never passed
on. Reference: the files GPT-SoVITS writes (its commit 48b1a01); ours are attribute paths in core_model.gpt, .sovits and
.diffusion.

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


def _transformer(theirs: str, ours: str) -> tuple[Row, ...]:
    """Rows of one stack of attention and feedforward layers."""
    pairs = (
        ("attn_layers.{i}.conv_q.{leaf}", "attention.query.{leaf}"),
        ("attn_layers.{i}.conv_k.{leaf}", "attention.key.{leaf}"),
        ("attn_layers.{i}.conv_v.{leaf}", "attention.value.{leaf}"),
        ("attn_layers.{i}.conv_o.{leaf}", "attention.out.{leaf}"),
        ("attn_layers.{i}.emb_rel_k", "attention.relative_key"),
        ("attn_layers.{i}.emb_rel_v", "attention.relative_value"),
        ("norm_layers_1.{i}.gamma", "attention_norm.weight"),
        ("norm_layers_1.{i}.beta", "attention_norm.bias"),
        ("ffn_layers.{i}.conv_1.{leaf}", "feedforward.expand.{leaf}"),
        ("ffn_layers.{i}.conv_2.{leaf}", "feedforward.contract.{leaf}"),
        ("norm_layers_2.{i}.gamma", "feedforward_norm.weight"),
        ("norm_layers_2.{i}.beta", "feedforward_norm.bias"),
    )
    return tuple((f"{theirs}.{a}", f"{ours}.layers.{{i}}.{b}") for a, b in pairs)


def _wavenet(theirs: str, ours: str) -> tuple[Row, ...]:
    """Rows of one stack of gated convolutions."""
    return (
        (f"{theirs}.in_layers.{{i}}.{{leaf}}", f"{ours}.layers.{{i}}.inner.{{leaf}}"),
        (f"{theirs}.res_skip_layers.{{i}}.{{leaf}}", f"{ours}.layers.{{i}}.outer.{{leaf}}"),
        (f"{theirs}.cond_layer.{{leaf}}", f"{ours}.condition.{{leaf}}"),
    )


def _coupling(index: int) -> tuple[Row, ...]:
    """Rows of one coupling; upstream counts the flips between them, which hold nothing."""
    theirs, ours = f"flow.flows.{2 * index}", f"flow.couplings.{index}"
    return (
        (f"{theirs}.pre.{{leaf}}", f"{ours}.entry.{{leaf}}"),
        *_wavenet(f"{theirs}.enc", f"{ours}.wavenet"),
        (f"{theirs}.post.{{leaf}}", f"{ours}.shift.{{leaf}}"),
    )


def _residual_block(index: int, theirs: str, ours: str) -> tuple[Row, ...]:
    """Rows of one residual block; upstream counts them through, three to a stage."""
    theirs, ours = f"{theirs}resblocks.{index}", f"{ours}stages.{index // 3}.blocks.{index % 3}"
    return (
        (f"{theirs}.convs1.{{i}}.{{leaf}}", f"{ours}.dilated.{{i}}.{{leaf}}"),
        (f"{theirs}.convs2.{{i}}.{{leaf}}", f"{ours}.plain.{{i}}.{{leaf}}"),
    )


def _periodic(theirs: str, ours: str) -> tuple[Row, ...]:
    """Rows of one periodic activation and the fixed filters round it."""
    return (
        (f"{theirs}.act.alpha", f"{ours}.log_frequency"),
        (f"{theirs}.act.beta", f"{ours}.log_height"),
        (f"{theirs}.upsample.filter", f"{ours}.up_filter"),
        (f"{theirs}.downsample.lowpass.filter", f"{ours}.down_filter"),
    )


def _periodic_block(index: int) -> tuple[Row, ...]:
    """Rows of one block's activations: the even ones precede the dilated convolutions, the odd ones the others."""
    theirs, ours = f"resblocks.{index}.activations", f"stages.{index // 3}.blocks.{index % 3}"
    before = [_periodic(f"{theirs}.{2 * n}", f"{ours}.before_dilated.{n}") for n in range(3)]
    between = [_periodic(f"{theirs}.{2 * n + 1}", f"{ours}.before_plain.{n}") for n in range(3)]
    return tuple(row for rows in (*before, *between) for row in rows)


_PEFT = "cfm.base_model.model.estimator"  # where peft puts the flow's transformer when it trains a LoRA
_FEATURES: tuple[Row, ...] = (
    ("bridge.0.{leaf}", "bridge.{leaf}"),
    ("wns1.pre.{leaf}", "feature_encoder.entry.{leaf}"),
    *_wavenet("wns1.enc", "feature_encoder.wavenet"),
    ("wns1.proj.{leaf}", "feature_encoder.projection.{leaf}"),
    ("linear_mel.{leaf}", "mel_projection.{leaf}"),
)


def _transformer_of_the_flow(theirs: str) -> tuple[Row, ...]:
    """Rows of v3's and v4's transformer, but for the four matrices of attention."""
    pairs = (
        ("time_embed.time_mlp.0.{leaf}", "time_embedding.entry.{leaf}"),
        ("time_embed.time_mlp.2.{leaf}", "time_embedding.projection.{leaf}"),
        ("d_embed.time_mlp.0.{leaf}", "step_embedding.entry.{leaf}"),
        ("d_embed.time_mlp.2.{leaf}", "step_embedding.projection.{leaf}"),
        ("text_embed.text_blocks.{i}.dwconv.{leaf}", "text_embedding.blocks.{i}.depthwise.{leaf}"),
        ("text_embed.text_blocks.{i}.norm.{leaf}", "text_embedding.blocks.{i}.norm.{leaf}"),
        ("text_embed.text_blocks.{i}.pwconv1.{leaf}", "text_embedding.blocks.{i}.expand.{leaf}"),
        ("text_embed.text_blocks.{i}.grn.gamma", "text_embedding.blocks.{i}.response_norm.weight"),
        ("text_embed.text_blocks.{i}.grn.beta", "text_embedding.blocks.{i}.response_norm.bias"),
        ("text_embed.text_blocks.{i}.pwconv2.{leaf}", "text_embedding.blocks.{i}.contract.{leaf}"),
        ("input_embed.proj.{leaf}", "entry.projection.{leaf}"),
        ("input_embed.conv_pos_embed.conv1d.0.{leaf}", "entry.first.{leaf}"),
        ("input_embed.conv_pos_embed.conv1d.2.{leaf}", "entry.second.{leaf}"),
        ("rotary_embed.inv_freq", "inverse_frequencies"),
        ("transformer_blocks.{i}.attn_norm.linear.{leaf}", "blocks.{i}.modulation.{leaf}"),
        ("transformer_blocks.{i}.ff.ff.0.0.{leaf}", "blocks.{i}.feedforward.expand.{leaf}"),
        ("transformer_blocks.{i}.ff.ff.2.{leaf}", "blocks.{i}.feedforward.contract.{leaf}"),
        ("norm_out.linear.{leaf}", "exit_modulation.{leaf}"),
        ("proj_out.{leaf}", "exit.{leaf}"),
    )
    return tuple((f"{theirs}.{a}", f"transformer.{b}") for a, b in pairs)


def _attention_layer(theirs: str, leaf: str, our_leaf: str) -> tuple[Row, ...]:
    """Rows of the four matrices that a LoRA changes."""
    pairs = (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "out"))
    return tuple(
        (f"{theirs}.transformer_blocks.{{i}}.attn.{a}.{leaf}", f"transformer.blocks.{{i}}.attention.{b}.{our_leaf}")
        for a, b in pairs
    )


SOVITS: tuple[Row, ...] = (
    ("ssl_proj.{leaf}", "quantizer.projection.{leaf}"),
    ("quantizer.vq.layers.0._codebook.embed", "quantizer.codebook"),
    ("quantizer.vq.layers.0._codebook.embed_avg", "quantizer.codebook_sum"),
    ("quantizer.vq.layers.0._codebook.cluster_size", "quantizer.cluster_size"),
    ("quantizer.vq.layers.0._codebook.inited", "quantizer.initialised"),
    ("enc_p.ssl_proj.{leaf}", "text_encoder.code_projection.{leaf}"),
    *_transformer("enc_p.encoder_ssl", "text_encoder.code_encoder"),
    ("enc_p.text_embedding.weight", "text_encoder.phoneme_embedding.weight"),
    *_transformer("enc_p.encoder_text", "text_encoder.phoneme_encoder"),
    ("enc_p.mrte.c_pre.{leaf}", "text_encoder.fusion.code_projection.{leaf}"),
    ("enc_p.mrte.text_pre.{leaf}", "text_encoder.fusion.phoneme_projection.{leaf}"),
    ("enc_p.mrte.cross_attention.conv_q.{leaf}", "text_encoder.fusion.attention.query.{leaf}"),
    ("enc_p.mrte.cross_attention.conv_k.{leaf}", "text_encoder.fusion.attention.key.{leaf}"),
    ("enc_p.mrte.cross_attention.conv_v.{leaf}", "text_encoder.fusion.attention.value.{leaf}"),
    ("enc_p.mrte.cross_attention.conv_o.{leaf}", "text_encoder.fusion.attention.out.{leaf}"),
    ("enc_p.mrte.c_post.{leaf}", "text_encoder.fusion.projection.{leaf}"),
    *_transformer("enc_p.encoder2", "text_encoder.fused_encoder"),
    ("enc_p.proj.{leaf}", "text_encoder.projection.{leaf}"),
    ("ref_enc.spectral.0.fc.{leaf}", "style_encoder.entry.{leaf}"),
    ("ref_enc.spectral.3.fc.{leaf}", "style_encoder.second.{leaf}"),
    ("ref_enc.temporal.{i}.conv1.conv.{leaf}", "style_encoder.convs.{i}.conv.{leaf}"),
    ("ref_enc.slf_attn.w_qs.{leaf}", "style_encoder.attention.query.{leaf}"),
    ("ref_enc.slf_attn.w_ks.{leaf}", "style_encoder.attention.key.{leaf}"),
    ("ref_enc.slf_attn.w_vs.{leaf}", "style_encoder.attention.value.{leaf}"),
    ("ref_enc.slf_attn.fc.{leaf}", "style_encoder.attention.out.{leaf}"),
    ("ref_enc.fc.fc.{leaf}", "style_encoder.projection.{leaf}"),
    ("sv_emb.{leaf}", "speaker_projection.{leaf}"),
    ("prelu.weight", "style_activation.weight"),
    ("ge_to512.{leaf}", "style_to_fusion.{leaf}"),
    ("enc_q.pre.{leaf}", "posterior_encoder.entry.{leaf}"),
    *_wavenet("enc_q.enc", "posterior_encoder.wavenet"),
    ("enc_q.proj.{leaf}", "posterior_encoder.projection.{leaf}"),
    *(row for index in range(4) for row in _coupling(index)),
    ("dec.conv_pre.{leaf}", "decoder.entry.{leaf}"),
    ("dec.cond.{leaf}", "decoder.condition.{leaf}"),
    ("dec.ups.{i}.{leaf}", "decoder.stages.{i}.up.{leaf}"),
    *(row for index in range(15) for row in _residual_block(index, "dec.", "decoder.")),
    ("dec.conv_post.weight", "decoder.exit.weight"),
    *_FEATURES,
    *_transformer_of_the_flow("cfm.estimator"),
    *_attention_layer("cfm.estimator", "{leaf}", "{leaf}"),
)

# A LoRA file: pairs of narrow matrices, and the parts that were trained whole. What it leaves out is in the base file.
LORA: tuple[Row, ...] = (
    *(row for row in SOVITS if row[0].startswith(("quantizer.", "ref_enc.", "bridge.", "wns1.", "linear_mel."))),
    (f"{_PEFT}.rotary_embed.inv_freq", "transformer.inverse_frequencies"),
    *_attention_layer(_PEFT, "lora_A.default.weight", "down"),
    *_attention_layer(_PEFT, "lora_B.default.weight", "up"),
)

# The training state of one: everything, the original matrices under base_layer.
LORA_TRAINING: tuple[Row, ...] = (
    *(row for row in SOVITS if not row[0].startswith("cfm.")),
    *_transformer_of_the_flow(_PEFT),
    *_attention_layer(_PEFT, "base_layer.{leaf}", "base.{leaf}"),
    *_attention_layer(_PEFT, "lora_A.default.weight", "down"),
    *_attention_layer(_PEFT, "lora_B.default.weight", "up"),
)

VOCODER_V4: tuple[Row, ...] = (
    ("conv_pre.{leaf}", "entry.{leaf}"),
    ("ups.{i}.{leaf}", "stages.{i}.up.{leaf}"),
    *(row for index in range(15) for row in _residual_block(index, "", "")),
    ("conv_post.{leaf}", "exit.{leaf}"),
)

VOCODER_V3: tuple[Row, ...] = (
    ("conv_pre.{leaf}", "entry.{leaf}"),
    ("ups.{i}.0.{leaf}", "stages.{i}.up.{leaf}"),
    *(row for index in range(18) for row in _residual_block(index, "", "")),
    *(row for index in range(18) for row in _periodic_block(index)),
    *_periodic("activation_post", "activation"),
    ("conv_post.{leaf}", "exit.{leaf}"),
)

DISCRIMINATOR: tuple[Row, ...] = (
    ("discriminators.{i}.convs.{j}.{leaf}", "judges.{i}.layers.{j}.{leaf}"),
    ("discriminators.{i}.conv_post.{leaf}", "judges.{i}.exit.{leaf}"),
)


def _norm(theirs: str, ours: str) -> tuple[Row, ...]:
    """Rows of one batch norm."""
    leaves = ("running_mean", "running_var", "num_batches_tracked")
    return ((f"{theirs}.{{leaf}}", f"{ours}.{{leaf}}"), *((f"{theirs}.{leaf}", f"{ours}.{leaf}") for leaf in leaves))


def _attentional_fusion(theirs: str, ours: str) -> tuple[Row, ...]:
    return tuple(row for n in (0, 1, 3, 4) for row in _norm(f"{theirs}.local_att.{n}", f"{ours}.weigh.{n}"))


def _speaker_stage(index: int) -> tuple[Row, ...]:
    theirs, ours = f"layer{index + 1}.{{i}}", f"stages.{index}.{{i}}"
    return (
        (f"{theirs}.conv1.{{leaf}}", f"{ours}.narrow.{{leaf}}"),
        *_norm(f"{theirs}.bn1", f"{ours}.narrow_norm"),
        (f"{theirs}.convs.{{j}}.{{leaf}}", f"{ours}.branches.{{j}}.{{leaf}}"),
        *_norm(f"{theirs}.bns.{{j}}", f"{ours}.branch_norms.{{j}}"),
        *_attentional_fusion(f"{theirs}.fuse_models.{{j}}", f"{ours}.fusions.{{j}}"),
        (f"{theirs}.conv3.{{leaf}}", f"{ours}.widen.{{leaf}}"),
        *_norm(f"{theirs}.bn3", f"{ours}.widen_norm"),
        (f"{theirs}.shortcut.0.{{leaf}}", f"{ours}.shortcut.0.{{leaf}}"),
        *_norm(f"{theirs}.shortcut.1", f"{ours}.shortcut.1"),
    )


SPEAKER_VECTOR: tuple[Row, ...] = (
    ("conv1.{leaf}", "entry.{leaf}"),
    *_norm("bn1", "entry_norm"),
    *(row for index in range(4) for row in _speaker_stage(index)),
    ("layer3_ds.{leaf}", "downsample.{leaf}"),
    *_attentional_fusion("fuse34", "fusion"),
    ("seg_1.{leaf}", "classifier.{leaf}"),
)

TABLES: Mapping[str, tuple[Row, ...]] = {
    "gpt": GPT,
    "sovits": SOVITS,  # v1 to v4
    "lora": LORA,
    "lora_training": LORA_TRAINING,
    "discriminator": DISCRIMINATOR,
    "vocoder_v3": VOCODER_V3,
    "vocoder_v4": VOCODER_V4,
    "speaker_vector": SPEAKER_VECTOR,
}


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
