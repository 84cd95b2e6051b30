"""What an unfinished training keeps, sealed: a key for each run, and files that only this key opens.

Knows bytes, not what they are: half-tuned networks and optimizer moments, which are made of a person's recordings and
count as recordings. Each file is an age file (C2SP age.md) for the run's own post-quantum key, so `age -d -i` opens it.
The key goes as soon as the voice is whole, or on `destroy --keys`: what it sealed is nobody's then, wherever the disk
still has it. The same disk may keep the key's own bytes, too; only fewer of them.

    HOME/keys/work/NAME     the key, 0600
    HOME/work/NAME/         what it opens; beside it, in the clear: base/ and stock/ (public networks), curves.jsonl
                            (losses: they go into the voice), nothing of which tells a recording
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from archive.age.envelope import decrypt_in_order, seal
from archive.age.hybrid import HybridIdentity
from archive.age.keys import WrittenIdentity, WrittenRecipient, identity_file, parse_identities
from archive.age.stream import NONCE_BYTES, EncryptingWriter, payload_key
from archive.container import Region
from archive.errors import ArchiveError
from lifecycle.errors import SecretError, WorkUnreadableError
from lifecycle.overwriting import overwrite_and_remove
from lifecycle.secret_files import read_text
from lifecycle.store import Store, new_file, sync_directory

_MARK = "run.sha256"


@dataclass(frozen=True, slots=True)
class WorkVault:
    """A `core_model.training.keeping.Keeper` that seals."""

    name: str  # of the voice
    identity: WrittenIdentity = field(repr=False)
    recipient: WrittenRecipient
    rng: Callable[[int], bytes]

    def write(self, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
        """Make *path* (0600) of *pieces*, whole or not at all; none of them touches the disk unsealed. OSError."""
        text, file_key = seal([self.recipient], self.rng)
        nonce = self.rng(NONCE_BYTES)
        with new_file(path, mode=0o600) as file:
            file.write(text + nonce)
            writer = EncryptingWriter(payload_key(file_key, nonce), file.write)
            for piece in pieces:
                writer.write(piece)
            writer.finish()

    def read(self, path: Path) -> bytes | None:
        """What was written; None where nothing was. WorkUnreadableError, OSError."""
        if not path.exists():
            return None
        with path.open("rb") as file:
            source = Region(file, 0, path.stat().st_size, path.name)
            try:
                # Copied one by one: a view shows the next piece's bytes by the time that all of them are joined.
                return b"".join(bytes(piece) for piece in decrypt_in_order(source, [self.identity]).everything())
            except ArchiveError:
                raise WorkUnreadableError(self.name) from None


def open_vault(store: Store, name: str, work: Path, run: str, rng: Callable[[int], bytes]) -> WorkVault:
    """The vault of the unfinished training of *name*; *run* tells one run from another. WorkUnreadableError, OSError.

    What another run left is emptied out of *work*, its key first; so is what no key is left of. The caller holds the
    lock on *work*. The mark is sealed, too: a digest of recordings confirms a guess at them.
    """
    mark = work / _MARK
    if key_path(store, name).exists():
        vault = _with_key(store, name, rng)
        if vault.read(mark) == run.encode("ascii"):
            return vault
        destroy_key(store, name)
    _empty(work)
    identity = HybridIdentity.generate(rng)
    store.private("keys", "work")
    with new_file(key_path(store, name), mode=0o600, replace=False) as file:
        file.write(identity_file(identity, created=f"for the unfinished training of {name}").encode())
    vault = _with_key(store, name, rng)
    vault.write(mark, [run.encode("ascii")])
    return vault


def _with_key(store: Store, name: str, rng: Callable[[int], bytes]) -> WorkVault:
    try:
        (opened,) = parse_identities(read_text(key_path(store, name)))
    except (ArchiveError, SecretError, ValueError):
        raise WorkUnreadableError(name) from None
    return WorkVault(name, opened, opened.recipient, rng)


def key_path(store: Store, name: str) -> Path:
    """Where the key of the unfinished training of *name* lies, if there is one."""
    return store.home / "keys" / "work" / name


def destroy_key(store: Store, name: str) -> int | None:
    """Overwrite and remove the key of *name*; its size, None if there is none. OSError."""
    path = key_path(store, name)
    if not path.exists():
        return None
    size = overwrite_and_remove(path)
    sync_directory(path.parent)
    return size or 0


def forget_work(store: Store, name: str) -> None:
    """Remove the work directory of *name*, and before it the key that opens what is in it."""
    destroy_key(store, name)
    shutil.rmtree(store.home / "work" / name, ignore_errors=True)  # another training may be tidying up too


def _empty(work: Path) -> None:
    """Remove everything in *work*, but not the directory itself: whoever works in it holds a lock on it."""
    for path in work.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
