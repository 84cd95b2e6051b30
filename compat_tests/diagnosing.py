"""The likely cause of the first layer that drifted, in one sentence: from what was recorded and what is here today.

Knows findings and facts; computes nothing. It weighs evidence and says which, so that a person can doubt it:

    the runner broke its protocol, or would not compute          -> runner, or runtime
    files differ from the archived ones (fixity)                 -> weights, or front-end data, or golden outputs
    text                                                         -> front-end data: the file or analyser that differs
    speech nearer to a stock voice than to this one (identity)   -> wrong voice
    tokens, waveform: far off, or nothing else has changed       -> weights
                      near, another release of the runtime       -> runtime
                      near, the same release, another processor  -> instruction set

*Near*: rounding adds up differently in another release or on another processor. On small networks that moved logits by
1.1e-5 and samples by 1.1e-6 of the peak at most (torch 1.9 to 2.15, AVX2 and AVX-512), a fortieth of the usual
tolerances or less. Weights moved at random by a thousandth of their spread: 14 tolerances of logits, 85 of samples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compat_tests.findings import Finding, first_failed
from compat_tests.goldens import Golden

Kind = Literal[
    "front-end data", "runtime", "instruction set", "weights", "wrong voice", "golden outputs", "runner", "unknown"
]
_NEAR = 10.0  # tolerances: farther off, it is no rounding


@dataclass(frozen=True, slots=True)
class Today:
    """What computes now: as the golden record says of the day it was made."""

    runtime: str  # 'torch 2.13.0+cpu AVX512': what, its release, the instruction set it chose (if it tells)
    machine: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cause:
    """What the drift comes from, probably."""

    kind: Kind
    told: str  # one sentence


def likely_cause(
    voice_directory: Path,
    findings: tuple[Finding, ...],
    golden: Golden,
    today: Today | None,
    changed_packages: Mapping[str, tuple[str, str]],
) -> Cause | None:
    """The cause of the first layer that failed; None if none did. *today* is None where no runtime could be had."""
    first = first_failed(findings)
    if first is None:
        return None
    if first.broken == "refused":
        return _of_refusal(first, findings, golden, today)
    if first.broken:
        return Cause(
            "runner", f"The program that should compute it failed, which says nothing of the voice: {first.told}"
        )
    if first.name == "fixity":
        return _of_files(first)
    if first.name == "text":
        return _of_text(voice_directory, changed_packages)
    by_name = {finding.name: finding for finding in findings}
    identity = by_name.get("identity")
    if identity is not None and identity.verdict == "failed" and identity.figure is not None:
        return Cause("wrong voice", _told_of_identity(first, by_name))
    if today is None:
        return Cause("weights", "The networks cannot even be loaded: their files are damaged, or of another format.")
    return _of_numbers(first, by_name["fixity"], golden, today)


def _of_files(fixity: Finding) -> Cause:
    paths = [detail.golden for detail in fixity.details]
    computing = [path for path in paths if path.startswith(("weights/", "exports/", "prompts/", "voice.json"))]
    if computing:
        return Cause("weights", f"What computes is not what was archived: {_few(computing)}.")
    reading = [path for path in paths if path.startswith("text/")]
    if reading:
        return Cause("front-end data", f"What the text is read with is not what was archived: {_few(reading)}.")
    if any(path.startswith("golden/") for path in paths):
        return Cause("golden outputs", "The record that the voice is compared with is not what was archived.")
    return Cause("unknown", f"Files that no layer computes from are not what was archived: {_few(paths)}.")


def _of_refusal(first: Finding, findings: tuple[Finding, ...], golden: Golden, today: Today | None) -> Cause:
    """A runner that says itself why it does not compute."""
    if any(finding.name == "fixity" and finding.verdict == "passed" for finding in findings):
        told = "Every file is the archived one, and what computes here will not take it"
        return Cause("runtime", f"{told}. {first.told}")
    if today is None or _Computer.of(today.runtime, {}).runtime != _Computer.of(golden.runtime, {}).runtime:
        told = f"It was recorded on {golden.runtime}, and what computes here will not take it"
        return Cause("runtime", f"{told}. {first.told}")
    return Cause("weights", f"What computed it when it was recorded will not take it now. {first.told}")


def _of_text(voice_directory: Path, changed_packages: Mapping[str, tuple[str, str]]) -> Cause:
    changed = _changed_data(voice_directory)
    if changed:
        return Cause("front-end data", f"Not as text/index.json recorded it: {_few(changed)}.")
    if changed_packages:
        told = ", ".join(f"{name} is {now} here and was {then}" for name, (then, now) in changed_packages.items())
        return Cause("front-end data", f"What analyses the text is of another version than the voice recorded: {told}.")
    told = (
        "The data files agree with their index and no analyser's version differs, so a dictionary was changed together "
    )
    return Cause("front-end data", told + "with the index, or what reads the text is another program than on that day.")


def _of_numbers(first: Finding, fixity: Finding, golden: Golden, today: Today) -> Cause:
    """Tokens or waveform differ, and the speech is still this voice's, or nobody can tell."""
    then, now = _Computer.of(golden.runtime, golden.machine), _Computer.of(today.runtime, today.machine)
    same = then.same_runtime(now) and then.same_processor(now)
    if first.figure is None or not first.tolerance:
        far, told = float("inf"), "The outputs are of another shape, or no numbers"
    else:
        far = first.figure / first.tolerance
        told = f"The drift is {far:.1f} times the tolerance" + (", far more than rounding" if far > _NEAR else "")
    if same or (far > _NEAR and fixity.verdict != "passed"):
        why = ", on the same runtime and processor as on that day" if same else ""
        before = "; every file is the archived one, so that was before" if fixity.verdict == "passed" else ""
        return Cause("weights", f"{told}{why}: the weights, the prompt or the exports were changed{before}.")
    if far > _NEAR:
        told += ", and every file is the archived one"
        return Cause("runtime", f"{told}: {now.told} on {now.isa} computes something else than {then.told} did.")
    told += ", as rounding may be"
    if not then.same_runtime(now):
        return Cause("runtime", f"{told}: it was recorded on {then.told}, and this is {now.told}.")
    return Cause("instruction set", f"{told}: it was recorded with {then.isa}, and this is {now.isa}.")


@dataclass(frozen=True, slots=True)
class _Computer:
    """A runtime and a processor, as far as they were told."""

    runtime: str  # 'torch 2.13.0+cpu'
    chosen: str  # the instruction set that the runtime chose; '' where it does not tell
    present: str  # those of the processor; '' where unknown

    @classmethod
    def of(cls, runtime: str, machine: Mapping[str, str]) -> _Computer:
        words = runtime.split()
        present = machine.get("instruction_sets", "").replace("unknown", "")
        return cls(" ".join(words[:2]), " ".join(words[2:]), " ".join(filter(None, (_architecture(machine), present))))

    @property
    def isa(self) -> str:
        return self.chosen or self.present or "an unknown processor"

    @property
    def told(self) -> str:
        return " ".join(filter(None, (self.runtime, self.chosen)))

    def same_runtime(self, other: _Computer) -> bool:
        return self.runtime == other.runtime

    def same_processor(self, other: _Computer) -> bool:
        """Unknown counts as the same: it is no evidence."""
        chosen = not (self.chosen and other.chosen) or self.chosen == other.chosen
        return chosen and (not (self.present and other.present) or self.present == other.present)


def _architecture(machine: Mapping[str, str]) -> str:
    return machine.get("architecture", "")


def _told_of_identity(first: Finding, by_name: Mapping[str, Finding]) -> str:
    if first.name == "identity":
        return f"Everything computes as recorded, and it is somebody else who speaks. {by_name['identity'].told}"
    return f"Weights or a style of another voice in the right shape. {by_name['identity'].told}"


def _changed_data(voice_directory: Path) -> list[str]:
    """Files of text/ whose SHA-256 is not the one in their index, with the version that the index gives them."""
    directory = voice_directory / "text"
    try:
        files = json.loads((directory / "index.json").read_bytes())["files"].items()
        return [_told_of_file(name, entry) for name, entry in files if _digest(directory / name) != entry["sha256"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ["text/index.json cannot be read"]


def _told_of_file(name: str, entry: Mapping[str, object]) -> str:
    return f"text/{name} ({entry['version']})" if entry.get("version") else f"text/{name}"


def _digest(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():  # an index may name what it likes
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
