"""Speaks the sentences of this directory with flite's slt voice: 01.txt → 01.flac, 16 kHz, mono, 16 bit.

Knows nothing of the toolkit: it needs flite (Debian: apt install flite) and the soundfile package, and is only run to
make the recordings again. The transcripts are the source. See README.md for authorship and licences.

    python examples/make_examples.py            # writes here
    python examples/make_examples.py --check    # writes nothing; exit 1 if flite says anything else today
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

VOICE = "slt"
HERE = Path(__file__).resolve().parent


def speak(sentence: str, scratch: Path) -> tuple[NDArray[np.int16], int]:
    """What flite says for *sentence*: ((N,) int16, sample rate in Hz)."""
    wav = scratch / "spoken.wav"
    subprocess.run(["flite", "-voice", VOICE, "-t", sentence, "-o", str(wav)], check=True)
    samples, sample_rate = soundfile.read(wav, dtype="int16")
    return samples, sample_rate


def main() -> int:
    """Make (or check) one recording for each transcript."""
    parser = argparse.ArgumentParser(description="Make the example recordings again, with flite's slt voice.")
    parser.add_argument("--check", action="store_true", help="compare with what is there; write nothing")
    check = parser.parse_args().check
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        for transcript in sorted(HERE.glob("[0-9]*.txt")):
            samples, sample_rate = speak(transcript.read_text(encoding="utf-8").strip(), Path(scratch))
            recording = transcript.with_suffix(".flac")
            if check:
                different += not np.array_equal(soundfile.read(recording, dtype="int16")[0], samples)
            else:
                soundfile.write(recording, samples, sample_rate, subtype="PCM_16")
    if different:
        sys.stderr.write(f"{different} recordings differ from what this flite says\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
