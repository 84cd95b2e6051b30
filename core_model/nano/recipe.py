"""How the embedded base was made: speech from free engines, an aligner, the two stages, all packed as fp16.

    python -m core_model.nano.recipe --work DIR        (or: make base)

Every stage leaves a file under DIR and is skipped when that file is there; the two trainings go on from their last
checkpoint. So it may be interrupted at any moment, and DIR may be thrown away afterwards. Needs flite, festival (with
festvox-kallpc16k and -kdlpc16k), espeak-ng and wordnet-base, all from Debian; `make base` says so when one is missing.
"""

from __future__ import annotations

import argparse
import ctypes.util
import difflib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.torch import load_file, save_file

from core_model.alignment_codes import SILENCE, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic
from core_model.features.alignment import AlignerDims, PhoneClassifier
from core_model.gpt import GPT
from core_model.nano import speech
from core_model.nano.dims import CODES, GPT_DIMS, JUDGES, SOVITS_DIMS
from core_model.sovits.discriminator import MultiPeriodDiscriminator
from core_model.sovits.synthesizer import SoVITS
from core_model.text.front_end import FrontEnd
from core_model.training import aligner, gpt, sovits
from core_model.training.adaptation import style_of
from core_model.training.dataset import Dataset, Example, make_example, semitones
from core_model.training.schedule import Options, Progress, Report

WORDNET = Path("/usr/share/wordnet")
HELD_OUT_SENTENCES = 300  # never spoken by any speaker of the base
MINUTES = {"flite": 12.0, "festival": 10.0, "espeak": 2.5}  # per speaker
STAGES = ("speech", "dataset", "aligner", "gpt", "sovits", "pack")
STEPS = {"aligner": 1500, "gpt": 4000, "sovits": 6500}
_LEAST_TOKENS, _MOST_TOKENS = 20, 160  # utterances of 0.8 to 6.4 s


def symbols_with_stress(phones: Sequence[str], written: Sequence[str]) -> list[str]:
    """An engine's *phones* as phonemes, with stress and marks from the front end's *written* phonemes where both agree.

    Where they do not, the engine is right about what was spoken, and a vowel takes the stress that it has most often.
    """
    spoken = [
        f"{phone}0" if phone in {"AH", "ER"} else f"{phone}1" if phone[0] in "AEIOU" else phone for phone in phones
    ]
    bare = [phone_of(symbol) for symbol in written]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, list(phones), bare, autojunk=False).get_opcodes():
        if tag == "equal":
            spoken[a:b] = written[c:d]
        elif tag == "replace" and b - a == d - c:
            for index in range(b - a):
                if spoken[a + index][-1].isdigit() and written[c + index][-1].isdigit():
                    spoken[a + index] = spoken[a + index][:-1] + written[c + index][-1]
    return spoken


def missing_sources(wordnet: Path = WORDNET) -> list[str]:
    """What Debian packages are needed and not here: `apt-get install` takes the names as they are."""
    voices = Path("/usr/share/festival/voices/english")
    needed = {
        "flite": shutil.which("flite"),
        "festival": shutil.which("festival"),
        "festvox-kallpc16k": (voices / "kal_diphone").exists(),
        "festvox-kdlpc16k": (voices / "ked_diphone").exists(),
        "libespeak-ng1": ctypes.util.find_library("espeak-ng"),
        "wordnet-base": (wordnet / "data.noun").exists(),
    }
    return [package for package, found in needed.items() if not found]


def make_speech(work: Path) -> None:
    """Let every speaker read its own shuffle of the sentences."""
    texts = speech.sentences(WORDNET)
    for index, speaker in enumerate(speech.SPEAKERS):
        order = np.random.Generator(np.random.Philox(key=[7, index])).permutation(len(texts) - HELD_OUT_SENTENCES)
        speech.generate(work / "speech", speaker, [texts[k] for k in order[:1500]], MINUTES[speaker.engine] * 60)


def _utterances(directory: Path) -> list[tuple[np.ndarray, str, list[str], list[float]]]:
    """Of one speaker: (waveform, text, phones, ends in seconds)."""
    found = []
    for line in (directory / "segments.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        waveform, _ = soundfile.read(directory / entry["file"], dtype="float32")
        phones = [phone for phone, _ in entry["phones"]]
        found.append((acoustic.level(waveform), entry["text"], phones, [end for _, end in entry["phones"]]))
    return found


def make_dataset(work: Path) -> Dataset:
    """All speakers' utterances as examples, in one file."""
    path = work / "dataset.safetensors"
    if path.exists():
        return Dataset.load(path)
    front_end = FrontEnd()
    examples: list[Example] = []
    for index, speaker in enumerate(speech.SPEAKERS):
        utterances = _utterances(work / "speech" / speaker.name)
        median = float(np.nanmedian(np.concatenate([semitones(waveform) for waveform, *_ in utterances])))
        for waveform, text, phones, ends in utterances:
            symbols = symbols_with_stress(phones, front_end.phonemize(text, "en").symbols)
            if phones[0] != SILENCE:
                symbols, ends = [SILENCE, *symbols], [0.04, *ends]
            if phones[-1] != SILENCE:
                symbols, ends = [*symbols, "."], [*ends, len(waveform) / acoustic.SAMPLE_RATE]
            try:
                example = make_example(index, waveform, symbols, ends, median, CODES)
            except AlignmentError:
                continue
            if _LEAST_TOKENS <= len(example.tokens) <= _MOST_TOKENS:
                examples.append(example)
    dataset = Dataset(examples)
    dataset.save(path)
    return dataset


def train_aligner(work: Path, options: Options) -> PhoneClassifier:
    """The phone classifier, on every third utterance."""
    path = work / "aligner.safetensors"
    torch.manual_seed(options.seed)
    network = PhoneClassifier(AlignerDims())
    if path.exists():
        network.load_state_dict(load_file(path))
        return network
    data = [
        aligner.label(waveform, phones, ends, CODES)
        for speaker in speech.SPEAKERS
        for waveform, _, phones, ends in _utterances(work / "speech" / speaker.name)[::3]
    ]
    aligner.train(
        network, data, replace(options, steps=STEPS["aligner"], batch_size=24, learning_rate=2e-3), _printed()
    )
    partial = path.with_name(path.name + ".partial")
    save_file(network.cpu().state_dict(), partial)
    partial.replace(path)
    return network


def train_gpt(work: Path, dataset: Dataset, options: Options) -> GPT:
    """The first stage, on all speakers."""
    torch.manual_seed(options.seed)
    network = GPT(GPT_DIMS)
    options = replace(options, steps=STEPS["gpt"], learning_rate=1e-3, checkpoint=work / "gpt.checkpoint.safetensors")
    gpt.train(network, dataset, options, _printed())
    return network.cpu()


def train_sovits(work: Path, dataset: Dataset, options: Options) -> SoVITS:
    """The second stage, on all speakers; its judges are thrown away with DIR."""
    torch.manual_seed(options.seed)
    network, judges = SoVITS(SOVITS_DIMS), MultiPeriodDiscriminator(JUDGES)
    options = replace(
        options,
        steps=STEPS["sovits"],
        batch_size=12,
        learning_rate=6e-4,
        checkpoint=work / "sovits.checkpoint.safetensors",
    )
    sovits.train(network, judges, dataset, options, report=_printed())
    return network.cpu()


def stock_styles(network: SoVITS, dataset: Dataset) -> torch.Tensor:
    """(speakers, S, 1): the mean style of every person of the base; espeak-ng's are robots and left out."""
    people = [index for index, speaker in enumerate(speech.SPEAKERS) if speaker.engine != "espeak"]
    styles = [style_of(network, [e for e in dataset.examples if e.speaker == index][:20])[0] for index in people]
    return torch.from_numpy(np.stack(styles))


def pack(work: Path, networks: dict[str, torch.nn.Module], styles: torch.Tensor) -> None:
    """Everything as fp16 in one file beside this module, whole or not at all."""
    tensors = {
        f"{name}/{key}": tensor.detach().to(torch.float16).contiguous()
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    tensors["stock/styles"] = styles.to(torch.float16)
    packed = work / "base.safetensors"
    save_file(tensors, packed)
    destination = Path(__file__).with_name("base.safetensors")
    beside = destination.with_name(destination.name + ".partial")
    beside.write_bytes(packed.read_bytes())
    beside.replace(destination)


def _printed(every: int = 50) -> Report:
    started = time.monotonic()

    def report(progress: Progress) -> None:
        if progress.step % every == 0 or progress.step == progress.steps:
            told = "  ".join(f"{name} {value:.4f}" for name, value in progress.losses.items())
            elapsed = time.monotonic() - started
            print(f"{progress.stage} {progress.step}/{progress.steps}  {elapsed:.0f} s  {told}", flush=True)  # noqa: T201

    return report


def main() -> None:
    """The command line: every stage up to the one that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where speech, features and checkpoints are kept")
    parser.add_argument("--only", choices=STAGES, help="stop after this stage")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if missing := missing_sources():
        parser.error("these are needed first:  apt-get install " + " ".join(missing))
    torch.set_num_threads(arguments.threads)
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    options = Options(steps=0, seed=20_26, bfloat16=True, device=arguments.device)
    wanted = STAGES[: STAGES.index(arguments.only) + 1] if arguments.only else STAGES
    make_speech(work)
    if "dataset" not in wanted:
        return
    dataset = make_dataset(work)
    networks: dict[str, torch.nn.Module] = {}
    if "aligner" in wanted:
        networks["aligner"] = train_aligner(work, options)
    if "gpt" in wanted:
        networks["gpt"] = train_gpt(work, dataset, options)
    if "sovits" in wanted:
        sovits_network = train_sovits(work, dataset, options)
        networks["sovits"] = sovits_network.eval()
    if "pack" in wanted:
        pack(work, networks, stock_styles(sovits_network, dataset))


if __name__ == "__main__":
    main()
