"""What migrating would do, told of the stored voice of schema 1 and of others made of it. Nothing is run or written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core_model.errors import LaterSchemaError
from core_model.export.exported import digests, ir_version
from core_model.migrations.documents import old_documents
from core_model.migrations.steps import SCHEMA
from core_model.voice import Voice, json_bytes
from lifecycle import migration_plan
from lifecycle.migration_plan import plan_migration, torch_version
from tests.lifecycle.old_voices.stored import contents, put_ir_10, restore_stored


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return restore_stored(tmp_path / "home").path("ada")


def bring_forward(directory: Path, exports: object) -> None:
    """Write today's documents by hand, and say *exports* in the history."""
    for document in old_documents(directory):
        current = dict(document.current)
        if document.place == "voice.json" and exports is not None:
            current["lineage"] = {"base": "none", "history": [{"exports": exports}]}
        (directory / document.place).write_bytes(json_bytes(current))


def made_here(directory: Path) -> dict[str, object]:
    return {"torch": torch_version(), "files": digests(Voice.open(directory))}


def test_a_voice_of_schema_1(directory: Path) -> None:
    before = contents(directory)
    plan = plan_migration(Voice.open(directory))
    assert not plan.nothing_to_do
    assert (plan.schema, len(plan.steps)) == (1, SCHEMA - 1)
    assert plan.documents == ("golden/golden.json", "prompts/default.json", "text/index.json", "voice.json")
    assert plan.exports == ("onnx", "torchscript")
    assert plan.aside == "history/0001"
    scripts = ("exports/torchscript/gpt.pt", "exports/torchscript/sovits.pt")
    assert plan.kept == ("manifest.dsse.json", "manifest.json", *scripts)
    assert plan.proven_on == ("torch", "onnx", "torchscript")
    assert contents(directory) == before


def test_a_current_voice_has_nothing_to_do(directory: Path) -> None:
    bring_forward(directory, made_here(directory))
    assert plan_migration(Voice.open(directory)).nothing_to_do


def test_a_voice_without_exports_needs_none_once_it_is_current(directory: Path) -> None:
    shutil.rmtree(directory / "exports")
    assert plan_migration(Voice.open(directory)).reasons == ("there are none",)
    bring_forward(directory, None)
    assert plan_migration(Voice.open(directory)).nothing_to_do


@pytest.mark.parametrize("what", ["unrecorded", "another torch", "no torch", "touched", "missing", "IR 10", "no ONNX"])
def test_why_exports_are_made_anew(directory: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, object] | None = made_here(directory)
    if what == "unrecorded":
        made = None
    elif what == "missing":
        (directory / "exports" / "onnx" / "gpt.onnx").unlink()
    elif what == "IR 10":
        put_ir_10(directory)
    elif what == "no ONNX":
        (directory / "exports" / "onnx" / "gpt.onnx").write_bytes(b"PK")
    elif what == "touched":
        (directory / "exports" / "torchscript" / "gpt.pt").write_bytes(b"")
    bring_forward(directory, made)
    if what.endswith("torch"):
        monkeypatch.setattr(migration_plan, "torch_version", lambda: "" if what == "no torch" else "9.0")
    plan = plan_migration(Voice.open(directory))
    told = {
        "unrecorded": "by which torch they were made is not recorded",
        "another torch": f"they were made by torch {torch_version()}, and this is 9.0",
        "no torch": f"they were made by torch {torch_version()}, and this is none",
        "touched": "by which torch they were made is not recorded",
        "missing": "exports/onnx/gpt.onnx is missing",
        "IR 10": "exports/onnx/gpt.onnx is ONNX IR 10; older runtimes read up to 9",
        "no ONNX": "exports/onnx/gpt.onnx is not ONNX",
    }
    assert plan.reasons[0] == told[what]
    assert not plan.nothing_to_do and plan.documents == () and plan.steps == ()


def test_the_first_torchscript_is_kept_and_no_later_one(directory: Path) -> None:
    kept = directory / "history" / "0001" / "exports" / "torchscript"
    kept.mkdir(parents=True)
    (kept / "gpt.pt").write_bytes(b"the first")
    assert plan_migration(Voice.open(directory)).kept == ("manifest.dsse.json", "manifest.json")


def test_a_voice_without_golden_outputs_is_proven_on_nothing(directory: Path) -> None:
    shutil.rmtree(directory / "golden")
    assert plan_migration(Voice.open(directory)).proven_on == ()


@pytest.mark.parametrize("place", ["voice.json", "golden/golden.json", "prompts/default.json", "text/index.json"])
def test_a_document_of_a_later_schema_is_refused(directory: Path, place: str) -> None:
    voice = Voice.open(directory)
    document = json.loads((directory / place).read_bytes())
    (directory / place).write_bytes(json_bytes({**document, "schema": SCHEMA + 1}))
    with pytest.raises(LaterSchemaError):
        plan_migration(voice)


@pytest.mark.parametrize(
    ("content", "found"), [(b"\x08\x08\x12", 8), (b"\x08\x8a\x01", 138), (b"\x08", None), (b"", None)]
)
def test_the_ir_version_is_the_first_field(tmp_path: Path, content: bytes, found: int | None) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    assert ir_version(tmp_path / "a.onnx") == found
