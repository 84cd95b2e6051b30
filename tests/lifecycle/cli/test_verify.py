"""`lifecycle verify`: every runtime that is asked for, the likely cause beside the table, and JUnit XML."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from core_model.voice import Voice
from lifecycle.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def home(tiny_voice: Voice, tmp_path: Path) -> Path:
    """A home with the tiny voice, and another whose dictionary and decoder were touched."""
    voices = tmp_path / "home" / "voices"
    voices.mkdir(parents=True)
    (voices / "ada").symlink_to(tiny_voice.directory)
    broken = shutil.copytree(tiny_voice.directory, voices / "eve")
    dictionary = broken / "text" / "en.cmudict.dict"
    dictionary.write_bytes(dictionary.read_bytes().replace(b"\nwhales W EY1 L Z", b"\nwhales F IH1 SH"))
    path = broken / "weights" / "sovits.safetensors"
    save_file({n: np.asarray(a, np.float32) * np.float32(1.02) for n, a in load_file(path).items()}, path)
    return tmp_path / "home"


def verify(home: Path, *words: object) -> Result:
    return CliRunner().invoke(main, ["verify", *(str(word) for word in words), "--home", str(home)])


def test_torchscript_is_asked_only_where_it_is_asked_for(home: Path) -> None:
    both, every = verify(home, "ada", "--json"), verify(home, "ada", "--json", "--runtime", "all")
    assert both.exit_code == every.exit_code == 0, both.output + every.output
    assert list(json.loads(both.stdout)["runtimes"]) == ["torch", "onnx"]
    runtimes = json.loads(every.stdout)["runtimes"]
    assert list(runtimes) == ["torch", "torchscript", "onnx"]
    assert runtimes["torchscript"]["passed"] and runtimes["torchscript"]["version"].startswith("torchscript ")
    assert all(told["cause"] is None for told in runtimes.values())


def test_the_likely_cause_stands_below_the_layers(home: Path) -> None:
    told = verify(home, "eve", "--runtime", "torch")
    assert told.exit_code == 1
    assert "  likely cause: front-end data. Not as text/index.json recorded it: text/en.cmudict.dict" in told.stdout
    cause = json.loads(verify(home, "eve", "--runtime", "torch", "--json").stdout)["runtimes"]["torch"]["cause"]
    assert cause["kind"] == "front-end data"


def test_junit_xml_has_a_case_for_each_layer_and_sentence(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.xml"
    told = verify(home, "eve", "--runtime", "torch", "--junit", path, "--json")
    assert told.exit_code == 1 and json.loads(told.stdout)["junit"] == str(path)
    root = ElementTree.fromstring(path.read_bytes())
    failed = [case.attrib["name"] for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["text", "waveform[en-0]", "waveform[en-1]"]
    assert root.attrib["errors"] == "0" and root.attrib["skipped"] == "1"
    first = path.read_bytes()
    assert verify(home, "ada", "--runtime", "onnx", "--junit", path).exit_code == 0
    assert path.read_bytes() != first  # an earlier one is replaced
    path.write_text("my thesis")
    refused = verify(home, "ada", "--runtime", "onnx", "--junit", path)
    assert refused.exit_code == 1 and "is there already" in refused.stderr
    assert path.read_text() == "my thesis"
