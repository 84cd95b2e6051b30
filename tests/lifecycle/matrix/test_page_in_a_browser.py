"""The matrix's page in a real browser: drawn in its colours, it asks for nothing and breaks no policy of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lifecycle.matrix.page import render
from tests.lifecycle.matrix.test_page import GOOD
from tests.lifecycle.matrix.test_results import RESULTS
from tests.lifecycle.test_verification_report_in_a_browser import CHROMIUM, NAME, served, show

__all__ = ["served"]  # the fixture, for pytest
pytestmark = [
    pytest.mark.sockets("loopback"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]


def test_it_is_drawn_and_asks_for_nothing(served: tuple[Path, int, list[str]]) -> None:
    refused = replace(GOOD, row=replace(GOOD.row, version="1.9.1"), verdict="refused", told="No such operator.")
    page = render(replace(RESULTS, cells=(*RESULTS.cells, refused)))
    seen = show(page, served, (1200, 2000))
    assert seen.console == [] and seen.asked == [f"/{NAME}"] and seen.elsewhere == []
    red, green, blue = np.moveaxis(seen.pixels, 2, 0)
    assert (red - green > 0.04).mean() > 0.01  # the banner and the cell that drifted
    assert ((red - blue > 0.08) & (green - blue > 0.04)).mean() > 0.001  # the one that was refused
