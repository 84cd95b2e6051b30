"""Recorded arrays and today's to a finding, layer by layer. Pure: whoever made today's arrays is not known here.

T tokens, P phonemes, R rows of logits, V vocabulary, N samples. Figures: DESIGN §8.

    text        rows of phonemes are the same
    tokens      raw logits along the recorded path within tolerance, and the best token the same wherever it was clear
    waveform    samples within tolerance, as a share of the recorded peak and as a signal-to-noise ratio
    identity    today's speech is nearer to this person than a stock voice would be
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from compat_tests.findings import Detail, Finding, Verdict, finite, measured, not_run
from compat_tests.goldens import Floats, Golden, Integers
from compat_tests.speaker_distance import distance


def compare_text(
    golden: Golden, rows: Sequence[Integers], changed_packages: Mapping[str, tuple[str, str]] | None = None
) -> Finding:
    """*rows* (P,) for each golden sentence. *changed_packages*: name, version when the voice was made, version now."""
    details, wrong = [], []
    for sentence, row in zip(golden.sentences, rows, strict=True):
        same = np.array_equal(row, sentence.phonemes)
        wrong += [] if same else [sentence.text]
        told = "It is read as recorded." if same else f"“{sentence.text}” is read differently."
        details.append(Detail(sentence.id, _verdict(same), told, float(not same)))
    told = f"{len(golden.sentences)} sentences are read as recorded."
    if wrong:
        told = f"“{wrong[0]}” is read differently." + told_of_packages(changed_packages or {})
    return measured("text", told, len(wrong), 0, "sentences", details=tuple(details))


def told_of_packages(changed: Mapping[str, tuple[str, str]]) -> str:
    """What may be the cause: analysers are not carried in the voice, their versions are."""
    return "".join(f" {name} is {now} here and was {then}." for name, (then, now) in changed.items())


def compare_tokens(golden: Golden, logits: Sequence[Floats]) -> Finding:
    """*logits* (R, V) for each golden sentence."""
    tolerance = golden.tolerances.logits
    largest, clear, changed = 0.0, 0, 0
    details = []
    for sentence, rows in zip(golden.sentences, logits, strict=True):
        if rows.shape != sentence.logits.shape:
            told = f"The network gives logits of shape {rows.shape}, recorded were {sentence.logits.shape}."
            return Finding("tokens", "failed", told, details=(Detail(sentence.id, "failed", told),))
        far = _largest(rows - sentence.logits)
        second, best = np.partition(sentence.logits, -2, axis=1)[:, -2:].T
        sure = best - second > 2 * tolerance  # neither can have moved past the other within the tolerance
        moved = int((rows.argmax(axis=1) != sentence.logits.argmax(axis=1))[sure].sum())
        verdict = _verdict(far <= tolerance and not moved)
        details.append(Detail(sentence.id, verdict, _told_of_logits(far, moved, int(sure.sum())), finite(far)))
        largest, clear, changed = max(largest, far), clear + int(sure.sum()), changed + moved
    told = _told_of_logits(largest, changed, clear)
    return measured("tokens", told, largest, tolerance, "logits", also=changed == 0, details=tuple(details))


def compare_waveforms(golden: Golden, waveforms: Sequence[Floats]) -> Finding:
    """*waveforms* (N,) for each golden sentence."""
    tolerances = golden.tolerances
    largest, least_db = 0.0, np.inf
    details = []
    for sentence, waveform in zip(golden.sentences, waveforms, strict=True):
        if waveform.shape != sentence.waveform.shape:
            told = f"The speech has {waveform.size} samples, recorded were {sentence.waveform.size}."
            return Finding("waveform", "failed", told, details=(Detail(sentence.id, "failed", told),))
        share, ratio_db = apart(waveform, sentence.waveform)
        verdict = _verdict(share <= tolerances.waveform and ratio_db >= tolerances.waveform_db)
        details.append(Detail(sentence.id, verdict, _told_of_samples(share, ratio_db), finite(share)))
        largest, least_db = max(largest, share), min(least_db, ratio_db)
    enough = least_db >= tolerances.waveform_db
    told = _told_of_samples(largest, least_db)
    return measured("waveform", told, largest, tolerances.waveform, "of the peak", also=enough, details=tuple(details))


def compare_identity(golden: Golden, statistics: Floats) -> Finding:
    """*statistics* (58,) of today's golden speech. Only where `identity_unknowable` is None."""
    identity = golden.identity
    if identity.threshold is None or identity.nearest_stock is None:
        raise ValueError("there is no threshold to compare with")
    far = distance(statistics, identity.statistics)
    whose = "the person's recordings" if identity.reference == "recordings" else "its own speech of that day"
    told = f"The speech is {far:.1f} from {whose}; the nearest of {identity.stock_voices} stock voices "
    told += f"{identity.nearest_stock:.1f}."
    return measured("identity", told, far, identity.threshold, "speaker distance")


def identity_unknowable(golden: Golden) -> Finding | None:
    """Why this voice could not be told from others on the day it was recorded; None if it could."""
    if golden.identity.threshold is not None and golden.identity.nearest_stock is not None:
        return None
    if not golden.identity.stock_voices:
        return not_run("identity", "No stock voice was there to tell this one from when it was made.")
    return not_run("identity", "By these statistics, this voice cannot be told from the stock voices.")


def apart(waveform: Floats, recorded: Floats) -> tuple[float, float]:
    """How far two waveforms of one shape are from each other: (share of the recorded peak, signal to noise in dB)."""
    error = waveform - recorded
    return _largest(error) / max(float(np.abs(recorded).max()), 1e-9), _ratio_db(recorded, error)


def _told_of_logits(largest: float, changed: int, clear: int) -> str:
    return f"Logits differ by {largest:.1e} at most; {changed} of {clear} clear choices changed."


def _told_of_samples(largest: float, ratio_db: float) -> str:
    if not largest:
        return "Every sample is the recorded one."
    return f"Samples differ by {largest:.1e} of the peak at most, signal to noise {ratio_db:.0f} dB."


def _verdict(good: bool) -> Verdict:
    return "passed" if good else "failed"


def _largest(difference: Floats) -> float:
    """Largest magnitude; infinite where something is not a number, so that max() and <= cannot lose it."""
    return float(np.abs(difference).max()) if np.isfinite(difference).all() else float("inf")


def _ratio_db(signal: Floats, error: Floats) -> float:
    noise = float(np.square(error, dtype=np.float64).mean())
    if not np.isfinite(noise):
        return float("-inf")
    return 10 * float(np.log10(np.square(signal, dtype=np.float64).mean() / noise)) if noise else float("inf")
