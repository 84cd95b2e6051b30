"""`lifecycle release`: a new voice whose style has noise in it, or is nobody's; counted in the ledger."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option
from lifecycle.cli.terms_table import agree_on
from lifecycle.store import Store

_MODES = click.Choice(("utterance", "anonymous", "local", "jitter"))
_DIRECTORY = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--mode", type=_MODES, required=True, help="What is to be hidden: see above.")
@click.option("--epsilon", type=float, metavar="E", help="How much is given away; less hides more. In local 8 at most.")
@click.option("--delta", type=float, metavar="D", default=1e-5, show_default=True, help="Chance that the claim fails.")
@click.option("--recordings", type=_DIRECTORY, help="Of utterance: what the style is the mean of.")
@click.option("--sigma", type=float, metavar="S", help="Of jitter: how much of it.")
@click.option("--speaker", metavar="NAME|PSEUDONYM", help="Whose voice it is; kept as a pseudonym. Asked for once.")
@click.option("--cap", type=float, metavar="E", help="Epsilon of all releases of this person together; 10 if not said.")
@click.option("--tuning-runs", type=int, metavar="N", default=0, help="How often it was tried before: each one counts.")
@click.option(
    "--keep-tuned-weights", is_flag=True, help="Keep networks that learnt from the recordings: NOT PROTECTED."
)
@click.option("--as", "new_name", metavar="NEW", help="What the new voice is called; else a word that tells nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@home_option
@click.pass_obj
def command(
    console: Console,
    name: str,
    mode: str,
    epsilon: float | None,
    delta: float,
    recordings: Path | None,
    sigma: float | None,
    speaker: str | None,
    cap: float | None,
    tuning_runs: int,
    keep_tuned_weights: bool,
    new_name: str | None,
    yes: bool,
    store: Store,
) -> None:
    """Make a new voice of NAME that gives less away: what exactly is printed before it is done.

    utterance hides which recordings were used, not who speaks. local hides who speaks, and the voice does not survive.
    anonymous takes another speaker, drawn at random, of whom nothing leads back. jitter hides nothing.

    The new voice speaks with the base's own networks, so that what is claimed holds for all of it. NAME stays.
    """
    if (mode == "utterance") != (recordings is not None):
        raise click.UsageError("--recordings is for mode utterance, which needs it.")
    if (mode == "jitter") != (sigma is not None):
        raise click.UsageError("--sigma is for mode jitter, which needs it.")
    if (mode in ("utterance", "local")) != (epsilon is not None) and mode != "anonymous":
        raise click.UsageError("--epsilon is for modes utterance and local, which need it; jitter has none.")
    from dataclasses import asdict
    from datetime import UTC, datetime

    from lifecycle.releasing import Wanted, carry_out, plan_release

    now = datetime.now(UTC)
    wanted = Wanted(
        mode,  # type: ignore[arg-type]
        epsilon,
        delta,
        sigma,
        recordings,
        speaker,
        cap,
        tuning_runs,
        keep_tuned_weights,
    )
    called = new_name or f"released-{secrets.token_hex(4)}"
    store.require_free(called)
    plan = plan_release(store, name, wanted, now)
    for unheard in plan.left_out:
        console.remark(f"{unheard.file} is left out: {unheard.sentence}.")
    agree_on(console, plan.terms, plan.entry.subject, yes=yes)
    with console.progress(f"Releasing {name}") as tell:
        done = carry_out(store, plan, called, now=now, tell=tell)
    facts = {"voice": called, "path": done.voice.directory, "terms": asdict(plan.terms), "entry": asdict(done.entry)}
    facts["left_out"] = [asdict(unheard) for unheard in plan.left_out]
    console.answer(facts, f"The voice {called} is in {done.voice.directory}. It cannot be made again, only compared.")
