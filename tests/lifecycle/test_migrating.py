"""Migrating a voice of this machine or of a directory: proven before anything is replaced, and untouched on any doubt.

The voice is the stored one of schema 1. Where a test is not about exports, those of the stored bundle stand for what
torch would write again in ten seconds; the slow tests let it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from compat_tests.findings import Finding
from compat_tests.suite import Assessment
from core_model.export.exported import NEWEST_IR
from core_model.migrations.steps import SCHEMA
from core_model.voice import Voice, json_bytes
from lifecycle import exchanging, migrating, old_exports
from lifecycle.cli import main
from lifecycle.errors import ChangedMeanwhileError, DriftedError, UnprovenError
from lifecycle.migrating import OLD_SCRIPT, Migrated, Terms, migrate_directory, migrate_voice
from lifecycle.old_exports import verify_script
from lifecycle.store import Store
from tests.archive.killing import NEVER, run
from tests.lifecycle.old_voices.stored import (
    NOW,
    contents,
    exports_again,
    put_ir_10,
    put_torch_1_13,
    restore_stored,
)
from tests.lifecycle.test_exchanging import no_exchange

TERMS = Terms(NOW)
DOCUMENTS = ("golden/golden.json", "prompts/default.json", "text/index.json", "voice.json")


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def passed(runtime: str) -> Assessment:
    layers = tuple(Finding(name, "passed", "") for name in ("fixity", "text", "tokens", "waveform", "identity"))
    return Assessment(runtime, "", layers)


@dataclass
class Old:
    """The stored voice in a home."""

    store: Store

    @property
    def directory(self) -> Path:
        return self.store.path("ada")

    def migrate(self, terms: Terms = TERMS) -> Migrated:
        return migrate_voice(self.store, "ada", terms)


@pytest.fixture
def real(tmp_path: Path) -> Old:
    return Old(restore_stored(tmp_path / "home"))


@pytest.fixture
def old(real: Old, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Old:
    """The same, and its exports are made in no time."""
    shutil.copytree(real.directory / "exports", tmp_path / "saved")
    monkeypatch.setattr(migrating, "write_exports", exports_again(tmp_path / "saved"))
    return real


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """TorchScript passes unheard: a process of its own takes seconds, and other tests wait for it."""
    monkeypatch.setattr(migrating, "verify_script", lambda voice, directory: passed("believed"))


def test_a_voice_is_brought_forward_in_its_place(old: Old) -> None:
    before = contents(old.directory)
    migrated = old.migrate()
    after = contents(old.directory)
    voice = Voice.open(old.directory)

    moved = {"manifest.json", "manifest.dsse.json"}
    assert {path for path in before if path in after and before[path] == after[path]} == (
        before.keys() - moved - set(DOCUMENTS)
    )
    assert after.keys() - before.keys() == {f"history/0001/{path}" for path in moved}
    assert all(after[f"history/0001/{path}"] == before[path] for path in moved)
    for place in DOCUMENTS:
        assert json.loads((old.directory / place).read_bytes())["schema"] == SCHEMA
    assert set(migrated.proof) == {"torch", "onnx", "torchscript"}
    assert all(found.passed for found in migrated.proof.values())

    (entry,) = voice.description.history
    assert entry == migrated.entry
    assert (entry["what"], entry["when"]) == ("migrated", "2045-11-28T12:00:00Z")
    assert (entry["from"], entry["to"]) == ({"schema": 1}, {"schema": SCHEMA})
    assert entry["files"] == {
        place: {"old": before[place], "new": None if place == "voice.json" else after[place]} for place in DOCUMENTS
    }
    assert entry["kept"] == {f"history/0001/{path}": before[path] for path in moved}
    assert set(entry["exports"]["files"].values()) == {after[path] for path in after if path.startswith("exports/")}
    assert [path.name for path in old.store.voices_directory.iterdir()] == ["ada"]


def test_a_second_time_there_is_nothing_to_do(old: Old, believed: None) -> None:
    old.migrate()
    after = contents(old.directory)
    again = old.migrate()
    assert again.plan.nothing_to_do and again.entry is None
    result = call("migrate", "ada", "--home", old.store.home)
    assert (result.exit_code, result.stdout) == (
        0,
        f"There is nothing to do: the voice ada is current (schema {SCHEMA}).\n",
    )
    assert contents(old.directory) == after


def test_exports_that_turn_out_the_same_are_no_change(old: Old, believed: None) -> None:
    old.migrate()
    document = json.loads((old.directory / "voice.json").read_bytes())
    document["lineage"]["history"] = []  # as a voice of today that came from a bundle: by which torch is not recorded
    (old.directory / "voice.json").write_bytes(json_bytes(document))
    before = contents(old.directory)
    migrated = old.migrate()
    assert migrated.entry is None and not migrated.plan.nothing_to_do
    assert contents(old.directory) == before
    result = call("migrate", "ada", "--home", old.store.home)
    assert result.exit_code == 0 and "Nothing was changed" in result.stdout


@pytest.mark.parametrize("what", ["weights", "goldens", "dictionary"])
def test_a_golden_output_out_of_tolerance_stops_it(old: Old, believed: None, what: str) -> None:
    if what == "weights":
        path = old.directory / "weights" / "gpt.safetensors"
        save_file({name: array * np.float16(1.05) for name, array in load_file(path).items()}, path)
    elif what == "goldens":
        path = old.directory / "golden" / "golden.safetensors"
        arrays = load_file(path)
        save_file(arrays | {"1.waveform": arrays["1.waveform"] * np.float32(1.01)}, path)
    else:
        words = old.directory / "text" / "en.words.dict"
        words.write_text(words.read_text() + "fox F AO1 K S\n")
    before = contents(old.directory)
    with pytest.raises(DriftedError) as refused:
        old.migrate()
    assert refused.value.runtime == "torch"
    assert refused.value.layer == {"weights": "tokens", "goldens": "waveform", "dictionary": "text"}[what]
    result = call("migrate", "ada", "--home", old.store.home)
    assert result.exit_code == 1
    assert "does not speak as the old one did: on torch" in result.stderr and "nothing was replaced" in result.stderr
    assert contents(old.directory) == before
    assert [path.name for path in old.store.voices_directory.iterdir()] == ["ada"]


@pytest.mark.parametrize("runtime", ["onnx", "torchscript", OLD_SCRIPT])
def test_an_export_that_drifted_stops_it(old: Old, runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_torch_1_13(old.directory)
    before = contents(old.directory)

    def drifting(name: str) -> Assessment:
        return Assessment(name, "", (Finding("tokens", "failed", "Logits differ by 1.0 at most."),))

    def script(voice: Voice, directory: Path) -> Assessment:
        name = OLD_SCRIPT if "history" in directory.parts else "torchscript"
        return drifting(name) if name == runtime else passed(name)

    def network(voice: Voice, load: Any) -> Assessment:
        return drifting("onnx") if load.keywords["name"] == runtime else passed("torch")

    monkeypatch.setattr(migrating, "verify_script", script)
    monkeypatch.setattr(migrating, "verify", network)
    with pytest.raises(DriftedError, match="Logits differ"):
        old.migrate()
    assert contents(old.directory) == before


def test_what_could_not_be_run_is_a_doubt_unless_somebody_takes_it(
    old: Old, believed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def network(voice: Voice, load: Any) -> Assessment:
        name = load.keywords["name"]
        if name == "torch":
            return passed(name)
        missing = Finding("tokens", "not run", "The runtime is missing: onnxruntime is not installed.")
        return Assessment("none", "", (Finding("fixity", "not run", ""), Finding("text", "passed", ""), missing))

    monkeypatch.setattr(migrating, "verify", network)
    before = contents(old.directory)
    with pytest.raises(UnprovenError, match="on onnx: The runtime is missing"):
        old.migrate()
    assert contents(old.directory) == before
    migrated = old.migrate(Terms(NOW, accept_unproven=True))
    assert migrated.entry is not None
    assert migrated.entry["proof"]["onnx"]["layers"]["tokens"] == "not run"


def test_a_voice_without_golden_outputs_is_not_taken_on_trust(old: Old) -> None:
    shutil.rmtree(old.directory / "golden")
    before = contents(old.directory)
    result = call("migrate", "ada", "--home", old.store.home)
    assert result.exit_code == 1
    assert "it has no golden outputs" in result.stderr and "--accept-unproven" in result.stderr
    assert contents(old.directory) == before
    result = call("migrate", "ada", "--home", old.store.home, "--accept-unproven")
    assert result.exit_code == 0 and "not run: there are no golden outputs" in result.stdout
    assert Voice.open(old.directory).description.history[0]["proof"] == {}


def test_a_voice_that_was_changed_meanwhile_stays(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(voice: Voice, directory: Path) -> Assessment:
        (old.directory / "records").mkdir(exist_ok=True)
        (old.directory / "records" / "consent.txt").write_text("given meanwhile")
        return passed("torchscript")

    monkeypatch.setattr(migrating, "verify_script", busy)
    with pytest.raises(ChangedMeanwhileError):
        old.migrate()
    assert Voice.open(old.directory).description.history == ()
    assert (old.directory / "records" / "consent.txt").read_text() == "given meanwhile"


def test_a_later_schema_is_refused_with_what_reads_it(old: Old) -> None:
    document = json.loads((old.directory / "voice.json").read_bytes()) | {"schema": 7}
    (old.directory / "voice.json").write_bytes(json_bytes(document))
    before = contents(old.directory)
    result = call("migrate", "ada", "--home", old.store.home)
    assert result.exit_code == 1
    assert f"schema: is 7, of a later toolkit than this one, which reads schemas up to {SCHEMA}" in result.stderr
    assert "a later lifecycle reads it" in result.stderr
    assert contents(old.directory) == before


def test_the_plan_is_told_and_nothing_is_done(old: Old) -> None:
    before = contents(old.directory)
    result = call("migrate", "ada", "--home", old.store.home, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout == PLAN
    told = json.loads(call("migrate", "ada", "--home", old.store.home, "--dry-run", "--json").stdout)
    assert (told["schema"], told["to_schema"], told["nothing_to_do"]) == (1, SCHEMA, False)
    assert told["documents"] == list(DOCUMENTS)
    assert contents(old.directory) == before


PLAN = """\
Migrating the voice ada would do this:
  schema                1 to 2
  step                  1 to 2: fields that were taken for granted are written down, and the lineage gets a history
  written anew          golden/golden.json
                        prompts/default.json
                        text/index.json
                        voice.json
  exported anew         onnx
                        torchscript
  because               by which torch they were made is not recorded
  kept in history/0001  manifest.dsse.json
                        manifest.json
                        exports/torchscript/gpt.pt
                        exports/torchscript/sovits.pt
  proven on             torch
                        onnx
                        torchscript
  left as it is         weights, prompts, golden outputs and dictionaries, to the byte
"""


def test_a_directory_elsewhere_becomes_a_voice_and_stays_as_it_is(old: Old, believed: None, tmp_path: Path) -> None:
    before = contents(old.directory)
    second = Store(tmp_path / "second")
    migrated = migrate_directory(second, old.directory, "eve", TERMS)
    assert migrated.entry is not None
    assert Voice.open(second.path("eve")).description.history == (migrated.entry,)
    assert contents(old.directory) == before
    inodes = {path.stat().st_ino for path in old.directory.rglob("*") if path.is_file()}
    assert not any(path.stat().st_ino in inodes for path in second.path("eve").rglob("*") if path.is_file())


def test_a_name_of_this_home_is_the_voice_and_nothing_is_refused(old: Old, tmp_path: Path) -> None:
    assert "would do this" in call("migrate", old.directory, "--home", tmp_path / "empty", "--dry-run").stdout
    result = call("migrate", tmp_path / "nobody", "--home", old.store.home)
    assert result.exit_code == 1 and "nobody" in result.stderr


FEW, MANY = (3, range(-14, 0, 3)), (20, range(-24, 0))  # points over all of it, and calls at its end


@pytest.mark.parametrize("system", ["exchanges", "does not exchange"])
@pytest.mark.parametrize("points", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_a_killed_migration_leaves_the_old_voice_or_the_new_one(
    old: Old, believed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, points: tuple[int, range]
) -> None:
    if system == "does not exchange":
        monkeypatch.setattr(exchanging, "_at_once", no_exchange)
    monkeypatch.setattr(migrating, "verify", lambda voice, load: passed("believed"))
    monkeypatch.setattr(migrating, "require_harmless", lambda directory: None)
    before = contents(old.directory)

    def migrate(place: Path) -> None:
        migrate_voice(Store(place), "ada", TERMS)

    def lay_out(name: str) -> Path:
        return Path(shutil.copytree(old.store.home, tmp_path / name))

    calls = run(migrate, lay_out("whole"), NEVER)["calls"]
    assert isinstance(calls, list) and len(calls) > 40
    after = contents(Store(tmp_path / "whole").path("ada"))
    over_all, at_the_end = points
    chosen = {1 + n * len(calls) // over_all for n in range(over_all)} | {len(calls) + n for n in at_the_end}
    found = set()
    for point in sorted(chosen):
        store = Store(lay_out(str(point)))
        run(migrate, store.home, point)
        now = contents(store.path("ada"))
        assert now in (before, after), f"neither old nor new when killed at call {point} of {len(calls)}"
        found.add(now == after)
        migrate(store.home)  # and what was left behind is in nobody's way
        assert contents(store.path("ada")) == after
        store.clean_leftovers()
        assert [path.name for path in store.voices_directory.iterdir()] == ["ada"]
    assert found == {False, True}


def test_torchscript_of_torch_1_13_still_speaks(real: Old) -> None:
    put_torch_1_13(real.directory)
    found = verify_script(Voice.open(real.directory), real.directory / "exports" / "torchscript")
    assert found.passed and found.runtime.startswith("torchscript ")


@pytest.mark.parametrize("how", ["aborts", "hangs", "says nothing"])
def test_a_reader_that_dies_becomes_a_sentence(
    real: Old, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text({"aborts": "#!/bin/sh\nkill -ABRT $$", "hangs": "#!/bin/sh\nexec sleep 60"}.get(how, "#!/bin/sh"))
    python.chmod(0o755)
    monkeypatch.setattr(old_exports.sys, "executable", str(python))
    found = verify_script(Voice.open(real.directory), real.directory, longest_s=0.5 if how == "hangs" else 60)
    assert {layer.verdict for layer in found.findings} == {"not run"} and not found.passed
    told = {
        "aborts": "(SIGABRT)",
        "hangs": "had not ended after",
        "says nothing": "without an answer: exit code 0",
    }
    assert told[how] in found.findings[0].told


@pytest.mark.parametrize("damage", ["cut", pytest.param("foreign", marks=pytest.mark.slow)])
def test_old_torchscript_that_nothing_reads_is_no_doubt_about_the_new(
    old: Old, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_torch_1_13(old.directory)
    path = old.directory / "exports" / "torchscript" / "gpt.pt"
    path.write_bytes(path.read_bytes()[:1000] if damage == "cut" else b"an archive of 2045")
    kept: dict[str, str] = {}

    def script(voice: Voice, directory: Path) -> Assessment:
        return verify_script(voice, directory) if "history" in directory.parts else passed("new")

    monkeypatch.setattr(migrating, "verify_script", script)
    monkeypatch.setattr(migrating, "verify", lambda voice, load: passed("believed"))
    monkeypatch.setattr(migrating, "require_harmless", lambda directory: kept.update(contents(directory)))
    migrated = old.migrate()
    assert migrated.entry is not None
    assert migrated.entry["proof"][OLD_SCRIPT]["layers"]["tokens"] == "failed"
    assert "history/0001/exports/torchscript/gpt.pt" in kept


@pytest.mark.slow
def test_foreign_exports_are_made_anew_and_the_first_torchscript_stays(real: Old) -> None:
    put_torch_1_13(real.directory)
    put_ir_10(real.directory)
    before = contents(real.directory)
    result = call("migrate", "ada", "--home", real.store.home, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["plan"]["reasons"][0] == "exports/onnx/gpt.onnx is ONNX IR 10; older runtimes read up to 9"
    after = contents(real.directory)
    for name in ("gpt", "sovits"):
        kept = f"history/0001/exports/torchscript/{name}.pt"
        assert after[kept] == before[f"exports/torchscript/{name}.pt"] == told["history"]["kept"][kept]
        assert onnx.load(real.directory / "exports" / "onnx" / f"{name}.onnx").ir_version <= NEWEST_IR
        for path in (f"exports/onnx/{name}.onnx", f"exports/torchscript/{name}.pt"):
            assert told["history"]["files"][path] == {"old": before[path], "new": after[path]}
    verdicts = {name: {layer["verdict"] for layer in found["layers"][1:]} for name, found in told["proof"].items()}
    assert verdicts == {name: {"passed"} for name in ("torch", "onnx", "torchscript", OLD_SCRIPT)}
    assert call("migrate", "ada", "--home", real.store.home).stdout.startswith("There is nothing to do")
    assert call("verify", "ada", "--home", real.store.home).exit_code == 0
