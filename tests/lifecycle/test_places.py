"""Where bundles lie: paths, directories, patterns; and a real S3 server on this machine, through fsspec."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.errors import FormatError
from lifecycle.errors import ExtraMissingError, PlaceError
from lifecycle.places import Found, expand, is_address, is_pattern, local_copy
from tests.lifecycle.many_bundles import start


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for name in ("a.voice", "sub/b.voice", "sub/[c].voice", ".hidden/d.voice", ".e.voice", "f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link.voice").symlink_to(tmp_path / "a.voice")
    return tmp_path


def names(shelf: Path, *named: str) -> list[str]:
    return [found.place.removeprefix(f"{shelf}/") for found in expand([str(shelf / name) for name in named])]


def test_a_directory_stands_for_the_bundles_below_it(shelf: Path) -> None:
    assert names(shelf, "") == ["a.voice", "sub/[c].voice", "sub/b.voice"]
    assert expand([str(shelf / "a.voice")]) == (Found(str(shelf / "a.voice"), 7),)


def test_a_pattern_stands_for_what_matches_and_a_file_for_itself(shelf: Path) -> None:
    assert names(shelf, "*.voice") == ["a.voice"]  # link.voice is the same file, .e.voice is not finished
    assert names(shelf, ".*.voice") == [".e.voice"]
    assert names(shelf, "**/b.*") == ["sub/b.voice"]
    assert names(shelf, "s?b/[b]*") == ["sub/b.voice"]
    assert names(shelf, "sub/[c].voice") == ["sub/[c].voice"]  # it is there: no pattern
    assert names(shelf, "f.txt") == ["f.txt"]  # named in full; whether it is a bundle is found out later


def test_what_is_named_twice_is_there_once(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf)
    assert len(expand(["a.voice", "./a.voice", str(shelf / "a.voice"), "a.*", "link.voice"])) == 1
    assert all(Path(found.place).is_absolute() for found in expand(["."]))


@pytest.mark.parametrize("name", ["gone.voice", ".hidden/x", "*.gone", "sub/nothing*"])
def test_what_stands_for_nothing_is_refused(shelf: Path, name: str) -> None:
    with pytest.raises(PlaceError, match="there"):
        expand([str(shelf / "a.voice"), str(shelf / name)])


def test_a_path_is_read_where_it_lies(shelf: Path) -> None:
    with local_copy(str(shelf / "a.voice")) as (path, sha256):
        assert path == shelf / "a.voice"
        assert sha256 == hashlib.sha256(b"a.voice").hexdigest()
    with pytest.raises(FileNotFoundError), local_copy(str(shelf / "gone")):
        pass
    os.mkfifo(shelf / "pipe.voice")  # put there after the shelf was listed: nobody waits for it
    with pytest.raises(FormatError), local_copy(str(shelf / "pipe.voice")):
        pass
    assert "pipe.voice" not in names(shelf, "*.voice")


def test_addresses_are_told_from_paths() -> None:
    assert is_address("s3://bucket/a") and is_address("file:///a") and not is_address("/a://b") and not is_address("a")
    assert is_pattern("s3://bucket/*.voice") and not is_pattern("s3://bucket/a.voice")


def test_fsspec_reads_addresses_of_this_machine_too(shelf: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    found = expand([f"file://{shelf}"])
    assert [place.place for place in found] == [
        f"file://{shelf}/{name}" for name in ("a.voice", "sub/[c].voice", "sub/b.voice")
    ]
    with local_copy(found[0].place) as (path, sha256):
        assert path.read_bytes() == b"a.voice" and sha256 == hashlib.sha256(b"a.voice").hexdigest()
    assert not path.exists()
    with pytest.raises(PlaceError, match="nothing there"):
        expand([f"file://{shelf}/gone"])


def test_a_scheme_that_nobody_knows_or_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlaceError, match="cannot be read: ValueError"):
        expand(["nosuchscheme://a"])
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ExtraMissingError, match="not installed"):
        expand(["s3://bucket"])


# ---- a real server


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """The environment that leads to a moto server, a process on 127.0.0.1."""
    for package in ("moto", "flask", "s3fs"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "Running on http" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address
        yield {
            "AWS_ENDPOINT_URL": address[0],
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        process.kill()
        process.communicate()


FILL = """
import sys, s3fs
system = s3fs.S3FileSystem()
system.mkdir("shelf")
for name in ("a.voice", "sub/b.voice", ".hidden/c.voice", "f.txt"):
    system.pipe("shelf/" + name, b"no bundle")
"""


@pytest.mark.sockets("loopback")
def test_bundles_in_a_bucket_are_found_fetched_and_told_of(tmp_path: Path, server: dict[str, str]) -> None:
    """They are refused, being none: what is fetched and verified is as of any file. The slow test has whole ones."""
    environment = {**os.environ, **server}
    filled = subprocess.run([sys.executable, "-c", FILL], env=environment, capture_output=True, text=True, check=False)
    assert filled.returncode == 0, filled.stderr
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = start("verify", "s3://shelf", "--json", environment={**server, "TMPDIR": str(scratch)})
    out, err = process.communicate(timeout=120)
    told = json.loads(out)
    assert [outcome["place"] for outcome in told["bundles"]] == ["s3://shelf/a.voice", "s3://shelf/sub/b.voice"], err
    for outcome in told["bundles"]:
        assert outcome["verdict"] == "refused" and "FormatError" in outcome["told"]
        assert outcome["sha256"] == hashlib.sha256(b"no bundle").hexdigest() and outcome["size"] == 9
    assert list(scratch.iterdir()) == []


@pytest.mark.sockets("loopback")
def test_a_bucket_that_is_not_there_is_a_sentence(server: dict[str, str]) -> None:
    process = start("verify", "s3://no-such-bucket/x", "s3://none", environment=server)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1 and out == "" and "s3://no-such-bucket/x: there is nothing there" in err
    assert "bug" not in err
