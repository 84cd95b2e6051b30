"""The sheet for paper: its code says the identity, module by module, and its page shows it in letters too."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree

import pytest
import segno

from archive.age.hybrid import HybridIdentity
from archive.age.keys import WrittenIdentity, parse_identities
from archive.age.x25519 import X25519Identity
from lifecycle.recovery_sheet import svg_page, terminal_lines

IDENTITIES = [HybridIdentity.generate(os.urandom), X25519Identity.generate(os.urandom)]


def modules_of(identity: WrittenIdentity) -> list[list[bool]]:
    code = segno.make(identity.secret_text(), error="Q", micro=False)
    assert code.mode == "alphanumeric"
    return [[bool(module) for module in row] for row in code.matrix]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_page_draws_the_code_and_shows_the_identity(identity: WrittenIdentity) -> None:
    page = svg_page(identity, created="2026 & <later>")
    root = ElementTree.fromstring(page)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "made 2026 & <later>" in texts
    assert parse_identities(str(texts[-1])) == (identity,)
    path = next(root.iter("{http://www.w3.org/2000/svg}path")).get("d", "")
    drawn = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    expected = modules_of(identity)
    assert drawn == {(x, y) for y, row in enumerate(expected) for x, dark in enumerate(row) if dark}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_terminal_shows_the_code_light_on_dark_and_the_identity(identity: WrittenIdentity) -> None:
    *drawn, text = terminal_lines(identity)
    assert parse_identities(text) == (identity,)
    light = [[character in half for character in line] for line in drawn for half in ("█▀", "█▄")]
    expected = modules_of(identity)
    frame = 4
    for y, row in enumerate(expected):
        assert [not shown for shown in light[y + frame][frame : frame + len(row)]] == row
    assert all(all(row) for row in light[:frame])
