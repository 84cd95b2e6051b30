"""Everything a pickle asks for, and the shape of what it holds: any pickle, honest or not, and nothing of it runs.

Unlike unpickle.py this refuses nothing: it follows all opcodes of all protocols, writes down every name the pickle
would import, and stands a blank in for whatever a call would return. What it could not follow it says, and a scan that
is not `complete` proves nothing. Works within a budget, so that a pickle made to fill memory or time is given up, not
obeyed. Reference: CPython's Lib/pickletools.py and Lib/pickle.py for the opcodes.

    scan = scan_pickle(data, Budget())
    scan.names                  ("collections.OrderedDict", "torch.HalfStorage", ...)
    scan.root                   dicts, lists, tuples, plain values, Tensor, Made
"""

from __future__ import annotations

import io
import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeGuard

LARGEST_bytes = 8 << 20  # of one pickle; a voice's has 0.1 MiB, a training state's 1 MiB
_OPCODES = 250_000  # of all pickles of one file; a voice has 30 000, a training state 100 000
_MOST_NAMES = 500  # a checkpoint asks for ten; what asks for more is outside any list already
_LARGEST_NUMBER = 1 << 62  # of values; beyond it no number can be told, let alone be true
UNKNOWABLE = "a name that is put together while the pickle runs"


@dataclass(slots=True)
class Budget:
    """How many opcodes may still be followed; shared by all pickles of one file."""

    left: int = _OPCODES


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor, as far as its description goes; not proven to lie inside its storage."""

    storage: str
    dtype: str  # the name of its storage's class, as "HalfStorage"
    count: int  # values in the storage
    shape: tuple[int, ...]


@dataclass(slots=True)
class Made:
    """What a call or an object of *path* would be; its attributes, where the pickle sets them by name."""

    path: str
    state: dict[object, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pickle asks for and holds."""

    names: tuple[str, ...]  # sorted; a name that could not be known is UNKNOWABLE
    root: object
    end: int  # bytes up to and with its STOP, or as far as it could be read
    calls: bool  # whether it calls anything at all
    trouble: str = ""  # why it is not complete

    @property
    def complete(self) -> bool:
        """Whether every instruction was followed to the end."""
        return not self.trouble


@dataclass(frozen=True, slots=True)
class _Name:
    path: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


_TABLE = {  # opcode: (how many it takes, whether all down to a mark, how many it gives)
    opcode.name: (
        [*(kind.name for kind in opcode.stack_before), "mark"].index("mark"),
        any(kind.name == "mark" for kind in opcode.stack_before),
        len(opcode.stack_after),
    )
    for opcode in pickletools.opcodes
}
_BLANK = object()  # what nothing is known of
_CALLS = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}


class _Mark:
    """Stands on the stack where MARK was."""


_MARK = _Mark()
_REBUILDERS = {  # a tensor's makers: where its storage and its shape stand among their arguments
    "torch._utils._rebuild_tensor_v2": 2,
    "torch._utils._rebuild_tensor_v3": 2,
    "torch._utils._rebuild_tensor": 2,
}
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter")


def scan_pickle(data: bytes, budget: Budget) -> Scan:
    """Follow the first pickle in *data*; what stands behind its STOP is the caller's to look at."""
    machine = _Machine()
    stream = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pickletools decodes escapes in names, and warns of unknown ones
        trouble = _follow(machine, stream, budget)
    root = machine.stack[-1] if machine.stack and not trouble else None
    return Scan(tuple(sorted(machine.names)), root, stream.tell(), machine.calls, trouble)


def _follow(machine: _Machine, stream: io.BytesIO, budget: Budget) -> str:
    """Run *machine* to the end of its pickle; why that did not succeed, or nothing."""
    lost = ""
    frames = _Frames()
    try:
        for opcode, argument, position in pickletools.genops(stream):
            lost = lost or frames.trouble(opcode.name, argument, position or 0)
            budget.left -= 1
            if budget.left < 0:
                return "it has more instructions than any checkpoint needs"
            if len(machine.names) > _MOST_NAMES:
                return f"it asks for more than {_MOST_NAMES} names; the rest was not followed"
            if lost:
                machine.name_blindly(opcode.name, argument)
                continue
            try:
                machine.step(opcode, argument)
            except (IndexError, KeyError, TypeError):
                lost = f"it takes at {opcode.name} what was never put there"
                machine.name_blindly(opcode.name, argument)
    except (ValueError, IndexError, OverflowError, MemoryError) as error:  # what genops raises on a malformed pickle
        return f"it is malformed: {str(error)[:120]}"
    return lost or frames.trouble("", None, stream.tell())


@dataclass(slots=True)
class _Frames:
    """Where the frame ends that the unpickler has read ahead: its ends are ends of instructions, or readers disagree.

    CPython's own unpickler loses a byte where an instruction lies across the end of a frame, and then sees other names.
    """

    end: int = -1

    def trouble(self, opcode: str, argument: object, position: int) -> str:
        """Why the instruction at *position* cannot stand there; nothing if it can."""
        if self.end >= 0 and position >= self.end:
            crossed = position > self.end
            self.end = -1
            if crossed:
                return "one of its frames ends inside an instruction, which no program writes"
        if self.end >= 0 and opcode in ("FRAME", ""):
            return "one of its frames does not end where the next begins, which no program writes"
        if opcode == "FRAME" and isinstance(argument, int):
            self.end = position + 9 + argument
        return ""


@dataclass(slots=True)
class _Machine:
    names: set[str] = field(default_factory=set)
    calls: bool = False
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)

    def step(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        self.calls = self.calls or opcode.name in _CALLS
        action = _ACTIONS.get(opcode.name)
        if action is not None:
            action(self, argument)
        else:
            self.by_table(opcode, argument)

    def name_blindly(self, opcode: str, argument: object) -> None:
        """Write down names where the stack is no longer known."""
        if opcode in ("GLOBAL", "INST"):
            self.names.add(_dotted(argument))
        elif opcode in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            self.names.add(UNKNOWABLE)

    def by_table(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        """Do to the stack what pickletools' own table says of *opcode*."""
        takes, to_mark, gives = _TABLE[opcode.name]
        if to_mark:
            self.to_mark()
        for _ in range(takes):
            self.pop()
        if gives == 1 and opcode.arg is not None:
            self.stack.append(argument)
        else:
            self.stack.extend([_BLANK] * gives)

    def pop(self) -> object:
        value = self.stack.pop()
        if value is _MARK:
            raise IndexError("a mark")
        return value

    def to_mark(self) -> list[object]:
        """What was pushed since the last MARK, which is taken away."""
        index = len(self.stack) - 1
        while self.stack[index] is not _MARK:
            index -= 1
            if index < 0:
                raise IndexError("no mark")
        pushed = self.stack[index + 1 :]
        del self.stack[index:]
        return pushed

    def ask(self, path: str) -> None:
        self.names.add(path)
        self.stack.append(_Name(path))


def _dotted(argument: object) -> str:
    return str(argument).replace(" ", ".", 1)


def _stack_global(machine: _Machine, _: object) -> None:
    name, module = machine.pop(), machine.pop()
    known = isinstance(name, str) and isinstance(module, str)
    machine.ask(f"{module}.{name}" if known else UNKNOWABLE)


def _instance(machine: _Machine, argument: object) -> None:
    machine.to_mark()
    machine.names.add(_dotted(argument))
    machine.stack.append(Made(_dotted(argument)))


def _object(machine: _Machine, _: object) -> None:
    machine.stack.append(_made(machine.to_mark()[0]))


def _extension(machine: _Machine, argument: object) -> None:
    machine.ask(f"number {argument} of the registry of extensions (copyreg)")


def _call(machine: _Machine, _: object) -> None:
    arguments, function = machine.pop(), machine.pop()
    machine.stack.append(_result(function, arguments))


def _new(machine: _Machine, _: object) -> None:
    machine.pop()
    machine.stack.append(_made(machine.pop()))


def _new_with_names(machine: _Machine, _: object) -> None:
    machine.pop()
    _new(machine, None)


def _made(function: object) -> Made:
    return Made(function.path if isinstance(function, _Name) else "")


def _result(function: object, arguments: object) -> object:
    if not isinstance(function, _Name) or not isinstance(arguments, tuple):
        return Made("")
    if function.path == "collections.OrderedDict" and not arguments:
        return {}
    if function.path in _PARAMETERS and arguments and isinstance(arguments[0], Tensor):
        return arguments[0]
    place = _REBUILDERS.get(function.path)
    if place is not None and len(arguments) > place:
        storage, shape = arguments[0], arguments[place]
        if isinstance(storage, _Storage) and isinstance(shape, tuple) and all(_is_size(n) for n in shape):
            return Tensor(storage.key, storage.dtype, storage.count, shape)
    return Made(function.path)


def _is_size(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _LARGEST_NUMBER


def _build(machine: _Machine, _: object) -> None:
    state, target = machine.pop(), machine.stack[-1]
    if isinstance(target, Made) and not target.state and type(state) is dict:
        target.state = state


def _persistent(machine: _Machine, _: object) -> None:
    match machine.pop():
        case ("storage", _Name(path), str(key), str(), count, *_) if _is_size(count):
            machine.stack.append(_Storage(key, path.removeprefix("torch."), count))
        case _:
            machine.stack.append(Made(""))


def _set(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if not isinstance(target, dict):
        return  # an object with items of its own; what they are changes nothing that is asked for
    for key, value in zip(items[::2], items[1::2], strict=False):
        # Only these hash in constant depth; a tuple nested a million deep would overrun the interpreter's own stack.
        if type(key) in (str, int):
            target[key] = value


def _extend(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, list):
        target.extend(items)


def _set_one(machine: _Machine, _: object) -> None:
    value, key = machine.pop(), machine.pop()
    _set(machine, [key, value])


def _pop(machine: _Machine, _: object) -> None:
    machine.stack.pop()  # the C and the Python unpickler take a mark, too


def _drop_to_mark(machine: _Machine, _: object) -> None:
    machine.to_mark()


def _tuple(count: int) -> Callable[[_Machine, object], None]:
    def action(machine: _Machine, _: object) -> None:
        machine.stack.append(tuple(machine.pop() for _ in range(count))[::-1])

    return action


def _marked_dict(machine: _Machine, _: object) -> None:
    items = machine.to_mark()
    machine.stack.append({})
    _set(machine, items)


def _put(machine: _Machine, index: object) -> None:
    machine.memo[index] = machine.stack[-1]  # type: ignore[index]


_ACTIONS: dict[str, Callable[[_Machine, object], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
    "MARK": lambda machine, _: machine.stack.append(_MARK),
    "POP": _pop,
    "POP_MARK": _drop_to_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "LIST": lambda machine, _: machine.stack.append(machine.to_mark()),
    "DICT": _marked_dict,
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.to_mark())),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "APPEND": lambda machine, _: _extend(machine, [machine.pop()]),
    "APPENDS": lambda machine, _: _extend(machine, machine.to_mark()),
    "SETITEM": _set_one,
    "SETITEMS": lambda machine, _: _set(machine, machine.to_mark()),
    "ADDITEMS": _drop_to_mark,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    "MEMOIZE": lambda machine, _: machine.memo.__setitem__(len(machine.memo), machine.stack[-1]),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"),
        lambda machine, index: machine.stack.append(machine.memo[index]),  # type: ignore[index]
    ),
    "GLOBAL": lambda machine, argument: machine.ask(_dotted(argument)),
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    "OBJ": _object,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "REDUCE": _call,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_names,
    "BUILD": _build,
    "BINPERSID": _persistent,
    "PERSID": lambda machine, _: machine.stack.append(Made("")),
}
