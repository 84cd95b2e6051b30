"""The page for people: it says what was found, needs nothing else, and nothing in it can do harm."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from compat_tests.diagnosing import Cause
from compat_tests.findings import LAYERS, Finding
from compat_tests.suite import Assessment
from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.errors import OutputExistsError
from lifecycle.examining import Examination
from lifecycle.fixity_history import Entry, History
from lifecycle.trusting import Judgement
from lifecycle.verification_report import NAME, plain, render, write_report
from tests.lifecycle.verified import MACHINE, NOW, drifting, passing

pytestmark = pytest.mark.usefixtures("one_thread")
HOSTILE = (
    "\"'><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>{{ 7*7 }}\u202e\ud800\x00\n</style>"
)
TAGS = {"html", "head", "meta", "link", "title", "style", "body", "main", "header", "section", "article", "footer"}
TAGS |= {"h1", "h2", "h3", "p", "dl", "div", "dt", "dd", "span", "strong", "b", "bdi", "code", "small", "audio"}
TAGS |= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
TAGS |= {"figure", "figcaption", "svg", "image", "rect", "line", "text"}
VOID = {"meta", "link", "image", "rect", "line"}
LOG = History("fixity.jsonl", (Entry("2030-01-01", "whole", (("copies", "3"),)), Entry("2031-01-01", "gone", ())), 4, 1)


@dataclass
class Page(HTMLParser):
    """What a browser would make of the page; fails on a tag that is not closed."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(page: str) -> Page:
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    assert not parsed.open
    return parsed


def words(page: Page) -> str:
    return " ".join(page.text.split())


@pytest.fixture(scope="module")
def passed(tiny_voice: Voice, one_thread: None) -> Examination:
    return passing(tiny_voice)


@pytest.fixture(scope="module")
def drifted(tiny_voice: Voice, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Examination:
    return drifting(tiny_voice, tmp_path_factory.mktemp("drifted") / "ada")


def test_a_voice_that_passes(passed: Examination) -> None:
    page = read(render(passed, now=NOW, machine=MACHINE, signatures=("SSHSIG SHA256:abc  right",), history=LOG))
    told = words(page)
    assert "ada speaks as it did" in told and "✓ Passed. Nothing drifted" in told and "torch and onnx" in told
    for fact in ("2045-11-21T12:00:00+00:00", "2026-11-21T12:00:00+00:00", "Linux riscv64", "ab" * 32, "SHA256:abc"):
        assert fact in told
    assert "4 older lines are left out" in told and "2031-01-01 gone" in told and "1 line of the log could not" in told
    assert told.count("✓ passed") == 10 and "✗" not in told
    assert "shelf" not in told  # where a bundle lies tells of whoever looked at it


def test_a_bundle_that_nobody_vouches_for_is_said_to_be_so_at_the_top(passed: Examination) -> None:
    doubted = replace(passed, judgement=Judgement((), f"it is not signed {HOSTILE}"))
    told = words(read(render(doubted, now=NOW, machine=MACHINE)))
    assert "! Nobody you trust vouches for this bundle: it is not signed" in told
    trusted = replace(passed, judgement=Judgement((), ""))
    assert "vouches" not in render(trusted, now=NOW, machine=MACHINE)


def test_a_voice_that_drifted_names_the_first_layer(drifted: Examination) -> None:
    told = words(read(render(drifted, now=NOW, machine=MACHINE)))
    assert "ada does not speak as it did ✗ Drifted. The first layer that drifted is waveform, on torch: samples" in told
    assert "Today, on torch" in told and "Today, on onnx" not in told  # what drifted is what a person wants to hear
    assert "signal to noise" in told and "No fixity log was named" in told
    assert told.count("Likely cause: weights. The drift is") == 1


def test_each_layer_is_a_row_with_its_figure_and_tolerance(drifted: Examination) -> None:
    told = words(read(render(drifted, now=NOW, machine=MACHINE)))
    for verification in drifted.by_runtime.values():
        for layer in verification.findings:
            assert layer.figure is not None and layer.tolerance is not None
            row = f"{layer.name} {'✓' if layer.verdict == 'passed' else '✗'} {layer.verdict} {layer.told} "
            assert f"{row}{layer.figure:.3g} {layer.unit} {layer.tolerance:.3g}" in told


def test_two_players_and_two_pictures_a_sentence(passed: Examination) -> None:
    page = read(render(passed, now=NOW, machine=MACHINE))
    assert [len(page.all(tag)) for tag in ("article", "audio", "svg", "image")] == [2, 4, 4, 4]
    assert all((sound["src"] or "").startswith("data:audio/wav;base64,") for sound in page.all("audio"))
    assert all((image["href"] or "").startswith("data:image/png;base64,") for image in page.all("image"))


@pytest.mark.parametrize("name", ["passed", "drifted"])
def test_the_page_needs_nothing_else(request: pytest.FixtureRequest, name: str) -> None:
    source = render(request.getfixturevalue(name), now=NOW, machine=MACHINE, history=LOG)
    page = read(source)
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attributes in page.tags:
        for attribute, value in attributes.items():
            assert not attribute.startswith("on") and attribute not in ("style", "srcset", "action", "xlink:href")
            if attribute in ("src", "href"):
                assert (value or "").startswith("data:"), (tag, value)
    style = re.search("<style>(.*)</style>", source, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1] and "http" not in style[1]
    policy = page.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert (policy["content"] or "").startswith("default-src 'none'; ") and "unsafe" not in (policy["content"] or "")
    assert len(source) < 4_000_000


def test_the_page_can_be_used_without_eyes_or_colours(drifted: Examination) -> None:
    page = read(render(drifted, now=NOW, machine=MACHINE, history=LOG))
    assert page.all("html")[0]["lang"] == "en" and page.all("title") and len(page.all("h1")) == 1
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))
    labels = [sound["aria-label"] for sound in page.all("audio")]
    assert len(set(labels)) == len(labels) and all(labels)
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert set(ids.values()) == {1}
    assert {a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a} <= set(ids)
    assert [b["lang"] for b in page.all("bdi") if "lang" in b] == ["en", "en"]
    for badge in (span for span in page.all("span") if "badge" in (span.get("class") or "")):
        assert badge["class"] in ("badge passed", "badge failed", "badge not-run")


def hostile(found: Examination) -> Examination:
    """The same with HOSTILE wherever somebody else's words could stand."""
    made = {}
    for name, verification in found.by_runtime.items():
        assert verification.golden is not None
        recorded = verification.golden
        sentences = tuple(replace(s, text=HOSTILE, language=HOSTILE) for s in recorded.sentences)
        golden = replace(
            recorded,
            made=HOSTILE,
            runtime=HOSTILE,
            machine={HOSTILE: HOSTILE},
            tolerances=replace(recorded.tolerances, found=HOSTILE),
            sentences=sentences,
        )
        layers = tuple(replace(layer, told=HOSTILE, unit=HOSTILE) for layer in verification.findings)
        made[name] = Assessment(HOSTILE, HOSTILE, layers, Cause("weights", HOSTILE), golden, verification.waveforms)
    return Examination(HOSTILE, HOSTILE, HOSTILE, made)


@pytest.mark.parametrize("name", ["passed", "drifted"])
def test_nothing_that_others_wrote_becomes_part_of_the_page(request: pytest.FixtureRequest, name: str) -> None:
    log = History(HOSTILE, (Entry(HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),)),), 0, 0)
    honest = read(render(request.getfixturevalue(name), now=NOW, machine=MACHINE, signatures=("x",), history=LOG))
    source = render(
        hostile(request.getfixturevalue(name)), now=NOW, machine=MACHINE, signatures=(HOSTILE,), history=log
    )
    source.encode()  # half a surrogate pair could not be written
    page = read(source)
    assert {tag for tag, _ in page.tags} <= TAGS and "<script" not in source and "<img" not in source
    assert Counter(page.open) == Counter() and len(page.all("style")) == len(honest.all("style")) == 1
    assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
    assert page.text.count("alert(1)") > 20 and "{{ 7*7 }}" in page.text and "49" not in page.all("title")
    assert not set("\u202e\ud800\x00") & set(source)


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_keeps_to_its_line_and_is_utf8(text: str) -> None:
    told = plain(text)
    told.encode()
    assert len(told.splitlines()) <= 1 and len(told) <= 10 * 601
    assert not set(told) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b\r\n")


@pytest.mark.parametrize("text", ["清晨的火车晚了四分钟。", "아침 기차가 늦었어요.", "عربي", "👩‍🚀 naïve"])
def test_plain_text_of_any_language_is_left_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_the_same_findings_are_the_same_bytes(passed: Examination, tmp_path: Path) -> None:
    one, two = (
        write_report(tmp_path / name, passed, now=NOW, machine=MACHINE, history=LOG).read_bytes() for name in "ab"
    )
    assert one == two and one.decode() == render(passed, now=NOW, machine=MACHINE, history=LOG)


def test_speech_is_readable_by_its_owner_alone_and_an_earlier_directory_stays_as_it_is(
    passed: Examination, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        (tmp_path / "shared").mkdir(mode=0o755)
        for name, mode in (("new", 0o700), ("shared", 0o755)):
            (tmp_path / name / NAME).touch(mode=0o644) if name == "shared" else None
            page = write_report(tmp_path / name, passed, now=NOW, machine=MACHINE)
            assert page.stat().st_mode & 0o777 == 0o600
            assert page.parent.stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_an_earlier_page_is_replaced_and_nothing_else_is(passed: Examination, tmp_path: Path) -> None:
    for _ in range(2):
        write_report(tmp_path, passed, now=NOW, machine=MACHINE)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    (tmp_path / NAME).write_text("<!doctype html><p>my thesis")
    with pytest.raises(OutputExistsError):
        write_report(tmp_path, passed, now=NOW, machine=MACHINE)
    assert (tmp_path / NAME).read_text() == "<!doctype html><p>my thesis"


def test_a_disk_that_fills_up_leaves_the_old_page(
    passed: Examination, drifted: Examination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_report(tmp_path, passed, now=NOW, machine=MACHINE).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lifecycle.store.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path, drifted, now=NOW, machine=MACHINE)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == before


def test_a_damaged_bundle_has_a_page_without_sound() -> None:
    layers = (Finding("fixity", "failed", "The bundle is damaged: 3 bytes."),)
    layers += tuple(Finding(name, "not run", "The bundle is damaged.") for name in LAYERS[1:])
    found = Examination("ada.voice", None, None, {"torch": Assessment("none", "unknown", layers)})
    page = read(render(found, now=NOW, machine=MACHINE))
    assert "ada.voice does not speak as it did" in words(page) and "fixity, on torch: the bundle is dam" in words(page)
    assert not page.all("audio") and "there are no golden outputs" in words(page)


def test_where_nothing_speaks_only_the_recording_is_shown(passed: Examination) -> None:
    golden = passed.by_runtime["torch"].golden
    layers = tuple(Finding(name, "not run", "The runtime is missing.") for name in LAYERS)
    silent = Assessment("none", "then", layers, golden=golden)
    page = read(render(Examination("ada", "ada", None, {"onnx": silent}), now=NOW, machine=MACHINE))
    assert len(page.all("audio")) == 2 and "No network speaks here today" in words(page)
    assert "ada could not be verified – Not proven." in words(page)


def test_a_long_or_broken_sound_keeps_the_page_small(passed: Examination) -> None:
    golden = passed.by_runtime["torch"].golden
    assert golden is not None
    long = [replace(s, waveform=np.resize(s.waveform, 60 * 16_000)) for s in golden.sentences] * 4
    now = tuple(np.full(size, np.nan, np.float32) for size in (10, 0, 60 * 16_000, 1) * 2)
    many = replace(golden, sentences=tuple(long))
    found = replace(passed, by_runtime={"torch": replace(passed.by_runtime["torch"], golden=many, waveforms=now)})
    source = render(found, now=NOW, machine=MACHINE)
    assert len(source) < 5_000_000 and "left off this page" in words(read(source))
    for rate in (1, 10**12):
        strange = replace(found.by_runtime["torch"], golden=replace(many, sample_rate=rate))
        odd = replace(found, by_runtime={"torch": strange})
        assert not read(render(odd, now=NOW, machine=MACHINE)).all("audio")


def test_the_verb_writes_the_page_and_says_where(tiny_voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "home" / "voices").mkdir(parents=True)
    (tmp_path / "home" / "voices" / "ada").symlink_to(tiny_voice.directory)
    call = ["verify", "ada", "--runtime", "onnx", "--home", str(tmp_path / "home"), "--report", str(tmp_path / "new")]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"The report is {tmp_path / 'new' / NAME}.\n")
    assert "Today, on onnx" in (tmp_path / "new" / NAME).read_text()


def test_a_fixity_log_without_a_report_makes_no_sense(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    result = CliRunner().invoke(main, ["verify", "ada", "--fixity-log", str(tmp_path / "log.jsonl")])
    assert result.exit_code == 2 and "--report" in result.stderr
