"""Training asks whose voice it is: a record, another voice of the same recordings, or who trains; and a no is a no."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lifecycle import training
from lifecycle.cli import main
from lifecycle.consent_to_train import record_path, require_permission, say_before, write_into
from lifecycle.consenting import read_statements, say, take_back, weights_of
from lifecycle.ledgers import subject_of
from lifecycle.retention import remember, term_for, term_of
from lifecycle.store import Store
from lifecycle.training import Trained
from lifecycle.trusting import own_signer
from privacy.consent import Statement
from privacy.errors import ConsentDamagedError, ConsentExpiredError, ConsentRevokedError
from tests.lifecycle.paper_voice import write_paper_voice

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = NOW.date()
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty home, in which a training takes no time and makes a voice on paper."""

    def run(store: Store, name: str, used: Any, config: Any, *, tell: Any) -> Trained:
        return Trained(write_paper_voice(store.voices_directory / name, name=name, seed=len(store.names())), ())

    monkeypatch.setattr(training, "run", run)
    return Store(tmp_path / "home")


def call(store: Store, *words: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, [*(str(word) for word in words), "--home", str(store.home)], input=answer)


def train(store: Store, *more: object, name: str = "ada", answer: str | None = None) -> Result:
    return call(store, "train", name, "--recordings", EXAMPLES, *more, answer=answer)


def agree(store: Store, *more: object, name: str = "ada") -> Result:
    words = ("--before-training", "--speaker", "Ada Lovelace", "--expires", "2099-12-31", *more)
    return call(store, "consent", name, *words)


def kinds(store: Store, name: str = "ada") -> list[str]:
    return [said.statement.kind for said in read_statements(store.path(name))]


def test_where_nobody_said_whose_voice_it_is_nothing_is_trained(store: Store) -> None:
    result = train(store)
    assert result.exit_code == 1
    assert "nobody has said whose voice is in these recordings" in result.stderr
    for way in ("--i-am-the-speaker", "--synthetic", "lifecycle consent ada --before-training"):
        assert way in result.stderr
    assert not store.home.exists()
    assert json.loads(train(store, "--json").stdout)["error"]["kind"] == "SpeakerUnknownError"
    assert train(store, "--dry-run").exit_code == 0  # looking is free


@pytest.mark.parametrize(("flag", "kind"), [("--i-am-the-speaker", "own"), ("--synthetic", "nobody")])
def test_who_trains_says_it(store: Store, flag: str, kind: str) -> None:
    result = train(store, flag, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["consent"] == kind
    [said] = read_statements(store.path("ada"))
    assert (said.statement.kind, said.statement.weights) == (kind, weights_of(store.path("ada")))
    assert train(store, "--i-am-the-speaker", "--synthetic", name="bert").exit_code == 2


@pytest.mark.parametrize(("answer", "kind"), [("me", "own"), ("machine", "nobody")])
def test_at_a_terminal_one_question_is_asked(
    store: Store, answer: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.cli.whose_voice.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    result = train(store, answer=f"what\n{answer}\n")  # hears it from CliRunner's input
    assert result.exit_code == 0, result.output
    assert kinds(store) == [kind]
    assert "Whose voice is in these recordings?" in result.stderr
    assert "Whose voice" not in result.stdout
    if answer == "me":
        assert train(store, name="bert", answer="").exit_code == 0  # of the same recordings: nothing to ask any more


def test_somebody_else_has_to_agree_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lifecycle.cli.whose_voice.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    result = train(store, answer="else\n")
    assert result.exit_code == 1
    assert "lifecycle consent ada --before-training --speaker" in result.stderr


def test_what_was_recorded_before_goes_into_the_voice(store: Store) -> None:
    assert agree(store, "--scope", "public").exit_code == 0
    assert stat.S_IMODE(record_path(store, "ada").stat().st_mode) == 0o600
    assert "Lovelace" not in record_path(store, "ada").read_text()
    assert "agrees to public" in call(store, "consent", "ada", "--before-training").stdout
    result = train(store)
    assert result.exit_code == 0, result.output
    [said] = read_statements(store.path("ada"))
    assert (said.statement.scope, said.statement.expires) == (("public",), "2099-12-31")
    assert said.statement.weights == weights_of(store.path("ada"))
    assert subject_of(store, "ada") == said.statement.subject
    assert not record_path(store, "ada").exists()
    assert agree(store).exit_code == 1  # the voice is there: `consent` without --before-training


def test_a_record_wins_over_what_is_said_at_the_keyboard(store: Store) -> None:
    agree(store, "--scope", "others")
    assert train(store, "--i-am-the-speaker").exit_code == 0
    assert kinds(store) == ["consent"]


def test_a_record_that_was_taken_back_is_a_no(store: Store) -> None:
    agree(store)
    assert "TAKEN BACK" in call(store, "revoke", "ada").stdout
    for more in ((), ("--i-am-the-speaker",)):
        result = train(store, *more)
        assert result.exit_code == 1
        assert "was taken back on" in result.stderr and "Hint: nothing was written" in result.stderr
    assert store.names() == ()
    assert agree(store).exit_code == 0
    assert train(store).exit_code == 0


def test_a_record_that_ended_is_a_no(store: Store) -> None:
    ended = Statement("consent", "2019-01-01T00:00:00+00:00", {}, "speaker-0123456789abcdef", expires="2020-01-01")
    say_before(store, "ada", ended, os.urandom)
    result = train(store)
    assert result.exit_code == 1
    assert "the consent to use this voice ended on 2020-01-01" in result.stderr
    assert term_of(store, "ada") is None


def test_a_record_that_somebody_else_signed_is_none(store: Store, tmp_path: Path) -> None:
    agree(store)
    shutil.rmtree(store.home / "keys")
    own_signer(store, os.urandom)
    with pytest.raises(ConsentDamagedError, match="not signed by this home"):
        require_permission(store, "ada", {}, NOW)


# ---- the same recordings


def learnt(store: Store, name: str, files: dict[str, str], statement: Statement | None, place: Path) -> None:
    """A voice of the store that learnt from *files* (their contents), and of which *statement* was said."""
    place.mkdir(exist_ok=True)
    for file, content in files.items():
        (place / file).write_text(content)
    write_paper_voice(store.voices_directory / name, name=name, seed=hash(name) % 1000)
    remember(store, term_for(name, place, [place / file for file in files], 30, TODAY))
    if statement is not None:
        directory = store.path(name)
        signed = Statement(**{**fields_of(statement), "weights": weights_of(directory)})
        say(directory, signed, own_signer(store, os.urandom))


def fields_of(statement: Statement) -> dict[str, Any]:
    return {name: getattr(statement, name) for name in statement.__dataclass_fields__}


def digests(place: Path) -> dict[str, str]:
    return dict(term_for("any", place, sorted(place.iterdir()), 1, TODAY).files)


AGREED = Statement("consent", NOW.isoformat(), {}, "speaker-0123456789abcdef", scope=("others",), expires="2027-01-01")
SOUNDS = {"a.wav": "one", "b.wav": "two", "a.txt": "yes"}


def test_it_is_carried_to_what_learns_from_the_same_recordings(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", SOUNDS, AGREED, tmp_path / "r")
    found = require_permission(store, "bert", digests(tmp_path / "r"), NOW)
    assert found.origin == "ada"
    write_paper_voice(store.voices_directory / "bert", name="bert", seed=7)
    write_into(store, "bert", found, os.urandom)
    [mine], [theirs] = read_statements(store.path("bert")), read_statements(store.path("ada"))
    assert mine.statement.agreement_sha256 == theirs.statement.agreement_sha256
    assert mine.statement.weights == weights_of(store.path("bert")) != theirs.statement.weights
    assert take_back(store, "ada", os.urandom, NOW) == ("bert",)  # and so is what follows from it
    for name in ("ada", "bert"):
        assert kinds(store, name) == ["consent", "revocation"]


def test_one_recording_more_is_another_question(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", SOUNDS, AGREED, tmp_path / "r")
    (tmp_path / "r" / "c.wav").write_text("three")
    with pytest.raises(Exception, match="nobody has said"):
        require_permission(store, "bert", digests(tmp_path / "r"), NOW)


def test_the_same_words_are_not_the_same_person(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", {"a.wav": "one", "a.txt": "yes"}, AGREED, tmp_path / "r")
    take_back(store, "ada", os.urandom, NOW)
    own = Statement("own", NOW.isoformat(), {})
    other = {"z.wav": "0" * 64, "z.txt": digests(tmp_path / "r")["a.txt"]}
    assert require_permission(store, "bert", other, NOW, own).statement == own


def test_what_was_taken_back_of_one_is_a_no_for_the_other(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", SOUNDS, AGREED, tmp_path / "r")
    take_back(store, "ada", os.urandom, NOW)
    own = Statement("own", NOW.isoformat(), {})
    for said in (None, own):
        with pytest.raises(ConsentRevokedError, match="so it is of ada, which learnt from these recordings"):
            require_permission(store, "bert", digests(tmp_path / "r"), NOW, said)
    with pytest.raises(ConsentRevokedError):  # one of them is enough
        require_permission(store, "bert", {"x.wav": digests(tmp_path / "r")["b.wav"]}, NOW, own)
    shutil.rmtree(store.path("ada"))
    assert require_permission(store, "bert", digests(tmp_path / "r"), NOW, own).statement == own


def test_what_ended_of_one_is_a_no_for_the_other(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", SOUNDS, AGREED, tmp_path / "r")
    later = datetime(2027, 1, 2, tzinfo=UTC)
    with pytest.raises(ConsentExpiredError, match="ended on 2027-01-01; so it is of ada"):
        require_permission(store, "bert", digests(tmp_path / "r"), later, Statement("own", later.isoformat(), {}))


def test_a_voice_of_which_nobody_said_anything_says_nothing(store: Store, tmp_path: Path) -> None:
    learnt(store, "ada", SOUNDS, None, tmp_path / "r")
    with pytest.raises(Exception, match="nobody has said"):
        require_permission(store, "bert", digests(tmp_path / "r"), NOW)


# ---- how long


def test_days_come_from_the_call_else_from_run_toml(store: Store, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f'recordings = "{EXAMPLES}"\nkeep_recordings = 7\n')
    today = datetime.now(UTC).date()
    for name, words, days in (
        ("a", ("--recordings", EXAMPLES), 30),
        ("b", ("--config", tmp_path / "run.toml"), 7),
        ("c", ("--config", tmp_path / "run.toml", "--keep-recordings", 0), 0),
    ):
        result = call(store, "train", name, *words, "--i-am-the-speaker")
        assert result.exit_code == 0, result.output
        term = term_of(store, name)
        assert term is not None and (term.ends - today).days == days
        assert f"may stay until {term.ends}" in result.stderr
    assert train(store, "--synthetic", "--keep-recordings", -1).exit_code == 2


def test_what_a_machine_spoke_has_no_day_unless_somebody_names_one(store: Store) -> None:
    result = train(store, "--synthetic")
    assert result.exit_code == 0 and "may stay until" not in result.stderr
    assert term_of(store, "ada") is None
    assert train(store, "--synthetic", "--keep-recordings", 3, name="bert").exit_code == 0
    assert term_of(store, "bert") is not None
