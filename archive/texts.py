"""The three texts at the head of every bundle: how to open it, what it is, and a program that opens it.

Knows where its own package lies and nothing else. Reference: SPEC.md section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archive import outer
from archive.errors import FormatError

_PACKAGE = Path(__file__).parent

_WHOLE = """
This file carries a synthetic voice and everything that is needed to make it
speak. It is a plain tar archive. To open it you need
"""
_DELTA = """
This file carries what differs from another file of its kind, the one with the
bundle id

  {base}

Both together are a synthetic voice and everything that is needed to make it
speak; this one alone is not. SPEC.md, section 12, tells how to put them
together. Each is a plain tar archive. To open it you need
"""
_NEEDS = """
  tar        any version since 1988
  sha256sum  or anything else that computes SHA-256
"""
_NEED_AGE = """  age        https://age-encryption.org, or any program that reads age v1 files,
             and the secret key or the passphrase it was encrypted to; for a key
             that begins with AGE-SECRET-KEY-PQ-1, version 1.3 or later
"""
_STEPS = """
  1. tar -xf FILE
  2. sha256sum -c SHA256SUMS
"""
_ENCRYPTED_STEPS = """  3. age -d -i KEYFILE -o payload.tar payload.tar.age
     (with a passphrase: age -d -o payload.tar payload.tar.age)
"""
_LAST_STEPS = """  {number}. mkdir voice
  {next_number}. tar -xf payload.tar -C voice

or, after step 1, where {python} at hand:

     python3 open_bundle.py FILE DIRECTORY{key_option}

manifest.json inside payload.tar lists every file with its SHA-256. Where
there is a file *.sig, ssh-keygen tells who made this: SPEC.md, section 10.
SPEC.md, beside this file, explains every byte.

If the file is damaged and recovery.par2 is in it, any program par2 repairs it;
what it writes is called bundle.tar and opens like this file:

     cp FILE FILE.par2
     par2 repair FILE.par2 FILE
"""


def members(readme: Mapping[str, str], *, encrypted: bool, base: str | None = None) -> dict[str, bytes]:
    """The texts by name, in the bundle's order. *readme* is printed as `name: value` lines; *base* is a delta's.

    FormatError for a name or a value that is not one printable line.
    """
    return {
        outer.README: _readme(readme, encrypted, base).encode("utf-8"),
        outer.SPEC: (_PACKAGE / "SPEC.md").read_bytes(),
        outer.READER: (_PACKAGE / "open_bundle.py").read_bytes(),
    }


def _readme(values: Mapping[str, str], encrypted: bool, base: str | None) -> str:
    for text in (*values.keys(), *values.values()):
        if not text.isprintable():
            raise FormatError(f"{text!r} cannot be a line of README.txt")
    lines = "".join(f"{name}: {value}\n" for name, value in values.items())
    if encrypted:
        python = 'Python (3.8 or later) and\nits package "cryptography" are'
        key_option = " -i KEYFILE\n     (without -i KEYFILE it asks for the passphrase)"
        need, steps, number = _NEED_AGE, _ENCRYPTED_STEPS, 4
    else:
        python, key_option, need, steps, number = "Python (3.8 or later) is", "", "", "", 3
    last = _LAST_STEPS.format(number=number, next_number=number + 1, python=python, key_option=key_option)
    opening = (_WHOLE if base is None else _DELTA.format(base=base)) + _NEEDS + need + _STEPS + steps + last
    return outer.FORMAT_LINE + ("\n" + lines if lines else "") + opening
