"""Configurations of checkpoints as a voice keeps them: in JSON, and without the directories that name people.

Knows no file and no meaning of a field. GPT-SoVITS writes where it lay into every voice, as in
C:\\Users\\Jane Doe\\GPT-SoVITS\\logs\\jane, and no network needs to know. Of a path that begins at a root, a drive or
a home only the last part is kept; a relative one (logs/jane) tells what the voice's own name tells, and stays.

    require_text(config, info)                       ValueError for what JSON cannot hold and give back
    config, cut = without_directories(config)        cut: ("data.exp_dir",)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_ROOTED = re.compile(r"(?:[A-Za-z]:[\\/]|[\\/]|~|file:)", re.ASCII)


def require_text(config: Mapping[str, object], info: str) -> None:
    """Refuse, with ValueError, what would not come back from JSON as it was.

    NaN and infinity, half of a character, a key that is no text. None of it stands in a configuration that works.
    """
    try:
        json.dumps([config, info], ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:  # UnicodeEncodeError is one, too
        raise ValueError(f"its configuration holds what no text can: {error}") from error
    _require_text_keys(config, "config")


def _require_text_keys(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"its configuration holds what no text can: {where} has the key {key!r}")
            _require_text_keys(item, f"{where}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _require_text_keys(item, f"{where}[{number}]")


def without_directories(config: Mapping[str, object]) -> tuple[dict[str, object], tuple[str, ...]]:
    """*config* with rooted paths cut to their last part, and the fields where that was done."""
    cut: list[str] = []
    return {name: _shortened(value, name, cut) for name, value in config.items()}, tuple(cut)


def _shortened(value: object, where: str, cut: list[str]) -> object:
    if isinstance(value, dict):
        return {name: _shortened(item, f"{where}.{name}", cut) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, f"{where}[{number}]", cut) for number, item in enumerate(value)]
    if isinstance(value, str) and _ROOTED.match(value):
        last = ([part for part in re.split(r"[\\/]", value) if part] or [""])[-1]
        if last != value:
            cut.append(where)
        return last
    return value
