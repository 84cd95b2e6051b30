"""Ledgers on a machine: of a person and not of a voice, whole or not at all, and compared with every copy."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from lifecycle.cli import main
from lifecycle.errors import LedgerDisagreesError, SubjectError
from lifecycle.ledgers import (
    RECORD,
    append,
    ledger_path,
    pseudonym_of,
    read_ledger,
    remember_subject,
    subject_of,
    write_copy,
)
from lifecycle.store import Store
from privacy.errors import CapExceededError, LedgerDamagedError, NotComposableError
from privacy.pseudonyms import PSEUDONYM
from tests.privacy.ledgers import SUBJECT, entry, sampled, take_the_extra_away


def counting(count: int) -> bytes:
    return bytes(range(count))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


def with_copy(store: Store, voice: str, epsilon: float = 1.0) -> None:
    """Another release, whose voice holds a copy, as releasing leaves it; what else a voice is does not matter here."""
    ledger = append(store, entry("utterance", epsilon, cap=10.0))
    (store.voices_directory / voice).mkdir(parents=True)
    write_copy(ledger, store.voices_directory / voice)


def test_lines_are_appended_and_only_the_owner_reads_them(store: Store) -> None:
    append(store, entry("utterance", 1.0))
    assert len(append(store, entry("utterance", 2.0)).entries) == 2
    path = ledger_path(store, SUBJECT)
    assert read_ledger(store, SUBJECT).marshal() == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_past_the_cap_nothing_is_written(store: Store) -> None:
    append(store, entry("local", 6.0, cap=7.0))
    before = ledger_path(store, SUBJECT).read_bytes()
    with pytest.raises(CapExceededError):
        append(store, entry("local", 6.0, cap=7.0))
    assert ledger_path(store, SUBJECT).read_bytes() == before


def test_lines_cut_off_the_end_show_by_the_copies(store: Store) -> None:
    with_copy(store, "one")
    with_copy(store, "two")
    path = ledger_path(store, SUBJECT)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(LedgerDisagreesError, match="two says it was: lines were removed"):
        read_ledger(store, SUBJECT)
    with pytest.raises(LedgerDisagreesError):
        append(store, entry("utterance", 1.0))


def test_another_history_shows_by_the_copies(store: Store) -> None:
    with_copy(store, "one")
    ledger_path(store, SUBJECT).unlink()
    (store.voices_directory / "one" / "records" / RECORD).rename(store.home / "kept")
    append(store, entry("utterance", 0.5))
    (store.home / "kept").rename(store.voices_directory / "one" / "records" / RECORD)
    with pytest.raises(LedgerDisagreesError, match="rewritten"):
        read_ledger(store, SUBJECT)


def test_an_edited_line_shows(store: Store) -> None:
    append(store, entry("utterance", 4.0))
    path = ledger_path(store, SUBJECT)
    path.write_bytes(path.read_bytes().replace(b'"tuning_runs":0', b'"tuning_runs":1'))
    with pytest.raises(LedgerDamagedError, match="edited"):
        read_ledger(store, SUBJECT)


def test_a_restored_voice_brings_its_ledger_along(store: Store) -> None:
    with_copy(store, "one")
    with_copy(store, "two")
    ledger_path(store, SUBJECT).unlink()  # as on a machine where both were restored
    assert len(read_ledger(store, SUBJECT).entries) == 2
    assert len(append(store, entry("utterance", 1.0)).entries) == 3
    assert subject_of(store, "two") == SUBJECT


def test_a_name_becomes_the_same_pseudonym_in_one_home_only(store: Store, tmp_path: Path) -> None:
    ada = pseudonym_of(store, "Ada Lovelace", counting)
    assert PSEUDONYM.fullmatch(ada)
    assert pseudonym_of(store, " ada  LOVELACE ", counting) == ada
    assert pseudonym_of(store, ada, counting) == ada
    assert pseudonym_of(store, "Charles Babbage", counting) != ada
    assert pseudonym_of(Store(tmp_path / "other"), "Ada Lovelace", bytes) != ada
    assert stat.S_IMODE((store.home / "keys" / "pseudonyms").stat().st_mode) == 0o600
    with pytest.raises(SubjectError):
        pseudonym_of(store, " ", counting)


def test_whose_a_voice_is_is_said_once(store: Store) -> None:
    (store.voices_directory / "ada").mkdir(parents=True)
    assert subject_of(store, "ada") is None
    remember_subject(store, "ada", SUBJECT)
    remember_subject(store, "ada", SUBJECT)
    assert subject_of(store, "ada") == SUBJECT
    with pytest.raises(SubjectError, match="known to be of"):
        remember_subject(store, "ada", "speaker-fedcba9876543210")


def call(store: Store, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["ledger", *words, "--home", str(store.home)])
    return result.exit_code, result.output


def test_the_verb_tells_lines_sums_and_what_is_not_protected(store: Store) -> None:
    with_copy(store, "one", 4.0)
    with_copy(store, "two", 4.0)
    code, told = call(store, "one")
    assert code == 0
    assert f"2 releases of {SUBJECT}" in told
    assert "per utterance, replace-one: epsilon 5.99" in told
    assert "not protected: who speaks" in told
    code, told = call(store, "--speaker", SUBJECT, "--json")
    facts = json.loads(told)
    assert code == 0
    assert [line["recomputed_epsilon"] for line in facts["entries"]] == [line["epsilon"] for line in facts["entries"]]
    assert {told["unit"]: told["epsilon"] for told in facts["sums"]}["utterance"] == pytest.approx(5.99, abs=0.01)


def test_the_verb_says_no_to_a_damaged_ledger(store: Store) -> None:
    with_copy(store, "one")
    with_copy(store, "two")
    path = ledger_path(store, SUBJECT)
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    code, told = call(store, "one")
    assert code == 1
    assert "line 1 of the ledger: it does not follow the one before: lines were removed or reordered." in told


def test_a_damaged_copy_is_told_with_its_voice(store: Store) -> None:
    with_copy(store, "one")
    with_copy(store, "two")
    copy = store.path("two") / "records" / "ledger.jsonl"
    copy.write_bytes(copy.read_bytes().replace(b'"tuning_runs":0', b'"tuning_runs":1'))
    for name in ("one", "two"):
        code, told = call(store, name)
        assert code == 1
        assert "line 1 of the ledger in the voice two: it was edited." in told
        assert "restore two from its bundle" in told


def test_a_jitter_leaves_no_sum(store: Store) -> None:
    append(store, entry("jitter"))
    code, told = call(store, "--speaker", SUBJECT)
    assert code == 0
    assert "epsilon none  sigma 0.01, which protects nothing" in told
    assert "per speaker, replace-one: epsilon none at delta 1e-05 (next to no protection)" in told


def test_sums_of_two_adjacencies_are_shown_side_by_side_and_said_not_to_be_added_up(store: Store) -> None:
    append(store, entry("utterance", 4.0))
    append(store, sampled(tuning_runs=1))
    code, told = call(store, "--speaker", SUBJECT)
    assert code == 0
    assert f"sgd  epsilon {sampled().epsilon:.4g} at delta 1e-05" in told
    assert "per utterance, add/remove  noise multiplier 4  sample rate 0.1  steps 50  n 300, and 1 tuning run" in told
    assert "all of it, per utterance, replace-one: epsilon 4 at delta 1e-05" in told
    assert "all of it, per utterance, add/remove: epsilon 0.9" in told
    assert "all of it, per speaker, add/remove: epsilon none at delta 1e-05 (next to no protection)" in told
    assert "The sums are not added up" in told
    assert "Whoever has releases of both kinds has all that both give away." in told
    assert "cap: epsilon 10 at delta 1e-05, for each sum in which something was promised" in told
    sums = json.loads(call(store, "--speaker", SUBJECT, "--json")[1])["sums"]
    assert [(one["unit"], one["adjacency"]) for one in sums] == [
        ("utterance", "replace-one"),
        ("speaker", "replace-one"),
        ("utterance", "add/remove"),
        ("speaker", "add/remove"),
    ]
    assert sums[2]["mu"] is None and sums[2]["epsilon"] > (sampled().epsilon or 0)
    assert "promised nothing about the speaker" in sums[3]["why"]


def test_what_was_not_recomputed_is_said_so_and_is_no_yes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, entry("utterance", 4.0))
    append(store, sampled())
    later = sampled(5.0)
    take_the_extra_away(monkeypatch)
    code, told = call(store, "--speaker", SUBJECT)
    assert code == 1
    assert "every line in its place, but 1 of them not recomputed" in told
    assert "NOT RECOMPUTED: NEEDS THE EXTRA [PRIVATE]" in told
    assert "all of it, per utterance, add/remove: epsilon none" in told
    assert "the sum under add/remove cannot be made: what accounts for sampled runs is not installed" in told
    facts = json.loads(call(store, "--speaker", SUBJECT, "--json")[1])
    assert [line["not_recomputed"] for line in facts["entries"]] == [None, "not recomputed: needs the extra [private]"]
    assert facts["entries"][1]["recomputed_epsilon"] is None
    with pytest.raises(NotComposableError, match=r"needs the extra \[private\]"):
        append(store, later)


def test_a_voice_of_which_nothing_was_released(store: Store) -> None:
    (store.voices_directory / "ada").mkdir(parents=True)
    code, told = call(store, "ada")
    assert code == 0
    assert "Whose voice ada is, nothing here tells, so it has no ledger" in told


def test_a_person_of_whom_nothing_was_released(store: Store) -> None:
    code, told = call(store, "--speaker", SUBJECT)
    assert code == 0
    assert told == f"No release of {SUBJECT} is written down here; another spelling of a name is another person.\n"


def test_the_ledger_takes_one_of_two(store: Store) -> None:
    (store.voices_directory / "ada").mkdir(parents=True)
    assert call(store)[0] == call(store, "ada", "--speaker", "Ada")[0] == 2
