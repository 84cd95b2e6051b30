"""espeak-ng in this process, through ctypes: a waveform and the phones that its callback reports.

Knows the C interface of speak_lib.h and espeak's names for English phones; nothing else. Only the recipe of the base
uses it.
"""

from __future__ import annotations

import ctypes

import numpy as np

_RETRIEVAL, _PHONEME_EVENTS, _EVENT_PHONEME, _EVENT_END = 1, 1, 7, 0

_VOWELS = {
    "a": "AE", "aa": "AE", "a#": "AH", "A:": "AA", "A": "AA", "0": "AA", "O": "AO", "O:": "AO", "O2": "AO", "V": "AH",
    "@": "AH", "@2": "AH", "@5": "AH", "I": "IH", "I2": "IH", "I#": "IH", "i": "IY", "i:": "IY", "E": "EH", "E2": "EH",
    "e": "EH", "U": "UH", "u:": "UW", "u": "UW", "3:": "ER", "3": "ER", "@r": "ER", "aI": "AY", "aU": "AW", "OI": "OY",
    "oU": "OW", "@U": "OW", "eI": "EY", "A~": "AA",
}  # fmt: skip
_TWO = {
    "aI@": ("AY", "ER"), "aI3": ("AY", "ER"), "aU@": ("AW", "ER"), "A@": ("AA", "R"), "A:r": ("AA", "R"), "O@": ("AO",
    "R"), "o@": ("AO", "R"), "O:r": ("AO", "R"), "i@": ("IH", "R"), "i@3": ("IH", "R"), "e@": ("EH", "R"), "U@":
    ("UH", "R"), "@L": ("AH", "L"), "n-": ("AH", "N"), "m-": ("AH", "M"),
}  # fmt: skip
_CONSONANTS = {
    **{c: c.upper() for c in ["p", "b", "t", "d", "k", "g", "f", "v", "s", "z", "m", "n", "l", "r", "w"]},
    "h": "HH", "j": "Y", "tS": "CH", "dZ": "JH", "T": "TH", "D": "DH", "S": "SH", "Z": "ZH", "N": "NG", "t2": "T",
    "t#": "T", "*": "T", "?": "T", "d#": "D", "l#": "L", "r-": "R", "L": "L", "z#": "Z", "s#": "S",
}  # fmt: skip
_PAUSES = {"_", "_:", "_!", "_|", ""}


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
    """One espeak-ng per process; `say` returns (waveform, sample rate, [(ARPAbet phone, end in seconds)])."""

    def __init__(self, library: str = "libespeak-ng.so.1") -> None:
        self._library = ctypes.CDLL(library)
        self._samples: list[np.ndarray] = []
        self._events: list[tuple[str, float]] = []
        self._rate = int(self._library.espeak_Initialize(_RETRIEVAL, 500, None, _PHONEME_EVENTS))
        self._callback = _CALLBACK(self._receive)  # kept: C holds the pointer as long as the engine lives
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: object, count: int, events: object) -> int:
        if samples and count:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())  # type: ignore[arg-type]
        index = 0
        while events[index].type != _EVENT_END:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _EVENT_PHONEME:
                self._events.append((event.id.string.decode("utf-8", "replace"), event.audio_position / 1000))
            index += 1
        return 0

    def say(self, text: str, voice: str) -> tuple[np.ndarray, int, list[tuple[str, float]]] | None:
        """Speak *text*; None if espeak used a phone that has no ARPAbet name here."""
        self._samples.clear()
        self._events.clear()
        self._library.espeak_SetVoiceByName(voice.encode())
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, 1, None, None)
        self._library.espeak_Synchronize()
        waveform = np.concatenate(self._samples).astype(np.float32) / 32768
        total_s = len(waveform) / self._rate
        ends = [t for _, t in self._events[1:]] + [total_s]
        phones: list[tuple[str, float]] = []
        for (name, begin), end in zip(self._events, ends, strict=True):
            if name in _PAUSES or name.startswith("_"):
                phones.append(("SP", end))
            elif name in _TWO:
                phones += [(_TWO[name][0], (begin + end) / 2), (_TWO[name][1], end)]
            elif name in _VOWELS or name in _CONSONANTS:
                phones.append((_VOWELS.get(name) or _CONSONANTS[name], end))
            elif name not in {";", "'", ",", "%", "-"}:
                return None
        return waveform, self._rate, phones
