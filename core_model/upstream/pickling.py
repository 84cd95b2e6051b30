"""The pickle of a checkpoint, written opcode by opcode as torch's own pickler would: the inverse of unpickle.py.

The pickle module is not involved. Knows dicts, lists, plain values and three stand-ins: `Ordered`, `HParams` and NumPy
arrays; anything else is refused. Every object is memoised although nothing may recall it, because Python's pickler does
so too: GPT-SoVITS tells v1 from v2 by the size of the file, and 30 KB of memo opcodes would turn one into the other.
Reference: CPython's Lib/pickletools.py; torch.save, protocol 2.

    pickled = dumps(Ordered(weight={"x": array}, config=HParams(name="anna"), info="8epoch_400iteration"))
    pickled.data                     # goes into data.pkl
    pickled.storages                 # array n goes into data/n
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from core_model.errors import CheckpointError

_STORAGES = {np.dtype("<f2"): "HalfStorage", np.dtype("<f4"): "FloatStorage"}
_Item = TypeVar("_Item")
_BATCH = 1000  # items that Python's pickler puts behind one MARK


class Ordered(dict[str, object]):
    """Is written as a collections.OrderedDict."""


class HParams(dict[str, object]):
    """Is written as a utils.HParams with these attributes."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """A pickle, and the arrays that it names by their places in `storages`."""

    data: bytes
    storages: tuple[np.ndarray, ...] = field(repr=False)


def hparams(values: Mapping[str, object]) -> HParams:
    """*values* with every dict inside as HParams too, as GPT-SoVITS makes them; a dict in a list stays one."""
    return HParams((name, hparams(value) if isinstance(value, dict) else value) for name, value in values.items())


def dumps(root: object) -> Pickled:
    """*root* as a pickle of protocol 2. CheckpointError if something in it has no place in a checkpoint."""
    writer = _Writer()
    writer.value(root)
    return Pickled(b"\x80\x02" + bytes(writer.data) + b".", tuple(writer.storages))


@dataclass(slots=True)
class _Writer:
    data: bytearray = field(default_factory=bytearray)
    storages: list[np.ndarray] = field(default_factory=list)
    shared: dict[tuple[str, str], int] = field(default_factory=dict)  # names that are one object wherever they stand
    memorised: int = 0

    def value(self, value: object) -> None:
        """Push *value*."""
        match value:
            case None:
                self.data += b"N"
            case bool():
                self.data += b"\x88" if value else b"\x89"
            case int():
                self.data += _integer(value)
            case float():
                self.data += b"G" + struct.pack(">d", value)
            case str():
                self._text(value)
            case list():
                self._list(value)
            case HParams():
                self._global("utils", "HParams")
                self.data += b")\x81"
                self._memorise()
                self._dict(value, shared_keys=True)
                self.data += b"b"
            case Ordered():
                self._ordered(value, shared_keys=not self.memorised)
            case dict():
                self._dict(value, shared_keys=False)
            case np.ndarray():
                self._tensor(value)
            case _:
                raise CheckpointError(f"a {type(value).__name__} has no place in a checkpoint")

    def _memorise(self) -> None:
        index = self.memorised
        self.data += b"q" + bytes((index,)) if index < 256 else b"r" + struct.pack("<I", index)
        self.memorised += 1

    def _once(self, kind: str, name: str, push: bytes) -> None:
        """*push* what is called *name*, or recall it if it was pushed before."""
        index = self.shared.get((kind, name))
        if index is not None:
            self.data += b"h" + bytes((index,)) if index < 256 else b"j" + struct.pack("<I", index)
            return
        self.shared[kind, name] = self.memorised
        self.data += push
        self._memorise()

    def _global(self, module: str, name: str) -> None:
        self._once("global", f"{module}.{name}", f"c{module}\n{name}\n".encode())

    def _text(self, value: str) -> None:
        self.data += _text(value)
        self._memorise()

    def _shared_text(self, value: str) -> None:
        self._once("text", value, _text(value))

    def _list(self, values: list[object]) -> None:
        self.data += b"]"
        self._memorise()
        for batch in _batches(values):
            if len(batch) == 1:
                self.value(batch[0])
                self.data += b"a"
                continue
            self.data += b"("
            for value in batch:
                self.value(value)
            self.data += b"e"

    def _ordered(self, values: Mapping[str, object], *, shared_keys: bool) -> None:
        self._global("collections", "OrderedDict")
        self.data += b")R"
        self._memorise()
        # The outermost one's keys stand in upstream's code: the same objects as attributes of the same name.
        self._items(values, shared_keys=shared_keys)

    def _dict(self, values: Mapping[str, object], *, shared_keys: bool) -> None:
        self.data += b"}"
        self._memorise()
        self._items(values, shared_keys=shared_keys)

    def _items(self, values: Mapping[str, object], *, shared_keys: bool) -> None:
        for batch in _batches(list(values.items())):
            self.data += b"(" if len(batch) > 1 else b""
            for key, value in batch:
                if not isinstance(key, str):
                    raise CheckpointError(f"{key!r} cannot be a name in a checkpoint")
                (self._shared_text if shared_keys else self._text)(key)
                self.value(value)
            self.data += b"u" if len(batch) > 1 else b"s"

    def _tensor(self, array: np.ndarray) -> None:
        storage = _STORAGES.get(array.dtype.newbyteorder("<"))
        if storage is None:
            raise CheckpointError(f"a tensor of {array.dtype} has no place in a checkpoint")
        self._global("torch._utils", "_rebuild_tensor_v2")
        self.data += b"(("
        self._shared_text("storage")
        self._global("torch", storage)
        self._text(str(len(self.storages)))
        self._shared_text("cpu")
        self.data += _integer(array.size) + b"t"
        self._memorise()
        self.data += b"Q" + _integer(0)
        self._integers(array.shape)
        self._integers([int(np.prod(array.shape[n + 1 :], dtype=np.int64)) for n in range(array.ndim)])  # row by row
        self.data += b"\x89"
        self._global("collections", "OrderedDict")
        self.data += b")R"
        self._memorise()
        self.data += b"t"
        self._memorise()
        self.data += b"R"
        self._memorise()
        self.storages.append(array)

    def _integers(self, values: Iterable[int]) -> None:
        """A tuple of integers."""
        pushed = [_integer(value) for value in values]
        if not pushed:
            self.data += b")"  # the empty tuple is never memoised
            return
        self.data += b"".join(pushed) if len(pushed) <= 3 else b"(" + b"".join(pushed)
        self.data += {1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(pushed), b"t")
        self._memorise()


def _batches(items: list[_Item]) -> Iterable[list[_Item]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return b"K" + bytes((value,))
    if 0 <= value < 1 << 16:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(encoded) > 255:
        raise CheckpointError(f"an integer of {value.bit_length()} bits has no place in a checkpoint")
    return b"\x8a" + bytes((len(encoded),)) + encoded
