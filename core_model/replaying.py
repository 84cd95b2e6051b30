"""What is asked of a voice when its golden outputs are recorded, and the same way on every later day.

Knows the order of the questions and no runtime, no record and no audio library: whoever wants to compare an old voice
needs little more than NumPy.
"""

from __future__ import annotations

import numpy as np

from core_model.speaking import Runtime, begin, decoder_noise, opening_tokens
from core_model.text.front_end import FrontEnd
from core_model.text.text_data import UPSTREAM
from core_model.utterances import Utterance, utterances
from core_model.voice import Floats, Integers, Voice

_UNCUT = "cut0"  # upstream's reading would cut at commas
_FEW_TOKENS = 8  # a third of a second of speech


def read_text(voice: Voice, front_end: FrontEnd, text: str, language: str) -> tuple[Utterance, ...]:
    """A golden text as the networks read it, the same way on the day it is recorded and on every other."""
    cut = _UNCUT if front_end.reading == UPSTREAM else None
    return utterances(voice, text, language=language, cut=cut, front_end=front_end)


def teacher_forced(voice: Voice, runtime: Runtime, phonemes: Integers, tokens: Integers) -> Floats:
    """Raw logits after the prompt and after each further token of the path: (T - opening + 1, V)."""
    utterance = Utterance("", (), tuple(int(row) for row in phonemes))
    continuation, before = begin(voice, runtime, utterance, voice.prompt(), int(tokens.size) + 1)
    path = tokens[opening_tokens(voice).size :]
    rows = [continuation.logits]
    rows += [continuation.step(int(token), before.size + index) for index, token in enumerate(path)]
    return np.stack(rows)


def warm_up(voice: Voice, runtime: Runtime, phonemes: Integers, tokens: Integers) -> None:
    """The first call of a fresh process may differ by rounding (DESIGN §12), so its result is thrown away."""
    teacher_forced(voice, runtime, phonemes, tokens[:2])


def warm_up_decoder(voice: Voice, runtime: Runtime, tokens: Integers, phonemes: Integers, steps: int | None) -> None:
    """The same for what makes the waveform."""
    few = tokens[:_FEW_TOKENS]
    runtime.decode(few, phonemes, voice.prompt(), decoder_noise(voice, 0, int(few.size)), 0.5, 1.0, steps and 1)
