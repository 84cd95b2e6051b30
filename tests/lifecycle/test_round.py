"""One voice, all the way round, through the command line: archived, verified elsewhere, restored, and it speaks.

The voice is tiny and its networks are real; `tests/tiny_voice.py` says what it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core_model.export.process import write_exports
from core_model.voice import Voice
from lifecycle.store import Store
from tests.lifecycle.calling import answer, call
from tests.tiny_voice import make_tiny_voice

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Round:
    """The voice 'ada' in `home`, archived to `key` as `bundle`, and restored into `second`."""

    home: Path
    second: Path
    key: Path
    recipient: str
    bundle: Path
    bundle_id: str

    @property
    def signer(self) -> Path:
        """Whom to trust."""
        return self.home / "keys" / "signing.pub"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Round:
    """Made once: exporting takes seconds. Tests that change anything make a copy."""
    place = tmp_path_factory.mktemp("round")
    make_tiny_voice(place / "home" / "voices" / "ada")
    key, bundle = place / "key.txt", place / "ada.voice"
    recipient = answer("keygen", "-o", key)["recipient"]
    told = answer("archive", "ada", "--home", place / "home", "--to", recipient, "-o", bundle, "--rebuild-check")
    assert told["rebuilt"] is True
    trust = ("--trust", place / "home" / "keys" / "signing.pub")
    assert answer("restore", bundle, "-i", key, "--home", place / "second", *trust)["trusted"] is True
    return Round(place / "home", place / "second", key, recipient, bundle, told["bundle_id"])


def test_the_archive_verifies_from_an_empty_home_on_both_runtimes(once: Round, tmp_path: Path) -> None:
    told = answer("verify", once.bundle, "-i", once.key, "--home", tmp_path / "empty")
    assert told["bundle_id"] == once.bundle_id
    for runtime in ("torch", "onnx"):
        layers = {layer["name"]: layer["verdict"] for layer in told["runtimes"][runtime]["layers"]}
        assert layers == dict.fromkeys(("fixity", "text", "tokens", "waveform", "identity"), "passed")
    assert list((tmp_path / "empty" / "voices").iterdir()) == []


def test_a_restored_voice_archives_to_the_same_bundle_id(once: Round, tmp_path: Path) -> None:
    told = answer("archive", "ada", "--home", once.second, "--public", "-o", tmp_path / "again.voice")
    assert told["bundle_id"] == once.bundle_id
    assert told["rebuilt"] is False


def test_only_what_is_told_is_written_beside_the_voices(once: Round) -> None:
    assert [path.name for path in Store(once.home).voices_directory.iterdir()] == ["ada"]
    assert not (Store(once.home).path("ada") / "exports").exists()  # made anew for the archive, elsewhere


def test_both_runtimes_say_the_same(once: Round, tmp_path: Path) -> None:
    said = {}
    for runtime in ("torch", "onnx"):
        path = tmp_path / f"{runtime}.wav"
        text = "The first sentence is short. The second one is a little longer."
        told = answer("speak", "ada", text, "-o", path, "--home", once.second, "--runtime", runtime, "--seed", 5)
        assert len(told["sentences"]) == 2
        said[runtime] = [sentence["tokens"] for sentence in told["sentences"]], soundfile.read(path)[0]
    assert said["torch"][0] == said["onnx"][0]
    error = said["torch"][1] - said["onnx"][1]
    assert 10 * np.log10(np.mean(said["torch"][1] ** 2) / np.mean(error**2)) > 40


def test_the_same_seed_says_the_same_and_another_seed_does_not(once: Round, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        answer("speak", "ada", "Good morning.", "-o", tmp_path / name, "--home", once.second, "--seed", seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_preview_says_so(once: Round, tmp_path: Path) -> None:
    words = ("speak", "ada", "Hello.", "-o", tmp_path / "a.wav", "--home", once.home)
    assert "This voice is a preview" in call(*words).stderr
    result = call(*words, "--json")
    assert result.stderr == ""
    assert json.loads(result.stdout)["preview"] is True


NO_TORCH = """
import sys
sys.modules["torch"] = None  # importing it now raises ModuleNotFoundError
from lifecycle.cli import main
main(sys.argv[1:], prog_name="lifecycle")
"""


def without_torch(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NO_TORCH, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_where_torch_is_gone_a_voice_is_restored_verified_and_speaks(once: Round, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for words in (
        ("check", once.bundle),
        ("restore", once.bundle, "-i", once.key, "--home", home, "--trust", once.signer),
        ("speak", "ada", "Still here.", "-o", tmp_path / "out.wav", "--home", home, "--runtime", "onnx"),
        ("verify", "ada", "--home", home, "--runtime", "onnx"),
    ):
        run = without_torch(*words)
        assert run.returncode == 0, run.stderr
    assert soundfile.info(tmp_path / "out.wav").duration > 0.1


def test_where_torch_is_gone_its_layers_are_not_run_and_that_is_said(once: Round) -> None:
    run = without_torch("verify", "ada", "--home", once.second, "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert [layer["verdict"] for layer in told["runtimes"]["torch"]["layers"]][2:] == ["not run"] * 3
    assert told["runtimes"]["torch"]["passed"] is False
    assert without_torch("verify", "ada", "--home", once.second, "--runtime", "torch").returncode == 1
    run = without_torch("speak", "ada", "Hello.", "-o", "/dev/null", "--home", once.second)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("lifecycle: torch is not installed.\nHint: ")


def test_a_passphrase_opens_what_it_closed_and_another_does_not(once: Round, tmp_path: Path) -> None:
    right, wrong, bundle = tmp_path / "right", tmp_path / "wrong", tmp_path / "ada.voice"
    right.write_text("correct horse\n")
    wrong.write_text("incorrect horse\n")
    answer("archive", "ada", "--home", once.second, "--passphrase-file", right, "-o", bundle)
    result = call("restore", bundle, "--passphrase-file", wrong, "--home", tmp_path / "home", "--json")
    assert json.loads(result.stdout)["error"]["kind"] == "NoMatchingKeyError"
    trust = ("--trust", once.second / "keys" / "signing.pub")
    told = answer("restore", bundle, "--passphrase-file", right, "--home", tmp_path / "home", *trust)
    assert told["bundle_id"] == once.bundle_id


@pytest.mark.parametrize("whom", [[], ["--public", "--to", "age1x"], ["--public", "--passphrase-file", __file__]])
def test_whom_a_bundle_is_for_is_said_once(once: Round, whom: list[str]) -> None:
    assert call("archive", "ada", "--home", once.home, *whom).exit_code == 2


def test_a_slip_in_a_recipient_writes_nothing(once: Round, tmp_path: Path) -> None:
    slip = once.recipient[:-1] + ("q" if once.recipient[-1] != "q" else "p")
    result = call("archive", "ada", "--home", once.home, "--to", slip, "-o", tmp_path / "ada.voice")
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def damaged(once: Round, tmp_path: Path, kind: str) -> Path:
    """Return a copy of the bundle that was damaged as *kind* says."""
    data = bytearray(once.bundle.read_bytes())
    if kind == "flipped":
        data[len(data) // 2] ^= 1
    bundle = tmp_path / f"{kind}.voice"
    bundle.write_bytes(data[: len(data) // 2] if kind == "truncated" else data)
    return bundle


@pytest.mark.parametrize("kind", ["flipped", "truncated"])
def test_damage_is_exit_1_with_a_sentence_and_leaves_nothing(once: Round, tmp_path: Path, kind: str) -> None:
    bundle, home = damaged(once, tmp_path, kind), tmp_path / "home"
    sentences = []
    for verb in ("check", "verify", "restore"):
        keys = () if verb == "check" else ("-i", once.key, "--home", home)
        result = call(verb, bundle, *keys)
        assert result.exit_code == 1, verb
        sentences.append(result.output)
    assert all("a bug" not in sentence and "Traceback" not in sentence for sentence in sentences)
    assert Store(home).names() == ()


def test_verify_names_the_damage_and_runs_nothing_behind_it(once: Round, tmp_path: Path) -> None:
    result = call("verify", damaged(once, tmp_path, "flipped"), "-i", once.key, "--home", tmp_path / "home", "--json")
    assert result.exit_code == 1
    layers = json.loads(result.stdout)["runtimes"]["torch"]["layers"]
    assert [layer["verdict"] for layer in layers] == ["failed"] + ["not run"] * 4
    assert "payload.tar.age" in layers[0]["told"]


def test_a_wrong_key_and_no_key_have_their_sentence(once: Round, tmp_path: Path) -> None:
    answer("keygen", "-o", tmp_path / "other.txt")
    wrong, none = "none of the keys opens this bundle", "this bundle is encrypted, and no key was given"
    for keys, sentence in ((("-i", tmp_path / "other.txt"), wrong), ((), none)):
        for verb in ("verify", "restore"):
            result = call(verb, once.bundle, *keys, "--home", tmp_path / "home")
            assert result.exit_code == 1
            assert result.stderr.startswith(f"lifecycle: {sentence}.\nHint: ")
    assert Store(tmp_path / "home").names() == ()


def test_another_voices_weights_in_the_right_shape_are_found(once: Round, tmp_path: Path) -> None:
    """The golden outputs tell: tokens and waveform drift, and it is somebody else who speaks."""
    home = tmp_path / "home"
    shutil.copytree(once.home, home)
    other = make_tiny_voice(tmp_path / "eve", seed=9, golden=False)
    shutil.rmtree(home / "voices" / "ada" / "weights")
    shutil.copytree(other.directory / "weights", home / "voices" / "ada" / "weights")
    write_exports(Voice.open(home / "voices" / "ada"))
    result = call("verify", "ada", "--home", home, "--json")
    assert result.exit_code == 1
    for runtime in json.loads(result.stdout)["runtimes"].values():
        verdicts = {layer["name"]: layer["verdict"] for layer in runtime["layers"]}
        assert runtime["diagnosis"] == "tokens"
        assert {verdicts[name] for name in ("tokens", "waveform", "identity")} == {"failed"}


def test_a_file_changed_after_restoring_is_named(once: Round, tmp_path: Path) -> None:
    shutil.copytree(once.second, tmp_path / "home")
    path = Store(tmp_path / "home").path("ada") / "text" / "index.json"
    path.write_bytes(path.read_bytes() + b"\n")
    result = call("verify", "ada", "--home", tmp_path / "home", "--json")
    assert result.exit_code == 1
    fixity = json.loads(result.stdout)["runtimes"]["torch"]["layers"][0]
    assert fixity["verdict"] == "failed"
    assert "text/index.json" in fixity["told"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["ada", ""], "EmptyTextError"),
        (["ada", " ... "], "EmptyTextError"),
        (["ada", "Guten Tag.", "--language", "de"], "UnknownLanguageError"),
        (["bert", "Hello."], "UnknownVoiceError"),
        (["ada", "--phonemes", "HH AH0 XX"], "UnknownPhonemeError"),
        (["ada", "--phonemes", " "], "EmptyTextError"),
    ],
)
def test_what_cannot_be_spoken_is_refused(once: Round, tmp_path: Path, words: list[str], kind: str) -> None:
    words = [*words, "-o", str(tmp_path / "out.wav"), "--home", str(once.home)]
    assert json.loads(call("speak", *words, "--json").stdout)["error"]["kind"] == kind
    result = call("speak", *words)
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["lifecycle", "Hint"]
    assert list(tmp_path.iterdir()) == []


def test_phonemes_and_speed(once: Round, tmp_path: Path) -> None:
    spoken = [answer("speak", "ada", "--phonemes", "HH AH0 L OW1 .", "-o", tmp_path / "a", "--home", once.home)]
    spoken += [answer("speak", "ada", "Hello.", "-o", tmp_path / "b", "--home", once.home, "--speed", "2")]
    assert spoken[0]["sentences"][0]["tokens"] == spoken[1]["sentences"][0]["tokens"]
    assert spoken[1]["seconds"] == pytest.approx(spoken[0]["seconds"] / 2, rel=0.1)


def test_a_call_that_says_nothing_or_both_makes_no_sense(once: Round, tmp_path: Path) -> None:
    for words in (
        [],
        ["Hello.", "--phonemes", "HH"],
        ["Hello.", "--speed", "0"],
        ["Hello.", "--speed", "nan"],
        ["Hello.", "--runtime", "tea"],
    ):
        assert call("speak", "ada", *words, "-o", tmp_path / "out.wav", "--home", once.home).exit_code == 2


def test_a_voice_that_is_damaged_names_the_field(once: Round, tmp_path: Path) -> None:
    shutil.copytree(once.home, tmp_path / "home")
    path = tmp_path / "home" / "voices" / "ada" / "voice.json"
    document = json.loads(path.read_text())
    document["sample_rate"] = "fast"
    path.write_text(json.dumps(document))
    result = call("speak", "ada", "Hello.", "-o", tmp_path / "out.wav", "--home", tmp_path / "home")
    assert result.exit_code == 1
    assert "sample_rate" in result.stderr


def test_archiving_over_an_older_bundle_that_fails_leaves_the_older_one(once: Round, tmp_path: Path) -> None:
    bundle = tmp_path / "ada.voice"
    bundle.write_bytes(b"README.txt\0 of the older one")
    shutil.copytree(once.home, tmp_path / "home")
    os.truncate(tmp_path / "home" / "voices" / "ada" / "weights" / "gpt.safetensors", 1000)
    result = call("archive", "ada", "--home", tmp_path / "home", "--public", "-o", bundle)
    assert result.exit_code == 1
    assert bundle.read_bytes() == b"README.txt\0 of the older one"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "words", [("archive", "ada", "--public"), ("speak", "ada", "Hello.")], ids=lambda words: words[0]
)
def test_a_slip_in_the_output_never_costs_the_only_key(once: Round, tmp_path: Path, words: tuple[str, ...]) -> None:
    key = tmp_path / "key.txt"
    key.write_text("AGE-SECRET-KEY-1")
    result = call(*words, "--home", once.home, "-o", key)
    assert (result.exit_code, result.stderr.splitlines()[-2]) == (1, f"lifecycle: {key} is there already.")
    assert key.read_text() == "AGE-SECRET-KEY-1"


def test_a_bundle_replaces_a_bundle_in_a_directory_that_it_makes(once: Round, tmp_path: Path) -> None:
    bundle = tmp_path / "new" / "ada.voice"
    for _ in range(2):
        answer("archive", "ada", "--home", once.home, "--public", "-o", bundle)
    assert answer("check", bundle)["whole"]


def test_verify_of_a_path_that_is_not_there_speaks_of_a_path(once: Round) -> None:
    result = call("verify", "nope.voice", "--home", once.home)
    assert result.exit_code == 1
    assert result.stderr.startswith("lifecycle: 'nope.voice' is neither the file of a bundle nor the name of a voice.")


def test_a_torch_that_cannot_be_loaded_is_as_good_as_none(once: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr("core_model.synthesis.TorchRuntime", Broken)
    told = answer("verify", "ada", "--home", once.second)
    assert [layer["verdict"] for layer in told["runtimes"]["torch"]["layers"]][2:] == ["not run"] * 3
