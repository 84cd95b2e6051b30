"""What a folder is: HuBERT, RoBERTa, the v3 vocoder, or a folder of several files; each by what its files hold.

Executes nothing, follows no links out of sight, and looks at a bounded number of files. Reference: the layout in which
transformers saves a network (config.json beside pytorch_model.bin or model.safetensors), and BigVGAN's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from core_model.upstream.findings import Diagnosis

_MOST_FILES = 40
_LARGEST_CONFIG_bytes = 1 << 20
_KINDS = {"hubert": "hubert", "bert": "roberta", "roberta": "roberta"}
_WIDTHS = {"hubert": 768, "roberta": 1024}  # of the two networks that GPT-SoVITS uses
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def diagnose_folder(path: Path, look: Callable[[Path], Diagnosis]) -> Diagnosis:
    """What the folder at *path* holds; *look* is asked about each of its files."""
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    config = _config(path / "config.json")
    kind = _KINDS.get(str(config.get("model_type")))
    if kind is not None:
        return _transformer(path, kind, config, [file for file in files if file.name in _WEIGHTS], look)
    if config.get("upsample_initial_channel") == 1536 and config.get("num_mels", 100) == 100:
        return _vocoder(path, files, look)
    return _several(path, files, look)


def _transformer(
    path: Path, kind: str, config: Mapping[str, object], weights: list[Path], look: Callable[[Path], Diagnosis]
) -> Diagnosis:
    width, layers = config.get("hidden_size"), config.get("num_hidden_layers")
    evidence = [f"its config.json says model_type {config.get('model_type')!r}, {layers!r} layers of width {width!r}"]
    problems = []
    if width != _WIDTHS[kind]:
        problems.append(f"GPT-SoVITS uses one of width {_WIDTHS[kind]}; this one does not fit its voices")
    if "auto_map" in config:
        problems.append("unusual: its config.json names code of its own (auto_map), which nothing here runs")
    if not weights:
        problems.append(f"there is neither {_WEIGHTS[0]} nor {_WEIGHTS[1]} beside it: its weights are missing")
        return Diagnosis(path, kind, None, tuple(evidence), None, tuple(problems), usable=False)
    inside = [look(file) for file in weights]
    for found in inside:
        if found.kind == kind:
            evidence.append(f"{found.path.name}: {found.evidence[0]}")
        else:
            problems.append(f"{found.path.name} does not hold it: it is a file of kind {found.kind}")
        problems += [f"{found.path.name}: {problem}" for problem in found.problems]
    usable = all(found.usable and found.kind == kind for found in inside)
    return Diagnosis(path, kind, None, tuple(evidence), _safe(inside), tuple(problems), usable, _names(inside))


def _vocoder(path: Path, files: list[Path], look: Callable[[Path], Diagnosis]) -> Diagnosis:
    inside = [found for found in map(look, files[:_MOST_FILES]) if found.kind == "vocoder"]
    evidence = ["its config.json is that of a BigVGAN of 1536 channels and 100 bands"]
    evidence += [f"{found.path.name}: {found.evidence[0]}" for found in inside]
    problems = [f"{found.path.name}: {problem}" for found in inside for problem in found.problems]
    if not inside:
        problems.append("none of its files holds that network")
    usable = bool(inside) and all(found.usable for found in inside)
    return Diagnosis(path, "vocoder", "v3", tuple(evidence), _safe(inside), tuple(problems), usable, _names(inside))


def _several(path: Path, files: list[Path], look: Callable[[Path], Diagnosis]) -> Diagnosis:
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir())[:_MOST_FILES]
    known = [folder for folder in folders if _config(folder / "config.json").get("model_type") in _KINDS]
    inside = [look(entry) for entry in [*files[:_MOST_FILES], *known]]
    evidence = [f"{found.path.name}: {_kind(found)}" for found in inside]
    evidence += [f"{entry.name}: a folder, which was not looked into" for entry in folders if entry not in known]
    weighty = [found for found in inside if found.kind != "text"]  # a README says nothing of the rest
    problems = [f"{found.path.name}: {problem}" for found in weighty for problem in found.problems if not found.passes]
    if len(files) > _MOST_FILES:
        problems.append(f"{len(files) - _MOST_FILES} more files were not looked at")
    safe = None if len(files) > _MOST_FILES and _safe(weighty) else _safe(weighty)
    if not inside:
        problems.append("there is no file in it")
    told = tuple(evidence) or ("it is a folder without files",)
    found = Diagnosis(path, "folder", None, told, safe, tuple(problems), bool(inside), _names(inside))
    return replace(found, inside=tuple(inside))


def _kind(found: Diagnosis) -> str:
    return f"{found.kind} {found.family}" if found.family else found.kind


def _safe(inside: list[Diagnosis]) -> bool | None:
    """False if any is unsafe, True if all of several are safe, None otherwise."""
    verdicts = [found.safe for found in inside]
    if False in verdicts:
        return False
    return True if verdicts and all(verdicts) else None


def _names(inside: list[Diagnosis]) -> tuple[str, ...]:
    return tuple(sorted({name for found in inside for name in found.names}))


def _config(path: Path) -> Mapping[str, object]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_CONFIG_bytes:
            return {}
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
