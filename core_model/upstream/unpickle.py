"""What a checkpoint's pickle says, without running it.

A small machine of our own reads the opcodes; the pickle module is never involved, so nothing can be called. Four names
are understood, as data; every other name, opcode or shape of call is refused. Knows nothing of networks, and reads no
values: a tensor comes out as a `TensorPlan`. Reference: CPython's Lib/pickletools.py for the opcodes.

    collections.OrderedDict                  a dict
    utils.HParams                            a dict: GPT-SoVITS's configuration
    torch._utils._rebuild_tensor_v2          a TensorPlan
    torch.HalfStorage                        the dtype of a storage; in training states, vocoders and HuBERT also
    torch.FloatStorage, LongStorage, ...     these
"""

from __future__ import annotations

import math
import pickletools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from core_model.errors import CheckpointError, UnsafePickleError

_ORDERED, _HPARAMS, _TENSOR = "collections.OrderedDict", "utils.HParams", "torch._utils._rebuild_tensor_v2"
BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # NumPy has none: the upper half of a float32's bits
_STORAGES: dict[str, np.dtype] = {
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.BFloat16Storage": BFLOAT16,
}
ALLOWED = frozenset({_ORDERED, _HPARAMS, _TENSOR, *_STORAGES})


@dataclass(frozen=True, slots=True)
class Storage:
    """A flat array of the file, by its key."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """Where a tensor lies in its storage; proven to lie inside it. Offset and strides count values, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, values: np.ndarray) -> np.ndarray:
        """The tensor as a view of its storage's *values* (count,)."""
        strides = tuple(stride * values.itemsize for stride in self.strides)
        return np.ndarray(self.shape, values.dtype, values, self.offset * values.itemsize, strides)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a pickle describes."""

    root: object  # dicts, lists, tuples, plain values, TensorPlans
    described: dict[str, Storage]  # all storages it names, also those of optimizer states

    @property
    def storages(self) -> frozenset[str]:
        """The keys of the storages."""
        return frozenset(self.described)


def read(pickle: bytes) -> Contents:
    """What *pickle* describes.

    UnsafePickleError if it names anything but the four; CheckpointError if torch would not have written it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pickletools decodes escapes in names, and warns of unknown ones
        asked = sorted(set(_names(pickle)) - ALLOWED)
        if asked:
            raise UnsafePickleError(tuple(asked))
        machine = _Machine()
        _run(machine, pickle)
    if len(machine.stack) != 1 or machine.marks:
        raise CheckpointError("its pickle does not end in one object")
    return Contents(machine.stack[0], machine.storages)


def _run(machine: _Machine, pickle: bytes) -> None:
    for opcode, argument in _opcodes(pickle):
        action = _ACTIONS.get(opcode)
        if action is None:
            raise CheckpointError(f"its pickle uses {opcode}, which torch never writes")
        try:
            action(machine, argument)
        except IndexError as error:
            raise CheckpointError(f"its pickle takes from an empty stack at {opcode}") from error


class _Ordered(dict[object, object]):
    """Stands for collections.OrderedDict."""


class _HParams(dict[object, object]):
    """Stands for utils.HParams: its attributes."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A name the pickle asked for: only ever data."""

    path: str


@dataclass(slots=True)
class _Machine:
    stack: list[object] = field(default_factory=list)
    marks: list[list[object]] = field(default_factory=list)  # stacks put aside by MARK
    memo: dict[int, object] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)

    def to_mark(self) -> list[object]:
        """What was pushed since the last MARK, which is taken away."""
        pushed, self.stack = self.stack, self.marks.pop()
        return pushed

    def remembered(self, index: object) -> object:
        if index not in self.memo:
            raise CheckpointError(f"its pickle recalls memo {index}, which was never set")
        return self.memo[index]


def _opcodes(pickle: bytes) -> Iterator[tuple[str, object]]:
    try:
        end = 0
        for opcode, argument, position in pickletools.genops(pickle):
            yield opcode.name, argument
            end = (position or 0) + 1
    except (ValueError, IndexError, OverflowError) as error:  # what genops raises on a malformed pickle
        raise CheckpointError(f"its pickle is malformed: {error}") from error
    if end != len(pickle):
        raise CheckpointError("there are bytes behind the end of its pickle")


def _names(pickle: bytes) -> Iterator[str]:
    """Every name in the pickle, for the refusal to list; what hides from this scan the machine still refuses."""
    strings = ["", ""]
    for opcode, argument in _opcodes(pickle):
        if opcode in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1)
        elif opcode == "STACK_GLOBAL":
            yield ".".join(strings)
        elif isinstance(argument, str):
            strings = [strings[1], argument]


def _named(path: str) -> _Name:
    if path not in ALLOWED:
        raise UnsafePickleError((path,))
    return _Name(path)


def _push(machine: _Machine, argument: object) -> None:
    machine.stack.append(argument)


def _constant(value: object) -> Callable[[_Machine, object], None]:
    return lambda machine, _: machine.stack.append(value)


def _ignore(machine: _Machine, argument: object) -> None:
    pass


def _mark(machine: _Machine, _: object) -> None:
    machine.marks.append(machine.stack)
    machine.stack = []


def _tuple(count: int) -> Callable[[_Machine, object], None]:
    def action(machine: _Machine, _: object) -> None:
        items = tuple(machine.stack.pop() for _ in range(count))[::-1]
        machine.stack.append(items)

    return action


def _marked_tuple(machine: _Machine, _: object) -> None:
    items = tuple(machine.to_mark())
    machine.stack.append(items)


def _extend_list(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if type(target) is not list:
        raise CheckpointError("its pickle appends to what is no list")
    target.extend(items)


def _extend_dict(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict) or isinstance(target, _HParams) or len(items) % 2:
        raise CheckpointError("its pickle sets items of what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Only these hash in constant depth; a tuple nested a million deep would overrun the interpreter's own stack.
        if type(key) not in (str, int):
            raise CheckpointError(f"a key in its pickle is a {type(key).__name__}")
        if key in target:
            raise CheckpointError(f"its pickle holds {key!r} twice")
        target[key] = value


def _set_item(machine: _Machine, _: object) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _extend_dict(machine, [key, value])


def _stack_global(machine: _Machine, _: object) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise CheckpointError("its pickle builds a name from what is no text")
    machine.stack.append(_named(f"{module}.{name}"))


def _call(machine: _Machine, _: object) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    if function == _Name(_ORDERED) and arguments == ():
        machine.stack.append(_Ordered())
    elif function == _Name(_TENSOR) and isinstance(arguments, tuple):
        machine.stack.append(_plan(arguments))
    else:
        raise CheckpointError(f"its pickle calls {_describe(function)} in a way torch never does")


def _new(machine: _Machine, _: object) -> None:
    arguments, cls = machine.stack.pop(), machine.stack.pop()
    if cls != _Name(_HPARAMS) or arguments != ():
        raise CheckpointError(f"its pickle makes an object of {_describe(cls)}")
    machine.stack.append(_HParams())


def _build(machine: _Machine, _: object) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if type(state) is not dict or any(type(key) is not str for key in state):
        raise CheckpointError("its pickle sets a state that is no dict of attributes")
    if isinstance(target, _HParams) and not target:
        target.update(state)
    elif not isinstance(target, _Ordered):  # a state_dict's _metadata, versions of modules: of no use here
        raise CheckpointError(f"its pickle sets the state of {_describe(target)}")


def _storage(machine: _Machine, _: object) -> None:
    match machine.stack.pop():
        # A sixth part, in the old form: of which storage it would be a view; none is since torch 0.4.
        case ("storage", _Name(path), str(key), str(), int(count), *view) if type(count) is int and view in (
            [],
            [None],
        ):
            dtype = _STORAGES.get(str(path))
            if dtype is not None and count >= 0:
                storage = machine.storages.setdefault(key, Storage(key, dtype, count))
                if storage != Storage(key, dtype, count):
                    raise CheckpointError(f"storage {key} is described in two ways")
                machine.stack.append(storage)
                return
    raise CheckpointError("its pickle refers to something outside it that is no storage")


def _plan(arguments: tuple[object, ...]) -> TensorPlan:
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), bool(), _Ordered() as hooks) if (
            not hooks
        ):
            if len(shape) == len(strides) <= 8 and all(type(n) is int and n >= 0 for n in (offset, *shape, *strides)):
                if _fits(storage.count, offset, shape, strides):
                    return TensorPlan(storage, offset, shape, strides)
                raise CheckpointError(f"a tensor of shape {shape} reaches beyond storage {storage.key}")
    raise CheckpointError("its pickle describes a tensor in a way torch never does")


def _fits(count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    values = math.prod(shape)
    if values == 0:
        return offset <= count
    # A stride of zero could make a gigabyte of one value: a tensor is never larger than its storage.
    return values <= count and offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True)) < count


def _describe(value: object) -> str:
    return value.path if isinstance(value, _Name) else f"a {type(value).__name__}"


def _memoize(machine: _Machine, _: object) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _put(machine: _Machine, index: object) -> None:
    machine.memo[index] = machine.stack[-1]  # type: ignore[index]


_ACTIONS: dict[str, Callable[[_Machine, object], None]] = {
    "PROTO": _ignore,
    "FRAME": _ignore,
    "STOP": _ignore,
    "MARK": _mark,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"), _push),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": _marked_tuple,
    "APPEND": lambda machine, _: _extend_list(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: _extend_list(machine, machine.to_mark()),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _extend_dict(machine, machine.to_mark()),
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "BINGET": lambda machine, index: machine.stack.append(machine.remembered(index)),
    "LONG_BINGET": lambda machine, index: machine.stack.append(machine.remembered(index)),
    "GLOBAL": lambda machine, argument: machine.stack.append(_named(str(argument).replace(" ", ".", 1))),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _call,
    "NEWOBJ": _new,
    "BUILD": _build,
    "BINPERSID": _storage,
}
