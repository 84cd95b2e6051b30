"""What every training begins with: recordings are surveyed, and a table shows what is used, what is left out, and why.

Knows surveys and terminals. Shows file names and reasons, never what anybody said.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from lifecycle import recording
from lifecycle.cli.console import Console, count
from lifecycle.errors import NotEnoughRecordingsError
from lifecycle.recording import Survey, table


def surveyed(
    console: Console, recordings: Path, languages: Sequence[str], language: str | None
) -> tuple[Survey, dict[str, Any]]:
    """What of *recordings* is used, shown, and the same for --json; refused where it is not enough. RecordingsError."""
    with console.progress("Looking at the recordings") as tell:
        found = recording.survey(recordings, front_end_languages=languages, language=language or "en", progress=tell)
    facts = facts_of(found)
    if not console.as_json:
        show(found)
    try:
        recording.require_enough(found)
    except NotEnoughRecordingsError as error:
        console.refuse(error, facts)
    return found, facts


def show(survey: Survey) -> None:
    """Print the table and its sum to stdout."""
    drawn = Table("file", "seconds", "noise below speech", "", box=None, pad_edge=False)
    for row in table(survey):
        seconds = "" if row.duration_s is None else f"{row.duration_s:.1f}"
        noise = "" if row.signal_to_noise_db is None else f"{row.signal_to_noise_db:.0f} dB"
        verdict = Text("used", "green") if row.used else Text(f"left out: {row.sentence}", "yellow")
        drawn.add_row(Text(row.file), seconds, noise, verdict)
    terminal = Terminal(soft_wrap=True, highlight=False)
    terminal.print(drawn)
    used, left_out = len(survey.used), len(survey.left_out)
    terminal.print(
        f"{survey.total_s:.0f} s in {count(used, 'recording')} {'is' if used == 1 else 'are'} used; "
        f"{left_out or 'none'} {'is' if left_out == 1 else 'are'} left out."
    )


def facts_of(survey: Survey) -> dict[str, Any]:
    """The same for --json."""
    return {
        "used": [
            {"file": row.file, "duration_s": row.duration_s, "signal_to_noise_db": row.signal_to_noise_db}
            for row in table(survey)
            if row.used
        ],
        "left_out": [
            {"file": row.file, "reason": row.reason, "sentence": row.sentence} for row in table(survey) if not row.used
        ],
        "total_s": round(survey.total_s, 2),
    }
