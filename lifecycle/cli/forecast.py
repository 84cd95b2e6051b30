"""`lifecycle forecast`: what in a voice will break, why, roughly when, and what already replaces it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, key_options
from lifecycle.store import Store

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(cls=Verb)
@click.argument("voice_or_bundle", metavar="BUNDLE|NAME")
@key_options
@click.option("--at", type=_DAY, metavar="DATE", help="The day to look from; else today.")
@click.option("--fail-before", type=_DAY, metavar="DATE", help="End with 1 if anything breaks before this day.")
@home_option
@click.pass_obj
def command(
    console: Console,
    voice_or_bundle: str,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    at: datetime | None,
    fail_before: datetime | None,
    store: Store,
) -> None:
    """Foretell what in BUNDLE, or in the voice NAME, will break, why, roughly when, and what replaces it.

    The rules are data with sources and dates; nothing is looked up. Without a key a bundle tells what everybody can
    see. A forecast is no failure: it ends with 0, unless --fail-before names a day.
    """
    from datetime import UTC

    from lifecycle.cli.forecast_table import facts_of, lines_of
    from lifecycle.forecast_rules import read_rules
    from lifecycle.forecasting import forecast, forecast_of_voice
    from lifecycle.secret_files import read_identities

    rules, day = read_rules(), (at or datetime.now(UTC)).date()
    if Path(voice_or_bundle).is_file():
        keys = read_identities(identities, passphrase_file)
        foretold = forecast(Path(voice_or_bundle), keys, rules=rules, at=day)
    else:
        foretold = forecast_of_voice(store.named(voice_or_bundle), rules=rules, at=day)
    late = foretold.before(fail_before.date()) if fail_before else ()
    console.answer(facts_of(foretold), *lines_of(foretold), yes=not late)
