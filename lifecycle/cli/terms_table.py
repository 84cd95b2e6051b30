"""What a release gives away, printed before it is done, and the question whether to do it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lifecycle.cli.console import Console

if TYPE_CHECKING:
    from lifecycle.release_terms import Terms


def agree_on(console: Console, terms: Terms, subject: str, *, yes: bool) -> None:
    """Show *terms*; at a terminal ask, unless *yes* was said before. click.Abort."""
    console.show(
        f"protects       {terms.protects}",
        *(f"NOT PROTECTED  {told}" for told in terms.not_protected),
        f"costs          {terms.costs}",
        *([terms.warning] if terms.warning else []),
        f"counts for     {subject}, whose sum will be in the ledger, whatever happens then",
    )
    if sys.stdin.isatty() and not yes and not console.as_json:
        click.confirm("Do it?", abort=True)
