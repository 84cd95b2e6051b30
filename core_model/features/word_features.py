"""Word features: what a Chinese sentence means, one row for each phoneme, from a BERT (upstream: RoBERTa-wwm-large).

Knows a local folder in the layout of transformers and nothing of voices or phonemes: the front end says how many
phonemes each character has. transformers builds the network; weights are read by `pretrained_folder`, so nothing is
unpickled and nobody is asked for anything over a network. Rows are the third hidden state from
the end, [CLS] and [SEP] cut off (INFERENCE.md 3). Reference: Devlin 2018 (BERT); Cui 2019 (whole word masking).

    load(Path("pretrained/chinese-roberta-wwm-ext-large")).of("你好。", (2, 2, 1))      # (5, 1024)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core_model.errors import PretrainedError, RuntimeMissingError
from core_model.features.pretrained_folder import read_config, read_weights, require_kind
from core_model.silence import SWITCHES

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LAYER = -3  # of the hidden states, the embeddings' included
_SPECIAL = 2  # [CLS] in front, [SEP] behind


class WordFeatures:
    """A loaded network and its tokenizer, in float32 on the CPU."""

    def __init__(self, network: nn.Module, tokenizer: Tokenizer, width: int, longest: int) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._longest = longest - _SPECIAL  # tokens in one pass
        self.width = width

    def of(self, normalised: str, phonemes_per_character: Sequence[int]) -> NDArray[np.float32]:
        """*normalised* (C characters) and how many phonemes each has to (P, width).

        ValueError unless there is one count for each character. A character that the tokenizer drops (a space) has
        zeros.
        """
        if len(normalised) != len(phonemes_per_character):
            raise ValueError(f"{len(normalised)} characters, {len(phonemes_per_character)} counts of phonemes")
        features: NDArray[np.float32] = np.repeat(self.of_characters(normalised), phonemes_per_character, axis=0)
        return features

    def of_characters(self, text: str) -> NDArray[np.float32]:
        """(C, width), one row for each character of *text*; characters of one token share its row."""
        rows = np.zeros((len(text), self.width), np.float32)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        for start in range(0, len(encoding.ids), self._longest):  # one pass, unless a sentence is longer than a page
            hidden = self._hidden(encoding.ids[start : start + self._longest])
            for row, (first, end) in zip(hidden, encoding.offsets[start : start + self._longest], strict=True):
                rows[first:end] = row
        return rows

    @torch.inference_mode()
    def _hidden(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(n, width) of n tokens."""
        begin, end = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        tokens = torch.tensor([[begin, *ids, end]])
        # Positions and types are said, not left to the network's own buffers: those hold nothing (see `load`).
        positions = {"position_ids": torch.arange(tokens.shape[1])[None], "token_type_ids": torch.zeros_like(tokens)}
        states = self._network(tokens, output_hidden_states=True, **positions).hidden_states
        hidden: NDArray[np.float32] = states[_LAYER][0, 1:-1].numpy()
        return hidden


def load(folder: Path) -> WordFeatures:
    """The network in *folder*. PretrainedError if it is no BERT or not whole; RuntimeMissingError."""
    config = read_config(folder)
    require_kind(folder, config, ("bert",))
    os.environ.update(SWITCHES)
    try:
        from transformers import BertConfig, BertModel
    except ImportError as error:
        raise RuntimeMissingError(
            f"word features need transformers, which cannot be loaded ({error}): pip install 'lifecycle[upstream]'"
        ) from error
    tokenizer = _tokenizer(folder)
    try:
        settings = BertConfig.from_dict(config)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):  # no first values, and no noise of the caller's
            network: nn.Module = BertModel(settings, add_pooling_layer=False)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise PretrainedError(folder, f"its config.json describes no network: {error}") from error
    needed = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    weights = read_weights(folder, needed, "bert.")
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()}, assign=True)
    network.eval()
    if tokenizer.get_vocab_size() > int(settings.vocab_size):
        raise PretrainedError(folder, "its tokenizer knows more tokens than its network")
    return WordFeatures(network, tokenizer, int(settings.hidden_size), int(settings.max_position_embeddings))


def _tokenizer(folder: Path) -> Tokenizer:
    """tokenizer.json, else vocab.txt read the way BERT's Chinese models were trained: each character by itself."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    saved, vocabulary = folder / "tokenizer.json", folder / "vocab.txt"
    try:
        if saved.is_file():
            tokenizer = Tokenizer.from_file(str(saved))
        elif vocabulary.is_file():
            tokenizer = Tokenizer.from_str(BertWordPieceTokenizer(str(vocabulary), lowercase=True).to_str())
        else:
            raise PretrainedError(folder, "there is no tokenizer in it: neither tokenizer.json nor vocab.txt")
    except PretrainedError:
        raise
    except Exception as error:  # the tokenizers package raises plain Exception
        raise PretrainedError(folder, f"its tokenizer cannot be read: {error}") from error
    if None in (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")):
        raise PretrainedError(folder, "its tokenizer knows no [CLS] and [SEP]")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
