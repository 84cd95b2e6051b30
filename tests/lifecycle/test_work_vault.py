"""What an unfinished training keeps is sealed, opens with its own key alone, and is nobody's once that is gone."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age.keys import parse_identities
from lifecycle.errors import WorkUnreadableError
from lifecycle.store import Store
from lifecycle.work_vault import WorkVault, destroy_key, forget_work, key_path, open_vault

MARKER = b"half of somebody"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def vault(store: Store) -> WorkVault:
    return open_vault(store, "ada", store.work_directory("ada"), "run", os.urandom)


def everything(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in store.home.rglob("*") if path.is_file())


@settings(max_examples=12)
@given(pieces=st.lists(st.binary(max_size=200_000), max_size=4))
def test_what_was_written_is_read(pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store(tmp_path_factory.mktemp("home"))
    vault = open_vault(store, "ada", store.work_directory("ada"), "run", os.urandom)
    path = store.work_directory("ada") / "file"
    vault.write(path, pieces)
    assert vault.read(path) == b"".join(pieces)


def test_nothing_of_it_is_readable_on_the_disk(store: Store, vault: WorkVault) -> None:
    path = store.work_directory("ada") / "gpt"
    vault.write(path, [MARKER * 9000])
    assert MARKER not in everything(store)
    again = open_vault(store, "ada", store.work_directory("ada"), "run", os.urandom)
    assert again.read(path) == MARKER * 9000
    assert again.read(path.with_name("none")) is None


def test_without_its_key_it_is_nobodys_and_the_run_begins_anew(store: Store, vault: WorkVault) -> None:
    work = store.work_directory("ada")
    vault.write(work / "gpt", [MARKER])
    kept = (work / "gpt").read_bytes()
    assert destroy_key(store, "ada")
    assert destroy_key(store, "ada") is None
    other = open_vault(store, "ada", work, "run", os.urandom)
    assert [path.name for path in work.iterdir()] == ["run.sha256"]
    (work / "gpt").write_bytes(kept)
    with pytest.raises(WorkUnreadableError, match="cannot be opened"):
        other.read(work / "gpt")


def test_another_run_has_another_key_and_nothing_of_the_last_one(store: Store, vault: WorkVault) -> None:
    work, key = store.work_directory("ada"), key_path(store, "ada").read_bytes()
    vault.write(work / "gpt", [MARKER])
    (work / "base").mkdir()
    assert open_vault(store, "ada", work, "run", os.urandom).read(work / "gpt") == MARKER
    open_vault(store, "ada", work, "another run", os.urandom)
    assert key_path(store, "ada").read_bytes() != key
    assert [path.name for path in work.iterdir()] == ["run.sha256"]


def test_a_changed_file_or_key_is_told(store: Store, vault: WorkVault) -> None:
    work = store.work_directory("ada")
    vault.write(work / "gpt", [MARKER])
    data = bytearray((work / "gpt").read_bytes())
    data[-1] ^= 1
    (work / "gpt").write_bytes(data)
    with pytest.raises(WorkUnreadableError):
        vault.read(work / "gpt")
    (work / "gpt").write_bytes(data[:20])
    with pytest.raises(WorkUnreadableError):
        vault.read(work / "gpt")
    key_path(store, "ada").write_text("no key\n")
    with pytest.raises(WorkUnreadableError):
        open_vault(store, "ada", work, "run", os.urandom)


def test_a_writer_that_fails_leaves_what_was_there(store: Store, vault: WorkVault) -> None:
    path = store.work_directory("ada") / "gpt"
    vault.write(path, [b"first"])

    def broken() -> Iterator[bytes]:
        yield b"sec"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        vault.write(path, broken())
    assert vault.read(path) == b"first"
    assert {entry.name for entry in path.parent.iterdir()} == {"gpt", "run.sha256"}


def test_age_itself_opens_it(store: Store, vault: WorkVault) -> None:
    """The key file is an identity file, whose one identity opens the file without this module."""
    path = store.work_directory("ada") / "gpt"
    vault.write(path, [MARKER])
    assert len(parse_identities(key_path(store, "ada").read_text())) == 1
    age = shutil.which("age")
    version = subprocess.run([age, "--version"], capture_output=True, text=True, check=True).stdout if age else ""
    if not version or tuple(version.strip().lstrip("v").split(".")[:2]) < ("1", "3"):
        pytest.skip("no age that knows post-quantum keys is installed")
    opened = subprocess.run([age, "-d", "-i", key_path(store, "ada"), path], capture_output=True, check=True)
    assert opened.stdout == MARKER


def test_keys_and_work_are_their_owners_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "new" / "home")
        work = store.work_directory("ada")
        open_vault(store, "ada", work, "run", os.urandom).write(work / "gpt", [MARKER])
        with store.new_voice("bert"):
            pass
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (store.home, *store.home.rglob("*"))}
    assert {path.name for path, mode in modes.items() if path.is_dir() and mode != 0o700} == set()
    assert modes[key_path(store, "ada")] == modes[work / "gpt"] == 0o600


def test_no_repr_shows_the_key(store: Store, vault: WorkVault) -> None:
    secret = key_path(store, "ada").read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY") and secret not in repr(vault) and "secret" not in repr(vault)


def test_what_is_forgotten_loses_its_key_first(store: Store, vault: WorkVault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.write(store.work_directory("ada") / "gpt", [MARKER])
    seen = []
    rmtree = shutil.rmtree

    def watched(path: Path, ignore_errors: bool = False) -> None:
        seen.append(key_path(store, "ada").exists())
        rmtree(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", watched)
    forget_work(store, "ada")
    assert seen == [False]
    assert not (store.home / "work" / "ada").exists()
