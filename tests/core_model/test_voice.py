"""The voice directory: what is written is read, and what breaks the schema is named."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import PromptExistsError, PromptMissingError, VoiceError
from core_model.voice import Array, Description, Prompt, SymbolTable, Voice, write_prompt
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
        opened.prompt()  # as is a prompt without its JSON: it may be one that was never finished
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
        ({"word_features": np.ones((3, 3), np.float64)}, "word_features"),
        ({"reference_mel": np.ones((1, 4, 2), np.float32)}, "reference_mel"),  # nothing in this voice would read it
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


def test_an_imported_voice_may_have_no_prompt_yet(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "ada", description(), weights=WEIGHTS, prompts={})
    assert voice.prompts() == ()
    with pytest.raises(PromptMissingError) as refused:
        voice.prompt()
    assert (refused.value.name, refused.value.known) == ("default", ())


def test_a_voice_of_aligned_tokens_always_has_one(tmp_path: Path) -> None:
    """Its prompt holds the style that its decoder was trained with: without it there is no voice."""
    aligned = description(token_scheme={"kind": "alignment"})
    with pytest.raises(PromptMissingError):
        write_voice(tmp_path / "ada", aligned, weights=WEIGHTS, prompts={})


def test_prompts_are_listed_and_a_missing_one_is_named_with_those_there_are(tmp_path: Path) -> None:
    voice = write(tmp_path / "ada")
    write_prompt(voice, "angry", prompt(style=np.full((1, 5, 1), -0.5, np.float32), language="auto_yue", references=3))
    assert voice.prompts() == ("angry", "default")
    angry = voice.prompt("angry")
    assert (angry.style[0, 0, 0], angry.language, angry.references) == (-0.5, "auto_yue", 3)
    for wrong in ("calm", "../../ada/prompts/default", "", "Angry"):
        with pytest.raises(PromptMissingError) as refused:
            voice.prompt(wrong)
        assert refused.value.known == ("angry", "default")


def test_a_prompt_written_later_is_the_same_bytes(tmp_path: Path) -> None:
    one = write(tmp_path / "one")
    two = write_voice(tmp_path / "two", description(), weights=WEIGHTS, prompts={})
    write_prompt(two, "default", prompt())
    for name in ("default.safetensors", "default.json"):
        assert (one.directory / "prompts" / name).read_bytes() == (two.directory / "prompts" / name).read_bytes()


def test_a_prompt_is_replaced_only_when_asked(tmp_path: Path) -> None:
    voice = write(tmp_path / "ada")
    other = prompt(semantic_tokens=np.array([3]), references=2)
    with pytest.raises(PromptExistsError):
        write_prompt(voice, "default", other)
    assert voice.prompt().references == 1
    write_prompt(voice, "default", other, replace=True)
    assert voice.prompt().semantic_tokens.tolist() == [3] and voice.prompt().references == 2


@pytest.mark.parametrize(
    ("name", "changes"), [("Calm", {}), ("../calm", {}), ("calm", {"style": np.zeros((1, 4, 1), np.float32)})]
)
def test_a_prompt_that_is_refused_leaves_nothing(tmp_path: Path, name: str, changes: dict[str, object]) -> None:
    voice = write(tmp_path / "ada")
    before = sorted(voice.directory.rglob("*"))
    with pytest.raises(VoiceError):
        write_prompt(voice, name, prompt(**changes))
    assert sorted(voice.directory.rglob("*")) == before


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("after", range(6))
def test_a_process_killed_while_writing_leaves_no_half_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, replace: bool
) -> None:
    """Stop at every step that touches the disk; a killed process runs no cleaning either."""

    class Killed(BaseException):
        pass

    voice = write_voice(
        tmp_path / "ada", description(), weights=WEIGHTS, prompts={"default": prompt()} if replace else {}
    )
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def step(*given: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps > after:
                raise Killed
            return real(*given, **named)

        return step

    for name in ("open", "replace", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    with contextlib.suppress(Killed):
        write_prompt(voice, "default", prompt(references=2), replace=replace)
    monkeypatch.undo()
    opened = Voice.open(voice.directory)
    held = opened.prompt() if opened.prompts() else None
    assert held is None or held.references in ((1, 2) if replace else (2,))
    write_prompt(opened, "default", prompt(references=3), replace=True)
    assert Voice.open(voice.directory).prompt().references == 3
    assert not list((voice.directory / "prompts").glob(".*"))


def test_a_prompt_of_before_has_one_reference(tmp_path: Path) -> None:
    voice = write(tmp_path / "ada")
    (voice.directory / "prompts" / "default.json").write_text('{"language": "en"}')
    assert voice.prompt().references == 1


FLOWING = {"style": 5, "decoder": {"kind": "flow_matching", "mel_bands": 4}}


def test_a_decoder_that_continues_its_reference_keeps_its_mel(tmp_path: Path) -> None:
    mel = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 4, 3)
    voice = write_voice(
        tmp_path / "ada",
        description(sovits=FLOWING),
        weights=WEIGHTS,
        prompts={"default": prompt(reference_mel=mel)},
    )
    held = voice.prompt().reference_mel
    assert held is not None
    np.testing.assert_array_equal(held, mel)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference_mel": None}, "reference_mel"),
        ({"reference_mel": np.ones((1, 5, 3), np.float32)}, "reference_mel"),
        ({"reference_mel": np.ones((1, 4, 0), np.float32)}, "reference_mel"),
        ({"reference_mel": np.ones((4, 3), np.float32)}, "reference_mel"),
        ({"reference_mel": np.full((1, 4, 3), np.inf, np.float32)}, "reference_mel"),
        ({"semantic_tokens": np.zeros(0, np.int64)}, "semantic_tokens"),
        ({"phonemes": np.zeros(0, np.int64), "word_features": None}, "phonemes"),
    ],
)
def test_such_a_decoder_needs_mel_and_words(tmp_path: Path, changes: dict[str, Array], field: str) -> None:
    given = prompt(**({"reference_mel": np.ones((1, 4, 3), np.float32)} | changes))
    with pytest.raises(VoiceError) as refused:
        write_voice(tmp_path / "a", description(sovits=FLOWING), weights=WEIGHTS, prompts={"default": given})
    assert refused.value.field == f"prompts/default: {field}"


def test_vocoder_and_lora_are_served_where_they_are(tmp_path: Path) -> None:
    weights = WEIGHTS | {"lora": {"a": np.ones((2, 1), np.float16)}}
    voice = write_voice(tmp_path / "ada", description(), weights=weights, prompts={})
    assert voice.has_weights("lora") and not voice.has_weights("vocoder")
    assert voice.weights("lora")["a"].dtype == np.float16
    with pytest.raises(VoiceError) as refused:
        voice.weights("vocoder")
    assert refused.value.field == "weights/vocoder.safetensors"


def test_bfloat16_is_read_as_float32_of_the_same_values(tmp_path: Path) -> None:
    """NumPy has no such type; a narrowed bundle that was opened by hand may hold it."""
    written = write(tmp_path / "anna")
    values = np.array([[1.5, -2.0], [0.0, 3.140625]], np.float32)
    head = json.dumps({"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    upper = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    written.weights_file("gpt").write_bytes(len(head).to_bytes(8, "little") + head + upper)
    found = written.weights("gpt")["w"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)
