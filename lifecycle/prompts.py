"""The prompts of a voice on this machine: which there are, away with one, and the files that stand in for networks.

Knows files and names, no networks; needs no torch. How a prompt is made of recordings, lifecycle.prompting knows.

    tokens   .npy of whole numbers · text with numbers · GPT-SoVITS's 6-name2semantic.tsv, a row for each recording
    style    .npy of S numbers · .safetensors with a tensor called style, as every prompt of a voice is one
"""

from __future__ import annotations

import re
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from core_model.errors import PromptError, PromptMissingError, PromptTokensError
from core_model.voice import DEFAULT_PROMPT, Floats, Integers, Voice
from lifecycle.store import Store, sync_directory

MOST_TOKENS = 54 * 25  # upstream learns nothing longer than 54 s
_LARGEST_bytes = 64 << 20  # a 6-name2semantic.tsv of a hundred hours
_NUMBER = re.compile(r"[0-9]{1,7}")
_TABLE_HEADER = "item_name"
_NO_ARRAY = (  # what NumPy raises on a header that is none
    ValueError,
    OSError,
    EOFError,
    SyntaxError,
    TokenError,
    TypeError,
    KeyError,
    OverflowError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One prompt, as a list shows it."""

    name: str
    language: str
    tokens: int
    phonemes: int
    references: int  # how many recordings its style is the mean of
    word_features: bool
    reference_mel: bool  # then it is nearly audio


def rows_of(voice: Voice) -> tuple[PromptRow, ...]:
    """Every prompt of *voice*, by name."""
    found = ((name, voice.prompt(name)) for name in voice.prompts())
    return tuple(
        PromptRow(
            name,
            prompt.language,
            int(prompt.semantic_tokens.size),
            int(prompt.phonemes.size),
            prompt.references,
            prompt.word_features is not None,
            prompt.reference_mel is not None,
        )
        for name, prompt in found
    )


def remove_prompt(store: Store, voice_name: str, prompt_name: str) -> bool:
    """Take the prompt away; whether golden outputs, which were recorded with it, went too. PromptMissingError."""
    voice = Voice.open(store.path(voice_name))
    if prompt_name not in voice.prompts():
        raise PromptMissingError(prompt_name, voice.prompts())
    if voice.description.token_scheme["kind"] != "quantizer":
        raise PromptError(f"the voice {voice_name} was trained here and has one prompt, without which it cannot speak")
    directory = voice.directory / "prompts"
    for end in (".json", ".safetensors"):  # without the first there is no prompt: nothing is ever half removed
        (directory / f"{prompt_name}{end}").unlink(missing_ok=True)
        sync_directory(directory)
    golden = prompt_name == DEFAULT_PROMPT and voice.golden_directory.is_dir()
    if golden:
        shutil.rmtree(voice.golden_directory)
    return golden


def read_tokens(path: Path, recording: Path | None, codes: int) -> Integers:
    """The semantic tokens (T,) in *path*; of a table, those of *recording*. PromptTokensError."""
    _require_small_file(path)
    if path.suffix == ".npy":
        tokens = _read_array(path)
        if not np.issubdtype(tokens.dtype, np.integer):
            raise PromptTokensError(path, f"holds {tokens.dtype} values, not whole numbers")
    else:
        tokens = np.array([int(number) for number in _numbers(path, recording)], np.int64)
    tokens = tokens.reshape(-1).astype(np.int64)
    if not tokens.size:
        raise PromptTokensError(path, "holds no tokens")
    if tokens.size > MOST_TOKENS:
        raise PromptTokensError(path, f"holds {tokens.size} tokens; {MOST_TOKENS} are the most, which are 54 s")
    if tokens.min() < 0 or tokens.max() >= codes:
        raise PromptTokensError(path, f"holds a token outside 0..{codes - 1}")
    return tokens


def read_style(path: Path, width: int) -> Floats:
    """The style (1, S, 1) in *path*, which must have *width* values. PromptTokensError."""
    _require_small_file(path)
    if path.suffix == ".npy":
        found = _read_array(path)
    else:
        try:
            found = load_file(path).get("style", np.zeros(0, np.float32))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise PromptTokensError(path, f"is neither .npy nor readable safetensors: {error}") from error
    if found.size != width or not np.issubdtype(found.dtype, np.floating):
        raise PromptTokensError(path, f"holds {found.size} values of {found.dtype}; this voice's style has {width}")
    style = found.reshape(1, width, 1).astype(np.float32)
    if not np.isfinite(style).all():
        raise PromptTokensError(path, "holds a value that is no number")
    return style


def _numbers(path: Path, recording: Path | None) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptTokensError(path, "is neither .npy nor UTF-8 text") from error
    if "\t" in text:
        text = _row(path, text, recording)
    words = re.split(r"[\s,;\[\]()]+", text.strip(" \t\r\n,;[]()"))
    for place, word in enumerate(words, 1):  # the word itself is not shown: the file may be a transcript
        if word and not _NUMBER.fullmatch(word):
            raise PromptTokensError(path, f"holds something else where a token should be: word {place}")
    return [word for word in words if word]


def _row(path: Path, text: str, recording: Path | None) -> str:
    """The tokens of *recording* in a table of name, tab, tokens; of the only row where there is one."""
    rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
    tokens = {row[0]: row[-1] for row in rows if row[0] != _TABLE_HEADER}
    if recording is not None:
        for name in (recording.name, recording.stem):
            if name in tokens:
                return tokens[name]
    if len(tokens) == 1:
        return next(iter(tokens.values()))
    asked = "no recording was named" if recording is None else f"none is called {recording.name}"
    raise PromptTokensError(path, f"holds the tokens of {len(tokens)} recordings, and {asked}")


def _read_array(path: Path) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that NumPy wrote under Python 2
            found = np.lib.format.open_memmap(path, mode="r")  # refuses objects, and sizes that the file does not have
        return np.array(found)
    except _NO_ARRAY as error:
        raise PromptTokensError(path, f"is not a readable .npy: {error}") from error


def _require_small_file(path: Path) -> None:
    if path.exists() and not path.is_file():  # a pipe or a device may have no end
        raise PromptTokensError(path, "is no file")
    if path.stat().st_size > _LARGEST_bytes:
        raise PromptTokensError(path, f"is larger than {_LARGEST_bytes >> 20} MiB")
