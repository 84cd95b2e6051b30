"""Prompts listed and taken away, and the files that stand in for networks, each refusal among them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from core_model.errors import PromptError, PromptMissingError, PromptTokensError
from core_model.voice import Prompt, Voice, write_prompt
from lifecycle.prompts import PromptRow, read_style, read_tokens, remove_prompt, rows_of
from lifecycle.store import Store
from tests.tiny_imported import make_imported_voice

PROMPT = Prompt(np.arange(50), np.arange(9), np.ones((1, 24, 1), np.float32), language="en", references=3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    make_imported_voice(tmp_path / "voices" / "quill")
    return Store(tmp_path)


def test_a_list_of_them(store: Store) -> None:
    voice = Voice.open(store.path("quill"))
    assert rows_of(voice) == ()
    write_prompt(voice, "calm", PROMPT)
    assert rows_of(voice) == (PromptRow("calm", "en", 50, 9, 3, False, False),)


def test_away_with_one(store: Store) -> None:
    voice = Voice.open(store.path("quill"))
    write_prompt(voice, "calm", PROMPT)
    write_prompt(voice, "angry", PROMPT)
    assert not remove_prompt(store, "quill", "calm")
    assert Voice.open(voice.directory).prompts() == ("angry",)
    assert [path.name for path in sorted((voice.directory / "prompts").iterdir())] == [
        "angry.json",
        "angry.safetensors",
    ]


def test_golden_outputs_go_with_the_default_prompt(store: Store) -> None:
    voice = Voice.open(store.path("quill"))
    write_prompt(voice, "default", PROMPT)
    write_prompt(voice, "calm", PROMPT)
    voice.golden_directory.mkdir()
    assert not remove_prompt(store, "quill", "calm")
    assert voice.golden_directory.exists()
    assert remove_prompt(store, "quill", "default")
    assert not voice.golden_directory.exists()


def test_one_that_is_not_there(store: Store) -> None:
    with pytest.raises(PromptMissingError):
        remove_prompt(store, "quill", "calm")


def test_the_only_one_of_a_voice_that_was_trained_here(tmp_path: Path, tiny_voice: Voice) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "ada").symlink_to(tiny_voice.directory)
    with pytest.raises(PromptError, match="without which it cannot speak"):
        remove_prompt(Store(tmp_path), "ada", "default")


@pytest.mark.parametrize("text", ["3 1 4", "3,1,4", "[3, 1, 4]\n", "\ufeff3\n1\n4\n", "3;1;4;"])
def test_tokens_as_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text(text, encoding="utf-8")
    assert read_tokens(path, None, 1024).tolist() == [3, 1, 4]


@pytest.mark.parametrize("tokens", [np.array([3, 1, 4], np.int16), np.array([[[3, 1, 4]]])])
def test_tokens_as_an_array(tmp_path: Path, tokens: np.ndarray) -> None:
    np.save(tmp_path / "tokens.npy", tokens)
    assert read_tokens(tmp_path / "tokens.npy", None, 1024).tolist() == [3, 1, 4]


@given(st.lists(st.integers(0, 1023), min_size=1, max_size=40))
def test_tokens_come_back(tmp_path_factory: pytest.TempPathFactory, tokens: list[int]) -> None:
    path = tmp_path_factory.mktemp("t") / "tokens"
    path.write_text(" ".join(map(str, tokens)))
    assert read_tokens(path, None, 1024).tolist() == tokens


TABLE = "item_name\tsemantic_audio\na.wav\t1 2 3\nb.wav\t4 5\n"


@pytest.mark.parametrize(("name", "expected"), [("b.wav", [4, 5]), ("a.wav", [1, 2, 3])])
def test_upstreams_table_has_a_row_for_each_recording(tmp_path: Path, name: str, expected: list[int]) -> None:
    path = tmp_path / "6-name2semantic.tsv"
    path.write_text(TABLE)
    assert read_tokens(path, Path("elsewhere") / name, 1024).tolist() == expected


def test_a_table_of_one_row_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "6-name2semantic.tsv"
    path.write_text("a.wav\t1 2 3\n")
    assert read_tokens(path, None, 1024).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no tokens"),
        (b"1 two 3", "where a token should be: word 2"),
        (b"1 -2", "where a token should be: word 2"),
        (b"1.5", "where a token should be: word 1"),
        (b"1024", r"outside 0\.\.1023"),
        (b"99999999999999999999", "where a token should be"),
        (b"\xff\xfe", "neither .npy nor UTF-8"),
        (b"1 " * 1351, "1351 tokens; 1350 are the most"),
        (TABLE.encode(), "2 recordings, and none is called c.wav"),
    ],
)
def test_text_that_holds_no_tokens(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "tokens.txt"
    path.write_bytes(content)
    with pytest.raises(PromptTokensError, match=told):
        read_tokens(path, Path("c.wav"), 1024)


def test_a_table_and_no_recording(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(TABLE)
    with pytest.raises(PromptTokensError, match="no recording was named"):
        read_tokens(tmp_path / "t", None, 1024)


def test_arrays_that_hold_no_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    np.save(path, np.array([1.0]))
    with pytest.raises(PromptTokensError, match="not whole numbers"):
        read_tokens(path, None, 1024)
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(PromptTokensError, match=r"not a readable \.npy"):
        read_tokens(path, None, 1024)
    path.write_bytes(b"1 2 3")
    with pytest.raises(PromptTokensError, match=r"not a readable \.npy"):
        read_tokens(path, None, 1024)


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(3,), }       ", b"(3000000000,),}"))
    with pytest.raises(PromptTokensError, match=r"not a readable \.npy"):
        read_tokens(tmp_path / "a.npy", None, 1024)


@given(st.data(), st.sampled_from(["npy", "txt", "safetensors"]))
def test_any_bytes_are_tokens_and_styles_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    np.save(tmp_path_factory.getbasetemp() / "whole.npy", np.arange(3))
    whole = (tmp_path_factory.getbasetemp() / "whole.npy").read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    put = data.draw(st.binary(max_size=20))
    path.write_bytes(data.draw(st.sampled_from([whole[:at] + put + whole[at + len(put) :], put, whole[:at] + put])))
    for read in (lambda: read_tokens(path, None, 1024), lambda: read_style(path, 3)):
        try:
            assert read().size
        except PromptTokensError as error:
            assert str(path) in str(error)


def test_a_style(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float64)
    np.save(tmp_path / "style.npy", values)
    save_file({"style": values.reshape(1, 24, 1).astype(np.float32)}, tmp_path / "style.safetensors")
    for name in ("style.npy", "style.safetensors"):
        style = read_style(tmp_path / name, 24)
        assert style.shape == (1, 24, 1)
        assert style.dtype == np.float32
        assert np.array_equal(style.ravel(), values)


def test_files_that_hold_no_style(tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros(25))
    np.save(tmp_path / "whole.npy", np.zeros(24, np.int64))
    np.save(tmp_path / "nan.npy", np.full(24, np.nan))
    save_file({"other": np.zeros(24, np.float32)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"12345678{}")
    for name, told in (
        ("wide.npy", "holds 25 values"),
        ("whole.npy", "int64"),
        ("nan.npy", "no number"),
        ("other.safetensors", "holds 0 values"),
        ("broken.safetensors", "neither"),
    ):
        with pytest.raises(PromptTokensError, match=told):
            read_style(tmp_path / name, 24)


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(PromptTokensError, match="larger than 64 MiB"):
        read_tokens(path, None, 1024)


@pytest.mark.parametrize("suffix", [".txt", ".npy", ".safetensors"])
def test_a_pipe_is_not_waited_for_nor_a_device_read_without_end(tmp_path: Path, suffix: str) -> None:
    pipe, device = tmp_path / f"pipe{suffix}", tmp_path / f"zeros{suffix}"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(PromptTokensError, match="is no file"):
            read_tokens(path, None, 64)
        with pytest.raises(PromptTokensError, match="is no file"):
            read_style(path, 8)
