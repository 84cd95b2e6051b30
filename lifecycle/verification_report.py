"""Verify's findings as a page for people: one HTML file that asks nothing of the network and runs no script.

Knows an examination and a template; judges nothing. Everything on the page may come from a hostile voice, bundle or
log: all of it is escaped, what would rearrange a line is written out, and the page's own policy (CSP) forbids whatever
slipped through. The same findings at the same time are the same bytes. The page holds the voice's speech, so it is as
private as the voice.

    verdict in one sentence · who, what, when · layers by runtime · speech, recorded and today · fixity log
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from compat_tests import goldens
from compat_tests.comparing import apart
from compat_tests.findings import LAYERS, Finding
from core_model.voice import Floats
from lifecycle import __version__
from lifecycle.examining import Examination
from lifecycle.fixity_history import History
from lifecycle.sound_on_a_page import Scale, Tick, wav
from lifecycle.store import new_file, require_same_kind

NAME = "verification.html"
_BEGINS = b'<!doctype html>\n<html lang="en" class="lifecycle-verification">'  # what may be replaced by a later one
_LONGEST_TEXT = 600  # characters of anything that others wrote
_LONGEST_SOUND_S = 10
_MOST_SOUND_BYTES = 2_500_000  # of all wavs together; a third more as text
_RATES_HZ = range(4000, 192_001)  # what browsers play


@dataclass(frozen=True, slots=True)
class Sound:
    """One player and its picture."""

    title: str
    seconds: float
    wav: str
    picture: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A golden sentence: as recorded and as it is said today."""

    text: str = field(repr=False)
    language: str
    sounds: tuple[Sound, ...]  # recorded, today; only the first where nothing speaks today
    ticks: tuple[Tick, ...]
    seconds: float  # what the pictures' width stands for
    told: str


@dataclass(frozen=True, slots=True)
class Listening:
    """All that can be heard, which runtime speaks, and how many sentences did not fit on the page."""

    runtime: str | None  # None: nothing speaks today
    sentences: tuple[Sentence, ...]
    left_out: int


def write_report(
    directory: Path,
    found: Examination,
    *,
    now: datetime,
    machine: Mapping[str, str],
    signatures: Sequence[str] = (),
    history: History | None = None,
) -> Path:
    """Write the page into *directory*, whole or not at all, over an earlier one but over nothing else.

    Readable by its owner alone, as the voice is; so is *directory*, if it is made here: whose it is already is left so.
    OutputExistsError, OSError. *machine* as `core_model.machine.describe` gives it, *signatures* a line for each.
    """
    page = render(found, now=now, machine=machine, signatures=signatures, history=history)
    path = directory / NAME
    require_same_kind(path, _BEGINS)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(path, mode=0o600) as file:
        file.write(page.encode())
    return path


def render(
    found: Examination,
    *,
    now: datetime,
    machine: Mapping[str, str],
    signatures: Sequence[str] = (),
    history: History | None = None,
) -> str:
    """Return the page."""
    house = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    house.filters["plain"] = plain
    house.filters["figure"] = lambda value: "" if value is None else f"{value:.3g}"
    style = _part("verification_report.css")
    golden = next((v.golden for v in found.by_runtime.values() if v.golden), None)
    return house.from_string(_part("verification_report.html")).render(
        found=found,
        named=Path(found.named).name,  # not where it lies: that would tell of the person who looked
        name=found.voice or Path(found.named).name,
        verdict=_verdict(found),
        sentence=_sentence(found),
        drifted=_has_drifted(found),
        style=Markup(style),  # ours, from the package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        now=now.isoformat(timespec="seconds"),
        machine=machine_line(machine),
        golden=golden,
        golden_machine=machine_line(golden.machine) if golden else "",
        signatures=signatures,
        listening=_listening(found),
        history=history,
        version=__version__,
    )


def plain(value: object) -> str:
    """*value* as text of bounded length that keeps to its line: controls and changes of direction are written out.

    Half a surrogate pair, which JSON can smuggle in, could not be written as UTF-8 at all.
    """
    text = str(value)
    text = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def _harmless(character: str) -> bool:
    changes_direction = unicodedata.bidirectional(character) in {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    return not changes_direction and unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}


def _part(name: str) -> str:
    return files("lifecycle").joinpath(name).read_text(encoding="utf-8")


def _verdict(found: Examination) -> str:
    if found.ledger_is_false or _has_drifted(found):
        return "failed"
    return "passed" if found.passed else "not run"


def _has_drifted(found: Examination) -> bool:
    return any(verification.diagnosis for verification in found.by_runtime.values())


def _sentence(found: Examination) -> str:
    """The finding in one sentence: what drifted first, or what was compared."""
    drifted: list[tuple[int, str, Finding]] = [
        (LAYERS.index(verification.diagnosis.name), name, verification.diagnosis)
        for name, verification in found.by_runtime.items()
        if verification.diagnosis
    ]
    if drifted:
        first, _, layer = min(drifted, key=lambda one: one[0])
        where = " and ".join(name for index, name, _ in drifted if index == first)
        return f"The first layer that drifted is {layer.name}, on {where}: {_lowered(layer.told)}"
    if found.ledger is not None and found.ledger_is_false:
        return f"Its ledger is not true: {_lowered(found.ledger.told)}"
    ran = [name for name, verification in found.by_runtime.items() if verification.passed]
    if not ran:
        return "Nothing that ran has drifted, but no runtime ran all the layers that prove its speech."
    return (
        f"Nothing drifted: its text, tokens and waveform were compared with the recorded ones on {' and '.join(ran)}."
    )


def _lowered(told: str) -> str:
    """A sentence's beginning within another sentence; names and quotations stay as they are."""
    first, _, _ = told.partition(" ")
    return told[:1].lower() + told[1:] if first in _BEGINNINGS else told


_BEGINNINGS = ("All", "Every", "Line", "Logits", "Nothing", "No", "Samples", "The", "What")


def machine_line(described: Mapping[str, str]) -> str:
    """A machine in a line."""
    named = [f"{name.replace('_', ' ')} {value}" for name, value in described.items() if name not in _PLATFORM]
    return ", ".join([" ".join(str(described[name]) for name in _PLATFORM if name in described), *named]).strip(", ")


_PLATFORM = ("system", "architecture")


def _listening(found: Examination) -> Listening | None:
    """What to hear: the runtime that drifted, if it speaks, else the first that does. None: nothing was recorded."""
    heard = [(v, v.golden, name) for name, v in found.by_runtime.items() if v.golden]
    if not heard:
        return None
    spoken = max(heard, key=lambda one: (bool(one[0].waveforms), one[0].diagnosis is not None))  # of equals the first
    chosen, golden, name = spoken
    sentences = _sentences(golden, chosen.waveforms, name)
    return Listening(name if chosen.waveforms else None, sentences, len(golden.sentences) - len(sentences))


def _sentences(golden: goldens.Golden, waveforms: Sequence[Floats], runtime: str) -> tuple[Sentence, ...]:
    """As many as fit on the page, from the first; none at a rate that nobody could play."""
    made: list[Sentence] = []
    left_bytes = _MOST_SOUND_BYTES
    today = waveforms or (None,) * len(golden.sentences)
    for recorded, waveform in zip(golden.sentences, today, strict=True):
        both = [recorded.waveform] if waveform is None else [recorded.waveform, waveform]
        cut = [one[: _LONGEST_SOUND_S * golden.sample_rate] for one in both]
        left_bytes -= 2 * sum(len(one) for one in cut)
        if golden.sample_rate not in _RATES_HZ or left_bytes < 0:
            break
        made.append(_one(recorded, cut, golden.sample_rate, runtime, _difference(recorded, waveform)))
    return tuple(made)


def _one(recorded: goldens.Sentence, both: Sequence[Floats], sample_rate: int, runtime: str, told: str) -> Sentence:
    scale = Scale.of(both[0], tuple(both[1:]), sample_rate)
    sounds = tuple(
        Sound(title, len(waveform) / sample_rate, wav(waveform, sample_rate), scale.picture(waveform))
        for title, waveform in zip(("As recorded", f"Today, on {runtime}"), both, strict=False)
    )
    return Sentence(recorded.text, recorded.language, sounds, scale.ticks, scale.samples / sample_rate, told)


def _difference(recorded: goldens.Sentence, waveform: Floats | None) -> str:
    if waveform is None:
        return "No network speaks here today, so there is only the recording."
    if waveform.shape != recorded.waveform.shape:
        return f"{waveform.size} samples today, {recorded.waveform.size} when it was recorded."
    share, ratio_db = apart(waveform, recorded.waveform)
    if not share:
        return "Every sample is the recorded one."
    return f"Samples differ by {share:.1e} of the peak at most; signal to noise {ratio_db:.0f} dB."
