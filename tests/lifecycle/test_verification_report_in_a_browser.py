"""The page in a real browser: it is drawn, it asks for nothing, and nothing on it is refused by its own policy.

Needs Chromium (Debian: chromium). The page is served from this machine, so that whatever else it asks of its own
origin is seen; what it asks of any other stands in the browser's net log.
"""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from core_model.voice import Voice
from lifecycle.fixity_history import Entry, History
from lifecycle.verification_report import NAME, render
from tests.lifecycle.verified import MACHINE, NOW, drifting, passing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.sockets("loopback"),  # what the browser asks for the page
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
FLAGS += ["--no-first-run", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
FLAGS += ["--disable-dev-shm-usage", "--enable-logging=stderr"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # no name is looked up, the browser's own neither
OWN = re.compile(r"https?://[^/]*\.(google|googleapis)\.com/")  # what Chromium tries of its own accord, all flags aside
LOG = History("fixity.jsonl", (Entry("2030-01-01T00:00:00+00:00", "unchanged", (("path", "ada.voice"),)),), 0, 0)
SIZES = {"desk": (1200, 2600), "phone": (500, 5200)}  # headless Chromium has no narrower window than 500


@dataclass(frozen=True)
class Seen:
    """What came of showing a page: pixels (H, W, 3) of 0 to 1, what was said, and what was asked for."""

    pixels: np.ndarray
    console: list[str]
    asked: list[str]  # paths on this machine
    elsewhere: list[str]  # URLs


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a directory and remembers what was asked for."""

    def __init__(self, *given: object, asked: list[str], **named: object) -> None:
        self.asked = asked
        super().__init__(*given, **named)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *given: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, int, list[str]]]:
    """A directory, the port it is served at, and what was asked for."""
    asked: list[str] = []
    (tmp_path / "served").mkdir()
    handler = partial(Quiet, asked=asked, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path / "served", server.server_port, asked
        server.shutdown()
        thread.join()


def show(page: str, served: tuple[Path, int, list[str]], size: tuple[int, int], *more: str) -> Seen:
    directory, port, asked = served
    (directory / NAME).write_text(page, encoding="utf-8")
    work = directory.parent
    here = f"http://127.0.0.1:{port}/"
    call = [str(CHROMIUM), *FLAGS, *more, f"--user-data-dir={work / 'profile'}", f"--screenshot={work / 'shot.png'}"]
    call += [f"--window-size={size[0]},{size[1]}", f"--log-net-log={work / 'net.json'}", here + NAME]
    done = subprocess.run(call, capture_output=True, text=True, errors="replace", timeout=240, check=True)
    urls = re.findall(r'"url":"(https?://[^"]+)"', (work / "net.json").read_text(encoding="utf-8", errors="replace"))
    return Seen(
        imread(work / "shot.png")[..., :3],
        [line for line in done.stderr.splitlines() if "CONSOLE" in line],
        list(asked),
        sorted({url for url in urls if not url.startswith(here) and not OWN.match(url)}),
    )


def colours(pixels: np.ndarray) -> int:
    return len(np.unique((pixels * 255).astype(np.uint8).reshape(-1, 3), axis=0))


def blue_share(pixels: np.ndarray) -> float:
    """How much of the picture is a spectrogram's blue."""
    red, _, blue = np.moveaxis(pixels, 2, 0)
    return float((blue - red > 0.25).mean())


@pytest.fixture(scope="module")
def pages(tiny_voice: Voice, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found = {
        "passed": passing(tiny_voice),
        "drifted": drifting(tiny_voice, tmp_path_factory.mktemp("drifted") / "ada"),
    }
    return {name: render(one, now=NOW, machine=MACHINE, history=LOG) for name, one in found.items()}


@pytest.mark.parametrize(("name", "size"), [("passed", "desk"), ("drifted", "phone")])
def test_the_page_is_drawn_and_asks_for_nothing(
    pages: dict[str, str], served: tuple[Path, int, list[str]], name: str, size: str
) -> None:
    seen = show(pages[name], served, SIZES[size])
    assert seen.pixels.shape[:2] == SIZES[size][::-1]
    assert colours(seen.pixels) > 500 and blue_share(seen.pixels) > 0.02
    banner = seen.pixels[:400]
    red, green, _ = np.moveaxis(banner, 2, 0)
    assert ((green - red if name == "passed" else red - green) > 0.04).mean() > 0.05  # its card is green, or red
    assert seen.console == []
    assert seen.asked == [f"/{NAME}"]
    assert seen.elsewhere == []


def test_a_dark_room_gets_a_dark_page(pages: dict[str, str], served: tuple[Path, int, list[str]]) -> None:
    dark = show(pages["passed"], served, SIZES["desk"], "--blink-settings=preferredColorScheme=0")
    assert np.median(dark.pixels) < 0.2
    assert dark.console == [] and colours(dark.pixels) > 500


def test_what_would_slip_into_the_page_is_forbidden_and_seen(
    pages: dict[str, str], served: tuple[Path, int, list[str]]
) -> None:
    """That the page's policy works, and that the tests above would notice if it were needed."""
    bad = '<img src="/leak.png"><script>document.body.innerHTML = ""</script><p style="display:none">x</p>'
    assert pages["passed"].count("<main>") == 1
    seen = show(pages["passed"].replace("<main>", bad + "<main>"), served, SIZES["desk"])
    assert seen.asked == [f"/{NAME}"] and colours(seen.pixels) > 500
    assert len(seen.console) >= 3 and all("Content Security Policy" in line for line in seen.console)


def test_the_net_log_would_show_a_request(served: tuple[Path, int, list[str]]) -> None:
    leak = f"<!doctype html><img src=http://127.0.0.1:{served[1]}/leak.png><img src=http://127.0.0.1:9/leak.png>"
    seen = show(leak, served, SIZES["desk"])
    assert "/leak.png" in seen.asked and seen.elsewhere == ["http://127.0.0.1:9/leak.png"]
