"""What goes to stdout and to stderr, and how a refusal is told: one sentence, one hint, one exit code.

Knows no verb, and of the rooms only their errors (through `refusals`). The rules:

* stdout holds the answer: plain lines for a person, or with --json one object and nothing else, a no included;
* stderr holds the rest: refusals without --json, remarks, and a progress bar, the last only when stderr is a terminal;
* exit 0 is yes, 1 is no, 2 is a call that makes no sense (click's own);
* an error that no room declared is a bug: the console says so and where, and shows its traceback under --debug only. So
  with its message, which may quote somebody's words: nobody looked at what is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import click

from lifecycle.cli.refusals import refusal_of
from lifecycle.cli.secret_paths import SecretFile, exposures
from lifecycle.printable import printable
from lifecycle.store import Store, default_home

Progress = Callable[[int, int, str], None]  # (done, of how many, what to say beside the bar)

DEBUG_SAYS_MORE = "What follows may hold words, names or figures of yours: read it before you give it to anybody."
_PATIENCE_S = 2.0  # work that ends sooner shows no bar


@dataclass(frozen=True, slots=True)
class Console:
    """The two streams of one call of one verb."""

    as_json: bool = False
    debug: bool = False
    past: tuple[Mapping[str, Any], ...] = ()  # recordings past their day: named at every start

    def answer(self, facts: Mapping[str, Any], *lines: str, yes: bool = True) -> None:
        """Print *facts* (--json) or *lines*, and end the program with 1 if the answer is not *yes*."""
        self.show(*lines)
        if self.as_json:
            _print_json(self._with_past(facts))
        if not yes:
            raise click.exceptions.Exit(1)

    def show(self, *lines: str) -> None:
        """Print a first part of the answer, for a person; --json tells everything at the end.

        Each of *lines* stays one: a stranger's name with a line break in it cannot add an answer of its own.
        """
        if not self.as_json:
            for line in lines:
                _print(printable(line))

    def remark(self, sentence: str) -> None:
        """Say something beside the answer, on stderr; --json has it among its facts."""
        if not self.as_json:
            _print(sentence, err=True)

    def refuse(self, error: Exception, facts: Mapping[str, Any] | None = None) -> NoReturn:
        """Tell *error* in one sentence and one hint, with *facts* beside them (--json), and end the program with 1."""
        refusal = refusal_of(error)
        if self.debug:
            _print(DEBUG_SAYS_MORE, err=True)
            _print("".join(traceback.format_exception(error)), err=True)
        if self.as_json:
            told = {"kind": type(error).__name__, "sentence": refusal.sentence, "hint": refusal.hint}
            _print_json(self._with_past({"error": told, **(facts or {})}))
        else:
            _print(f"lifecycle: {refusal.sentence}\nHint: {refusal.hint}", err=True)
        raise click.exceptions.Exit(1)

    def _with_past(self, facts: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**facts, "past_their_day": list(self.past)} if self.past else facts

    @contextlib.contextmanager
    def progress(self, title: str, *, plain_every_s: float | None = None) -> Iterator[Progress]:
        """Yield what draws a bar on stderr once the work has lasted two seconds, if stderr is a terminal.

        Elsewhere it says nothing; or, for work of many minutes, a plain line every *plain_every_s* seconds.
        """
        if not sys.stderr.isatty():
            yield _plain_lines(title, plain_every_s) if plain_every_s else lambda done, total, note: None
            return
        from rich.console import Console as Terminal  # 60 ms, and most calls draw nothing
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        title_column, note_column = TextColumn("{task.description}"), TextColumn("{task.fields[note]}")
        bars = Bars(
            title_column, BarColumn(), note_column, TimeRemainingColumn(), console=Terminal(stderr=True), transient=True
        )
        task = bars.add_task(title, total=None, note="")
        started = time.monotonic()

        def draw(done: int, total: int, note: str) -> None:
            if not bars.live.is_started and time.monotonic() - started > _PATIENCE_S:
                bars.start()
            bars.update(task, completed=done, total=total, note=printable(note))

        try:
            yield draw
        finally:
            bars.stop()


def _print(text: str, *, err: bool = False) -> None:
    """Print the lines of *text*, less what would move the terminal's cursor or what it has no letters for."""
    shown = "\n".join(printable(line) for line in text.split("\n"))
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(shown.encode(encoding, "replace").decode(encoding), err=err)


def _print_json(facts: Mapping[str, Any]) -> None:
    """Print *facts* as one object on one line; in ASCII, if the line would else not be text or not only text."""
    line = json.dumps(facts, ensure_ascii=False, default=str)
    try:
        plain = line.isprintable() and bool(line.encode(sys.stdout.encoding or "utf-8"))
    except UnicodeEncodeError:  # a name that is no text, or a terminal of few letters
        plain = False
    click.echo(line if plain else json.dumps(facts, default=str))


def _plain_lines(title: str, every_s: float) -> Progress:
    """For a log: one line at the start, one at the end, and one whenever *every_s* seconds have gone by."""
    started = time.monotonic()
    told_s = -every_s

    def tell(done: int, total: int, note: str) -> None:
        nonlocal told_s
        now_s = time.monotonic() - started
        if now_s - told_s < every_s and done < total:
            return
        told_s = now_s
        left = f", about {now_s * (total - done) / done:.0f} s left" if 0 < done < total else ""
        _print(f"{title}: {printable(note)}  ({now_s:.0f} s gone{left})", err=True)

    return tell


class Verb(click.Command):
    """A command with --json and --debug, whose errors become a sentence, a hint and exit code 1."""

    def __init__(self, *args: Any, tells_what_is_past: bool = True, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._tells_what_is_past = tells_what_is_past
        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else.")
        self.params += [as_json, click.Option(["--debug"], is_flag=True, help="Show the traceback of an error.")]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; the only place where every exception is caught."""
        console = Console(ctx.params.pop("as_json"), ctx.params.pop("debug"))
        if self._tells_what_is_past:
            console = _tell_what_is_past(console, ctx.params.get("store") or Store(default_home()))
        ctx.obj = console
        for told in exposures(self.params, ctx.params):
            _print(told, err=True)  # also with --json, whose stdout stays one object
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - the very top: nothing may end in a traceback
            console.refuse(error)


def _tell_what_is_past(console: Console, store: Store) -> Console:
    """Name the voices whose recordings are past their day: one remark, or with --json facts beside the answer.

    Whatever is wrong with the records stops no verb; `destroy --expired` tells it.
    """
    if not os.path.isdir(store.home / "recordings"):  # noqa: PTH112 - Path.is_dir raises where a home may not be read
        return console
    from datetime import UTC, datetime

    from lifecycle.errors import RetentionUnreadableError
    from lifecycle.retention import past

    remedy = "`lifecycle destroy --expired" + ("`" if store.home == default_home() else f" --home {store.home}`")
    try:
        found = past(store, datetime.now(UTC).date())
    except (OSError, RetentionUnreadableError) as error:
        told = f"Which recordings are past their day is not known: {refusal_of(error).sentence}"
        console.remark(told)
        return replace(console, past=({"unknown": told},))
    if not found:
        return console
    named = ", ".join(f"{one.voice} ({count(one.files, 'file')}, since {one.ends})" for one in found)
    console.remark(f"Recordings are past the day until which they may be kept: {named}. {remedy} destroys them.")
    return replace(console, past=tuple(asdict(one) for one in found))


def _open_store(ctx: click.Context, parameter: click.Parameter, home: Path | None) -> Store:
    return Store(home or default_home())


home_option = click.option(
    "--home",
    "store",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_open_store,
    help="Where voices live; else $LIFECYCLE_HOME, else this system's data directory.",
)
"""For verbs that touch the voices of this machine: gives them a `store`."""


def count(number: int, noun: str) -> str:
    """Return '1 voice', '2 voices', 'no voices'."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LOG = click.Path(dir_okay=False, path_type=Path)


passphrase_option = click.option(
    "--passphrase-file", type=SecretFile(), help="File whose one line is the passphrase, or /dev/fd/N."
)


def key_options(command: Callable[..., None]) -> Callable[..., None]:
    """For verbs that open a bundle: gives them `identities` and `passphrase_file`, which are read, never logged."""
    told = "Key file from `lifecycle keygen`; may be repeated."
    identity = click.option("-i", "--identity", "identities", type=SecretFile(), multiple=True, help=told)
    return identity(passphrase_option(command))


def trust_option(command: Callable[..., None]) -> Callable[..., None]:
    """For verbs that take nothing that nobody vouches for: gives them `trusted`."""
    told = "Whose signature to trust: a key, a .pub file or an allowed_signers file; may be repeated."
    return click.option("--trust", "trusted", metavar="KEY|FILE", multiple=True, help=told)(command)


def trust_options(command: Callable[..., None]) -> Callable[..., None]:
    """For verbs that ask who made a bundle: gives them `trusted` and `accept_unsigned`."""
    told = "Take a bundle that nobody vouches for: unsigned, or signed by a key that you do not know."
    return trust_option(click.option("--accept-unsigned", is_flag=True, help=told)(command))


def base_option(command: Callable[..., None]) -> Callable[..., None]:
    """For verbs that look into a bundle which may be a delta: gives them `base`."""
    told = "The bundle that BUNDLE was made since, where it holds only what differs (`archive --since`)."
    return click.option("--base", metavar="BUNDLE", type=_FILE, help=told)(command)


def many_options(command: Callable[..., None]) -> Callable[..., None]:
    """For verbs that may be given many bundles: gives them `jobs`, `dask`, `resume` and `time_limit`."""
    several = click.IntRange(min=1)
    seconds = click.FloatRange(min=0, min_open=True)
    for option in (
        click.option("--time-limit", type=seconds, metavar="SECONDS", help="For each of many bundles.  [default: 600]"),
        click.option("--resume", metavar="FILE", type=_LOG, help="Log of many bundles: new, or gone on with."),
        click.option("--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster that does it, as tcp://host:8786."),
        click.option("--jobs", type=several, metavar="N", help="How many bundles at once, here.  [default: 1]"),
    ):
        command = option(command)
    return command
