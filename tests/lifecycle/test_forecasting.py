"""The forecast: each rule fires on its fact and not on that fact's neighbour, and a stranger's text moves no cursor."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive.age.hybrid import HybridIdentity
from archive.age.scrypt import ScryptRecipient
from archive.age.x25519 import X25519Identity
from archive.bundle import open_bundle, pack
from archive.custody import Act
from archive.errors import NoMatchingKeyError
from archive.signing import Signer
from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.forecast_facts import Fact
from lifecycle.forecast_rules import read_rules
from lifecycle.forecasting import Finding, forecast, forecast_of_voice, foresee
from tests.archive.crafting import WORK_FACTOR, drip
from tests.lifecycle.paper_voice import write_paper_voice

RULES = read_rules()
TODAY = date(2026, 11, 28)
VOICE = {"bundled": True, "encrypted": True, "preview": False, "environment": True, "formats": ("json", "onnx")}
NUMPY = {"name": "numpy", "version": "2.4.6"}
READER = {"name": "pyopenjtalk-plus", "version": "0.4.1.post10", "installed": True, "here": "0.4.1.post10"}
Fields = dict[str, Any]


def found(kind: str, fields: Fields, at: date = TODAY) -> dict[str, Finding]:
    return {finding.rule: finding for finding in foresee([Fact(kind, "here", fields)], RULES, at)}


FIRES: dict[str, tuple[str, Fields, Fields]] = {  # rule: its fact, and the neighbour that it leaves alone
    "x25519-recipient": ("recipients", {"kinds": ("X25519",)}, {"kinds": ("mlkem768x25519",)}),
    "passphrase": ("recipients", {"kinds": ("scrypt",)}, {"kinds": ("mlkem768x25519",)}),
    "one-key": ("recipients", {"number": 1}, {"number": 2}),
    "ed25519-alone": ("signatures", {"kinds": ("ssh-ed25519",)}, {"kinds": ("ml-dsa-65", "ssh-ed25519")}),
    "unsigned": ("signatures", {"kinds": (), "number": 0}, {"kinds": (), "number": 1}),
    "no-recovery-data": ("recovery", {"number": 0}, {"number": 1}),
    "written-long-ago": ("custody", {"written": date(2020, 1, 1)}, {"written": None}),
    "copies-not-recorded": ("copies", {"recorded": False}, {"recorded": True}),
    "fewer-than-three-copies": ("copies", {"number": 2}, {"number": 3}),
    "one-place": ("copies", {"places": 1}, {"places": 2}),
    "delta": ("delta", {"base": "ab" * 32}, {}),
    "not-archived": ("voice", VOICE | {"bundled": False}, VOICE),
    "torchscript": ("torchscript", {"path": "exports/torchscript/gpt.pt"}, {}),
    "no-onnx": ("voice", VOICE | {"formats": ("json", "pt")}, VOICE),
    "onnx-ir-above-9": ("onnx", {"ir_version": 10}, {"ir_version": 9}),
    "onnx-ir-too-new": ("onnx", {"ir_version": 14}, {"ir_version": 13}),
    "onnx-opset-too-new": ("onnx", {"opset": 27}, {"opset": 26}),
    "onnx-opset-too-old": ("onnx", {"opset": 6}, {"opset": 7}),
    "preview-base": ("voice", VOICE | {"preview": True}, VOICE),
    "no-environment": ("voice", VOICE | {"environment": False}, VOICE),
    "package-without-newer-wheel": ("package", NUMPY, {"name": "click", "version": "8.5.1"}),
    "python-ends": ("python", {"version": "3.11"}, {"version": "4.0"}),
    "front-end-without-newer-wheel": ("front_end", READER, READER | {"version": "9"}),
    "front-end-missing": ("front_end", READER | {"installed": False, "here": None}, READER),
    "front-end-changed": ("front_end", READER | {"here": "0.5"}, READER),
    "cuda-12-6-new-cards": ("cuda", {"version": "12.6.77"}, {"version": "12.8.1"}),
    "cuda-old-cards": ("cuda", {"version": "13.0.96"}, {"version": "12.6.77"}),
    "address": ("url", {"url": "https://example.org", "path": "records/card.md"}, {}),
}


def test_no_rule_is_without_its_case() -> None:
    assert FIRES.keys() == {rule.id for rule in RULES.rules}


@pytest.mark.parametrize("rule", FIRES)
def test_a_rule_fires_on_its_fact_and_not_on_its_neighbour(rule: str) -> None:
    kind, fields, neighbour = FIRES[rule]
    finding = found(kind, fields)[rule]
    assert "{" not in finding.says + finding.why + finding.instead
    assert finding.where == ("here",)
    if neighbour:  # a fact that is there or is not has none
        assert rule not in found(kind, neighbour)


def test_when_it_breaks_is_seen_from_a_day() -> None:
    fields: Fields = {"kinds": ("X25519",), "number": 2}
    assert (found("recipients", fields)["x25519-recipient"].due) == "2035"
    assert (found("recipients", fields, date(2035, 1, 1))["x25519-recipient"].due) == "now"
    numpy = found("package", NUMPY)["package-without-newer-wheel"]
    assert (numpy.due, numpy.first) == ("2030-10", date(2030, 10, 31))
    assert "Python 3.14" in numpy.says and "2030-10-31" in numpy.says
    assert found("package", NUMPY, date(2031, 1, 1))["package-without-newer-wheel"].due == "now"
    leap: Fields = {"written": date(2024, 2, 29)}
    assert found("custody", leap)["written-long-ago"].first == date(2034, 2, 28)


def test_facts_of_which_the_same_is_said_are_one_finding() -> None:
    facts = [Fact("package", name, {"name": name, "version": "2.13.0"}) for name in ("torch", "Torch")]
    facts += [Fact("package", "numpy", NUMPY)]
    (finding,) = [f for f in foresee(facts, RULES, TODAY) if f.rule == "package-without-newer-wheel"]
    assert finding.where == ("torch", "Torch", "numpy")
    build = found("package", {"name": "torch", "version": "2.13.0+cpu"})  # a build is of that version
    assert "package-without-newer-wheel" in build


def test_the_soonest_stand_first_and_among_them_the_gravest() -> None:
    facts = [
        Fact("torchscript", "", {"path": "x"}),
        Fact("recipients", "", {"kinds": ("X25519",), "number": 1}),
        Fact("package", "", NUMPY),
    ]
    assert [finding.rule for finding in foresee(facts, RULES, TODAY)] == [
        "one-key",
        "torchscript",
        "package-without-newer-wheel",
        "x25519-recipient",
    ]


# ---- bundles and voices

X25519 = X25519Identity.generate(drip("x"))
HYBRID = HybridIdentity.generate(drip("h"))
RUDE = "\x1b[2J\x1b]0;owned\x07"


@pytest.fixture
def paper(tmp_path: Path) -> Voice:
    """A voice on paper with a card, an environment and an analyser, all of which lie a little."""
    voice = write_paper_voice(tmp_path / "voices" / "anna")
    for path, text in {
        "records/card.md": f"See https://example.org/{RUDE}x and (http://old.example/a), https://example.org/b.",
        "environment/player.lock": "numpy==2.4.6 \\\n    --hash=sha256:00\nsecret-thing==1.0\n# x==2\n",
        "environment/wheels/torch-2.13.0+cu126-cp311-cp311-manylinux_2_28_x86_64.whl": "",
        "environment/wheels/numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl": "",
        "environment/wheels/soxr-1.1.0-cp312-abi3-manylinux_2_28_x86_64.whl": "",
        "text/index.json": json.dumps({"packages": {"no-such-package": "1.0", "numpy": "0.1", f"bad{RUDE}": "1"}}),
    }.items():
        (voice.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (voice.directory / path).write_text(text)
    return voice


def packed(path: Path, voice: Voice, recipients: list[Any], *, signed: bool = False, redundancy: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [file for file in voice.directory.rglob("*") if file.is_file()]
    members = {file.relative_to(voice.directory).as_posix(): file for file in files}
    act = Act(Signer.generate(drip("s"), "anna"), datetime(2026, 11, 28, tzinfo=UTC)) if signed else None
    pack(path, members, recipients=recipients, public=not recipients, act=act, redundancy=redundancy)
    return path


def rules_of(path: Path, *identities: Any, at: date = TODAY) -> dict[str, Finding]:
    return {finding.rule: finding for finding in forecast(path, identities, rules=RULES, at=at).findings}


def test_a_bundle_without_its_key_tells_what_everybody_sees(tmp_path: Path, paper: Voice) -> None:
    bundle = packed(tmp_path / "anna.voice", paper, [X25519.recipient])
    told = forecast(bundle, (), rules=RULES, at=TODAY)
    assert not told.looked_inside
    outside = {"x25519-recipient", "one-key", "unsigned", "no-recovery-data", "copies-not-recorded"}
    assert {finding.rule for finding in told.findings} == outside
    with pytest.raises(NoMatchingKeyError):
        forecast(bundle, (HYBRID,), rules=RULES, at=TODAY)


def test_a_bundle_that_lacks_nothing_outside_says_so(tmp_path: Path, paper: Voice) -> None:
    others = [HYBRID.recipient, HybridIdentity.generate(drip("i")).recipient]
    bundle = packed(tmp_path / "shelf" / "a" / "anna.voice", paper, others, signed=True, redundancy=10)
    places = "".join(f'[[copies]]\nplace = "{place}"\n' for place in ("home", "office", "vault"))
    (tmp_path / "shelf" / "shelf.toml").write_text(places)
    assert rules_of(bundle).keys() == {"written-long-ago"}
    (tmp_path / "shelf" / "shelf.toml").write_text('[[copies]]\nplace = "home"\n' * 2)
    told = rules_of(bundle)
    assert "2 of at least 3" in told["fewer-than-three-copies"].says
    assert told["one-place"].where[0].endswith("shelf.toml")


def test_a_passphrase_is_two_risks(tmp_path: Path, paper: Voice) -> None:
    scrypt = ScryptRecipient("correct horse", WORK_FACTOR)
    assert {"passphrase", "one-key"} <= rules_of(packed(tmp_path / "a.voice", paper, [scrypt])).keys()


def test_inside_are_packages_wheels_analysers_and_addresses(tmp_path: Path, paper: Voice) -> None:
    bundle = packed(tmp_path / "anna.voice", paper, [X25519.recipient])
    told = forecast(bundle, (X25519,), rules=RULES, at=TODAY)
    by_rule = {finding.rule: finding for finding in told.findings}
    assert told.looked_inside
    assert told.unknown_packages == ("secret-thing 1.0 (environment/player.lock)",)
    wheels = by_rule["package-without-newer-wheel"].where
    assert wheels == (
        "numpy 2.4.6 (environment/player.lock)",
        "torch 2.13.0+cu126 (environment/wheels)",
    )  # numpy's wheel is the one that the lock pins, and soxr's serves later Pythons too
    assert "3.11" in by_rule["python-ends"].says
    assert "12.6" in by_rule["cuda-12-6-new-cards"].says
    assert by_rule["front-end-missing"].where == ("no-such-package 1.0 (text/index.json)",)
    assert "numpy" in by_rule["front-end-changed"].says
    assert [place.partition(" ")[0] for place in by_rule["address"].where] == [
        "https://example.org/\N{REPLACEMENT CHARACTER}",
        "http://old.example/a",
        "https://example.org/b",
    ]
    assert "no-environment" not in by_rule and "no-onnx" in by_rule


def test_a_delta_says_what_it_lacks_and_nothing_of_its_pieces(tmp_path: Path, paper: Voice) -> None:
    base = packed(tmp_path / "base.voice", paper, [])
    (tmp_path / "work").mkdir()
    files = [file for file in paper.directory.rglob("*") if file.is_file()]
    members = {file.relative_to(paper.directory).as_posix(): file for file in files}
    with open_bundle(base) as opened:
        since = opened.as_base(tmp_path / "work", lambda path: [])
    pack(tmp_path / "delta.voice", members, public=True, redundancy=0, since=since)
    told = rules_of(tmp_path / "delta.voice")
    assert told.keys() == {"delta", "unsigned", "no-recovery-data", "copies-not-recorded"}
    assert since.bundle_id[:60] in told["delta"].says
    assert forecast(tmp_path / "delta.voice", (), rules=RULES, at=TODAY).looked_inside


def test_nothing_of_a_strangers_reaches_the_terminal_raw(tmp_path: Path, paper: Voice) -> None:
    bundle = packed(tmp_path / f"an{RUDE}na.voice", paper, [])
    for words in ((), ("--json",)):
        result = call("forecast", bundle, *words)
        assert result.exit_code == 0
        assert "\x1b" not in result.output and "\x07" not in result.output
    result = call("inspect", bundle)
    assert "\x1b" not in result.output


def test_graphs_are_known_by_their_outermost_fields(tiny_voice: Voice, tmp_path: Path) -> None:
    directory = shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    told = forecast_of_voice(directory, rules=RULES, at=TODAY)
    by_rule = {finding.rule: finding for finding in told.findings}
    assert {"not-archived", "torchscript", "no-environment"} <= by_rule.keys()
    assert by_rule["torchscript"].where == ("exports/torchscript/gpt.pt", "exports/torchscript/sovits.pt")
    assert not [rule for rule in by_rule if rule.startswith(("onnx", "no-onnx"))]
    graph = directory / "exports" / "onnx" / "gpt.onnx"
    data = graph.read_bytes()
    assert data[:2] == b"\x08\x08"  # field 1, IR 8
    graph.write_bytes(b"\x08\x0a" + data[2:])
    again = forecast_of_voice(directory, rules=RULES, at=TODAY)
    (finding,) = [finding for finding in again.findings if finding.rule == "onnx-ir-above-9"]
    assert "IR 10" in finding.says and finding.where == ("exports/onnx/gpt.onnx",)
    graph.write_bytes(b"no graph at all")
    assert forecast_of_voice(directory, rules=RULES, at=TODAY).findings  # `verify` says what is wrong with it


def test_without_an_environment_it_is_this_toolkit_that_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = write_paper_voice(tmp_path / "anna")
    versions = {"numpy": "2.4.6", "click": "8.5.1", "onnx": "0.1"}
    monkeypatch.setattr(
        metadata, "requires", lambda name: ["numpy>=1.26", "click>=8.1", "onnx", 'ruff; extra == "dev"']
    )
    monkeypatch.setattr(metadata, "version", versions.__getitem__)
    told = forecast_of_voice(voice.directory, rules=RULES, at=TODAY)
    (finding,) = [finding for finding in told.findings if finding.rule == "package-without-newer-wheel"]
    assert finding.where == ("numpy 2.4.6 (this toolkit, here)",)
    assert told.unknown_packages == ("onnx 0.1 (this toolkit, here)",)

    def not_installed(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", not_installed)
    (unknown,) = forecast_of_voice(voice.directory, rules=RULES, at=TODAY).unknown_packages
    assert "not installed as a package" in unknown


# ---- the command line


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_forecast_is_no_failure_unless_a_day_is_named(tmp_path: Path, paper: Voice) -> None:
    bundle = packed(tmp_path / "shelf" / "anna.voice", paper, [HYBRID.recipient] * 2, signed=True, redundancy=10)
    places = "".join(f'[[copies]]\nplace = "{place}"\n' for place in ("home", "office", "vault"))
    (tmp_path / "shelf" / "shelf.toml").write_text(places)
    words = ("forecast", bundle, "--at", "2026-11-28")
    assert call(*words).exit_code == 0
    assert call(*words, "--fail-before", "2036-11-01").exit_code == 0
    assert call(*words, "--fail-before", "2036-12-01").exit_code == 1
    assert call("forecast", bundle, "--at", "2036-12-01", "--fail-before", "2036-12-02").exit_code == 1
    assert call("forecast", bundle, "--at", "soon").exit_code == 2
    told = json.loads(call(*words, "--json").stdout)
    assert told["at"] == "2026-11-28" and told["rules_seen"] >= "2026-11-28"
    assert [finding["rule"] for finding in told["findings"]] == ["written-long-ago"]
    assert told["findings"][0]["sources"][0]["seen"]
    text = call(*words).stdout
    assert "2036-11" in text and "takes a key" in text and "1 finding, 0 of them today." in text


def test_a_voice_of_this_machine_is_known_by_its_name(tmp_path: Path, paper: Voice) -> None:
    told = json.loads(call("forecast", "anna", "--home", tmp_path, "--json").stdout)
    assert "not-archived" in {finding["rule"] for finding in told["findings"]}
    assert call("forecast", "berta", "--home", tmp_path).exit_code == 1
    damaged = tmp_path / "x.voice"
    damaged.write_bytes(b"no bundle")
    assert call("forecast", damaged).exit_code == 1
