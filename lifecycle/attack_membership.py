"""Membership: was this recording among those that the voice was made of? Asked of its style and of its networks.

Knows recordings of one person in two heaps: members, and others that the voice never met; whoever runs the attack says
which is which, because a voice keeps no list of what it learnt from, by which anybody could confirm a guess.

    style     cosine of the recording's style and the voice's, both seen from the base's centre;
              calibrated: less the same with the mean of all recordings of both heaps, the person's usual sound
    networks  the training loss of the recording (Yeom et al. 2018), with a minus sign;
              calibrated: less what it costs the untuned base (Watson et al. 2022)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core_model.errors import AlignmentError
from core_model.features import audio
from core_model.features.alignment import Aligner
from core_model.gpt import GPT
from core_model.nano.dims import CODES
from core_model.nano.speaker_style import Frame
from core_model.sovits.synthesizer import SoVITS
from core_model.synthesis import load_gpt
from core_model.text.front_end import FrontEnd
from core_model.training.dataset import Example
from core_model.training.preparation import Spoken, prepare
from core_model.training.sovits import mel_loss
from core_model.training.utterance_losses import load_to_be_taught, token_loss, waveform_loss
from core_model.voice import Voice
from lifecycle.attack_people import RATE, People, seconds
from lifecycle.recording import survey
from lifecycle.released_voice import Ground

Scores = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Tell = Callable[[int, int, str], None]
DRAWS = 4  # of noise, for each utterance
_SEED = 20451121
LEAST = 5  # recordings in each heap: with fewer, an interval says nothing


@dataclass(frozen=True, slots=True, eq=False)
class Heaps:
    """Scores of members and of non-members, higher for members: one a recording."""

    attacker: str
    members: Scores  # one a recording
    non_members: Scores
    seconds: tuple[float, float]  # of members and of non-members


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What can have learnt from a recording."""

    gpt: GPT
    sovits: SoVITS


def by_style(voice: Voice, frame: Frame, members: Scores, held_out: Scores, people: People) -> list[Heaps]:
    """Raw and calibrated, from styles (N, S), (M, S) as seen from the centre of *frame*."""
    rows = np.concatenate([members, held_out])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    released = frame.offset(voice.prompt().style)[0]
    usual = rows.mean(axis=0)
    raw = rows @ (released / np.linalg.norm(released))
    less = raw - rows @ (usual / np.linalg.norm(usual))
    told = (seconds(people.person), seconds(people.held_out))
    n = len(members)
    return [Heaps(attacker, scores[:n], scores[n:], told) for attacker, scores in (("raw", raw), ("calibrated", less))]


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


def by_networks(voice: Voice, base: Networks, pieces: Pieces, tell: Tell) -> dict[str, list[Heaps]]:
    """For the waveform and for the tokens: raw and calibrated. A recording's loss is the mean over its examples."""
    own = Networks(load_gpt(voice), load_to_be_taught(voice))
    distance = mel_loss()
    costs = np.zeros((len(pieces.examples), 2, 2))  # (examples, own or base, waveform or tokens)
    for index, example in enumerate(pieces.examples):
        for which, networks in enumerate((own, base)):
            spoken = waveform_loss(networks.sovits, example, seed=_SEED, draws=DRAWS, distance=distance)
            costs[index, which] = spoken, token_loss(networks.gpt, example)
        tell(index + 1, len(pieces.examples), "asking what each recording costs")
    whole = np.stack([costs[pieces.of == number].mean(axis=0) for number in range(pieces.recordings)])
    scores = {"raw": -whole[:, 0], "calibrated": whole[:, 1] - whole[:, 0]}
    return {
        loss: [_heaps(attacker, score[:, column], pieces) for attacker, score in scores.items()]
        for column, loss in enumerate(("waveform", "tokens"))
    }


def _heaps(attacker: str, scores: Scores, pieces: Pieces) -> Heaps:
    return Heaps(attacker, scores[: pieces.members], scores[pieces.members :], pieces.seconds())
