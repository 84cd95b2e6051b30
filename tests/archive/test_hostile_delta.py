"""Deltas made to take for ever: thousands of pieces of a base with thousands of entries."""

from __future__ import annotations

import io

import pytest

from archive import delta
from archive.container import Region
from archive.delta import Piece
from archive.manifest import Entry, Manifest
from tests.archive.crafting import manifest_of, payload_of


def test_a_base_with_thousands_of_entries_is_not_searched_for_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    entry = Manifest.entry

    def counted(self: Manifest, path: str) -> Entry:
        searched.append(path)
        return entry(self, path)

    monkeypatch.setattr(Manifest, "entry", counted)
    base = payload_of([("a.txt", b"hello"), ("b.txt", b"you")])
    base_manifest = Manifest.parse(manifest_of([("a.txt", b"hello"), ("b.txt", b"you")]))
    full = Manifest.parse(manifest_of([("c.txt", b"hello" * 500)]))
    members = [
        ("delta/data", b"new"),
        ("delta/full.json", full.to_bytes()),
        ("delta/pieces.json", delta.pieces_json(full, {"c.txt": [Piece("a.txt", 0, 5)] * 500})),
    ]
    own = payload_of(members)
    described = Manifest.parse(manifest_of(members))
    sources = [Region(io.BytesIO(data), 0, len(data), "it") for data in (own, base)]
    source, found = delta.whole(sources[0], described, sources[1], base_manifest)
    assert found == full and len(searched) <= 3
    assert source.read_at(full.entry("c.txt").offset, 2500) == b"hello" * 500
