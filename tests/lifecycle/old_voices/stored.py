"""The stored voice of schema 1 as tests want it: restored into a home, and dressed in older exports.

store = restore_stored(tmp_path / "home")            # the voice 'ada'
"""

from __future__ import annotations

import hashlib
import lzma
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import onnx

from core_model.voice import Voice
from lifecycle.restoring import restore
from lifecycle.store import Store
from lifecycle.trusting import read_trust

STORED = Path(__file__).resolve().parent / "schema-1"
BUNDLE, MAKER = STORED / "ada.voice", STORED / "maker.pub"
BUNDLE_ID = "9d7750911833180487addddc6b9795783d384e213f0a153e6c1bc986bf03290d"
NOW = datetime(2045, 11, 28, 12, 0, tzinfo=UTC)


def restore_stored(home: Path) -> Store:
    """A home with the voice 'ada', as the bundle gives it."""
    store = Store(home)
    restored = restore(BUNDLE, (), store, trust=read_trust([str(MAKER)], store, NOW))
    assert restored.bundle_id == BUNDLE_ID
    return store


def put_torch_1_13(directory: Path) -> None:
    """Give the voice in *directory* the TorchScript that torch 1.13.1 wrote of it."""
    for path in sorted((STORED / "torch-1.13.1").glob("*.xz")):
        (directory / "exports" / "torchscript" / path.stem).write_bytes(lzma.decompress(path.read_bytes()))


def put_ir_10(directory: Path) -> None:
    """Let its ONNX be of IR 10, as torch's newer exporter writes it."""
    for path in sorted((directory / "exports" / "onnx").glob("*.onnx")):
        model = onnx.load(path)
        model.ir_version = 10
        path.write_bytes(model.SerializeToString(deterministic=True))


def contents(directory: Path) -> dict[str, str]:
    """{path: SHA-256} of every file below *directory*."""
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    return {p.relative_to(directory).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def exports_again(saved: Path) -> Callable[[Voice], None]:
    """In place of `write_exports`, which takes ten seconds: the graphs in *saved*, of these very weights."""

    def write(made: Voice) -> None:
        assert not made.exports_directory.exists()
        shutil.copytree(saved, made.exports_directory)

    return write
