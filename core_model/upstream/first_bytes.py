"""What people have instead of a checkpoint, told by how a file begins: web pages, pointers, archives, recordings.

Knows no pickles and no networks, and reads only the beginning and the end that it is given. Nothing here trusts a
file's name. Reference: the Git LFS pointer specification (v1); the signatures that each format's own document names.
"""

from __future__ import annotations

import json
import re

from core_model.upstream.findings import Sign

BEGINNING_bytes = 1 << 16
_LFS = b"version https://git-lfs.github.com/spec/v1"
_LFS_DIGEST = re.compile(rb"\noid sha256:([0-9a-f]{64})")
_LFS_SIZE = re.compile(rb"\nsize ([0-9]{1,15})\r?\n?")
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,80})", re.IGNORECASE)
_NUMBERS = re.compile(rb"'descr': '[<>|=][biufcSU][0-9]+'")
_TAGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<?xml", b"<svg", b"<error")
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "archive", "it begins as gzip does (1f 8b)"),
    (b"BZh", "archive", "it begins as bzip2 does"),
    (b"\xfd7zXZ\0", "archive", "it begins as xz does"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "it begins as a 7-Zip archive does"),
    (b"Rar!\x1a\x07", "archive", "it begins as a RAR archive does"),
    (b"\x28\xb5\x2f\xfd", "archive", "it begins as Zstandard does"),
    (b"fLaC", "recording", "it begins as FLAC does"),
    (b"OggS", "recording", "it begins as Ogg does"),
    (b"ID3", "recording", "it begins as MP3 does, with an ID3 tag"),
    (b"caff", "recording", "it begins as a CAF recording does"),
    (b"%PDF-", "document", "it begins as a PDF does"),
    (b"\x89PNG\r\n", "picture", "it begins as a PNG does"),
    (b"\xff\xd8\xff", "picture", "it begins as a JPEG does"),
    (b"\x89HDF\r\n\x1a\n", "hdf5", "it begins as HDF5 does, in which Keras saves its networks"),
    (b"GGUF", "gguf", "it begins as GGUF does, in which llama.cpp keeps language models"),
    (b"IxF", "faiss", "it begins as a FAISS index does, which RVC keeps beside its voices (.index)"),
    (b"SQLite format 3\0", "database", "it begins as an SQLite database does"),
    (b"MZ", "program", "it begins as a program for Windows does"),
    (b"\x7fELF", "program", "it begins as a program for Linux does"),
    (b"\0\x05\x16\x07", "companion", "it begins as the file of attributes that macOS puts beside a file (._name)"),
)


def sign_of(beginning: bytes, length: int) -> Sign | None:
    """What a file of *length* bytes is that starts with *beginning*; None if its first bytes do not say."""
    for look in (_pointer, _page, _archive_or_recording, _tar, _zeros, _json, _text):
        if (sign := look(beginning, length)) is not None:
            return sign
    return None


def _pointer(beginning: bytes, length: int) -> Sign | None:
    text = beginning[:1024]  # what the specification allows
    match = _LFS_DIGEST.search(text) if text.startswith(_LFS) else None
    if match is None:
        return None
    size = _LFS_SIZE.search(text)
    told = f", which has {int(size[1])} bytes" if size else ""
    evidence = f"it is the text of a Git LFS pointer (spec v1) to the file sha256 {match[1].decode()[:16]}...{told}"
    problem = "it stands in the file's place: the checkpoint itself was never downloaded"
    return Sign("lfs_pointer", None, (evidence,), (problem,), usable=False)


def _page(beginning: bytes, length: int) -> Sign | None:
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:1024].lower()
    tag = next(
        (t for t in (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<svg", b"<error") if start.startswith(t)), None
    )
    if tag is None:
        return None
    title = _TITLE.search(beginning[:8192])
    said = "".join(c for c in title[1].decode("utf-8", "replace").strip() if c.isprintable()) if title else ""
    evidence = f"it begins with {tag.decode()}" + (f", and its title is {said!r}" if said else "")
    problem = "it is a web page that was saved in the file's place: the download asked for a login, or failed"
    return Sign("html", None, (evidence,), (problem,), usable=False)


def _archive_or_recording(beginning: bytes, length: int) -> Sign | None:
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE":
        return Sign("recording", None, ("it begins as WAV does",), safe=True)
    if beginning[4:8] == b"ftyp":
        return Sign("recording", None, ("it begins as MPEG-4 does",), safe=True)
    if beginning.startswith(b"\x93NUMPY"):
        objects = not _NUMBERS.search(beginning[:1024])
        problem = (
            ("unusual: its values may be objects, which NumPy pickles; they were not looked at",) if objects else ()
        )
        told = "it begins as an array of NumPy does (.npy)"
        return Sign("numpy", None, (told,), problem, safe=None if objects else True)
    for magic, kind, evidence in _MAGIC:
        if beginning.startswith(magic):
            harmless = kind in ("recording", "picture") or None
            packed = ("it is packed; what is inside was not looked at",) if kind == "archive" else ()
            return Sign(kind, None, (evidence,), packed, harmless, usable=kind != "archive")
    return None


def _tar(beginning: bytes, length: int) -> Sign | None:
    if beginning[257:262] != b"ustar":
        return None
    first = beginning[:100].split(b"\0")[0].decode("utf-8", "replace")
    evidence = f"it has the mark of a tar archive (ustar), whose first member is {first!r}"
    return Sign("archive", None, (evidence,), ("it is packed; what is inside was not looked at",), usable=False)


def _zeros(beginning: bytes, length: int) -> Sign | None:
    if beginning.count(0) < len(beginning) or len(beginning) < 64:
        return None
    problem = "its place on the disk was kept, and the download never filled it"
    return Sign("zeros", None, (f"its first {len(beginning)} bytes are all zero",), (problem,), usable=False)


def _json(beginning: bytes, length: int) -> Sign | None:
    if beginning[:1] not in b"{[" or length > len(beginning):
        return None
    try:
        document = json.loads(beginning)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return Sign("json", None, ("it is a JSON document",), safe=True)
    if "phoneme_id_map" in document and "audio" in document:
        told = "it is JSON with phoneme_id_map and audio: the configuration of a Piper voice (its network is the .onnx)"
        return Sign("piper", None, (told,), safe=True)
    if {"error", "message", "detail"} & document.keys() and len(document) <= 4:
        problem = "it is an error message that was saved in the file's place"
        return Sign("html", None, ("it is JSON that tells of an error",), (problem,), usable=False)
    keys = ", ".join(str(key)[:40] for key in list(document)[:5])
    return Sign("json", None, (f"it is a JSON document with {keys or 'nothing in it'}",), safe=True)


def _text(beginning: bytes, length: int) -> Sign | None:
    try:
        text = beginning[:4096].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < min(len(beginning), 4096) - 4:
            return None
        text = beginning[: error.start].decode("utf-8")
    if not text or any(not (c.isprintable() or c in "\r\n\t\f\ufeff") for c in text):
        return None
    return Sign("text", None, ("it is plain text",), ("no checkpoint is plain text",), safe=None, usable=False)
