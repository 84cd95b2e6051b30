"""Voices are written whole or not at all, whatever happens to the writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.errors import BusyError, OutputExistsError, UnknownVoiceError, VoiceExistsError, VoiceNameError
from lifecycle.store import Store, default_home, new_file, require_name, require_same_kind


def write_voice(store: Store, name: str, text: str = "{}") -> None:
    with store.new_voice(name) as directory:
        (directory / "weights").mkdir()
        (directory / "weights" / "gpt").write_bytes(bytes(1000))
        (directory / "voice.json").write_text(text)


def test_a_new_voice_is_there_once_the_block_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    assert store.names() == ()
    with store.new_voice("anna") as directory:
        (directory / "voice.json").write_text("{}")
        assert store.names() == ()
    assert store.names() == ("anna",)
    assert (store.path("anna") / "voice.json").read_text() == "{}"
    assert [p.name for p in store.voices_directory.iterdir()] == ["anna"]


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(KeyError), store.new_voice("anna") as directory:
        (directory / "voice.json").write_text("{}")
        raise KeyError
    assert list(store.voices_directory.iterdir()) == []


def test_no_voice_is_ever_overwritten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_voice(store, "anna", "first")
    with pytest.raises(VoiceExistsError):
        write_voice(store, "anna", "second")
    assert (store.path("anna") / "voice.json").read_text() == "first"


def test_of_two_writers_the_second_to_finish_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(VoiceExistsError), store.new_voice("anna") as slow:
        (slow / "voice.json").write_text("slow")
        write_voice(store, "anna", "fast")
    assert (store.path("anna") / "voice.json").read_text() == "fast"
    assert [p.name for p in store.voices_directory.iterdir()] == ["anna"]


def test_an_unknown_voice_names_the_known_ones(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_voice(store, "anna")
    with pytest.raises(UnknownVoiceError) as refused:
        store.path("bert")
    assert refused.value.known == ("anna",)


@pytest.mark.parametrize("name", ["", "Anna", "a/b", "..", ".hidden", "-v", "a b", "a.b", "con", "x" * 65, "ä", "a\n"])
def test_names_that_are_no_names(name: str) -> None:
    with pytest.raises(VoiceNameError):
        require_name(name)


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True))
def test_accepted_names_stay_inside_their_directory(name: str) -> None:
    try:
        require_name(name)
    except VoiceNameError:
        return
    assert (Path("/voices") / name).resolve().parent == Path("/voices")


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_voice(store, "anna")
    dead = store.voices_directory / ".bert.00000000.unfinished"
    dead.mkdir()
    with store.new_voice("carl") as living:
        (living / "x").write_text("x")
        write_voice(store, "dora")  # cleans up as it goes
        assert living.exists()
        assert not dead.exists()
    assert store.names() == ("anna", "carl", "dora")


WRITER = """
import sys
from pathlib import Path
from tests.lifecycle.test_store import write_voice
from lifecycle.store import Store
print("ready", flush=True)
for number in range(10_000):
    write_voice(Store(Path(sys.argv[1])), f"v{number}", "whole")
"""


def test_a_writer_killed_at_any_moment_leaves_whole_voices_only(tmp_path: Path) -> None:
    """Kills 30 writers at 30 moments; what has a voice's name is always whole, and the next writer cleans up."""
    root = Path(__file__).resolve().parents[2]
    for moment in range(30):
        home = tmp_path / str(moment)
        command = [sys.executable, "-c", WRITER, str(home)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.0007 * moment)
            writer.send_signal(signal.SIGKILL)
        store = Store(home)
        for name in store.names():
            assert (store.path(name) / "voice.json").read_text() == "whole"
            assert (store.path(name) / "weights" / "gpt").stat().st_size == 1000
        write_voice(store, "after")
        assert not list(store.voices_directory.glob(".*"))


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.wav"
    with new_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    with pytest.raises(KeyError), new_file(path) as file:
        file.write(b"two")
        raise KeyError
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_must_be_new_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    with pytest.raises(OutputExistsError), new_file(path, mode=0o600, replace=False) as file:
        file.write(b"mine")
        path.write_bytes(b"theirs, while we wrote")
    assert path.read_bytes() == b"theirs, while we wrote"
    with pytest.raises(OutputExistsError), new_file(path, replace=False):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """`speak -o /dev/null` as root would put a wav in the place of the device."""
    for path in (Path("/dev/null"), tmp_path):
        with pytest.raises(OutputExistsError), new_file(path) as file:
            file.write(b"sound")
    assert Path("/dev/null").is_char_device()


def test_a_secret_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with new_file(tmp_path / "key.txt", mode=0o600, replace=False) as file:
        file.write(b"secret")
    assert (tmp_path / "key.txt").stat().st_mode & 0o777 == 0o600


def test_home_comes_from_the_environment_else_from_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_HOME", "/somewhere")
    assert default_home() == Path("/somewhere")
    monkeypatch.delenv("LIFECYCLE_HOME")
    assert default_home().name == "lifecycle"
    assert os.fspath(default_home()).startswith("/")


def test_a_voice_and_its_work_are_for_their_owner_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_voice(store, "anna")
    for directory in (store.path("anna"), store.work_directory("bert")):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_one_voice_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.work_alone("anna"), store.work_alone("bert"), pytest.raises(BusyError), store.work_alone("anna"):
        pass
    with store.work_alone("anna") as work:
        assert work.is_dir()


def test_half_a_key_that_a_killed_writer_left_goes_with_the_next_one_and_nobody_elses_does(tmp_path: Path) -> None:
    path = tmp_path / "key"
    dead = tmp_path / ".key.01234567.unfinished"
    others = [tmp_path / name for name in (".key.0123456.unfinished", ".key.2.01234567.unfinished", ".key.pub")]
    for left in (dead, *others):
        left.write_bytes(b"AGE-SECRET-KEY-")
    (tmp_path / ".key.89abcdef.unfinished").symlink_to(others[0])
    (tmp_path / ".key.00000000.unfinished").mkdir()
    os.mkfifo(tmp_path / ".key.00000001.unfinished")
    before = {left.name for left in tmp_path.iterdir()} - {dead.name}
    with new_file(path) as alive:
        alive.write(b"first")
        with new_file(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert {left.name for left in tmp_path.iterdir()} == before | {"key"}
    dead.touch()
    with pytest.raises(OutputExistsError), new_file(path, replace=False):
        pass
    assert not dead.exists()  # also where there is nothing to write


def test_a_device_a_pipe_or_a_directory_is_no_file_of_the_same_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/null"), tmp_path):
        with pytest.raises(OutputExistsError):
            require_same_kind(path, b"")
    require_same_kind(tmp_path / "nothing", b"x")
