"""Which of a person's files a training starts from: by content, never guessed, each refusal in its own words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core_model.upstream import shapes
from lifecycle.base_files import find_base
from lifecycle.errors import BaseFilesError, UnfitFileError
from tests.lifecycle.upstream_files import gpt, small, small_shapes, sovits, write

__all__ = ["small_shapes"]
pytestmark = pytest.mark.usefixtures("small_shapes")


def write_judges(path: Path, periods: str = "v1v2") -> None:
    """As upstream saves its base discriminators."""
    named = small(shapes.discriminator(shapes.DISCRIMINATORS[periods]))
    torch.save({"weight": {name: torch.from_numpy(tensor) for name, tensor in named.items()}}, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Upstream's own layout, in small: a GPT beside, a pair of G and D for each family in a folder of its own."""
    write(tmp_path / "s1.ckpt", gpt())
    for family, periods in (("v2", "v1v2"), ("v2Pro", "v2Pro_v2ProPlus")):
        (tmp_path / family).mkdir()
        write(tmp_path / family / "G.pth", replace(sovits(family, posterior=True), head="PK"))
        write_judges(tmp_path / family / "D.pth", periods)
    (tmp_path / "v4").mkdir()
    write(tmp_path / "v4" / "G.pth", sovits("v4"))
    (tmp_path / "notes.pth").write_text("not a checkpoint")
    return tmp_path


@pytest.mark.parametrize("family", ["v2", "v2Pro", "v4"])
def test_the_base_of_a_family(folder: Path, family: str) -> None:
    base = find_base([folder], family)
    assert base.family == family
    assert [told.partition(":")[0] for told in base.left_out] == ["notes.pth"]
    assert base.sovits.path == folder / family / "G.pth" and base.gpt.path == folder / "s1.ckpt"
    assert (base.judges.path if base.judges else None) == (None if family == "v4" else folder / family / "D.pth")


def test_the_only_family_needs_no_name_and_files_may_be_named_one_by_one(folder: Path) -> None:
    base = find_base([folder / "s1.ckpt", folder / "v2" / "G.pth", folder / "v2" / "D.pth"])
    assert base.family == "v2"


@pytest.mark.parametrize(
    ("family", "gone", "told"),
    [
        (None, (), "bases of v2, v2Pro, v4"),
        ("v3", (), "no SoVITS v3"),
        ("v2", ("v2/D.pth",), "no discriminator of v2"),
        ("v2", ("s1.ckpt",), "no GPT of 732"),
        ("v1", (), "no SoVITS v1"),
    ],
)
def test_what_is_missing_is_named(folder: Path, family: str | None, gone: tuple[str, ...], told: str) -> None:
    for name in gone:
        (folder / name).unlink()
    with pytest.raises(BaseFilesError, match=told) as refused:
        find_base([folder], family)
    assert refused.value.hint


def test_two_that_would_do_are_never_guessed_between(folder: Path) -> None:
    write(folder / "s1v3.ckpt", gpt())
    with pytest.raises(BaseFilesError, match="each a GPT of 732"):
        find_base([folder], "v2")
    write_judges(folder / "v2" / "D2.pth")
    (folder / "s1v3.ckpt").unlink()
    with pytest.raises(BaseFilesError, match="each a discriminator"):
        find_base([folder], "v2")


def test_a_trained_voice_is_no_base(folder: Path) -> None:
    write(folder / "v2" / "G.pth", sovits("v2"))
    with pytest.raises(BaseFilesError, match="no SoVITS v2"):
        find_base([folder], "v2")


def test_places_that_are_none(folder: Path) -> None:
    with pytest.raises(BaseFilesError, match="neither"):
        find_base([folder / "nowhere"])
    with pytest.raises(UnfitFileError):
        find_base([folder / "notes.pth"])
