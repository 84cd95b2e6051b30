"""Mixed text to segments, each to be spelled in one language, as GPT-SoVITS's language codes mean it.

    en                       the whole text is English                      (no classifier is asked)
    zh ja ko yue             Latin words are English, the rest is this language
    auto, auto_yue           each part in its own language; Chinese is then Mandarin or Cantonese
    all_zh all_ja all_ko all_yue   as zh ja ko yue, but numbers beside Latin words are this language too

script_runs.py says what a run probably is; here is what upstream then does with that, mistakes included: "é" drops out
of a Chinese text, Cyrillic leaves only its spaces, a number goes to the longer neighbour. Knows nothing of phonemes.
"""

from __future__ import annotations

import re

from core_model.text.script_runs import DIGIT, UNKNOWN, Run, ScriptRuns, joined

CODES = ("en", "zh", "ja", "ko", "yue", "auto", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue")

_PAUSES = r"[0-9、-〜。！？.!?… ]"  # between two stretches of one script
_ENGLISH = re.compile(r"(?=.*[A-Za-z])[\s\x20-\x7e\u2000-\u206f\u3000-\u303f\uff00-\uffef]+")
_KANA = re.compile("K+(?:P+K+)*".replace("K", r"[\u3041-\u3096\u3099\u309a\u30a1-\u30fa\u30fc]").replace("P", _PAUSES))
_HANGUL = re.compile("H+(?:P+H+)*".replace("H", r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]").replace("P", _PAUSES))
_HAN = re.compile(
    r"[\u3400-\u4db5\u4e00-\u9fff\U00020000-\U0002a6df\U0002a700-\U0002ebe0\U0002ebf0-\U0002ee5d\U00030000-\U000323af]"
    r"|[0-9、-〜。！？.!?… /]"
)
_ENDS = frozenset(",.!?，。！？")  # a number after one of these goes to what follows, before one to what precedes


def language_of(code: str) -> str:
    """The language in whose manner a text under *code* is punctuated."""
    return {"auto": "zh", "auto_yue": "yue"}.get(code, code.removeprefix("all_"))


def segments(text: str, code: str, splitter: ScriptRuns) -> list[Run]:
    """The segments of *text* under *code*, any but en, which has one; neighbours of one language joined."""
    if code.startswith("all_"):
        language = code.removeprefix("all_")
        parts = split(text, splitter, "zh" if language == "yue" else language)
    else:
        parts = split(text, splitter)
    if code in ("auto_yue", "all_yue"):
        parts = [Run("yue" if part.language == "zh" else part.language, part.text) for part in parts]
    if code == language_of(code):
        parts = joined(Run("en" if part.language == "en" else code, part.text) for part in parts)
    return parts


def split(text: str, splitter: ScriptRuns, default: str = "") -> list[Run]:
    """What upstream's own splitter gives: every run's language, or English and *default* alone."""
    if not text.strip():
        return []
    runs: list[Run] = []
    for run in splitter.split(text):
        if run.language != DIGIT and _ENGLISH.fullmatch(run.text):
            runs.append(Run("en", run.text))
        elif default:
            runs.append(Run(default, run.text))
        elif run.language == DIGIT:
            runs.append(run)
        else:
            runs += [_known(part) for part in _by_letters(run)]
    runs = _numbers_placed(joined(runs))
    return _unknown_placed(runs)


def _by_letters(run: Run) -> list[Run]:
    """Kana inside a run of another language are Japanese, Hangul Korean; a run of one kind alone stays what it was."""
    parts = [run]
    for language, pattern in (("ja", _KANA), ("ko", _HANGUL)):
        parts = [piece for part in parts for piece in _cut_out(part, language, pattern)]
    return parts if len(parts) > 1 else [run]


def _cut_out(run: Run, language: str, pattern: re.Pattern[str]) -> list[Run]:
    if run.language == language:
        return [run]
    found, start = [], 0
    for match in pattern.finditer(run.text):
        found += [Run(run.language, run.text[start : match.start()]), Run(language, match[0])]
        start = match.end()
    return [part for part in (*found, Run(run.language, run.text[start:])) if part.text]


def _known(run: Run) -> Run:
    """An unknown run that holds Han is Chinese, and what is no Han nor a number or stop is lost (upstream's way)."""
    han = "".join(_HAN.findall(run.text)) if run.language == UNKNOWN else ""
    return Run("zh", han) if han else run


def _numbers_placed(runs: list[Run]) -> list[Run]:
    """Each number in the language of a neighbour, which ends with the text before it, else begins the text after it."""
    placed: list[Run] = []
    for place, run in enumerate(runs):
        if run.language == DIGIT:
            before = placed[-1] if placed else None
            after = runs[place + 1] if place + 1 < len(runs) else None
            run = Run(_language_of_number(run.text, before, after), run.text)
        placed = joined((*placed, run))
    return placed


def _language_of_number(number: str, before: Run | None, after: Run | None) -> str:
    if before is None or after is None:
        near = before or after
        return "zh" if near is None else near.language
    if before.text[-1] in _ENDS:
        return after.language
    if after.text[0] in _ENDS or number[-1] in "。.":
        return before.language
    return before.language if len(before.text) >= len(after.text) else after.language


def _unknown_placed(runs: list[Run]) -> list[Run]:
    """Runs still unknown in the language of what precedes them; at the start, of what follows; alone, Chinese."""
    placed: list[Run] = []
    for run in runs:
        if run.language == UNKNOWN:
            near = placed[-1].language if placed else runs[1].language if len(runs) > 1 else "zh"
            run = Run(near, run.text)
        placed = joined((*placed, run))
    return placed
