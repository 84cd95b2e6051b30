"""espeak-ng in this process, through ctypes: a waveform and the phones that its callback reports.

Knows the C interface of speak_lib.h and espeak's names for English phones; nothing else. Only the recipe of the base
uses it.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from core_model.alignment_codes import SILENCE

_RETRIEVAL, _PHONEME_EVENTS, _EVENT_PHONEME, _EVENT_END = 1, 1, 7, 0

_NAMES = {
    "a": "AE", "aa": "AE", "a#": "AH", "A:": "AA", "A": "AA", "0": "AA", "O": "AO", "O:": "AO", "O2": "AO", "V": "AH",
    "@": "AH", "@2": "AH", "@5": "AH", "I": "IH", "I2": "IH", "I#": "IH", "i": "IY", "i:": "IY", "E": "EH", "E2": "EH",
    "e": "EH", "U": "UH", "u:": "UW", "u": "UW", "3:": "ER", "3": "ER", "@r": "ER", "aI": "AY", "aU": "AW", "OI": "OY",
    "oU": "OW", "@U": "OW", "eI": "EY", "A~": "AA",
    **{c: c.upper() for c in "pbtdkgfvszmnlrw"},
    "h": "HH", "j": "Y", "tS": "CH", "dZ": "JH", "T": "TH", "D": "DH", "S": "SH", "Z": "ZH", "N": "NG", "t2": "T",
    "t#": "T", "*": "T", "?": "T", "d#": "D", "l#": "L", "r-": "R", "L": "L", "z#": "Z", "s#": "S",
}  # fmt: skip
_TWO = {  # one of espeak's is two of ours, each half as long
    "aI@": ("AY", "ER"), "aI3": ("AY", "ER"), "aU@": ("AW", "ER"), "A@": ("AA", "R"), "A:r": ("AA", "R"), "O@": ("AO",
    "R"), "o@": ("AO", "R"), "O:r": ("AO", "R"), "i@": ("IH", "R"), "i@3": ("IH", "R"), "e@": ("EH", "R"), "U@":
    ("UH", "R"), "@L": ("AH", "L"), "n-": ("AH", "N"), "m-": ("AH", "M"),
}  # fmt: skip
_MARKS = {";", "'", ",", "%", "-"}  # events without a sound


class _Identifier(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Identifier),
    ]  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Engine:
    """One espeak-ng per process: the library keeps global state and hangs when it is initialised again."""

    def __init__(self, library: str = "libespeak-ng.so.1") -> None:
        self._library = ctypes.CDLL(library)
        self._samples: list[np.ndarray] = []
        self._events: list[tuple[str, float]] = []  # (espeak's phone, the second at which it begins)
        self._rate = int(self._library.espeak_Initialize(_RETRIEVAL, 500, None, _PHONEME_EVENTS))
        self._callback = _CALLBACK(self._receive)  # kept: C holds the pointer as long as the engine lives
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        for index in itertools.count():
            event = events[index]
            if event.type == _EVENT_END:
                break
            if event.type == _EVENT_PHONEME:
                self._events.append((event.id.string.decode("utf-8", "replace"), event.audio_position / 1000))
        return 0

    def say(self, text: str, voice: str) -> tuple[np.ndarray, int, list[tuple[str, float]]] | None:
        """Speak *text*: (waveform, Hz, [(ARPAbet phone, end in seconds)]); None if a phone has no name here."""
        self._samples.clear()
        self._events.clear()
        self._library.espeak_SetVoiceByName(voice.encode())
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, 1, None, None)
        self._library.espeak_Synchronize()
        waveform = np.concatenate(self._samples).astype(np.float32) / 32768
        phones = _named(self._events, len(waveform) / self._rate)
        return None if phones is None else (waveform, self._rate, phones)


def _named(events: Sequence[tuple[str, float]], total_s: float) -> list[tuple[str, float]] | None:
    """espeak's phones and the seconds at which they begin, to ours and the seconds at which they end."""
    ends_s = [begin_s for _, begin_s in events[1:]] + [total_s]
    phones: list[tuple[str, float]] = []
    for (name, begin_s), end_s in zip(events, ends_s, strict=True):
        if not name or name.startswith("_"):
            phones.append((SILENCE, end_s))
        elif name in _TWO:
            first, second = _TWO[name]
            phones += [(first, (begin_s + end_s) / 2), (second, end_s)]
        elif name in _NAMES:
            phones.append((_NAMES[name], end_s))
        elif name not in _MARKS:
            return None
    return phones
