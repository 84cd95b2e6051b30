"""run.toml says what it says, and a slip of the pen is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle import config
from lifecycle.config import RunConfig, read_config
from lifecycle.errors import ConfigError


def read(tmp_path: Path, text: str) -> RunConfig:
    (tmp_path / "run.toml").write_text(text)
    return read_config(tmp_path / "run.toml")


def test_the_example_in_the_docstring(tmp_path: Path) -> None:
    assert config.__doc__
    example = "".join(line[4:] + "\n" for line in config.__doc__.splitlines() if line.startswith("    "))
    run = read(tmp_path, example)
    assert run == RunConfig(tmp_path / "recordings/anna", "en", "all rights reserved", 7, 2, 30, 400, 30)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == RunConfig()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("gpt_stpes = 4", "gpt_stpes"),
        ("seed = -1", "seed"),
        ("seed = true", "seed"),
        ("seed = 1.5", "seed"),
        ("gpt_steps = 0", "gpt_steps"),
        ("seed = 9223372036854775808", "seed"),
        ("language = 3", "language"),
        ("recordings = ''", "recordings"),
        ("[gpt]\nsteps = 3", "gpt"),
    ],
)
def test_the_field_that_is_wrong_is_named(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert refused.value.field == field


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        read(tmp_path, "seed: 3")


def test_the_command_line_wins_over_the_file() -> None:
    merged = RunConfig(seed=1).over(RunConfig(seed=2, threads=4))
    assert (merged.seed, merged.threads, merged.language) == (1, 4, None)
