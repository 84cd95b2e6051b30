#!/usr/bin/env python3
"""Open a voice bundle without the software that made it: python3 open_bundle.py BUNDLE DIRECTORY [-i KEYFILE]

Needs Python 3.8 or later; for an encrypted bundle the package "cryptography"; without KEYFILE it asks for a passphrase.
It compares every byte of BUNDLE with SPEC.md, of which it is a second reading; DIRECTORY appears when all was right.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import json
import os
import re
import shutil
import sys
import tempfile
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, Iterable, Iterator  # noqa: UP035  collections.abc has no subscripts before 3.9

try:
    from cryptography.exceptions import InvalidTag  # noqa: I001
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey  # last: old versions lack it
except ImportError:
    pass  # a public bundle opens without it

BLOCK, MIB, CHUNK, TAG = 512, 1 << 20, 65536, 16
MAX_ENTRY, MAX_MANIFEST, MAX_AGE_HEADER, MAX_WORK_FACTOR = 8**11 - 1, 4 * MIB, 65536, 20
STANZAS = {"X25519": (2, 32), "mlkem768x25519": (2, 1120), "scrypt": (3, 16)}  # arguments, bytes of the second one
PLACES = (("README.txt",), ("SPEC.md",), ("open_bundle.py",), ("payload.tar.age", "payload.tar"), ("SHA256SUMS",))
FIRST_LINE = b"voice bundle, format 1\n"
AGE_HEADER = re.compile(rb"(age-encryption\.org/v1\n(?:-> [!-~]+(?: [!-~]+)*\n(?:.{64}\n)*.{0,63}\n)+---) (.{43})\n")
AGE_STANZA = re.compile(rb"-> ([^\n]+)\n((?:[^\n]{64}\n)*[^\n]{0,63}\n)")
RESERVED = re.compile(r"SHA256SUMS\.sig|[a-z0-9_][a-z0-9._+-]*\.par2")
mac = partial(hmac.digest, digest="sha256")  # (key, data)
NAME_PART = re.compile(r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z))\w(?:[\w.+-]*[\w+-])?", re.ASCII)


def require(condition: object, problem: str) -> None:
    if not condition:
        raise ValueError(problem)


class Source:  # bytes that come in pieces, read in order; keeps the SHA-256 of what was read
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest, self.sha256 = iter(pieces), memoryview(b""), hashlib.sha256()

    def pieces(self, size: int) -> Iterator[bytes]:
        while size > 0:
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b""))
                require(len(self._rest), "the bundle, or its payload, ends too early")
            piece, self._rest = bytes(self._rest[:size]), self._rest[size:]
            self.sha256.update(piece)
            size -= len(piece)
            yield piece

    def read(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> None:
        sum(map(len, self.pieces(size)))

    def finish(self, size: int, name: str) -> None:
        require(not any(self.read(-size % BLOCK)), f"{name}: the padding after it is not zero")

    def require_end(self, name: str) -> None:
        require(not self._rest and next(self._pieces, None) is None, f"{name}: something follows its end")


def tar_header(name: str, size: int) -> bytes:  # the only one, so that reading is comparing (SPEC.md section 3)
    short, prefix = name.encode("ascii", "replace"), b""
    if len(short) > 100:
        cut = short.rfind(b"/", 1, 156)
        require(cut > 0 and len(short) - cut <= 101, f"{name!r} is too long")
        short, prefix = short[cut + 1 :], short[:cut]
    block = short.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0" + b" " * 8
    block += b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + prefix.ljust(155, b"\0") + bytes(12)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def read_header(block: bytes, place: str) -> tuple[str, int]:
    name, size = block[:100].rstrip(b"\0").decode("ascii"), int(block[124:135], 8)
    require(0 <= size <= MAX_ENTRY and tar_header(name, size) == block, f"no canonical tar header for {place}")
    return name, size


def open_bundle(path: Path, directory: Path, keys: list[tuple[str, bytes]]) -> None:
    require(not os.path.lexists(directory), f"{directory} already exists")
    temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".partial", dir=directory.parent))
    try:
        with path.open("rb") as file:
            read_bundle(Source(iter(lambda: file.read(MIB), b"")), temporary, keys)
        temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_bundle(source: Source, directory: Path, keys: list[tuple[str, bytes]]) -> None:  # SPEC.md section 2
    sums, place, last, optional = b"", 0, "", ""
    while place < len(PLACES):
        name, size = read_header(source.read(BLOCK), PLACES[place][0])
        known = name in PLACES[place]
        require(known or (last < name and re.fullmatch(optional, name)), f"{name!r} stands before {PLACES[place][0]}")
        place, last = place + known, "" if known else name
        member = Source(source.pieces(size))
        if name == "SHA256SUMS":
            require(size == len(sums) and member.read(size) == sums, "SHA256SUMS and the members do not agree")
        elif name in PLACES[3]:
            plain = decrypt(member, size, keys) if name == "payload.tar.age" else member.pieces(size)
            read_payload(Source(plain), directory)
            optional = rf"custody\.jsonl|manifest\.dsse\.json{name[11:]}|{name}(\.[a-z0-9-]+)?\.sig"  # for other tools
        else:
            head = member.read(min(size, len(FIRST_LINE)))
            require(name != "README.txt" or head == FIRST_LINE, 'it does not begin with "voice bundle, format 1"')
            member.skip(size - len(head))
        member.require_end(name)
        sums += f"{member.sha256.hexdigest()}  {name}\n".encode()
        source.finish(size, name)
    while (block := source.read(BLOCK)) != bytes(BLOCK):  # recovery data, and names that version 1 has no use for
        name, size = read_header(block, "the end")
        require(RESERVED.fullmatch(name), f"found {name!r} where the bundle must end")
        source.skip(size)
        source.finish(size, name)
    require(source.read(BLOCK) == bytes(BLOCK), "the bundle does not end in two blocks of zeros")
    source.require_end("the bundle")


def read_payload(source: Source, directory: Path) -> None:  # SPEC.md section 4
    name, size = read_header(source.read(BLOCK), "manifest.json")
    require(name == "manifest.json" and size <= MAX_MANIFEST, "the payload does not begin with its manifest")
    data = source.read(size)
    source.finish(size, name)
    store(directory / name, [data])
    offset = BLOCK + size + -size % BLOCK
    for entry in parse_manifest(data):
        path, size = entry["path"], entry["size"]
        require(entry["offset"] == offset + BLOCK, f"{path}: the manifest places it elsewhere")
        require(source.read(BLOCK) == tar_header(path, size), f"{path}: another tar header than the manifest's")
        require(store(directory / path, source.pieces(size)) == entry["sha256"], f"{path}: not the manifest's SHA-256")
        source.finish(size, path)
        offset += BLOCK + size + -size % BLOCK
    require(source.read(2 * BLOCK) == bytes(2 * BLOCK), "the payload does not end in two blocks of zeros")
    source.require_end("the payload")


def parse_manifest(data: bytes) -> list[dict[str, Any]]:  # SPEC.md section 5
    text = data.decode("utf-8")
    brackets = re.sub(r'(?s)"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^][{}]', "", text)
    require(max(accumulate(1 if c in "[{" else -1 for c in brackets)) <= 32, "the manifest is nested too deeply")
    document = json.loads(text, object_pairs_hook=mapping, parse_int=number, parse_float=number)
    require(json.dumps(document, ensure_ascii=False, separators=(",", ":")) == text, "the manifest is not canonical")
    require(isinstance(document["description"], dict), "the manifest's description is no object")
    stated = (document["format"], repr(document["version"]))  # repr: True is no 1
    require(stated == ("lifecycle-bundle", "1"), "the manifest is of another format or version")
    members, taken = list(document["members"][:]), {"manifest.json": "manifest.json"}
    for entry in members:
        numbers = (entry["size"], entry["offset"], entry["version"])
        require(all(type(value) is int and value >= 0 for value in numbers), "the manifest holds a wrong number")
        texts = re.fullmatch("[0-9a-f]{64}", entry["sha256"]), re.fullmatch("[a-z0-9][a-z0-9._+-]*", entry["format"])
        require(all(texts), "the manifest holds a wrong digest or format")
        claim(entry["path"], taken)
    require(members == sorted(members, key=lambda entry: str(entry["path"])), "the manifest is not sorted")
    return members


def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
    require((keys := [k.encode("utf-16-be") for k, _ in pairs]) == sorted(set(keys)), "the manifest is not canonical")
    return dict(pairs)


def number(text: str) -> int:
    require(abs(int(text)) < 2**53, "the manifest holds a number that is too large")
    return int(text)


def claim(path: str, taken: dict[str, str]) -> None:  # refuses what some file system takes for one of *taken*
    parts = path.split("/")
    require(len(parts) <= 32 and all(map(NAME_PART.fullmatch, parts)), f"unsafe {path!r}")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        require(taken.setdefault(parent.lower(), parent + "/") == parent + "/", f"{path!r} collides with another entry")
    require(path.lower() not in taken, f"{path!r} collides with another entry")
    taken[path.lower()] = path


def store(target: Path, pieces: Iterable[bytes]) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:  # "x" follows no link and overwrites nothing
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def decrypt(member: Source, size: int, keys: list[tuple[str, bytes]]) -> Iterator[bytes]:  # SPEC.md section 6
    require("InvalidTag" in globals(), 'an encrypted bundle needs the Python package "cryptography"')
    file_key, header_size = unseal(member, keys)
    size -= header_size + 16
    cipher, counter = ChaCha20Poly1305(hkdf(file_key, member.read(16), b"payload")), 0
    while size > 0 or counter == 0:
        sealed = member.read(min(size, CHUNK + TAG))
        size -= len(sealed)
        require(len(sealed) > TAG, "the encrypted payload ends too early")
        try:
            yield cipher.decrypt(counter.to_bytes(11, "big") + (b"\0" if size else b"\1"), sealed, None)
        except InvalidTag:
            raise ValueError(f"the encrypted payload is damaged in chunk {counter}, or cut after it") from None
        counter += 1


def unseal(member: Source, keys: list[tuple[str, bytes]]) -> tuple[bytes, int]:  # file key, size of the header
    text = b""
    while not (text.endswith(b"\n") and text[text.rfind(b"\n", 0, -1) + 1 :].startswith(b"---")):
        require(len(text) < MAX_AGE_HEADER, "the encryption header is too long")
        text += member.read(1)
    header = AGE_HEADER.fullmatch(text)
    require(header, "the encryption header is malformed")
    stanzas = [(found[1].decode().split(" "), unbase64(found[2])) for found in AGE_STANZA.finditer(text)]
    require(len(stanzas) == 1 or not re.search(rb"\n-> scrypt[ \n]", text), "a passphrase must be the only recipient")
    for kind, key in keys or [("scrypt", getpass.getpass().encode())]:
        for arguments, body in stanzas:
            file_key = unwrap(kind, key, arguments, body) if arguments[0] == kind else None
            if file_key and header:
                right = mac(hkdf(file_key, b"", b"header"), header[1])
                require(hmac.compare_digest(unbase64(header[2]), right), "the encryption header was changed")
                return file_key, len(text)
    raise ValueError("no key opens this bundle, or its encryption header is damaged")


def unwrap(kind: str, key: bytes, arguments: list[str], body: bytes) -> bytes | None:  # None: does not fit
    require(len(arguments) == STANZAS[kind][0] and len(body) == 32, "a recipient is malformed")
    public, label, nonce = unbase64(arguments[1].encode()), b"age-encryption.org/v1/", bytes(12)
    require(len(public) == STANZAS[kind][1], "a recipient is malformed")
    if kind == "X25519":
        secret = X25519PrivateKey.from_private_bytes(key)
        shared = secret.exchange(X25519PublicKey.from_public_bytes(public))
        wrap_key = hkdf(shared, public + secret.public_key().public_bytes_raw(), label + b"X25519")
    elif kind == "scrypt":
        work = int(arguments[2]) if re.fullmatch("[1-9][0-9]?", arguments[2]) else 99
        require(work <= MAX_WORK_FACTOR, "the passphrase asks for too much memory")
        wrap_key = Scrypt(salt=label + b"scrypt" + public, length=32, n=1 << work, r=8, p=1).derive(key)
    else:  # X-Wing, then HPKE in base mode
        require("MLKEM768PrivateKey" in globals(), 'a post-quantum key needs a newer Python package "cryptography"')
        seed, share = hashlib.shake_256(key).digest(96), public[1088:]
        secret = X25519PrivateKey.from_private_bytes(seed[64:])
        shared = MLKEM768PrivateKey.from_seed_bytes(seed[:64]).decapsulate(public[:1088])
        shared += secret.exchange(X25519PublicKey.from_public_bytes(share))
        shared = hashlib.sha3_256(shared + share + secret.public_key().public_bytes_raw() + b"\\.//^\\").digest()
        suite, info = b"HPKE-v1HPKE\x64\x7a\0\1\0\3", b"age-encryption.org/mlkem768x25519"
        context = b"\0" + mac(b"", suite + b"psk_id_hash") + mac(b"", suite + b"info_hash" + info)
        wrap_key = mac(mac(shared, suite + b"secret"), b"\0\x20" + suite + b"key" + context + b"\1")
        nonce = mac(mac(shared, suite + b"secret"), b"\0\x0c" + suite + b"base_nonce" + context + b"\1")[:12]
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(nonce, body, None)
    except InvalidTag:
        return None


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    return mac(mac(salt, key), info + b"\1")  # HKDF-SHA-256 (RFC 5869) of 32 bytes


def unbase64(text: bytes) -> bytes:
    data = base64.b64decode(text.replace(b"\n", b"") + b"===")
    require(base64.b64encode(data).rstrip(b"=") == text.replace(b"\n", b""), "loose base64 in the encryption header")
    return data


def parse_identity(line: str) -> tuple[str, bytes]:  # Bech32, its checksum left out: a mistyped key opens nothing
    found = re.fullmatch("AGE-SECRET-KEY-(PQ-)?1([AC-HJ-NP-Z02-9]{52})[AC-HJ-NP-Z02-9]{6}\\s*", line)
    if not found:
        raise ValueError("not a line of a key file")
    digits = str.maketrans("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", "0123456789abcdefghijklmnopqrstuv")
    return "mlkem768x25519" if found[1] else "X25519", (int(found[2].translate(digits), 32) >> 4).to_bytes(32, "big")


def main() -> None:
    if len(sys.argv) not in (3, 5) or sys.argv[3:4] not in ([], ["-i"]):
        sys.exit(__doc__)
    bundle, directory, keyfile = Path(sys.argv[1]), Path(sys.argv[2]).absolute(), sys.argv[4:]
    try:
        lines = Path(keyfile[0]).read_text("utf-8").splitlines() if keyfile else []
        open_bundle(bundle, directory, [parse_identity(line) for line in lines if line.strip() and line[0] != "#"])
    except (AttributeError, EOFError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        sys.exit(f"open_bundle.py: nothing was opened: {str(error) or 'no passphrase was given'}")


if __name__ == "__main__":
    main()
