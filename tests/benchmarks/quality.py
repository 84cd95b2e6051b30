"""How well a base speaks: two people it has never heard, each adapted from a minute, judged against their recordings.

    make quality        or        python -m tests.benchmarks.quality --work DIR [--base FILE] [--sentences 50]

Four rows for each person. *source*: the held-out recordings. *copy*: their own tokens and style through SoVITS, so that
what SoVITS loses is plain. *spoken*: text to speech. *untuned copy*: as copy, before adaptation. Every row has word
error, cosine to the held-out recordings and DNSMOS overall, with bootstrap intervals over sentences. The bar: word
error at most 10 points over the source, cosine 0.80, DNSMOS 2.5. figures.json and figures.md are written under DIR,
with the judgement of every clip, so that a bench that was stopped goes on where it was. What was tuned to a person is
removed when that person's rows are done: nobody asked them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from core_model import machine
from core_model.errors import AlignmentError
from core_model.nano import base as nano
from core_model.nano.dims import CODES, SOVITS_DIMS
from core_model.sovits.synthesizer import SoVITS
from core_model.speaking import SpeakingOptions
from core_model.synthesis import synthesize
from core_model.text.front_end import FrontEnd
from core_model.training.adaptation import Adaptation, adapt, style_of
from core_model.training.dataset import Dataset, Example
from core_model.training.preparation import Spoken, prepare
from core_model.training.schedule import silent
from lifecycle.new_voice import write_speaking_voice
from tests.benchmarks.judges import Figure, Judges, mean, ratio, word_errors, words_of
from tests.benchmarks.quality_voices import Person, Said, allison, slt

ROWS = ("source", "untuned copy", "copy", "spoken")
NOISE_SCALE = 0.5  # what a voice speaks with
WORSE_THAN_SOURCE, LEAST_COSINE, LEAST_SOUND = 0.10, 0.80, 2.5  # the bar
PEOPLE: dict[str, Callable[[Path, int], Person]] = {"slt": slt, "allison": allison}


@dataclass(frozen=True, slots=True)
class Clip:
    """What the judges made of one sentence."""

    words: int
    errors: int
    sound: float
    speaker: tuple[float, ...]  # Resemblyzer's vector


class Judged:
    """Judgements by waveform and words, kept in a file: a clip is judged once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._judges: Judges | None = None
        self._known: dict[str, Clip] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # cut short when the bench was killed
                key = entry.pop("key")
                self._known[key] = Clip(**entry | {"speaker": tuple(entry["speaker"])})

    def clip(self, text: str, waveform: np.ndarray) -> Clip:
        """The judgement of *waveform* (float32, 16 kHz), which should say *text*."""
        key = hashlib.sha256(text.encode() + waveform.astype(np.float32).tobytes()).hexdigest()
        if key not in self._known:
            self._judges = self._judges or Judges()
            said = words_of(text)
            errors = word_errors(said, self._judges.recognized(waveform))
            vector = [round(float(value), 6) for value in self._judges.speaker(waveform)]
            self._known[key] = Clip(len(said), errors, self._judges.sound(waveform), tuple(vector))
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps({"key": key, **asdict(self._known[key])}))
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    sentences: int
    word_error: Figure
    cosine: Figure
    sound: Figure


def row(clips: Sequence[Clip], source: Sequence[Clip]) -> Row:
    """Figures of *clips*, clip for clip of the same sentences as *source*; likeness is to all other source clips."""
    vectors = np.array([clip.speaker for clip in source])
    cosines = []
    for index, clip in enumerate(clips):
        centre = np.delete(vectors, index, axis=0).mean(axis=0)  # of other sentences
        cosines.append(float(np.dot(clip.speaker, centre) / np.linalg.norm(centre)))
    errors = ratio([clip.errors for clip in clips], [clip.words for clip in clips])
    return Row(len(clips), errors, mean(cosines), mean([clip.sound for clip in clips]))


def copied(network: SoVITS, examples: Sequence[Example], seed: int) -> np.ndarray:
    """A recording's own tokens in its own style, pieces one after the other."""
    style = torch.from_numpy(style_of(network, examples))
    made = []
    for index, example in enumerate(examples):
        frames = SOVITS_DIMS.frames_for(len(example.tokens))
        drawn = np.random.Generator(np.random.Philox(key=[seed, index])).standard_normal(
            (1, SOVITS_DIMS.noise_channels, frames)
        )
        tokens, phonemes = torch.from_numpy(example.tokens)[None], torch.from_numpy(example.phonemes)[None]
        with torch.inference_mode():
            waveform = network.decode(tokens, phonemes, style, torch.from_numpy(drawn).float(), NOISE_SCALE)
        made.append(waveform[0, 0].numpy())
    return np.concatenate(made)


def tuned(work: Path, base_file: Path, person: Person, plan: Adaptation) -> tuple[nano.Base, dict[str, float]]:
    """The base after a minute of *person*, and what it took; gone on with where it was stopped."""
    base = nano.load(base_file)
    work.mkdir(parents=True, exist_ok=True)
    gone_on_with = any(work.glob("*.checkpoint.safetensors"))
    began = time.process_time(), time.monotonic()
    prepared = prepare([_spoken(said) for said in person.to_adapt], base.aligner, CODES)
    adapt(base, Dataset(prepared.examples), plan, work, silent)
    facts = {
        "seconds_of_speech": sum(said.seconds for said in person.to_adapt),
        "unusable": float(len(prepared.unusable)),
        "gone_on_with": float(gone_on_with),  # then the seconds are of what was left to do
        "cpu_seconds": time.process_time() - began[0],
        "wall_seconds": time.monotonic() - began[1],
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    voice = work / "voice"
    shutil.rmtree(voice, ignore_errors=True)
    write_speaking_voice(voice, person.name, base, prepared, plan, "evaluation only")
    return base, facts


def _spoken(said: Said) -> Spoken:
    return Spoken(said.name, said.waveform, FrontEnd().phonemize(said.text, "en"))


def judge_person(
    work: Path, base_file: Path, person: Person, plan: Adaptation, judged: Judged
) -> tuple[dict[str, Row], dict[str, float]]:
    """All rows of one person, and what adaptation took."""
    from core_model.voice import Voice

    home = work / f"{person.name}-{nano.digest(base_file)[:12]}"
    adapted, facts = tuned(home, base_file, person, plan)
    untuned = nano.load(base_file)
    voice = Voice.open(home / "voice")
    clips: dict[str, list[Clip]] = {name: [] for name in ROWS}
    left_out = 0
    audio_s = speak_s = 0.0
    for index, said in enumerate(person.held_out):
        try:
            examples = prepare([_spoken(said)], untuned.aligner, CODES).examples
        except AlignmentError:
            examples = ()
        if not examples:  # nothing to copy: it is left out of every row, so that all rows have the same sentences
            left_out += 1
            continue
        began = time.process_time()
        speech = synthesize(voice, said.text, options=SpeakingOptions(seed=index)).waveform
        speak_s += time.process_time() - began
        audio_s += len(speech) / SOVITS_DIMS.sample_rate
        made = {
            "source": said.waveform,
            "untuned copy": copied(untuned.sovits.eval(), examples, index),
            "copy": copied(adapted.sovits.eval(), examples, index),
            "spoken": speech,
        }
        for name, waveform in made.items():
            clips[name].append(judged.clip(said.text, waveform))
        print(f"{person.name} {index + 1}/{len(person.held_out)}", flush=True)
    shutil.rmtree(home)
    facts |= {"left_out": float(left_out), "cpu_seconds_per_second_of_speech": speak_s / max(audio_s, 1e-9)}
    return {name: row(found, clips["source"]) for name, found in clips.items()}, facts


def meets_the_bar(rows: dict[str, Row]) -> bool:
    """Whether text to speech does."""
    spoken = rows["spoken"]
    return (
        spoken.word_error.value <= rows["source"].word_error.value + WORSE_THAN_SOURCE
        and spoken.cosine.value >= LEAST_COSINE
        and spoken.sound.value >= LEAST_SOUND
    )


def table(results: dict[str, dict[str, Row]]) -> str:
    """Markdown, as it stands in the model card."""

    def cell(figure: Figure, scale: float, digits: int) -> str:
        value, low, high = (f"{scale * number:.{digits}f}" for number in (figure.value, figure.low, figure.high))
        return f"{value} [{low}, {high}]"

    lines = ["| voice | | sentences | word error, % | cosine | DNSMOS overall |", "|---|---|---|---|---|---|"]
    for person, rows in results.items():
        for name, one in rows.items():
            cells = (cell(one.word_error, 100, 1), cell(one.cosine, 1, 3), cell(one.sound, 1, 2))
            lines.append(f"| {person} | {name} | {one.sentences} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _people(work: Path, names: Sequence[str], count: int) -> Iterator[Person]:
    for name in names:
        yield PEOPLE[name](work / "people", count)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where people, networks and judgements are kept")
    parser.add_argument("--base", type=Path, default=nano.FILE, help="the base to be judged")
    parser.add_argument("--sentences", type=int, default=60, help="held-out sentences of each person")
    parser.add_argument("--people", nargs="+", choices=sorted(PEOPLE), default=["slt", "allison"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    plan = replace(Adaptation(), bfloat16=machine.computes_in_bfloat16())
    judged = Judged(work / "judgements.jsonl")
    results: dict[str, dict[str, Row]] = {}
    facts: dict[str, dict[str, float]] = {}
    for person in _people(work, arguments.people, arguments.sentences):
        results[person.name], facts[person.name] = judge_person(work, arguments.base, person, plan, judged)
    told = {
        "base": nano.digest(arguments.base),
        "machine": machine.describe(),
        "plan": asdict(plan),
        "people": {
            name: {"rows": {k: asdict(v) for k, v in rows.items()}, "meets_the_bar": meets_the_bar(rows), **facts[name]}
            for name, rows in results.items()
        },
    }
    (work / "figures.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    (work / "figures.md").write_text(table(results), encoding="utf-8")
    print(table(results))
    for name, rows in results.items():
        print(f"{name}: the bar is {'met' if meets_the_bar(rows) else 'not met'}")


if __name__ == "__main__":
    main()
