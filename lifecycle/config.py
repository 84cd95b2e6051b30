"""run.toml: what a training run is told, parsed once into one frozen value.

Knows no networks and reads no environment. A field that it does not know is refused by name, because a mistyped field
that is ignored costs a night. What the command line says wins over the file; what neither says is left to the training.

    recordings = "recordings/anna"      # relative to run.toml
    language = "en"
    licence = "all rights reserved"
    seed = 7
    threads = 2
    gpt_steps = 30
    sovits_steps = 400
    keep_recordings = 30                # days; from then on they are named at every start
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from lifecycle.errors import ConfigError

_COUNTS = {
    "seed": 0,
    "threads": 1,
    "gpt_steps": 1,
    "sovits_steps": 1,
    "keep_recordings": 0,
}  # whole numbers, and the least each may be
_MOST = 2**63 - 1  # of TOML's whole numbers, and of what torch takes for a seed
_TEXTS = ("recordings", "language", "licence")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One training run. None: not said."""

    recordings: Path | None = None
    language: str | None = None
    licence: str | None = None  # of the voice; goes into voice.json
    seed: int | None = None
    threads: int | None = None
    gpt_steps: int | None = None
    sovits_steps: int | None = None
    keep_recordings: int | None = None  # days

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if (getattr(self, name) or 0) > _MOST:
                raise ConfigError(name, f"must be {_MOST} or less")

    def over(self, other: RunConfig) -> RunConfig:
        """Return what this one says, and where it says nothing, what *other* says."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return RunConfig(**{name: getattr(other, name) if value is None else value for name, value in said.items()})


def read_config(path: Path) -> RunConfig:
    """Read *path*; ConfigError names the first field that is unknown or of the wrong kind. OSError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not TOML: {error}") from error
    return _parse(document, path.parent)


def _parse(document: Mapping[str, object], directory: Path) -> RunConfig:
    for name, value in document.items():
        if name in _TEXTS:
            if not isinstance(value, str) or not value:
                raise ConfigError(name, "must be a text")
        elif name in _COUNTS:
            if not isinstance(value, int) or isinstance(value, bool) or value < _COUNTS[name]:
                raise ConfigError(name, f"must be a whole number, {_COUNTS[name]} or more")
        else:
            raise ConfigError(name, f"is not known; known are {', '.join((*_TEXTS, *_COUNTS))}")
    known = dict(document)
    recordings = known.pop("recordings", None)
    placed = None if recordings is None else directory / str(recordings)
    return RunConfig(recordings=placed, **known)  # type: ignore[arg-type]
