"""Networks that are not GPT-SoVITS's, told by the names of their tensors and the parts of their checkpoints.

Named, so that a person knows what they have, and declined: this toolkit speaks with none of them, but for HuBERT and
RoBERTa, which stand beside a GPT-SoVITS voice. Knows no files. Reference: what each program's own saving code writes;
a mark is a name that no other program of this list uses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core_model.upstream.findings import Sign

WEIGHTS = ("weight", "model", "generator", "state_dict", "model_state_dict", "net_g", "params", "net")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A network that is meant as soon as a tensor's name ends with, or starts with, one of these."""

    kind: str
    family: str | None
    told: str
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


_MARKS = (  # the first that fits; what is more particular stands first
    _Mark("rvc", None, "RVC, a voice converter", ends=("enc_p.emb_phone.weight", "enc_p.emb_pitch.weight")),
    _Mark(
        "so-vits-svc",
        None,
        "so-vits-svc, a voice converter",
        ("f0_decoder.",),
        ("emb_uv.weight", "enc_p.f0_emb.weight"),
    ),
    _Mark("bert-vits2", None, "Bert-VITS2", ends=("enc_p.tone_emb.weight", "enc_p.language_emb.weight")),
    _Mark("piper", None, "Piper in training", ("model_g.enc_p.emb.",)),
    _Mark("coqui", "xtts", "XTTS of Coqui", ("gpt.mel_embedding.", "xtts.gpt.", "gpt.gpt.h.")),
    _Mark("coqui", "vits", "VITS of Coqui", ("waveform_decoder.", "duration_predictor.flows.")),
    _Mark("coqui", "tacotron", "Tacotron 2", ("decoder.attention_rnn.", "decoder.attention.attention_rnn.")),
    _Mark("vits", None, "VITS", ends=("enc_p.emb.weight",)),
    _Mark("hubert", None, "HuBERT or wav2vec 2.0", ends=("feature_extractor.conv_layers.0.conv.weight",)),
    _Mark("hubert", None, "HuBERT of fairseq", ("feature_extractor.conv_layers.0.0.",), ("mask_emb",)),
    _Mark("roberta", None, "BERT or RoBERTa", ends=("embeddings.word_embeddings.weight",)),
    _Mark("diffusion", None, "an image diffusion network", ("model.diffusion_model.", "down_blocks.0.")),
    _Mark("whisper", None, "Whisper", ("decoder.blocks.0.cross_attn.", "model.decoder.layers.0.encoder_attn.")),
)
_COQUI_PARTS = ({"config", "model", "step", "date"}, {"config", "model", "optimizer", "step", "epoch"})


def tensors_of(root: object, is_tensor: type) -> tuple[str, Mapping[str, object]]:
    """(the part that holds them, {name: tensor}) of what a checkpoint holds; ("", ...) if it is the tensors alone."""
    if not isinstance(root, dict):
        return "", {}
    for part in WEIGHTS:
        inside = root.get(part)
        if isinstance(inside, dict) and any(isinstance(value, is_tensor) for value in inside.values()):
            return part, {str(name): value for name, value in inside.items() if isinstance(value, is_tensor)}
    return "", {str(name): value for name, value in root.items() if isinstance(value, is_tensor)}


def stranger(parts: Collection[str], names: Collection[str]) -> Sign | None:
    """The network whose tensors have these *names*, in a checkpoint of these *parts*; None if it is not known."""
    if {"f0", "sr"} <= set(parts) and "weight" in parts:
        return Sign("rvc", None, ("its parts are weight, config, sr, f0: those of RVC, a voice converter",))
    for mark in _MARKS:
        found = next((name for name in names if _bears(mark, name)), None)
        if found is not None:
            return Sign(mark.kind, mark.family, (f"its tensor {found[:120]} is one of {mark.told}",))
    if any(wanted <= set(parts) for wanted in _COQUI_PARTS):
        return Sign("coqui", None, (f"its parts are {', '.join(sorted(parts)[:8])}: as Coqui TTS saves them",))
    return None


def _bears(mark: _Mark, name: str) -> bool:
    return name.startswith(mark.starts) or name.endswith(mark.ends)  # an empty tuple matches nothing
