"""What of a voice the forecast's rules may speak of: formats, packages, keys, signatures, copies, addresses.

Knows where each fact stands, and nothing of what follows from it. Nothing is unpacked, loaded or fetched: of an ONNX
graph its outermost fields are read, of everything else its name or its text. What somebody else wrote is passed on as
it stands: whoever shows it makes it printable.

    facts = outside_facts(outside, path)          # without a key
    facts += bundle_facts(bundle)                 # with one
    facts = inside_facts(contents, ...)           # of a voice on this machine
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path

from archive.bundle import Bundle
from archive.custody import Record
from archive.errors import CustodyError
from archive.outside import Outside
from archive.signing import Signature
from core_model.errors import CoreModelError
from core_model.strict.json_files import parse_json
from core_model.upstream.onnx_head import read_head
from lifecycle.forecast_rules import FACTS, Fields, Value, distribution
from lifecycle.shelf import SHELF, read_copies

_MOST_TEXT_BYTES = 1 << 20  # a card has a few KB
_MOST_GRAPH_BYTES = 1 << 31  # protobuf reads no longer message
_MOST_ADDRESSES = 50
_ADDRESS = re.compile(r"https?://[^\s<>\"'`()\[\]{}|\\^]{3,300}")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)", re.MULTILINE)
_WHEEL = re.compile(r"([A-Za-z0-9_.]+)-([A-Za-z0-9.!+_]+)(?:-\d\w*)?-([\w.]+)-([\w.]+)-[\w.]+\.whl")
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")
_CUDA_BUILD = re.compile(r"\+cu(\d{2,3})(\d)$")
_CUDA_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d+)?")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so. *where* is for a person: the file, the package, the address."""

    kind: str  # one of forecast_rules.FACTS
    where: str
    fields: Fields

    def __post_init__(self) -> None:
        assert self.fields.keys() <= FACTS[self.kind].keys(), (self.kind, self.fields)


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a voice: their sizes by path, and what reads one."""

    sizes: Mapping[str, int]
    read: Callable[[str], bytes]

    def text(self, path: str) -> str:
        """A small text; "" where there is none, or it is too long to be one."""
        if self.sizes.get(path, _MOST_TEXT_BYTES + 1) > _MOST_TEXT_BYTES:
            return ""
        return self.read(path).decode("utf-8", "replace")


def bundle_facts(bundle: Bundle) -> list[Fact]:
    """What is in an open bundle; each file is verified when it is read. DamagedError, FormatError, OSError.

    In a delta lie pieces of files, in which there is nothing to be seen.
    """
    if bundle.delta is not None:
        return [Fact("delta", "", {"base": bundle.delta.base})]
    contents = Contents({entry.path: entry.size for entry in bundle.manifest.members}, bundle.read)
    preview = bundle.manifest.description.get("preview") is True
    return inside_facts(contents, bundled=True, encrypted=bundle.outside.encrypted, preview=preview)


def contents_of_directory(directory: Path) -> Contents:
    """A voice on this machine. Links are not followed."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink()]
    sizes = {path.relative_to(directory).as_posix(): path.stat().st_size for path in files}
    return Contents(sizes, lambda path: (directory / path).read_bytes())


def outside_facts(outside: Outside, path: Path, signatures: tuple[Signature, ...] | None = None) -> list[Fact]:
    """What everybody can see of the bundle at *path*. DamagedError, ShelfError, OSError.

    *signatures* spares reading the payload file, where they were judged already.
    """
    if signatures is None:
        signatures = outside.signatures((), datetime.now(UTC))
    valid = tuple(sorted({signature.kind for signature in signatures if signature.valid}))
    kinds = outside.recipient_kinds()
    recovery = sum(name.endswith(".par2") for name in outside.reserved)
    facts = [
        Fact("signatures", "", {"kinds": valid, "number": len(valid)}),
        Fact("recovery", "", {"number": recovery}),
        _copies(path),
    ]
    if outside.encrypted:
        facts.append(Fact("recipients", "", {"kinds": kinds, "number": len(kinds)}))
    with contextlib.suppress(CustodyError):  # `inspect` says so; when the bundle was written is then not known
        facts += _written(outside.custody())
    return facts


def inside_facts(contents: Contents, *, bundled: bool, encrypted: bool, preview: bool) -> list[Fact]:
    """What it takes the key to see, and what reads it here where no environment travels with it."""
    formats = tuple(sorted({path.rpartition(".")[2].lower() for path in contents.sizes}))
    environment = list(_environment(contents))
    carried = any(fact.kind == "package" for fact in environment)
    voice: dict[str, Value | None] = {"bundled": bundled, "encrypted": encrypted, "preview": preview}
    voice |= {"formats": formats, "environment": carried}
    facts = [Fact("voice", "", voice)]
    for path in sorted(contents.sizes):
        if path.endswith(".onnx"):
            facts += _graph(contents, path)
        elif path.endswith(".pt"):
            facts.append(Fact("torchscript", path, {"path": path}))
    return [*facts, *(environment if carried else _packages_here()), *_front_ends(contents), *_addresses(contents)]


def _written(records: tuple[Record, ...]) -> Iterator[Fact]:
    if records:
        try:
            written: date = datetime.fromisoformat(records[-1].when).date()
        except ValueError:
            return
        yield Fact("custody", f"record {records[-1].number}", {"written": written})


def _copies(path: Path) -> Fact:
    """What shelf.toml says, beside the bundle or in the nearest directory above."""
    for directory in path.resolve().parents:
        if (directory / SHELF).is_file():
            places = read_copies(directory).places
            fields = {"recorded": True, "number": len(places), "places": len(set(places))}
            return Fact("copies", str(directory / SHELF), fields)
    return Fact("copies", "", {"recorded": False, "number": None, "places": None})


def _graph(contents: Contents, path: str) -> Iterator[Fact]:
    if contents.sizes[path] < _MOST_GRAPH_BYTES:
        head = read_head(io.BytesIO(contents.read(path)), contents.sizes[path])
        if head is not None:
            yield Fact("onnx", path, {"path": path, "ir_version": head.ir_version, "opset": head.opsets.get("")})


def _environment(contents: Contents) -> Iterator[Fact]:
    """Packages and Pythons that environment/ pins: in its locks, and as its wheels."""
    pinned, pythons = set(), set()
    paths = [path for path in sorted(contents.sizes) if path.startswith("environment/")]
    for path in paths:
        if path.endswith((".lock", ".txt")):
            for name, version in sorted(set(_PINNED.findall(contents.text(path)))):
                pinned.add((distribution(name), version))
                yield from _package(name, version, path)
    for path in paths:
        if wheel := _WHEEL.fullmatch(path.rpartition("/")[2]):
            if (distribution(wheel[1]), wheel[2]) not in pinned:
                yield from _package(wheel[1], wheel[2], path.rpartition("/")[0])
            if (tag := re.fullmatch(r"cp3(\d+)", wheel[3])) and wheel[4] != "abi3":
                pythons.add(f"3.{tag[1]}")
    for version in sorted(pythons):
        yield Fact("python", "environment/", {"version": version})


def _package(name: str, version: str, where: str) -> Iterator[Fact]:
    yield Fact("package", f"{name} {version} ({where})", {"name": name, "version": version})
    build = _CUDA_BUILD.search(version)
    if build:
        yield Fact("cuda", f"{name} {version} ({where})", {"version": f"{build[1]}.{build[2]}"})
    elif _CUDA_RUNTIME.fullmatch(name):
        yield Fact("cuda", f"{name} {version} ({where})", {"version": version})


def _packages_here() -> Iterator[Fact]:
    """What this toolkit needs, in the versions that are installed beside it."""
    try:
        required = metadata.requires("lifecycle") or []
    except metadata.PackageNotFoundError:  # then that is what nothing is known of
        yield Fact(
            "package", "what this toolkit needs: it is not installed as a package", {"name": "?", "version": "?"}
        )
        return
    for name in sorted({_REQUIRED.match(line)[0] for line in required if "extra ==" not in line}):  # type: ignore[index]
        version = _installed(name)
        if version is not None:
            yield from _package(name, version, "this toolkit, here")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _front_ends(contents: Contents) -> Iterator[Fact]:
    """Analysers that cannot be carried: the packages that text/index.json names, and which of them are here."""
    path = "text/index.json"
    try:
        index = parse_json(contents.text(path).encode(), path) if path in contents.sizes else None
    except CoreModelError:
        return  # `verify` names what is wrong with it
    packages = index.get("packages") if isinstance(index, dict) else None
    for name, version in sorted(packages.items()) if isinstance(packages, dict) else ():
        if isinstance(version, str) and _REQUIRED.fullmatch(name):
            here = _installed(name)
            fields = {"name": name, "version": version, "installed": here is not None, "here": here}
            yield Fact("front_end", f"{name} {version} ({path})", fields)


def _addresses(contents: Contents) -> Iterator[Fact]:
    """Addresses in voice.json and in the records, the card among them; the first fifty."""
    found: dict[str, str] = {}
    for path in sorted(contents.sizes):
        if path == "voice.json" or (path.startswith("records/") and path.endswith((".json", ".md", ".txt"))):
            for address in _ADDRESS.findall(contents.text(path)):
                found.setdefault(address.rstrip(".,;:!?"), path)
    for address, path in list(found.items())[:_MOST_ADDRESSES]:
        yield Fact("url", f"{address} ({path})", {"url": address, "path": path})
