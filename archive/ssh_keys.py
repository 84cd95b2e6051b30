"""Ed25519 keys in OpenSSH's files: a secret key that ssh-keygen reads, a line to give away, a list of whom to trust.

Knows no signatures and no bundles. References: OpenSSH's PROTOCOL.key ("openssh-key-v1", unencrypted), RFC 4253
section 6.6 and RFC 8709 for the public half, ssh-keygen(1) "ALLOWED SIGNERS" for the list.

    string  = length (4, big-endian) | bytes
    public  = string "ssh-ed25519" | string key (32)
    secret  = "openssh-key-v1" NUL | string "none" | string "none" | string "" | 1 | string public | string private
    private = check (4) | the same (4) | public's two strings | string (seed 32 | key 32) | string comment | 1 2 3 ...
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive.errors import KeyFormatError

KEY_TYPE = b"ssh-ed25519"
_MAGIC = b"openssh-key-v1\0"
_BEGIN, _END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
_TYPES = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+")
_OPTION = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|$)')
_PINNED = re.compile(r"# ml-dsa-65 (SHA256:[A-Za-z0-9+/]{43})")
_TIME = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?(Z?)")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key that anybody may have."""

    raw: bytes
    comment: str = ""

    @property
    def blob(self) -> bytes:
        """As it stands in files and in signatures."""
        return string(KEY_TYPE) + string(self.raw)

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` prints: SHA256:..."""
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """One line for a .pub file."""
        return f"{KEY_TYPE.decode()} {base64.b64encode(self.blob).decode()} {self.comment}".rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that somebody decided to trust, and what for. *ml_dsa*: the fingerprint of its maker's other key, or ""."""

    key: PublicKey
    principals: str
    namespaces: str = ""  # patterns with commas between them; "" for all
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    ml_dsa: str = ""

    def allows(self, namespace: str, now: datetime) -> bool:
        """Whether this key may sign in *namespace* at *now*: the time of looking, since no other is proven."""
        after, before = self.valid_after, self.valid_before
        named = not self.namespaces or _matches(namespace, self.namespaces)
        return named and (after is None or now >= after) and (before is None or now < before)


def fingerprint(public: bytes) -> str:
    """SHA256:... of the bytes of a public key, as OpenSSH spells it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def string(data: bytes) -> bytes:
    """RFC 4251 string."""
    return len(data).to_bytes(4, "big") + data


class Reader:
    """Takes RFC 4251 values off the front of *data*; KeyFormatError if they are not there."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what

    def take(self, size: int) -> bytes:
        """Exactly *size* bytes."""
        if len(self._data) < size:
            raise self.refuse("it ends too early")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def string(self) -> bytes:
        """The next string."""
        return self.take(self.number())

    def number(self) -> int:
        """The next uint32."""
        return int.from_bytes(self.take(4), "big")

    def expect(self, data: bytes, problem: str) -> None:
        """Refuse with *problem* unless *data* comes next."""
        if self._data[: len(data)] != data:
            raise self.refuse(problem)
        self.take(len(data))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data))

    def refuse(self, problem: str) -> KeyFormatError:
        """The error to raise."""
        return KeyFormatError(f"{self._what} is malformed: {problem}")


def secret_file(seed: bytes, comment: str, rng: Callable[[int], bytes]) -> str:
    """The text of an OpenSSH private key file, without a passphrase: what protects it is its mode."""
    public = PublicKey(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw(), comment)
    private = rng(4) * 2 + public.blob + string(seed + public.raw) + string(comment.encode())
    private += bytes(range(1, 1 + -len(private) % 8))
    blob = _MAGIC + string(b"none") * 2 + string(b"") + (1).to_bytes(4, "big") + string(public.blob) + string(private)
    return f"{_BEGIN}\n{wrapped(blob)}{_END}\n"


def parse_secret_file(text: str) -> tuple[bytes, str]:
    """(seed, comment) from the text of an OpenSSH private key file. KeyFormatError, which carries none of it."""
    what = "the signing key"
    reader = Reader(unwrapped(text, _BEGIN, _END, what), what)
    reader.expect(_MAGIC, "it is no OpenSSH private key")
    if reader.string() != b"none" or reader.string() != b"none" or reader.string():
        raise KeyFormatError("the signing key is protected by a passphrase; `ssh-keygen -p -N '' -f FILE` takes it off")
    if reader.number() != 1:
        raise reader.refuse("it holds more than one key")
    public = reader.string()
    private = Reader(reader.string(), what)
    if private.take(4) != private.take(4):
        raise private.refuse("its two check numbers differ")
    private.expect(string(KEY_TYPE), "it is not an Ed25519 key")
    raw, secret = private.string(), private.string()
    comment = private.string().decode("utf-8", "replace")
    padding = private.rest()
    seed = secret[:32]
    if len(raw) != 32 or secret[32:] != raw or len(secret) != 64:
        raise private.refuse("its halves do not belong together")
    if (
        Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() != raw
        or PublicKey(raw).blob != public
    ):
        raise private.refuse("its halves do not belong together")
    if padding != bytes(range(1, 1 + len(padding))) or reader.rest():
        raise private.refuse("something follows it")
    return seed, comment


def parse_public(blob: bytes, comment: str = "") -> PublicKey:
    """The key in the bytes of a public key; KeyFormatError if it is of another kind."""
    reader = Reader(blob, "a public key")
    kind = reader.string()
    if kind != KEY_TYPE:
        raise KeyFormatError(f"a key of the kind {kind[:40].decode('ascii', 'replace')!r}; ssh-ed25519 is known here")
    raw = reader.string()
    if len(raw) != 32 or reader.rest():
        raise reader.refuse("it is no ssh-ed25519 key")
    return PublicKey(raw, comment)


def parse_trusted(text: str) -> tuple[TrustedKey, ...]:
    """The keys of a .pub file or of an allowed_signers file. KeyFormatError names the line, and refuses an empty list.

    Keys of other kinds than ssh-ed25519, and certificate authorities, are passed over: they sign no bundle. A comment
    `# ml-dsa-65 SHA256:...` after a key asks for that key's signature too.
    """
    keys: list[TrustedKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        if keys and (pinned := _PINNED.fullmatch(line.strip())):
            keys[-1] = replace(keys[-1], ml_dsa=pinned[1])
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys += _parse_trusted_line(line.strip())
            except KeyFormatError as error:
                raise KeyFormatError(f"line {number}: {error}") from None
    if not keys:
        raise KeyFormatError("it holds no ssh-ed25519 key")
    return tuple(keys)


def wrapped(data: bytes) -> str:
    """Base64 in lines of 70, as ssh-keygen writes it."""
    text = base64.b64encode(data).decode("ascii")
    return "".join(text[start : start + 70] + "\n" for start in range(0, len(text), 70))


def unwrapped(text: str, begin: str, end: str, what: str) -> bytes:
    """The bytes between two lines; KeyFormatError if there is anything else."""
    lines = [line.rstrip("\r") for line in text.strip("\n").split("\n")]
    if len(lines) < 3 or lines[0] != begin or lines[-1] != end:
        raise KeyFormatError(f"{what} does not stand between {begin!r} and {end!r}")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError):
        raise KeyFormatError(f"{what} is malformed: it is no base64") from None


def _parse_trusted_line(line: str) -> Iterator[TrustedKey]:
    """`KEYTYPE KEY [COMMENT]`, or `PRINCIPALS [OPTIONS] KEYTYPE KEY [COMMENT]`."""
    words = _words(line)
    place = next((place for place, word in enumerate(words) if _TYPES.fullmatch(word)), None)
    if place is None or place > 2 or place + 1 >= len(words):
        raise KeyFormatError("neither a public key nor a line of an allowed_signers file")
    comment = " ".join(words[place + 2 :])
    options = _options(words[1]) if place == 2 else {}
    if words[place] != KEY_TYPE.decode() or "cert-authority" in options:
        return
    try:
        key = parse_public(base64.b64decode(words[place + 1], validate=True), comment)
    except (binascii.Error, ValueError):
        raise KeyFormatError("its key is no base64") from None
    principals = words[0].strip('"') if place else comment
    after, before = (_time(options.get(name)) for name in ("valid-after", "valid-before"))
    yield TrustedKey(key, principals, options.get("namespaces") or "", after, before)


def _words(line: str) -> list[str]:
    """Split at spaces that are not between quotation marks."""
    return re.findall(r'(?:[^\s"]|"[^"]*")+', line)


def _options(text: str) -> dict[str, str | None]:
    options: dict[str, str | None] = {}
    position = 0
    while position < len(text):
        match = _OPTION.match(text, position)
        if match is None or match[1] not in ("cert-authority", "namespaces", "valid-after", "valid-before"):
            raise KeyFormatError("it has an option that is not known; such a line trusts nobody")
        options[match[1]] = match[2]
        position = match.end()
    return options


def _time(text: str | None) -> datetime | None:
    """YYYYMMDD[HHMM[SS]][Z]: local time unless it ends in Z, as ssh-keygen reads it."""
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise KeyFormatError("it has a time that is not YYYYMMDD[HHMM[SS]][Z]")
    spelled = match[1] + (match[2] or "0000") + (match[3] or "00")
    try:
        return datetime.strptime(
            spelled + ("+0000" if match[4] else ""), "%Y%m%d%H%M%S" + ("%z" if match[4] else "")
        ).astimezone()
    except ValueError:
        raise KeyFormatError("it has a time that no clock shows") from None


def _matches(name: str, patterns: str) -> bool:
    """OpenSSH's pattern list: any that fits, and none with ! before it that fits."""
    fitting = [pattern for pattern in patterns.split(",") if fnmatchcase(name, pattern.lstrip("!"))]
    return bool(fitting) and not any(pattern.startswith("!") for pattern in fitting)
