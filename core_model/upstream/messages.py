"""What famous error messages mean: those that other tools give when they meet GPT-SoVITS's files and their like.

Knows no files. Each message is told once, here; docs/doctor.md says the same at length. Reference: torch 2.13's readers
(weights_only and not), GPT-SoVITS at 48b1a01, measured on files of each kind.

    explain("WeightsUnpickler error: Unsupported operand 48").sentence
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message that other tools give."""

    quote: str  # the part of it that is always the same
    pattern: re.Pattern[str]
    sentence: str  # what it means
    remedy: str  # what to do

    def said_of(self, why: str, *also: Message) -> str:
        """As a problem of a file: what other tools say of it, in this and *also* in other messages, and *why*."""
        return f"other tools say {' or '.join(f'`{message.quote}`' for message in (self, *also))}: {why}"


def _message(quote: str, pattern: str, sentence: str, remedy: str) -> Message:
    return Message(quote, re.compile(pattern, re.IGNORECASE), sentence, remedy)


HEAD = _message(
    "Unsupported operand 48",
    r"unsupported operand 48\b|invalid load key, '0'",
    "the file begins with the digit 0 (byte 48): GPT-SoVITS wrote its code for the version, 00 to 06, over the two"
    " letters PK that a zip begins with. Nothing else was changed, and nothing is wrong with the file",
    "`lifecycle doctor FILE`, then `lifecycle import`: both put PK back in memory and change nothing on the disk",
)
PAGE = _message(
    "Unsupported operand 60",
    r"unsupported operand 60\b|invalid load key, '<'",
    "the file begins with < (byte 60): it is a web page, saved where the download should have been",
    "download it again; log in first, or take the link of the file itself and not of the page that shows it",
)
POINTER = _message(
    "Unsupported operand 118",
    r"unsupported operand 118\b|invalid load key, 'v'",
    "the file begins with v (byte 118), as in `version https://git-lfs...`: it is the pointer that Git LFS keeps in a"
    " file's place, three lines of text; the file itself was never fetched",
    "`git lfs pull` in that repository, or download the file from its page",
)
HPARAMS = _message(
    "Unsupported global: GLOBAL utils.HParams",
    r"unsupported (?:global|class)\b.*utils\.hparams|weights only load failed.*hparams",
    "the file's configuration is an instance of GPT-SoVITS's own class HParams, and since 2.6 torch.load makes no"
    " instances of classes that it does not know. It is what every SoVITS voice holds, and no sign of harm",
    "`lifecycle import`: it reads the configuration as plain data, and needs neither that class nor weights_only=False",
)
UTILS = _message(
    "No module named 'utils'",
    r"no module named '?utils'?|can't get attribute 'hparams' on",
    "the file's configuration is an instance of the class HParams of a module named utils, which is a file of"
    " GPT-SoVITS's folder; outside that folder there is no such module, or another one of that name",
    "`lifecycle import`: it reads the configuration as plain data",
)
UNDERFLOW = _message(
    "unpickling stack underflow",
    r"unpickling stack underflow|pop from empty list|stack underflow",
    "the file begins with a digit where PK should stand, so torch.load took the zip for a pickle of the old kind. It is"
    " GPT-SoVITS's code for v2Pro, v2ProPlus or a LoRA, and nothing is wrong with the file",
    "`lifecycle doctor FILE`, then `lifecycle import`: both put PK back in memory",
)
SIZES = _message(
    "size mismatch ... [732, 192] ... [322, 192]",
    r"size mismatch.*\b(?:732|322), ?192\b.*\b(?:322|732), ?192\b|size mismatch for enc_p\.text_embedding",
    "the table of phonemes has 732 rows in v2 and later and 322 in v1: the file is of one version, the program built"
    " the network of the other, which GPT-SoVITS chooses by the file's size",
    "`lifecycle doctor FILE` says which it is; `lifecycle import` goes by the table itself",
)
CUT = _message(
    "failed finding central directory",
    r"failed finding central directory|not a zip archive|unexpected EOF, expected|file might be corrupted",
    "the end of the file is missing: a download that broke off, or a disk that was full",
    "download it again, and compare its size with the one that the page tells",
)
EMPTY = _message(
    "EOFError: Ran out of input",
    r"ran out of input",
    "the file is empty: nothing was ever written into it",
    "download it again",
)
ZIPPED = _message(
    "PytorchStreamReader failed locating file data.pkl",
    r"failed locating file (?:data|constants)\.pkl|file in archive is not in a subdirectory|hasRecord\(.version.\)",
    "it is a zip, but none that torch wrote: most often one that somebody packed a checkpoint into",
    "unpack it, and ask the doctor about what is inside",
)
_OTHER_GLOBAL = _message(
    "Unsupported global",
    r"unsupported (?:global|class)|was not an allowed global",
    "the file asks for a name that torch.load does not allow by default; whether it could do harm depends on the name",
    "`lifecycle doctor FILE` lists every name it asks for; do not answer with weights_only=False",
)
_OTHER_START = re.compile(r"unsupported operand (\d{1,3})\b|invalid load key, '(\\x[0-9a-f]{2}|.)'", re.IGNORECASE)
MESSAGES = (HEAD, PAGE, POINTER, HPARAMS, UTILS, UNDERFLOW, SIZES, CUT, EMPTY, ZIPPED, _OTHER_GLOBAL)


def explain(text: str) -> Message | None:
    """What the message in *text* means, the first of those that stand in it; None if it is not known."""
    text = " ".join(text[:20_000].split())
    for message in MESSAGES:
        if message.pattern.search(text):
            return message
    start = _OTHER_START.search(text)
    if start is None:
        return None
    byte = int(start[1]) if start[1] else int(start[2][2:], 16) if start[2].startswith("\\x") else ord(start[2])
    shown = f"{chr(byte)!r}, byte {byte}" if 32 < byte < 127 else f"byte {byte}"
    return Message(
        start[0],
        _OTHER_START,
        f"the file begins with something that begins no checkpoint ({shown}): it is a file of another kind",
        "`lifecycle doctor FILE` looks at its first bytes and says what it is",
    )
