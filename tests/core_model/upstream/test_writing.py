"""Checkpoints written without torch: what came in goes out, torch loads it, and it is as long as torch's own."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.errors import CheckpointError
from core_model.upstream import shapes
from core_model.upstream.checkpoint import Checkpoint, read_checkpoint
from core_model.upstream.writing import write_checkpoint
from tests.core_model.upstream import crafted

GPT_TENSORS, GPT_FILE = crafted.tiny_gpt()
CONFIG = {"train": {"eps": 1e-9, "lora_rank": "32"}, "model": {"version": "v2Pro", "rates": [10, 8]}, "name": "anna"}
V1_ENDS_bytes = 82978 * 1024  # FORMAT.md: GPT-SoVITS takes a smaller file for v1


def written(checkpoint: Checkpoint) -> bytes:
    buffer = io.BytesIO()
    write_checkpoint(buffer, checkpoint)
    return buffer.getvalue()


def read(directory: Path, content: bytes) -> Checkpoint:
    path = directory / "voice.pth"
    path.write_bytes(content)
    return read_checkpoint(path)


def load(content: bytes, **options: object) -> OrderedDict:
    """What torch makes of a file by the rules of FORMAT.md: PK put back, four globals allowed."""
    crafted.hparams({})  # a class named utils.HParams
    cls = sys.modules["utils"].HParams
    with torch.serialization.safe_globals([cls]):
        return torch.load(io.BytesIO(b"PK" + content[2:]), weights_only=True, **options)


def plain(node: object) -> object:
    """HParams as dicts."""
    return {name: plain(value) for name, value in vars(node).items()} if hasattr(node, "__dict__") else node


def same(found: Checkpoint, expected: Checkpoint) -> None:
    assert list(found.tensors) == list(expected.tensors)
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype and found.tensors[name].shape == tensor.shape
        assert found.tensors[name].tobytes() == tensor.tobytes()
    assert replace(found, tensors={}, start_md5="") == replace(expected, tensors={}, start_md5="")


def voice(family: str, head: bytes, directory: Path) -> tuple[bytes, Checkpoint]:
    values = crafted.arrays(shapes.sovits(shapes.SOVITS[family], posterior=False))
    tensors = {name: torch.from_numpy(value) for name, value in values.items()}
    content = OrderedDict(weight=tensors, config=crafted.hparams(CONFIG), info="8epoch_400iteration")
    file = crafted.saved(content, head)
    return file, read(directory, file)


def test_a_gpt_goes_out_as_it_came_in(tmp_path: Path) -> None:
    came = read(tmp_path, GPT_FILE)
    went = written(came)
    same(read(tmp_path, went), came)
    loaded = torch.load(io.BytesIO(went), weights_only=True)  # needs no class allowed
    assert type(loaded) is OrderedDict and type(loaded["weight"]) is OrderedDict and type(loaded["config"]) is dict
    assert list(loaded) == ["weight", "config", "info"]
    assert (loaded["config"], loaded["info"]) == (crafted.CONFIG, "GPT-e15")
    for name, value in GPT_TENSORS.items():
        np.testing.assert_array_equal(loaded["weight"][name].numpy(), value)


@pytest.mark.parametrize(("family", "head"), [("v1", b"PK"), ("v2Pro", b"05")])
def test_a_sovits_goes_out_as_it_came_in(family: str, head: bytes, tmp_path: Path) -> None:
    file, came = voice(family, head, tmp_path)
    went = written(came)
    assert went[:2] == head and went[2:4] == b"\x03\x04"
    same(read(tmp_path, went), came)
    loaded = load(went)
    assert type(loaded) is OrderedDict and type(loaded["weight"]) is dict
    assert type(loaded["config"]).__name__ == type(loaded["config"].model).__name__ == "HParams"
    assert plain(loaded["config"].model) == CONFIG["model"] and loaded["config"].name == "anna"
    original = load(file)
    assert list(loaded["weight"]) == list(original["weight"])
    assert all(torch.equal(loaded["weight"][name], tensor) for name, tensor in original["weight"].items())


def test_a_file_is_as_long_as_torchs_own(tmp_path: Path) -> None:
    """GPT-SoVITS tells v1 from v2 by length, with 29 KiB to spare: without memo opcodes a v2 would be taken for v1."""
    lengths = {}
    for family in ("v1", "v2"):
        file, came = voice(family, b"PK", tmp_path)
        lengths[family] = len(written(came))
        assert abs(lengths[family] - len(file)) < 1024
    assert lengths["v1"] < V1_ENDS_bytes < lengths["v2"]


def test_float32_and_shared_or_transposed_tensors_keep_their_values(tmp_path: Path) -> None:
    came = read(tmp_path, GPT_FILE)
    tensors = {name: value.astype(np.float32) for name, value in came.tensors.items()}
    turned = np.asfortranarray(np.random.default_rng(1).standard_normal((16, 4)).astype(np.float32))
    tensors["model.h.layers.0.linear1.weight"] = turned
    again = read(tmp_path, written(replace(came, tensors=tensors)))
    np.testing.assert_array_equal(again.tensors["model.h.layers.0.linear1.weight"], turned)
    assert {tensor.dtype for tensor in again.tensors.values()} == {np.dtype("<f4")}


def test_the_same_checkpoint_gives_the_same_bytes_and_other_tools_read_them(tmp_path: Path) -> None:
    came = read(tmp_path, GPT_FILE)
    went = written(came)
    assert went == written(read(tmp_path, went))
    with zipfile.ZipFile(io.BytesIO(went)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("archive/byteorder") == b"little" and archive.read("archive/version") == b"3\n"
    assert names[0] == "archive/data.pkl" and names[-1] == "archive/version"


def test_storages_lie_at_multiples_of_64_bytes_so_that_torch_can_map_them(tmp_path: Path) -> None:
    path = tmp_path / "gpt.ckpt"
    path.write_bytes(written(read(tmp_path, GPT_FILE)))
    loaded = torch.load(path, weights_only=True, mmap=True)
    np.testing.assert_array_equal(
        loaded["weight"]["model.ar_predict_layer.weight"].numpy(), GPT_TENSORS["model.ar_predict_layer.weight"]
    )
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            file.seek(info.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
            assert (info.header_offset + 30 + name + extra) % 64 == 0


def test_a_lora_says_its_rank(tmp_path: Path) -> None:
    came = read(tmp_path, GPT_FILE)
    lora = replace(came, kind="lora", family="v4", head="04", config=CONFIG, lora_rank=32)
    loaded = load(written(lora))
    assert list(loaded) == ["weight", "config", "info", "lora_rank"] and loaded["lora_rank"] == 32


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"head": "99"}, "no checkpoint begins with '99'"),
        ({"kind": "discriminator"}, "a discriminator is no part"),
        ({"config": {"x": (1, 2)}}, "a tuple has no place"),
    ],
)
def test_what_no_voice_is_made_of_is_refused(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        written(replace(read(tmp_path, GPT_FILE), **change))


def test_writing_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "gpt.ckpt").write_bytes(GPT_FILE)
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from core_model.upstream.checkpoint import read_checkpoint\n"
        "from core_model.upstream.writing import write_checkpoint\n"
        f"with open({str(tmp_path / 'out.ckpt')!r}, 'w+b') as file:\n"
        f"    write_checkpoint(file, read_checkpoint(Path({str(tmp_path / 'gpt.ckpt')!r})))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
    same(read_checkpoint(tmp_path / "out.ckpt"), read_checkpoint(tmp_path / "gpt.ckpt"))
