"""Folders of upstream's feature networks at tiny dims with random weights, written by transformers itself."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM, HubertConfig, HubertModel
from transformers.utils import logging

CHARACTERS = "你好世界今天我们去学校。，！？a"


def hubert(folder: Path, *, width: int = 20, seed: int = 1) -> HubertModel:
    """A HuBERT of 50 frames a second: its strides multiply to 320, as they must."""
    config = HubertConfig(
        vocab_size=8,
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(8, 8),
        conv_kernel=(20, 17),
        conv_stride=(20, 16),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    with _seeded(seed):
        network = HubertModel(config).eval()
    with _quiet():
        network.save_pretrained(folder)
    return network


def roberta(folder: Path, *, width: int = 12, positions: int = 64, seed: int = 2) -> BertForMaskedLM:
    """A BERT with its pretraining head, as upstream's folder has, and a vocabulary of few characters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=5,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=positions,
    )
    with _seeded(seed):
        network = BertForMaskedLM(config).eval()
    with _quiet():
        network.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return network


def as_old_folder(folder: Path, tensors: dict[str, torch.Tensor], *, half: bool = False, zipped: bool = True) -> None:
    """Rewrite *folder* as transformers of 2021 did (not *zipped*: of 2019): pytorch_model.bin, with old names."""
    old = {
        name.replace("parametrizations.weight.original0", "weight_g")
        .replace("parametrizations.weight.original1", "weight_v")
        .replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta"): values.half() if half else values
        for name, values in tensors.items()
    }
    torch.save(old, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    (folder / "model.safetensors").unlink()


def change_config(folder: Path, **changes: object) -> None:
    """Write other values into config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    logging.disable_progress_bar()
    with contextlib.redirect_stderr(io.StringIO()):
        yield
