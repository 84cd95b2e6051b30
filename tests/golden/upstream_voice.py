"""A voice of real size with the weights that golden vectors were recorded with: what an import of them gives.

Float32, as the vectors were; its prompt is the one they were recorded with. Written through the table of names and
`write_files`, so that it needs no checkpoint and no import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from core_model.gpt import GPTDims
from core_model.sovits.dims import dims_to_dict
from core_model.sovits.families import FAMILIES
from core_model.text.front_end import write_data
from core_model.text.symbols import V1, V2
from core_model.upstream import names
from core_model.utterances import symbols_sha256
from core_model.voice import Array, Description, Prompt, SymbolTable, Voice
from tests.written_voice import write_voice


def write_upstream_voice(
    directory: Path,
    family: str,
    *,
    gpt: Mapping[str, Array],
    sovits: Mapping[str, Array],
    prompts: Mapping[str, Prompt],
    vocoder: Mapping[str, Array] | None = None,
    languages: Sequence[str] = ("en",),
) -> Voice:
    """Write a voice of *family* from tensors under upstream's names, the vocoder's under ours."""
    dims = FAMILIES[family]
    table = "v1" if family == "v1" else "v2"
    weights = {"gpt": _renamed("gpt", gpt), "sovits": _renamed("sovits", sovits)}
    if vocoder is not None:
        weights["vocoder"] = dict(vocoder)
    description = Description(
        name=directory.name,
        family=family,
        gpt=asdict(GPTDims(phonemes=len(gpt["model.ar_text_embedding.word_embeddings.weight"]))),
        sovits=dims_to_dict(dims),
        token_scheme={"kind": "quantizer"},
        languages=tuple(languages),
        symbols=SymbolTable(table, symbols_sha256(V1 if table == "v1" else V2)),
        sample_rate=dims.waveform_rate,
        semantic_rate=25,
        latent_rate=50,
        lineage={"imported": {}},
        licence="unknown",
        preview=False,
    )
    return write_voice(
        directory,
        description,
        weights=weights,
        prompts=prompts,
        fill=lambda made: write_data(made / "text", tuple(languages), "upstream"),
    )


def prompt_of(vectors: Mapping[str, np.ndarray], style: np.ndarray) -> Prompt:
    """The prompt of a GPT's vectors: tokens, and of the phonemes the half that had word features."""
    phonemes, features = vectors["phones"][0], vectors["bert"][0].T
    half = len(phonemes) // 2
    return Prompt(
        semantic_tokens=vectors["prompt"][0].astype(np.int64),
        phonemes=phonemes[:half].astype(np.int64),
        style=style.astype(np.float32),
        word_features=np.ascontiguousarray(features[:half], np.float32),
        language="zh",
    )


def _renamed(kind: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    table = names.all_to_ours(kind, tensors)
    return {table[name]: tensor for name, tensor in tensors.items()}
