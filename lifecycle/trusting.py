"""Whom this machine signs as and whom it trusts: keys in files, and what to do with a bundle by somebody else.

Knows bundles from the outside only. A home signs what it archives with a key of its own, made when it is first needed,
and trusts that key alone; whom else to trust is said each time. docs/decisions/0011-signatures.md.

    HOME/keys/signing       OpenSSH private key, 0600
    HOME/keys/signing.pub   what another home needs to trust this one
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive import dsse
from archive.errors import KeyFormatError, SignatureError
from archive.outside import Outside
from archive.signing import Signature, Signer
from archive.ssh_keys import TrustedKey, parse_trusted
from lifecycle.errors import NotTrustedError, OutputExistsError, SecretError, TrustError
from lifecycle.secret_files import read_text
from lifecycle.store import Store, new_file

_LITERAL = "ssh-ed25519 "
_SUFFIXES = (".pub", ".p256.pub")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a person trusts, as of when, and whether they take what nobody vouches for."""

    keys: tuple[TrustedKey, ...]
    now: datetime
    named: bool = False  # by --trust, and not only this home's own key
    accept_unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a bundle's signatures. *doubt* is one sentence, or "" if somebody trusted signed."""

    signatures: tuple[Signature, ...]
    doubt: str

    @property
    def wrong(self) -> bool:
        """Whether a signature is there and false: worse than none."""
        return any(signature.valid is False for signature in self.signatures)

    @property
    def lines(self) -> list[str]:
        """A line for each signature, its key's fingerprint always among it."""
        return [_line(signature) for signature in self.signatures] or ["not signed"]


def judge(outside: Outside, trust: Trust) -> Judgement:
    """Look at the signatures. DamagedError; a signature that is wrong is a finding here."""
    found = outside.signatures(trust.keys, trust.now)
    try:
        outside.require_trusted(trust.keys, trust.now)
    except SignatureError as error:
        return Judgement(found, str(error))
    return Judgement(found, "")


def require_trusted(outside: Outside, trust: Trust) -> Judgement:
    """The same; NotTrustedError unless somebody trusted signed, or the person accepts that nobody did."""
    judged = judge(outside, trust)
    if judged.doubt and not trust.accept_unsigned:
        raise NotTrustedError(judged.doubt, judged.wrong)
    return judged


def own_signer(store: Store, rng: Callable[[int], bytes]) -> Signer:
    """Return the signer of this home, made when there is none yet. SecretError if its file is not what it should be."""
    path = _own_key(store)
    if not path.exists():
        with contextlib.suppress(OutputExistsError):  # another process was first
            store.private("keys")
            for suffix in _SUFFIXES:  # of a key that was never finished
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            write_signer(path, Signer.generate(rng, ""), rng)
    signer = read_signer(path)
    for suffix, data in _public_halves(signer).items():  # whoever was second, or was killed, may have left others
        beside = path.with_name(path.name + suffix)
        if not beside.is_file() or beside.read_bytes() != data:
            with new_file(beside) as file:
                file.write(data)
    return signer


def read_signer(path: Path) -> Signer:
    """Return the signer whose OpenSSH private key is in *path*. SecretError."""
    try:
        return Signer.parse(read_text(path))
    except KeyFormatError as error:
        raise SecretError(path, str(error)) from None


def write_signer(path: Path, signer: Signer, rng: Callable[[int], bytes]) -> None:
    """Write *path* (0600), and beside it what to give away: .pub, and .p256.pub for model-signing. OutputExistsError.

    The secret half appears last: where it is, the others are. A name that is taken is left alone.
    """
    with new_file(path, mode=0o600, replace=False) as file:
        file.write(signer.secret_file(rng).encode())
        for suffix, data in _public_halves(signer).items():
            with new_file(path.with_name(path.name + suffix), replace=False) as beside:
                beside.write(data)


def read_trust(named: Sequence[str], store: Store, now: datetime, *, accept_unsigned: bool = False) -> Trust:
    """Return whom to trust: each of *named* is a key or a file of them; this home's own key where nothing is named."""
    keys: list[TrustedKey] = []
    for name in named:
        try:
            keys += parse_trusted(name if name.startswith(_LITERAL) else read_text(Path(name)))
        except KeyFormatError as error:
            raise TrustError(name if name.startswith(_LITERAL) else Path(name).name, str(error)) from None
    if not named and _own_key(store).exists():
        signer = read_signer(_own_key(store))
        keys = [TrustedKey(signer.public, "this home", ml_dsa=signer.ml_dsa_fingerprint)]
    return Trust(tuple(keys), now, bool(named), accept_unsigned)


def _own_key(store: Store) -> Path:
    return store.home / "keys" / "signing"


def _public_halves(signer: Signer) -> dict[str, bytes]:
    """What stands beside a signer's file, by suffix."""
    halves = (signer.public_file().encode(), dsse.public_pem(signer.p256.public_key()))
    return dict(zip(_SUFFIXES, halves, strict=True))


def _line(signature: Signature) -> str:
    if signature.valid is None:
        worth = signature.problem
    elif not signature.valid:
        worth = f"WRONG: {signature.problem}"
    elif signature.trusted is not None:
        worth = f"right, trusted as {signature.trusted}" if signature.trusted else "right, trusted"
    else:
        worth = f"right; {signature.problem or 'not what trust depends on'}"
    return f"{signature.kind} {signature.fingerprint or '?'}  {worth}"
