"""Directories taken out of a checkpoint's configuration: they name people, and no network needs them.

GPT-SoVITS writes where it lay into every voice (C:\\Users\\Jane Doe\\GPT-SoVITS\\logs\\jane). Of a path that begins at
a root or a home only the last part is kept; a relative one (logs/jane) tells what the voice's name tells, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ROOTED = re.compile(r"(?:[A-Za-z]:[\\/]|[\\/]|~|file:)", re.ASCII)


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
