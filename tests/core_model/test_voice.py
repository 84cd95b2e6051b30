"""The voice directory: what is written is read, and what breaks the schema is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import VoiceError
from core_model.voice import Description, Prompt, SymbolTable, Voice
from tests.written_voice import write_voice

GPT = {"phonemes": 20, "semantic_tokens": 9, "width": 4, "heads": 2, "layers": 1, "word_features": 3}
WEIGHTS = {
    "gpt": {"b": np.arange(6, dtype=np.float16).reshape(2, 3), "a": np.ones(2, np.float32)},
    "sovits": {"table": np.zeros((3, 1), np.float32)},
}


def description(**changes: object) -> Description:
    values: dict[str, object] = {
        "name": "ada",
        "family": "tiny",
        "gpt": GPT,
        "sovits": {"style": 5},
        "token_scheme": {"kind": "quantizer"},
        "languages": ("en",),
        "symbols": SymbolTable("v2", "0" * 64),
        "sample_rate": 16_000,
        "semantic_rate": 25,
        "latent_rate": 50,
        "lineage": {"base": "none"},
        "licence": "CC0-1.0",
        "preview": True,
    }
    return Description(**(values | changes))  # type: ignore[arg-type]


def prompt(**changes: object) -> Prompt:
    values: dict[str, object] = {
        "semantic_tokens": np.array([0, 7]),
        "phonemes": np.array([1, 19, 3]),
        "style": np.full((1, 5, 1), 0.5, np.float32),
        "word_features": np.ones((3, 3), np.float32),
    }
    return Prompt(**(values | changes))  # type: ignore[arg-type]


def write(directory: Path, **changes: object) -> Voice:
    return write_voice(directory, description(**changes), weights=WEIGHTS, prompts={"default": prompt()})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    voice = write(tmp_path / "ada")
    assert voice.description == description()
    for part, tensors in WEIGHTS.items():
        read = voice.weights(part)
        assert read.keys() == tensors.keys()
        for name, array in tensors.items():
            assert read[name].dtype == array.dtype
            np.testing.assert_array_equal(read[name], array)
    read_prompt = voice.prompt()
    for name in ("semantic_tokens", "phonemes", "style", "word_features"):
        np.testing.assert_array_equal(getattr(read_prompt, name), getattr(prompt(), name))
    assert read_prompt.language == "en"


def test_the_same_voice_is_the_same_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one").directory, write(tmp_path / "two").directory
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert len(names) == 5
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)


def test_unknown_fields_survive_reading_and_writing(tmp_path: Path) -> None:
    document = description().document() | {"born": {"in": 2045}}
    assert Description.parse(json.loads(json.dumps(document))).document() == document


def broken(**changes: object) -> dict[str, object]:
    return description().document() | changes


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "voice.json"),
        ({k: v for k, v in broken().items() if k != "licence"}, "licence"),
        (broken(schema=2), "schema"),
        (broken(schema="1"), "schema"),
        (broken(name="../ada"), "name"),
        (broken(name="Ada"), "name"),
        (broken(sample_rate=16000.0), "sample_rate"),
        (broken(sample_rate=0), "sample_rate"),
        (broken(sample_rate=True), "sample_rate"),
        (broken(languages=[]), "languages"),
        (broken(languages=["English"]), "languages"),
        (broken(preview="yes"), "preview"),
        (broken(symbols={"table": "v2"}), "symbols.sha256"),
        (broken(token_scheme={"kind": "guess"}), "token_scheme.kind"),
        (broken(gpt={**GPT, "heads": 0}), "gpt.heads"),
        (broken(gpt={k: v for k, v in GPT.items() if k != "layers"}), "gpt.layers"),
        (broken(sovits=[1]), "sovits"),
    ],
)
def test_a_broken_description_names_its_field(document: object, field: str) -> None:
    with pytest.raises(VoiceError) as refused:
        Description.parse(document)
    assert refused.value.field == field


def test_no_word_features_is_a_size_that_a_gpt_may_have() -> None:
    assert Description.parse(broken(gpt={**GPT, "word_features": 0})).gpt["word_features"] == 0


@pytest.mark.parametrize(
    "name", ["voice.json", "weights/gpt.safetensors", "prompts/default.safetensors", "prompts/default.json"]
)
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "nested"])
def test_a_missing_or_cut_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    voice = write(tmp_path / "ada")
    path = voice.directory / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "nested": b"[" * 200_000}[damage])
    with pytest.raises(VoiceError) as refused:
        opened = Voice.open(voice.directory)
        opened.weights("gpt")  # weights are read late, so their damage shows late
    assert refused.value.field == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"semantic_tokens": np.array([8])}, "semantic_tokens"),  # 8 is end of speech
        ({"semantic_tokens": np.array([-1])}, "semantic_tokens"),
        ({"semantic_tokens": np.array([1], np.int32)}, "semantic_tokens"),
        ({"phonemes": np.array([20, 1, 1])}, "phonemes"),
        ({"phonemes": np.array([[1, 1, 1]])}, "phonemes"),
        ({"style": np.zeros((1, 4, 1), np.float32)}, "style"),
        ({"style": np.full((1, 5, 1), np.nan, np.float32)}, "style"),
        ({"style": np.zeros((1, 5, 1), np.float64)}, "style"),
        ({"word_features": np.ones((2, 3), np.float32)}, "word_features"),
    ],
)
def test_a_prompt_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], field: str) -> None:
    with pytest.raises(VoiceError) as refused:
        write_voice(tmp_path / "ada", description(), weights=WEIGHTS, prompts={"default": prompt(**changes)})
    assert refused.value.field == f"prompts/default: {field}"


def test_a_prompt_may_be_empty(tmp_path: Path) -> None:
    empty = prompt(
        semantic_tokens=np.zeros(0, np.int64),
        phonemes=np.zeros(0, np.int64),
        word_features=np.zeros((0, 3), np.float32),
    )
    voice = write_voice(tmp_path / "ada", description(), weights=WEIGHTS, prompts={"default": empty})
    assert voice.prompt().semantic_tokens.size == 0


def test_a_voice_can_be_moved(tmp_path: Path) -> None:
    voice = write(tmp_path / "ada")
    shutil.move(voice.directory, tmp_path / "elsewhere")
    assert Voice.open(tmp_path / "elsewhere").name == "ada"  # its name is in voice.json, not in the path
