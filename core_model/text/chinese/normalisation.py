"""A text as Chinese and Cantonese voices hear it: simplified characters, numbers written out, no signs left.

    他花了$25.5，共２件。 → 他花了$二十五点五， 共两件。

Both languages start from `write_out`; `clean` is what Chinese then does with marks (cantonese.py has its own way).
Knows nothing of sounds. Rules: PaddleSpeech's zh_normalization (Apache-2.0), with the differences that the golden front
end of GPT-SoVITS shows. Only 4E00–9FA5 and a few marks survive: Latin letters, emoji, 〇 and rarer characters do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core_model.text.chinese import chronology, quantities

_SILENT = re.compile(r"[—《》【】<>{}()（）#&@“”^_|\\]")
_SENTENCE_END = re.compile(r"([：、，；。？！,;?!][”’]?)")
_HALF_WIDTH = {ord(c) + 0xFEE0: c for c in "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"} | {
    0x3000: " "
}
_NAMED_SIGNS = {
    "/": "每",
    **dict(zip("①②③④⑤⑥⑦⑧⑨⑩", "一二三四五六七八九十", strict=True)),
    "α": "阿尔法",
    "β": "贝塔",
    **dict.fromkeys("γΓ", "伽玛"),
    **dict.fromkeys("δΔ", "德尔塔"),
    "ε": "艾普西龙",
    "ζ": "捷塔",
    "η": "依塔",
    **dict.fromkeys("θΘ", "西塔"),
    "ι": "艾欧塔",
    "κ": "喀帕",
    **dict.fromkeys("λΛ", "拉姆达"),
    "μ": "缪",
    "ν": "拗",
    **dict.fromkeys("ξΞ", "克西"),
    "ο": "欧米克伦",
    **dict.fromkeys("πΠ", "派"),
    "ρ": "肉",
    **dict.fromkeys("ςΣσ", "西格玛"),
    "τ": "套",
    "υ": "宇普西龙",
    **dict.fromkeys("φΦ", "服艾"),
    "χ": "器",
    **dict.fromkeys("ψΨ", "普赛"),
    **dict.fromkeys("ωΩ", "欧米伽"),
}
_NAMES = str.maketrans(_NAMED_SIGNS)

MARKS = {"：": ",", "；": ",", "，": ",", "。": ".", "！": "!", "？": "?", "\n": ".", "·": ",", "、": ",", "$": "."}
_CHINESE_MARKS = str.maketrans({**MARKS, "~": "…", "～": "…", "嗯": "恩", "呣": "母"})
_UNSPOKEN = re.compile("[^一-龥!?…,.]+")
_MANY_MARKS = re.compile("([!?…,.])[!?…,.]+")


def parse_simplified(table: str) -> dict[int, str]:
    """zh.simplified.txt for str.translate: a traditional character and its simplified one a line, `#` for comments."""
    return {ord(line[0]): line[1] for line in table.splitlines() if line and not line.startswith("#")}


def write_out(text: str, simplified: Mapping[int, str]) -> list[str]:
    """The sentences of *text*, simplified, with numbers and signs written out; marks and letters stay."""
    text = _SILENT.sub("", text.replace(" ", ""))
    text = _SENTENCE_END.sub(r"\1\n", text)
    return [_write_out_sentence(sentence.strip(), simplified) for sentence in text.split("\n")]


def _write_out_sentence(sentence: str, simplified: Mapping[int, str]) -> str:
    sentence = sentence.translate(simplified).translate(_HALF_WIDTH)
    sentence = quantities.write_out(chronology.write_out(sentence))
    return _SILENT.sub("", sentence.translate(_NAMES))


def clean(sentences: list[str]) -> str:
    """One Chinese text of *sentences*: nothing but 4E00–9FA5 and `!?…,.`, never two marks in a row."""
    text = "".join(sentence.replace("...", "…").translate(_CHINESE_MARKS) for sentence in sentences)
    return _MANY_MARKS.sub(r"\1", _UNSPOKEN.sub("", text))
