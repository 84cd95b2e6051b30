"""Recordings have a day: named at every start once it has come, destroyed on demand, and nothing else with them."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lifecycle import destroying
from lifecycle.cli import main
from lifecycle.destroying import destroy_recordings, what_is_destroyed
from lifecycle.errors import DayError, RetentionUnreadableError
from lifecycle.retention import Past, Term, past, remember, term_for, term_of, under_term
from lifecycle.store import Store
from lifecycle.work_vault import key_path, open_vault

TODAY = datetime.now(UTC).date()
OLD = date(2020, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "home" / "voices" / "ada").mkdir(parents=True)
    return Store(tmp_path / "home")


def lay_out(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True)
    for name in names:
        (directory / f"{name}.wav").write_bytes(f"the sound {name}".encode())
        (directory / f"{name}.txt").write_text(f"the words {name}")
    return directory


def keep(store: Store, name: str, directory: Path, days: int, today: date = TODAY) -> Term:
    term = term_for(name, directory, what_is_destroyed(directory)[0], days, today)
    remember(store, term)
    return term


def call(store: Store, *words: object) -> Result:
    return CliRunner().invoke(main, [*(str(word) for word in words), "--home", str(store.home)])


def destroy(store: Store, *words: object, code: int = 0) -> dict[str, Any]:
    result = call(store, "destroy", *words, "--yes", "--json")
    assert result.exit_code == code, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_a_term_is_written_down_for_its_owner_alone(store: Store, tmp_path: Path) -> None:
    term = keep(store, "ada", lay_out(tmp_path / "r", "a", "b"), 30)
    assert term_of(store, "ada") == term
    assert term.ends == TODAY + timedelta(30)
    assert set(term.files) == {"a.wav", "a.txt", "b.wav", "b.txt"}
    path = store.home / "recordings" / "ada.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert term_of(store, "bert") is None


def test_days_are_counted_to_the_day(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 2)
    assert past(store, TODAY + timedelta(1)) == ()
    assert past(store, TODAY + timedelta(2)) == (Past("ada", (TODAY + timedelta(2)).isoformat(), 2),)
    keep(store, "ada", tmp_path / "r", 0)
    assert [one.voice for one in past(store, TODAY)] == ["ada"]
    for days in (-1, 36501):
        with pytest.raises(DayError):
            keep(store, "ada", tmp_path / "r", days)


def test_what_is_gone_already_is_not_named(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 0)
    shutil.rmtree(tmp_path / "r")
    assert past(store, TODAY) == ()


def test_what_another_voice_may_still_keep_is_not_past(store: Store, tmp_path: Path) -> None:
    place = lay_out(tmp_path / "r", "a", "b")
    keep(store, "ada", place, 30, OLD)
    (place / "b.wav").rename(place / "later.wav")
    keep(store, "bert", place, 30)  # a.wav, a.txt and later.wav; the words of b lie alone
    assert past(store, TODAY) == (Past("ada", "2020-01-31", 1),)
    told = destroy(store, "--expired")
    assert [(one["voice"], one["files"]) for one in told["destroyed"]] == [("ada", 1)]
    assert {path.name for path in place.iterdir()} == {"a.wav", "a.txt", "later.wav"}
    assert term_of(store, "ada") is None and term_of(store, "bert") is not None


def test_every_start_names_what_is_past(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "Ada Lovelace", "a", "b"), 0)
    keep(store, "bert", lay_out(tmp_path / "r", "c"), 30)
    result = call(store, "voices")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert f"ada (4 files, since {TODAY})" in line and "lifecycle destroy --expired" in line
    assert "Lovelace" not in line and "bert" not in line
    assert result.stdout == call(Store(tmp_path / "home"), "voices").stdout
    refused = call(store, "speak", "nobody", "Hello.", "-o", tmp_path / "x.wav")
    assert refused.exit_code == 1 and "ada (4 files" in refused.stderr


def test_json_has_it_beside_the_answer_and_stderr_is_silent(store: Store, tmp_path: Path) -> None:
    before = json.loads(call(store, "voices", "--json").stdout)
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 0)
    result = call(store, "voices", "--json")
    assert result.stderr == ""
    assert json.loads(result.stdout) == before | {
        "past_their_day": [{"voice": "ada", "ends": TODAY.isoformat(), "files": 2}]
    }
    refused = json.loads(call(store, "consent", "nobody", "--json").stdout)
    assert refused["error"]["kind"] == "UnknownVoiceError" and refused["past_their_day"]


def test_help_and_nothing_past_say_nothing(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 30)
    assert call(store, "voices").stderr == ""
    keep(store, "ada", tmp_path / "r", 0)
    assert CliRunner().invoke(main, ["voices", "--help"]).stderr == ""


def test_a_record_that_cannot_be_read_stops_no_verb_but_the_one_about_it(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 0)
    path = store.home / "recordings" / "ada.json"
    whole = json.loads(path.read_bytes())
    wrong: list[Any] = [
        b"{",
        b"[]",
        b"\xff",
        whole | {"ends": "soon"},
        whole | {"files": {"../../etc/passwd": "0" * 64}},
        whole | {"files": {"/etc/passwd": "0" * 64}},
        whole | {"directory": "here"},
        whole | {"voice": "bert"},
    ]
    for content in wrong:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        result = call(store, "voices")
        assert result.exit_code == 0 and "is not known" in result.stderr, content
        assert "is not known" in json.loads(call(store, "voices", "--json").stdout)["past_their_day"][0]["unknown"]
        assert destroy(store, "--expired", code=1)["error"]["kind"] == "RetentionUnreadableError"
        with pytest.raises(RetentionUnreadableError):
            term_of(store, "ada")
    assert (tmp_path / "r" / "a.wav").exists()


def test_a_home_that_may_not_be_read_stops_no_verb(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (store.home / "recordings").mkdir()

    def refused(store: Store, today: date) -> tuple[Past, ...]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("lifecycle.retention.past", refused)
    result = call(store, "voices")
    assert (result.exit_code, result.stdout) == (0, "ada\n")
    assert "is not known: permission denied" in result.stderr


def test_expired_goes_and_what_was_changed_stays(store: Store, tmp_path: Path) -> None:
    place = lay_out(tmp_path / "r", "a", "b", "c")
    keep(store, "ada", place, 0)
    (place / "b.wav").write_bytes(b"recorded anew")
    (place / "new.wav").write_bytes(b"never read")
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"the sound c")
    (place / "c.wav").unlink()
    (place / "c.wav").symlink_to(outside)
    result = call(store, "destroy", "--expired", "--yes")
    assert result.exit_code == 0, result.output
    assert "stays  b.wav of ada: it is not what was read" in result.stdout
    assert "stays  c.wav of ada" in result.stdout
    assert "4 files gone, 4 of them overwritten before." in result.stdout
    assert "Not promised: a solid-state disk" in result.stderr
    assert {path.name for path in place.iterdir()} == {"b.wav", "c.wav", "new.wav"}
    assert outside.read_bytes() == b"the sound c"
    line = json.loads((store.home / "ledgers" / destroying.RECORD).read_text())
    assert (line["what"], line["files"], line["left"]) == ("recordings", 4, 2)
    assert call(store, "destroy", "--expired", "--yes").stdout == "Nothing is past its day.\n"
    assert call(store, "voices").stderr == ""


def test_a_directory_that_became_a_link_is_not_followed(store: Store, tmp_path: Path) -> None:
    place = lay_out(tmp_path / "r", "a")
    keep(store, "ada", place, 0)
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    assert destroy(store, "--expired")["destroyed"][0]["files"] == 0
    assert (tmp_path / "moved" / "a.wav").exists()


def test_an_unfinished_training_is_under_the_same_day(store: Store, tmp_path: Path) -> None:
    keep(store, "bert", lay_out(tmp_path / "r", "a"), 0)
    work = store.work_directory("bert")
    open_vault(store, "bert", work, "run", os.urandom).write(work / "gpt", [b"half"])
    result = call(store, "destroy", "--expired", "--yes")
    assert "bert  2 files, and an unfinished training" in result.stdout
    assert not work.exists() and not key_path(store, "bert").exists()
    lines = (store.home / "ledgers" / destroying.RECORD).read_text().splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["unfinished training of bert", "recordings"]


def test_one_voices_recordings_without_naming_where_they_are(store: Store, tmp_path: Path) -> None:
    place = lay_out(tmp_path / "r", "a", "b")
    keep(store, "ada", place, 30)
    (place / "b.wav").write_bytes(b"recorded anew")
    told = destroy(store, "ada", "--recordings")
    assert (told["what"], told["files"], told["overwritten"], told["left"]) == ("recordings", 3, 3, ["b.wav"])
    assert {path.name for path in place.iterdir()} == {"b.wav"}
    told = destroy(store, "ada", "--recordings", code=1)
    assert told["error"]["sentence"] == "nothing is written down here of what 'ada' learnt from."
    assert "--recordings DIR" in told["error"]["hint"]


def test_a_directory_that_is_named_closes_the_term(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 30)
    destroy_recordings(store, "ada", tmp_path / "r", datetime.now(UTC))
    assert term_of(store, "ada") is None


def test_a_refused_training_leaves_no_term_and_a_killed_one_does(store: Store, tmp_path: Path) -> None:
    term = term_for("bert", lay_out(tmp_path / "r", "a"), [tmp_path / "r" / "a.wav"], 3, TODAY)
    with pytest.raises(ValueError, match="no"), under_term(store, term):
        raise ValueError("no")
    assert term_of(store, "bert") is None
    remember(store, earlier := term_for("bert", tmp_path / "r", [], 9, TODAY))
    with pytest.raises(ValueError, match="no"), under_term(store, term):
        raise ValueError("no")
    assert term_of(store, "bert") == earlier
    with pytest.raises(KeyboardInterrupt), under_term(store, term):
        raise KeyboardInterrupt
    assert term_of(store, "bert") == term
    remember(store, earlier)
    with pytest.raises(ValueError, match="late"), under_term(store, term):
        (store.work_directory("bert") / "gpt.checkpoint.safetensors").write_bytes(b"half")
        raise ValueError("late")
    assert term_of(store, "bert") == term


def test_keys_go_first_then_what_they_sealed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = store.work_directory("bert")
    open_vault(store, "bert", work, "run", os.urandom).write(work / "gpt", [b"half"])
    order: list[str] = []
    remove = destroying.overwrite_and_remove
    monkeypatch.setattr("lifecycle.work_vault.overwrite_and_remove", lambda p: (order.append("key"), remove(p))[1])
    monkeypatch.setattr(destroying, "overwrite_and_remove", lambda p: (order.append(p.name), remove(p))[1])
    told = destroy(store, "bert", "--keys")
    assert order == ["key", "gpt", "run.sha256"]
    assert (told["what"], told["files"], told["keys"]) == ("unfinished training of bert", 3, 1)
    assert not work.exists() and not key_path(store, "bert").exists()
    again = destroy(store, "bert", "--keys", code=1)["error"]
    assert again["sentence"] == "there is no unfinished training of 'bert', and so no key of one."


def test_a_voice_half_written_goes_with_its_unfinished_training(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    open_vault(store, "bert", store.work_directory("bert"), "run", os.urandom)
    left = store.voices_directory / ".bert.01234567.unfinished" / "bert"
    left.mkdir(parents=True)
    (left / "weights").write_bytes(b"half of somebody")
    seen: list[bytes] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.name == "weights":
            seen.append(path.read_bytes())
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    with store.scratch("bert") as alive:  # cleans up what nobody holds, as every writer does
        assert not left.exists()
        left.mkdir(parents=True)
        (left / "weights").write_bytes(b"half of somebody")
        (alive / "mine").write_bytes(b"being written")
        assert destroy(store, "bert", "--keys")["files"] == 3
        assert (alive / "mine").read_bytes() == b"being written"
    assert seen == [bytes(16)]
    assert not left.parent.exists()


def test_a_training_that_runs_keeps_its_key(store: Store) -> None:
    with store.work_alone("bert") as work:
        open_vault(store, "bert", work, "run", os.urandom)
        assert destroy(store, "bert", "--keys", code=1)["error"]["kind"] == "BusyError"
    assert key_path(store, "bert").exists()


def test_what_is_being_trained_stays_and_the_others_go(store: Store, tmp_path: Path) -> None:
    keep(store, "ada", lay_out(tmp_path / "r", "a"), 0)
    keep(store, "bert", lay_out(tmp_path / "s", "b"), 0)
    with store.work_alone("ada"):
        told = destroy(store, "--expired", code=1)
    assert told["busy"] == ["ada"]
    assert [one["voice"] for one in told["destroyed"]] == ["bert"]
    assert (tmp_path / "r" / "a.wav").exists() and term_of(store, "ada") is not None
    assert [one["voice"] for one in destroy(store, "--expired")["destroyed"]] == ["ada"]


def test_a_voice_takes_the_key_of_its_name_along(store: Store) -> None:
    work = store.work_directory("ada")
    open_vault(store, "ada", work, "run", os.urandom).write(work / "gpt", [b"half"])
    told = destroy(store, "ada", "--voice")
    assert (told["files"], told["keys"]) == (3, 1)
    assert not work.exists() and not key_path(store, "ada").exists()


@pytest.mark.parametrize(
    "words",
    [(), ("ada",), ("ada", "--expired"), ("--voice",), ("--keys",), ("--recordings",), ("ada", "--voice", "--keys")],
)
def test_a_call_that_makes_no_sense(store: Store, words: tuple[str, ...]) -> None:
    assert call(store, "destroy", *words, "--yes").exit_code == 2
    assert store.names() == ("ada",)


def test_nobody_to_ask_is_no_yes(store: Store) -> None:
    assert call(store, "destroy", "--expired").exit_code == 2
