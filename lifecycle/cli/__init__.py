"""The command line: a table of verbs, each imported when it is called and not before, so that `--help` costs nothing.

Knows nothing of what a verb does. One file per verb; what they print and how they refuse is in `console`.
"""

from __future__ import annotations

import importlib
import os

import click

from core_model.silence import SWITCHES
from lifecycle.cli.secret_paths import require_no_secret

os.environ.update(SWITCHES)  # for this process before a verb imports anything, and for every process that it starts

VERBS = (
    "train",
    "doctor",
    "import",
    "prompt",
    "speak",
    "convert",
    "archive",
    "export",
    "check",
    "repair",
    "scrub",
    "inspect",
    "forecast",
    "refresh",
    "migrate",
    "restore",
    "verify",
    "environment",
    "consent",
    "revoke",
    "release",
    "ledger",
    "attack",
    "destroy",
    "keygen",
    "voices",
)  # in the order of a voice's life


class VerbTable(click.Group):
    """A group whose commands are the modules beside this one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for secrets before anything could repeat an argument."""
        require_no_secret(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a person meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one verb that was asked for."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"lifecycle.cli.{cmd_name}").command
        return command


@click.group(cls=VerbTable, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lifecycle", message="%(prog)s %(version)s")
def main() -> None:
    """Train a voice, archive it in one file, and prove years later that it still speaks.

    Voices live under --home, else $LIFECYCLE_HOME, else this system's data directory. Every verb takes --json (one
    object on stdout, nothing else) and ends with 0 (yes), 1 (no: refused, damaged, drifted) or 2 (called wrongly).
    """
