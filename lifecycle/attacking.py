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

from core_model.voice import Voice
from lifecycle import __version__, attack_membership, attack_seed, attack_speech, attack_style, retention
from lifecycle.attack_findings import Attacked, Finding, not_tested
from lifecycle.attack_membership import BY_NETWORKS, BY_STYLE, LEAST
from lifecycle.attack_people import People, gather, seconds
from lifecycle.attack_speech import Hearing
from lifecycle.attack_style import Release, Styles, data_of, release_of
from lifecycle.errors import AttackError, ReleaseError
from lifecycle.released_voice import Ground, ground_of
from lifecycle.store import Store, new_file

RECORD = "attacks.jsonl"  # in records/: a line for each time it was attacked, and never one less
PROMISING = ("utterance", "local", "sgd")  # modes that claim an epsilon for what was read of recordings
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Material:
    """What a person gives to attack with."""

    recordings: Path  # of the person; for membership: those that the voice was made of
    held_out: Path | None = None  # of the person, and not learnt from
    others: Path | None = None  # one directory for each speaker


def attack(store: Store, name: str, material: Material, ear: Hearing, *, now: datetime, tell: Tell) -> Attacked:
    """Try everything on the voice *name*. RecordingsError, AttackError, VoiceError, LedgerDamagedError and kin."""
    voice = Voice.open(store.path(name))
    release = release_of(voice)
    rng = np.random.default_rng(0)  # decides what the bootstrap draws, and protects nothing
    tell(0, 100, "reading the recordings")
    people = gather(material.recordings, material.held_out, material.others)
    unknown = _unknown(store, name, people)
    try:
        ground, no_ground = ground_of(voice), ""
    except ReleaseError as error:
        ground, no_ground = None, str(error)
    styles = None if ground is None else attack_style.hear(voice, ground, people, _part(tell, 0, 10))
    others = len(people.others) or (0 if ground is None else len(ground.stock_styles))
    data = data_of(people, others)
    findings: list[Finding] = []
    if styles is None:
        findings += _nothing_to_compare(no_ground)
    else:
        findings += attack_style.reidentify(styles, release, data, rng)
    findings += attack_speech.reidentify(voice, ground, people, ear, data, rng, _part(tell, 10, 50))
    findings += _membership(voice, ground, styles, people, material, rng, _part(tell, 60, 30))
    if styles is not None:
        findings += attack_seed.invert(voice, styles, release, _part(tell, 90, 10), small=attack_seed.SMALL)
    made = now.isoformat(timespec="seconds")
    remarks = tuple(_remarks(people, release, ground, unknown))
    sigma = release.sigma if release.noisy else None
    return Attacked(name, made, release.mode, sigma, f"lifecycle {__version__}", data, remarks, tuple(findings))


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


def _part(tell: Tell, begins: int, share: int) -> Tell:
    """Tell of a stage that is *share* percent of the whole, as measured on a usual voice."""
    return lambda done, total, note: tell(begins + share * done // max(total, 1), 100, note)


def _nothing_to_compare(why: str) -> list[Finding]:
    knows = attack_style.KNOWS
    found = [not_tested(attack_style.ATTACK, attacker, told, why) for attacker, told in knows.items()]
    return found + [not_tested(attack_seed.ATTACK, attacker, told, why) for attacker, told in attack_seed.KNOWS.items()]


def _membership(
    voice: Voice,
    ground: Ground | None,
    styles: Styles | None,
    people: People,
    material: Material,
    rng: np.random.Generator,
    tell: Tell,
) -> list[Finding]:
    """By style and by networks, where there is something to ask and somebody to ask about."""
    why = ""
    if material.held_out is None:
        why = "nobody said which recordings of the person were not used (--held-out)"
    elif min(len(people.person), len(people.held_out)) < LEAST:
        why = f"{len(people.person)} recordings and {len(people.held_out)} held out; {LEAST} of each are the least"
    elif ground is None or styles is None:
        why = "only voices that grew from the embedded base can be asked here"
    if why or ground is None or styles is None or material.held_out is None:  # reasons, which only mypy cannot know
        return [*attack_membership.untested(BY_STYLE, why), *attack_membership.untested(BY_NETWORKS, why)]
    offsets = (styles.frame.offset(voice.prompt().style)[0], styles.person, styles.held_out)
    heard = (seconds(people.person), seconds(people.held_out))
    return [
        *attack_membership.ask_style(*offsets, heard, rng),
        *attack_membership.ask_networks(voice, ground, material.recordings, material.held_out, rng, tell),
    ]


def _unknown(store: Store, name: str, people: People) -> int:
    """How many recordings of the person this home did not write down when *name* learnt; 0 where it wrote down nothing.

    AttackError where one that is said not to have been used was: then membership would be told of the wrong heap.
    """
    term = retention.term_of(store, name)
    if term is None:
        return 0
    learnt = set(term.files.values())
    if any(retention.sha256_of(sound.path) in learnt for sound in people.held_out):
        raise AttackError(
            "a recording is held out, and this home wrote down that the voice learnt from it",
            "take it out of --held-out.",
        )
    return sum(retention.sha256_of(sound.path) not in learnt for sound in people.person)


def _remarks(people: People, release: Release, ground: Ground | None, unknown: int) -> Iterator[str]:
    yield (
        "All figures are of this voice and these recordings. Where the person's own place decides, the others stand in "
        "for everybody who is not the person: the less they resemble people one would take for them, the less it means."
    )
    if not people.others and ground is not None:
        yield (
            f"Nobody else's recordings were given (--others): the base's {len(ground.stock_styles)} stock speakers, "
            "who are synthetic, stand in for them, by their styles and what the base says in these."
        )
        if release.mode == "anonymous":
            yield "An anonymous voice is a mixture of those speakers, so it resembles them more than anybody else."
    if release.mode in PROMISING:
        yield (
            "These figures were computed from the recordings without noise: no epsilon covers them. Whoever gets them "
            "with the voice learns how many recordings there are and how long, and how each attack went on them."
        )
    if not release.mode:
        yield "This voice was not released: its style is as it was learnt, and so are its networks."
    if unknown and people.held_out:
        yield (
            f"{unknown} of {len(people.person)} recordings are none that this home wrote down when the voice learnt; "
            "they count as learnt from all the same."
        )
    if people.left_out:
        yield f"{people.left_out} files were left out: no good as recordings."
