"""A voice on paper: keeps the schema, fits no network. For tests of what only carries voices about."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from archive.age.envelope import Recipient
from archive.bundle import Packed, pack
from core_model.sovits.dims import SoVITSDims
from core_model.voice import Description, Prompt, SymbolTable, Voice
from tests.written_voice import write_voice


def write_paper_voice(directory: Path, *, name: str = "anna", seed: int = 0) -> Voice:
    """Write a voice of random numbers that nothing could speak with."""
    rng = np.random.default_rng(seed)
    description = Description(
        name=name,
        family="nano",
        gpt={"phonemes": 8, "semantic_tokens": 9, "width": 4, "heads": 2, "layers": 1, "word_features": 0},
        sovits=asdict(SoVITSDims()),
        token_scheme={"kind": "quantizer"},
        languages=("en",),
        symbols=SymbolTable("v2", "0" * 64),
        sample_rate=16000,
        semantic_rate=25,
        latent_rate=50,
        lineage={"base": "none"},
        licence="CC0-1.0",
        preview=True,
    )
    weights = {part: {"w": rng.standard_normal((64, 64)).astype(np.float32)} for part in ("gpt", "sovits")}
    prompt = Prompt(np.arange(3), np.arange(4), rng.standard_normal((1, SoVITSDims().style, 1)).astype(np.float32))
    return write_voice(directory, description, weights=weights, prompts={"default": prompt})


def pack_paper_voice(bundle: Path, voice: Voice, recipient: Recipient) -> Packed:
    """Pack *voice* as it is, without exports."""
    files = [path for path in voice.directory.rglob("*") if path.is_file()]
    members = {path.relative_to(voice.directory).as_posix(): path for path in files}
    return pack(bundle, members, description={"voice": voice.name}, recipients=[recipient])
