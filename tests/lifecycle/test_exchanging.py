"""Two directories change places, at once and in two steps, and a kill in between is finished or undone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lifecycle import exchanging
from lifecycle.errors import UnknownVoiceError
from lifecycle.exchanging import exchange, is_unsettled, settle
from lifecycle.store import Store


def no_exchange(new: Path, old: Path) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.fixture(params=["at once", "in two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "in two steps":
        monkeypatch.setattr(exchanging, "_at_once", no_exchange)
    return str(request.param)


def lay_out(place: Path) -> tuple[Path, Path]:
    new, old = place / "work" / "ada", place / "ada"
    for directory, word in ((new, "new"), (old, "old")):
        directory.mkdir(parents=True)
        (directory / "word").write_text(word)
    return new, old


def test_they_change_names(tmp_path: Path, way: str) -> None:
    new, old = lay_out(tmp_path)
    exchange(new, old)
    assert [(old / "word").read_text(), (new / "word").read_text()] == ["new", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada", "work"]


def test_a_refusal_leaves_both_where_they_were(tmp_path: Path, way: str) -> None:
    new, old = lay_out(tmp_path)
    with pytest.raises(OSError):
        exchange(new.with_name("nobody"), old)
    assert [(old / "word").read_text(), (new / "word").read_text()] == ["old", "new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ada", "work"]


def test_another_error_is_not_taken_for_a_system_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(new: Path, old: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new, old = lay_out(tmp_path)
    monkeypatch.setattr(exchanging, "_at_once", full)
    with pytest.raises(OSError, match="space"):
        exchange(new, old)
    assert (old / "word").read_text() == "old"


@pytest.mark.parametrize("new_is_there", [False, True])
def test_what_stands_aside_comes_back_or_goes(tmp_path: Path, new_is_there: bool) -> None:
    new, old = lay_out(tmp_path)
    old.rename(tmp_path / ".ada.0123abcd.replaced")
    if new_is_there:
        new.rename(old)
    assert is_unsettled(tmp_path, "ada") and not is_unsettled(tmp_path, "ad")
    settle(tmp_path, "bob")
    assert is_unsettled(tmp_path, "ada")
    settle(tmp_path, "ada")
    assert (old / "word").read_text() == ("new" if new_is_there else "old")
    assert not is_unsettled(tmp_path, "ada")


def test_a_voice_that_stands_aside_is_found_by_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    _, old = lay_out(store.voices_directory)
    old.rename(store.voices_directory / ".ada.0123abcd.replaced")
    assert (store.path("ada") / "word").read_text() == "old"
    with pytest.raises(UnknownVoiceError):
        store.path("bob")
