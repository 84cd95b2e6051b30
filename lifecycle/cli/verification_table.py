"""What `lifecycle verify` shows: a line for each layer on each runtime, and the verdict.

Knows an examination and no verb.
"""

from __future__ import annotations

from dataclasses import asdict

from compat_tests.suite import Assessment
from lifecycle.examining import Examination


def lines_of(found: Examination) -> list[str]:
    """Return the table as lines of text, its verdict last."""
    lines = [f"signature  {line}" for line in found.judgement.lines] if found.judgement else []
    for runtime, assessment in found.by_runtime.items():
        lines.append(assessment.runtime if assessment.runtime != "none" else runtime)
        lines += [f"  {layer.name:<10}{layer.verdict:<9}{layer.told}" for layer in assessment.findings]
        if assessment.cause:
            lines.append(f"  likely cause: {assessment.cause.kind}. {assessment.cause.told}")
    if found.ledger:
        lines.append(f"{found.ledger.name:<12}{found.ledger.verdict:<9}{found.ledger.told}")
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
        "ledger": found.ledger and {"verdict": found.ledger.verdict, "told": found.ledger.told},
        "runtimes": {name: _facts_of(assessment) for name, assessment in found.by_runtime.items()},
    }


def _facts_of(assessment: Assessment) -> dict[str, object]:
    diagnosis = assessment.diagnosis
    return {
        "version": assessment.runtime,
        "recorded": assessment.recorded,
        "passed": assessment.passed,
        "diagnosis": diagnosis.name if diagnosis else None,
        "cause": asdict(assessment.cause) if assessment.cause else None,
        "layers": [asdict(finding) for finding in assessment.findings],
    }


def _verdict(found: Examination) -> str:
    drifted = {name: v.diagnosis.name for name, v in found.by_runtime.items() if v.diagnosis}
    if drifted:
        where = ", ".join(f"{layer} on {runtime}" for runtime, layer in drifted.items())
        return f"{found.voice or found.named} does not speak as it did. The first layer that differs: {where}."
    if found.ledger_is_false:
        return (
            f"{found.voice} holds a ledger that is not true, so nothing that it claims about privacy can be believed."
        )
    if not found.passed:
        return f"{found.voice} could not be verified: no runtime ran all the layers that prove its speech."
    ran = [name for name, verification in found.by_runtime.items() if verification.passed]
    recorded = found.by_runtime[ran[0]].recorded
    return f"{found.voice} speaks as it did when it was recorded ({recorded}), on {' and '.join(ran)}."
