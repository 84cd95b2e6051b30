"""What our own exporters and writers make passes every strict reader; what is half of it is damage, not danger."""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save

from core_model.errors import UnsafeFileError, VoiceError
from core_model.player import Player
from core_model.strict.json_files import read_json
from core_model.strict.onnx_graph import require_graph
from core_model.strict.packed_files import unpack
from core_model.strict.tensor_files import require_tensors
from core_model.strict.torch_script import require_script
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice

TENSORS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda name: name != "__metadata__"),
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.int64, np.uint8, np.bool_]),
        arrays.array_shapes(min_dims=0, min_side=0),
    ),
    max_size=5,
)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples."""
    return tmp_path_factory.mktemp("strict") / "x.safetensors"


@pytest.mark.parametrize("kind", ["tiny_voice", "tiny_quantizer_voice"])
def test_a_voice_of_ours_is_harmless(kind: str, request: pytest.FixtureRequest) -> None:
    voice: Voice = request.getfixturevalue(kind)
    require_harmless(voice.directory)
    exports = voice.exports_directory
    assert {"MatMul", "Softmax", "Gather"} <= set(require_graph(exports / "onnx" / "gpt.onnx", "it"))
    assert "torch.linear" in require_script(exports / "torchscript" / "gpt.pt", "it")
    assert "torch.linear" in require_script(exports / "torchscript" / "sovits.pt", "it")


@given(tensors=TENSORS)
def test_whatever_safetensors_writes_is_accepted(tensors: dict[str, np.ndarray], scratch: Path) -> None:
    scratch.write_bytes(save(tensors))
    require_tensors(scratch, "it")


@pytest.mark.parametrize("head_bytes", [640, 896, 1152, 1408])
def test_a_head_whose_length_begins_like_a_pickle_is_no_pickle(head_bytes: int, scratch: Path) -> None:
    """Its first two bytes are 80 02 to 80 05, as pickles of protocols 2 to 5 begin. Found by test_narrowing."""
    empty = len(json.dumps({"": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}))
    head = json.dumps({"x" * (head_bytes - empty): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}).encode()
    assert len(head) == head_bytes
    scratch.write_bytes(struct.pack("<Q", len(head)) + head)
    require_tensors(scratch, "it")
    scratch.write_bytes(b"\x80\x02}q\x00." + bytes(20))
    with pytest.raises(UnsafeFileError, match="is a pickle"):
        require_tensors(scratch, "it")


@given(tensors=TENSORS, missing=st.integers(1, 200))
def test_half_of_it_is_damage(tensors: dict[str, np.ndarray], missing: int, scratch: Path) -> None:
    data = save(tensors)
    scratch.write_bytes(data[: max(0, len(data) - missing)])
    with pytest.raises(VoiceError) as caught:
        require_tensors(scratch, "it")
    assert type(caught.value) is VoiceError


def test_half_a_graph_is_damage(tiny_voice: Voice, tmp_path: Path) -> None:
    for kind, suffix, read in (("onnx", "onnx", require_graph), ("torchscript", "pt", require_script)):
        data = (tiny_voice.exports_directory / kind / f"gpt.{suffix}").read_bytes()
        (tmp_path / "half").write_bytes(data[: len(data) // 2])
        with pytest.raises(VoiceError) as caught:
            read(tmp_path / "half", "it")
        assert type(caught.value) is VoiceError


def test_the_player_looks_before_it_loads(tiny_voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "exports" / "onnx").mkdir(parents=True)
    for name in ("gpt.onnx", "sovits.onnx"):
        (tmp_path / "exports" / "onnx" / name).write_bytes(b"\x08\x08\x3a\x0a\x0a\x08\x22\x06System")  # an operator
    with pytest.raises(UnsafeFileError, match=r"gpt\.onnx: has the operator 'System'"):
        Player(Voice(tmp_path, tiny_voice.description))


def test_weights_are_looked_at_before_they_are_loaded(tiny_voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    head = json.dumps({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "weights" / "gpt.safetensors").write_bytes(
        struct.pack("<Q", len(head)) + head + bytes(4) + b"\x80\x02."
    )
    with pytest.raises(UnsafeFileError, match="behind its tensors"):
        Voice(tmp_path, tiny_voice.description).weights("gpt")


@pytest.mark.parametrize("name", ["x.pkl", "x.PTH", "x.bin", "a/x.npy", "x.ckpt", "x.so", "x.pyc"])
def test_suffixes_that_libraries_run(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(UnsafeFileError, match="run code"):
        require_harmless(tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voice.json").symlink_to("/etc/passwd")
    with pytest.raises(UnsafeFileError, match="is a link"):
        require_harmless(tmp_path)


def test_json_may_be_64_deep_and_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[" * 64 + "]" * 64)
    assert isinstance(read_json(tmp_path / "x", "it"), list)
    (tmp_path / "x").write_text('{"a": [1, {"b": null}]}')
    assert read_json(tmp_path / "x", "it") == {"a": [1, {"b": None}]}
    with pytest.raises(VoiceError, match="is missing"):
        read_json(tmp_path / "y", "it")


def test_half_of_xz_is_damage() -> None:
    packed = lzma.compress(b"hello" * 100)
    assert unpack(packed, "it") == b"hello" * 100
    for broken in (packed[:-20], b"hello"):
        with pytest.raises(VoiceError) as caught:
            unpack(broken, "it")
        assert type(caught.value) is VoiceError


def test_a_script_of_another_root_and_comment(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}.")
        archive.comment = b"hello"
    with pytest.raises(VoiceError, match="bytes behind"):
        require_script(tmp_path / "x.pt", "it")
