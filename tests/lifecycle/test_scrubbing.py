"""Scrub: whatever happens to a shelf is found, written down once, and said until somebody has dealt with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.bundle import pack
from archive.repairing import repair
from lifecycle import scrubbing, shelf
from lifecycle.cli import main
from lifecycle.errors import ShelfBusyError, ShelfError
from lifecycle.scrubbing import scrub

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
from lifecycle.scrubbing import scrub
def die(done, total, note):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
scrub(Path(sys.argv[1]), tell=die)
"""
DAY = datetime(2026, 11, 21, 15, tzinfo=UTC)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("bundle")
    (directory / "a.txt").write_text("a")
    pack(directory / "x.voice", {"a.txt": directory / "a.txt"}, public=True)
    return (directory / "x.voice").read_bytes()


@pytest.fixture
def stock(tmp_path: Path, bundle: bytes) -> Path:
    """A shelf of four, two of them below."""
    for name in ("anna.voice", "ben.voice", "old/carl.voice", "old/dora.voice"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bundle)
    (tmp_path / "notes.txt").write_text("not a bundle")
    (tmp_path / ".anna.voice.0123456789abcdef.partial").mkdir()
    return tmp_path


def states(done: scrubbing.Scrubbed) -> dict[str, str]:
    return {finding.path: finding.state for finding in done.findings}


def lines(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / shelf.LOG).read_text().splitlines()]


def test_new_then_unchanged(stock: Path) -> None:
    first = scrub(stock, now=lambda: DAY)
    assert set(states(first).values()) == {"new"} and len(first.findings) == 4 and not first.changes
    second = scrub(stock, now=lambda: DAY + timedelta(days=1))
    assert set(states(second).values()) == {"unchanged"} and not second.changes
    log = lines(stock)
    assert [record["event"] for record in log] == (["begin"] + ["bundle"] * 4 + ["end"]) * 2
    assert log[0] == {"event": "begin", "run": "2026-11-21T15:00:00Z", "bundles": 4}
    assert log[7]["run"] == log[7]["at"] == "2026-11-22T15:00:00Z" and log[7]["path"] == "anna.voice"


def test_every_change_is_said_until_it_is_dealt_with(stock: Path, bundle: bytes) -> None:
    scrub(stock)
    (stock / "anna.voice").unlink()
    (stock / "ben.voice").write_bytes(bundle[:2000] + b"x" + bundle[2001:])
    (stock / "a.txt").write_text("b")
    pack(stock / "old/carl.voice", {"a.txt": stock / "a.txt"}, public=True)
    for _ in range(2):
        done = scrub(stock)
        expected = {
            "anna.voice": "missing",
            "ben.voice": "damaged",
            "old/carl.voice": "changed",
            "old/dora.voice": "unchanged",
        }
        assert states(done) == expected
        assert len(done.changes) == 3
        damaged = done.findings[1]
        assert any("SPEC.md" in detail for detail in damaged.details)
        assert "enough" in damaged.details[-1]
    accepted = scrub(stock, accept=True)
    assert [finding.path for finding in accepted.changes] == ["ben.voice"]  # damage is never accepted
    repair(stock / "ben.voice", stock / "new")
    (stock / "new").replace(stock / "ben.voice")
    assert set(states(scrub(stock)).values()) == {"unchanged"}


def test_what_is_no_bundle_or_cannot_be_read(stock: Path) -> None:
    (stock / "empty.voice").write_bytes(b"")
    (stock / "text.voice").write_text("hello")
    (stock / "link.voice").symlink_to(stock / "anna.voice")
    done = scrub(stock)
    assert states(done)["empty.voice"] == states(done)["text.voice"] == "damaged"
    assert "link.voice" not in states(done)
    assert len(done.changes) == 2


def test_200_bundles_killed_on_the_way(tmp_path: Path, bundle: bytes) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.voice").write_bytes(bundle)
    told: list[tuple[int, int, str]] = []
    for until in (3, 70, 150):
        call = [sys.executable, "-c", KILLED, str(tmp_path), str(until)]
        ended = subprocess.run(call, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL
    done = scrub(tmp_path, tell=lambda *call: told.append(call))
    assert done.resumed == 150 and len(done.findings) == 200 and not done.changes
    assert [number for number, _, _ in told] == list(range(201))
    log = lines(tmp_path)
    assert [record["event"] for record in log] == ["begin"] + ["bundle"] * 200 + ["end"]
    assert len({record.get("path") for record in log if record["event"] == "bundle"}) == 200
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".voice") == [shelf.LOG]


def test_names_that_are_no_text_or_more_than_a_line_are_names_of_bundles_too(stock: Path, bundle: bytes) -> None:
    for name in (b"\xff\xfe.voice", b"a\nben.voice\x1b[2J.voice"):
        (stock / os.fsdecode(name)).write_bytes(bundle)
    told = CliRunner().invoke(main, ["scrub", str(stock)])
    assert told.exit_code == 0 and "6 bundles, no changes" in told.stdout
    assert len(told.stdout.splitlines()) == 7 and "\x1b" not in told.output
    again = scrub(stock)
    assert set(states(again).values()) == {"unchanged"} and not again.unreadable_lines


WRONG_FIELDS: list[dict[str, object]] = [
    {"path": "/dev/zero"}, {"path": "../../../../../../../../dev/zero"}, {"path": "/dev/zero.voice"},
    {"path": "old/../../x.voice"}, {"path": "./x.voice"}, {"path": "x\0.voice"}, {"path": "\ud800.voice"}, {"path": ""},
    {"path": 5}, {"state": "fine"}, {"state": [1]}, {"sha256": 5}, {"sha256": "0"}, {"size": "5"}, {"accepted": "no"},
    {"details": 5}, {"details": "abc"}, {"details": [5]},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_FIELDS, ids=range(len(WRONG_FIELDS)))
def test_a_log_that_somebody_else_wrote_leads_nowhere(wrong: dict[str, object], stock: Path) -> None:
    scrub(stock, now=lambda: DAY)
    line = lines(stock)[1]
    assert line["event"] == "bundle"
    with (stock / shelf.LOG).open("a") as file:
        file.write(json.dumps({**line, "path": "x.voice", **wrong}) + "\n")
    done = scrub(stock, now=lambda: DAY)
    assert set(states(done).values()) == {"unchanged"} and len(done.findings) == 4 and done.unreadable_lines == 1


def test_a_run_that_began_at_no_time_does_not_go_on(stock: Path) -> None:
    scrub(stock, now=lambda: DAY)
    with (stock / shelf.LOG).open("a") as file:
        for record in ({"event": "begin", "run": "z"}, {**lines(stock)[1], "run": "z"}):
            file.write(json.dumps(record) + "\n")
    assert scrub(stock).resumed == 0


@pytest.mark.parametrize("name", [shelf.SHELF, shelf.LOG])
def test_a_pipe_or_a_device_in_place_of_a_file_is_not_waited_for(name: str, stock: Path) -> None:
    os.mkfifo(stock / name)
    with pytest.raises(ShelfError, match="is no file"):
        scrub(stock)
    (stock / name).unlink()
    (stock / name).symlink_to("/dev/zero")
    with pytest.raises((ShelfError, OSError)):
        scrub(stock)


def test_a_run_that_was_interrupted_long_ago_begins_anew(stock: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scrub(stock, now=lambda: DAY, tell=stop)
    assert scrub(stock, now=lambda: DAY + timedelta(days=8)).resumed == 0


def test_a_line_that_was_cut_off_is_passed_over(stock: Path) -> None:
    scrub(stock)
    with (stock / shelf.LOG).open("ab") as file:
        file.write(b'{"event": "begin", "ru')
    done = scrub(stock)
    assert set(states(done).values()) == {"unchanged"} and done.unreadable_lines == 1
    assert scrub(stock).unreadable_lines == 1
    assert (stock / shelf.LOG).read_bytes().count(b'{"event": "begin", "ru\n') == 1


def test_a_full_disk(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scrub(stock)
    before = (stock / shelf.LOG).read_bytes()
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:7])

    monkeypatch.setattr("os.write", short)
    with pytest.raises(OSError, match="No space left"):
        scrub(stock)
    monkeypatch.undo()
    assert (stock / shelf.LOG).read_bytes() == before + b'{"event'
    assert set(states(scrub(stock)).values()) == {"unchanged"}


def test_one_at_a_time(stock: Path) -> None:
    with shelf.open_log(stock), pytest.raises(ShelfBusyError):
        scrub(stock)


@pytest.mark.parametrize(
    ("places", "warnings"),
    [
        ([], 2),
        (["home"], 2),
        (["home", "home", "home"], 1),
        (["home", "office"], 1),
        (["home", "office", "vault"], 0),
    ],
)
def test_fewer_than_three_copies_or_one_place(places: list[str], warnings: int, stock: Path) -> None:
    (stock / shelf.SHELF).write_text("".join(f'[[copies]]\nplace = "{place}"\n' for place in places))
    done = scrub(stock)
    assert len(done.copies.warnings()) == warnings
    assert not done.changes
    assert lines(stock)[-1]["warnings"] == list(done.copies.warnings())


@pytest.mark.parametrize(
    "text",
    [
        "copies = " + "[" * 10_000,
        "#" * (1 << 20 | 1),
        "copies = 3",
        "[[copies]]\n",
        '[[copies]]\nplace = " "',
        '[[copy]]\nplace = "x"',
        "= ",
        "[[copies]]\nplace=1",
    ],
    ids=range(8),
)
def test_a_shelf_file_that_says_something_else(text: str, stock: Path) -> None:
    (stock / shelf.SHELF).write_text(text)
    with pytest.raises(ShelfError):
        scrub(stock)
    assert not (stock / shelf.LOG).exists()


def test_the_verb_says_yes_or_no(stock: Path) -> None:
    first = CliRunner().invoke(main, ["scrub", str(stock)])
    assert first.exit_code == 0 and "4 bundles, no changes" in first.stdout
    assert "0 of at least 3 copies" in first.stderr
    (stock / "anna.voice").unlink()
    second = CliRunner().invoke(main, ["scrub", str(stock), "--json"])
    assert second.exit_code == 1
    facts = json.loads(second.stdout)
    assert facts["changes"] == 1 and facts["bundles"][0]["state"] == "missing" and len(facts["warnings"]) == 2
    assert CliRunner().invoke(main, ["scrub", str(stock), "--accept"]).exit_code == 0
    assert CliRunner().invoke(main, ["scrub", str(stock)]).exit_code == 0


def test_check_and_repair_as_verbs(stock: Path, bundle: bytes) -> None:
    old, new = stock / "anna.voice", stock / "mended.voice"
    assert CliRunner().invoke(main, ["repair", str(old), "-o", str(new)]).exit_code == 0
    assert not new.exists()
    old.write_bytes(bundle[4096:])
    checked = CliRunner().invoke(main, ["check", str(old), "--json"])
    facts = json.loads(checked.stdout)
    assert checked.exit_code == 1 and facts["repairable"] and facts["ranges"][0]["expected_bytes"] == 4096
    told = CliRunner().invoke(main, ["check", str(old)]).stdout
    assert (
        "range        at byte 0 (0 bytes where 4096 belong): README.txt, SPEC.md" in told and "lifecycle repair" in told
    )
    mended = CliRunner().invoke(main, ["repair", str(old), "-o", str(new)])
    assert mended.exit_code == 0 and new.read_bytes() == bundle and "8 blocks computed again" in mended.stdout
    old.write_bytes(bundle[:10_000] + bytes(20_000) + bundle[30_000:])
    refused = CliRunner().invoke(main, ["repair", str(old), "-o", str(stock / "no.voice"), "--json"])
    assert refused.exit_code == 1 and "too many" in json.loads(refused.stdout)["error"]["sentence"]
    assert "too few" in CliRunner().invoke(main, ["check", str(old)]).stdout
