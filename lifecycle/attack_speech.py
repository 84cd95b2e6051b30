"""Re-identification by ear: whose voice does the synthesized speech sound like?

Knows a voice, people and an ear that knows neither. The voice says public sentences; an attacker enrols candidates, of
whom the person is one, and asks of each sentence who comes nearest. Naive: candidates are enrolled as recorded.
Informed: they are enrolled as the same system would say them, in the style of their recordings, through the base's
networks. (Ignorant and lazy-informed, in the words of Tomashenko et al., VoicePrivacy 2022.)

    voice ─ sentences ─▶ speech ─ ear ─▶ trials ┐
    recordings ──────────────────── ear ─▶ enrolment, naive  ├─▶ cosines ─▶ figures
    recordings ─ style ─▶ speech ── ear ─▶ enrolment, informed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core_model.runtimes import load_runtime
from core_model.sampling import Generation
from core_model.speaking import Runtime, SpeakingOptions, decode_tokens, sample_tokens, sentence_seed
from core_model.synthesis import TorchRuntime
from core_model.utterances import Utterance, front_end_of, utterances
from core_model.voice import Array, Floats, Voice
from lifecycle.attack_figures import of_one_person
from lifecycle.attack_findings import Finding, not_tested
from lifecycle.attack_people import RATE, People, Sound
from lifecycle.released_voice import Ground
from privacy import reidentification
from privacy.errors import AttackError as FiguresError

Vectors = npt.NDArray[np.float64]
Tell = Callable[[int, int, str], None]
ATTACK = "speech"
KNOWS = {
    "naive": "hears the voice, and has recordings of everybody",
    "informed": "hears the voice, and lets everybody's style speak through the untuned base before comparing",
}

# Written for this project, CC0-1.0; none of them is in examples/ or among the golden sentences.
TRIALS: tuple[str, ...] = (
    "The river was high after a week of rain.",
    "She keeps her old maps in a drawer by the window.",
    "Nobody had told the children about the second door.",
    "A cold wind came over the hill before supper.",
    "We bought apples, bread and a jar of honey.",
    "His brother works at the harbour in the north.",
    "The clock in the hall stopped at half past two.",
    "Please leave your wet boots outside the kitchen.",
    "They walked along the wall until the lights went out.",
    "My neighbour grows beans behind the garage.",
    "The judge asked him to speak more slowly.",
    "Every chair in the room was painted green.",
    "It took three men to lift the stone.",
    "The bridge will be closed until Thursday.",
    "You can hear the sea from the top floor.",
    "An empty boat drifted under the pier.",
    "Her cousin plays the violin on Sundays.",
    "The soup needs salt and a little pepper.",
    "Two dogs were sleeping in front of the shop.",
    "He folded the letter and put it in his coat.",
)
ENROLMENT: tuple[str, ...] = (
    "The morning bus was late again.",
    "I found your keys under the blue cushion.",
    "There is a small church beyond the orchard.",
    "The teacher wrote four numbers on the board.",
    "Summer was short, and the harvest poor.",
    "Put the yellow box beside the lamp.",
)


class Hearing(Protocol):
    """Something that tells voices apart; `speaker_ear.Ear` is one."""

    name: str

    def hear(self, waveform: npt.NDArray[np.float32], sample_rate: int) -> Vectors | None:
        """A waveform (N,) to a unit vector, or None where no speech is in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What an attacker has: trials (N, E), and vectors (k, E) of each candidate, the person first."""

    trials: Vectors
    enrolled: tuple[Vectors, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Listened:
    """All that was heard, before anybody draws a conclusion."""

    naive: Heard | None  # None: too little of it was speech to the ear
    informed: Heard | None
    sentences: int  # of the voice's that were speech
    silent: int  # of the voice's that were none
    seconds: float  # of the voice's speech


@dataclass(frozen=True, slots=True)
class _BaseVoice(Voice):
    """A voice in everything but its networks, which are the base's."""

    base: Mapping[str, Mapping[str, Array]]

    def weights(self, part: str) -> dict[str, Array]:
        """Of the base."""
        return dict(self.base[part])


def reidentify(
    voice: Voice,
    ground: Ground | None,
    people: People,
    ear: Hearing,
    data: Mapping[str, float],
    rng: np.random.Generator,
    tell: Tell,
) -> list[Finding]:
    """Both attackers. VoiceError."""
    if "en" not in voice.description.languages:
        why = "its sentences are English, and this voice does not speak it"
        return [not_tested(ATTACK, attacker, knows, why) for attacker, knows in KNOWS.items()]
    heard = listen(voice, ground, people, ear, tell)
    spoken = {"sentences": heard.sentences, "without_speech": heard.silent, "seconds_spoken": round(heard.seconds, 1)}
    findings = []
    for attacker, has in (("naive", heard.naive), ("informed", heard.informed)):
        knows = f"{KNOWS[attacker]}; its ear is {ear.name}"
        if has is not None:
            findings.append(_found(attacker, knows, has, {**data, **spoken}, rng))
        else:
            findings.append(not_tested(ATTACK, attacker, knows, _why_not(attacker, heard, ground, people)))
    return findings


def _why_not(attacker: str, heard: Listened, ground: Ground | None, people: People) -> str:
    if heard.sentences < 2:
        return "the ear heard no speech in what the voice says"
    if ground is None and attacker == "informed":
        return "nobody can be enrolled: only voices that grew from the embedded base are known that well here"
    if ground is None and not people.others:
        return "there is nobody to compare with (--others)"
    return "the ear heard no speech in what was enrolled"


def _found(attacker: str, knows: str, has: Heard, data: Mapping[str, float], rng: np.random.Generator) -> Finding:
    """All tests are of one voice, so sentences are drawn, and the other people apart."""
    enrolled = reidentification.enrol(has.enrolled)
    try:
        if attacker == "naive":
            scores = reidentification.naive(has.trials, enrolled)
        else:
            scores = reidentification.informed(has.trials, enrolled, 0.0, directions=False)
    except FiguresError as error:
        return not_tested(ATTACK, attacker, knows, str(error))
    rows = np.arange(len(scores))
    person = np.zeros(len(scores), np.int64)
    told = reidentification.attacked(scores, person, rng, attacker=attacker, data="", unit="a sentence", drawn_by=rows)
    return of_one_person(ATTACK, told, knows, scores, data)


def listen(voice: Voice, ground: Ground | None, people: People, ear: Hearing, tell: Tell, *, seed: int = 0) -> Listened:
    """Let *voice* speak and enrol everybody, twice. Without *ground* nobody can be enrolled as synthesized."""
    runtime = load_runtime(voice, "torch")
    rate = voice.description.sample_rate
    [speech] = _say(voice, runtime, TRIALS, [voice.prompt().style], seed, _told(tell, 0, "letting the voice speak"))
    heard = [ear.hear(waveform, rate) for waveform in speech]
    trials = [vector for vector in heard if vector is not None]
    natural: list[Vectors | None] = []
    for index, sounds in enumerate((people.person, *people.others)):
        _told(tell, 1, "listening to the recordings")(index, 1 + len(people.others))
        natural.append(_stacked([ear.hear(sound.waveform, RATE) for sound in sounds]))
    synthesized: list[Vectors | None] = []
    if ground is not None:
        synthesized = _synthesized(voice, ground, people, ear, seed + 1, tell)
    if not people.others:
        natural = [natural[0], *synthesized[1:]]  # of the base's own people there is nothing but what they synthesize
    seconds = sum(map(len, speech)) / rate
    return Listened(
        _heard(trials, natural), _heard(trials, synthesized), len(trials), len(heard) - len(trials), seconds
    )


def _heard(trials: Sequence[Vectors], candidates: Sequence[Vectors | None]) -> Heard | None:
    """None where the attacker would have nothing to compare: no two trials, no person, or nobody else."""
    if len(trials) < 2 or not candidates or candidates[0] is None:
        return None
    known = tuple(vectors for vectors in candidates if vectors is not None)
    return Heard(np.stack(trials), known) if len(known) > 1 else None


def _synthesized(
    voice: Voice, ground: Ground, people: People, ear: Hearing, seed: int, tell: Tell
) -> list[Vectors | None]:
    """Everybody as the base's networks say them, the person first."""
    base = _BaseVoice(voice.directory, voice.description, ground.weights)
    own = _style(people.person, ground)
    others = [_style(sounds, ground) for sounds in people.others] or list(ground.stock_styles[:, None])
    told = _told(tell, 2, "letting every candidate speak through the base")
    spoken = _say(base, TorchRuntime(base), ENROLMENT, [own, *others], seed, told)
    rate = voice.description.sample_rate
    return [_stacked([ear.hear(waveform, rate) for waveform in waveforms]) for waveforms in spoken]


def _told(tell: Tell, third: int, note: str) -> Callable[[int, int], None]:
    """For a part of the work of which there are three."""
    return lambda done, total: tell(third * total + done, 3 * total, note)


def _say(
    voice: Voice,
    runtime: Runtime,
    texts: Sequence[str],
    styles: Sequence[Floats],
    seed: int,
    progress: Callable[[int, int], None],
) -> list[list[Floats]]:
    """For each style every text: the tokens of a text are sampled once, since no style has a say in them."""
    front_end = front_end_of(voice)
    options = SpeakingOptions(seed=seed, language="en")
    prompts = [replace(voice.prompt(), style=np.asarray(style, np.float32)) for style in styles]
    spoken: list[list[Floats]] = [[] for _ in styles]
    for index, text in enumerate(texts):
        parts: list[tuple[Utterance, Generation, int]] = []
        for part, said in enumerate(utterances(voice, text, language="en", front_end=front_end)):
            key = sentence_seed(seed, 1000 * index + part)
            parts.append((said, sample_tokens(voice, runtime, said, voice.prompt(), key), key))
        for prompt, waveforms in zip(prompts, spoken, strict=True):
            pieces = [decode_tokens(voice, runtime, u, g.tokens, prompt, key, options) for u, g, key in parts]
            waveforms.append(np.concatenate(pieces))
        progress(index + 1, len(texts))
    return spoken


def _style(sounds: Sequence[Sound], ground: Ground) -> Floats:
    return np.asarray(np.mean([ground.listen(sound.path) for sound in sounds], axis=0), np.float32)


def _stacked(vectors: Sequence[Vectors | None]) -> Vectors | None:
    """(k, E); None if nothing was speech."""
    known = [vector for vector in vectors if vector is not None]
    return np.stack(known) if known else None
