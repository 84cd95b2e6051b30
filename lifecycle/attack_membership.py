"""Membership: was this recording among those that the voice was made of? Asked of its style and of its networks.

Knows recordings of one person in two heaps: members, and others that the voice never met; whoever runs the attack says
which is which, because a voice keeps no list of what it learnt from, by which anybody could confirm a guess.

    style     cosine of the recording's style and the voice's, both seen from the base's centre;
              calibrated: less the same with the mean of all recordings of both heaps, the person's usual sound
    networks  the training loss of the recording (Yeom et al. 2018), with a minus sign;
              calibrated: less what it costs the untuned base (Watson et al. 2022)
    control   what calibrates, alone: it knows nothing of the voice, and should tell nothing. Where it does, the heaps
              differ by more than their use, and a raw figure proves nothing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core_model.errors import AlignmentError
from core_model.features import audio
from core_model.features.alignment import Aligner
from core_model.gpt import GPT
from core_model.nano import base as nano
from core_model.nano.dims import CODES
from core_model.sovits.synthesizer import SoVITS
from core_model.synthesis import load_gpt
from core_model.text.front_end import FrontEnd
from core_model.training.dataset import Example
from core_model.training.preparation import Spoken, prepare
from core_model.training.sovits import mel_loss
from core_model.training.utterance_losses import load_to_be_taught, token_loss, waveform_loss
from core_model.voice import Voice
from lifecycle.attack_figures import of_a_control, of_members
from lifecycle.attack_findings import Finding, not_tested
from lifecycle.attack_people import RATE
from lifecycle.recording import survey
from lifecycle.released_voice import Ground
from privacy import membership

Scores = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Tell = Callable[[int, int, str], None]
BY_STYLE, BY_NETWORKS = "membership by style", "membership by networks"
KNOWS = {
    "raw": "has the voice and the recordings, and knows of none whether it was used",
    "calibrated": "is the same, and allows for how usual each recording is",
    "control": "is none: it has the recordings, and not the voice",
}
DRAWS = 4  # of noise, for each utterance
_SEED = 20451121
LEAST = 5  # recordings in each heap: with fewer, an interval says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What can have learnt from a recording."""

    gpt: GPT
    sovits: SoVITS


def ask_style(
    released: Scores, members: Scores, held_out: Scores, heard: tuple[float, float], rng: np.random.Generator
) -> list[Finding]:
    """Raw, calibrated and the control, from styles (S,), (N, S), (M, S) as seen from the centre."""
    rows = np.concatenate([members, held_out])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    usual = rows.mean(axis=0)
    alike = rows @ (usual / np.linalg.norm(usual))
    raw = rows @ (released / np.linalg.norm(released))
    scores = {"raw": raw, "calibrated": raw - alike, "control": alike}
    return [_told(BY_STYLE, name, score, len(members), heard, rng) for name, score in scores.items()]


def ask_networks(
    voice: Voice, ground: Ground, recordings: Path, held_out: Path, rng: np.random.Generator, tell: Tell
) -> list[Finding]:
    """The same three of the waveform's loss and of the tokens', if any network learnt. VoiceError, RecordingsError."""
    if not learnt(voice, ground):
        return untested(BY_NETWORKS, "its networks are the base's own, which no recording of the person reached")
    base = nano.load()
    try:
        pieces = pieces_of(recordings, held_out, base.aligner)
    except AlignmentError as error:
        return untested(BY_NETWORKS, f"{error}, and networks are asked with a recording and its words")
    others = pieces.recordings - pieces.members
    if min(pieces.members, others) < LEAST:
        why = f"{pieces.members} recordings with words and {others} held out; {LEAST} of each are the least"
        return untested(BY_NETWORKS, why)
    findings = []
    for loss, scores in costs_of(voice, Networks(base.gpt.eval(), base.sovits.eval()), pieces, tell).items():
        for name, score in scores.items():
            found = _told(BY_NETWORKS, name, score, pieces.members, pieces.seconds(), rng)
            findings.append(replace(found, attacker=f"{name}, {loss}"))
    return findings


def untested(attack: str, why: str) -> list[Finding]:
    """Neither attacker ran."""
    return [not_tested(attack, attacker, KNOWS[attacker], why) for attacker in ("raw", "calibrated")]


def _told(
    attack: str, name: str, scores: Scores, members: int, heard: tuple[float, float], rng: np.random.Generator
) -> Finding:
    """What *scores* come to, the members' first."""
    reached = membership.membership(scores[:members], scores[members:], rng, attacker=name, data="")
    data = {
        "members": members,
        "seconds_of_members": round(heard[0], 1),
        "non_members": len(scores) - members,
        "seconds_of_non_members": round(heard[1], 1),
    }
    finding = of_members(attack, reached, KNOWS[name], scores[:members], scores[members:], data)
    return of_a_control(finding) if name == "control" else finding


def learnt(voice: Voice, ground: Ground) -> bool:
    """Whether any network of *voice* is another than the base's."""
    return any(
        not np.array_equal(voice.weights(part)[name], array)
        for part, tensors in ground.weights.items()
        for name, array in tensors.items()
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Recordings as training cuts them: examples, and of which recording each one is, members first."""

    examples: tuple[Example, ...]
    of: Numbers
    members: int  # recordings; their numbers are the lowest
    recordings: int

    def seconds(self) -> tuple[float, float]:
        """Of members and of non-members."""
        rows = [(of < self.members, len(e.waveform) / RATE) for of, e in zip(self.of, self.examples, strict=True)]
        return sum(s for member, s in rows if member), sum(s for member, s in rows if not member)


def pieces_of(recordings: Path, held_out: Path, aligner: Aligner) -> Pieces:
    """Align both heaps with their transcripts, together, as training aligns one. RecordingsError, AlignmentError."""
    front_end = FrontEnd()
    heaps = [survey(directory, front_end_languages=("en",)).used for directory in (recordings, held_out)]
    spoken = [
        Spoken(f"{heap} {r.sha256}", audio.load(r.path, RATE).waveform, front_end.phonemize(r.text, r.language))
        for heap, used in enumerate(heaps)
        for r in used
    ]
    if not spoken:
        raise AlignmentError("no recording has a transcript")
    prepared = prepare(spoken, aligner, CODES)
    numbers = {label: number for number, label in enumerate(sorted(set(prepared.labels)))}
    of = np.array([numbers[label] for label in prepared.labels], dtype=np.int64)
    return Pieces(prepared.examples, of, sum(label.startswith("0 ") for label in numbers), len(numbers))


def costs_of(voice: Voice, base: Networks, pieces: Pieces, tell: Tell) -> dict[str, dict[str, Scores]]:
    """For the waveform and for the tokens: scores by attacker. A recording's loss is the mean over its examples."""
    own = Networks(load_gpt(voice), load_to_be_taught(voice))
    distance = mel_loss()
    costs = np.zeros((len(pieces.examples), 2, 2))  # (examples, own or base, waveform or tokens)
    for index, example in enumerate(pieces.examples):
        for which, networks in enumerate((own, base)):
            spoken = waveform_loss(networks.sovits, example, seed=_SEED, draws=DRAWS, distance=distance)
            costs[index, which] = spoken, token_loss(networks.gpt, example)
        tell(index + 1, len(pieces.examples), "asking what each recording costs")
    whole = np.stack([costs[pieces.of == number].mean(axis=0) for number in range(pieces.recordings)])
    return {
        loss: {
            "raw": membership.raw_scores(whole[:, 0, column]),
            "calibrated": membership.calibrated_scores(whole[:, 0, column], whole[:, 1, column]),
            "control": membership.raw_scores(whole[:, 1, column]),
        }
        for column, loss in enumerate(("waveform", "tokens"))
    }
