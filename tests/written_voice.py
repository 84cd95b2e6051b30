"""A voice directory written in one call, as tests want it. People's voices are written through `lifecycle.store`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from core_model.voice import Array, Description, Prompt, Voice, write_files


def write_voice(
    directory: Path,
    description: Description,
    *,
    weights: Mapping[str, Mapping[str, Array]],
    prompts: Mapping[str, Prompt],
    fill: Callable[[Path], None] | None = None,
) -> Voice:
    """Write a voice into *directory*, which must not exist yet; *fill* adds text/ and golden/ at the end."""
    directory.mkdir(parents=True)
    write_files(directory, description, weights=weights, prompts=prompts)
    if fill is not None:
        fill(directory)
    return Voice.open(directory)
