"""`lifecycle inspect`: who made a bundle, what is in it, where it has been, what will not last."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, home_option, key_options, trust_options
from lifecycle.store import Store


@click.command(cls=Verb)
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@key_options
@trust_options
@home_option
@click.pass_obj
def command(
    console: Console,
    bundle: Path,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    store: Store,
) -> None:
    """Show who made BUNDLE, when, for whom, who signed it, where it has been, and what will not last about it.

    It takes no key; with one, the voice and its files are listed too. Nothing is unpacked. Ends with 1 if a signature
    or the chain of custody is wrong, or nobody whom --trust names signed.
    """
    from datetime import UTC, datetime

    from lifecycle.cli.inspection_table import facts_of, lines_of
    from lifecycle.forecast_rules import read_rules
    from lifecycle.inspecting import inspect
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust

    trust = read_trust(trusted, store, datetime.now(UTC), accept_unsigned=accept_unsigned)
    seen = inspect(bundle, read_identities(identities, passphrase_file), trust=trust, rules=read_rules())
    doubted = trust.named and not accept_unsigned and bool(seen.judgement.doubt)
    wrong = seen.judgement.wrong or seen.custody_problem or (seen.inside and seen.inside.problem)
    console.answer(facts_of(seen), *lines_of(seen), yes=not wrong and not doubted)
