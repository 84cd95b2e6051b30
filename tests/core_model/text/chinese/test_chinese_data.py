from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core_model.errors import RuntimeMissingError, VoiceError
from core_model.text.chinese import chinese_data
from core_model.text.chinese.spelling import Chinese
from core_model.text.text_data import UPSTREAM, PackageData, open_data, write_data


def test_a_voice_reads_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "他用iPhone拍了照片，囧槑烎。"
    expected = Chinese(PackageData(UPSTREAM), "v2").spell(text)
    write_data(tmp_path, ["zh"], UPSTREAM)
    for package in ("pypinyin", "jieba"):
        monkeypatch.setitem(sys.modules, package, None)
    assert Chinese(open_data(tmp_path), "v2").spell(text) == expected


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_data(tmp_path / "first", ["zh"], UPSTREAM)
    chinese_data._from_pypinyin.cache_clear()
    write_data(tmp_path / "second", ["zh"], UPSTREAM)
    for name in (*chinese_data.FILES, "index.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    write_data(tmp_path, ["zh"], UPSTREAM)
    with (tmp_path / "zh.tones.txt").open("a", encoding="utf-8") as file:
        file.write("neutral 北京\n")
    with pytest.raises(VoiceError, match=r"zh\.tones\.txt"):
        Chinese(open_data(tmp_path), "v2")


def test_pypinyin_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    chinese_data._from_pypinyin.cache_clear()
    for module in ("pypinyin.phrases_dict", "pypinyin.pinyin_dict"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RuntimeMissingError, match="pip install pypinyin"):
        chinese_data.content("zh.phrases.txt")


def test_every_file_can_be_had() -> None:
    for name in chinese_data.FILES:
        assert chinese_data.content(name)
    assert sum(len(chinese_data.content(name)) for name in ("zh.words.xz", "zh.tags.xz")) < 2_000_000
    assert b"Sun Junyi" in chinese_data.content("zh.LICENSES.txt")
    assert b"mozillazg" in chinese_data.content("zh.LICENSES.txt")
