"""The chain of custody: each record is signed and follows from the one before, or the chain says where it is broken."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import custody
from archive.custody import Act, Origin
from archive.errors import CustodyError
from archive.manifest import canonical_json, parse_json
from tests.archive.signers import ACT, ANNA, MALLORY, NOW, needs_ssh_keygen, ssh_keygen

ID = hashlib.sha256(b"payload.tar").hexdigest()
FILES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(9)]
SPEC = (Path(custody.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
BY_HAND = re.findall(r"```text\n(.*?)```", SPEC.split("## 10.")[1].split("\n## ")[0], re.DOTALL)


def chain_of(*acts: Act) -> bytes:
    """A chain with one record for each act; number N writes FILES[N]."""
    chain = b""
    for number, act in enumerate(acts):
        origin = Origin("f" * 64, FILES[number - 1]) if number else None
        what = custody.REFRESHED if number else custody.ARCHIVED
        chain = custody.append(chain, act, what, ID, FILES[number], ["X25519"], origin)
    return chain


LATER = Act(MALLORY, NOW + timedelta(days=4000), "lifecycle 7")
CHAIN = chain_of(ACT, LATER, ACT)


def test_what_was_said_is_read_again() -> None:
    first, second, third = custody.read(CHAIN, FILES[2])
    assert (first.number, first.what, first.when, first.who) == (1, "archived", "2045-11-21T12:30:05Z", ANNA.name)
    assert (first.key, first.origin, first.toolkit) == (ANNA.public.fingerprint, None, "lifecycle 0.1.0")
    assert (second.what, second.when, second.key) == ("refreshed", "2056-11-03T12:30:05Z", MALLORY.public.fingerprint)
    assert second.origin == Origin("f" * 64, FILES[0])
    assert [record.bundle_id for record in (first, second, third)] == [ID] * 3
    assert third.recipients == ("X25519",)


def lines(change: Callable[[list[bytes]], object]) -> bytes:
    found = CHAIN.splitlines(keepends=True)
    change(found)
    return b"".join(found)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lines(lambda found: found.pop(0)), "line 1 .* does not follow"),
        (lines(lambda found: found.pop(1)), "line 2 .* does not follow"),
        (lines(lambda found: found.pop()), "does not end at this file"),
        (lines(list.reverse), "line 1"),
        (lines(lambda found: found.append(found[2])), "line 4 .* does not follow"),
        (CHAIN[:-1], "line 3 .* it does not end"),
        (CHAIN + b"\n", "line 4"),
        (CHAIN.replace(b"2045", b"2046", 1), "line 1 .* was changed"),
        (CHAIN.replace(b"anna@", b"anne@", 1), "line 1 .* was changed"),
        (b"{}\n", "line 1 .* no record"),
        (b"[]\n", "line 1 .* no record"),
        (b"\n", "line 1 .* no record"),
        (b"", "does not end at this file"),
        (b"x" * (custody.MAX_BYTES + 1), "at most"),
    ],
)
def test_a_broken_chain_says_where(broken: bytes, told: str) -> None:
    with pytest.raises(CustodyError, match=told):
        custody.read(broken, FILES[2])


def test_a_chain_of_another_file_is_refused() -> None:
    with pytest.raises(CustodyError, match="does not end at this file"):
        custody.read(CHAIN, FILES[3])


def test_a_record_signed_by_another_key_than_it_names_is_refused() -> None:
    """Mallory takes Anna's record, and signs it with his own key."""
    document = parse_json(CHAIN.splitlines()[0])
    assert isinstance(document, dict)
    digest = hashlib.sha512(canonical_json(document["record"])).digest()
    document["signature"] = MALLORY.sign(digest, custody.NAMESPACE).decode()
    with pytest.raises(CustodyError, match="changed after it was signed"):
        custody.read(canonical_json(document) + b"\n", FILES[0])


def test_a_signature_made_for_something_else_is_refused() -> None:
    document = parse_json(CHAIN.splitlines()[0])
    assert isinstance(document, dict)
    document["signature"] = ANNA.sign(hashlib.sha512(canonical_json(document["record"])).digest(), "git").decode()
    with pytest.raises(CustodyError, match="changed after it was signed"):
        custody.read(canonical_json(document) + b"\n", FILES[0])


def test_a_record_of_another_bundle_or_another_file_does_not_continue_a_chain() -> None:
    start = chain_of(ACT)
    other = custody.append(start, ACT, "refreshed", "0" * 64, FILES[1], [], Origin("f" * 64, FILES[0]))
    with pytest.raises(CustodyError, match="of another bundle"):
        custody.read(other, FILES[1])
    other = custody.append(start, ACT, "refreshed", ID, FILES[1], [], Origin("f" * 64, FILES[5]))
    with pytest.raises(CustodyError, match="made of another file"):
        custody.read(other, FILES[1])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(CHAIN) - 1), st.integers(1, 255))
def test_no_byte_of_a_chain_can_be_changed(place: int, by: int) -> None:
    changed = CHAIN[:place] + bytes([CHAIN[place] ^ by]) + CHAIN[place + 1 :]
    with pytest.raises(CustodyError):
        custody.read(changed, FILES[2])


@needs_ssh_keygen
def test_a_record_is_verified_by_hand(tmp_path: Path) -> None:
    """With head, sed, tr and ssh-keygen: the lines that SPEC.md gives, run as they stand."""
    (tmp_path / "custody.jsonl").write_bytes(CHAIN)
    _, lines = BY_HAND
    subprocess.run(["sh", "-eu", "-c", lines], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    record = (tmp_path / "record").read_bytes()
    call = ["-Y", "check-novalidate", "-n", custody.NAMESPACE, "-s", tmp_path / "record.sig"]
    good = ssh_keygen(*call, stdin=record)
    assert good.returncode == 0, good.stderr
    assert ANNA.public.fingerprint.encode() in good.stdout
    assert ssh_keygen(*call, stdin=record + b" ").returncode != 0
