"""Which rows a matrix has: FILE.toml, or a lane of containers/matrix.toml, to frozen rows and the locks they need.

Knows TOML and versions; builds nothing and runs nothing. Each table is a product of its lists.

    schema = 1
    limit_s = 600                       # of one call of a runner
    [[rows]]                            # [[fast]], [[full]] in our own file
    torch = ["2.13.0", "2.6.0"]         # or onnxruntime = [...]
    python = ["3.11", "this"]
    runners = ["torchscript"]           # torch, torchscript; onnx for onnxruntime
    isa = ["native", "avx2"]
    threads = [1]
"""

from __future__ import annotations

import itertools
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, cast

from lifecycle.errors import MatrixError

Package = Literal["torch", "onnxruntime"]
Runner = Literal["torch", "torchscript", "onnx"]
ISA = Literal["native", "avx2"]
LANES = ("fast", "full")
RUNNERS: Mapping[Package, tuple[Runner, ...]] = {"torch": ("torch", "torchscript"), "onnxruntime": ("onnx",)}
INSTRUCTION_SETS: tuple[ISA, ...] = ("native", "avx2")
SCHEMA = 1
_MOST_ROWS = 500
_LIMIT_S = 600  # of one call: a v2 voice took 31 s of a processor at most (docs/longevity.md), and machines are busy
_LONGEST_S = 86_400
_MOST_THREADS = 1024
_VERSION = re.compile(r"\d+(\.\d+)*")
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*")  # nothing else reaches pip's command
_PYTHON = re.compile(r"3\.\d{1,2}")


@dataclass(frozen=True, slots=True)
class Companions:
    """What stands beside *of* in an environment. *below* None: beside every version."""

    of: Package
    below: str | None
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One runtime on one Python with one instruction set and so many threads, and the lock of its environment."""

    runner: Runner
    package: Package
    version: str
    python: str  # "3.11"
    isa: ISA
    threads: int
    lock: tuple[str, ...]

    @property
    def lock_text(self) -> str:
        """What the environment is made of: its Python, then a pin to a line. The same text is the same environment."""
        return "\n".join((f"# python {self.python}", *self.lock)) + "\n"

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"{self.runner}, {self.package} {self.version}, Python {self.python}, {self.isa}, {threads}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, and how long one call of a runner may take on any of them."""

    name: str  # 'fast', 'full', or the file's
    rows: tuple[Row, ...]
    limit_s: int


def read_matrix(named: str) -> Matrix:
    """The lane or the file *named*: its rows in their order, none twice. MatrixError, at the table and key; OSError."""
    ours = tomllib.loads(files("containers").joinpath("matrix.toml").read_text(encoding="utf-8"))
    if named in LANES:
        rows = _rows(ours, named, "containers/matrix.toml", _companions(ours, "containers/matrix.toml"))
        return Matrix(named, rows, _limit(ours, "containers/matrix.toml"))
    path = Path(named)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(path.name, "", f"is not TOML: {error}") from error
    unknown = sorted(document.keys() - {"schema", "limit_s", "rows", "companions"})
    if unknown:
        told = "is not known; a matrix holds schema, limit_s, [[rows]] and [[companions]]"
        raise MatrixError(path.name, unknown[0], told)
    companions = _companions(document, path.name) + _companions(ours, "containers/matrix.toml")
    return Matrix(path.name, _rows(document, "rows", path.name, companions), _limit(document, path.name))


def _limit(document: Mapping[str, object], file: str) -> int:
    value = document.get("limit_s", _LIMIT_S)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST_S:
        raise MatrixError(file, "limit_s", f"cannot be {value!r}")
    return value


def _rows(document: Mapping[str, object], table: str, file: str, companions: tuple[Companions, ...]) -> tuple[Row, ...]:
    if document.get("schema") != SCHEMA:
        raise MatrixError(file, "schema", f"is {document.get('schema')!r}; this toolkit reads {SCHEMA}")
    tables = document.get(table)
    if not isinstance(tables, list) or not tables:
        raise MatrixError(file, table, f"is missing: a matrix holds at least one table [[{table}]]")
    rows: dict[Row, None] = {}
    for number, described in enumerate(tables, 1):
        rows |= dict.fromkeys(_product(described, f"{table}, table {number}", file, companions))
        if len(rows) > _MOST_ROWS:
            raise MatrixError(file, table, f"makes more than {_MOST_ROWS} rows")
    return tuple(rows)


def _product(described: object, where: str, file: str, companions: tuple[Companions, ...]) -> list[Row]:
    """All rows of one table."""
    if not isinstance(described, dict):
        raise MatrixError(file, where, "is no table")
    present = [package for package in RUNNERS if package in described]
    if len(present) != 1:
        raise MatrixError(file, where, "names torch or onnxruntime: one of them")
    package = present[0]
    unknown = sorted(described.keys() - {package, "python", "runners", "isa", "threads"})
    if unknown:
        raise MatrixError(file, f"{where}: {unknown[0]}", "is not known")

    def texts(key: str, default: tuple[str, ...], accepted: str) -> tuple[str, ...]:
        values = described.get(key, list(default))
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise MatrixError(file, f"{where}: {key}", "is no list of texts")
        wrong = next((value for value in values if not re.fullmatch(accepted, value)), None)
        if wrong is not None:
            raise MatrixError(file, f"{where}: {key}", f"cannot be {wrong!r}")
        return tuple(values)

    versions = texts(package, (), _VERSION.pattern)
    pythons = texts("python", ("this",), f"this|{_PYTHON.pattern}")
    runners = texts("runners", RUNNERS[package][-1:], "|".join(RUNNERS[package]))
    instruction_sets = texts("isa", ("native",), "|".join(INSTRUCTION_SETS))
    return [
        Row(
            cast(Runner, runner),
            package,
            version,
            f"3.{sys.version_info.minor}" if python == "this" else python,
            cast(ISA, isa),
            threads,
            (f"{package}=={version}", *_beside(package, version, companions)),
        )
        for version, python, runner, isa, threads in itertools.product(
            versions, pythons, runners, instruction_sets, _threads(described, where, file)
        )
    ]


def _threads(described: Mapping[str, object], where: str, file: str) -> tuple[int, ...]:
    values = described.get("threads", [1])
    if not isinstance(values, list) or not values:
        raise MatrixError(file, f"{where}: threads", "is no list of numbers")
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_THREADS:
            raise MatrixError(file, f"{where}: threads", f"cannot be {value!r}")
    return tuple(values)


def _companions(document: Mapping[str, object], file: str) -> tuple[Companions, ...]:
    tables = document.get("companions", [])
    if not isinstance(tables, list):
        raise MatrixError(file, "companions", "are tables [[companions]]")
    found = []
    for number, told in enumerate(tables, 1):
        where = f"companions, table {number}"
        if not isinstance(told, dict) or not told.keys() <= {"of", "below", "packages"}:
            raise MatrixError(file, where, "holds of, below and packages")
        below, packages = told.get("below"), told.get("packages")
        if told.get("of") not in RUNNERS or not (below is None or _is(below, _VERSION)):
            raise MatrixError(file, where, 'holds of = "torch" or "onnxruntime", and may hold below = "2.3"')
        if not isinstance(packages, list) or not all(_is(pin, _PIN) for pin in packages):
            raise MatrixError(file, f"{where}: packages", 'is no list of pins like "numpy==2.4.6"')
        found.append(Companions(told["of"], below, tuple(packages)))
    return tuple(found)


def _is(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _beside(package: Package, version: str, companions: tuple[Companions, ...]) -> tuple[str, ...]:
    fitting = (
        one.packages
        for one in companions
        if one.of == package and (one.below is None or _numbers(version) < _numbers(one.below))
    )
    return next(fitting, ())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
