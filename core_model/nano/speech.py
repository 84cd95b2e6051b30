"""Speech to train the embedded base on: free engines, with the times of their own phones.

Knows engines, and nothing of training. Each engine is asked for one sentence and answers with a 16 kHz waveform and its
phones in ARPAbet without stress ("SP" is a pause), each with the second at which it ends. flite prints them (-psdur),
festival saves them (utt.save.segs), espeak-ng reports them through its callback (see espeak.py).

A warp r plays speech r times as fast after the engine spoke it r times as slowly: pitch and formants rise by r and the
timing stays, so one engine voice stands in for several people.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from core_model.alignment_codes import SILENCE
from core_model.features.acoustic import SAMPLE_RATE
from core_model.nano import espeak

_PITCH_SPREAD = 0.14  # of the mean: what festival's own male voices have
_MARGIN_S = 0.12  # silence kept at both ends of a sentence

_ASKING = frozenset({"who", "what", "where", "when", "why", "how", "do", "did", "is"})
# What flite and festival call a phone, where upper case alone does not give ARPAbet.
_RENAMED = {
    "pau": SILENCE, "h#": SILENCE, "brth": SILENCE, "ax": "AH", "axr": "ER", "dx": "T", "nx": "N", "hv": "HH",
    "el": "L", "em": "M", "en": "N", "ix": "IH", "ssil": SILENCE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken sentence: a float32 mono waveform at 16 kHz, and (phone, end in seconds) in order."""

    text: str = field(repr=False)
    waveform: np.ndarray = field(repr=False)
    phones: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Speaker:
    """An engine's voice under a warp, which multiplies pitch and formants, and at a mean *pitch* of its own.

    *pitch* in Hz is what is heard, after the warp; 0 leaves it to the engine. espeak-ng and flite's rms know none.
    """

    engine: str
    voice: str
    warp: float = 1.0
    pitch: float = 0.0

    @property
    def name(self) -> str:
        """What its directory is called."""
        pitch = f"-{round(self.pitch)}hz" if self.pitch else ""
        return f"{self.engine}-{self.voice.replace('+', '-')}-{round(self.warp * 100)}{pitch}".lower()

    @property
    def engine_pitch(self) -> tuple[float, float]:
        """(mean, standard deviation) in Hz to ask the engine for, so that *pitch* is heard after the warp."""
        return self.pitch / self.warp, _PITCH_SPREAD * self.pitch / self.warp


# slt (flite) and cmu_us_slt_arctic_hts (festival) are one person, held out for judging the base: never add them here.
SPEAKERS: tuple[Speaker, ...] = (
    *(Speaker("flite", v, w) for v in ("rms", "awb", "kal16") for w in (0.86, 0.93, 1.0, 1.08, 1.17, 1.27)),
    *(Speaker("festival", v, w) for v in ("kal_diphone", "ked_diphone") for w in (0.9, 1.0, 1.12)),
    *(
        Speaker("espeak", f"{accent}+{variant}")
        for accent, variants in (
            ("en-us", "f1 f2 f3 f4 f5 m1 m3 m5 m7 Andrea Annie anika belinda linda steph Michael Alex Lee Storm rob"),
            ("en-gb", "f2 f4 m1 m3 Andrea Annie belinda max"),
        )
        for variant in variants.split()
    ),
    # Men's vocal tracts shortened by less than their pitch is raised: as near to women as these engines come.
    *(
        Speaker(engine, voice, warp, pitch)
        for engine, voice in (
            ("flite", "awb"),
            ("flite", "kal16"),
            ("festival", "kal_diphone"),
            ("festival", "ked_diphone"),
        )
        for warp, pitch in ((0.94, 95.0), (1.0, 130.0), (1.06, 165.0), (1.13, 190.0), (1.2, 210.0), (1.27, 235.0))
    ),
)


def sentences(wordnet: Path) -> list[str]:
    """The example sentences of WordNet 3.0 (its licence allows any use), 4 to 16 plain words each, sorted."""
    found: set[str] = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text(encoding="latin-1").splitlines():
            for quoted in re.findall(r'"([^"]+)"', line):
                words = quoted.strip().rstrip(".!?;,").split()
                if 4 <= len(words) <= 16 and re.fullmatch(r"[A-Za-z][A-Za-z', ]+", " ".join(words)):
                    sentence = " ".join(words)
                    end = "?" if words[0].lower() in _ASKING else "."
                    found.add(sentence[0].upper() + sentence[1:] + end)
    return sorted(found)


def warp(waveform: np.ndarray, sample_rate: int, ratio: float) -> np.ndarray:
    """*waveform* at 16 kHz, played *ratio* times as fast as it was spoken."""
    return np.asarray(soxr.resample(waveform, sample_rate * ratio, SAMPLE_RATE, quality="HQ"), dtype=np.float32)


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _flite(speaker: Speaker, texts: list[str]) -> Iterator[Utterance]:
    settings = ["--setf", f"duration_stretch={speaker.warp}"]
    if speaker.pitch:
        mean, deviation = speaker.engine_pitch
        settings += ["--setf", f"int_f0_target_mean={mean:.1f}", "--setf", f"int_f0_target_stddev={deviation:.1f}"]
    with tempfile.TemporaryDirectory() as directory:
        wav = Path(directory) / "spoken.wav"
        for text in texts:
            printed = _run(["flite", "-voice", speaker.voice, *settings, "-psdur", "-t", text, "-o", str(wav)])
            waveform, rate = soundfile.read(wav, dtype="float32")
            phones = [item.rsplit(":", 1) for item in printed.split()]
            yield _finish(text, warp(waveform, rate, speaker.warp), [(p, float(t) / speaker.warp) for p, t in phones])


def _festival(speaker: Speaker, texts: list[str]) -> Iterator[Utterance]:
    with tempfile.TemporaryDirectory() as directory:
        script = [f"(voice_{speaker.voice})", f"(Parameter.set 'Duration_Stretch {speaker.warp})"]
        if speaker.pitch:
            mean, deviation = speaker.engine_pitch
            asked = f"(target_f0_mean {mean:.1f}) (target_f0_std {deviation:.1f})"  # the model is the one of the voices
            script.append(f"(set! int_lr_params '({asked} (model_f0_mean 170) (model_f0_std 34)))")
        for i, text in enumerate(texts):
            script += [
                f'(set! u (utt.synth (Utterance Text "{text}")))',
                f'(utt.save.wave u "{directory}/{i}.wav")',
                f'(utt.save.segs u "{directory}/{i}.seg")',
            ]
        (Path(directory) / "script.scm").write_text("\n".join(script), encoding="ascii")
        _run(["festival", "-b", f"{directory}/script.scm"])
        for i, text in enumerate(texts):
            waveform, rate = soundfile.read(Path(directory) / f"{i}.wav", dtype="float32")
            lines = (Path(directory) / f"{i}.seg").read_text(encoding="ascii").split("#\n", 1)[1].splitlines()
            phones = [(line.split()[2], float(line.split()[0]) / speaker.warp) for line in lines if line.strip()]
            yield _finish(text, warp(waveform, rate, speaker.warp), phones)


@functools.cache
def _espeak_engine() -> espeak.Engine:
    """The one engine of this process, made when it is first needed."""
    return espeak.Engine()


def _espeak(speaker: Speaker, texts: list[str]) -> Iterator[Utterance]:
    engine = _espeak_engine()
    for text in texts:
        spoken = engine.say(text, speaker.voice)
        if spoken is not None:
            waveform, rate, phones = spoken
            yield _finish(text, warp(waveform, rate, speaker.warp), [(p, t / speaker.warp) for p, t in phones])


_ENGINES: dict[str, Callable[[Speaker, list[str]], Iterator[Utterance]]] = {
    "flite": _flite,
    "festival": _festival,
    "espeak": _espeak,
}


def _finish(text: str, waveform: np.ndarray, phones: list[tuple[str, float]]) -> Utterance:
    """Names in ARPAbet, outer silence cut to a margin, peak at 0.7."""
    named = [(_RENAMED.get(p, p.upper()), t) for p, t in phones]
    merged: list[tuple[str, float]] = []
    for phone, end in named:
        if merged and merged[-1][0] == phone == SILENCE:
            merged.pop()
        merged.append((phone, end))
    begin = max(0.0, merged[0][1] - _MARGIN_S) if merged[0][0] == SILENCE else 0.0
    stop = len(waveform) / SAMPLE_RATE
    if merged[-1][0] == SILENCE and len(merged) > 1:
        stop = min(stop, merged[-2][1] + _MARGIN_S)
    cut = waveform[int(begin * SAMPLE_RATE) : int(stop * SAMPLE_RATE)]
    times = [(p, min(t, stop) - begin) for p, t in merged]
    return Utterance(text, cut * (0.7 / max(1e-4, float(np.abs(cut).max()))), tuple(times))


def generate(directory: Path, speaker: Speaker, texts: list[str], seconds: float) -> None:
    """Write about *seconds* of *speaker* under *directory*: NNNN.flac files and, last of all, segments.jsonl.

    A speaker whose segments.jsonl exists is finished and left alone, so an interrupted run goes on where it stopped.
    """
    home = directory / speaker.name
    if (home / "segments.jsonl").exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    spoken_s = 0.0
    for begin in range(0, len(texts), 20):
        for utterance in _ENGINES[speaker.engine](speaker, texts[begin : begin + 20]):
            name = f"{len(lines):04d}.flac"
            soundfile.write(home / name, utterance.waveform, SAMPLE_RATE, subtype="PCM_16")
            rounded = [[p, round(t, 4)] for p, t in utterance.phones]
            lines.append(json.dumps({"file": name, "text": utterance.text, "phones": rounded}))
            spoken_s += len(utterance.waveform) / SAMPLE_RATE
        if spoken_s >= seconds:
            break
    partial = home / "segments.jsonl.partial"
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(home / "segments.jsonl")
