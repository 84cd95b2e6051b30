"""Known failures: a form that is held to, so that a list of excuses can only shrink."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat_tests.errors import XfailsError
from compat_tests.xfails import read_xfails

KNOWN = {"tokens[en-0]", "identity"}


def test_ids_and_reasons_are_read(tmp_path: Path) -> None:
    path = tmp_path / "known.xfails"
    path.write_text("# since 2.15\n\ntokens[en-0]: it rounds: the other way\n  identity : -\n")
    assert read_xfails(path, KNOWN) == {"tokens[en-0]": "it rounds: the other way", "identity": "-"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("identity", "line 1: a test id, a colon and a reason"),
        ("identity: ", "a reason"),
        ("\nidentity: x\nidentity: y", "line 3: identity stands there twice"),
        ("tokens[en-1]: x", "there is no test"),
        ("text: x", "there is no test"),
    ],
)
def test_whatever_else_stands_there_fails_the_run(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "known.xfails"
    path.write_text(text)
    with pytest.raises(XfailsError, match=problem):
        read_xfails(path, KNOWN)
