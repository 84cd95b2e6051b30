"""Nothing reports home: each way into the package sets the switches before a library could read them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core_model.silence import SWITCHES

ROOT = Path(__file__).resolve().parents[2]
REPORTING = {"onnxruntime", "transformers", "huggingface_hub", "pyopenjtalk", "speechmos"}
ROOMS = ("archive", "compat_tests", "containers", "core_model", "lifecycle", "privacy")

WATCHED = """
import json, os, sys

class Watch:
    told = {}
    def find_spec(self, name, path=None, target=None):
        if name in ("onnxruntime", "transformers", "huggingface_hub"):
            self.told.setdefault(name, {key: os.environ.get(key) for key in json.loads(sys.argv[1])})

sys.meta_path.insert(0, Watch())
exec(sys.argv[2])
print(json.dumps(Watch.told))
"""
VERSION = "from core_model.runtimes import version_of; version_of('onnx')"
# What a person or a program begins with -> what they get from there.
ENTRIES = {
    "the player": "import core_model.player",
    "the runner": "from core_model import runner; runner.version_of('onnx')",
    "the command line": "import lifecycle.cli; import onnxruntime",
    "one of many bundles": f"import lifecycle.verifying_one; {VERSION}",
    "speaking, as a library": f"import lifecycle.speaking; {VERSION}",
    "HuBERT": "from tests.core_model.test_silence import load_hubert; load_hubert()",
    "Japanese": "from core_model.text.japanese_data import load_engine; load_engine(); import onnxruntime",
}


def load_hubert() -> None:
    """As `prompt` and `convert` do, up to where the folder is read."""
    from core_model.errors import CoreModelError
    from core_model.features import hubert

    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "config.json").write_text(json.dumps({"model_type": "hubert"}))
        try:
            hubert.load(Path(directory))
        except CoreModelError:
            return


def watched(code: str, environment: dict[str, str]) -> dict[str, dict[str, str | None]]:
    command = [sys.executable, "-c", WATCHED, json.dumps(list(SWITCHES)), code]
    settings = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "entry", [pytest.param(name, marks=[pytest.mark.slow] * (name == "HuBERT")) for name in ENTRIES]
)
def test_the_switches_stand_before_a_library_is_imported(entry: str) -> None:
    """Also where the person's own environment says the contrary: the value that keeps silent wins."""
    if entry == "HuBERT":
        pytest.importorskip("transformers", reason="an extra")
    if entry == "Japanese":
        pytest.importorskip("pyopenjtalk", reason="an extra")
    told = watched(ENTRIES[entry], dict.fromkeys(SWITCHES, "0"))
    assert told, "nothing that could report was imported: this entry proves nothing"
    assert {name: seen for name, seen in told.items() if seen != dict(SWITCHES)} == {}


def test_who_loaded_onnx_runtime_with_its_reports_on_is_refused() -> None:
    """It cannot be silenced any more: docs/LOG.md."""
    told = "import sys, types; sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
    told += "from core_model.errors import RuntimeMissingError\n"
    told += (
        "try:\n    import core_model.player\nexcept RuntimeMissingError as error:\n    assert 'reports' in str(error)\n"
    )
    told += "else:\n    raise AssertionError('it was taken')\n"
    assert watched(told, {}) == {}


def first_imports() -> dict[str, int]:
    """file -> the first line on which it imports one of the libraries that report."""
    found: dict[str, int] = {}
    written = re.compile(rf"(?:import|from) (?:{'|'.join(REPORTING)})")
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if written.search(text) else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if {name.partition(".")[0] for name in names} & REPORTING:
                name = path.relative_to(ROOT).as_posix()
                found[name] = min(node.lineno, found.get(name, node.lineno))
    return found


def test_every_file_that_imports_such_a_library_sets_them_first() -> None:
    found = first_imports()
    assert {"core_model/player.py", "core_model/features/hubert.py"} <= found.keys()
    for name, line in found.items():
        before = (ROOT / name).read_text().splitlines()[: line - 1]
        assert any(text.strip().startswith("os.environ.update(SWITCHES)") for text in before), name


@pytest.mark.parametrize("variable", SWITCHES)
def test_each_switch_stands_in_the_documents(variable: str) -> None:
    assert variable in (ROOT / "docs" / "privacy.md").read_text()
