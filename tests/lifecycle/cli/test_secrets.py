"""Secrets come from files and descriptors; none is taken as an argument, repeated, or left for others to read."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from archive.age.x25519 import X25519Identity
from lifecycle.cli import VERBS, main
from lifecycle.cli.secret_paths import SecretFile, require_no_secret
from lifecycle.consenting import disclaim
from lifecycle.store import Store
from tests.lifecycle.paper_voice import pack_paper_voice, write_paper_voice

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 28, tzinfo=UTC)
SECRET = "the-mustard-is-under-the-stairs"


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of every verb."""
    for verb in VERBS:
        command = main.get_command(None, verb)  # type: ignore[arg-type]
        assert command is not None
        yield verb, command
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", part) for name, part in command.commands.items())


def test_no_option_takes_a_secret_itself() -> None:
    suspicious = ("passphrase", "password", "secret", "identit", "identity", "signing", "pin")
    found = 0
    for name, command in commands():
        for parameter in command.params:
            words = [str(parameter.name), *parameter.opts]
            named = any(word in one.lower().replace("pinn", "") for one in words for word in suspicious)
            if not named or (isinstance(parameter, click.Option) and parameter.is_flag):
                continue
            assert isinstance(parameter.type, SecretFile), f"lifecycle {name} takes {parameter.opts} as it stands"
            found += 1
        options = {option for parameter in command.params for option in parameter.opts}
        assert not options & {"--passphrase", "--password", "--secret", "--secret-key", "--key"}, name
    assert found > 10


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of a voice on paper for the identity in key.txt."""
    identity = X25519Identity.generate(os.urandom)
    (tmp_path / "key.txt").touch(mode=0o600)
    (tmp_path / "key.txt").write_text(identity.secret_text() + "\n")
    voice = write_paper_voice(tmp_path / "made" / "anna")
    pack_paper_voice(tmp_path / "anna.voice", voice, identity.recipient)
    return tmp_path / "anna.voice"


@pytest.mark.parametrize("as_json", [[], ["--json"], ["--debug"]])
@pytest.mark.parametrize(
    "words",
    [
        ("archive", "anna", "-o", "x.voice", "--to", "{key}"),
        ("archive", "anna", "-o", "x.voice", "--sign", "{key}", "--public"),
        ("inspect", "{bundle}", "-i", "{key}"),
        ("restore", "{bundle}", "--trust", "{key}"),
        ("inspect", "{bundle}", "--identity={key}"),
        ("environment", "venv", "{bundle}", "x", "-i", "{key}"),
        ("{key}",),
    ],
)
def test_a_key_among_the_arguments_is_refused_and_not_repeated(
    bundle: Path, words: tuple[str, ...], as_json: list[str]
) -> None:
    key = (bundle.parent / "key.txt").read_text().strip()
    for spelled in (key, key.lower()):
        result = call(*(word.format(key=spelled, bundle=bundle) for word in words), *as_json)
        assert result.exit_code == 2
        assert "A secret key stands among the arguments" in result.output
        assert spelled not in result.output + result.stderr and spelled[:24] not in result.stderr


@pytest.mark.parametrize("option", [(), ("--dask",), ("--resume",)])
def test_a_password_in_an_address_is_refused_and_not_repeated(option: tuple[str, ...]) -> None:
    result = call("verify", *option, f"ftp://anna:{SECRET}@192.0.2.1/shelf")
    assert result.exit_code == 2
    assert "A password stands in an address" in result.stderr
    assert SECRET not in result.output + result.stderr


def test_an_address_without_one_is_not_taken_for_one() -> None:
    for address in ("s3://bucket/shelf", "tcp://127.0.0.1:8786", "s3://bucket/a:b@c/*.voice", "ftp://anna@192.0.2.1/x"):
        require_no_secret(["verify", address])


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "{bundle}", "--passphrase-file", SECRET),
        ("inspect", "{bundle}", "-i", SECRET),
        ("refresh", "{bundle}", "--to-passphrase-file", SECRET, "-o", "x.voice"),
        ("archive", "anna", "--sign", SECRET, "--public"),
    ],
)
def test_a_passphrase_in_the_place_of_its_file_is_not_repeated(bundle: Path, words: tuple[str, ...]) -> None:
    result = call(*(word.format(bundle=bundle) for word in words))
    assert result.exit_code == 2
    assert "it names no file that can be read" in result.stderr
    assert SECRET not in result.output + result.stderr


def test_a_key_and_a_passphrase_may_come_through_a_descriptor(bundle: Path) -> None:
    program = [sys.executable, "-c", "from lifecycle.cli import main; main()"]
    identity = bundle.parent / "key.txt"
    words = [*program, "inspect", str(bundle), "--json", "-i"]
    read, write = os.pipe()
    os.write(write, identity.read_bytes())
    os.close(write)
    done = subprocess.run([*words, f"/dev/fd/{read}"], cwd=ROOT, pass_fds=[read], capture_output=True, check=False)
    os.close(read)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["inside"]


def test_many_processes_cannot_share_a_descriptor(bundle: Path) -> None:
    with (bundle.parent / "key.txt").open() as key:
        result = call("verify", bundle.parent, "-i", f"/dev/fd/{key.fileno()}", "--accept-unsigned")
    assert result.exit_code == 2
    assert "Keys for many bundles lie in files" in result.stderr


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize(("mode", "said"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_key_that_others_may_read_is_used_and_that_is_said(
    bundle: Path, mode: int, said: bool, as_json: list[str]
) -> None:
    key = bundle.parent / "key.txt"
    key.chmod(mode)
    result = call("inspect", bundle, "-i", key, *as_json)
    assert result.exit_code == 0, result.output
    assert (f"OTHERS ON THIS MACHINE MAY READ {key}" in result.stderr) == said
    if as_json:
        assert json.loads(result.stdout)["inside"]


def test_so_is_a_key_of_the_home(tmp_path: Path) -> None:
    write_paper_voice(tmp_path / "home" / "voices" / "anna")
    disclaim(Store(tmp_path / "home"), "anna", "own", os.urandom, NOW)
    key = tmp_path / "home" / "keys" / "signing"
    assert "OTHERS" not in call("voices", "--home", tmp_path / "home").stderr
    key.chmod(0o644)
    assert f"OTHERS ON THIS MACHINE MAY READ {key}" in call("voices", "--home", tmp_path / "home").stderr


def modes(directory: Path) -> dict[str, str]:
    """Of everything below *directory* that somebody else can come to, its mode."""
    found = {}
    for path in [directory, *directory.iterdir()]:
        mode = stat.S_IMODE(path.stat().st_mode)
        found[path.relative_to(directory).as_posix()] = f"{mode:o}"
        if path != directory and path.is_dir() and mode & 0o077:
            found |= {f"{path.name}/{name}": told for name, told in modes(path).items()}
    return found


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_whatever_the_umask_a_home_is_its_owners_alone(tmp_path: Path, umask: int, bundle: Path) -> None:
    before = os.umask(umask)
    try:
        home = tmp_path / "deep" / "home"
        key = tmp_path / "new.txt"
        assert call("keygen", "-o", key, "--recovery-sheet", tmp_path / "sheet.svg").exit_code == 0
        assert call("keygen", "--signing", "-o", tmp_path / "signer").exit_code == 0
        words = ("-i", bundle.parent / "key.txt", "--accept-unsigned", "--home", home)
        assert call("restore", bundle, *words).exit_code == 0
        agreed = call("consent", "anna", "--speaker", "Anna", "--expires", "2045-01-01", "--home", home)
        assert agreed.exit_code == 0, agreed.output
        Store(home).work_directory("berta")
        assert call("destroy", "anna", "--voice", "--yes", "--home", home).exit_code == 0
    finally:
        os.umask(before)
    assert modes(home) == {".": "700"} | {
        name: "600" if name == ".lock" else "700" for name in (".lock", "keys", "ledgers", "voices", "work")
    }
    keys = home / "keys" / "signing", home / "keys" / "pseudonyms"
    for path in (key, tmp_path / "sheet.svg", tmp_path / "signer", *keys):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for path in (home / "ledgers").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((home / "work" / "berta").stat().st_mode) == 0o700


def test_a_home_that_was_opened_to_others_is_left_so(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    Store(tmp_path / "home").work_directory("anna")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "home" / "work").stat().st_mode) == 0o700
