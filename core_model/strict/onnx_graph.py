"""An ONNX graph, read field by field before a runtime sees it: standard operators, weights inside, nothing else.

Knows no values and needs neither onnx nor protobuf. What is refused could open other files (external data), run code of
other libraries (custom domains), run code of the file's own (functions, training), or is unknown to this reader. The
operators are those that compute arrays from arrays. Reference: onnx.proto3 at IR 8; protobuf's wire format.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from core_model.errors import UnsafeFileError, VoiceError

_OPERATORS = frozenset(
    """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Cos CumSum Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements
    GatherND Gelu Gemm GlobalAveragePool Greater GreaterOrEqual GroupNormalization HardSigmoid Identity
    InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max
    MaxPool Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow Range Reciprocal ReduceL2 ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin
    Size Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor
    """.split()  # noqa: SIM905  a list of hundred lines would hide what it leaves out
)
_STANDARD = (b"", b"ai.onnx")
_WIDTHS = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}  # bytes by data_type
_MOST_FIELDS = 1_000_000  # of all messages; v2 has 60 000
_MOST_BYTES = 1 << 31  # protobuf reads no longer message

# Fields by message, as onnx.proto3 numbers them. What is not listed is refused, with its own words where it is known.
_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH = {1, 2, 5, 10, 11, 12, 13}
_NODE = {1, 2, 3, 4, 5, 6, 7}
_ATTRIBUTE = {1, 2, 3, 4, 5, 7, 8, 9, 13, 20}
_TENSOR = {1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 14}
_REFUSED = {
    ("model", 20): "is a graph that trains itself",
    ("model", 25): "brings functions of its own",
    ("graph", 15): "has a sparse weight",
    ("attribute", 6): "has a graph inside a node",
    ("attribute", 11): "has a graph inside a node",
    ("attribute", 21): "brings functions of its own",
    ("attribute", 22): "has a sparse weight",
    ("attribute", 23): "has a sparse weight",
    ("tensor", 3): "has a weight in segments",
    ("tensor", 6): "has texts for weights",
    ("tensor", 13): "keeps weights in another file",
}
_ALLOWED = {"model": _MODEL, "graph": _GRAPH, "node": _NODE, "attribute": _ATTRIBUTE, "tensor": _TENSOR}

_Buffer = memoryview
_Value = int | memoryview


def require_graph(path: Path, place: str) -> tuple[str, ...]:
    """The operators of the graph at *path*, sorted. UnsafeFileError(place, why) if it may do harm.

    VoiceError if it is no graph at all, or half of one; OSError.
    """
    with path.open("rb") as file:
        length = file.seek(0, 2)
        if not 0 < length < _MOST_BYTES:
            raise VoiceError(place, "is empty" if not length else "is larger than any ONNX file")
        # Closed when the last view onto it is gone; a graph of 300 MB is looked at in the pages that it is read from.
        data = memoryview(mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ))
    reading = _Reading()
    try:
        reading.model(data)
    except _NoGraphError as refused:
        raise VoiceError(place, str(refused)) from None
    except _RefusedError as refused:
        raise UnsafeFileError(place, str(refused)) from None
    return tuple(sorted(reading.operators))


class _RefusedError(Exception):
    """Why, in words."""


class _NoGraphError(_RefusedError):
    """Damage, and no danger."""


class _Reading:
    """One walk through a model."""

    def __init__(self) -> None:
        self.operators: set[str] = set()
        self._left = _MOST_FIELDS

    def model(self, data: _Buffer) -> None:
        graphs = 0
        for number, value in self._fields(data, "model"):
            if number == 7:
                graphs += 1
                self._graph(_message(value))
            elif number == 8:
                domain = b"".join(bytes(_message(part)) for n, part in self._parts(_message(value)) if n == 1)
                _require(domain in _STANDARD, f"needs operators of another library: {_text(domain)!r}")
        if not graphs:
            raise _NoGraphError("is no ONNX file")
        _require(graphs == 1, "holds more than one graph")

    def _graph(self, data: _Buffer) -> None:
        for number, value in self._fields(data, "graph"):
            if number == 1:
                self._node(_message(value))
            elif number == 5:
                self._tensor(_message(value))

    def _node(self, data: _Buffer) -> None:
        operator = domain = b""
        for number, value in self._fields(data, "node"):
            if number == 4:
                operator = bytes(_message(value)[:80])
            elif number == 7:
                domain = bytes(_message(value)[:80])
            elif number == 5:
                self._attribute(_message(value))
        _require(domain in _STANDARD, f"needs operators of another library: {_text(domain)!r}")
        name = _text(operator)
        _require(name in _OPERATORS, f"has the operator {name!r}, which no voice needs")
        self.operators.add(name)

    def _attribute(self, data: _Buffer) -> None:
        for number, value in self._fields(data, "attribute"):
            if number == 5:
                self._tensor(_message(value))

    def _tensor(self, data: _Buffer) -> None:
        values, kind, raw = 1, 0, -1
        for number, value in self._fields(data, "tensor"):
            if number == 1:
                sizes = [value] if isinstance(value, int) else list(_packed(value))
                for size in sizes:
                    values = min(values * size, 1 << 62)
            elif number == 2:
                kind = value if isinstance(value, int) else 0
            elif number == 9:
                raw = len(_message(value))
            elif number == 14:
                _require(value == 0, "keeps weights in another file")
        _require(kind in _WIDTHS, "has a weight of an unknown type")
        _require(raw < 0 or raw == values * _WIDTHS[kind], "has a weight whose shape needs other bytes than it has")
        _require(raw >= 0 or values <= len(data), "has a weight whose shape needs other bytes than it has")

    def _fields(self, data: _Buffer, message: str) -> Iterator[tuple[int, _Value]]:
        for number, value in self._parts(data):
            if number not in _ALLOWED[message]:
                raise _RefusedError(_REFUSED.get((message, number), f"says of its {message} what is not known here"))
            yield number, value

    def _parts(self, data: _Buffer) -> Iterator[tuple[int, _Value]]:
        """(field number, value) of a protobuf message, in its order."""
        position = 0
        while position < len(data):
            self._left -= 1
            _require(self._left >= 0, f"has more than {_MOST_FIELDS} fields")
            tag, position = _varint(data, position)
            kind, value = tag & 7, 0
            if kind == 0:
                value, position = _varint(data, position)
                yield tag >> 3, value
                continue
            length = {1: 8, 5: 4}.get(kind, -1)
            if kind == 2:
                length, position = _varint(data, position)
            if length < 0 or position + length > len(data):
                raise _NoGraphError("is cut short, or no ONNX file")
            yield tag >> 3, data[position : position + length]
            position += length


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise _RefusedError(problem)


def _message(value: _Value) -> memoryview:
    if isinstance(value, int):
        raise _NoGraphError("is no ONNX file")
    return value


def _packed(data: _Buffer) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        yield value


def _varint(data: _Buffer, position: int) -> tuple[int, int]:
    value = 0
    for index in range(position, min(len(data), position + 10)):
        value |= (data[index] & 0x7F) << 7 * (index - position)
        if data[index] < 0x80:
            return value, index + 1
    raise _NoGraphError("is cut short, or no ONNX file")


def _text(data: bytes) -> str:
    return "".join(c for c in data.decode("utf-8", "replace")[:60] if c.isprintable())
