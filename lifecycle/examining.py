"""Examine what a person named, a bundle or a voice on this machine: are its files whole, and does it speak as it did.

Knows bundles from the outside, the store, and which runtimes to try; the layers are `verifying`'s. A bundle is unpacked
into a directory that vanishes again: looking at one leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archive.age.envelope import Identity
from archive.bundle import open_bundle
from archive.errors import DamagedError
from archive.manifest import PATH, Manifest
from compat_tests.findings import LAYERS, Finding, fixity, not_run
from compat_tests.opening import fixity_of
from compat_tests.suite import Assessment
from core_model.runtimes import load_runtime
from core_model.strict.voice_files import require_harmless
from core_model.voice import Voice
from lifecycle.errors import NotTrustedError
from lifecycle.ledgers import finding_of
from lifecycle.narrowed_weights import widen_all
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust, judge
from lifecycle.verifying import verify


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found: an assessment for each runtime that was to be tried, by its name."""

    named: str
    voice: str | None  # None: the bundle was too damaged to tell
    bundle_id: str | None  # None: a voice on this machine, or a damaged bundle
    by_runtime: dict[str, Assessment]
    judgement: Judgement | None = None  # of a bundle's signatures; None: no bundle, or a damaged one
    ledger: Finding | None = None  # of what was released of the person; None: the voice holds none

    @property
    def ledger_is_false(self) -> bool:
        """Whether a line of its ledger was changed, or says what does not follow from what was done."""
        return self.ledger is not None and self.ledger.verdict == "failed"

    @property
    def passed(self) -> bool:
        """Whether nothing drifted, its ledger is not false, and at least one runtime proved the voice's speech."""
        if self.ledger_is_false:
            return False
        drifted = any(assessment.diagnosis for assessment in self.by_runtime.values())
        return not drifted and any(assessment.passed for assessment in self.by_runtime.values())


def examine(
    named: str,
    identities: Sequence[Identity],
    store: Store,
    runtimes: Sequence[str],
    *,
    trust: Trust,
    base: Path | None = None,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Examination:
    """Verify the voice in the bundle *named*, else the voice of that name, on each of *runtimes*, with one thread.

    A delta takes the bundle *base* that it was made since.

    Damage is a finding, not an error. NotTrustedError for a signature that is wrong, or not by anybody whom *trust*
    names; ArchiveError for a bundle that cannot be opened at all, VoiceError, StoreError.
    """
    tell(0, len(runtimes), "looking at every byte")
    try:
        with opened_voice(named, identities, store, trust, base) as (voice, bundle_id, files, judgement):
            found = {}
            for done, runtime in enumerate(runtimes):
                tell(done, len(runtimes), runtime)
                found[runtime] = verify(voice, partial(load_runtime, name=runtime, threads=1), fixity=files)
            return Examination(named, voice.name, bundle_id, found, judgement, finding_of(voice.directory))
    except DamagedError as error:
        damaged = Finding("fixity", "failed", f"The bundle is damaged: {error.damage[0]}.")
        rest = tuple(not_run(layer, "The bundle is damaged.") for layer in LAYERS[1:])
        return Examination(named, None, None, dict.fromkeys(runtimes, Assessment("none", "unknown", (damaged, *rest))))


@contextmanager
def opened_voice(
    named: str, identities: Sequence[Identity], store: Store, trust: Trust, base_path: Path | None
) -> Iterator[tuple[Voice, str | None, Finding | None, Judgement | None]]:
    """Yield (voice, bundle id, fixity, signatures). Of a bundle, every byte was verified before anything is yielded.

    A bundle whose signature is wrong, or not by anybody whom the person named, is not unpacked: NotTrustedError.
    """
    if Path(named).is_file():
        with ExitStack() as stack:
            bundle = stack.enter_context(open_bundle(Path(named), identities))
            base = stack.enter_context(open_bundle(base_path, identities)) if base_path else None
            work = stack.enter_context(store.scratch("verify"))
            judgement = judge(bundle.outside, trust)
            if judgement.doubt and not trust.accept_unsigned and (judgement.wrong or trust.named):
                raise NotTrustedError(judgement.doubt, judgement.wrong)
            bundle.attestation()
            bundle_id = bundle.extract(work / "voice", base)
            require_harmless(work / "voice")
            described = Manifest.parse(
                (work / "voice" / PATH).read_bytes()
            )  # of the whole, where the bundle is a delta
            widen_all(work / "voice", described)
            yield Voice.open(work / "voice"), bundle_id, fixity(len(described.members), ()), judgement
    else:
        voice = Voice.open(store.named(named))
        yield voice, None, fixity_of(voice.directory), None
