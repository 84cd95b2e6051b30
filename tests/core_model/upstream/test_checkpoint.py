"""Reading a checkpoint whole: round trips of real formats, hostile files, and the property that damage never passes."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core_model.errors import CheckpointError, UnsafePickleError
from core_model.gpt import GPT, GPTDims
from core_model.upstream import companion_shapes, flow_shapes, names, norms, shapes
from core_model.upstream.checkpoint import Checkpoint, gpt_dims, read_checkpoint, read_outline, read_tensors
from core_model.upstream.stock import stock
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted import CONFIG, arrays, program, saved, storage, tensor, text, tiny_gpt, weights

GPT_TENSORS, GPT_FILE = tiny_gpt()


def read(directory: Path, content: bytes) -> Checkpoint:
    path = directory / "voice.pth"
    path.write_bytes(content)
    return read_checkpoint(path)


def tensors_of(values: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in values.items()}


def equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_a_gpt_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    found = read(tmp_path, GPT_FILE)
    assert (found.kind, found.family, found.head, found.info, found.config) == ("gpt", "other", "PK", "GPT-e15", CONFIG)
    assert found.evidence
    equal(found.tensors, GPT_TENSORS)


def test_a_gpt_loads_into_our_network(tmp_path: Path) -> None:
    found = read(tmp_path, GPT_FILE)
    gpt = GPT(GPTDims(**gpt_dims(found)))
    table = names.all_to_ours("gpt", found.tensors)
    gpt.load_state_dict({table[name]: torch.from_numpy(value) for name, value in found.tensors.items()}, strict=True)
    np.testing.assert_array_equal(gpt.head.weight.detach().half(), GPT_TENSORS["model.ar_predict_layer.weight"])


@pytest.mark.parametrize("config", [{}, {"model": {}}, {"model": {"head": 3}}, {"model": {"head": "2"}}, {"model": 1}])
def test_heads_that_cannot_be_right_are_refused(config: dict[str, object], tmp_path: Path) -> None:
    weight = OrderedDict(tensors_of(GPT_TENSORS))
    found = read(tmp_path, saved(OrderedDict(weight=weight, config=config, info="")))
    with pytest.raises(CheckpointError, match="attention heads for a width of 4"):
        gpt_dims(found)


@pytest.mark.parametrize(("family", "head"), [("v1", b"PK"), ("v2ProPlus", b"06")])
def test_a_sovits_voice_with_its_hparams(family: str, head: bytes, tmp_path: Path) -> None:
    values = arrays(shapes.sovits(shapes.SOVITS[family], posterior=False))
    config = {
        "model": {"version": family, "rates": [10, 8, 2, 2, 2]},
        "train": {"eps": 1e-9, "resume": None},
        "name": "x",
    }
    content = OrderedDict(weight=tensors_of(values), config=crafted.hparams(config), info="8epoch_400iteration")
    found = read(tmp_path, saved(content, head))
    assert (found.kind, found.family, found.head, found.config) == ("sovits", family, head.decode(), config)
    equal(found.tensors, values)


def test_a_training_discriminator_in_float32_with_its_optimizer(tmp_path: Path) -> None:
    """The optimizer's storages are named by the pickle, and never read."""
    values = arrays(shapes.discriminator(shapes.DISCRIMINATORS["v1v2"]), np.float32)
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(7)}}, "param_groups": [{"lr": 1e-4}]}
    content = {"model": OrderedDict(tensors_of(values)), "iteration": 8, "optimizer": optimizer, "learning_rate": 1e-4}
    found = read(tmp_path, saved(content))
    assert (found.kind, found.family, found.config, found.info) == ("discriminator", "v1v2", {}, "")
    equal(found.tensors, values)


def test_a_base_discriminator_holds_weights_alone(tmp_path: Path) -> None:
    values = arrays(shapes.discriminator(shapes.DISCRIMINATORS["v2Pro_v2ProPlus"]))
    assert read(tmp_path, saved({"weight": tensors_of(values)})).family == "v2Pro_v2ProPlus"


def test_a_module_saved_by_its_state_dict(tmp_path: Path) -> None:
    """A real state_dict carries _metadata, and views that share a storage."""
    gpt = GPT(GPTDims(**crafted.TINY_GPT, heads=2)).half()
    state = gpt.state_dict()
    weight = OrderedDict((names.to_upstream("gpt", name), value) for name, value in state.items())
    weight._metadata = state._metadata
    name = "model.h.layers.0.linear1.weight"
    weight[name] = torch.randn(4, 16).half().t()  # strides that are not those of a fresh tensor
    both = torch.randn(8).half()
    weight["model.h.layers.0.norm1.weight"], weight["model.h.layers.0.norm1.bias"] = both[:4], both[4:]
    found = read(tmp_path, saved({"weight": weight, "config": CONFIG, "info": "x"}))
    for key, value in weight.items():
        np.testing.assert_array_equal(found.tensors[key], value.numpy())


CONTENTS = {
    "no dict": ([1], "holds a list"),
    "nothing": ({}, "parts are none"),
    "other parts": ({"state_dict": {}}, "parts are state_dict"),
    "weights and a stranger": ({"weight": {}, "callbacks": 1}, "callbacks"),
    "weights twice": ({"weight": {}, "model": {}}, "parts are weight, model"),
    "weights that are a list": ({"weight": [1]}, "weights are no dict"),
    "a number among weights": ({"weight": {"x": 1}}, "'x' is no tensor"),
    "a number as a name": ({"weight": {1: torch.zeros(2).half()}}, "1 is no tensor"),
    "no tensors": ({"weight": {}, "config": {}, "info": ""}, "nothing was examined"),
    "an info that is no text": (OrderedDict(weight=tensors_of(GPT_TENSORS), config=CONFIG, info=3), "info is no text"),
    "a config that is a list": (OrderedDict(weight=tensors_of(GPT_TENSORS), config=[1], info=""), "config is no set"),
    "a tensor in the config": (
        OrderedDict(weight=tensors_of(GPT_TENSORS), config={"a": {"b": torch.zeros(2).half()}}, info=""),
        r"config\.a\.b is a TensorPlan",
    ),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_contents_that_are_no_checkpoint_are_refused(name: str, tmp_path: Path) -> None:
    content, sentence = CONTENTS[name]
    with pytest.raises(CheckpointError, match=sentence):
        read(tmp_path, saved(content))


def test_other_types_of_storage_are_refused_by_name(tmp_path: Path) -> None:
    for dtype, name in ((torch.bool, "torch.BoolStorage"), (torch.uint8, "torch.ByteStorage")):
        with pytest.raises(UnsafePickleError) as refusal:
            read(tmp_path, saved({"weight": {"x": torch.zeros(2, dtype=dtype)}}))
        assert refusal.value.names == (name,)


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafePickleError) as refusal:
        read(tmp_path, saved(torch.nn.Linear(2, 2)))
    assert "torch.nn.modules.linear.Linear" in refusal.value.names


@pytest.mark.parametrize("name", [name for name in crafted.hostile(Path("x")) if "protocol" not in name or "2" in name])
@pytest.mark.parametrize("head", [b"PK", b"05"])
def test_a_hostile_voice_is_refused_and_never_runs(name: str, head: bytes, tmp_path: Path) -> None:
    content = crafted.with_pickle(crafted.hostile(tmp_path)[name], {"0": bytes(8)})
    with pytest.raises(UnsafePickleError):
        read(tmp_path, head + content[2:])
    assert not (tmp_path / "ran").exists()


def test_a_voice_that_hides_a_call_behind_its_weights_is_refused(tmp_path: Path) -> None:
    """All tensors are there and in their shapes; one value of the configuration is a call."""
    content = OrderedDict(weight=tensors_of(GPT_TENSORS), config={"x": crafted.Call(os.system, "true")}, info="")
    with pytest.raises(UnsafePickleError, match=r"(posix|nt)\.system"):
        read(tmp_path, saved(content))


def test_a_surplus_storage_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO(GPT_FILE)
    root = zipfile.ZipFile(buffer).namelist()[0].partition("/")[0]
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(f"{root}/data/999", b"hidden")
    with pytest.raises(CheckpointError, match="storage 999 belongs to no tensor"):
        read(tmp_path, buffer.getvalue())


def test_one_storage_described_in_two_ways_is_refused(tmp_path: Path) -> None:
    tensors = {**GPT_TENSORS}
    first, second, *rest = tensors
    opcodes = [text("weight"), b"}("]
    blocks = {"0": bytes(8)}
    for index, name in enumerate(rest, start=1):
        value = tensors[name]
        strides = tuple(stride // 2 for stride in value.strides)
        opcodes += [text(name), tensor(value.shape, strides, source=storage(str(index), value.size))]
        blocks[str(index)] = value.tobytes()
    shapes_of = {first: tensors[first].shape, second: tensors[second].shape}
    assert shapes_of == {first: (4, 2), second: (4,)}
    blocks["0"] = bytes(16)
    opcodes += [text(first), tensor((4, 2), (2, 1), source=storage("0", 8))]
    opcodes += [text(second), tensor((4,), (1,), source=storage("0", 4, "FloatStorage")), b"u"]
    with pytest.raises(CheckpointError, match="storage 0 is described in two ways"):
        read(tmp_path, crafted.with_pickle(program(b"}", *opcodes, b"s"), blocks))


def test_a_configuration_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    """Twelve lists, each holding the one before it ten times, would copy to 10^12 values."""
    nested: object = "ha"
    for _ in range(12):
        nested = [nested] * 10
    content = OrderedDict(weight=tensors_of(GPT_TENSORS), config={"a": nested}, info="")
    with pytest.raises(CheckpointError, match="nested or repeated"):
        read(tmp_path, saved(content))
    endless: list[object] = []
    endless.append(endless)
    content["config"] = {"a": endless}
    with pytest.raises(CheckpointError, match="nested or repeated"):
        read(tmp_path, saved(content))


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="beyond storage 0"):
        read(tmp_path, crafted.with_pickle(weights(tensor((5,), (1,))), {"0": bytes(8)}))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GPT_FILE) - 1), byte=st.integers(1, 255))
def test_a_changed_byte_never_changes_a_tensor(place: int, byte: int, tmp_path: Path) -> None:
    """Refused, or (padding, times of day) read as before; the head alone may say something else."""
    changed = bytearray(GPT_FILE)
    changed[place] ^= byte
    try:
        found = read(tmp_path, bytes(changed))
    except CheckpointError:
        return
    equal(found.tensors, GPT_TENSORS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, len(GPT_FILE) - 1))
def test_a_truncated_file_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        read(tmp_path, GPT_FILE[:length])


PROBE = """
import hashlib, json, resource, sys
from pathlib import Path
from core_model.upstream.checkpoint import read_checkpoint
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_checkpoint(Path(sys.argv[1]))
memory_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
digest = hashlib.sha256()
for name, tensor in found.tensors.items():
    digest.update(name.encode() + tensor.tobytes())
about = [found.kind, found.family, found.head, len(found.tensors)]
print(json.dumps([about, memory_bytes, digest.hexdigest(), "torch" in sys.modules]))
"""


def write_with_the_script(name: str, path: Path) -> None:
    """A file as the script beside the facts about upstream writes it."""
    script = crafted.require_shared("make_checkpoint.py")
    spec = importlib.util.spec_from_file_location("make_checkpoint", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.save(module.build(name), name, path)


@pytest.mark.parametrize(
    ("name", "kind", "family", "head", "count"),
    [
        ("gpt_s1longer-v2", "gpt", "s1longer-v2", "PK", 295),
        ("sovits_v2Pro", "sovits", "v2Pro", "05", 678),
    ],
)
def test_a_voice_of_full_size(name: str, kind: str, family: str, head: str, count: int, tmp_path: Path) -> None:
    """Read without torch, in memory of less than twice the file, and to the last bit as torch itself reads it."""
    path = tmp_path / "voice.pth"
    write_with_the_script(name, path)
    probe = subprocess.run([sys.executable, "-c", PROBE, path], check=True, capture_output=True, text=True)
    found, memory_bytes, digest, torch_there = json.loads(probe.stdout)
    assert found == [kind, family, head, count]
    assert memory_bytes < 2 * path.stat().st_size
    assert not torch_there
    content = io.BytesIO(b"PK" + path.read_bytes()[2:])  # the head that torch itself wants
    crafted.hparams({})
    with torch.serialization.safe_globals([sys.modules["utils"].HParams]):
        weight = torch.load(content)["weight"]
    expected = hashlib.sha256()
    for tensor_name, value in weight.items():
        expected.update(tensor_name.encode() + value.numpy().tobytes())
    assert digest == expected.hexdigest()


@pytest.mark.parametrize("family", ["v3", "v4"])
def test_a_lora_with_its_rank(family: str, tmp_path: Path) -> None:
    values = arrays(flow_shapes.lora(2))
    content = OrderedDict(weight=tensors_of(values), config={"model": {"version": family}}, info="x", lora_rank=2)
    head = {"v3": b"03", "v4": b"04"}[family]
    found = read(tmp_path, saved(content, head))
    assert (found.kind, found.family, found.head, found.lora_rank) == ("lora", family, head.decode(), 2)
    equal(found.tensors, values)
    content["lora_rank"] = 4
    with pytest.raises(CheckpointError, match="its lora_rank is 4, its tensors show 2"):
        read(tmp_path, saved(content, head))


def test_a_lora_rank_where_no_lora_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="tensors show no LoRA"):
        read(tmp_path, tiny_gpt(lora_rank=32)[1])


def test_a_flat_vocoder_and_one_under_generator(tmp_path: Path) -> None:
    values = arrays(companion_shapes.vocoder_v4(weight_norm=False), np.float32)
    found = read(tmp_path, saved(tensors_of(values)))
    assert (found.kind, found.family, found.training) == ("vocoder", "v4", False)
    equal(found.tensors, values)
    equal(read(tmp_path, saved({"generator": tensors_of(values)})).tensors, values)


def test_the_speaker_vector_network_with_its_whole_numbers(tmp_path: Path) -> None:
    values = arrays(companion_shapes.speaker_vector(), np.float32)
    values["bn1.num_batches_tracked"] = np.array(7)
    found = read(tmp_path, saved(tensors_of(values)))
    assert found.kind == "speaker_vector"
    assert found.tensors["bn1.num_batches_tracked"].dtype == np.int64
    equal(found.tensors, values)


def test_tensors_of_a_network_that_is_not_asked_what_it_is(tmp_path: Path) -> None:
    values = {"encoder.x": np.arange(4, dtype=np.float32)}
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(saved(tensors_of(values)))
    equal(read_tensors(path), values)
    path.write_bytes(saved({"x": crafted.Call(os.system, "true")}))
    with pytest.raises(UnsafePickleError):
        read_tensors(path)


def test_a_base_file_is_told_from_a_trained_one(tmp_path: Path) -> None:
    numbers = shapes.SOVITS["v2"]
    trained = {"weight": tensors_of(arrays(shapes.sovits(numbers, posterior=False)))}
    base = {"weight": tensors_of(arrays(shapes.sovits(numbers, posterior=True)))}
    assert stock(read(tmp_path, saved(trained))) == ()
    found = read(tmp_path, saved(base))
    assert "posterior encoder" in stock(found)[0]
    assert stock(replace(found, training=True)) == ()
    content = saved(trained)
    assert read(tmp_path, content).start_md5 == hashlib.md5(content[:8192]).hexdigest()
    known = replace(read(tmp_path, content), start_md5="43797be6" + "0" * 24)
    assert "base file of v3" in stock(known)[0]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for read in (read_checkpoint, read_outline):
        with pytest.raises(CheckpointError, match="no file"):
            read(tmp_path / "pipe.pth")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_kind_of_float_keeps_its_values(dtype: torch.dtype, legacy: bool, tmp_path: Path) -> None:
    values = {name: torch.randn(value.shape).to(dtype) for name, value in GPT_TENSORS.items()}
    buffer = io.BytesIO()
    content = {"weight": OrderedDict(values), "config": crafted.CONFIG, "info": "GPT-e15"}
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    found = read(tmp_path, buffer.getvalue())
    assert found.widened == (dtype is torch.bfloat16)
    for name, value in values.items():
        kept = found.tensors[name]
        assert kept.dtype == (np.float16 if dtype is torch.float16 else np.float32)
        np.testing.assert_array_equal(kept, value.float().numpy())
        if dtype is torch.bfloat16:  # and narrowed again it is the same to the bit
            back = torch.from_numpy(kept.copy()).to(torch.bfloat16)
            assert torch.equal(back.view(torch.int16), value.view(torch.int16))


def test_weight_norm_as_a_parametrization_is_read_as_upstream_writes_it(tmp_path: Path) -> None:
    named = arrays(dict.fromkeys(companion_shapes.vocoder_v4(weight_norm=True), (2,)))
    new = {name: torch.from_numpy(value) for name, value in norms.to_parametrized(named).items()}
    assert any("parametrizations" in name for name in new)
    buffer = io.BytesIO()
    torch.save(new, buffer)
    (tmp_path / "new.pth").write_bytes(buffer.getvalue())
    assert list(read_tensors(tmp_path / "new.pth")) == list(named)
