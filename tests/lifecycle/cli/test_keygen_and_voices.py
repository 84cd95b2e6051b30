"""`keygen` writes a secret that only its owner reads; `voices` lists what is there."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from archive.age.hybrid import HybridIdentity
from archive.age.keys import parse_identities, parse_recipients
from archive.age.x25519 import X25519Identity
from lifecycle.cli import main
from lifecycle.store import Store


def test_keygen_writes_the_secret_and_prints_the_public_half(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    result = CliRunner().invoke(main, ["keygen", "-o", str(path)])
    assert result.exit_code == 0
    (identity,) = parse_identities(path.read_text())
    assert isinstance(identity, HybridIdentity)
    assert f"# public key: {identity.recipient}\n" in path.read_text()
    assert result.stdout == f"{identity.recipient}\n"
    assert identity.secret_text() not in result.output
    assert path.stat().st_mode & 0o777 == 0o600


def test_keygen_never_overwrites_a_key(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    path.write_text("an older key")
    result = CliRunner().invoke(main, ["keygen", "-o", str(path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["kind"] == "OutputExistsError"
    assert path.read_text() == "an older key"


def test_an_x25519_key_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["keygen", "-o", str(tmp_path / "key.txt"), "--x25519", "--json"])
    (identity,) = parse_identities((tmp_path / "key.txt").read_text())
    assert isinstance(identity, X25519Identity)
    told = {"recipient": str(identity.recipient), "identity_file": str(tmp_path / "key.txt"), "recovery": None}
    assert json.loads(result.stdout) == told


def test_a_recovery_key_is_shown_and_is_in_no_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["keygen", "-o", str(tmp_path / "key.txt"), "--recovery"])
    assert result.exit_code == 0
    shown = [line for line in result.stderr.splitlines() if line.startswith("AGE-SECRET-KEY-PQ-1")]
    (second,) = parse_identities("\n".join(shown))
    (first,) = parse_identities((tmp_path / "key.txt").read_text())
    assert parse_recipients(result.stdout) == (first.recipient, second.recipient)
    assert f"# recovery public key: {second.recipient}\n" in (tmp_path / "key.txt").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["key.txt"]
    assert second.secret_text() not in (tmp_path / "key.txt").read_text() + result.stdout


def test_a_recovery_sheet_is_written_when_it_is_asked_for(tmp_path: Path) -> None:
    key, sheet = tmp_path / "key.txt", tmp_path / "sheet.svg"
    call = ["keygen", "-o", str(key), "--recovery-sheet", str(sheet), "--json"]
    told = json.loads(CliRunner().invoke(main, call).stdout)["recovery"]
    assert told["sheet"] == str(sheet) and told["identity"] is None
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert "AGE-SECRET-KEY-PQ-1" in sheet.read_text()
    call = ["keygen", "-o", str(tmp_path / "other.txt"), "--recovery-sheet", str(sheet)]
    assert CliRunner().invoke(main, call).exit_code == 1
    assert not (tmp_path / "other.txt").exists()  # else its recovery key would be in nobody's hands
    call = ["keygen", "-o", str(tmp_path / "same"), "--recovery-sheet", str(tmp_path / "same")]
    assert CliRunner().invoke(main, call).exit_code == 2


def test_voices_of_an_empty_and_of_a_full_home(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["voices", "--home", str(tmp_path)]).stdout == f"No voices in {tmp_path} yet.\n"
    for name in ("bert", "anna"):
        with Store(tmp_path).new_voice(name):
            pass
    assert CliRunner().invoke(main, ["voices", "--home", str(tmp_path)]).stdout == "anna\nbert\n"
    told = json.loads(CliRunner().invoke(main, ["voices", "--home", str(tmp_path), "--json"]).stdout)
    assert told["voices"][0] == {"name": "anna", "path": str(tmp_path / "voices" / "anna")}


def test_home_from_the_environment(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["voices"], env={"LIFECYCLE_HOME": str(tmp_path)})
    assert str(tmp_path) in result.stdout
