"""A voice that holds a ledger is verified with it: true, false, or not run; and nothing is said where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from archive.bundle import pack
from compat_tests.findings import LAYERS, Finding
from compat_tests.suite import Assessment
from lifecycle import examining, preserving, verifying_one
from lifecycle.examining import Examination
from lifecycle.ledgers import RECORD, finding_of
from lifecycle.store import Store
from lifecycle.verification_report import render
from tests.lifecycle.calling import call
from tests.lifecycle.clean_search import files_below
from tests.lifecycle.paper_voice import write_paper_voice
from tests.lifecycle.verified import MACHINE, NOW
from tests.privacy.ledgers import entry, ledger_of, rehashed, sampled, take_the_extra_away
from tests.tiny_voice import make_tiny_voice

TRUE = ledger_of(entry("utterance", 4.0), sampled()).marshal()
FALSE = rehashed(json.loads(ledger_of(sampled()).marshal()) | {"epsilon": 0.1, "second_epsilon": 0.1})
SPOKE = Assessment("torch 9", "today", tuple(Finding(layer, "passed", "As it was.") for layer in LAYERS))
DRIFTED = Assessment("torch 9", "today", (Finding("fixity", "passed", "."), Finding("text", "failed", "It differs.")))
TELLS = "Line 1 of the ledger: it claims epsilon 0.1, and its mechanism has 0.68"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A home with the voice 'ada', which speaks as it did: whether it does is other tests' to find out."""
    monkeypatch.setattr(examining, "verify", lambda voice, load, fixity: SPOKE)
    store = Store(tmp_path / "home")
    write_paper_voice(store.voices_directory / "ada", name="ada")
    return store


def with_ledger(store: Store, data: bytes) -> Path:
    path = store.path("ada") / "records" / RECORD
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def verify(store: Store, *words: object) -> tuple[int, str]:
    result = call("verify", "ada", "--home", store.home, *words)
    return result.exit_code, result.output


def told(store: Store) -> dict[str, Any]:
    return json.loads(verify(store, "--json")[1])  # type: ignore[no-any-return]


def page(found: Finding | None, spoke: Assessment = SPOKE) -> str:
    examined = Examination("ada", "ada", None, {"torch": spoke}, ledger=found)
    return " ".join(render(examined, now=NOW, machine=MACHINE).split())


def test_without_a_ledger_nothing_is_said_of_one(store: Store) -> None:
    assert finding_of(store.path("ada")) is None
    code, lines = verify(store)
    assert code == 0
    assert "ledger" not in lines
    assert told(store)["ledger"] is None
    assert "edger" not in page(None)


def test_a_true_ledger_is_a_line_of_its_own_and_no_layer(store: Store, tmp_path: Path) -> None:
    with_ledger(store, TRUE)
    code, lines = verify(store, "--junit", tmp_path / "x.xml")
    sentence = "All 2 lines are in their place and true: each epsilon was computed again."
    assert code == 0
    assert f"ledger      passed   {sentence}" in lines
    facts = told(store)
    assert facts["passed"] and facts["ledger"] == {"verdict": "passed", "told": sentence}
    assert "ledger" not in [layer["name"] for layer in facts["runtimes"]["torch"]["layers"]]
    assert sentence in page(finding_of(store.path("ada")))
    cases = ElementTree.parse(tmp_path / "x.xml").iter("testcase")
    assert [case.get("name") for case in cases if case.get("classname") == "ledger"] == ["ledger"]


def test_a_false_ledger_fails_the_voice_though_it_speaks_as_it_did(store: Store, tmp_path: Path) -> None:
    with_ledger(store, FALSE)
    code, lines = verify(store, "--junit", tmp_path / "x.xml", "--report", tmp_path)
    assert code == 1
    assert f"ledger      failed   {TELLS}" in lines
    assert "ada holds a ledger that is not true, so nothing that it claims about privacy can be believed." in lines
    facts = told(store)
    assert not facts["passed"] and facts["ledger"]["verdict"] == "failed"
    assert facts["runtimes"]["torch"]["passed"]
    (failure,) = ElementTree.parse(tmp_path / "x.xml").iter("failure")
    assert TELLS in (failure.get("message") or "")
    shown = " ".join((tmp_path / "verification.html").read_text().split())
    assert "<title>ada holds a ledger that is not true</title>" in shown
    assert "<strong>Not true.</strong> <bdi>Its ledger is not true: line 1 of the ledger" in shown


def test_who_archives_a_false_ledger_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preserving, "kinds_of", lambda voice: ())  # no exports: ten seconds each
    store = Store(tmp_path / "home")
    make_tiny_voice(store.voices_directory / "ada", golden=False)
    words = ("archive", "ada", "--public", "--home", store.home, "-o")
    for data, found in ((TRUE, False), (FALSE, True)):
        with_ledger(store, data)
        result = call(*words, tmp_path / f"{found}.voice")
        assert result.exit_code == 0, result.output
        assert (TELLS in result.stderr) is found


def test_a_voice_that_drifted_is_told_as_that_and_its_ledger_beside_it(store: Store) -> None:
    with_ledger(store, FALSE)
    shown = page(finding_of(store.path("ada")), DRIFTED)
    assert "<title>ada does not speak as it did</title>" in shown and "<strong>Drifted.</strong>" in shown
    assert TELLS in shown


def test_an_edited_removed_or_cut_line_is_false(store: Store) -> None:
    for data, why in (
        (TRUE.replace(b'"tuning_runs":0', b'"tuning_runs":1'), "it was edited"),
        (TRUE.split(b"\n", 1)[1], "lines were removed or reordered"),
        (TRUE[:-1], "it was cut off"),
        (b"x" * (5 << 20), "longer than"),
    ):
        with_ledger(store, data)
        found = finding_of(store.path("ada"))
        assert found is not None and found.verdict == "failed" and why in found.told


def test_without_the_extra_it_is_not_run_and_not_passed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with_ledger(store, TRUE)
    take_the_extra_away(monkeypatch)
    code, lines = verify(store)
    assert code == 0  # it speaks as it did; of the ledger nothing is claimed
    assert "ledger      not run  Line 2 of the ledger: not recomputed: needs the extra [private]." in lines
    assert told(store)["ledger"]["verdict"] == "not run"
    shown = page(finding_of(store.path("ada")))
    assert "needs the extra [private]" in shown and "✓</span> passed</span> <bdi>Line 2" not in shown


def test_one_of_many_bundles_says_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with_ledger(store, FALSE)
    found = Examination("ada", "ada", None, {"torch": SPOKE}, ledger=finding_of(store.path("ada")))
    outcome = verifying_one._told(found)
    assert (outcome["verdict"], outcome["layer"], outcome["ledger"]) == ("damaged", "ledger", "failed")
    assert str(outcome["told"]).startswith(TELLS)


def test_the_ledger_in_a_bundle_is_looked_at(store: Store, tmp_path: Path) -> None:
    with_ledger(store, FALSE)
    files = {str(path.relative_to(store.path("ada"))): path for path in files_below(store.path("ada"))}
    pack(tmp_path / "x.voice", files, public=True)
    result = call("verify", tmp_path / "x.voice", "--home", store.home, "--accept-unsigned")
    assert result.exit_code == 1
    assert TELLS in result.output
