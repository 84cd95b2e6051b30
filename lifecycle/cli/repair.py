"""`lifecycle repair`: from a damaged bundle to a whole one, in a new file."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, count


@click.command(cls=Verb)
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The new file; it must not exist.")
@click.pass_obj
def command(console: Console, bundle: Path, output: Path) -> None:
    """Write BUNDLE as it was before it was damaged into a new file. BUNDLE itself is only read.

    It takes no key. The new file appears only when every byte of it has been checked; an undamaged bundle is not
    copied. Ends with 1 if more is damaged than the recovery data can bring back, and says by how much.
    """
    from dataclasses import asdict

    from archive.repairing import repair

    done = repair(bundle, output)
    facts = {**asdict(done), "repaired": done.path is not None}
    if done.path is None:
        console.answer(facts, f"{bundle} is not damaged: nothing was written.")
        return
    damage = [f"repaired  {item}" for item in done.report.damage]
    told = f"{output} is whole: {count(done.blocks, 'block')} computed again. {bundle} is as it was: keep it until"
    console.answer(facts, *damage, f"{told} the new one is in safe places.")
