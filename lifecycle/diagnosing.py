"""What the files that somebody has are, and the one thing to do next with each: the doctor's use case.

Composes: core_model.upstream knows checkpoints and what is taken for them, core_model.voice our voices, archive our
bundles. Executes nothing, needs no torch, writes nothing, and always has an answer. What a file says of itself reaches
a person's terminal only as printable text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archive import outer
from archive.errors import ArchiveError
from core_model.errors import VoiceError
from core_model.upstream.diagnosis import diagnose
from core_model.upstream.findings import Diagnosis, Sign
from core_model.voice import Voice
from lifecycle.printable import printable

_NAME, _GPT, _SOVITS = "NAME", "GPT.ckpt", "SOVITS.pth"
_V1_GPTS = ("s1longer", "s1", "s1big", "s1big2")  # by their phoneme tables
_LONGEST = 600
_AGAIN = "download it again"
_SPOKEN_ELSEWHERE = {
    "rvc": "RVC",
    "so-vits-svc": "so-vits-svc",
    "coqui": "Coqui TTS",
    "piper": "Piper",
    "vits": "VITS",
    "bert-vits2": "Bert-VITS2",
}
_NEXT = {  # where neither the file's path nor its neighbours matter
    "html": f"{_AGAIN}: log in first, or take the link of the file and not of the page",
    "lfs_pointer": "git lfs pull",
    "truncated": f"{_AGAIN}, and compare its size with what the page tells",
    "empty": _AGAIN,
    "zeros": _AGAIN,
    "training_generator": "import the voice that was saved of this training instead: SoVITS_weights*/*_e*_s*.pth",
    "training_discriminator": "nothing: a discriminator only trains; the voice is in SoVITS_weights*",
    "lightning": "import the GPT that was saved of this training instead: GPT_weights*/*-e*.ckpt",
    "torchscript": "look for the checkpoint it was exported from: no program is imported",
    "pt2": "look for the checkpoint it was exported from: no program is imported",
    "onnx": "look for the checkpoint it was exported from: no exported network is imported",
    "companion": "delete it, and take the file of the same name without ._ in front",
    "unreadable": "check the path and its permissions",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one file is, and what to do next."""

    diagnosis: Diagnosis
    next: str

    def facts(self) -> dict[str, object]:
        """The answer as --json gives it."""
        found = self.diagnosis
        return {
            "path": str(found.path),
            "kind": found.kind,
            "family": found.family,
            "evidence": list(found.evidence),
            "safe": found.safe,
            "problems": list(found.problems),
            "next": self.next,
        }


def examine(paths: Sequence[Path]) -> list[Answer]:
    """An answer for each of *paths*, in their order; files that belong together find each other."""
    found = [_printable(_look(path)) for path in paths]
    return [Answer(diagnosis, _next(diagnosis, found)) for diagnosis in found]


def _look(path: Path) -> Diagnosis:
    if (path / "voice.json").is_file():
        return _voice(path)
    found = diagnose(path)
    return _bundle(found) if found.kind in ("archive", "unknown", "text") else found


def _voice(path: Path) -> Diagnosis:
    evidence = ["it holds voice.json: a voice of this toolkit"]
    try:
        voice = Voice.open(path)
    except (VoiceError, OSError) as error:
        return Diagnosis(path, "voice", None, tuple(evidence), None, (str(error),), usable=False)
    parts = sorted(path.glob("weights/*.safetensors"))
    inside = [diagnose(part) for part in parts]
    evidence.append(f"its weights are {', '.join(part.name for part in parts)}, which hold no code")
    problems = [f"{part.path.name}: {problem}" for part in inside for problem in part.problems if not part.passes]
    if (path / "exports").is_dir():
        evidence.append("its exports are programs; one is run only where --runtime asks for it")
    safe = True if all(part.safe for part in inside) else None
    usable = all(part.usable for part in inside)
    return Diagnosis(path, "voice", voice.description.family, tuple(evidence), safe, tuple(problems), usable)


def _bundle(found: Diagnosis) -> Diagnosis:
    """*found*, or what it is if it is a bundle of ours."""
    told = "it is a tar archive whose members are those of a voice bundle"
    try:
        with found.path.open("rb") as file:
            first = file.read(1024)
            if outer.README.encode() not in first[:100] or outer.FORMAT_LINE[:12].encode() not in first:
                return found
            inside = outer.read(file)
    except ArchiveError as error:
        return Sign("bundle", None, (told,), (str(error),), usable=False).of(found.path)
    except OSError:
        return found
    payload = "its payload is encrypted, and was not looked at" if inside.encrypted else "its payload is for everybody"
    evidence = (told, payload, "restoring it runs nothing, and takes regular files of known names only")
    return Sign("bundle", None, evidence, (), safe=True).of(found.path)


def _next(found: Diagnosis, all_found: Sequence[Diagnosis]) -> str:
    path = shlex.quote(str(found.path))
    if found.safe is False:
        return "nothing: do not open it with any program; ask whoever gave it for a clean copy, or delete it"
    if found.kind in ("sovits", "lora", "gpt", "vocoder") and found.usable:
        return _import(found, all_found)
    if found.base:
        return f"lifecycle train {_NAME} --recordings DIRECTORY --base {shlex.quote(str(found.path.parent))}"
    if found.kind in ("hubert", "roberta", "speaker_vector") and found.usable:
        place = found.path if found.path.is_dir() else found.path.parent
        return f"lifecycle prompt {_NAME} --reference WAV --transcript TEXT --pretrained {shlex.quote(str(place))}"
    if found.kind in _SPOKEN_ELSEWHERE:
        return f"nothing here: {_SPOKEN_ELSEWHERE[found.kind]} speaks with it, this toolkit does not"
    commands = {
        "voice": f"lifecycle verify {path}",
        "bundle": f"lifecycle restore {path}" if found.usable else f"lifecycle check {path}",
        "recording": f"lifecycle prompt {_NAME} --reference {path} --transcript TEXT --language CODE",
        "zip": f"python -m zipfile -e {path} unpacked && lifecycle doctor unpacked",
        "archive": "unpack it, then: lifecycle doctor DIRECTORY",
        "folder": _of_folder(found),
        "torch": None if found.usable else "ask for the file as GPT-SoVITS saved it: nothing imports it as it is",
    }
    told = commands.get(found.kind) or _NEXT.get(found.kind)
    return told or "nothing here: it is no file of GPT-SoVITS, and this toolkit does not read it"


def _of_folder(found: Diagnosis) -> str:
    """For a folder: the import of the voice in it, else what its networks are for, else to look closer."""
    path = shlex.quote(str(found.path))
    kinds = [inside.kind for inside in found.inside if inside.usable]
    for inside in found.inside:
        if inside.kind in ("sovits", "lora") and inside.usable and "gpt" in kinds:
            return _import(inside, found.inside)
    if {"hubert", "roberta", "speaker_vector"} & set(kinds):
        return f"lifecycle prompt {_NAME} --reference WAV --transcript TEXT --pretrained {path}"
    return f"lifecycle doctor {path}/*"


def _import(found: Diagnosis, all_found: Sequence[Diagnosis]) -> str:
    """The import of *found* with what goes with it: files that were given too, else placeholders."""
    voices = [other for other in all_found if other.kind in ("sovits", "lora") and other.usable]
    gpts = [other for other in all_found if other.kind == "gpt" and other.usable]
    if found.kind in ("sovits", "lora"):
        sovits: Diagnosis | None = found
    elif found.kind == "vocoder":
        sovits = next((voice for voice in voices if voice.family == found.family), None)
    else:
        sovits = next((voice for voice in voices if _pair(voice, found)), None)
    gpt = found if found.kind == "gpt" else next((other for other in gpts if sovits and _pair(sovits, other)), None)
    words = ["lifecycle import", _path(sovits, _SOVITS), _path(gpt, _GPT)]
    family = sovits.family if sovits else found.family if found.kind == "vocoder" else None
    if sovits is not None and sovits.kind == "lora":
        whole = [other for other in all_found if other.kind in ("base", "sovits") and other.usable]
        bases = [other for other in whole if other.family == family]
        words.append(f"--base {_path(bases[0] if bases else None, f'BASE-{family}.pth')}")
    if family in ("v3", "v4"):
        vocoders = [other for other in all_found if other.kind == "vocoder" and other.family == family]
        words.append(f"--vocoder {_path(vocoders[0] if vocoders else None, f'VOCODER-{family}.pth')}")
    return " ".join([*words, f"--name {_name(sovits)}"])


def _pair(sovits: Diagnosis, gpt: Diagnosis) -> bool:
    """Whether both use the same phonemes."""
    return (sovits.family == "v1") == (gpt.family in _V1_GPTS) and gpt.family != "other"


def _path(found: Diagnosis | None, placeholder: str) -> str:
    return placeholder if found is None else shlex.quote(str(found.path))


def _name(sovits: Diagnosis | None) -> str:
    """A name that the store takes, made of the file's; what a file is called proves nothing, but people know it."""
    name = re.sub(r"(_e\d+)?(_s\d+)?(_l\d+)?$", "", sovits.path.stem.lower()) if sovits else ""
    return re.sub(r"[^a-z0-9_-]+", "-", name).strip("-_")[:64] or _NAME


def _printable(found: Diagnosis) -> Diagnosis:
    return replace(found, evidence=_clean(found.evidence), problems=_clean(found.problems), names=_clean(found.names))


def _clean(sentences: Sequence[str]) -> tuple[str, ...]:
    """*sentences* without control characters, which a file may hold to deceive a terminal, and not without end."""
    return tuple(printable(text[:_LONGEST]) for text in sentences)
