"""Attack: every cheap way to find a person behind a voice, or a recording in it, tried by us before others do.

Knows the order of the work and what each attack needs; how they are done, attack_style, attack_speech,
attack_membership and attack_seed know. What could not be tried stands in the findings with its reason. No file's name,
sound or style of a person leaves this module: counts and figures do.

    recordings ─▶ style ─▶ speech ─▶ membership ─▶ seed ─▶ Attacked: --json, a page, records/attacks.jsonl
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from core_model.errors import AlignmentError
from core_model.nano import base as nano
from core_model.voice import Voice
from lifecycle import __version__, attack_membership, attack_seed, attack_speech, attack_style
from lifecycle.attack_figures import of_members, of_one_person
from lifecycle.attack_findings import Attacked, Finding, not_tested
from lifecycle.attack_membership import LEAST, Heaps, Networks
from lifecycle.attack_people import People, gather
from lifecycle.attack_speech import Hearing
from lifecycle.attack_style import Release, Styles, data_of, release_of
from lifecycle.errors import ReleaseError
from lifecycle.released_voice import Ground, ground_of
from lifecycle.store import Store, new_file
from privacy import membership, reidentification
from privacy.errors import AttackError as FiguresError
from privacy.resampling import Comparisons

RECORD = "attacks.jsonl"  # in records/: a line for each time it was attacked, and never one less
SPEECH, BY_STYLE, BY_NETWORKS = "speech", "membership by style", "membership by networks"
_KNOWS_SPEECH = {
    "naive": "hears the voice, and has recordings of everybody",
    "informed": "hears the voice, and lets everybody's style speak through the untuned base before comparing",
}
_KNOWS_MEMBERSHIP = {
    "raw": "has the voice and the recordings, and knows of none whether it was used",
    "calibrated": "the same, and allows for how usual each recording is",
}
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Material:
    """What a person gives to attack with."""

    recordings: Path  # of the person; for membership: those that the voice was made of
    held_out: Path | None = None  # of the person, and not learnt from
    others: Path | None = None  # one directory for each speaker


def attack(store: Store, name: str, material: Material, ear: Hearing, *, now: datetime, tell: Tell) -> Attacked:
    """Try everything on the voice *name*. RecordingsError, AttackError, VoiceError, LedgerDamagedError."""
    voice = Voice.open(store.path(name))
    release = release_of(voice)
    rng = np.random.default_rng(0)  # decides what the bootstrap draws, and protects nothing
    tell(0, 1, "reading the recordings")
    people = gather(material.recordings, material.held_out, material.others)
    try:
        ground, no_ground = ground_of(voice), ""
    except ReleaseError as error:
        ground, no_ground = None, str(error)
    styles = None if ground is None else attack_style.hear(voice, ground, people, tell)
    others = len(people.others) or (0 if ground is None else len(ground.stock_styles))
    data = data_of(people, others)
    findings: list[Finding] = []
    if styles is None:
        findings += _nothing_to_compare(no_ground)
    else:
        findings += attack_style.reidentify(styles, release, data, rng)
    findings += _by_ear(voice, ground, people, ear, data, rng, tell)
    findings += _membership(voice, ground, styles, people, material, rng, tell)
    if styles is not None:
        findings += attack_seed.invert(voice, styles, release, tell)
    made = now.isoformat(timespec="seconds")
    remarks = tuple(_remarks(people, release, ground))
    return Attacked(name, made, release.mode, release.sigma, f"lifecycle {__version__}", data, remarks, tuple(findings))


def record(store: Store, attacked: Attacked) -> Path:
    """Add a line to the voice's records, which go into its bundles: what an earlier one said stays. OSError."""
    path = store.path(attacked.voice) / "records" / RECORD
    before = path.read_bytes() if path.is_file() else b""
    facts = attacked.document()
    for finding in facts["findings"]:
        del finding["det"]  # a picture's worth, and hundreds of figures
    line = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    path.parent.mkdir(exist_ok=True)
    with new_file(path) as file:
        file.write(before + line)
    return path


def _nothing_to_compare(why: str) -> list[Finding]:
    knows = attack_style.KNOWS
    found = [not_tested(attack_style.ATTACK, attacker, told, why) for attacker, told in knows.items()]
    return found + [not_tested(attack_seed.ATTACK, attacker, told, why) for attacker, told in attack_seed.KNOWS.items()]


def _by_ear(
    voice: Voice,
    ground: Ground | None,
    people: People,
    ear: Hearing,
    data: dict[str, float],
    rng: np.random.Generator,
    tell: Tell,
) -> list[Finding]:
    if "en" not in voice.description.languages:
        why = "its sentences are English, and this voice does not speak it"
        return [not_tested(SPEECH, attacker, knows, why) for attacker, knows in _KNOWS_SPEECH.items()]
    heard = attack_speech.listen(voice, ground, people, ear, tell)
    told = {
        **data,
        "sentences": heard.sentences,
        "without_speech": heard.silent,
        "seconds_spoken": round(heard.seconds, 1),
    }
    findings = []
    for attacker, has in (("naive", heard.naive), ("informed", heard.informed)):
        knows = f"{_KNOWS_SPEECH[attacker]}; {ear.name}"
        if has is None:
            no_base = attacker == "informed" and ground is None
            why = "nobody can be enrolled: only voices that grew from the embedded base are known that well here"
            findings.append(
                not_tested(SPEECH, attacker, knows, why if no_base else _too_little(people, heard.sentences))
            )
            continue
        enrolled = reidentification.enrol(has.enrolled)
        try:
            if attacker == "naive":
                scores = reidentification.naive(has.trials, enrolled)
            else:
                scores = reidentification.informed(has.trials, enrolled, 0.0, directions=False)
        except FiguresError as error:
            findings.append(not_tested(SPEECH, attacker, knows, str(error)))
            continue
        tests, candidates = scores.shape
        rows = np.arange(tests)
        reached = reidentification.attacked(
            scores, np.zeros(tests, np.int64), rng, attacker=attacker, data="", unit="one sentence", drawn_by=rows
        )
        own = (candidates + rows)[:, None]
        pairs = np.stack([np.repeat(candidates + rows, candidates - 1), np.tile(np.arange(1, candidates), tests)], 1)
        compared = Comparisons(scores[:, 0], scores[:, 1:].ravel(), own, pairs)
        findings.append(of_one_person(SPEECH, reached, knows, scores, compared, told))
    return findings


def _too_little(people: People, sentences: int) -> str:
    if sentences < 2:
        return "the ear heard no speech in what the voice says"
    return "the ear heard no speech in the recordings" if people.others else "there is nobody to compare with: --others"


def _membership(
    voice: Voice,
    ground: Ground | None,
    styles: Styles | None,
    people: People,
    material: Material,
    rng: np.random.Generator,
    tell: Tell,
) -> list[Finding]:
    why = ""
    if material.held_out is None:
        why = "nobody said which recordings of the person were not used (--held-out)"
    elif min(len(people.person), len(people.held_out)) < LEAST:
        why = f"{len(people.person)} recordings and {len(people.held_out)} held out; {LEAST} of each are the least"
    elif ground is None or styles is None:
        why = "only voices that grew from the embedded base can be asked here"
    if why or ground is None or styles is None:  # the latter two are reasons, which only mypy cannot know
        return [*_untested(BY_STYLE, why), *_untested(BY_NETWORKS, why)]
    heaps = attack_membership.by_style(voice, styles.frame, styles.person, styles.held_out, people)
    return [*_told(BY_STYLE, heaps, rng), *_by_networks(voice, ground, material, rng, tell)]


def _by_networks(
    voice: Voice, ground: Ground, material: Material, rng: np.random.Generator, tell: Tell
) -> Iterator[Finding]:
    if not attack_membership.learnt(voice, ground):
        yield from _untested(BY_NETWORKS, "its networks are the base's own, which no recording of the person reached")
        return
    base = nano.load()
    assert material.held_out is not None  # for mypy: the caller asked
    try:
        pieces = attack_membership.pieces_of(material.recordings, material.held_out, base.aligner)
    except AlignmentError as error:
        yield from _untested(BY_NETWORKS, f"{error}: the networks are asked with a recording and its words")
        return
    if min(pieces.members, pieces.recordings - pieces.members) < LEAST:
        why = (
            f"{pieces.members} recordings with words and {pieces.recordings - pieces.members} held out; {LEAST} of each"
        )
        yield from _untested(BY_NETWORKS, f"{why} are the least")
        return
    networks = Networks(base.gpt.eval(), base.sovits.eval())
    for loss, heaps in attack_membership.by_networks(voice, networks, pieces, tell).items():
        for finding in _told(BY_NETWORKS, heaps, rng, loss):
            yield finding


def _told(attack_name: str, heaps: list[Heaps], rng: np.random.Generator, loss: str = "") -> Iterator[Finding]:
    for heap in heaps:
        attacker = f"{heap.attacker}, {loss}" if loss else heap.attacker
        knows = _KNOWS_MEMBERSHIP[heap.attacker]
        reached = membership.membership(heap.members, heap.non_members, rng, attacker=attacker, data="")
        of = np.arange(len(heap.members) + len(heap.non_members))[:, None]
        compared = Comparisons(heap.members, heap.non_members, of[: len(heap.members)], of[len(heap.members) :])
        data = {
            "members": len(heap.members),
            "seconds_of_members": round(heap.seconds[0], 1),
            "non_members": len(heap.non_members),
            "seconds_of_non_members": round(heap.seconds[1], 1),
        }
        yield of_members(attack_name, reached, knows, compared, data)


def _untested(attack_name: str, why: str) -> Iterator[Finding]:
    for attacker, knows in _KNOWS_MEMBERSHIP.items():
        yield not_tested(attack_name, attacker, knows, why)


def _remarks(people: People, release: Release, ground: Ground | None) -> Iterator[str]:
    yield (
        "All figures are of this voice and these recordings. Where the person's own place decides, the others stand in "
        "for everybody who is not the person: the less they resemble people one would take for them, the less it means."
    )
    if not people.others and ground is not None:
        yield (
            f"Nobody else's recordings were given (--others): the base's {len(ground.stock_styles)} stock speakers, who "
            "are synthetic, stand in for them, by their styles and what the base says in these."
        )
        if release.mode == "anonymous":
            yield "An anonymous voice is a mixture of those speakers, so it resembles them more than anybody else."
    if not release.mode:
        yield "This voice was not released: its style is the person's as it is, and its networks learnt from recordings."
    if people.left_out:
        yield f"{people.left_out} files were left out: no good as recordings."
