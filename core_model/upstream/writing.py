"""A checkpoint written as GPT-SoVITS itself would have saved it, without torch.

The inverse of checkpoint.py: what `read_checkpoint` gave comes back tensor for tensor, in its order, with its
configuration, its info and its two-byte head. The same checkpoint gives the same bytes. Knows our tensor names as
little as the reader does. Reference: torch.save (zip form); PKWARE APPNOTE; what GPT-SoVITS at 48b1a01 saves.

    <root>/data.pkl  .format_version  .storage_alignment  byteorder  data/0 ... data/<n>  version     stored, 64-aligned

    with store.new_file(Path("anna.pth")) as file:
        write_checkpoint(file, checkpoint)
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from core_model.errors import CheckpointError
from core_model.upstream.checkpoint import Checkpoint
from core_model.upstream.container import HEADS
from core_model.upstream.pickling import Ordered, dumps, hparams

_ROOT = "archive"  # what torch calls it when it writes to a buffer, as GPT-SoVITS does
_ALIGNMENT = 64  # torch maps storages into memory where they lie
_LOCAL, _BEHIND, _CENTRAL, _END = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06"
_FLAGS = 0x0808  # names are UTF-8; sizes and CRC stand behind the content
_DOS_EPOCH = (0, 0x21)  # 1 January 1980: a zip knows no earlier day, and torch tells none
_LARGEST_bytes = (1 << 32) - (1 << 20)  # beyond it a zip needs other records
_PADDING = b"FB"  # the extra field that torch pads with


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    crc: int
    size: int
    offset: int


def write_checkpoint(file: BinaryIO, checkpoint: Checkpoint) -> None:
    """Write *checkpoint* to *file*, which is empty. CheckpointError if it is none that GPT-SoVITS saves as a voice."""
    if checkpoint.head not in HEADS:
        raise CheckpointError(f"no checkpoint begins with {checkpoint.head!r}")
    pickled = dumps(_parts(checkpoint))
    if sum(array.nbytes for array in pickled.storages) > _LARGEST_bytes:
        raise CheckpointError("it is larger than the 4 GB that its format holds")
    writer = _Zip(file)
    writer.add("data.pkl", pickled.data)
    writer.add(".format_version", b"1")
    writer.add(".storage_alignment", str(_ALIGNMENT).encode())
    writer.add("byteorder", b"little")
    for index, array in enumerate(pickled.storages):
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        writer.add(f"data/{index}", little.reshape(-1).view(np.uint8).data)
    writer.add("version", b"3\n")
    writer.finish()
    file.seek(0)
    file.write(checkpoint.head.encode("ascii"))


def _parts(checkpoint: Checkpoint) -> Ordered:
    """What GPT-SoVITS hands to torch.save."""
    tensors: dict[str, object] = dict(checkpoint.tensors)
    if checkpoint.kind == "gpt":
        return Ordered(weight=Ordered(tensors), config=checkpoint.config, info=checkpoint.info)
    if checkpoint.kind == "vocoder":
        return Ordered(generator=Ordered(tensors)) if checkpoint.family == "v3" else Ordered(tensors)
    if checkpoint.kind not in ("sovits", "lora"):
        raise CheckpointError(f"a {checkpoint.kind} is no part of a voice that GPT-SoVITS saves")
    parts = Ordered(weight=tensors, config=hparams(checkpoint.config), info=checkpoint.info)
    if checkpoint.kind == "lora":
        parts["lora_rank"] = checkpoint.lora_rank
    return parts


class _Zip:
    """Stored entries below one root, each beginning at a multiple of 64 bytes, sizes and CRC behind each as torch does.

    What stands behind makes the file as long as torch's own, by which GPT-SoVITS guesses at v1 or v2.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries: list[_Entry] = []

    def add(self, name: str, content: bytes | memoryview) -> None:
        path = f"{_ROOT}/{name}".encode()
        entry = _Entry(path, zlib.crc32(content), len(content), self._file.tell())
        padding = -(entry.offset + 30 + len(path) + 4) % _ALIGNMENT
        extra = _PADDING + struct.pack("<H", padding) + b"Z" * padding
        header = struct.pack("<5H3I2H", 0, _FLAGS, 0, *_DOS_EPOCH, 0, 0, 0, len(path), len(extra))
        self._file.write(_LOCAL + header + path + extra)
        self._file.write(content)
        self._file.write(_BEHIND + struct.pack("<3I", entry.crc, entry.size, entry.size))
        self._entries.append(entry)

    def finish(self) -> None:
        """The list of what is there, and its end."""
        start = self._file.tell()
        for entry in self._entries:
            facts = (entry.crc, entry.size, entry.size, len(entry.name))
            fields = struct.pack("<6H3I5H2I", 0, 0, _FLAGS, 0, *_DOS_EPOCH, *facts, 0, 0, 0, 0, 0, entry.offset)
            self._file.write(_CENTRAL + fields + entry.name)
        count, size = len(self._entries), self._file.tell() - start
        self._file.write(_END + struct.pack("<4H2IH", 0, 0, count, count, size, start, 0))
