"""Deltas: what two bundles share is carried once, the whole comes out to the last bit, and only with the right base."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import delta, payload
from archive.bundle import open_bundle, pack, payload_digest
from archive.delta import Piece, parse_pieces, pieces_json
from archive.delta_making import make
from archive.errors import BaseNeededError, DamagedError, FormatError, WrongBaseError
from archive.sealing import Sealing, write
from tests.archive.crafting import IDENTITY, pack_small, write_members

LINES = st.lists(st.sampled_from([b"aa\n", b"b\n", b"cccccc\n", b"\n"]), max_size=8).map(b"".join)
FILES = st.dictionaries(st.sampled_from(["a", "b/c", "b/d.txt", "e"]), LINES, max_size=4)


def lines(path: Path) -> Sequence[int]:
    """A cut at every end of a line: what a tensor is to a voice."""
    return [index + 1 for index, byte in enumerate(path.read_bytes()) if byte == 10]


def written(directory: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for name, content in contents.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return {name: directory / name for name in contents}


def pack_delta(place: Path, members: dict[str, Path], base: Path, **more: object) -> Path:
    work = place / "work"
    work.mkdir()
    with open_bundle(base, [IDENTITY]) as bundle:
        since = bundle.as_base(work, lines)
    pack(place / "delta.voice", members, since=since, recipients=[IDENTITY.recipient], redundancy=0, **more)  # type: ignore[arg-type]
    return place / "delta.voice"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    pack_small(tmp_path / "base.voice", write_members(tmp_path / "base"), "x25519")
    return tmp_path / "base.voice"


@given(then=FILES, now=FILES)
def test_any_two_sets_of_files(
    then: dict[str, bytes], now: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("delta")
    before, members = written(place / "then", then), written(place / "now", now)
    pack(place / "base.voice", before, public=True, redundancy=0)
    made = pack_delta(place, members, place / "base.voice")
    with open_bundle(made, [IDENTITY]) as bundle, open_bundle(place / "base.voice") as whole_base:
        bundle_id = bundle.extract(place / "out", whole_base)
        carried = bundle.read(delta.DATA)
    assert bundle_id == payload_digest(members)
    found = {
        str(path.relative_to(place / "out")): path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()
    }
    found.pop("manifest.json")
    assert found == now
    # The slow obvious count: every line that the base has not, once.
    known = {line for content in then.values() for line in content.splitlines(keepends=True)}
    wanted = {line for content in now.values() for line in content.splitlines(keepends=True)} - known
    whole_files = {content for content in now.values() if content in then.values()}
    assert set(carried.splitlines(keepends=True)) <= wanted
    assert len(carried) <= sum(map(len, wanted)) and (not wanted or whole_files or carried)


def test_an_unchanged_file_is_one_piece_and_a_changed_line_is_all_that_is_carried(base: Path, tmp_path: Path) -> None:
    members = write_members(tmp_path / "now")
    members |= written(tmp_path / "now", {"text": b"one\ntwo\nthree\n"})
    pack(tmp_path / "older.voice", members, recipients=[IDENTITY.recipient], redundancy=0)
    members |= written(tmp_path / "now", {"text": b"one\n2\nthree\n"})
    made = pack_delta(tmp_path, members, tmp_path / "older.voice")
    assert made.stat().st_size < 60_000 < (tmp_path / "older.voice").stat().st_size
    with open_bundle(made, [IDENTITY]) as bundle:
        assert bundle.read(delta.DATA) == b"2\n"
        told = json.loads(bundle.read(delta.PIECES))
    pieces = {entry["path"]: entry["pieces"] for entry in told["entries"]}
    assert pieces["weights/gpt.safetensors"] == [{"base": "weights/gpt.safetensors", "offset": 0, "size": 70_000}]
    assert pieces["records/empty.txt"] == []
    assert [piece["size"] for piece in pieces["text"]] == [4, 2, 6]


def test_without_its_base_or_with_another_nothing_is_written(base: Path, tmp_path: Path) -> None:
    members = write_members(tmp_path / "now") | written(tmp_path / "now", {"new": b"new\n"})
    made = pack_delta(tmp_path, members, base)
    pack(tmp_path / "other.voice", written(tmp_path / "o", {"a": b"b"}), recipients=[IDENTITY.recipient], redundancy=0)
    with open_bundle(made, [IDENTITY]) as bundle, open_bundle(tmp_path / "other.voice", [IDENTITY]) as other:
        assert bundle.delta is not None
        with pytest.raises(BaseNeededError, match=bundle.delta.base):
            bundle.extract(tmp_path / "out")
        with pytest.raises(WrongBaseError, match=other.verify()):
            bundle.extract(tmp_path / "out", other)
        with pytest.raises(WrongBaseError):
            bundle.extract(tmp_path / "out", bundle)
    assert not (tmp_path / "out").exists()


def test_a_delta_is_no_base(base: Path, tmp_path: Path) -> None:
    made = pack_delta(tmp_path, written(tmp_path / "now", {"new": b"new\n"}), base)
    (tmp_path / "again").mkdir()
    with open_bundle(made, [IDENTITY]) as bundle, pytest.raises(BaseNeededError, match="only what differs"):
        bundle.as_base(tmp_path / "again", lines)


def test_a_damaged_base_is_damage_of_the_base(base: Path, tmp_path: Path) -> None:
    made = pack_delta(tmp_path, write_members(tmp_path / "now"), base)
    data = bytearray(base.read_bytes())
    data[data.rindex(b"age-encryption.org/v1\n-> ") + 68_000] ^= 1
    base.write_bytes(data)
    with open_bundle(made, [IDENTITY]) as bundle, pytest.raises(DamagedError):
        bundle.extract(tmp_path / "out", open_bundle(base, [IDENTITY]))
    assert not (tmp_path / "out").exists()


def test_put_together_by_hand_as_the_spec_says(base: Path, tmp_path: Path) -> None:
    """`tail | head` for each piece, as SPEC.md section 12 tells somebody without our program."""
    members = write_members(tmp_path / "now") | written(tmp_path / "now", {"text": b"one\ntwo\n"})
    made = pack_delta(tmp_path, members, base)
    with open_bundle(base, [IDENTITY]) as bundle:
        bundle.extract(tmp_path / "voice-base")
    with open_bundle(made, [IDENTITY]) as bundle:
        assert bundle.delta is not None
        for name in (delta.DATA, delta.FULL, delta.PIECES):
            (tmp_path / "voice" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "voice" / name).write_bytes(bundle.read(name))
    for entry in json.loads((tmp_path / "voice" / delta.PIECES).read_bytes())["entries"]:
        target = tmp_path / "whole" / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
        for piece in entry["pieces"]:
            file = tmp_path / "voice-base" / piece["base"] if "base" in piece else tmp_path / "voice" / delta.DATA
            command = f'tail -c +{piece["offset"] + 1} "$1" | head -c {piece["size"]} >> "$2"'
            subprocess.run(["sh", "-c", command, "sh", str(file), str(target)], check=True)
    assert payload_digest({name: tmp_path / "whole" / name for name in members}) == bundle.delta.full


BASE = {"a": b"12345", "b": b""}
FULL = {"x": b"123abc"}


def crafted(document: object, place: Path) -> None:
    """Read pieces.json of FULL since BASE."""
    full = payload.describe(written(place / "full", FULL), {}, {})
    base = payload.describe(written(place / "base", BASE), {}, {})
    parse_pieces(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), full, base, 3)


def said(*pieces: object, path: str = "x", version: object = 1, **more: object) -> dict[str, object]:
    return {"entries": [{"path": path, "pieces": list(pieces), **more}], "version": version}


GOOD = ({"base": "a", "offset": 0, "size": 3}, {"offset": 0, "size": 3})


def test_the_good_one_is_good(tmp_path: Path) -> None:
    crafted(said(*GOOD), tmp_path)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "not of version 1"),
        (said(*GOOD, version=2), "not of version 1"),
        ({**said(*GOOD), "more": 1}, "not of version 1"),
        (said(*GOOD, more=1), "malformed"),
        ({"entries": said(*GOOD)["entries"] * 2, "version": 1}, "malformed"),  # type: ignore[operator]
        (said(*GOOD, path="y"), "other entries"),
        ({"entries": [], "version": 1}, "other entries"),
        (said(GOOD[0]), "do not add up"),
        (said(*GOOD, GOOD[1]), "do not add up"),
        (said({"base": "c", "offset": 0, "size": 3}), "what is not there"),
        (said({"base": "../a", "offset": 0, "size": 3}), "what is not there"),
        (said({"offset": 0, "size": 3, "sha256": ""}), "what is not there"),
        (said("a"), "what is not there"),
        (said({"base": "a", "offset": 3, "size": 3}), "beyond the end"),
        (said({"base": "b", "offset": 0, "size": 1}), "beyond the end"),
        (said({"offset": -1, "size": 3}), "beyond the end"),
        (said({"offset": 4, "size": 0}), "beyond the end"),
        (said({"offset": 0, "size": True}), "beyond the end"),
        (said({"offset": 0, "size": 2**52}), "beyond the end"),
    ],
)
def test_pieces_that_lie_are_refused(document: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=told):
        crafted(document, tmp_path)


@pytest.mark.parametrize(
    "told",
    [
        1,
        {},
        {"base": "0" * 64},
        {"base": "0" * 64, "full": "0" * 63},
        {"base": "G" * 64, "full": "0" * 64},
    ],
)
def test_a_manifest_that_says_it_in_another_way_is_refused(told: object, tmp_path: Path) -> None:
    described = payload.describe(written(tmp_path, BASE), {}, {}, unknown={"delta": told})
    with pytest.raises(FormatError, match="in no known way"):
        delta.delta_of(described)


def test_a_whole_that_is_not_what_the_delta_says_is_not_written(base: Path, tmp_path: Path) -> None:
    """Every piece is right and every entry too; only the bundle id that was promised is another."""
    work = tmp_path / "work"
    work.mkdir()
    members = write_members(tmp_path / "now")
    with open_bundle(base, [IDENTITY]) as bundle:
        since = bundle.as_base(work, lines)
        full = payload.describe(members, {}, {})
        entries = {entry.path: [Piece(entry.path, 0, entry.size)] if entry.size else [] for entry in full.members}
        parts = written(
            tmp_path / "parts", {delta.DATA: b"", delta.FULL: full.to_bytes(), delta.PIECES: pieces_json(full, entries)}
        )
        for promised, right in (("0" * 64, False), (payload.bundle_id(full, members), True)):
            unknown = {delta.KEY: {"base": since.bundle_id, "full": promised}}
            described = payload.describe(parts, {}, {}, unknown=unknown)
            produce = partial(payload.produce, described, parts)
            write(tmp_path / "crafted.voice", described, produce, Sealing(public=True, redundancy=0))
            with open_bundle(tmp_path / "crafted.voice") as made:
                if right:
                    assert made.extract(tmp_path / "out", bundle) == promised
                else:
                    with pytest.raises(DamagedError, match="the bundle id"):
                        made.extract(tmp_path / "out", bundle)
                    assert not (tmp_path / "out").exists()


def test_what_changes_meanwhile_is_told(base: Path, tmp_path: Path) -> None:
    members = written(tmp_path / "now", {"text": b"one\ntwo\n"})
    full = payload.describe(members, {}, {})
    (tmp_path / "work").mkdir()
    with open_bundle(base, [IDENTITY]) as bundle:
        since = bundle.as_base(tmp_path / "work", lines)
    members["text"].write_bytes(b"one\ntw0\n")
    with pytest.raises(FormatError, match="changed while it was being archived"):
        make(full, members, since)
