"""refresh, migrate and export ask for consent as archive does; deltas and bundles carry what was said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive.age.keys import identity_file
from archive.bundle import open_bundle, pack
from archive.custody import Act
from core_model.voice import Voice, json_bytes
from lifecycle import migrating, preserving
from lifecycle.cli import main
from lifecycle.consent_in_bundles import case_in
from lifecycle.consenting import case_of, consent_of, read_statements, require_consent, say, weights_of
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from privacy.consent import Statement
from privacy.errors import ConsentRevokedError
from tests.archive.crafting import IDENTITY, STRANGER
from tests.archive.signers import ANNA
from tests.lifecycle.old_voices.stored import exports_again, restore_stored
from tests.lifecycle.paper_voice import write_paper_voice
from tests.lifecycle.test_migrating import passed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def of_somebody(directory: Path, lineage: dict[str, object]) -> None:
    description = replace(Voice.open(directory).description, lineage=lineage)
    (directory / "voice.json").write_bytes(json_bytes(description.document()))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A home with the voice 'anna', on paper, that says that it learnt from a person's recordings; no exports."""
    home = Store(tmp_path / "home")
    write_paper_voice(home.voices_directory / "anna")
    of_somebody(home.voices_directory / "anna", {"base": "nano"})
    (tmp_path / "key").write_text(identity_file(IDENTITY, created="now"))
    (tmp_path / "anna.pub").write_text(ANNA.public_file())
    monkeypatch.setattr(preserving, "kinds_of", lambda voice: ())
    monkeypatch.chdir(tmp_path)
    yield home


def call(store: Store, *words: object) -> Result:
    return CliRunner().invoke(main, [*(str(word) for word in words), "--home", str(store.home)])


def agreed(directory: Path, *scope: str, expires: str = "2099-12-31", kind: str = "consent") -> Statement:
    subject = "speaker-0123456789abcdef" if kind == "consent" else None
    until = expires if kind == "consent" else None
    return Statement(kind, NOW.isoformat(), weights_of(directory), subject, scope=scope, expires=until)


def state(store: Store, *scope: str, expires: str = "2099-12-31", kind: str = "consent", name: str = "anna") -> None:
    directory = store.path(name)
    say(directory, agreed(directory, *scope, expires=expires, kind=kind), own_signer(store, os.urandom))


def bundle_of(store: Store, path: str = "anna.voice", *, by: Act | None = None, name: str = "anna") -> Path:
    """A bundle of the voice as it is, without asking anybody; signed by this home."""
    act = by or Act(own_signer(store, os.urandom), NOW)
    directory = store.path(name)
    files = (path for path in directory.rglob("*") if path.is_file() and not path.name.startswith("manifest."))
    members = {path.relative_to(directory).as_posix(): path for path in files}
    described = {"voice": name, "licence": "CC0", "preview": True}
    Path(path).unlink(missing_ok=True)
    pack(Path(path), members, description=described, recipients=[IDENTITY.recipient], redundancy=0, act=act)
    return Path(path)


def refresh(store: Store, bundle: Path, *more: object) -> Result:
    Path("new.voice").unlink(missing_ok=True)
    whom = () if "--public" in more else ("--to", STRANGER.recipient)
    return call(store, "refresh", bundle, "-i", "key", "-o", "new.voice", "--redundancy", 0, *whom, *more)


def test_refresh_asks_as_archive_does(store: Store) -> None:
    result = refresh(store, bundle_of(store))
    assert result.exit_code == 0 and "may be for nobody else" in result.stderr
    for more in ("--public", "--for-others"):
        result = refresh(store, bundle_of(store), more)
        assert result.exit_code == 1, result.output
        assert "nobody has said whose voice this is" in result.stderr
        assert "a bundle takes no statement any more, the voice that is restored from it does" in result.stderr
        assert not Path("new.voice").exists()
    state(store, "others")
    bundle = bundle_of(store)
    result = refresh(store, bundle, "--for-others")
    assert result.exit_code == 0 and "nobody else" not in result.stderr
    result = refresh(store, bundle, "--public")
    assert result.exit_code == 1 and "is for others, not for public" in result.stderr


@pytest.mark.parametrize(
    ("kind", "expires", "told"),
    [("consent", "2020-01-01", "ended on 2020-01-01"), ("revocation", "", "was taken back on 2026-11-28")],
)
def test_what_ended_is_refreshed_for_nobody(store: Store, kind: str, expires: str, told: str) -> None:
    state(store, "others", "public")
    state(store, "others", "public", kind=kind, expires=expires)
    for more in ((), ("--for-others",), ("--public",)):
        result = refresh(store, bundle_of(store), *more)
        assert result.exit_code == 1 and told in result.stderr
        assert not Path("new.voice").exists()


def test_what_this_home_took_back_ends_an_older_bundle_too(store: Store) -> None:
    state(store, "others", "public")
    bundle = bundle_of(store)  # it knows nothing of what is said from now on
    shutil.copytree(store.path("anna"), store.voices_directory / "copy")  # as `restore --as copy` leaves it
    assert refresh(store, bundle).exit_code == 0
    assert consent_of(store, "copy", NOW) is not None
    state(store, kind="revocation")
    for more in ((), ("--for-others",), ("--public",)):
        result = refresh(store, bundle, *more)
        assert result.exit_code == 1, result.output
        assert "was taken back on 2026-11-28, as the voice anna of this home tells" in result.stderr
        assert not Path("new.voice").exists()
    for use in (consent_of, lambda *home: require_consent(*home[:2], None, NOW)):
        with pytest.raises(ConsentRevokedError):
            use(store, "copy", NOW)
    directory = store.path("copy")  # a new agreement is another
    say(
        directory, replace(agreed(directory, "others"), said="2026-11-29T12:00:00+00:00"), own_signer(store, os.urandom)
    )
    assert require_consent(store, "copy", "others", NOW) == ""


def test_somebody_elses_consent_gives_nothing_away_and_its_end_counts(store: Store) -> None:
    directory = store.path("anna")
    say(directory, agreed(directory, "public"), ANNA)
    bundle = bundle_of(store, by=Act(ANNA, NOW))
    result = refresh(store, bundle, "--public", "--trust", "anna.pub")
    assert result.exit_code == 1 and "not by this home" in result.stderr
    assert refresh(store, bundle, "--trust", "anna.pub").exit_code == 0
    say(directory, agreed(directory, "public", expires="2020-01-01"), ANNA)
    result = refresh(store, bundle_of(store, by=Act(ANNA, NOW)), "--trust", "anna.pub")
    assert result.exit_code == 1 and "ended on 2020-01-01" in result.stderr


def test_a_changed_record_in_a_bundle_is_refused(store: Store) -> None:
    state(store, "public")
    record = store.path("anna") / "records" / "consent.jsonl"
    record.write_bytes(record.read_bytes().replace(b"2099", b"2199"))
    result = refresh(store, bundle_of(store), "--public")
    assert result.exit_code == 1 and "changed after it was signed" in result.stderr


def test_a_bundle_tells_the_weights_that_come_out_of_it(store: Store) -> None:
    """Also where they were narrowed: float32 that float16 holds exactly rests as that."""
    import numpy as np
    from safetensors.numpy import save_file

    directory = store.path("anna")
    wide = np.arange(40_000, dtype=np.float32).reshape(200, 200) % 1024
    save_file({"w": wide}, directory / "weights" / "gpt.safetensors")
    (directory / "records").mkdir(exist_ok=True)
    (directory / "records" / "release.json").write_text("{}")
    state(store, "public")
    assert call(store, "archive", "anna", "--to", IDENTITY.recipient, "-o", "a.voice").exit_code == 0
    with open_bundle(Path("a.voice"), [IDENTITY]) as bundle:
        assert bundle.manifest.entry("weights/gpt.safetensors").original_sha256 is not None
        assert case_in(bundle) == case_of(directory)
    assert refresh(store, Path("a.voice"), "--public").exit_code == 0
    assert call(store, "restore", "a.voice", "-i", "key", "--as", "back").exit_code == 0
    assert require_consent(store, "back", "public", NOW) == ""


def test_a_delta_carries_what_was_said_since(store: Store) -> None:
    state(store, "others", "public")
    assert call(store, "archive", "anna", "--to", IDENTITY.recipient, "-o", "first.voice").exit_code == 0
    state(store, kind="revocation")
    state(store, "others")
    made = ("archive", "anna", "--to", IDENTITY.recipient, "--since", "first.voice", "-i", "key", "-o", "delta.voice")
    assert call(store, *made).exit_code == 0
    words = ("restore", "delta.voice", "--base", "first.voice", "-i", "key", "--as", "back")
    assert call(store, *words).exit_code == 0
    assert [one.statement.kind for one in read_statements(store.path("back"))] == ["consent", "revocation", "consent"]
    assert require_consent(store, "back", "others", NOW) == ""
    delta = Path("delta.voice")
    result = refresh(store, delta)
    assert result.exit_code == 0 and "was not looked at: that takes --base" in result.stderr
    assert refresh(store, delta, "--for-others").exit_code == 1
    assert refresh(store, delta, "--for-others", "--base", "first.voice").exit_code == 0
    result = refresh(store, delta, "--public", "--base", "first.voice")
    assert result.exit_code == 1 and "is for others, not for public" in result.stderr


# ---- migrate


@pytest.fixture
def old(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same home with the stored voice 'ada' of schema 1; exports are made in no time, every runtime is believed."""
    saved = restore_stored(tmp_path / "elsewhere").path("ada") / "exports"
    monkeypatch.setattr(migrating, "write_exports", exports_again(saved))
    monkeypatch.setattr(migrating, "verify", lambda voice, load: passed("believed"))
    monkeypatch.setattr(migrating, "verify_script", lambda voice, directory: passed("believed"))
    restore_stored(store.home)
    document = json.loads((store.path("ada") / "voice.json").read_bytes())
    document["lineage"] = {"base": "nano"}
    (store.path("ada") / "voice.json").write_bytes(json_bytes(document))
    return store


def migrate(store: Store, *more: object) -> Result:
    Path("new.voice").unlink(missing_ok=True)
    return call(store, "migrate", bundle_of(store, "old.voice", name="ada"), "-i", "key", "-o", "new.voice", *more)


def test_migrate_asks_as_archive_does(old: Store) -> None:
    own, others = ("--to", STRANGER.recipient), ("--to", STRANGER.recipient, "--for-others")
    result = migrate(old, *own)
    assert result.exit_code == 0 and "may be for nobody else" in result.stderr
    for more in (("--public",), others):
        result = migrate(old, *more)
        assert result.exit_code == 1 and "nobody has said whose voice this is" in result.stderr
        assert not Path("new.voice").exists()
    state(old, "others", name="ada")
    assert migrate(old, *others).exit_code == 0
    result = migrate(old, "--public")
    assert result.exit_code == 1 and "not for public" in result.stderr


def test_what_was_said_holds_for_the_migrated_voice(old: Store) -> None:
    state(old, "public", name="ada")
    before = read_statements(old.path("ada"))
    assert call(old, "migrate", "ada").exit_code == 0
    assert len(Voice.open(old.path("ada")).description.history) == 1
    assert read_statements(old.path("ada")) == before
    assert require_consent(old, "ada", "public", NOW) == ""


@pytest.mark.parametrize(
    ("kind", "expires", "told"), [("consent", "2020-01-01", "ended on"), ("revocation", "", "was taken back on")]
)
def test_what_ended_is_migrated_for_nobody(old: Store, kind: str, expires: str, told: str) -> None:
    state(old, "others", "public", name="ada")
    state(old, "others", "public", name="ada", kind=kind, expires=expires)
    before = (old.path("ada") / "voice.json").read_bytes()
    directory = old.path("ada")
    for words in (
        ("migrate", "ada"),
        ("migrate", directory, "--name", "bert"),
        ("migrate", bundle_of(old, "old.voice", name="ada"), "-i", "key", "-o", "new.voice", "--public"),
        ("migrate", "old.voice", "-i", "key", "-o", "new.voice", "--to", STRANGER.recipient),
    ):
        result = call(old, *words)
        assert result.exit_code == 1 and told in result.stderr, result.output
    assert (directory / "voice.json").read_bytes() == before
    assert not Path("new.voice").exists() and "bert" not in old.names()


# ---- export


def test_export_is_a_copy_for_oneself_until_the_consent_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from lifecycle import exporting

    asked = []
    monkeypatch.setattr(
        exporting, "export_voice", lambda *words, complete: asked.append(words) or exporting.Exported({})
    )
    words = ("export", "anna", "--to", "gpt-sovits", "out")
    result = call(store, *words)
    assert result.exit_code == 0 and "may be for nobody else" in result.stderr
    state(store, kind="revocation")
    result = call(store, *words)
    assert result.exit_code == 1 and "was taken back on" in result.stderr
    assert len(asked) == 1
