"""The verb convert: a wav in another voice, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("transformers", reason="tokens come from HuBERT, which needs transformers, an extra")

from core_model.voice import Prompt, write_prompt
from lifecycle.cli import main
from tests.core_model.features import tiny_pretrained
from tests.tiny_imported import HUBERT_WIDTH, make_imported_voice, write_recording


@pytest.fixture
def home(tmp_path: Path) -> Path:
    voice = make_imported_voice(tmp_path / "home" / "voices" / "quill")
    write_prompt(voice, "calm", Prompt(np.zeros(0, np.int64), np.zeros(0, np.int64), np.ones((1, 24, 1), np.float32)))
    tiny_pretrained.hubert(tmp_path / "hubert", width=HUBERT_WIDTH)
    write_recording(tmp_path / "said.wav", 1.5)
    return tmp_path


def run(home: Path, *arguments: str) -> tuple[int, str]:
    fixed = ["convert", "quill", str(home / "said.wav"), "-o", str(home / "out.wav"), "--home", str(home / "home")]
    result = CliRunner().invoke(main, [*fixed, *arguments])
    return result.exit_code, result.output


def test_a_wav_in_another_voice(home: Path) -> None:
    code, told = run(home, "--prompt", "calm", "--pretrained", str(home / "hubert"))
    assert code == 0
    assert "Without --transcript the decoder hears tokens alone" in told
    info = soundfile.info(home / "out.wav")
    assert (info.samplerate, info.frames) == (32_000, 48_000)


def test_with_words_and_json(home: Path) -> None:
    arguments = ("--prompt", "calm", "--pretrained", str(home / "hubert"), "--transcript", "Good day. And night.")
    code, told = run(home, *arguments, "--language", "en", "--json")
    assert code == 0
    facts = json.loads(told)
    assert (facts["seconds"], facts["tokens"], facts["pieces"], facts["transcript"]) == (1.5, 38, 1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--prompt", "calm"), "needs HuBERT (the folder chinese-hubert-base), which is not among the files given"),
        (("--pretrained", "{hubert}"), "default"),
        (("--prompt", "calm", "--pretrained", "{hubert}", "--transcript", "..."), "spoken"),
        (("--prompt", "calm", "--pretrained", "{hubert}", "--language", "tlh", "--transcript", "x"), "tlh"),
    ],
)
def test_what_is_refused_leaves_nothing(home: Path, arguments: tuple[str, ...], told: str) -> None:
    code, output = run(home, *(part.format(hubert=home / "hubert") for part in arguments))
    assert code == 1
    assert told in output
    assert not (home / "out.wav").exists()


def test_the_recording_itself_is_not_replaced(home: Path) -> None:
    before = (home / "said.wav").read_bytes()
    (home / "out.wav").symlink_to(home / "said.wav")
    code, told = run(home, "--prompt", "calm", "--pretrained", str(home / "hubert"))
    assert code == 1
    assert "is there already" in told
    assert (home / "said.wav").read_bytes() == before


def test_a_file_of_another_kind_is_not_replaced(home: Path) -> None:
    (home / "out.wav").write_text("AGE-SECRET-KEY")
    code, _ = run(home, "--prompt", "calm", "--pretrained", str(home / "hubert"))
    assert code == 1
    assert (home / "out.wav").read_text() == "AGE-SECRET-KEY"
