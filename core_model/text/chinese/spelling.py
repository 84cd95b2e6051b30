"""Chinese text to phonemes: written out, cut into words, read, its tones changed, each syllable two symbols.

    Chinese(data, "v2").spell("他花了$25.5。").normalised == "他花了.二十五点五."

Composes its siblings and knows nothing of files (chinese_data.py does) or of the other languages. The two tables differ
in what v2 adds: the 儿 that takes the tone before it, corrected readings, and a few characters that are read with the
sentence. Where upstream asks the g2pW model how a character sounds, the word it stands in decides here.
"""

from __future__ import annotations

import re

from core_model.errors import EmptyTextError
from core_model.text.chinese import normalisation, word_merging
from core_model.text.chinese.chinese_data import load
from core_model.text.chinese.plain_reading import read_aloud
from core_model.text.chinese.readings import NEUTRAL, Syllable
from core_model.text.chinese.syllables import symbols
from core_model.text.phonemes import Spelled
from core_model.text.symbols import PUNCTUATION
from core_model.text.text_data import PLAIN, TextData

_PAUSES = (
    ("￥", "SP2"),
    ("^", "SP3"),
)  # upstream's pause marks: every comma of the text becomes one; the first decides
_AFTER_MARK = re.compile(r"(?<=[!?…,.])")
_READ_WITH_SENTENCE = frozenset(
    "不和咋嗲剖差攒倒难奔劲拗肖瘙诶泊听"
)  # those of two sounds that g2pW is never asked about


class Chinese:
    """The front end of one language and one symbol table.

    Raises VoiceError if a file of a voice is not what was written.
    """

    def __init__(self, data: TextData, table: str) -> None:
        self._parts = load(data)
        self._plain = data.reading == PLAIN
        self._second = table == "v2"
        self._readings = self._parts.corrected if self._second else self._parts.readings

    def spell(self, text: str) -> Spelled:
        """Phonemes of *text*. Raises EmptyTextError if nothing in it can be spoken, not even as a pause."""
        if self._plain:
            text = read_aloud(text)
        pause = ","
        for mark, symbol in _PAUSES:
            if mark in text:
                text, pause = text.replace(mark, ","), symbol
                break
        normalised = normalisation.clean(normalisation.write_out(text, self._parts.simplified))
        spelled: list[tuple[str, tuple[str, ...]]] = []
        for sentence in filter(None, _AFTER_MARK.split(normalised)):
            spelled += self._spell_sentence(sentence)
        if not spelled:
            raise EmptyTextError("nothing in the text can be spoken as Chinese")
        flat = [pause if symbol == "," else symbol for _, pair in spelled for symbol in pair]
        heard = "".join(character for character, _ in spelled)
        return Spelled(tuple(flat), heard, tuple(len(pair) for _, pair in spelled))

    def _spell_sentence(self, sentence: str) -> list[tuple[str, tuple[str, ...]]]:
        """Each character of *sentence* with its symbols; without those that the table cannot write."""
        spelled: list[tuple[str, tuple[str, ...]]] = []
        with_sentence = self._readings.of(sentence) if self._second else []
        start = 0
        for word, tag in word_merging.merge(self._parts.segmenter.tagged(sentence), self._parts.readings):
            syllables = self._read(word, with_sentence[start : start + len(word)])
            start += len(word)
            for character, syllable in zip(word, self._change(word, tag, syllables), strict=True):
                pair = (character,) if character in PUNCTUATION else symbols(*syllable)
                if pair is not None:
                    spelled.append((character, pair))
        return spelled

    def _read(self, word: str, with_sentence: list[Syllable]) -> list[Syllable]:
        syllables = self._readings.of(word)
        for place, syllable in enumerate(with_sentence):
            if word[place] in _READ_WITH_SENTENCE:
                syllables[place] = syllable
        return syllables

    def _change(self, word: str, tag: str, syllables: list[Syllable]) -> list[Syllable]:
        tones = self._parts.sandhi.change(word, tag, [syllable.tone for syllable in syllables])
        if self._second and self._parts.sandhi.curls(word, tag) and tones[-1] in (2, NEUTRAL) and tones[-2]:
            tones[-1] = tones[-2]
        return [Syllable(syllable.sound, tone) for syllable, tone in zip(syllables, tones, strict=True)]
