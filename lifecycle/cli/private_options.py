"""What `train` is told of privacy: a mode, a budget, whose voice it is; and what does not go together.

Decides nothing about figures: whether a budget promises anything, the room privacy knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from lifecycle.config import RunConfig

_MODES = click.Choice(("sgd", "utterance", "anonymous", "local"))
_USUAL_DELTA = 1e-5  # privacy.budget.USUAL_DELTA, which --help need not load
_WITH_PRIVATE = ("epsilon", "delta", "speaker", "cap", "tuning_runs", "yes")


@dataclass(frozen=True, slots=True)
class PrivateOrder:
    """What was asked for."""

    mode: str
    epsilon: float | None
    delta: float
    speaker: str | None = field(repr=False)
    cap: float | None
    tuning_runs: int
    yes: bool


def private_options(command: Callable[..., None]) -> Callable[..., None]:
    """For `train`: gives it `private`, a PrivateOrder, or None where nobody asked for one."""

    @functools.wraps(command)
    def with_order(*arguments: Any, **said: Any) -> None:
        mode, given = said.pop("private_mode"), {name: said.pop(name) for name in _WITH_PRIVATE}
        if mode is None and (told := [name for name, value in given.items() if value]):
            raise click.UsageError(f"--{told[0].replace('_', '-')} is for --private MODE.")
        if mode not in (None, "anonymous") and given["epsilon"] is None:
            raise click.UsageError(f"--private {mode} needs --epsilon.")
        given["delta"] = _USUAL_DELTA if given["delta"] is None else given["delta"]
        given["tuning_runs"] = given["tuning_runs"] or 0
        command(*arguments, private=None if mode is None else PrivateOrder(mode, **given), **said)

    for option in (
        click.option("--yes", is_flag=True, help="Of --private: do it without asking."),
        click.option("--tuning-runs", type=int, metavar="N", help="How often it was tried before: each one counts."),
        click.option("--cap", type=float, metavar="E", help="Epsilon of all releases of this person; 10 if not said."),
        click.option("--speaker", metavar="NAME|PSEUDONYM", help="Whose voice it is; kept as a pseudonym."),
        click.option("--delta", type=float, metavar="D", help="Chance that the claim fails; 1e-5 if not said."),
        click.option("--epsilon", type=float, metavar="E", help="How much is given away; less hides more."),
        click.option("--private", "private_mode", type=_MODES, help="Make a voice that gives less away: see above."),
    ):
        with_order = option(with_order)
    return with_order


def require_sense(order: PrivateOrder, run: RunConfig, *, base: bool) -> None:
    """UsageError for what does not go together with --private; *run* holds what was said here and in run.toml."""
    if base:
        raise click.UsageError("--private is for the embedded base: of GPT-SoVITS's no public speakers are known here.")
    if run.seed is not None:
        raise click.UsageError("a seed is not for --private: none may reach the noise, and nothing else is drawn.")
    if run.gpt_steps is not None or run.sovits_steps is not None:
        raise click.UsageError("gpt_steps and sovits_steps are not for --private: how it learns is fixed and public.")
    if run.recordings is None and order.mode != "anonymous":
        raise click.UsageError("Missing option '--recordings', here or in run.toml.")
