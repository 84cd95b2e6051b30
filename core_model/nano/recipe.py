"""How the embedded base is made: speech from free engines, an aligner, the two stages, all packed as fp16.

    python -m core_model.nano.recipe --work DIR --minutes 240        (make base MINUTES=240)
    torchrun --nproc-per-node 2 -m core_model.nano.recipe --work DIR --minutes 240

Stages: speech, dataset, aligner, gpt, sovits, pack. Every one leaves a file under DIR and is skipped when that file is
there; the two long trainings go on from their last checkpoint. So it may be interrupted at any moment, or stopped after
--slice minutes, and the same command goes on; DIR may be thrown away afterwards. With --minutes the machine's speed is
measured first, and speech and steps are as many as fit (budget.py); the plan is kept in DIR. Needs flite, festival
(with festvox-kallpc16k and -kdlpc16k), espeak-ng and wordnet-base, all from Debian; it says so when one is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from core_model import machine
from core_model.features.alignment import AlignerDims, PhoneClassifier
from core_model.gpt import GPT, GPTDims
from core_model.nano import base, budget, corpus, speech
from core_model.nano.budget import Plan
from core_model.nano.dims import CODES, GPT_DIMS, SOVITS_DIMS
from core_model.sovits.dims import SoVITSDims
from core_model.sovits.synthesizer import SoVITS
from core_model.training import aligner, gpt, sovits
from core_model.training.adaptation import style_of
from core_model.training.dataset import Dataset
from core_model.training.held_phones import Holding
from core_model.training.processes import joined
from core_model.training.schedule import Options, Progress, Report

STAGES = ("speech", "dataset", "aligner", "gpt", "sovits", "pack")
_HELD = 0.08  # of the phones that GPT reads are too long: some three in a sentence
_WARM_UP, _MEASURED = 3, 12  # steps of each training whose time is thrown away, and taken


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of all networks; the defaults are the nano family's."""

    gpt: GPTDims = GPT_DIMS
    sovits: SoVITSDims = SOVITS_DIMS
    aligner: AlignerDims = field(default_factory=AlignerDims)


@dataclass(frozen=True, slots=True)
class Run:
    """What every training of one base shares.

    *start* is a base whose weights the networks begin with, or none.
    """

    work: Path
    options: Options  # seed, device, bfloat16, processes; the rest is each training's own
    report: Report
    sizes: Sizes = Sizes()
    start: Path | None = None

    def begin(self, network: torch.nn.Module, name: str) -> None:
        """Fill a fresh *network* from the base that was given; what has no tensor of its shape there begins anew, and
        is told."""
        if self.start is None:
            return
        own, found = network.state_dict(), base.part(load_file(self.start), name)
        fitting = {key: tensor for key, tensor in found.items() if key in own and own[key].shape == tensor.shape}
        network.load_state_dict(fitting, strict=False)
        if (anew := sorted(own.keys() - fitting.keys())) and self.options.processes.first:
            print(f"{name}: these begin anew: {', '.join(anew)}", flush=True)  # noqa: T201


class SliceOver(Exception):
    """The minutes of this slice are over; the run goes on with the next one."""


def aligner_options(run: Run, plan: Plan) -> Options:
    """Of the phone classifier."""
    return replace(run.options, steps=plan.steps["aligner"], batch_size=24, learning_rate=2e-3)


def gpt_options(run: Run, plan: Plan) -> Options:
    """Of the first stage."""
    return replace(
        run.options,
        steps=plan.steps["gpt"],
        learning_rate=1e-3,
        checkpoint=run.work / "gpt.checkpoint.safetensors",
        checkpoint_every=plan.checkpoint_every["gpt"],
    )


def sovits_options(run: Run, plan: Plan) -> Options:
    """Of the second stage."""
    return replace(
        run.options,
        steps=plan.steps["sovits"],
        batch_size=12,
        learning_rate=6e-4,
        checkpoint=run.work / "sovits.checkpoint.safetensors",
        checkpoint_every=plan.checkpoint_every["sovits"],
    )


def measure(run: Run, dataset: Dataset, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of one step of each training, on networks that are thrown away."""
    short = budget.usual()
    short = replace(short, steps=dict.fromkeys(budget.STAGES, _WARM_UP + _MEASURED))

    def timed(train: Callable[[Options, Report], None], options: Options) -> float:
        times: list[float] = []
        train(replace(options, checkpoint=None), lambda _: times.append(clock()))
        return (times[-1] - times[_WARM_UP - 1]) / _MEASURED if times else 0.0  # none: not the first process

    sizes = run.sizes
    labelled = _labelled(run.work, every=30)
    return {
        "aligner": timed(
            lambda o, r: aligner.train(PhoneClassifier(sizes.aligner), labelled, o, r), aligner_options(run, short)
        ),
        "gpt": timed(lambda o, r: gpt.train(GPT(sizes.gpt), dataset, o, r), gpt_options(run, short)),
        "sovits": timed(
            lambda o, r: sovits.train(SoVITS(sizes.sovits), None, dataset, o, report=r), sovits_options(run, short)
        ),
    }


def planned(run: Run, dataset: Dataset, seconds_left: float | None, clock: Callable[[], float]) -> Plan:
    """The plan under DIR; where there is none yet, the usual one, or one that was measured to fit *seconds_left*."""
    path = run.work / "plan.json"
    if not path.exists():
        plan = budget.usual()
        if seconds_left is not None:
            began = clock()
            seconds = measure(run, dataset, clock)
            if run.options.processes.first:
                plan = budget.fitted(max(0.0, seconds_left - (clock() - began)), seconds)
        if run.options.processes.first:
            plan.write(path)
        run.options.processes.wait()
    return Plan.read(path)


def _labelled(work: Path, every: int) -> list[aligner.Labelled]:
    """One of *every* so many utterances, with the phone of each frame."""
    return [
        aligner.label(waveform, phones, ends, CODES)
        for index in range(len(speech.SPEAKERS))
        for waveform, _, phones, ends in corpus.utterances(work, index)[::every]
    ]


def train_aligner(run: Run, plan: Plan) -> PhoneClassifier:
    """The phone classifier, on every third utterance: a run of minutes, so it is done anew where it was stopped."""
    path = run.work / "aligner.safetensors"
    torch.manual_seed(run.options.seed)
    network = PhoneClassifier(run.sizes.aligner)
    if path.exists():
        network.load_state_dict(load_file(path))
        return network
    run.begin(network, "aligner")
    if plan.steps["aligner"]:  # none in a trial of the other stages: then its hours of labels are not made either
        aligner.train(network, _labelled(run.work, every=3), aligner_options(run, plan), run.report)
    partial = path.with_name(path.name + ".partial")
    save_file(network.cpu().state_dict(), partial)
    partial.replace(path)
    return network


def train_gpt(run: Run, plan: Plan, dataset: Dataset) -> GPT:
    """The first stage, on all speakers."""
    torch.manual_seed(run.options.seed)
    network = GPT(run.sizes.gpt)
    run.begin(network, "gpt")
    gpt.train(network, dataset, gpt_options(run, plan), run.report, Holding(CODES, _HELD))
    return network.cpu()


def train_sovits(run: Run, plan: Plan, dataset: Dataset) -> SoVITS:
    """The second stage, on all speakers, without judges (docs/decisions/0022)."""
    torch.manual_seed(run.options.seed)
    network = SoVITS(run.sizes.sovits)
    run.begin(network, "sovits")
    sovits.train(network, None, dataset, sovits_options(run, plan), report=run.report)
    return network.cpu()


def stock_styles(network: SoVITS, dataset: Dataset) -> torch.Tensor:
    """(speakers, S, 1): the mean style of every person of the base; espeak-ng's are robots and left out."""
    people = [index for index, speaker in enumerate(speech.SPEAKERS) if speaker.engine != "espeak"]
    styles = [style_of(network, found[:20])[0] for index in people if (found := dataset.of(index))]
    return torch.from_numpy(np.stack(styles))


def pack(path: Path, networks: dict[str, torch.nn.Module], styles: torch.Tensor) -> None:
    """Everything as fp16 in one file, whole or not at all."""
    tensors = {
        f"{name}/{key}": tensor.detach().to(torch.float16).contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    tensors["stock/styles"] = styles.to(torch.float16)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial)
    partial.replace(path)


def make(run: Run, plan: Plan, dataset: Dataset, wanted: tuple[str, ...], destination: Path) -> None:
    """The trainings and the file, as far as they are *wanted*."""
    networks: dict[str, torch.nn.Module] = {}
    processes = run.options.processes
    if "aligner" in wanted:
        if processes.first:
            networks["aligner"] = train_aligner(run, plan)
        processes.wait()
    if "gpt" in wanted:
        networks["gpt"] = train_gpt(run, plan, dataset)
    if "sovits" in wanted:
        networks["sovits"] = second = train_sovits(run, plan, dataset).eval()
        if "pack" in wanted and processes.first:
            pack(destination, networks, stock_styles(second, dataset))


def _printed(began: float, clock: Callable[[], float], stop: float | None, every: int = 50) -> Report:
    """A line every so many steps; SliceOver where the clock is past *stop*."""

    def report(progress: Progress) -> None:
        if progress.step % every == 0 or progress.step == progress.steps:
            told = "  ".join(f"{name} {value:.4f}" for name, value in progress.losses.items())
            print(f"{progress.stage} {progress.step}/{progress.steps}  {clock() - began:.0f} s  {told}", flush=True)  # noqa: T201
        if stop is not None and clock() > stop:
            raise SliceOver(f"{progress.stage} stands at step {progress.step} of {progress.steps}")

    return report


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where speech, features and checkpoints are kept")
    parser.add_argument("--minutes", type=float, help="how long all of it may take; the first run plans with it")
    parser.add_argument("--slice", type=float, help="stop after so many minutes; the same command goes on")
    parser.add_argument("--only", choices=STAGES, help="stop after this stage")
    parser.add_argument("--from", dest="start", type=Path, help="a base whose weights to begin with")
    parser.add_argument("--out", type=Path, default=base.FILE, help="where the base is written")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that make the speech")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser


def main() -> None:
    """The command line: every stage up to the one that was asked for."""
    parser = _arguments()
    arguments = parser.parse_args()
    clock, began = time.monotonic, time.monotonic()
    work: Path = arguments.work
    if not (work / "speech" / "corpus.json").exists() and (missing := corpus.missing_sources()):
        parser.error("these are needed first:  apt-get install " + " ".join(missing))
    if arguments.slice is not None and "WORLD_SIZE" in os.environ:
        parser.error("--slice is for one process: stop torchrun, and the same command goes on from the last checkpoint")
    torch.set_num_threads(arguments.threads)
    work.mkdir(parents=True, exist_ok=True)
    _keep_to_what_was_begun(parser, work, arguments)
    wanted = STAGES[: STAGES.index(arguments.only) + 1] if arguments.only else STAGES
    seconds = None if arguments.minutes is None else arguments.minutes * 60
    stop = None if arguments.slice is None else began + arguments.slice * 60
    with joined(os.environ, arguments.device) as (processes, device):
        bfloat16 = arguments.device == "cuda" or machine.computes_in_bfloat16()
        options = Options(steps=0, seed=20_26, bfloat16=bfloat16, device=device, processes=processes)
        run = Run(work, options, _printed(began, clock, stop), start=arguments.start)
        if processes.first:
            with corpus.workers(arguments.workers) as mapped:
                enough = (seconds or float("inf")) * budget.SPEECH_SHARE
                corpus.make_speech(work, lambda: clock() - began > enough, mapped)
                if "dataset" in wanted:
                    corpus.make_dataset(work, mapped)
        processes.wait()
        if "dataset" not in wanted:
            return
        dataset = corpus.make_dataset(work)
        plan = planned(run, dataset, None if seconds is None else seconds - (clock() - began), clock)
        try:
            make(run, plan, dataset, wanted, arguments.out)
        except SliceOver as over:
            print(f"{over}; the same command goes on.", flush=True)  # noqa: T201


def _keep_to_what_was_begun(parser: argparse.ArgumentParser, work: Path, arguments: argparse.Namespace) -> None:
    """A run goes on with the start that it began with: another would be another base."""
    start = None if arguments.start is None else hashlib.sha256(arguments.start.read_bytes()).hexdigest()
    told = json.dumps({"start": start})
    mark = work / "begun.json"
    if mark.exists() and mark.read_text(encoding="ascii") != told:
        parser.error(f"{work} was begun with another --from; give the same, or another --work")
    mark.write_text(told, encoding="ascii")


if __name__ == "__main__":
    main()
