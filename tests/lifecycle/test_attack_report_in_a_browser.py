"""The page of attacks in a real browser: drawn, curves and all, it asks for nothing, and its policy refuses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifecycle.attack_findings import Attacked, Figure, Finding, not_tested
from lifecycle.attack_report import render
from tests.lifecycle.test_verification_report_in_a_browser import CHROMIUM, NAME, SIZES, colours, served, show

__all__ = ["served"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
LINES = {"naive": (0x1F, 0x5F, 0xA8), "informed": (0xA3, 0x44, 0x0C)}  # --one and --two of attack_report.css


def test_the_page_is_drawn_and_asks_for_nothing(served: tuple[Path, int, list[str]]) -> None:
    det = {
        name: tuple((x / 10, (1 - x / 10) ** power) for x in range(11))
        for name, power in (("naive", 1), ("informed", 3))
    }
    figure = Figure("eer", 0.5, 0.4, 0.6, 0.5)
    drawn = [
        Finding("style", name, "sees it", {"recordings": 3}, (figure,), True, "m", det=det[name]) for name in LINES
    ]
    found = (*drawn, not_tested("seed", "naive", "guesses", "there was no noise"))
    page = render(Attacked("ada", "2026-11-28T12:00:00+00:00", "local", 1.2, "lifecycle", {"recordings": 3}, (), found))
    seen = show(page, served, SIZES["desk"])
    assert colours(seen.pixels) > 100
    for colour in LINES.values():
        assert (np.abs(seen.pixels * 255 - colour).max(axis=2) < 2).sum() > 100
    assert seen.console == []
    assert seen.asked == [f"/{NAME}"]
    assert seen.elsewhere == []
