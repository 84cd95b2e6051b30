"""A log of whole lines: what was written is read again, what a power cut left is passed over, one process writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.errors import LogBusyError
from lifecycle.line_log import open_lines

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@settings(max_examples=20)  # each line is brought to the disk
@given(st.lists(st.dictionaries(st.text(), JSON), max_size=4))
def test_what_was_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    told = [{**record, "event": "x"} for record in records]
    with open_lines(path) as log:
        for record in told:
            log.append(record)
    with open_lines(path) as log:
        assert log.records == told and log.unreadable_lines == 0


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    name = b"caf\xe9.voice".decode("utf-8", "surrogateescape")
    with open_lines(tmp_path / "log") as log:
        log.append({"event": "bundle", "path": name})
    with open_lines(tmp_path / "log") as log:
        assert log.records[0]["path"] == name


@pytest.mark.parametrize("cut", range(1, 20, 3))
def test_a_line_without_its_end_is_passed_over_and_the_next_begins_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log"
    with open_lines(path) as log:
        log.append({"event": "a"})
        log.append({"event": "bbbbbbbbbb"})
    path.write_bytes(path.read_bytes()[:-cut])
    with open_lines(path) as log:
        log.append({"event": "c"})
    with open_lines(path) as log:
        events = [record["event"] for record in log.records]
        assert events in (["a", "c"], ["a", "bbbbbbbbbb", "c"]) and (cut == 1) == (len(events) == 3)
        assert log.unreadable_lines == (0 if cut == 1 else 1)


def test_one_process_writes_it(tmp_path: Path) -> None:
    with open_lines(tmp_path / "log"), pytest.raises(LogBusyError), open_lines(tmp_path / "log"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(OSError), open_lines(tmp_path / "link"):
        pass
