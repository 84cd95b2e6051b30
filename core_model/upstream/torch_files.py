"""What a file of torch holds, whichever of torch's forms it has: zip, the old stream, TorchScript, an exported program.

Executes nothing and reads no values. A voice is called one only where `read_outline` would read it, so that the doctor
and the import cannot disagree; all else is told by the names that a scan of its pickles finds. Reference: torch.save
since 0.4, torch.jit.save, torch.export.save; FORMAT of GPT-SoVITS at 48b1a01.

    PK 03 04 ... or 05 03 04 ...      a zip; another head than PK is GPT-SoVITS's code for the version
    80 02 8a 0a 6c fc 9c 46 ...       the old stream: five pickles (magic, version, machine, content, keys), then values
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core_model.errors import CheckpointError, UnsafePickleError
from core_model.upstream import networks, permitted
from core_model.upstream.checkpoint import read_outline
from core_model.upstream.container import HEADS, Container, OriginalMagic
from core_model.upstream.findings import Diagnosis, Sign
from core_model.upstream.messages import CUT, ZIPPED
from core_model.upstream.old_stream import BEGINNING
from core_model.upstream.pickle_scan import Budget, Scan
from core_model.upstream.zip_survey import ZipSurvey, first_pickle, scan_pickles, survey_zip

_PICKLES = 5  # of the old form
_BEGINNING_bytes = 16 << 20
_SHOWN = 12
_OLD_CUT = "other tools say `unexpected EOF, expected ... more bytes. The file might be corrupted`: its end is missing"
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def diagnose_zip(path: Path) -> Diagnosis:
    """What the zip at *path* is, whatever its first two bytes are."""
    budget = Budget()
    with OriginalMagic(path, any_head=True) as file:
        try:
            survey = survey_zip(file, budget)
        except CheckpointError as error:
            file.seek(0)
            return _cut(path, file.head, file.read(_BEGINNING_bytes) or b"", str(error), budget)
        head, length = file.head, file.length
    roots = [name for name in survey.sizes if name.count("/") == 1 and name.endswith("/data.pkl")]
    program = _program(survey)
    if program is not None:
        return _judged(
            path, program, survey.pickles, survey.unread, permitted.PLAIN, own=("__torch__.", "torch.jit._pickle.")
        )
    if len(roots) == 1:
        return _checkpoint(path, head, length, survey, survey.pickles.get(roots[0], []))
    return _plain_zip(path, survey)


def diagnose_stream(path: Path, beginning: bytes, length: int) -> Diagnosis | None:
    """What the pickle at *path* is, which starts with *beginning*; None if it is none after all."""
    scans = scan_pickles(beginning, Budget())
    begun = beginning[:1] == b"\x80" and beginning[1:2] <= b"\x05"
    if not begun and not scans[0].complete and not _does_something(scans[0]):
        return None
    if beginning.startswith(BEGINNING):
        return _old_form(path, length, scans)
    unread = () if length <= len(beginning) else ("it is too large to be read to its end",)
    sign = Sign("pickle", None, ("it is a pickle, and not one of torch",), ("nothing of this toolkit reads it",))
    return _judged(path, sign, {"the pickle": scans}, unread, permitted.PLAIN)


def _does_something(scan: Scan) -> bool:
    """Whether it calls what could be a function: a text or noise may look like a pickle for a few instructions."""
    return scan.calls and any(_FUNCTION.fullmatch(name) for name in scan.names)


def names_in_zip(file: io.FileIO) -> tuple[str, ...]:
    """What the pickles of a zip ask for beyond plain tensors, whatever stands in front of it; nothing if it is none."""
    try:
        survey = survey_zip(file, Budget())
    except CheckpointError:
        return ()
    asked = {name for scans in survey.pickles.values() for scan in scans for name in scan.names}
    return permitted.beyond(asked, permitted.PLAIN)


def _old_form(path: Path, length: int, scans: list[Scan]) -> Diagnosis:
    scans = scans[:_PICKLES]
    told = "it is a checkpoint in torch's old form, from before 1.6 (its first pickle is torch's magic number)"
    missing = len(scans) < _PICKLES or not all(scan.complete for scan in scans)
    content = scans[3].root if len(scans) > 3 else None
    found = networks.recognised("PK", content)
    if missing:
        lost = [] if any(scan.trouble for scan in scans) else ["pickles that belong to it are missing"]
        sign = Sign("truncated", found.sign.family, (told,), (_OLD_CUT,), usable=False)
        return _judged(path, sign, {"its content": scans}, lost, permitted.PLAIN)
    found, refusal = _strictly(path, found, length, {name for scan in scans for name in scan.names})
    sign = replace(found.sign, evidence=(*found.sign.evidence, told))
    end = sum(scan.end for scan in scans) + networks.values_bytes(content, scans[4].root)
    if end > length:
        problems = (*sign.problems, f"{end - length} bytes are missing at its end", _OLD_CUT)
        sign = replace(sign, kind="truncated", problems=problems, usable=False)
    elif refusal:
        sign = replace(sign, problems=(*sign.problems, refusal), usable=False)
    return replace(_judged(path, sign, {"its content": scans}, (), found.permitted), base=found.base)


def _checkpoint(path: Path, head: str, length: int, survey: ZipSurvey, scans: Sequence[Scan]) -> Diagnosis:
    content = scans[0].root if scans else None
    names = {name for scan in scans for name in scan.names}
    found = networks.recognised(head if head in HEADS else "PK", content)
    found, refusal = _strictly(path, found, length, names)
    unread = [*survey.unread, *_loose(path)]
    sign = found.sign
    if refusal:
        sign = replace(sign, problems=(*sign.problems, refusal), usable=False)
    if head != "PK":
        known = head in HEADS
        told = "GPT-SoVITS's code for" if known else "no code of GPT-SoVITS's, and was taken for"
        what = networks.head_name(head) if known else "PK"
        sign = replace(sign, evidence=(*sign.evidence, f"it begins with {head!r} where PK would stand: {told} {what}"))
        usual = found.ours and known
        sign = replace(sign, problems=(*networks.head_problems(known, usual=usual), *sign.problems))
    judged = _judged(path, sign, survey.pickles, unread, found.permitted)
    return replace(judged, base=found.base)


def _strictly(
    path: Path, found: networks.Recognised, length: int, names: Collection[str]
) -> tuple[networks.Recognised, str]:
    """*found* as the import would read it, and why the import would not; what is not ours it is not asked about."""
    if not found.ours:
        return found, ""
    try:
        return networks.outlined(read_outline(path), length, names), ""
    except UnsafePickleError:
        return found, ""  # the scan has every name that was refused, and more
    except CheckpointError as error:
        return found, f"it is not whole: {error}"


def _loose(path: Path) -> tuple[str, ...]:
    """Why other readers may see other entries in a zip than this one; nothing if it is as torch writes it."""
    try:
        with Container(path):
            return ()
    except CheckpointError as error:
        return (str(error),)


def _program(survey: ZipSurvey) -> Sign | None:
    """TorchScript or an exported program, which are code; None if it is neither."""
    names = survey.sizes
    if any(name.endswith("/constants.pkl") for name in names) and any("/code/" in name for name in names):
        told = "it holds constants.pkl and code/, as TorchScript does"
        problem = "it is a program: loading it runs its own code, which was not judged"
        return Sign("torchscript", None, (told,), (problem,))
    exported = any(name.endswith("archive_format") and text == b"pt2" for name, text in survey.small.items())
    if exported or any(name.endswith("serialized_exported_program.json") for name in names):
        told = "it says of itself that it is a program exported by torch (.pt2)"
        problem = "it is a program: running it runs its own graph, which was not judged; torch reads few versions of it"
        return Sign("pt2", None, (told,), (problem,))
    return None


def _plain_zip(path: Path, survey: ZipSurvey) -> Diagnosis:
    names = list(survey.sizes)
    if names and all(name.endswith(".npy") for name in names):
        told = f"it is a zip of {len(names)} arrays of NumPy (.npz)"
        sign = Sign("numpy", None, (told,), ("its values may be objects, which NumPy pickles",))
        return _judged(path, sign, survey.pickles, survey.unread, permitted.PLAIN)
    shown = ", ".join(repr(name[:60]) for name in names[:3]) + (", ..." if len(names) > 3 else "")
    evidence = [f"it is a zip that torch did not write, of {len(names)} entries: {shown}"]
    for place in survey.inner[:3]:
        scans = survey.pickles.get(next((p for p in survey.pickles if p.startswith(f"{place}/")), ""), [])
        inside = networks.recognised("PK", scans[0].root if scans else None).sign
        evidence.append(f"inside it, {place[:80]!r} is a zip itself" + (f": {inside.evidence[0]}" if scans else ""))
    problems = (
        "it was packed once more than torch does: unpack it first",
        ZIPPED.said_of("no entry is where torch looks"),
    )
    sign = Sign("zip", None, tuple(evidence), problems, usable=False)
    return _judged(path, sign, survey.pickles, survey.unread, permitted.PLAIN)


def _cut(path: Path, head: str, beginning: bytes, refusal: str, budget: Budget) -> Diagnosis:
    """A file that starts as a zip and does not end as one."""
    first = first_pickle(b"PK" + beginning[2:], budget)
    evidence = [f"it begins as a zip of torch or of GPT-SoVITS does ({head!r}, then 03 04)"]
    found = networks.recognised(head if head in HEADS else "PK", first.root if first else None)
    if first is not None and first.complete:
        evidence += [f"its first pickle is whole: {'; '.join(found.sign.evidence)}"]
    problems = (refusal, CUT.said_of("its end is missing"))
    sign = Sign("truncated", found.sign.family, tuple(evidence), problems, usable=False)
    scans = {"its first pickle": [first]} if first is not None else {}
    return _judged(path, sign, scans, ("what stood behind it cannot be looked at",), found.permitted)


def _judged(
    path: Path,
    sign: Sign,
    pickles: Mapping[str, Sequence[Scan]],
    unread: Collection[str],
    allowed: Collection[str],
    *,
    own: tuple[str, ...] = (),
) -> Diagnosis:
    """*sign* with the verdict: what the *pickles* ask for, and whether all of them were followed."""
    scans = [scan for several in pickles.values() for scan in several]
    asked = {name for scan in scans for name in scan.names if not name.startswith(own or ("\0",))}
    beyond = permitted.beyond(asked, allowed)
    lost = [*unread, *(f"{place}: {scan.trouble}" for place, some in pickles.items() for scan in some if scan.trouble)]
    problems = list(sign.problems)
    if beyond:
        more = f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
        shown = ", ".join(name[:120] for name in beyond[:_SHOWN])
        problems.insert(0, f"unsafe: its pickle asks for {shown}{more}, which no {_noun(sign.kind)} needs")
    if lost:
        problems.append("not everything in it could be looked at: " + "; ".join(text[:200] for text in lost[:4]))
    elif not scans:
        problems.append("nothing in it could be scanned, so nothing is known of what it would do")
    code = sign.kind in ("torchscript", "pt2")
    safe = False if beyond else None if lost or code or not scans else True
    return Diagnosis(path, sign.kind, sign.family, sign.evidence, safe, tuple(problems), sign.usable, beyond)


def _noun(kind: str) -> str:
    return "checkpoint of plain tensors" if kind in ("pickle", "torch", "zip", "truncated") else f"{kind} file"
