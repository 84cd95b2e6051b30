"""Our three runners: they answer what RUNNER.md asks, and each imports no more than it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core_model import runner
from core_model.sovits.dims import dims_from_dict
from core_model.voice import Voice

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("one_thread")

# Run in a fresh interpreter: asks one runner for tokens and samples where all packages but the named ones are absent.
PROBE = """
import json, sys

KEPT = set(sys.argv[1].split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ("torch", "onnxruntime", "cryptography", "click", "soxr", "soundfile", "onnx", "rich", "lifecycle",
                   "archive", "compat_tests", "privacy", "platformdirs", "jinja2", "transformers") and top not in KEPT:
            raise ModuleNotFoundError(f"{name} is absent here", name=name)

sys.meta_path.insert(0, Absent())
from core_model import runner

given = json.loads(sys.argv[3])
for verb in ("describe", "phonemize", "tokens", "decode"):
    request = json.dumps({**given["common"], "items": given.get(verb, [])})
    told, code = runner.answer(sys.argv[2], verb, request.encode())
    assert code == 0, told
print(*sorted({"torch", "onnxruntime"} & set(sys.modules)))
"""


def request(voice: Voice, work: Path) -> dict[str, object]:
    """Items of every verb."""
    np.save(work / "phonemes.npy", np.array([10, 20, 30, 40, 50]))
    np.save(work / "tokens.npy", np.array([0, 3, 4, 5]))
    frames = 8  # two for each token
    channels = dims_from_dict(voice.description.sovits).noise_channels
    np.save(work / "noise.npy", np.zeros((1, channels, frames), np.float32))
    path = {"phonemes": "phonemes.npy", "tokens": "tokens.npy"}
    return {
        "common": {"protocol": 1, "voice": str(voice.directory), "work": str(work), "threads": 1},
        "phonemize": [{"text": "Tea is hot.", "language": "en"}],
        "tokens": [path],
        "decode": [path | {"noise": "noise.npy", "noise_scale": 0.5, "steps": None}],
    }


@pytest.mark.parametrize(
    ("name", "needs"),
    [("torch", "torch,soundfile,soxr,onnx,onnxruntime"), ("torchscript", "torch"), ("onnx", "onnxruntime")],
)
def test_each_needs_its_own_runtime_and_no_other_package(
    tiny_voice: Voice, tmp_path: Path, name: str, needs: str
) -> None:
    command = [sys.executable, "-W", "error", "-c", PROBE, needs, name, json.dumps(request(tiny_voice, tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == needs.partition(",")[0]


def answer(of: Voice, verb: str, name: str = "onnx", **others: object) -> tuple[dict[str, object], int]:
    given = {"protocol": 1, "voice": str(of.directory)} | others
    return runner.answer(name, verb, json.dumps(given).encode())


def test_it_says_what_computes_and_from_which_files(tiny_voice: Voice) -> None:
    told, code = answer(tiny_voice, "describe")
    assert code == 0
    assert str(told["runtime"]).startswith("onnxruntime ") and told["packages"] == {}
    assert told["verbs"] == ["describe", "phonemize", "tokens", "decode", "speak", "listen"]
    for path in told["reads"]:  # type: ignore[attr-defined]
        assert (tiny_voice.directory / path).is_file()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol": 2}, "this runner keeps protocol 1, not 2"),
        ({"voice": "/no/such/voice"}, "voice.json"),
        ({"items": [{"text": "", "language": "en"}]}, ""),
        ({"items": [{"text": "Tea.", "language": "tlh"}]}, "no front end for language 'tlh'"),
        ({"items": [{"language": "en"}]}, "KeyError: 'text'"),
        ({"items": 7}, "TypeError"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_a_sentence(
    tiny_voice: Voice, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    told, code = answer(tiny_voice, "phonemize", **({"work": str(tmp_path)} | change))
    assert code == 1 and told["missing"] is False
    assert sentence in str(told["error"]) and "\n" not in str(told["error"])


def test_what_is_not_installed_is_said_to_be_missing(tiny_voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "core_model.torchscript_player", None)
    told, code = answer(tiny_voice, "describe", "torchscript")
    assert code == 1 and told["missing"] is True


def test_no_pickle_is_read(tiny_voice: Voice, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([object()]), allow_pickle=True)
    item = {"phonemes": "x.npy", "tokens": "x.npy"}
    told, code = answer(tiny_voice, "tokens", work=str(tmp_path), items=[item])
    assert code == 1 and "allow_pickle" in str(told["error"])


@pytest.mark.parametrize("arguments", [[], ["onnx"], ["onnx", "describe", "more"]])
def test_a_call_without_a_verb_makes_no_sense(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core_model.runner", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "usage" in done.stderr
