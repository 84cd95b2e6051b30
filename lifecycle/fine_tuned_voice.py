"""From tuned networks of an upstream family to a voice directory: weights, lineage, prompt, golden outputs, records.

Knows what such a voice is made of and what its export needs; how the networks learnt, fine_tuning knows. No recording
and none of its words goes into the voice: of one recording of 3 to 10 s the prompt is made, as any prompt is.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from core_model.errors import VoiceError
from core_model.pretrained import Pretrained
from core_model.prompting import Reference
from core_model.training.fine_tuning.preparation import Prepared
from core_model.upstream import names
from core_model.voice import Voice, write_files
from lifecycle.importing import RECORD
from lifecycle.prompting import Given, add_prompt_to
from lifecycle.recording import Recording
from lifecycle.training_report import Point, draw

_PROMPT_s = (3.2, 9.8)  # a little within what HuBERT is given, so that no resampling moves a recording out of it
_BEST_PROMPT_s = 6.0
_LORA_HEADS = {"v3": "03", "v4": "04"}
_STEPS_PER_EPOCH = 25
_OF_THE_BASE_FILE = ("file", "sha256", "stock")  # what is not true any more of weights that learnt


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What a training leaves."""

    base: Voice
    acoustic: Mapping[str, np.ndarray] | None = field(repr=False)  # SoVITS; None where a LoRA was learnt
    lora: Mapping[str, np.ndarray] | None = field(repr=False)
    gpt: Mapping[str, np.ndarray] = field(repr=False)
    plan: Mapping[str, object]
    prepared: Prepared
    points: Sequence[Point]


def write_fine_tuned(
    directory: Path,
    name: str,
    tuned: Tuned,
    recordings: Mapping[str, Recording],
    pretrained: Pretrained,
    licence: str,
    now: datetime,
) -> None:
    """Fill *directory* with the voice; *recordings* by preparation's labels. Exports are made by archive."""
    base = tuned.base
    learnt = {"gpt": tuned.gpt, "sovits": tuned.acoustic, "lora": tuned.lora}
    weights = {part: tensors for part, tensors in learnt.items() if tensors is not None}
    lineage, record = _lineage(tuned)
    description = replace(base.description, name=name, licence=licence, lineage=lineage)
    write_files(directory, description, weights=weights, prompts={})
    for part in ("sovits", "vocoder"):  # what a LoRA changes stays beside it, untouched
        if part not in weights and base.has_weights(part):
            shutil.copyfile(base.weights_file(part), directory / "weights" / f"{part}.safetensors")
    shutil.copytree(base.text_directory, directory / "text")
    _write_records(directory / "records", tuned, record, now)
    given = Given((_reference(tuned.prepared, recordings),))
    add_prompt_to(Voice.open(directory), "default", given, pretrained, now=now)


def _reference(prepared: Prepared, recordings: Mapping[str, Recording]) -> Reference:
    """The recording that a prompt is best made of; without its words where none is 3 to 10 s long."""
    used = [recordings[label] for label in prepared.labels]
    fitting = [recording for recording in used if _PROMPT_s[0] <= recording.duration_s <= _PROMPT_s[1]]
    best = min(fitting or used, key=lambda recording: abs(recording.duration_s - _BEST_PROMPT_s))
    return Reference(best.path, best.text if fitting else None, best.language)


def _lineage(tuned: Tuned) -> tuple[dict[str, object], dict[str, object]]:
    """voice.json's lineage, and records/upstream.json: for each part what upstream would have written into its file."""
    base = _parts(tuned.base.description.lineage["imported"])
    record = _parts(json.loads((tuned.base.directory / "records" / RECORD).read_bytes()))
    learnt = {"gpt": tuned.gpt, "sovits": tuned.acoustic, "lora": tuned.lora}
    parts = dict(base)
    for part, tensors in learnt.items():
        if tensors is None:
            continue
        origin = "sovits" if part == "lora" else part
        facts = {name: value for name, value in base[origin].items() if name not in _OF_THE_BASE_FILE}
        facts |= {"info": _info(part, tuned.plan), "dtype": "float16", "base_sha256": base[origin]["sha256"]}
        if part == "lora":
            facts |= {"head": _LORA_HEADS[tuned.base.description.family], "rank": tuned.plan["lora_rank"]}
        parts[part] = facts
        order = [names.to_upstream(part, tensor) for tensor in tensors]
        record[part] = {"config": record[origin]["config"], "tensors": order}
    return {"fine_tuned": parts, "plan": dict(tuned.plan)}, {**record}


def _parts(value: object) -> dict[str, dict[str, object]]:
    """{part: facts} of the base, which importing wrote."""
    if not isinstance(value, Mapping):
        raise VoiceError("lineage.imported", "must be an object")
    return {str(part): dict(facts) for part, facts in value.items()}


def _info(part: str, plan: Mapping[str, object]) -> str:
    """What upstream writes into a file of that part, counting epochs of 100 utterances in batches of four."""
    if part == "gpt":
        return f"GPT-e{math.ceil(4 * int(str(plan['gpt_steps'])) / _STEPS_PER_EPOCH)}"
    steps = int(str(plan["sovits_steps"]))
    return f"{math.ceil(steps / _STEPS_PER_EPOCH)}epoch_{steps}iteration"


def _write_records(directory: Path, tuned: Tuned, record: Mapping[str, object], now: datetime) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    facts = {
        "made": now.isoformat(timespec="seconds"),
        "plan": dict(tuned.plan),
        "examples": len(tuned.prepared.utterances.utterances),
        "seconds": round(tuned.prepared.utterances.seconds, 2),
        "left_out": len(tuned.prepared.unusable),
        "curves": [{"stage": point.stage, "step": point.step, **dict(point.losses)} for point in tuned.points],
    }
    (directory / "training.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draw(list(tuned.points), directory / "training.svg")
