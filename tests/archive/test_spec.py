"""SPEC.md says what is so: its command lines open a bundle, its example is computed again, its numbers are ours."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive import container, outer, payload
from archive.age import envelope, header, scrypt
from archive.age.keys import identity_file
from archive.age.stream import SeekableReader
from archive.age.x25519 import X25519Identity
from archive.bundle import payload_digest
from archive.container import Region
from archive.digesting import Digest
from archive.manifest import MAX_BYTES, Manifest
from tests.archive.crafting import IDENTITY, pack_small, stand_alone, write_members

SPEC = (Path(container.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", SPEC, re.DOTALL)
BY_HAND = [text for language, text in BLOCKS if language == "sh"]
NEEDED = ("tar", "age", "sha256sum")

by_hand = pytest.mark.skipif(
    not all(shutil.which(program) for program in NEEDED), reason=f"needs {', '.join(NEEDED)} (Debian: apt install age)"
)


def run(script: str, directory: Path) -> str:
    """Run the lines as they stand, in a shell that stops at the first failure and finds only the system's programs."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
    call = ["sh", "-eu", "-c", script]
    done = subprocess.run(call, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@by_hand
@pytest.mark.parametrize("kind", ["x25519", "public"])
def test_a_bundle_opens_with_tar_age_and_sha256sum_alone(kind: str, tmp_path: Path) -> None:
    members = write_members(tmp_path / "source")
    packed = pack_small(tmp_path / "anna.voice", members, kind)
    (tmp_path / "key.txt").write_text(identity_file(IDENTITY, created="for this test"))
    opening, comparing, rebuilding, _ = BY_HAND
    if kind == "public":
        opening = "".join(line for line in opening.splitlines(keepends=True) if not line.startswith("age "))
    assert run(opening, tmp_path).count(": OK\n") == 4
    for path, source in members.items():
        assert (tmp_path / "voice" / path).read_bytes() == source.read_bytes()
    checked = run(comparing + rebuilding, tmp_path)
    assert checked.count(": OK\n") == len(members)
    assert re.findall(r"^([0-9a-f]{64})", checked, re.MULTILINE) == [packed.bundle_id] * 2


@by_hand
@pytest.mark.parametrize("kind", ["x25519", "public"])
def test_the_steps_of_readme_open_it_too(kind: str, tmp_path: Path) -> None:
    members = write_members(tmp_path / "source")
    pack_small(tmp_path / "FILE", members, kind)
    (tmp_path / "KEYFILE").write_text(identity_file(IDENTITY, created="for this test"))
    with tarfile.open(tmp_path / "FILE") as tar:
        readme = tar.extractfile("README.txt")
        assert readme
        text = readme.read().decode()
    steps = re.findall(r"^  \d\. (.*)$", text, re.M)
    assert run("\n".join(steps), tmp_path).count(": OK\n") == 4
    for path, source in members.items():
        assert (tmp_path / "voice" / path).read_bytes() == source.read_bytes()
    assert ("python3 open_bundle.py FILE DIRECTORY -i KEYFILE" in text) == (kind == "x25519")
    assert max(len(line) for line in text.splitlines()) <= 80


@by_hand
def test_what_is_wrong_is_seen_by_hand_too(tmp_path: Path) -> None:
    """Else the test above would also pass with a sha256sum that says OK to everything."""
    pack_small(tmp_path / "anna.voice", write_members(tmp_path / "source"), "public")
    data = bytearray((tmp_path / "anna.voice").read_bytes())
    data[data.index(b"plain tar archive")] ^= 1
    (tmp_path / "anna.voice").write_bytes(data)
    with pytest.raises(AssertionError, match=r"did NOT match"):
        run("\n".join(BY_HAND[0].splitlines()[:2]), tmp_path)


def example_members(directory: Path) -> dict[str, Path]:
    (directory / "hello.txt").write_bytes(b"hello\n")
    (directory / "empty.bin").write_bytes(b"")
    return {"notes/hello.txt": directory / "hello.txt", "empty.bin": directory / "empty.bin"}


def test_the_worked_example_is_what_we_write(tmp_path: Path) -> None:
    members = example_members(tmp_path)
    document = next(text for language, text in BLOCKS if language == "json").rstrip("\n").encode()
    described = Manifest.parse(document)
    assert len(document) == 386
    assert payload.describe(members, {"name": "example"}, {}) == described
    with ThreadPoolExecutor(2) as pool:
        produced = payload.produce(described, members, Digest(pool), pool)
        data = b"".join(bytes(piece) for piece in produced)
    digest = re.search(r"The bundle id, .*?: `([0-9a-f]{64})`", SPEC)
    assert digest
    assert hashlib.sha256(data).hexdigest() == digest[1] == payload_digest(members, {"name": "example"})
    assert data[512 : 512 + 386] == document
    rows = [
        (int(start), int(size), what) for start, size, what in re.findall(r"^\| (\d+) \| (\d+) \| (.*) \|$", SPEC, re.M)
    ]
    assert [start for start, _, _ in rows] == [sum(size for _, size, _ in rows[:place]) for place in range(len(rows))]
    assert sum(size for _, size, _ in rows) == len(data)
    for start, size, what in rows:
        part = data[start : start + size]
        if what.startswith("zeros"):
            assert part == bytes(size)
        elif what.startswith("header of"):
            assert container.parse_header(part, start, what)[0] == what.split("`")[1]


def test_the_header_of_the_example(tmp_path: Path) -> None:
    drawn = next(text for _, text in BLOCKS if text.startswith("notes/hello.txt"))
    block = container.header("notes/hello.txt", 6)
    starts = (0, 100, 257, 329)
    for start, line in zip(starts, drawn.splitlines(), strict=True):
        assert block[start : start + len(line)] == line.replace(".", "\0").replace("\0txt", ".txt").encode()
    table = re.findall(r"^\| ([\d, -]+) \| [^|]* \| `(\S+?)` NUL", SPEC, re.M)
    assert table
    for places, value in table:
        for first, last in re.findall(r"(\d+)-(\d+)", places):
            assert block[int(first) : int(last) + 1].startswith(value.encode() + b"\0"), places


def test_the_encrypted_example_opens() -> None:
    secret = next(text for _, text in BLOCKS if text.startswith("AGE-SECRET-KEY-1")).strip()
    head = next(text for _, text in BLOCKS if text.startswith("age-encryption.org/v1\n-> X25519")).encode()
    body = bytes.fromhex(next(text for _, text in BLOCKS if re.fullmatch(r"[0-9a-f\n]+", text)))
    parsed = header.parse(head + body)
    assert parsed.size == len(head)
    file_key = envelope.unseal(parsed, [X25519Identity.parse(secret)])
    assert SeekableReader(file_key, Region(io.BytesIO(body), 0, len(body), "example")).read_at(0, 6) == b"hello\n"
    module = stand_alone()
    member = module.Source([head, body])
    assert b"".join(module.decrypt(member, len(head + body), [module.parse_identity(secret)])) == b"hello\n"


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"the {len(outer.FORMAT_LINE)} bytes `{outer.FORMAT_LINE.strip()}` and a line feed" in SPEC
    assert f"more than {MAX_BYTES // 2**20} MiB" in SPEC
    assert f"a header of more than {header.LIMIT_BYTES} bytes" in SPEC
    assert f"Writers use N = {scrypt.WORK_FACTOR} (256 MiB" in SPEC
    assert f"readers refuse N above {scrypt.MAX_WORK_FACTOR} " in SPEC
    assert container.MAX_ENTRY_BYTES == 8 * 2**30 - 1
    members = re.findall(r"^\| (`[\w.]+`(?: or `[\w.]+`)?) \| ", SPEC.split("## 2.")[1].split("## 3.")[0], re.M)
    assert [tuple(re.findall(r"`(.*?)`", row)) for row in members] == [
        outer.expected_names(place) for place in range(outer.PLACES)
    ]
    assert outer.RESERVED.pattern.split("|")[1] in SPEC


def test_the_stand_alone_reader_has_the_same_limits() -> None:
    module = stand_alone()
    assert module.MAX_ENTRY == container.MAX_ENTRY_BYTES
    assert module.MAX_MANIFEST == MAX_BYTES
    assert module.MAX_AGE_HEADER == header.LIMIT_BYTES
    assert module.MAX_WORK_FACTOR == scrypt.MAX_WORK_FACTOR
    assert module.FIRST_LINE.decode() == outer.FORMAT_LINE
    assert module.RESERVED.pattern == outer.RESERVED.pattern
    assert tuple(outer.expected_names(place) for place in range(outer.PLACES)) == module.PLACES
    assert len((Path(container.__file__).parent / "open_bundle.py").read_text().splitlines()) <= 300
