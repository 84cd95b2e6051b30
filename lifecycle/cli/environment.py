"""`lifecycle environment`: what a voice's software runs in: built, run from a bundle, or installed from one."""

from __future__ import annotations

from pathlib import Path

import click

from lifecycle.cli.console import Console, Verb, base_option, home_option, key_options, trust_option, trust_options
from lifecycle.store import Store

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_PROFILES = ("player", "torch")  # containers.profiles.NAMES; a test holds them together


@click.group()
def command() -> None:
    """Build, run or install what a voice's software runs in.

    An environment is a directory with an image, the wheels in it and their lock. `lifecycle archive
    --with-environment` puts it into a bundle; from there it runs without a network, years later.
    """


@command.command(cls=Verb)
@click.argument("directory", type=_DIRECTORY)
@click.option("--profile", type=click.Choice(_PROFILES), default="player", show_default=True, help="What is in it.")
@click.option("--wheels", type=_DIRECTORY, required=True, help="Where the wheels of the profile's lock lie.")
@click.option("--base", metavar="ROOTFS.tar", type=_FILE, required=True, help="The system it is built on.")
@click.option("--fetch", "fetching", is_flag=True, help="First fetch the wheels into --wheels, with pip.")
@click.pass_obj
def build(console: Console, directory: Path, profile: str, wheels: Path, base: Path, fetching: bool) -> None:
    """Write an environment into the new DIRECTORY: the same bytes whenever it is made of the same inputs.

    No engine is needed, nothing in it is run, and without --fetch nothing is fetched. The base is a Debian whose tar
    `containers/rootfs.sh` of this toolkit makes.
    """
    from containers.base import Base
    from containers.profiles import Profile
    from lifecycle.environment_building import build as build_environment

    read = Profile.read(profile)
    with console.progress(f"Building {directory}") as tell:
        if fetching:
            from lifecycle.environment_fetching import fetch

            tell(0, 4, "fetching wheels")
            with Base(base, python=read.python) as opened:
                architecture = opened.architecture
            fetch(read, architecture, wheels)
        built = build_environment(directory, read, wheels=wheels, base=base, tell=tell)
    told, image = built.environment.told, built.image
    facts = {"path": directory, "profile": told.profile, "architecture": told.architecture, "python": told.python}
    facts |= {"manifest": image.manifest, "config": image.config, "image_bytes": image.file.size}
    facts |= {"wheels": sum(name.startswith("wheels/") for name in told.files), "base_sha256": told.base_sha256}
    lines = [
        f"The environment is in {directory}: an image of {image.file.size / 1e6:.1f} MB for {told.architecture}.",
        f"image  {image.manifest}",
        f"       {image.config}, as docker before its version 29 calls it",
    ]
    console.answer(facts, *lines)


@command.command(cls=Verb)
@click.argument("bundle", type=_FILE)
@click.argument("arguments", metavar="-- VERB ARGUMENTS...", nargs=-1, required=True)
@key_options
@click.option("--output", type=_DIRECTORY, default=Path(), help="Where written files go.  [default: here]")
@click.option("--memory", metavar="GiB", type=click.FloatRange(0.1), default=2.0, show_default=True, help="At most.")
@click.option("--time-limit", metavar="S", type=click.FloatRange(1), default=600.0, show_default=True, help="At most.")
@trust_options
@base_option
@home_option
@click.pass_obj
def run(
    console: Console,
    bundle: Path,
    arguments: tuple[str, ...],
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    output: Path,
    memory: float,
    time_limit: float,
    trusted: tuple[str, ...],
    accept_unsigned: bool,
    base: Path | None,
    store: Store,
) -> None:
    """Run speak or verify in the environment that BUNDLE carries: `run BUNDLE -- speak "Good morning."`

    The voice's name is put in. No network, a root that is only read, no capabilities, no new privileges, nobody's
    user, limited memory and time. Ends as the verb inside ends. Needs docker, or podman with docker's socket.
    """
    from datetime import UTC, datetime

    from lifecycle.container_engine import Limits, connect
    from lifecycle.environment_running import VERBS
    from lifecycle.environment_running import run as run_inside
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust

    if arguments[0] not in VERBS:
        raise click.UsageError(f"An environment runs {' and '.join(VERBS)}, not {arguments[0]!r}.")
    trust = read_trust(trusted, store, datetime.now(UTC), accept_unsigned=accept_unsigned)
    limits = Limits(memory_bytes=int(memory * (1 << 30)), time_s=time_limit)
    with connect() as engine, console.progress(f"Running {arguments[0]}") as tell:
        keys = read_identities(identities, passphrase_file)
        ran = run_inside(
            bundle, arguments, output, keys, store, engine, trust=trust, base=base, limits=limits, tell=tell
        )
    if ran.judgement.doubt:
        console.remark(f"NOBODY YOU TRUST VOUCHES FOR THIS VOICE: {ran.judgement.doubt}.")
    for line in ran.ended.stderr.splitlines():
        console.remark(line)
    facts = {"voice": ran.voice, "image": ran.image, "exit_code": ran.ended.exit_code, "files": ran.files}
    facts |= {"seconds": round(ran.ended.seconds, 3), "stdout": ran.ended.stdout, "stderr": ran.ended.stderr}
    console.answer(facts, *ran.ended.stdout.splitlines())
    if ran.ended.exit_code:
        raise click.exceptions.Exit(ran.ended.exit_code)


@command.command(cls=Verb)
@click.argument("bundle", type=_FILE)
@click.argument("directory", type=_DIRECTORY)
@key_options
@trust_option
@base_option
@home_option
@click.pass_obj
def venv(
    console: Console,
    bundle: Path,
    directory: Path,
    identities: tuple[Path, ...],
    passphrase_file: Path | None,
    trusted: tuple[str, ...],
    base: Path | None,
    store: Store,
) -> None:
    """Install the wheels that BUNDLE carries into the new venv DIRECTORY, without a network and without an engine.

    What is installed runs with no walls round it, so the bundle must be signed by somebody whom you trust.
    """
    from datetime import UTC, datetime

    from lifecycle.environment_installing import install
    from lifecycle.secret_files import read_identities
    from lifecycle.trusting import read_trust

    trust = read_trust(trusted, store, datetime.now(UTC))
    with console.progress(f"Installing into {directory}") as tell:
        keys = read_identities(identities, passphrase_file)
        installed = install(bundle, directory, keys, store, trust=trust, base=base, tell=tell)
    told = installed.told
    facts = {"path": directory, "program": installed.program, "profile": told.profile, "toolkit": told.toolkit}
    lines = [f"{told.toolkit} is in {directory}.", f"{installed.program} restore {bundle}"]
    lines.append(f'{installed.program} speak NAME "Good morning." --runtime {told.runtime} -o good_morning.wav')
    console.answer({**facts, "runtime": told.runtime}, *lines)
