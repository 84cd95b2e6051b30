"""Results of a matrix on their way into a bundle's history: which of those beside it `lifecycle refresh` takes along.

Knows results, their signers and what a chain of custody holds already; writes nothing. A stranger may put a file beside
a bundle: only results that this machine, or somebody it trusts, has signed go in under its signature.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.custody import Record
from lifecycle.errors import ResultsError
from lifecycle.matrix.results import read_results, results_beside


@dataclass(frozen=True, slots=True)
class History:
    """What goes into the chain of custody, oldest first, and why the rest does not."""

    verified: tuple[dict[str, object], ...] = ()  # {"document", "signature"}, as `archive.custody` records it
    left_out: tuple[str, ...] = ()  # a sentence for each file


def history_beside(bundle: Path, bundle_id: str, custody: Sequence[Record], keys: Collection[str]) -> History:
    """Read the results beside *bundle*; *keys* are the fingerprints of those whose word is taken."""
    known = [record.results["document"] for record in custody if record.results]
    verified: list[dict[str, object]] = []
    left_out = []
    for path in results_beside(bundle):
        try:
            found = read_results(path)
        except ResultsError as error:
            left_out.append(f"{error}.")
            continue
        if found.document.get("bundle_id") != bundle_id:
            left_out.append(f"{path.name} is of another bundle.")
        elif found.key not in keys:
            left_out.append(f"{path.name} was signed by {found.key}, whom you do not trust.")
        elif found.document not in known:
            verified.append({"document": found.document, "signature": found.signature})
    return History(tuple(verified), tuple(left_out))


def told_of(results: object) -> str:
    """The results in a record of custody, in a line; they are somebody else's words, of any form."""
    document = results.get("document") if isinstance(results, dict) else None
    if not isinstance(document, dict) or not isinstance(document.get("counts"), dict):
        return "results that this toolkit cannot read"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in document["counts"].items() if count)
    return f"{document.get('when')}: {counts} on the matrix {document.get('matrix')}"
