"""There and back: what was imported goes out tensor for tensor, and all files appear or none does."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core_model.errors import CheckpointError, VoiceError
from core_model.upstream.checkpoint import Checkpoint, read_checkpoint
from core_model.voice import Voice
from lifecycle import exporting
from lifecycle.errors import ExportingError, OutputExistsError, UnknownVoiceError
from lifecycle.exporting import export_voice
from lifecycle.importing import RECORD, ImportOptions, import_voice
from lifecycle.store import Store
from tests.core_model.upstream import crafted
from tests.lifecycle import upstream_files as made
from tests.lifecycle.upstream_files import small_shapes  # noqa: F401

pytestmark = pytest.mark.usefixtures("small_shapes")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def imported(store: Store, directory: Path, *parts: Checkpoint, base: Checkpoint | None = None) -> Voice:
    directory.mkdir(exist_ok=True)
    files = [made.write(directory / f"{number}.pth", part) for number, part in enumerate(parts)]
    options = ImportOptions(
        languages=("en",), base=made.write(directory / "base.pth", base) if base else None, accept_stock=True
    )
    return import_voice(store, "anna", files, options).voice


def same(path: Path, came: Checkpoint) -> None:
    """The file at *path* holds *came*, to the bit and in its order."""
    went = read_checkpoint(path)
    assert list(went.tensors) == list(came.tensors)
    for name, tensor in came.tensors.items():
        assert went.tensors[name].dtype == tensor.dtype and went.tensors[name].shape == tensor.shape
        assert went.tensors[name].tobytes() == tensor.tobytes()
    assert json.dumps([went.config, went.info]) == json.dumps([came.config, came.info])  # the order, too
    assert (went.kind, went.family, went.head, went.lora_rank) == (came.kind, came.family, came.head, came.lora_rank)


@pytest.mark.parametrize("family", ["v1", "v2", "v2Pro", "v2ProPlus"])
@pytest.mark.parametrize("posterior", [False, True])
def test_what_came_in_goes_out(family: str, posterior: bool, store: Store, tmp_path: Path) -> None:
    sovits, gpt = made.sovits(family, posterior=posterior), made.gpt(512 if family == "v1" else 732)
    imported(store, tmp_path / "in", gpt, sovits)
    files = export_voice(store, "anna", tmp_path / "out").files
    assert files == {"gpt": tmp_path / "out" / "anna.ckpt", "sovits": tmp_path / "out" / "anna.pth"}
    same(files["gpt"], gpt)
    same(files["sovits"], sovits)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anna.ckpt", "anna.pth"]


@pytest.mark.parametrize("family", ["v3", "v4"])
def test_a_lora_goes_out_alone_or_with_all_that_it_needs(family: str, store: Store, tmp_path: Path) -> None:
    parts = {"gpt": made.gpt(), "lora": made.lora(family), "vocoder": made.vocoder(family)}
    base = made.sovits(family)
    imported(store, tmp_path / "in", *parts.values(), base=base)
    alone = export_voice(store, "anna", tmp_path / "alone").files
    assert {part: path.name for part, path in alone.items()} == {"gpt": "anna.ckpt", "lora": "anna.pth"}
    complete = export_voice(store, "anna", tmp_path / "complete", complete=True).files
    assert complete["sovits"].name == "anna-base.pth" and complete["vocoder"].name == "anna-vocoder.pth"
    for part, came in (parts | {"sovits": base}).items():
        same(complete[part], came)
    assert alone["lora"].read_bytes() == complete["lora"].read_bytes()


def test_torch_loads_it_by_the_rules_of_the_format(store: Store, tmp_path: Path) -> None:
    came = made.sovits("v2ProPlus")
    imported(store, tmp_path / "in", made.gpt(), came)
    files = export_voice(store, "anna", tmp_path / "out").files
    assert files["sovits"].read_bytes()[:2] == b"06"
    crafted.hparams({})  # a class named utils.HParams
    with torch.serialization.safe_globals([sys.modules["utils"].HParams]):
        loaded = torch.load(io.BytesIO(b"PK" + files["sovits"].read_bytes()[2:]), weights_only=True)
    assert list(loaded) == ["weight", "config", "info"] and list(loaded["weight"]) == list(came.tensors)
    assert loaded["config"].model.version == "v2ProPlus" and loaded["config"].train.lora_rank == "32"
    for name, tensor in came.tensors.items():
        assert loaded["weight"][name].numpy().tobytes() == tensor.tobytes()
    gpt = torch.load(files["gpt"], weights_only=True)
    assert gpt["config"] == made.GPT_CONFIG and gpt["info"] == "GPT-e15"


def test_exporting_what_was_exported_gives_the_same_files(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path / "in", made.gpt(), made.sovits())
    first = export_voice(store, "anna", tmp_path / "first").files
    again = Store(tmp_path / "again")
    import_voice(again, "anna", list(first.values()), ImportOptions(languages=("en",)))
    second = export_voice(again, "anna", tmp_path / "second").files
    assert [path.read_bytes() for path in first.values()] == [path.read_bytes() for path in second.values()]


def test_a_family_that_gpt_sovits_never_knew_is_refused(store: Store, tmp_path: Path, tiny_voice: Voice) -> None:
    store.voices_directory.mkdir(parents=True)
    shutil.copytree(tiny_voice.directory, store.voices_directory / "ada")
    with pytest.raises(ExportingError, match="ada is a tiny voice, and GPT-SoVITS never knew that family"):
        export_voice(store, "ada", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_voice_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownVoiceError):
        export_voice(store, "nobody", tmp_path / "out")


def test_no_file_is_ever_overwritten_and_none_appears_beside_it(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path / "in", made.gpt(), made.sovits())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "anna.pth").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"anna\.pth"):
        export_voice(store, "anna", tmp_path / "out")
    assert (tmp_path / "out" / "anna.pth").read_bytes() == b"mine"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["anna.pth"]


@pytest.mark.parametrize("failing", [1, 2])
def test_all_files_appear_or_none(failing: int, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the first or the second file is written."""
    imported(store, tmp_path / "in", made.gpt(), made.sovits())
    calls = 0

    def write(file: io.BytesIO, checkpoint: Checkpoint) -> None:
        nonlocal calls
        calls += 1
        file.write(b"half")
        if calls == failing:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "write_checkpoint", write)
    with pytest.raises(OSError, match="No space left"):
        export_voice(store, "anna", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_appears_meanwhile_is_left_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(store, tmp_path / "in", made.gpt(), made.sovits())
    real = exporting.write_checkpoint

    def write(file: io.BytesIO, checkpoint: Checkpoint) -> None:
        real(file, checkpoint)
        if checkpoint.kind == "sovits":
            (tmp_path / "out" / "anna.ckpt").write_bytes(b"somebody else's")

    monkeypatch.setattr(exporting, "write_checkpoint", write)
    with pytest.raises(OutputExistsError):
        export_voice(store, "anna", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"anna.ckpt": b"somebody else's"}


def change_record(voice: Voice, part: str, **changes: object) -> None:
    path = voice.directory / "records" / RECORD
    record = json.loads(path.read_bytes())
    record[part] |= changes
    path.write_text(json.dumps(record))


def change_lineage(voice: Voice, part: str, **changes: object) -> None:
    path = voice.directory / "voice.json"
    document = json.loads(path.read_bytes())
    document["lineage"]["imported"][part] |= changes
    path.write_text(json.dumps(document))


DAMAGE = {
    "no record": (lambda v: (v.directory / "records" / RECORD).unlink(), r"records/upstream\.json: is missing"),
    "no JSON": (lambda v: (v.directory / "records" / RECORD).write_text("{"), "is not JSON"),
    "a list": (lambda v: (v.directory / "records" / RECORD).write_text("[]"), "must be an object"),
    "no config": (lambda v: change_record(v, "gpt", config=None), r"gpt\.config: is missing"),
    "a tensor less": (lambda v: change_record(v, "gpt", tensors=["x"]), r"gpt\.tensors: are not those of"),
    "tensors that are none": (lambda v: change_record(v, "gpt", tensors=3), r"gpt\.tensors: are not those of"),
    "head": (lambda v: change_lineage(v, "sovits", head=7), "must say head and info"),
    "info": (lambda v: change_lineage(v, "sovits", info=None), "must say head and info"),
}


def test_a_voice_that_does_not_say_where_it_came_from_is_refused(store: Store, tmp_path: Path) -> None:
    path = imported(store, tmp_path / "in", made.gpt(), made.sovits()).directory / "voice.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"lineage": {"history": []}}))
    with pytest.raises(VoiceError, match=r"lineage\.imported: is missing"):
        export_voice(store, "anna", tmp_path / "out")


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_voice_is_refused_by_the_field(name: str, store: Store, tmp_path: Path) -> None:
    change, sentence = DAMAGE[name]
    change(imported(store, tmp_path / "in", made.gpt(), made.sovits()))
    with pytest.raises(VoiceError, match=sentence):
        export_voice(store, "anna", tmp_path / "out")
    assert list((tmp_path / "out").glob("*")) == []


def test_a_head_that_nobody_writes_is_refused(store: Store, tmp_path: Path) -> None:
    change_lineage(imported(store, tmp_path / "in", made.gpt(), made.sovits()), "sovits", head="MZ")
    with pytest.raises(CheckpointError, match="no checkpoint begins with 'MZ'"):
        export_voice(store, "anna", tmp_path / "out")


def test_the_name_of_the_files_is_the_voices_and_not_the_lineages(store: Store, tmp_path: Path) -> None:
    """A lineage may come from a stranger's bundle: no name in it may become a path."""
    change_lineage(imported(store, tmp_path / "in", made.gpt(), made.sovits()), "sovits", file="../../evil.pth")
    files = export_voice(store, "anna", tmp_path / "out").files
    assert {path.parent for path in files.values()} == {tmp_path / "out"}
    assert not list(tmp_path.rglob("evil.pth"))


def test_float32_stays_float32(store: Store, tmp_path: Path) -> None:
    gpt = made.gpt()
    came = replace(gpt, tensors={name: tensor.astype("<f4") for name, tensor in gpt.tensors.items()})
    imported(store, tmp_path / "in", came, made.sovits())
    same(export_voice(store, "anna", tmp_path / "out").files["gpt"], came)
