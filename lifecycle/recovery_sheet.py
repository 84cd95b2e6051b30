"""The recovery sheet: a second identity for paper, as text and as a QR code.

Knows where it goes (a terminal, an SVG page) and writes nothing itself: whoever prints it decides whether it touches a
disk. The code holds the identity alone, in capitals, which QR codes pack tightly; its recipient follows from it.
Reference: ISO/IEC 18004, through segno.
"""

from __future__ import annotations

import io
from html import escape

import segno

from archive.age.keys import WrittenIdentity

_QUIET_MODULES = 4  # the white frame that scanners ask for
_ERROR_CORRECTION = "Q"  # a quarter of the code may be stained or torn
_CODE_MM = 90
_TITLE = "Recovery key for voice archives"
_USE = (
    "Whoever has this sheet opens every archive that was written to it.",
    "Keep it where the archives are not.",
    "To use it, type the line below into a file, or scan the code and save its text; then",
    "lifecycle restore BUNDLE -i FILE, or, as the bundle's README.txt tells, age -d -i FILE",
)


def terminal_lines(identity: WrittenIdentity) -> list[str]:
    """The code in half blocks, light on dark as terminals are, and the identity below it."""
    drawn = io.StringIO()
    _code(identity).terminal(drawn, border=_QUIET_MODULES, compact=True)
    return [*drawn.getvalue().splitlines(), identity.secret_text()]


def svg_page(identity: WrittenIdentity, *, created: str) -> str:
    """An A4 page: what it is, the code, the identity. *created* is any one line of text, usually the time."""
    modules = [list(row) for row in _code(identity).matrix]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(modules) for x, dark in enumerate(row) if dark)
    scale = _CODE_MM / (len(modules) + 2 * _QUIET_MODULES)
    texts = [(20, 25, 7.0, _TITLE), (20, 33, 3.5, f"made {created}")]
    texts += [(20, 42 + 6 * number, 3.6, line) for number, line in enumerate(_USE)]
    shown = "".join(f'<text x="{x}" y="{y}" font-size="{size}">{escape(line)}</text>' for x, y, size, line in texts)
    # 77 characters in 174 mm; the length is set so that no font can push the end off the paper.
    key = (
        f'<text x="18" y="170" font-size="3.7" textLength="174" font-family="monospace">{identity.secret_text()}</text>'
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" viewBox="0 0 210 297" '
        'font-family="sans-serif"><rect width="210" height="297" fill="#fff"/>'
        f'{shown}<path transform="translate(60 70) scale({scale:.5f})" d="{path}"/>{key}</svg>\n'
    )


def _code(identity: WrittenIdentity) -> segno.QRCode:
    return segno.make(identity.secret_text(), error=_ERROR_CORRECTION, micro=False)
