"""The manifest: what a payload holds, where, and with which digests, as canonical JSON.

Knows no files on disk. Reading is strict about form and tolerant about content: there is one spelling of a document,
and fields that this version does not know survive a read and a write. Reference: SPEC.md section 5; RFC 8785
(integers only); docs/decisions/0003-canonical-manifest.md.

    {"description":{...},"format":"lifecycle-bundle","members":[{"format":"json","offset":4096,"path":"voice.json",
     "sha256":"...","size":731,"version":1},...],"version":1}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from archive import container
from archive.errors import FormatError, UnsupportedVersionError

PATH = "manifest.json"
FORMAT = "lifecycle-bundle"
VERSION = 1
MAX_BYTES = 4 * 1024 * 1024  # some 20 000 members; what a reader must hold in memory before it has verified anything
MAX_DEPTH = 32  # of objects and lists in each other; what walks a document takes a stack frame for each
_MAX_INTEGER = 2**53 - 1  # beyond it, other languages read another number
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEMBER_FORMAT = re.compile(r"[a-z0-9][a-z0-9._+-]*")
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the payload. *offset* is where its data begins, in bytes from the start of payload.tar."""

    path: str
    size: int
    sha256: str
    offset: int
    format: str
    version: int
    unknown: Mapping[str, object] = field(default_factory=lambda: _NOTHING)

    @property
    def original_sha256(self) -> str | None:
        """SHA-256 of the file that this one was narrowed from; None if it is the original itself. FormatError."""
        match self.unknown.get("original"):
            case None:
                return None
            case {"sha256": str(sha256)} if _SHA256.fullmatch(sha256):
                return sha256
        raise FormatError(f"the manifest says of {self.path} in no known way what it was narrowed from")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a payload holds. *size* is that of the whole payload.tar, in bytes; it follows from the rest."""

    members: tuple[Entry, ...]
    description: Mapping[str, object]
    unknown: Mapping[str, object] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read the bytes of manifest.json. FormatError, UnsupportedVersionError or UnsafePathError."""
        document = _mapping(parse_json(data), "the manifest")
        if document.get("format") != FORMAT:
            raise FormatError(f"the manifest's format is not {FORMAT!r}")
        version = _integer(document, "version")
        if version != VERSION:
            raise UnsupportedVersionError(version, VERSION)
        members = document.get("members")
        if not isinstance(members, list):
            raise FormatError("the manifest's members are no list")
        unknown = {key: value for key, value in document.items() if key not in _FIELDS}
        manifest = cls(
            tuple(_parse_entry(member) for member in members),
            _mapping(document.get("description"), "the manifest's description"),
            unknown,
        )
        manifest._require_consistent(len(data))
        return manifest

    def to_bytes(self) -> bytes:
        """The canonical bytes: the same that were parsed."""
        members = [
            {**entry.unknown, **{name: getattr(entry, name) for name in _ENTRY_FIELDS}} for entry in self.members
        ]
        document = {"description": self.description, "format": FORMAT, "members": members, "version": VERSION}
        return canonical_json({**self.unknown, **document})

    @property
    def size(self) -> int:
        """Bytes of the payload.tar that this manifest describes, its end included."""
        if self.members:
            end = self.members[-1].offset + container.padded(self.members[-1].size)
        else:
            end = container.BLOCK_BYTES + container.padded(len(self.to_bytes()))
        return end + len(container.END)

    def entry(self, path: str) -> Entry:
        """The member at *path*; KeyError if there is none."""
        for entry in self.members:
            if entry.path == path:
                return entry
        raise KeyError(path)

    def _require_consistent(self, manifest_bytes: int) -> None:
        """Safe and distinct names, in order, each member where the ones before it end."""
        for entry in self.members:
            container.require_safe_name(entry.path)
        paths = [entry.path for entry in self.members]
        container.require_distinct([PATH, *paths])
        if paths != sorted(paths):
            raise FormatError("the manifest's members are not sorted by path")
        offset = container.BLOCK_BYTES + container.padded(manifest_bytes)
        for entry in self.members:
            offset += container.BLOCK_BYTES
            if entry.offset != offset:
                raise FormatError(f"the manifest places {entry.path} at byte {entry.offset} instead of {offset}")
            offset += container.padded(entry.size)


def build(
    files: Sequence[Entry], description: Mapping[str, object], unknown: Mapping[str, object] = _NOTHING
) -> Manifest:
    """The manifest of these members, sorted, with their offsets filled in. FormatError or UnsafePathError.

    Offsets are written in the manifest and depend on its length. They only grow with it, so repeating the placement
    from the shortest possible length ends, at the smallest answer that agrees with itself: one answer for one input.
    """
    members = sorted(files, key=lambda entry: entry.path)
    manifest_bytes = 0
    while True:
        offset = container.BLOCK_BYTES + container.padded(manifest_bytes)
        placed: list[Entry] = []
        for entry in members:
            offset += container.BLOCK_BYTES
            placed.append(replace(entry, offset=offset))
            offset += container.padded(entry.size)
        manifest = Manifest(tuple(placed), description, unknown)
        data = manifest.to_bytes()
        if container.padded(len(data)) == container.padded(manifest_bytes):
            return Manifest.parse(data)  # the writer holds itself to the reader's rules
        manifest_bytes = len(data)


def canonical_json(value: object) -> bytes:
    """RFC 8785, integers only. FormatError for what it cannot spell: floats, large integers, deep nesting."""
    try:
        ordered = _ordered(value, MAX_DEPTH)
        return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(f"not representable as canonical JSON: {error}") from None


def parse_json(data: bytes) -> object:
    """Read canonical JSON; FormatError for every other spelling (spaces, order, escapes, double keys, fractions)."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"the manifest has {len(data)} bytes; at most {MAX_BYTES} are accepted")
    try:
        value: object = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise FormatError("the manifest is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise FormatError("the manifest is not JSON") from None
    if canonical_json(value) != data:
        raise FormatError("the manifest is not canonical JSON")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, as json reads it; FormatError if it has a key twice: readers disagree on which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"the manifest has the key {twice[:80]!r} twice in one object")
    return found


def _ordered(value: object, depth: int) -> object:
    """*value*, keys in the order of their UTF-16 code units, and nothing in it that canonical JSON does not allow."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise FormatError("the manifest holds a number that is too large for canonical JSON")
        return value
    if depth == 0:
        raise _too_deep()
    if isinstance(value, (list, tuple)):
        return [_ordered(item, depth - 1) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _ordered(value[key], depth - 1) for key in sorted(value, key=_utf16)}
    raise FormatError(f"canonical JSON holds texts, integers, lists and mappings, not {type(value).__name__}")


def _too_deep() -> FormatError:
    return FormatError(f"the manifest is nested more than {MAX_DEPTH} deep")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


_FIELDS = ("description", "format", "members", "version")
_ENTRY_FIELDS = ("path", "size", "sha256", "offset", "format", "version")


def _parse_entry(value: object) -> Entry:
    fields = _mapping(value, "a member of the manifest")
    path, sha256, kind = (_text(fields, name) for name in ("path", "sha256", "format"))
    if not _SHA256.fullmatch(sha256) or not _MEMBER_FORMAT.fullmatch(kind):
        raise FormatError(f"the manifest's entry for {path!r} is malformed")
    size, offset, version = (_integer(fields, name) for name in ("size", "offset", "version"))
    if size > container.MAX_ENTRY_BYTES:
        raise FormatError(f"{path} has {size} bytes; a bundle holds entries of less than 8 GiB")
    unknown = {key: item for key, item in fields.items() if key not in _ENTRY_FIELDS}
    return Entry(path, size, sha256, offset, kind, version, unknown)


def _mapping(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise FormatError(f"{what} is no JSON object")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise FormatError(f"the manifest's field {name!r} is no text")
    return value


def _integer(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FormatError(f"the manifest's field {name!r} is no natural number")
    return value
