"""open_bundle.py as its user runs it: taken out of a bundle, in an interpreter that has nothing of ours."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import cryptography
import pytest

from archive.age.keys import identity_file
from tests.archive.conftest import Small
from tests.archive.crafting import HYBRID, IDENTITY, PASSPHRASE, STRANGER, write_members


def run(
    small: Small, directory: Path, *more: str, passphrase: str = "\n", python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Take open_bundle.py out of the bundle and run it there. Without a terminal, getpass reads standard input."""
    directory.mkdir(exist_ok=True)
    with tarfile.open(small.path) as tar:
        member = tar.extractfile("open_bundle.py")
        assert member
        (directory / "open_bundle.py").write_bytes(member.read())
    return subprocess.run(
        [python, "-I", "-W", "ignore", "open_bundle.py", str(small.path), "voice", *more],
        cwd=directory,
        input=passphrase,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )


def key_file(directory: Path, *, right: bool) -> str:
    path = directory / "key.txt"
    keys = [IDENTITY, HYBRID] if right else [STRANGER]
    path.write_text("# a comment\n\n" + "\n".join(identity_file(key, created="now") for key in keys))
    return str(path)


def test_it_opens_every_kind(small: Small, tmp_path: Path) -> None:
    kind = small.path.stem
    more = ["-i", key_file(tmp_path, right=True)] if kind in ("hybrid", "x25519") else []
    done = run(small, tmp_path / "place", *more, passphrase=PASSPHRASE + "\n")
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
    for path, source in small.members.items():
        assert (tmp_path / "place" / "voice" / path).read_bytes() == source.read_bytes()


def test_it_refuses_in_one_sentence(smalls: dict[str, Small], tmp_path: Path) -> None:
    wrong = key_file(tmp_path, right=False)
    for done in (
        run(smalls["x25519"], tmp_path / "place", "-i", wrong),
        run(smalls["scrypt"], tmp_path / "place", passphrase="wrong\n"),
        run(smalls["scrypt"], tmp_path / "place", passphrase=""),
        run(smalls["x25519"], tmp_path / "place", "-i", str(tmp_path / "missing")),
    ):
        assert done.returncode == 1
        assert (
            done.stderr.splitlines()[-1].removeprefix("Password: ").startswith("open_bundle.py: nothing was opened: ")
        )
        assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["open_bundle.py"]


def test_it_writes_into_nothing_that_is_there(smalls: dict[str, Small], tmp_path: Path) -> None:
    (tmp_path / "voice").mkdir()
    done = run(smalls["public"], tmp_path)
    assert done.returncode == 1 and "already exists" in done.stderr
    assert list((tmp_path / "voice").iterdir()) == []


@pytest.mark.parametrize("more", [["--help"], ["-i"], ["-x", "key"], ["-i", "key", "more"]])
def test_a_call_that_makes_no_sense_shows_how(more: list[str], smalls: dict[str, Small], tmp_path: Path) -> None:
    done = run(smalls["public"], tmp_path, *more)
    assert done.returncode == 1 and "python3 open_bundle.py BUNDLE DIRECTORY [-i KEYFILE]" in done.stderr


def test_it_opens_a_public_bundle_without_cryptography(smalls: dict[str, Small], tmp_path: Path) -> None:
    """And says what is missing for an encrypted one."""
    script = (
        "import sys, runpy; sys.modules['cryptography'] = None; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    reader = str(Path(__file__).resolve().parents[2] / "archive" / "open_bundle.py")
    for kind, expected in (("public", 0), ("x25519", 1)):
        call = [sys.executable, "-I", "-c", script, reader, str(smalls[kind].path), str(tmp_path / kind)]
        done = subprocess.run(
            [*call, "-i", key_file(tmp_path, right=True)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == expected, done.stderr
        assert ('needs the Python package "cryptography"' in done.stderr) == (expected == 1)


def test_it_is_python_3_8() -> None:
    """Syntax that old interpreters parse; the `X | Y` of annotations is never evaluated."""
    import ast

    source = (Path(__file__).resolve().parents[2] / "archive" / "open_bundle.py").read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    assert "from __future__ import annotations" in source
    newer = {"removeprefix", "removesuffix", "is_relative_to", "zip_strict", "bit_count"}
    assert not newer & {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_members_helper_is_what_the_bundles_hold(small: Small, tmp_path: Path) -> None:
    assert set(write_members(tmp_path)) == set(small.members)


def test_it_needs_nothing_but_the_standard_library_and_cryptography(smalls: dict[str, Small], tmp_path: Path) -> None:
    """In a virtual environment that is empty but for that package, and the C glue that it is built on."""
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    (places,) = (tmp_path / "empty" / "lib").glob("python*/site-packages")
    installed = Path(cryptography.__file__).parents[1]
    for package in ("cryptography", "cffi", *(path.name for path in installed.glob("_cffi_backend*"))):
        if (installed / package).exists():
            (places / package).symlink_to(installed / package)
    assert len(list(places.iterdir())) <= 3
    for kind in ("hybrid", "x25519", "scrypt", "public"):
        place = tmp_path / kind
        more = ["-i", key_file(tmp_path, right=True)] if kind in ("hybrid", "x25519") else []
        python = str(tmp_path / "empty" / "bin" / "python")
        done = run(smalls[kind], place, *more, passphrase=PASSPHRASE + "\n", python=python)
        assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
        for path, source in smalls[kind].members.items():
            assert (place / "voice" / path).read_bytes() == source.read_bytes()
