"""Bech32: how keys are written as text.

Knows no keys. Reference: BIP 173, without its limit of 90 characters, as age.md asks.
"""

from __future__ import annotations

from archive.errors import KeyFormatError

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARACTERS = 6


def encode(prefix: str, data: bytes) -> str:
    """*prefix*, a "1", then *data* in five-bit characters and a checksum. All lowercase."""
    words = _regroup(data, 8, 5, pad=True)
    checksum = _polymod(_expand(prefix) + words + [0] * _CHECKSUM_CHARACTERS) ^ 1
    words += [checksum >> 5 * (_CHECKSUM_CHARACTERS - 1 - i) & 31 for i in range(_CHECKSUM_CHARACTERS)]
    return prefix + "1" + "".join(_ALPHABET[word] for word in words)


def decode(text: str) -> tuple[str, bytes]:
    """(prefix in lowercase, data). KeyFormatError if a character is wrong, missing or of mixed case."""
    if text not in (text.lower(), text.upper()):
        raise KeyFormatError("a key must not mix upper and lower case")
    prefix, separator, encoded = text.lower().rpartition("1")
    if not separator or not prefix or len(encoded) < _CHECKSUM_CHARACTERS:
        raise KeyFormatError("not a key: it is too short, or has no prefix")
    if not all(33 <= ord(character) <= 126 for character in prefix):
        raise KeyFormatError("not a key: odd characters in its prefix")
    words = [_ALPHABET.find(character) for character in encoded]
    if -1 in words:
        raise KeyFormatError("not a key: a character that keys do not use")
    if _polymod(_expand(prefix) + words) != 1:
        raise KeyFormatError("a key with a wrong checksum: a character was mistyped or lost")
    return prefix, bytes(_regroup(words[:-_CHECKSUM_CHARACTERS], 5, 8, pad=False))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(words: list[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for bit, coefficient in enumerate(_GENERATOR):
            checksum ^= coefficient if top >> bit & 1 else 0
    return checksum


def _regroup(values: bytes | list[int], width: int, target: int, *, pad: bool) -> list[int]:
    """The same bits in groups of another width. Without padding, the bits left over must be few and zero."""
    pending, bits, groups = 0, 0, []
    for value in values:
        pending = pending << width | value
        bits += width
        while bits >= target:
            bits -= target
            groups.append(pending >> bits)
            pending &= (1 << bits) - 1
    if pad and bits:
        groups.append(pending << target - bits)
    elif not pad and (bits >= width or pending):
        raise KeyFormatError("not a key: loose bits at its end")
    return groups
