"""A bundle seen without its key: what it is for, who signed it, where it has been.

Knows no identities. Reference: SPEC.md sections 2 and 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from archive import beside, custody, files, outer, signing
from archive.age import header
from archive.container import Region
from archive.custody import Record
from archive.digesting import Digest
from archive.errors import CustodyError, SignatureError
from archive.outer import Outer
from archive.signing import Signature
from archive.ssh_keys import TrustedKey


class Outside:
    """What a bundle shows to everybody. The payload file is read once, when somebody asks who signed it."""

    def __init__(self, found: Outer) -> None:
        self._found = found
        self._sha512: bytes | None = None

    @property
    def members(self) -> tuple[tuple[str, int], ...]:
        """(name, bytes) of the members up to SHA256SUMS, in their order."""
        return tuple((name, region.size) for name, region in self._found.members.items())

    @property
    def reserved(self) -> tuple[str, ...]:
        """What stands after SHA256SUMS: recovery data, and what later versions put there."""
        return self._found.reserved

    @property
    def encrypted(self) -> bool:
        """Whether a key is needed."""
        return self._found.encrypted

    @property
    def payload_sha256(self) -> str:
        """SHA-256 of the payload file, as SHA256SUMS states it."""
        return self._found.sums[self._found.payload.entry]

    @property
    def signed(self) -> bool:
        """Whether there is any signature at all."""
        return bool(self._signature_names())

    def recipient_kinds(self) -> tuple[str, ...]:
        """The types of the age header's stanzas, one for each recipient; () for a public bundle."""
        if not self._found.encrypted:
            return ()
        region = self._found.payload
        parsed = header.parse(region.read_at(0, min(region.size, header.LIMIT_BYTES)))
        return tuple(stanza.arguments[0] for stanza in parsed.stanzas)

    def readme(self) -> str:
        """README.txt."""
        return self._bytes(outer.README).decode("utf-8", "replace")

    def signatures(self, trusted: Sequence[TrustedKey], now: datetime) -> tuple[Signature, ...]:
        """What the signatures over the payload file are worth. DamagedError if that file is not what it was."""
        names = self._signature_names()
        if not names:
            return ()
        texts = [(name, self._bytes(name)) for name in names]
        return signing.judge(self._digest_payload(), self._found.payload.entry, texts, trusted, now)

    def require_trusted(self, trusted: Sequence[TrustedKey], now: datetime) -> tuple[Signature, ...]:
        """The same; SignatureError unless one of *trusted* signed, and nothing is signed wrongly."""
        found = self.signatures(trusted, now)
        if not found:
            raise SignatureError("the bundle is not signed: anybody could have made it")
        if not signing.is_trusted(found):
            wrong = [signature for signature in found if signature.valid is False] or list(found)
            shown = wrong[0].fingerprint or "a key that cannot be read"
            verb = "names" if wrong[0].valid is False else "was made by"
            raise SignatureError(f"its {wrong[0].kind} signature {verb} {shown}: {wrong[0].problem}")
        return found

    def chain(self) -> bytes:
        """The lines of the chain of custody as they stand; b"" if there are none."""
        return self._bytes(outer.CUSTODY) if outer.CUSTODY in self._found.members else b""

    def custody(self) -> tuple[Record, ...]:
        """The records of the chain of custody, verified; () if there is none. CustodyError."""
        lines = self.chain()
        return custody.read(lines, self.payload_sha256) if lines else ()

    def require_custody(self) -> tuple[Record, ...]:
        """The same; CustodyError also where a signed bundle has none."""
        records = self.custody()
        if self.signed and not records:
            raise CustodyError("the bundle is signed and has no chain of custody: somebody took it away")
        return records

    def _signature_names(self) -> list[str]:
        return [name for name in self._found.members if name.endswith(".sig")]

    def _digest_payload(self) -> bytes:
        """SHA-512 of the payload file, and proof that it is the one that SHA256SUMS speaks of."""
        if self._sha512 is None:
            region: Region = self._found.payload
            with beside.threads() as pool:
                sha256, sha512 = Digest(pool), Digest(pool, "sha512")
                for piece in region.pieces(0, region.size):
                    sha256.update(piece)
                    sha512.update(piece)
                outer.require_digest(self._found, region, sha256.hexdigest())
                self._sha512 = sha512.digest()
        return self._sha512

    def _bytes(self, name: str) -> bytes:
        region = self._found.members[name]
        return region.read_at(0, region.size)


@contextmanager
def look(path: Path) -> Iterator[Outside]:
    """Look at the bundle at *path* without a key. FormatError, UnsupportedVersionError, DamagedError, OSError."""
    with files.open_regular(path) as file:
        yield Outside(outer.read(file))
