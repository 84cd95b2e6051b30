"""A base is made in slices: stopped anywhere it ends the same, and what was planned once is kept to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core_model.features.alignment import AlignerDims
from core_model.nano import base, corpus, recipe
from core_model.nano.budget import Plan
from core_model.nano.recipe import Run, Sizes, SliceOver
from core_model.sovits.synthesizer import SoVITS
from core_model.training.dataset import Dataset
from core_model.training.processes import Processes
from core_model.training.schedule import Options, Progress, silent
from tests.core_model.nano.toy_corpus import write_toy_corpus
from tests.core_model.training.tiny import GPT_DIMS
from tests.tiny_voice import SOVITS, SPECTRAL_SOVITS

ROOT = Path(__file__).resolve().parents[3]
TOY = Sizes(gpt=GPT_DIMS, sovits=SOVITS, aligner=AlignerDims(width=24, dilations=(1, 2)))
PLAN = Plan({"aligner": 2, "gpt": 3, "sovits": 4}, {"aligner": 1, "gpt": 1, "sovits": 1}, {})


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Iterator[Path]:
    """Where the toy's speech lies; as long as it is used, the toy's speakers are the base's."""
    work = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patched:
        write_toy_corpus(work, patched)
        yield work


@pytest.fixture(scope="module")
def dataset(toy: Path) -> Dataset:
    return corpus.make_dataset(toy)


@pytest.fixture(scope="module")
def whole(toy: Path, dataset: Dataset) -> Path:
    """A base that was made in one go."""
    made(run_in(toy / "whole"), dataset)
    return toy / "whole" / "base.safetensors"


def run_in(work: Path, report: recipe.Report = silent, start: Path | None = None) -> Run:
    """A run in *work*, beside the toy's speech."""
    work.mkdir(exist_ok=True)
    if not (work / "speech").exists():
        (work / "speech").symlink_to(work.parent / "speech")
    return Run(work, Options(steps=0, seed=3), report, TOY, start)


def made(run: Run, dataset: Dataset) -> bytes:
    recipe.make(run, PLAN, dataset, recipe.STAGES, run.work / "base.safetensors")
    return (run.work / "base.safetensors").read_bytes()


@pytest.mark.parametrize("at", [("gpt", 2), ("sovits", 3)], ids=lambda at: f"{at[0]}-{at[1]}")
def test_a_run_in_slices_ends_byte_for_byte_as_one_in_one_go(
    toy: Path, dataset: Dataset, whole: Path, at: tuple[str, int]
) -> None:
    def stop(progress: Progress) -> None:
        if (progress.stage, progress.step) == at:
            raise SliceOver

    work = toy / f"{at[0]}-{at[1]}"
    with pytest.raises(SliceOver):
        made(run_in(work, stop), dataset)
    assert not (work / "base.safetensors").exists()
    assert made(run_in(work), dataset) == whole.read_bytes()


def test_what_is_packed_is_float16_and_has_all_networks_and_the_speakers(toy: Path, whole: Path) -> None:
    tensors = load_file(whole)
    assert {name.split("/")[0] for name in tensors} == {"aligner", "gpt", "sovits", "stock"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert tensors["stock/styles"].shape == (2, SOVITS.style, 1)
    assert not list(toy.rglob("*.partial"))


def test_a_run_that_begins_with_a_base_begins_with_its_weights(toy: Path, dataset: Dataset, whole: Path) -> None:
    """And where no step is planned it ends with them: what is tried may leave a stage as it was."""
    run = run_in(toy / "begun", start=whole)
    still = replace(PLAN, steps={"aligner": 0, "gpt": 0, "sovits": 0})
    recipe.make(run, still, dataset, recipe.STAGES, toy / "begun" / "base.safetensors")
    before, after = load_file(whole), load_file(toy / "begun" / "base.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        if not name.startswith("stock/"):  # these were of networks that had not been rounded yet
            assert torch.equal(after[name], tensor), name


def test_a_base_of_another_decoder_lends_what_fits_and_the_rest_begins_anew_and_is_told(
    toy: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody thinks that a decoder was taught which was not."""
    options = Options(steps=0, seed=3)
    torch.manual_seed(9)
    fresh = SoVITS(SPECTRAL_SOVITS)
    before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    given = base.part(load_file(whole), "sovits")
    Run(toy, options, silent, replace(TOY, sovits=SPECTRAL_SOVITS), whole).begin(fresh, "sovits")
    told = capsys.readouterr().out
    assert told.startswith("sovits: these begin anew: ")
    anew = set(told.removeprefix("sovits: these begin anew: ").strip().split(", "))
    assert {"decoder.head.weight", "decoder.head.bias"} <= anew
    for name, tensor in fresh.state_dict().items():
        assert torch.equal(tensor, before[name] if name in anew else given[name]), name
    assert not any(name.startswith(("text_encoder.", "flow.", "posterior_encoder.")) for name in anew)
    Run(toy, replace(options, processes=Processes(1, 2)), silent, TOY, whole).begin(fresh, "sovits")
    Run(toy, options, silent, TOY, whole).begin(SoVITS(SOVITS), "sovits")
    assert capsys.readouterr().out == ""  # it is told once, and of nothing where all fits


def test_the_speed_is_measured_once_and_the_plan_kept(
    toy: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "_WARM_UP", 1)
    monkeypatch.setattr(recipe, "_MEASURED", 2)
    ticks = iter(range(10_000))
    run = run_in(toy / "measured")
    plan = recipe.planned(run, dataset, 5000.0, lambda: float(next(ticks)))
    assert plan.seconds == {"aligner": 1.0, "gpt": 1.0, "sovits": 1.0}  # the clock ticks once a step
    assert 100 < plan.steps["gpt"] < 1000 and plan.steps["sovits"] == pytest.approx(3.25 * plan.steps["gpt"], rel=0.02)
    assert not list((toy / "measured").glob("*.checkpoint*"))
    again = recipe.planned(run, dataset, 9.0, lambda: pytest.fail("it was measured twice"))
    assert again == plan


def test_without_a_time_nothing_is_measured(toy: Path, dataset: Dataset) -> None:
    plan = recipe.planned(run_in(toy / "usual"), dataset, None, lambda: pytest.fail("it was measured"))
    assert plan.steps["sovits"] == 6500 and plan.seconds == {}


def recipe_process(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "core_model.nano.recipe", *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120", "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_help_names_every_stage() -> None:
    """argparse formats the docstring: a per cent sign in it would be an error that only --help shows."""
    with recipe_process("--help") as run:
        told, _ = run.communicate()
    assert run.returncode == 0, told
    for stage in recipe.STAGES:
        assert stage in told


def test_a_slice_under_torchrun_and_another_beginning_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "corpus.json").write_text('{"rounds": 1}')
    (tmp_path / "begun.json").write_text("another")
    for added, environment, told in (
        (["--slice", "1"], {"WORLD_SIZE": "2"}, "--slice is for one process"),
        ([], {}, "was begun with another --from"),
    ):
        monkeypatch.setattr(sys, "argv", ["recipe", "--work", str(tmp_path), "--threads", "1", *added])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as refused:
            recipe.main()
        assert refused.value.code == 2
        assert told in capsys.readouterr().err
        monkeypatch.undo()


def test_engines_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpus, "missing_sources", lambda: ["flite", "wordnet-base"])
    monkeypatch.setattr(sys, "argv", ["recipe", "--work", str(tmp_path)])
    with pytest.raises(SystemExit):
        recipe.main()
    assert "apt-get install flite wordnet-base" in capsys.readouterr().err


def prepared(work: Path) -> Path:
    write_toy_corpus(work, None)
    PLAN.write(work / "plan.json")
    return work


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_base_killed_while_it_learns_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """The command itself, at the family's own sizes; killed as soon as SoVITS has a checkpoint."""
    ends = {}
    for name, killed in (("whole", False), ("killed", True)):
        work = prepared(tmp_path / name)
        arguments = ("--work", str(work), "--out", str(work / "base"), "--threads", "1", "--workers", "1")
        if killed:
            with recipe_process(*arguments) as run:
                while not (work / "sovits.checkpoint.safetensors").exists():
                    assert run.poll() is None, run.communicate()[0]
                    time.sleep(0.05)
                run.send_signal(signal.SIGKILL)
            assert not (work / "base").exists()
        with recipe_process(*arguments) as run:
            told, _ = run.communicate()
        assert run.returncode == 0, told
        ends[name] = (work / "base").read_bytes()
    assert ends["whole"] == ends["killed"]
    assert len(ends["whole"]) < 40_000_000
    assert base.load(tmp_path / "whole" / "base").stock_styles.shape[0] == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.sockets("network")  # torchrun looks up what this machine is called
def test_the_same_command_under_torchrun_makes_the_base_of_one_process(tmp_path: Path) -> None:
    losses = {}
    for name, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc-per-node", "2"])):
        work = prepared(tmp_path / name)
        command = [sys.executable, *launcher, "-m", "core_model.nano.recipe", "--work", str(work), "--threads", "1"]
        command += ["--workers", "1", "--out", str(work / "base")]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(ROOT)}
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        told = [line.split() for line in run.stdout.splitlines() if line.startswith("sovits 4/4")]
        losses[name] = dict(zip(told[0][4::2], map(float, told[0][5::2]), strict=True))
    # bfloat16 rounds other sums when a batch is halved: test_processes.py holds float32 to 1e-4
    assert losses["two"] == pytest.approx(losses["one"], rel=0.02)
    assert json.loads((tmp_path / "two" / "plan.json").read_text())["steps"] == PLAN.steps
