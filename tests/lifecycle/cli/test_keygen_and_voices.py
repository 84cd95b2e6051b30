"""`keygen` writes a secret that only its owner reads; `voices` lists what is there."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from archive.age.keys import parse_identities
from lifecycle.cli import main
from lifecycle.store import Store


def test_keygen_writes_the_secret_and_prints_the_public_half(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    result = CliRunner().invoke(main, ["keygen", "-o", str(path)])
    assert result.exit_code == 0
    (identity,) = parse_identities(path.read_text())
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
