"""Options that name the file of a secret: the path is taken, and neither the path's mistake nor the secret is repeated.

Knows no kind of secret. A secret on the command line is read by everybody on the machine (`ps`), and rests in the
shell's history: so no option takes one, and one that was given all the same is not printed a second time. A path may
name a descriptor, /dev/fd/3. What others can read is used all the same and said: a memory stick knows no modes, and
refusing, as ssh does, would lock a person out of an archive.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from lifecycle.store import Store

_SECRETS = ("AGE-SECRET-KEY-", "PRIVATE KEY-----")
_PASSWORD_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@", re.IGNORECASE)
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEYS = ("signing", "pseudonyms")  # in HOME/keys


class SecretFile(click.Path):
    """The path of a file that holds a secret."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. What names no file is refused and not repeated: it may be the passphrase itself."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail("it names no file that can be read. It is not repeated here: it may be the secret.", param, ctx)


def require_no_secret(arguments: Sequence[str]) -> None:
    """click.UsageError if a secret key, or an address with a password, stands among the arguments. None is repeated."""
    if any(_PASSWORD_IN_ADDRESS.search(argument) for argument in arguments):
        told = "A password stands in an address, where everybody on this machine can read it. "
        raise click.UsageError(told + "Leave it to the scheme's own settings, as those of AWS for s3://.")
    if any(mark in argument.upper() for argument in arguments for mark in _SECRETS):
        told = "A secret key stands among the arguments, where everybody on this machine can read it. "
        raise click.UsageError(told + "Put it into a file, and better still make another one.")


def require_lasting(paths: Iterable[Path]) -> None:
    """click.UsageError for a descriptor, where several processes have to read the file."""
    if any(str(path).startswith(("/dev/", "/proc/")) or not path.is_file() for path in paths):
        raise click.UsageError("Keys for many bundles lie in files: every process reads them for itself.")


def exposures(parameters: Iterable[click.Parameter], values: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each secret of this call, keys of the home included, that others can read."""
    for parameter in parameters:
        if isinstance(parameter.type, SecretFile) and parameter.name:
            given = values.get(parameter.name) or ()
            yield from filter(None, map(_exposure, [given] if isinstance(given, Path) else given))
    store = values.get("store")
    if isinstance(store, Store):
        yield from filter(None, (_exposure(store.home / "keys" / name) for name in _KEYS))


def _exposure(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    if os.name != "posix" or not stat.S_ISREG(status.st_mode) or not status.st_mode & _OF_OTHERS:
        return ""
    return f"OTHERS ON THIS MACHINE MAY READ {path}, which is secret: `chmod 600` takes that from them."
