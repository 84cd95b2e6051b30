"""`lifecycle verify --matrix`, all of it: environments that pip builds, runners in them, results, page, exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive.manifest import Manifest
from compat_tests.goldens import read_golden
from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.matrix.results import read_results
from tests.lifecycle.matrix.wheels import borrowed, offline
from tests.lifecycle.test_verifying import change_weights, moved

HERE = f"3.{sys.version_info.minor}"
ONNX = version("onnxruntime")
TORCH = version("torch").partition("+")[0]
OWN = """
[[companions]]
of = "onnxruntime"
packages = []
[[companions]]
of = "torch"
packages = []
"""  # what the borrowed wheels bring is everything


@pytest.fixture
def home(tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the voice ada, and pip told of nothing but two borrowed wheels."""
    borrowed(tmp_path / "wheels", "onnxruntime", ONNX)
    borrowed(tmp_path / "wheels", "torch", TORCH)
    wanted = offline(tmp_path / "wheels", os.environ)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in wanted.keys() - os.environ.keys():
        monkeypatch.setenv(name, wanted[name])
    shutil.copytree(tiny_voice.directory, tmp_path / "home" / "voices" / "ada")
    return tmp_path / "home"


def verify(home: Path, rows: str, *more: str) -> Result:
    matrix = home.parent / "mine.toml"
    matrix.write_text(f"schema = 1\nlimit_s = 250\n{rows}\n{OWN}")
    asked = ["verify", "ada", "--matrix", str(matrix), "--environments", str(home.parent / "cache")]
    return CliRunner().invoke(main, [*asked, "--home", str(home), *more])


def test_every_row_has_a_cell_and_one_that_cannot_be_run_stops_no_other(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home and cache are given as people give them, from where they stand; cells run elsewhere."""
    monkeypatch.chdir(tmp_path)
    home = Path(home.name)
    rows = f"""
[[rows]]
onnxruntime = ["9.9.9", "{ONNX}"]
python = ["3.99", "this"]
"""
    done = verify(home, rows, "--json", "--report", str(tmp_path / "page"))
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    cells = {(cell["version"], cell["python"]): cell for cell in told["cells"]}
    assert len(cells) == 4
    good = next(cell for cell in told["cells"] if cell["verdict"] == "passed")
    assert good["version"] == ONNX and good["python"].startswith(HERE) and good["runtime"] == f"onnxruntime {ONNX}"
    assert good["layers"] == {
        "fixity": "not run",
        "text": "passed",
        "tokens": "passed",
        "waveform": "passed",
        "identity": "passed",
    }
    assert float(good["figures"]["tokens"]) < 1e-4
    assert cells["9.9.9", HERE]["told"] == (
        "Its environment cannot be built: No matching distribution found for onnxruntime==9.9.9."
    )
    assert cells["9.9.9", "3.99"]["told"] == cells[ONNX, "3.99"]["told"] == "There is no python3.99 here."
    assert told["counts"] == {"passed": 1, "drifted": 0, "refused": 0, "not run": 3}
    found = read_results(Path(told["results"]))
    assert found.document["cells"] == told["cells"] and found.path.parent == home / "matrix"
    page = (tmp_path / "page" / "matrix.html").read_text()
    assert page.count("No matching distribution found for onnxruntime==9.9.9") == 1
    assert len(list((tmp_path / "cache" / "matrix").iterdir())) == 1  # the environment that could be built
    assert not list((home / "voices").glob(".*"))  # no voice lies about


@pytest.mark.slow
@pytest.mark.sockets("network")
def test_torch_and_torchscript_and_a_voice_that_drifted(home: Path) -> None:
    rows = f'[[rows]]\ntorch = ["{TORCH}"]\nrunners = ["torch", "torchscript"]\n'
    done = verify(home, rows)
    assert done.exit_code == 0, done.output
    assert "ada speaks as it did on all 2 rows." in done.output
    change_weights(home / "voices" / "ada", "gpt", moved(1e-3))
    done = verify(home, rows)
    assert done.exit_code == 1
    # Only the torch runner computes with the weights themselves; the graphs are the old ones.
    assert re.search(rf"^torch +{re.escape(TORCH)} .* drifted: tokens +\d\.\de", done.stdout, re.MULTILINE)
    assert re.search(rf"^torchscript +{re.escape(TORCH)} .* passed ", done.stdout, re.MULTILINE)
    assert "Of 2 rows 1 passed, 1 drifted. The first that drifted is torch, torch" in done.stdout


@pytest.mark.slow
@pytest.mark.sockets("network")
def test_a_voice_gets_its_tolerances_from_a_matrix(home: Path) -> None:
    rows = f'[[rows]]\ntorch = ["{TORCH}"]\nrunners = ["torch"]\n[[rows]]\nonnxruntime = ["{ONNX}"]\n'
    before = read_golden(home / "voices" / "ada").tolerances
    done = verify(home, rows, "--calibrate", "--json")
    assert done.exit_code == 0, done.output
    after = read_golden(home / "voices" / "ada").tolerances
    assert after.logits < before.logits and "on 2 rows of a matrix on 2" in after.found
    told = json.loads(done.stdout)
    assert told["calibrated"]["found"] == after.found and told["moved"]["verdict"] == "drifted"
    assert verify(home, rows).exit_code == 0  # within the narrower ones, too


@pytest.mark.slow
@pytest.mark.sockets("network")
def test_tolerances_that_cannot_be_taken_leave_results_and_the_voice_as_it_was(home: Path) -> None:
    record = (home / "voices" / "ada" / "golden" / "golden.json").read_bytes()
    done = verify(home, f'[[rows]]\nonnxruntime = ["{ONNX}"]\n', "--calibrate", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert "at least two versions" in told["error"]["sentence"] and Path(told["results"]).is_file()
    assert (home / "voices" / "ada" / "golden" / "golden.json").read_bytes() == record


@pytest.mark.slow
@pytest.mark.sockets("network")
@pytest.mark.skipif(HERE != "3.11", reason="onnxruntime 1.15.1 has wheels up to Python 3.11")
def test_a_real_second_environment(tiny_voice: Voice, tmp_path: Path) -> None:
    """onnxruntime 1.15.1 (5 MB) of 2023, from whatever index pip has here."""
    shutil.copytree(tiny_voice.directory, tmp_path / "home" / "voices" / "ada")
    (tmp_path / "mine.toml").write_text('schema = 1\n[[rows]]\nonnxruntime = ["1.15.1"]\npython = ["3.11"]\n')
    asked = ["verify", "ada", "--matrix", str(tmp_path / "mine.toml"), "--environments", str(tmp_path / "cache")]
    done = CliRunner().invoke(main, [*asked, "--home", str(tmp_path / "home"), "--json"])
    (cell,) = json.loads(done.stdout)["cells"]
    if "cannot be built" in cell["told"]:
        pytest.skip(f"not run: {cell['told']}")
    assert cell["verdict"] == "passed", cell["told"]
    assert cell["runtime"] == "onnxruntime 1.15.1" and float(cell["figures"]["tokens"]) < 1e-4


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["ada", "--matrix", "mine"], "name the bundle before it"),
        (["--matrix", "ada"], "name the bundle before it"),
        (["ada", "--matrix", "fast", "--runtime", "onnx"], "are not for --matrix"),
        (["ada", "--calibrate"], "are for --matrix"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_call(tmp_path: Path, asked: list[str], told: str) -> None:
    done = CliRunner().invoke(main, ["verify", *asked, "--home", str(tmp_path)])
    assert done.exit_code == 2 and told in done.output


def test_a_voice_out_of_a_bundle_is_not_calibrated(home: Path) -> None:
    (home / "voices" / "ada" / "manifest.json").write_bytes(Manifest((), {}).to_bytes())
    done = verify(home, f'[[rows]]\nonnxruntime = ["{ONNX}"]\n', "--calibrate")
    assert done.exit_code == 1 and "came out of a bundle" in done.output
