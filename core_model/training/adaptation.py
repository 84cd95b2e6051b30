"""From the base to one person: both stages, tuned on that person's examples.

Knows networks and examples; nothing of files, text or people. The two loops do the work; here stands what adaptation
asks of them: few steps, small learning rates, and which parts may move. A minute of speech can teach a timbre, a pitch
and a rhythm, but not English: of SoVITS only the decoder and the pitch it hums move, all before them stays as the base
has it; and at the end they go back a part of the way, because what is between tuned and untuned weights keeps most of
the one's likeness and most of the other's words (Wortsman 2022, robust fine-tuning; docs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from core_model.nano.base import Base
from core_model.sovits.synthesizer import SoVITS
from core_model.training import gpt, sovits
from core_model.training.dataset import Dataset, Example
from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.schedule import Options, Report

_WEIGHTS = sovits.Weights(spoken=1.0)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How much each stage learns. The defaults were chosen on the two people of `make quality` (docs/LOG.md)."""

    gpt_steps: int = 100
    sovits_steps: int = 800
    gpt_learning_rate: float = 1e-4
    sovits_learning_rate: float = 3e-4
    base_share: float = 0.2  # of SoVITS's weights in the end
    batch_size: int = 8
    seed: int = 0
    bfloat16: bool = False
    checkpoint_every: int = 50


def _frozen(name: str) -> bool:
    """All but decoder and pitch. On a minute of speech the text encoder, flow and posterior learn it by heart: that
    costs 15 points of word error, for a likeness that the decoder reaches alone in more steps (docs/LOG.md)."""
    return not name.startswith(("decoder.", "pitch_contour."))


def adapt(
    base: Base, dataset: Dataset, plan: Adaptation, work: Path, report: Report, keeper: Keeper = IN_THE_CLEAR
) -> None:
    """Tune the networks of *base* in place; checkpoints in *work*, kept by *keeper*, let an interrupted run go on."""
    size = min(plan.batch_size, len(dataset.examples))
    options = Options(
        steps=plan.gpt_steps,
        batch_size=size,
        learning_rate=plan.gpt_learning_rate,
        warmup_steps=min(20, plan.gpt_steps // 4),
        seed=plan.seed,
        bfloat16=plan.bfloat16,
        checkpoint=work / "gpt.checkpoint.safetensors",
        checkpoint_every=plan.checkpoint_every,
        keeper=keeper,
    )
    gpt.train(base.gpt, dataset, options, report)
    options = replace(
        options,
        steps=plan.sovits_steps,
        learning_rate=plan.sovits_learning_rate,
        warmup_steps=min(20, plan.sovits_steps // 4),
        checkpoint=work / "sovits.checkpoint.safetensors",
    )
    before = {name: tensor.clone() for name, tensor in base.sovits.state_dict().items()}
    # Half of it as it is spoken, from the prior: a minute is soon known by heart, and its posterior with it.
    sovits.train(base.sovits, None, dataset, options, _WEIGHTS, report, _frozen)
    base.sovits.load_state_dict(
        {name: torch.lerp(tensor, before[name], plan.base_share) for name, tensor in base.sovits.state_dict().items()}
    )


def style_of(network: SoVITS, examples: Sequence[Example]) -> np.ndarray:
    """The mean style of *examples*: (1, S, 1) float32, what a prompt keeps of a person's timbre."""
    styles = []
    with torch.inference_mode():
        for example in examples:
            mel = torch.from_numpy(example.mel.astype(np.float32))[None]
            styles.append(network.style(mel).numpy())
    return np.asarray(np.mean(styles, axis=0), dtype=np.float32)


def rounded(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """The weights as they rest in a voice: float16, which is what is spoken with from now on."""
    return {name: tensor.detach().cpu().to(torch.float16).numpy() for name, tensor in network.state_dict().items()}
