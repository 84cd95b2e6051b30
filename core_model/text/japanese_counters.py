"""Numbers before counters as Open JTalk 1.11 says them, where pyopenjtalk-plus has come to say them otherwise.

Knows words (NJD features: dicts of the package) and nothing of accents. Upstream's voices learned the old way: 八 is
doubled before more counters (8個 ハッコ, 8分 ハップン), and 件 is voiced after 三 (3件 サンゲン).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

_COUNTERS = """
    か国 か所 か月 か条 件 体 個 分 分目 切れ 区 品 回 坪 基 客 局 巻 戸 斤 曲 期 束 校 株 桁 棟 機 歩 気圧 波 派
    浬 海里 版 球 玉 皿 石 票 箱 粒 級 組 編 缶 脚 課 貫 貫目 軒 騎 階
"""
_AFTER_DOUBLED_EIGHT = frozenset(_COUNTERS.split())
_HARDENED = dict(zip("ハヒフヘホ", "パピプペポ", strict=True))


def as_counted(words: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """*words* with the old pronunciations of numbers and counters."""
    found = [dict(word) for word in words]
    for number, counter in pairwise(found):
        if number["pos_group1"] != "数" or counter["pos_group1"] != "接尾":
            continue
        if number["string"] == "八" and counter["string"] in _AFTER_DOUBLED_EIGHT and number["pron"].startswith("ハチ"):
            number["pron"] = "ハッ"
            counter["pron"] = _HARDENED.get(counter["pron"][0], counter["pron"][0]) + counter["pron"][1:]
        if number["string"] in ("三", "千") and counter["string"] == "件":
            counter["pron"] = counter["pron"].replace("ケ", "ゲ", 1)
    return found
