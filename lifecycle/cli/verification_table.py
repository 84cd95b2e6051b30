"""What `lifecycle verify` shows: a line for each layer on each runtime, and the verdict.

Knows an examination and no verb.
"""

from __future__ import annotations

from dataclasses import asdict

from lifecycle.examining import Examination
from lifecycle.verifying import Verification


def lines_of(found: Examination) -> list[str]:
    """Return the table as lines of text, its verdict last."""
    lines = [f"signature  {line}" for line in found.judgement.lines] if found.judgement else []
    for runtime, verification in found.by_runtime.items():
        lines.append(verification.runtime if verification.runtime != "none" else runtime)
        lines += [f"  {layer.name:<10}{layer.verdict:<9}{layer.told}" for layer in verification.layers]
    return [*lines, _verdict(found)]


def facts_of(found: Examination) -> dict[str, object]:
    """Return the same for --json."""
    return {
        "named": found.named,
        "voice": found.voice,
        "bundle_id": found.bundle_id,
        "passed": found.passed,
        "trusted": None if found.judgement is None else not found.judgement.doubt,
        "signatures": [asdict(signature) for signature in found.judgement.signatures] if found.judgement else [],
        "runtimes": {name: _facts_of(verification) for name, verification in found.by_runtime.items()},
    }


def _facts_of(verification: Verification) -> dict[str, object]:
    diagnosis = verification.diagnosis
    return {
        "version": verification.runtime,
        "recorded": verification.recorded,
        "passed": verification.passed,
        "diagnosis": diagnosis.name if diagnosis else None,
        "layers": [asdict(layer) for layer in verification.layers],
    }


def _verdict(found: Examination) -> str:
    drifted = {name: v.diagnosis.name for name, v in found.by_runtime.items() if v.diagnosis}
    if drifted:
        where = ", ".join(f"{layer} on {runtime}" for runtime, layer in drifted.items())
        return f"{found.voice or found.named} does not speak as it did. The first layer that differs: {where}."
    if not found.passed:
        return f"{found.voice} could not be verified: no runtime ran all the layers that prove its speech."
    ran = [name for name, verification in found.by_runtime.items() if verification.passed]
    recorded = found.by_runtime[ran[0]].recorded
    return f"{found.voice} speaks as it did when it was recorded ({recorded}), on {' and '.join(ran)}."
