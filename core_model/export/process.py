"""Exports of a voice, each made in a process of its own so that the same voice always gives the same bytes.

A voice whose decoder matches flows (v3, v4) has none.

What an exporter has done before shows in what it writes next: module names get numbers, sets are walked in the order
of the day's hash seed. A fresh process with a fixed seed, one thread and fixed file names has no such past. Knows no
format.

    write_exports(Voice.open(Path("voices/slt")))      # voices/slt/exports/{onnx,torchscript}/{gpt,sovits}.{onnx,pt}
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from core_model.errors import ExportError
from core_model.speaking import has_exports
from core_model.voice import Voice

_ROOT = Path(__file__).resolve().parent.parent.parent
FILES = {"onnx": ("gpt.onnx", "sovits.onnx"), "torchscript": ("gpt.pt", "sovits.pt")}


def kinds_of(voice: Voice) -> tuple[str, ...]:
    """The kinds of export that *voice* can have, sorted."""
    return tuple(sorted(FILES)) if has_exports(voice) else ()


def write_exports(voice: Voice) -> None:
    """Write exports/ into the voice, whole or not at all, in place of what was there. ExportError if one fails."""
    partial = Path(tempfile.mkdtemp(prefix=".exports.", suffix=".partial", dir=voice.directory))
    try:
        for kind in kinds_of(voice):
            (partial / kind).mkdir()
            export(voice, kind, partial / kind)
        partial.chmod(0o755)
        if voice.exports_directory.exists():
            shutil.rmtree(voice.exports_directory)  # derived data: between these two lines it can only be missing
        partial.rename(voice.exports_directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def export(voice: Voice, kind: str, directory: Path) -> tuple[Path, ...]:
    """Write the graphs of one *kind* (onnx, torchscript) into *directory*, which must exist. ExportError."""
    if kind not in kinds_of(voice):
        raise ExportError(kind, f"a voice of family {voice.description.family} runs on torch alone")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTORCH_", "TORCH_"))}
    search = [str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(search)}
    command = [sys.executable, "-m", f"core_model.export.{kind}", str(voice.directory.resolve())]
    run = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ExportError(kind, run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "no reason was given")
    return tuple(directory / name for name in FILES[kind])
