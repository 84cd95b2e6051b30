"""From tuned networks to a voice directory: description, weights, prompt, the front end's data, golden outputs.

Knows what the nano family's voices are made of; nothing of recordings as files. Golden outputs are recorded on one
thread from the weights as they rest (float16), and judged against the base's own speakers saying the same, so that
`verify` can tell this person from a stock voice in the right shape.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from core_model import machine
from core_model.features import acoustic
from core_model.features.speaker_statistics import speaker_statistics
from core_model.golden import Golden, decode_sentences, judge, record_golden
from core_model.nano import base as nano
from core_model.nano.dims import CODES, GPT_DIMS, SOVITS_DIMS
from core_model.sovits.dims import dims_to_dict
from core_model.synthesis import TorchRuntime
from core_model.text.front_end import write_data
from core_model.text.symbols import V2
from core_model.training.adaptation import Adaptation, rounded, style_of
from core_model.training.preparation import Prepared
from core_model.utterances import symbols_sha256
from core_model.voice import Description, Prompt, SymbolTable, Voice, write_files


def write_new_voice(
    directory: Path,
    name: str,
    tuned: nano.Base,
    prepared: Prepared,
    plan: Adaptation,
    licence: str,
    now: datetime,
    work: Path,
) -> None:
    """Fill *directory* with all of the voice but records/ and exports/; *work* takes the stock voice to judge by."""
    voice = write_speaking_voice(directory, name, tuned, prepared, plan, licence)
    _record_golden(voice, voice.description, prepared, now, work)


def write_speaking_voice(
    directory: Path, name: str, tuned: nano.Base, prepared: Prepared, plan: Adaptation, licence: str
) -> Voice:
    """Fill *directory* with what a voice needs to speak, and no golden outputs to be held to."""
    lineage: dict[str, object] = {"base": "nano", "base_sha256": tuned.sha256, "plan": asdict(plan)}
    description = nano_description(name, lineage, licence)
    _write_networks(directory, description, tuned, style_of(tuned.sovits.eval(), prepared.examples))
    write_data(directory / "text", ("en",))
    return Voice.open(directory)


def nano_description(name: str, lineage: dict[str, object], licence: str) -> Description:
    """What is said of every voice that grows from the embedded base."""
    latent_rate = SOVITS_DIMS.sample_rate // SOVITS_DIMS.hop
    return Description(
        name=name,
        family="nano",
        gpt=asdict(GPT_DIMS),
        sovits=dims_to_dict(SOVITS_DIMS),
        token_scheme=CODES.scheme(),
        languages=("en",),
        symbols=SymbolTable("v2", symbols_sha256(V2)),
        sample_rate=SOVITS_DIMS.sample_rate,
        semantic_rate=latent_rate // SOVITS_DIMS.code_upsampling,
        latent_rate=latent_rate,
        lineage=lineage,
        licence=licence,
        preview=nano.PREVIEW,
    )


def _write_networks(directory: Path, description: Description, networks: nano.Base, style: np.ndarray) -> None:
    prompt = Prompt(np.array([CODES.first_token]), np.zeros(0, np.int64), style)
    weights = {"gpt": rounded(networks.gpt), "sovits": rounded(networks.sovits)}
    write_files(directory, description, weights=weights, prompts={"default": prompt})


def _record_golden(voice: Voice, description: Description, prepared: Prepared, now: datetime, work: Path) -> None:
    """Golden outputs, with the identity judged against every stock voice that the untuned base has."""
    runtime = TorchRuntime(voice, threads=1)
    joined = np.concatenate([example.waveform for example in prepared.examples])
    spoken = np.asarray(joined / 32767, dtype=np.float32)
    recordings = speaker_statistics(spoken, acoustic.SAMPLE_RATE)
    golden = record_golden(voice, runtime, now=now, machine=machine.describe(), recordings=recordings)
    untuned = nano.load()
    work.mkdir(exist_ok=True)
    _write_networks(work, replace(description, name="stock"), untuned, untuned.stock_styles[:1])
    stock_runtime = TorchRuntime(Voice.open(work), threads=1)
    judge_by_stock(voice, golden, recordings, stock_runtime, untuned.stock_styles).write(voice.golden_directory)


def judge_by_stock(
    voice: Voice, golden: Golden, recordings: np.ndarray | None, stock_runtime: TorchRuntime, stock_styles: np.ndarray
) -> Golden:
    """*golden* with its identity judged: against *recordings*' statistics, else against itself. AudioError."""
    stock = [_statistics(voice, stock_runtime, golden, style[None]) for style in stock_styles]
    said = np.concatenate([sentence.waveform for sentence in golden.sentences])
    speech = speaker_statistics(said, voice.description.sample_rate)
    return replace(golden, identity=judge(speech, recordings, stock))


def _statistics(voice: Voice, runtime: TorchRuntime, golden: Golden, style: np.ndarray) -> np.ndarray:
    waveforms = decode_sentences(voice, runtime, golden, style)
    return speaker_statistics(np.concatenate(waveforms), voice.description.sample_rate)
