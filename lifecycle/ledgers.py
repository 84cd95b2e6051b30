"""Ledgers on this machine: one for each person, however many voices of theirs there are, and a copy in released voices.

Knows files; what a line means and whether it is true, privacy.ledger knows. A person is known by a pseudonym, made of
their name under a key that never leaves this home.

    HOME/keys/pseudonyms              that key, 0600
    HOME/ledgers/PSEUDONYM.jsonl      all releases of one person; written, under a lock, before anything is released
    HOME/ledgers/subjects.json        {voice: pseudonym}, for voices whose records name nobody
    VOICE/records/ledger.jsonl        the lines up to that voice's own: goes into the bundle

A copy must be the beginning of the home's ledger. Where the home's is shorter, lines were removed; where there is none,
as after a restore on a new machine, the longest copy is taken up. What none of this shows: a home and all its voices,
rewritten together.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from compat_tests.findings import Finding, not_run
from lifecycle.errors import LedgerDisagreesError, OutputExistsError, SubjectError
from lifecycle.secret_files import read_text
from lifecycle.store import Store, new_file
from privacy.errors import LedgerDamagedError
from privacy.ledger import MOST_BYTES, Entry, Ledger, check
from privacy.pseudonyms import KEY_BYTES, PSEUDONYM, pseudonym

RECORD = "ledger.jsonl"  # in records/
LAYER = "ledger"  # what it is called beside the layers of speech, of which it is none


def ledger_path(store: Store, subject: str) -> Path:
    """Where the ledger of *subject* lies, if there is one."""
    return _directory(store) / f"{subject}.jsonl"


def read_ledger(store: Store, subject: str) -> Ledger:
    """The whole account of *subject*. LedgerDamagedError, LedgerDisagreesError."""
    path = ledger_path(store, subject)
    data = path.read_bytes() if path.is_file() else b""
    ledger = Ledger.parse(data)
    copies = {name: copy for name, copy in _copies(store).items() if _parse_copy(name, copy).subject == subject}
    longest = max(copies.values(), key=len, default=b"")
    if not path.is_file():
        ledger, data = Ledger.parse(longest), longest
    for name, copy in copies.items():
        if not data.startswith(copy):
            told = "lines were removed from it" if copy.startswith(data) else "one of the two was rewritten"
            raise LedgerDisagreesError(f"the ledger of {subject} is not what the voice {name} says it was: {told}")
    return ledger


def append(store: Store, entry: Entry) -> Ledger:
    """Write one line more, to the disk, and return the ledger with it. LedgerError, LedgerDisagreesError."""
    with _locked(store):
        ledger = read_ledger(store, entry.subject).with_entry(entry)
        with new_file(ledger_path(store, entry.subject), mode=0o600) as file:
            file.write(ledger.marshal())
    return ledger


def keep(store: Store, subject: str) -> None:
    """Write down in this home what only the copy in a voice tells, before that goes. LedgerDamagedError and kin."""
    with _locked(store):
        ledger = read_ledger(store, subject)
        if ledger.entries and not ledger_path(store, subject).is_file():
            with new_file(ledger_path(store, subject), mode=0o600) as file:
                file.write(ledger.marshal())


def write_copy(ledger: Ledger, directory: Path) -> None:
    """Put the lines so far into records/ of the voice that is being made in *directory*."""
    (directory / "records").mkdir(exist_ok=True)
    (directory / "records" / RECORD).write_bytes(ledger.marshal())


def finding_of(directory: Path) -> Finding | None:
    """Whether the ledger in the voice at *directory* is true, for who verifies it; None: it holds none.

    Every epsilon is computed again from the mechanism that its line names. What cannot be is not run, and not passed.
    """
    path = directory / "records" / RECORD
    if not path.is_file():
        return None
    with path.open("rb") as file:
        checked = check(file.read(MOST_BYTES + 1))
    told = f"{checked.told[:1].upper()}{checked.told[1:]}."
    if checked.verdict == "false":
        return Finding(LAYER, "failed", told)
    if checked.verdict == "not recomputed":
        return not_run(LAYER, told)
    lines = "Its one line is" if checked.lines == 1 else f"All {checked.lines} lines are in their place and"
    return Finding(LAYER, "passed", f"{lines} true: each epsilon was computed again.")


def pseudonym_of(store: Store, name: str, rng: Callable[[int], bytes]) -> str:
    """The word for the person called *name* in this home, whose key is made when it is first needed. SubjectError."""
    if PSEUDONYM.fullmatch(name):
        return name
    if not any(map(str.isalnum, name)):
        raise SubjectError("the name of a speaker has letters")
    path = store.home / "keys" / "pseudonyms"
    if not path.exists():
        store.private("keys")
        with contextlib.suppress(OutputExistsError), new_file(path, mode=0o600, replace=False) as file:
            file.write(rng(KEY_BYTES).hex().encode() + b"\n")  # suppressed: another process was first
    try:
        key = bytes.fromhex(read_text(path).strip())
    except ValueError:
        raise SubjectError(f"{path} holds no key") from None
    return pseudonym(key, name)


def subject_of(store: Store, voice: str) -> str | None:
    """Whose voice it is: as its records say, else as this home remembers. None: nobody has said. LedgerDamagedError."""
    copy = store.path(voice) / "records" / RECORD
    recorded = _parse_copy(voice, copy.read_bytes()).subject if copy.is_file() else None
    return recorded or _remembered(store).get(voice)


def remember_subject(store: Store, voice: str, subject: str) -> None:
    """Keep whose voice it is. SubjectError if it was said to be somebody else's."""
    with _locked(store):
        known = subject_of(store, voice)
        if known not in (None, subject):
            raise SubjectError(f"the voice {voice} is known to be of {known}, and now it would be of {subject}")
        if known is None:
            document = _remembered(store) | {voice: subject}
            with new_file(_directory(store) / "subjects.json", mode=0o600) as file:
                file.write(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def _parse_copy(voice: str, data: bytes) -> Ledger:
    """The copy in *voice*. LedgerDamagedError names the voice: the home's own ledger may be whole."""
    try:
        return Ledger.parse(data)
    except LedgerDamagedError as error:
        raise LedgerDamagedError(error.line, error.problem, voice) from None


def _copies(store: Store) -> dict[str, bytes]:
    """The copies in the voices of this home, by voice."""
    paths = {name: store.path(name) / "records" / RECORD for name in store.names()}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def _remembered(store: Store) -> dict[str, str]:
    path = _directory(store) / "subjects.json"
    try:
        document = json.loads(path.read_bytes()) if path.is_file() else {}
    except ValueError:
        document = None
    if not isinstance(document, dict) or not all(PSEUDONYM.fullmatch(str(word)) for word in document.values()):
        raise SubjectError(f"{path} is not what this toolkit writes")
    return document


def _directory(store: Store) -> Path:
    return store.home / "ledgers"


@contextlib.contextmanager
def _locked(store: Store) -> Iterator[None]:
    """Hold the lock on all ledgers of this home: two releases at once must not both fit under one cap."""
    descriptor = os.open(store.private("ledgers"), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
