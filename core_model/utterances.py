"""From text to utterances: what a voice's networks read, framed the way they were trained to see it.

Knows the voice's phoneme table and token scheme; not how a text becomes phonemes (core_model.text does) nor how they
are spoken (core_model.speaking). A table that is not this toolkit's of that name is refused: one row inserted, and
every word would be spoken with other sounds.

    text -> FrontEnd: cut, read, spelled -> Phonemes -> framed, numbered -> Utterance
                                                            word features ──┘   of its Chinese stretches, if at hand
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core_model.alignment_codes import AlignmentCodes
from core_model.errors import UnknownPhonemeError, VoiceError
from core_model.text.front_end import FrontEnd
from core_model.text.phonemes import Phonemes, Segment, ids_of
from core_model.text.symbols import PUNCTUATION, V1, V2
from core_model.text.text_data import UPSTREAM
from core_model.voice import Floats, Voice

WITH_WORD_FEATURES = "zh"  # the one language whose characters a language model was asked about (INFERENCE §3)

_TABLES = {"v1": V1, "v2": V2}
_LEAST_PHONEMES = 6  # upstream's own habit (INFERENCE §3): a shorter sentence gets a leading mark, or the GPT rambles


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence as the networks read it."""

    text: str = field(repr=False)  # normalised
    symbols: tuple[str, ...]
    phonemes: tuple[int, ...] = field(repr=False)
    segments: tuple[Segment, ...] = ()  # which stretch was read in which language; () where phonemes were given
    dropped: tuple[str, ...] = ()  # pieces of the text that could not be spoken
    word_features: Floats | None = field(default=None, compare=False, repr=False)  # (P, F); None: zeros


def utterances(
    voice: Voice,
    text: str | None,
    *,
    phonemes: str | None = None,
    language: str | None = None,
    cut: str | None = None,
    front_end: FrontEnd | None = None,
) -> tuple[Utterance, ...]:
    """Text, or phonemes written as text, to what the networks read. Raises TextError and its kinds.

    *language* is one of `FrontEnd.codes()`, None: the voice's first. *cut*: cut0..cut5, None: as the voice's own
    reading does. *front_end*, where many texts are read: `front_end_of` the voice, opened once.
    """
    if (text is None) == (phonemes is None):
        raise ValueError("give either text or phonemes")
    _check_symbols(voice)
    front_end = front_end or front_end_of(voice)
    language = language or voice.description.languages[0]
    if text is None:
        return (_utterance(voice, front_end.parse(str(phonemes)), framed=False),)
    framed = front_end.reading == UPSTREAM  # by the reading itself, as its voices were trained
    return tuple(_utterance(voice, part, framed=framed) for part in front_end.read(text, language, cut))


def prompt_utterance(voice: Voice, transcript: str, language: str) -> Utterance:
    """The words of a reference as one utterance, as the networks read them in front of what is to be said."""
    _check_symbols(voice)
    front_end = front_end_of(voice)
    spoken = front_end.read_prompt(transcript, language)
    return _utterance(voice, spoken, framed=front_end.reading == UPSTREAM)


def front_end_of(voice: Voice) -> FrontEnd:
    """The front end that reads as this voice's networks were trained to hear it."""
    return FrontEnd(voice.text_directory)


def word_features_wanted(voice: Voice, said: Sequence[Utterance]) -> bool:
    """Whether these networks would hear the difference: they take word features, and there is Chinese to have some."""
    if not int(str(voice.description.gpt["word_features"])):
        return False
    return any(part.language == WITH_WORD_FEATURES for utterance in said for part in utterance.segments)


def with_word_features(
    said: Sequence[Utterance], features_of: Callable[[str, tuple[int, ...]], Floats]
) -> tuple[Utterance, ...]:
    """The same utterances with the features of their Chinese stretches.

    *features_of* takes a normalised text and how many phonemes each of its characters has, and gives (P, F).
    """
    return tuple(_with_word_features(utterance, features_of) for utterance in said)


def _with_word_features(utterance: Utterance, features_of: Callable[[str, tuple[int, ...]], Floats]) -> Utterance:
    found: list[tuple[int, Floats]] = []
    first = 0
    for part in utterance.segments:
        if part.language == WITH_WORD_FEATURES and part.phonemes_per_character is not None:
            found.append((first, features_of(part.normalised, part.phonemes_per_character)))
        first += part.count
    if not found:
        return utterance
    rows = np.zeros((len(utterance.phonemes), found[0][1].shape[1]), np.float32)
    for first, features in found:
        rows[first : first + len(features)] = features
    return replace(utterance, word_features=rows)


def _check_symbols(voice: Voice) -> None:
    """VoiceError if the voice was trained on another phoneme table than this toolkit's of that name."""
    table = voice.description.symbols
    if table.table not in _TABLES:
        raise VoiceError("symbols.table", f"{table.table!r} is none of {', '.join(_TABLES)}")
    if symbols_sha256(_TABLES[table.table]) != table.sha256:
        raise VoiceError("symbols.sha256", f"the voice was trained on another {table.table} table than this toolkit's")


def symbols_sha256(symbols: Sequence[str]) -> str:
    """What voice.json records of a phoneme table: SHA-256 of the symbols, each followed by a newline."""
    return hashlib.sha256("".join(f"{symbol}\n" for symbol in symbols).encode()).hexdigest()


def alignment(voice: Voice) -> AlignmentCodes | None:
    """The layout of an aligned voice's tokens; None where tokens come from a quantizer."""
    scheme = voice.description.token_scheme
    if scheme["kind"] != "alignment":
        return None
    try:
        return AlignmentCodes.from_scheme(scheme)
    except (KeyError, ValueError) as error:
        raise VoiceError("token_scheme", str(error)) from error


def _utterance(voice: Voice, spelled: Phonemes, *, framed: bool) -> Utterance:
    """Frame a sentence, unless it is, the way this voice's networks were trained to see one."""
    codes = alignment(voice)
    symbols, segments = spelled.symbols, spelled.segments
    if codes is not None:
        symbols, segments = codes.framed(symbols), ()
    elif not framed:
        if symbols[-1] not in PUNCTUATION:
            symbols, segments = (*symbols, "."), (*segments, _MARK)
        if len(symbols) < _LEAST_PHONEMES:
            symbols, segments = (".", *symbols), (_MARK, *segments)
    rows = ids_of(symbols)
    known = min(len(_TABLES[voice.description.symbols.table]), int(str(voice.description.gpt["phonemes"])))
    for symbol, row in zip(symbols, rows, strict=True):
        if row >= known:
            raise UnknownPhonemeError(symbol)
    segments = segments if spelled.segments else ()
    return Utterance(spelled.normalised, symbols, rows, segments, spelled.dropped)


_MARK = Segment("", "", None, 1)  # what framing adds belongs to no language
