"""Writing a bundle: its members in their order, signed while they are written, in one pass and whole or not at all.

Knows neither where a payload comes from, a voice or another bundle, nor who may read it. Reference: SPEC.md sections
2, 6 and 10.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from archive import beside, custody, dsse, files, outer, parity, texts
from archive.age import envelope, header, stream
from archive.age.envelope import Recipient
from archive.age.stream import EncryptingWriter
from archive.custody import Act, Origin
from archive.digesting import Digest
from archive.errors import FormatError
from archive.manifest import Manifest
from archive.signing import Signer

Produce = Callable[[Digest, Executor], Iterator[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written. *bundle_id* is the SHA-256 of payload.tar, equal for equal members and description."""

    bundle_id: str
    sha256: str  # of the whole file; differs from run to run when encrypted
    size: int  # bytes
    full_id: str | None = None  # of a delta: the bundle id of the whole that it makes with its base


@dataclass(frozen=True, slots=True)
class Sealing:
    """Everything about a bundle but its payload: for whom it is, who signs it, and where it comes from."""

    recipients: Sequence[Recipient] = ()
    public: bool = False
    act: Act | None = None  # None: unsigned
    readme: Mapping[str, str] = field(default_factory=dict)
    redundancy: int = parity.DEFAULT_PERCENT
    rng: Callable[[int], bytes] = os.urandom
    what: str = custody.ARCHIVED
    chain: bytes = b""  # custody so far
    origin: Origin | None = None
    base: str | None = None  # bundle id that a delta was made since

    def require_one_audience(self) -> None:
        """FormatError unless it is either encrypted or public."""
        if bool(self.recipients) == self.public:
            raise FormatError(
                "a bundle is either encrypted to recipients or said to be public, not both and not neither"
            )


def write(destination: Path, described: Manifest, produce: Produce, sealing: Sealing) -> Packed:
    """Write the bundle *destination* round the payload.tar that *produce* gives and leaves the SHA-256 of.

    What *produce* raises ends it; then nothing is written.
    """
    sealing.require_one_audience()
    with (
        beside.threads() as pool,
        files.building(destination, parity.PROTECTED) as work,
        files.create(work / parity.PROTECTED) as file,
    ):
        digest, sha512 = Digest(pool), Digest(pool, "sha512")
        writer = outer.Writer(file, pool)
        for name, text in texts.members(sealing.readme, encrypted=not sealing.public, base=sealing.base).items():
            writer.add(name, text)
        name = outer.PUBLIC if sealing.public else outer.ENCRYPTED
        also = sha512 if sealing.act else None
        kinds = _put(writer, name, described.size, produce(digest, pool), sealing, also, pool)
        payload_sha256 = writer.end()
        bundle_id = digest.hexdigest()
        if sealing.act:
            chain = custody.append(
                sealing.chain, sealing.act, sealing.what, bundle_id, payload_sha256, kinds, sealing.origin
            )
            _sign(writer, name, described, sha512.digest(), chain, sealing, sealing.act.signer)
        sha256 = writer.finish(work, sealing.redundancy)
    return Packed(bundle_id, sha256, writer.size)


def _sign(
    writer: outer.Writer,
    name: str,
    described: Manifest,
    sha512: bytes,
    chain: bytes,
    sealing: Sealing,
    signer: Signer,
) -> None:
    """The optional members, in the order of their names."""
    attestation = dsse.sign(signer.p256, described, str(described.description.get("voice", "payload")))
    writer.add(outer.CUSTODY, chain)
    attested = outer.ATTESTATION if sealing.public else outer.SEALED_ATTESTATION
    _put(writer, attested, len(attestation), [attestation], sealing, None)
    writer.end()
    writer.add(f"{name}.mldsa.sig", signer.sign_ml_dsa(sha512, name))
    writer.add(f"{name}.sig", signer.sign(sha512))


def _put(
    writer: outer.Writer,
    name: str,
    size: int,
    pieces: Iterable[bytes | memoryview],
    sealing: Sealing,
    also: Digest | None,
    pool: Executor | None = None,
) -> tuple[str, ...]:
    """Write a member up to its padding, encrypted unless the bundle is public. Returns the kinds of its recipients."""
    if sealing.public:
        writer.begin(name, size, also)
        for piece in pieces:
            writer.write(piece)
        return ()
    head, file_key = envelope.seal(sealing.recipients, sealing.rng)
    nonce = sealing.rng(stream.NONCE_BYTES)
    writer.begin(name, len(head) + stream.sealed_size(size), also)
    writer.write(head + nonce)
    encrypting = EncryptingWriter(stream.payload_key(file_key, nonce), writer.write, pool)
    for piece in pieces:
        encrypting.write(piece)
    encrypting.finish()
    return tuple(stanza.arguments[0] for stanza in header.parse(head).stanzas)
