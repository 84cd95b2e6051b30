"""A log's lines about a bundle are found, those about others are not, and no line can do harm."""

from __future__ import annotations

import json
from pathlib import Path

from lifecycle.fixity_history import BESIDE, Entry, history_of

WHEN = "2026-11-21T12:00:00+00:00"


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_lines_about_the_bundle_are_found_by_name_path_and_id(tmp_path: Path) -> None:
    bundle = tmp_path / "shelf" / "anna.voice"
    bundle.parent.mkdir()
    log = write(
        tmp_path / "log.jsonl",
        {"at": WHEN, "path": "anna.voice", "state": "whole", "copies": 3, "sha256": None, "event": "bundle"},
        {"at": WHEN, "path": "shelf/anna.voice", "state": "whole"},
        {"at": WHEN, "path": str(bundle), "state": "damaged"},
        {"at": WHEN, "bundle_id": "ab" * 32, "state": "whole"},
        {"at": WHEN, "path": "susanna.voice", "state": "whole"},
        {"at": WHEN, "path": "other/anna.voice", "state": "whole"},
    )
    history = history_of(bundle, "ab" * 32, log)
    assert history is not None and history.name == "log.jsonl"
    assert [entry.state for entry in history.entries] == ["whole", "whole", "damaged", "whole"]
    assert history.entries[0] == Entry(WHEN, "whole", (("path", "anna.voice"), ("copies", "3")))


def test_a_log_beside_the_bundle_is_found_and_none_is_no_error(tmp_path: Path) -> None:
    bundle = tmp_path / "anna.voice"
    assert history_of(bundle, None, None) is None
    write(tmp_path / BESIDE, {"at": WHEN, "path": "anna.voice", "state": "whole"})
    history = history_of(bundle, None, None)
    assert history is not None and len(history.entries) == 1


def test_what_is_no_line_is_counted_and_not_believed(tmp_path: Path) -> None:
    good = json.dumps({"at": WHEN, "path": "anna.voice", "state": "whole"}).encode()
    long = json.dumps({"path": "anna.voice", "state": "x" * 200_000}).encode()
    deep = b'{"path": "anna.voice", "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    bad = [b"{", b"\xff\xfe", b"[1]", b'"anna.voice"', b"null", long, deep]
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n\n".join([good, *bad, b'{"path": "a\\u0000"}', good]))
    history = history_of(tmp_path / "anna.voice", None, log)
    assert history is not None
    assert (len(history.entries), history.unreadable) == (2, len(bad))


def test_of_many_lines_the_newest_are_kept(tmp_path: Path) -> None:
    lines = [{"at": str(n), "path": "anna.voice", "state": "whole"} for n in range(130)]
    history = history_of(tmp_path / "anna.voice", None, write(tmp_path / "log.jsonl", *lines))
    assert history is not None
    assert (len(history.entries), history.older, history.entries[-1].at) == (100, 30, "129")
