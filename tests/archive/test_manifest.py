"""The manifest: one spelling, unknown fields kept, every disagreement refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import manifest
from archive.errors import ArchiveError, FormatError, UnsafePathError, UnsupportedVersionError
from archive.manifest import Entry, Manifest, canonical_json, parse_json
from tests.archive.crafting import manifest_of, stand_alone

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [("a/x.bin", b"xx"), ("b", b""), ("c.json", b"{}")]


def changed(**changes: Any) -> bytes:
    """A good manifest with some of its top-level fields replaced, or removed where the new value is ..."""
    document = json.loads(manifest_of(MEMBERS))
    document.update(changes)
    return canonical_json({key: value for key, value in document.items() if value is not ...})


def entry_changed(**changes: Any) -> bytes:
    """The same for its second entry."""
    members = json.loads(manifest_of(MEMBERS))["members"]
    members[1].update(changes)
    return changed(members=[{key: value for key, value in entry.items() if value is not ...} for entry in members])


@settings(deadline=None)
@given(JSON)
def test_canonical_json_comes_back_and_has_one_spelling(value: object) -> None:
    data = canonical_json(value)
    assert parse_json(data) == value
    assert canonical_json(parse_json(data)) == data
    assert canonical_json(json.loads(json.dumps(value, indent=1))) == data


def test_keys_are_sorted_by_utf16_as_rfc_8785_says() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\u00f6"]
    order = ["\r", "1", "\x80", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]  # the RFC's own example, section 3.2.3
    assert list(json.loads(canonical_json(dict.fromkeys(keys)))) == order
    assert canonical_json('\u20ac$\u000f\nA\'B"\\"/') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/"'.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b'{"a":1,"a":1}', b'{"a": 1}', b'{"b":1,"a":2}', b"{} ", b"\xef\xbb\xbf{}", b'{"a":1.0}',
        b'{"a":1e3}', b'{"a":-0}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":01}', b'{"a":9007199254740992}',
        b'{"a":"\\u0061"}', b'{"a":"\\/"}', b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"[" * 100_000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_json(data)


@pytest.mark.parametrize("value", [1.5, {"a": float("nan")}, {1: "a"}, b"x", {"a": {2}}, 2**53, "\ud800"])
def test_what_json_of_ours_cannot_say(value: object) -> None:
    with pytest.raises(FormatError):
        canonical_json(value)


def test_building_agrees_with_the_slow_way() -> None:
    for count in (0, 1, 3, 40, 400):  # 400 entries: the manifest's own length moves the offsets' number of digits
        members = [(f"member-{index:05}.bin", bytes(index % 700)) for index in range(count)]
        document = manifest_of(members)
        parsed = Manifest.parse(document)
        loose = [Entry(entry.path, entry.size, entry.sha256, 0, "bytes", 1) for entry in reversed(parsed.members)]
        assert manifest.build(loose, {}) == parsed
        assert parsed.to_bytes() == document


@settings(deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=3), st.dictionaries(TEXT, JSON, max_size=3), JSON)
def test_unknown_fields_survive(top: dict[str, Any], inner: dict[str, Any], value: object) -> None:
    document = json.loads(manifest_of([("a", b"")], **{f"x-{key}": item for key, item in top.items()}))
    document["members"][0].update({f"x-{key}": item for key, item in inner.items()})
    document["description"] = {"anything": value}
    size = len(canonical_json(document))
    for _ in range(3):  # the entry's offset follows from the manifest's size
        document["members"][0]["offset"] = 1024 + size + -size % 512
        size = len(canonical_json(document))
    data = canonical_json(document)
    parsed = Manifest.parse(data)
    assert parsed.to_bytes() == data
    assert parsed.description == {"anything": value}
    assert {f"x-{key}" for key in inner} == set(parsed.members[0].unknown)


REFUSED: dict[str, tuple[bytes, type[ArchiveError]]] = {
    "a list": (b"[]", FormatError),
    "another format": (changed(format="bagit"), FormatError),
    "no format": (changed(format=...), FormatError),
    "a later version": (changed(version=2), UnsupportedVersionError),
    "version true": (changed(version=True), FormatError),
    "version as text": (changed(version="1"), FormatError),
    "no members": (changed(members=...), FormatError),
    "members as an object": (changed(members={}), FormatError),
    "a member as text": (changed(members=["a"]), FormatError),
    "no description": (changed(description=...), FormatError),
    "description as a list": (changed(description=[]), FormatError),
    "unsorted": (changed(members=json.loads(manifest_of(MEMBERS))["members"][::-1]), FormatError),
    "negative size": (entry_changed(size=-1), FormatError),
    "size as text": (entry_changed(size="0"), FormatError),
    "size true": (entry_changed(size=True), FormatError),
    "no size": (entry_changed(size=...), FormatError),
    "huge size": (entry_changed(size=8 * 2**30), FormatError),
    "wrong offset": (entry_changed(offset=512), FormatError),
    "offset as null": (entry_changed(offset=None), FormatError),
    "short digest": (entry_changed(sha256="ab"), FormatError),
    "uppercase digest": (entry_changed(sha256="A" * 64), FormatError),
    "no digest": (entry_changed(sha256=...), FormatError),
    "odd format": (entry_changed(format="JSON!"), FormatError),
    "negative version": (entry_changed(version=-1), FormatError),
    "path above": (entry_changed(path="../b"), UnsafePathError),
    "absolute path": (entry_changed(path="/b"), UnsafePathError),
    "path as a number": (entry_changed(path=1), FormatError),
    "path twice": (manifest_of([("a", b""), ("a", b"")]), UnsafePathError),
    "path in another case": (manifest_of([("A", b""), ("a", b"")]), UnsafePathError),
    "directory in another case": (manifest_of([("A/x", b""), ("a/y", b"")]), UnsafePathError),
    "file and directory": (manifest_of([("a", b""), ("a/x", b"")]), UnsafePathError),
    "the manifest itself": (manifest_of([("manifest.json", b"")]), UnsafePathError),
    "the manifest in another case": (manifest_of([("Manifest.JSON", b"")]), UnsafePathError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    data, kind = REFUSED[case]
    with pytest.raises(ArchiveError) as caught:
        Manifest.parse(data)
    assert type(caught.value) is kind, caught.value


@pytest.mark.parametrize("case", [case for case in REFUSED if case != "wrong offset"])
def test_the_stand_alone_reader_refuses_it_too(case: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        module = stand_alone()
        for entry in module.parse_manifest(REFUSED[case][0]):
            module.tar_header(entry["path"], entry["size"]).index(b"\0", 512)  # only a size that fits gives 512 bytes


def test_a_later_version_is_named() -> None:
    with pytest.raises(UnsupportedVersionError) as caught:
        Manifest.parse(changed(version=7))
    assert (caught.value.version, caught.value.supported) == (7, 1)


def test_a_manifest_that_would_fill_the_memory_is_not_parsed() -> None:
    with pytest.raises(FormatError, match="at most"):
        parse_json(b'"' + b"x" * manifest.MAX_BYTES + b'"')


def test_an_entry_is_found_by_its_path() -> None:
    parsed = Manifest.parse(manifest_of(MEMBERS))
    assert parsed.entry("c.json").size == 2
    with pytest.raises(KeyError):
        parsed.entry("manifest.json")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a":1,"a":2}', "the key 'a' twice"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep"),
        (b"[" * 100_000, "nested more than 32 deep"),
        (b"\xff", "not UTF-8"),
        (b"[9007199254740992]", "too large"),
        (b"{} ", "not canonical"),
        (b"{", "not JSON"),
    ],
)
def test_each_spelling_is_refused_for_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        parse_json(data)


def test_json_may_be_32_deep() -> None:
    assert canonical_json(parse_json(b"[" * 32 + b"]" * 32)) == b"[" * 32 + b"]" * 32
