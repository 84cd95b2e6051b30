"""Small checkpoints in torch's own format, and pickles written opcode by opcode, for the tests of this directory."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.upstream import shapes

SHARED = Path(__file__).resolve().parents[4] / "shared" / "upstream"
TINY_GPT = {"phonemes": 3, "semantic_tokens": 5, "width": 4, "layers": 1, "word_features": 2}
CONFIG = {"model": {"head": 2, "n_layer": 1}, "train": {"betas": [0.8, 0.99], "pretrained": None}}


def require_shared(name: str) -> Path:
    """The path of *name* under the facts about upstream, or a skip that says what is missing."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def arrays(named: Mapping[str, tuple[int, ...]], dtype: type = np.float16) -> dict[str, np.ndarray]:
    """Values for every tensor; no two tensors start alike, and neighbours differ."""
    period = (np.arange(997) / 499 - 1).astype(dtype)
    sizes = {name: int(np.prod(shape)) for name, shape in named.items()}
    return {name: np.resize(np.roll(period, -n), sizes[name]).reshape(named[name]) for n, name in enumerate(named)}


def hparams(values: Mapping[str, object]) -> object:
    """*values* as instances of a class that pickles as utils.HParams, nested ones too."""
    module = sys.modules.get("utils")
    if module is None:
        module = sys.modules["utils"] = types.ModuleType("utils")
        module.HParams = type("HParams", (), {"__module__": "utils"})
    node = module.HParams()
    for name, value in values.items():
        setattr(node, name, hparams(value) if isinstance(value, dict) else value)
    return node


def saved(content: object, head: bytes = b"PK") -> bytes:
    """*content* as torch saves it, with the head put over its first two bytes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return head + buffer.getvalue()[2:]


def tiny_gpt(**more: object) -> tuple[dict[str, np.ndarray], bytes]:
    """The tensors of a tiny GPT and its file."""
    tensors = arrays(shapes.gpt(**TINY_GPT))
    weight = OrderedDict((name, torch.from_numpy(value)) for name, value in tensors.items())
    return tensors, saved(OrderedDict(weight=weight, config=CONFIG, info="GPT-e15", **more))


def rezipped(file: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None], **options: object) -> bytes:
    """*file* with every entry passed through *change*; None leaves it out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(buffer, "w", **options) as new:
        for info in old.infolist():
            if (changed := change(info.filename, old.read(info))) is not None:
                new.writestr(*changed)
    return buffer.getvalue()


def with_pickle(data: bytes, storages: Mapping[str, bytes] | None = None) -> bytes:
    """A container round a pickle of one's own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        for key, values in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", values)
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


class Call:
    """Pickles as a call of *function*, an object or a "module name" that need not exist here."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.reduced


def storage(key: str = "0", count: int = 4, kind: str = "HalfStorage", tag: str = "storage") -> bytes:
    """Opcodes that push a reference to a storage."""
    return (
        b"("
        + text(tag)
        + f"ctorch\n{kind}\n".encode()
        + text(key)
        + text("cpu")
        + b"J"
        + struct.pack("<i", count)
        + b"tQ"
    )


def tensor(shape: tuple, strides: tuple, offset: int = 0, source: bytes | None = None) -> bytes:
    """Opcodes that push a tensor."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + (source if source is not None else storage())
        + whole(offset)
        + b"".join(b"(" + b"".join(map(whole, numbers)) + b"t" for numbers in (shape, strides))
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def whole(value: int) -> bytes:
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + data


def program(*opcodes: bytes) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + b"".join(opcodes) + b"."


def weights(tensors: bytes) -> bytes:
    """A pickle of {"weight": {"x": tensor}}."""
    return program(b"}", text("weight"), b"}", text("x"), tensors, b"ss")


def hostile(directory: Path) -> dict[str, bytes]:
    """Pickles that would leave a file in *directory* if anything ran them, by what they try."""
    canary = f"touch {directory / 'ran'}"
    code = f"open({str(directory / 'ran')!r}, 'w')"
    pickles = {
        f"{name}, protocol {protocol}": pickle.dumps(OrderedDict(weight=Call(function, argument)), protocol)
        for protocol in range(6)
        for name, function, argument in (("os.system", os.system, canary), ("eval", eval, code), ("exec", exec, code))
    }
    pickles["INST"] = b"(S'" + canary.encode() + b"'\nios\nsystem\n."
    pickles["OBJ"] = b"(cos\nsystem\nX" + struct.pack("<I", len(canary)) + canary.encode() + b"o."
    pickles["a name built of parts"] = (
        b"\x80\x04"
        + text("os")
        + b"\x94"
        + text("system")
        + b"\x94"
        + text("x")
        + b"h\x00h\x01\x93"
        + text(canary)
        + b"\x85R."
    )
    pickles["NEWOBJ"] = program(b"csubprocess\nPopen\n", text(canary), b"\x85\x81")
    pickles["getattr of a harmless name"] = program(
        b"c__builtin__\ngetattr\n", b"ccollections\nOrderedDict\n", text("fromkeys"), b"\x86R"
    )
    pickles["a name inside a package"] = program(b"ctorch\nhub.load\n", text("x"), b"\x85R")
    pickles["torch.load of another file"] = program(b"ctorch\nload\n", text("other.pth"), b"\x85R")
    pickles["an attribute of the allowed"] = program(b"ccollections\nOrderedDict.__init__.__globals__\n")
    return pickles
