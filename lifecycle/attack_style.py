"""Re-identification by the style: whose recordings does the vector in the voice's prompt come from?

Knows the base's ear and its public frame, and what a voice's own records say of its release. Everybody's recordings are
heard by the untuned base, as a release hears them. Clean styles live in memory, in one call, and are written nowhere.

    naive          cosine of styles as they are
    informed       likelihood in the frame of the base's speakers, with the noise that the ledger names
    drawn again    the same attacker on fresh releases, by the same mechanism, of everybody: one vector tells of one
                   draw, these of the mechanism; they are thrown away at once
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core_model.errors import VoiceError
from core_model.nano.speaker_style import Frame
from core_model.voice import Voice
from lifecycle.attack_drawings import draw_again
from lifecycle.attack_figures import of_many_people, of_one_vector
from lifecycle.attack_findings import Finding, not_tested
from lifecycle.attack_people import People, Sound, seconds
from lifecycle.ledgers import RECORD as LEDGER
from lifecycle.released_voice import RECORD as RELEASE
from lifecycle.released_voice import Ground
from privacy import reidentification
from privacy.errors import AttackError as FiguresError
from privacy.ledger import Ledger
from privacy.reidentification import Enrolment, attacked, enrol, log_likelihoods, naive
from privacy.resampling import Comparisons

Vectors = npt.NDArray[np.float64]
Tell = Callable[[int, int, str], None]
ATTACK = "style"
DRAWN_AGAIN = 8  # fresh releases of each person
_ONE_DRAW = "Of noise this is one draw, figures and all; what to expect of others, `drawn again` says."
KNOWS = {
    "naive": "has the voice and the recordings, compares styles as they are, and knows nothing of the release",
    "informed": "has the voice and the recordings, and knows how the style was released and with how much noise",
    "drawn again": "is the informed one, on fresh releases of everybody by the same mechanism, which are thrown away",
}


@dataclass(frozen=True, slots=True)
class Release:
    """What a voice says of its own release. Mode "" for one that was not released."""

    mode: str = ""
    sigma: float | None = None
    made: str = ""

    @property
    def noisy(self) -> bool:
        """Whether the style is somebody's, with noise on it."""
        return self.mode in ("utterance", "local", "jitter")

    @property
    def why_no_noise(self) -> str:
        """What to say of a style that has none on it."""
        told = {
            "": "no noise was added to this style",
            "anonymous": "nothing of anybody was read for this style",
            "sgd": "its noise was in every step of a training, which would have to be run again for each release",
        }
        return told.get(self.mode, f"releases of mode {self.mode} are not known here")


@dataclass(frozen=True, slots=True, eq=False)
class Styles:
    """Everybody's styles as seen from the centre, one row a recording."""

    frame: Frame
    released: Vectors  # (S,)
    person: Vectors  # (N, S)
    held_out: Vectors  # (M, S)
    others: tuple[Vectors, ...]  # each (k, S)

    @property
    def everybody(self) -> tuple[Vectors, ...]:
        """All candidates, the person first, as directions."""
        return tuple(_directions(rows) for rows in (self.person, *self.others))


def release_of(voice: Voice) -> Release:
    """As its records say. VoiceError, LedgerDamagedError."""
    path = voice.directory / "records" / RELEASE
    if not path.is_file():
        return Release()
    try:
        facts = json.loads(path.read_bytes())
        mode, made = str(facts["mode"]), str(facts["made"])
        sigma = float(facts["sigma"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise VoiceError(f"records/{RELEASE}", "is not what a release writes") from None
    ledger = voice.directory / "records" / LEDGER
    if ledger.is_file() and (entries := Ledger.parse(ledger.read_bytes()).entries):
        mode, sigma = entries[-1].mode, entries[-1].sigma  # the last line of its copy is its own
    return Release(mode, sigma, made)


def hear(voice: Voice, ground: Ground, people: People, tell: Tell) -> Styles:
    """Everybody's styles, by the base's ear; without other people, the base's own speakers."""
    frame = ground.frame
    total = sum(len(sounds) for sounds in (people.person, people.held_out, *people.others))
    done = 0

    def rows(sounds: Sequence[Sound]) -> Vectors:
        nonlocal done
        heard = []
        for sound in sounds:
            heard.append(frame.offset(ground.listen(sound.path))[0])
            done += 1
            tell(done, total, "hearing everybody's style")
        return np.stack(heard) if heard else np.empty((0, len(frame.centre)))

    others = tuple(rows(sounds) for sounds in people.others) or tuple(frame.offset(ground.stock_styles)[:, None])
    return Styles(frame, frame.offset(voice.prompt().style)[0], rows(people.person), rows(people.held_out), others)


def reidentify(styles: Styles, release: Release, data: Mapping[str, float], rng: np.random.Generator) -> list[Finding]:
    """All three."""
    told = {**data, "released_vectors": 1}
    return [
        _on_this_vector("naive", styles, release, told, rng),
        _on_this_vector("informed", styles, release, told, rng),
        _drawn_again(styles, release, data, rng),
    ]


def _on_this_vector(
    attacker: str, styles: Styles, release: Release, data: Mapping[str, float], rng: np.random.Generator
) -> Finding:
    """The released vector against every recording, and its place against everybody's mean."""
    everybody = styles.everybody
    tested = styles.released[None]
    if attacker == "naive":
        centre = styles.frame.centre
        everybody = tuple(rows + centre for rows in (styles.person, *styles.others))
        tested = tested + centre
    people = enrol(everybody)
    recordings = np.concatenate(everybody)
    single = Enrolment(recordings, np.ones(len(recordings)), people.spread)
    try:
        if attacker == "naive":
            scores, each = naive(tested, people), naive(tested, single)[0]
        else:
            sigma = (release.sigma or 0.0) if release.noisy else 0.0
            scores = log_likelihoods(tested, people, sigma, directions=True)
            each = log_likelihoods(tested, single, sigma, directions=True)[0]
    except FiguresError as error:
        return not_tested(ATTACK, attacker, KNOWS[attacker], str(error))
    mine = len(everybody[0])
    owners = np.concatenate([np.full(len(rows), index) for index, rows in enumerate(everybody)])
    compared = Comparisons(
        each[:mine], each[mine:], np.arange(mine)[:, None], (mine + owners[mine:])[:, None].astype(np.int64)
    )
    place = 1 + int((scores[0, 1:] >= scores[0, 0]).sum())
    found = of_one_vector(ATTACK, attacker, KNOWS[attacker], compared, place, len(everybody), data, rng)
    return replace(found, meaning=f"{found.meaning} {_ONE_DRAW}") if release.noisy else found


def _drawn_again(styles: Styles, release: Release, data: Mapping[str, float], rng: np.random.Generator) -> Finding:
    if not release.noisy or not release.sigma:
        return not_tested(ATTACK, "drawn again", KNOWS["drawn again"], release.why_no_noise)
    everybody = styles.everybody
    drawn = draw_again(everybody, release.mode, release.sigma, DRAWN_AGAIN)
    scores = reidentification.informed(drawn.directions, enrol(everybody), release.sigma, directions=True)
    mu = None if release.mode == "jitter" else drawn.mu
    found = attacked(scores, drawn.owners, rng, attacker="drawn again", data="", unit="one released vector", mu=mu)
    told = {**data, "released_vectors": len(scores), "candidates": len(everybody)}
    return of_many_people(ATTACK, found, KNOWS["drawn again"], scores, drawn.owners, told)


def data_of(people: People, others: int) -> dict[str, float]:
    """Counts and seconds of what re-identification was tried on."""
    return {
        "recordings": len(people.person),
        "seconds": round(seconds(people.person), 1),
        "other_speakers": others,
        "recordings_of_others": sum(map(len, people.others)),
        "seconds_of_others": round(sum(map(seconds, people.others)), 1),
    }


def _directions(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
