"""Migrating a bundle: a new one with another id, whose custody begins anew and whose payload holds the old chain."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive import custody
from archive.bundle import open_bundle, pack, payload_digest
from archive.manifest import Manifest
from archive.outside import look
from core_model.export.exported import digests
from core_model.migrations.steps import SCHEMA
from core_model.tensor_places import tensor_edges
from core_model.voice import Voice
from lifecycle import migrating
from lifecycle.cli import main
from lifecycle.narrowed_weights import narrowed
from lifecycle.preserving import voice_files
from tests.lifecycle.old_voices.stored import BUNDLE, BUNDLE_ID, MAKER, exports_again, restore_stored
from tests.lifecycle.test_migrating import passed


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, where exports are made in no time and every runtime is believed."""
    saved = restore_stored(tmp_path / "elsewhere").path("ada") / "exports"
    monkeypatch.setattr(migrating, "write_exports", exports_again(saved))
    monkeypatch.setattr(migrating, "verify", lambda voice, load: passed("believed"))
    monkeypatch.setattr(migrating, "verify_script", lambda voice, directory: passed("believed"))
    return tmp_path / "home"


def migrate(home: Path, output: Path, *more: object, bundle: Path = BUNDLE) -> Result:
    return call("migrate", bundle, "--home", home, "-o", output, "--public", *more)


def test_a_new_bundle_tells_which_it_was_made_of(home: Path, tmp_path: Path) -> None:
    before = BUNDLE.read_bytes()
    result = migrate(home, tmp_path / "new.voice", "--trust", MAKER, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["old_bundle_id"] == BUNDLE_ID != told["bundle_id"]
    assert BUNDLE.read_bytes() == before

    with look(BUNDLE) as outside:
        old_chain, old_payload = outside.chain(), outside.payload_sha256
    with open_bundle(tmp_path / "new.voice") as bundle:
        (record,) = bundle.outside.require_custody()
        assert bundle.attestation() is not None
        kept = bundle.read("history/0001/custody.jsonl")
        manifest = bundle.read("history/0001/manifest.json")
        history = json.loads(bundle.read("voice.json"))["lineage"]["history"]
        members = {entry.path: entry.sha256 for entry in bundle.manifest.members}

    assert (record.what, record.number, record.bundle_id) == ("migrated", 1, told["bundle_id"])
    assert record.origin is not None
    assert record.origin.file == hashlib.sha256(before).hexdigest()
    assert kept == old_chain
    # The chain goes on without a gap: the old one ends at the very payload file that the new one begins with.
    (first,) = custody.read(kept, record.origin.payload)
    assert (first.what, first.bundle_id, first.payload) == ("archived", BUNDLE_ID, old_payload)

    assert history[0]["from"] == {"schema": 1, "bundle_id": BUNDLE_ID, "file": record.origin.file}
    then = {entry.path: entry.sha256 for entry in Manifest.parse(manifest).members}
    for path, change in history[0]["files"].items():
        assert change["old"] == then[path]
        assert change["new"] in (members[path], None)
    unchanged = then.keys() - history[0]["files"].keys()
    assert {path: members[path] for path in unchanged} == {path: then[path] for path in unchanged}


def test_the_new_bundle_restores_and_has_nothing_to_do(home: Path, tmp_path: Path) -> None:
    assert migrate(home, tmp_path / "new.voice", "--trust", MAKER).exit_code == 0
    assert call("restore", tmp_path / "new.voice", "--home", home).exit_code == 0
    voice = Voice.open(home / "voices" / "ada")
    assert len(voice.description.history) == 1
    result = migrate(home, tmp_path / "newer.voice", bundle=tmp_path / "new.voice")
    assert result.exit_code == 0
    assert f"is current (schema {SCHEMA})" in result.stdout
    assert not (tmp_path / "newer.voice").exists()
    seen = call("inspect", tmp_path / "new.voice", "--home", home)
    assert "migrated for anyone by SHA256:" in seen.stdout


def test_a_voice_that_is_only_archived_keeps_its_files_and_so_its_bundle_id(tmp_path: Path) -> None:
    store = restore_stored(tmp_path)
    members = voice_files(Voice.open(store.path("ada")))
    with open_bundle(BUNDLE) as bundle:
        then = {e.path: e.sha256 for e in bundle.manifest.members if not e.path.startswith("exports/")}
    assert {path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in members.items()} == then


def test_archived_again_it_has_the_bundle_id_of_that_day(tmp_path: Path) -> None:
    """With the exports and the toolkit's name of that day: they are what another torch and another release change."""
    voice = Voice.open(restore_stored(tmp_path).path("ada"))
    exports = {name: voice.directory / name for name in digests(voice)}
    members, notes = narrowed(voice_files(voice) | exports, tmp_path)
    with open_bundle(BUNDLE) as bundle:
        assert payload_digest(members, bundle.manifest.description, notes=notes) == BUNDLE_ID


def test_a_delta_takes_its_base_and_becomes_a_whole_bundle(home: Path, tmp_path: Path) -> None:
    with open_bundle(BUNDLE) as base:
        base.extract(tmp_path / "later")
        (tmp_path / "base").mkdir()
        since = base.as_base(tmp_path / "base", tensor_edges)
        description = base.manifest.description
    (tmp_path / "later" / "manifest.json").unlink()
    (tmp_path / "later" / "records").mkdir()
    (tmp_path / "later" / "records" / "note.txt").write_text("added later")
    files = [path for path in (tmp_path / "later").rglob("*") if path.is_file()]
    members = {path.relative_to(tmp_path / "later").as_posix(): path for path in files}
    packed = pack(tmp_path / "delta.voice", members, description=description, public=True, since=since, redundancy=0)

    delta = tmp_path / "delta.voice"
    refused = migrate(home, tmp_path / "new.voice", "--accept-unsigned", bundle=delta)
    assert refused.exit_code == 1 and not (tmp_path / "new.voice").exists()
    result = migrate(home, tmp_path / "new.voice", "--accept-unsigned", "--base", BUNDLE, "--json", bundle=delta)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["old_bundle_id"] == packed.full_id
    with open_bundle(tmp_path / "new.voice") as bundle:
        assert bundle.delta is None
        assert bundle.read("records/note.txt") == b"added later"


def test_a_bundle_by_a_stranger_is_not_looked_into(home: Path, tmp_path: Path) -> None:
    result = migrate(home, tmp_path / "new.voice")
    assert result.exit_code == 1 and "--accept-unsigned" in result.stderr
    assert not (tmp_path / "new.voice").exists()


def test_an_output_that_exists_is_left_alone(home: Path, tmp_path: Path) -> None:
    own = Path(shutil.copy(BUNDLE, tmp_path / "ada.voice"))
    before = own.read_bytes()
    result = migrate(home, own, "--trust", MAKER, bundle=own)
    assert result.exit_code == 1 and "name another file" in result.stderr
    assert own.read_bytes() == before


def test_drift_leaves_no_bundle(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compat_tests.findings import Finding
    from compat_tests.suite import Assessment

    drifted = Assessment("torch", "", (Finding("tokens", "failed", "Logits differ by 1.0 at most."),))
    monkeypatch.setattr(migrating, "verify", lambda voice, load: drifted)
    result = migrate(home, tmp_path / "new.voice", "--trust", MAKER)
    assert result.exit_code == 1 and "Logits differ" in result.stderr
    assert not (tmp_path / "new.voice").exists()
    assert list((home / "voices").iterdir()) == []


def test_a_damaged_bundle_is_refused(home: Path, tmp_path: Path) -> None:
    damaged = bytearray(BUNDLE.read_bytes())
    damaged[400_000] ^= 1
    (tmp_path / "damaged.voice").write_bytes(damaged)
    result = migrate(home, tmp_path / "new.voice", "--trust", MAKER, bundle=tmp_path / "damaged.voice")
    assert result.exit_code == 1 and not (tmp_path / "new.voice").exists()


@pytest.mark.parametrize("more", [(), ("-o", "x"), ("--public",), ("-o", "x", "--public", "--to", "age1x")])
def test_a_bundle_needs_a_new_name_and_one_audience(home: Path, more: tuple[str, ...]) -> None:
    assert call("migrate", BUNDLE, "--home", home, *more).exit_code == 2


def test_the_plan_needs_neither(home: Path, tmp_path: Path) -> None:
    result = call("migrate", BUNDLE, "--home", home, "--dry-run", "--trust", MAKER)
    assert result.exit_code == 0
    assert "kept in history/0001  custody.jsonl" in result.stdout
    assert list((home / "voices").iterdir()) == []
