"""How the doctor's answers look to a person: a heading for each file, and below it a few labelled lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from core_model.upstream.messages import Message
from lifecycle.diagnosing import Answer
from lifecycle.printable import printable

_WIDTH, _LABEL = 100, 11
_KINDS = {
    "sovits": "a SoVITS voice",
    "gpt": "a GPT, the other half of a voice",
    "lora": "a LoRA, which changes a base SoVITS",
    "base": "a base SoVITS, which one trains from: nobody's voice",
    "base_discriminator": "a base discriminator, which one trains with",
    "discriminator": "a discriminator",
    "training_generator": "a training state of a SoVITS",
    "training_discriminator": "a training state of a discriminator",
    "lora_training": "a training state of a LoRA",
    "lightning": "a training state of a GPT (PyTorch Lightning)",
    "vocoder": "a vocoder",
    "speaker_vector": "a network for speaker vectors",
    "hubert": "HuBERT",
    "roberta": "BERT or RoBERTa",
    "voice": "a voice of this toolkit",
    "bundle": "a voice bundle of this toolkit",
    "onnx": "an ONNX network",
    "torchscript": "a TorchScript program",
    "pt2": "an exported torch program (.pt2)",
    "rvc": "an RVC voice",
    "coqui": "a Coqui TTS checkpoint",
    "piper": "a Piper voice",
    "torch": "a checkpoint of torch, of no network known here",
    "pickle": "a pickle",
    "lfs_pointer": "a Git LFS pointer, not the file itself",
    "html": "a web page or an error message, not a checkpoint",
    "truncated": "a file whose end is missing",
    "empty": "an empty file",
    "zeros": "a file of zeros",
    "zip": "a zip with other files in it",
    "unknown": "of no format known here",
    "unreadable": "not readable",
}
_VERDICTS = {True: "yes", False: "NO", None: "cannot be said"}


def lines(answers: Sequence[Answer]) -> list[str]:
    """The lines for all *answers*, an empty one between two files."""
    told: list[str] = []
    for answer in answers:
        found = answer.diagnosis
        what = _KINDS.get(found.kind, found.kind)
        name = printable(str(found.path))
        told += ["", name] if told else [name]
        told += _labelled("is", [f"{what}, {found.family}" if found.family else what])
        told += _labelled("safe", [_VERDICTS[found.safe]])
        told += _labelled("because", found.evidence)
        told += _labelled("note", found.problems)
        told += _labelled("next", [printable(answer.next)])
    return told


def explanation(message: Message | None) -> list[str]:
    """The lines for `--explain`."""
    if message is None:
        return ["This message is not known here; docs/doctor.md lists those that are."]
    return [*_labelled("means", [message.sentence]), *_labelled("next", [message.remedy])]


def _labelled(label: str, sentences: Sequence[str]) -> list[str]:
    """*sentences* beside their *label*, folded to the width; a command is never folded, so that it can be copied."""
    told: list[str] = []
    for sentence in sentences:
        folded = [sentence] if label == "next" else textwrap.wrap(sentence, _WIDTH - _LABEL) or [""]
        told += folded
    return [f"  {label if n == 0 else '':<{_LABEL - 2}}{line}" for n, line in enumerate(told)]
