"""Pretrained networks are found by what is in their files, whatever these are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core_model.errors import PretrainedError
from core_model.pretrained import Pretrained
from core_model.upstream import companion_shapes


def folder(path: Path, model_type: str, hidden_size: int = 16, weights: str = "model.safetensors") -> Path:
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"model_type": model_type, "hidden_size": hidden_size}))
    (path / weights).write_bytes(b"values are not looked at")
    return path


def checkpoint(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A file with these tensors, all views of one small storage, so that it is small too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: torch.zeros((), dtype=_dtype(name)).expand(shape).contiguous() for name, shape in shapes.items()}
    torch.save(tensors, path)
    return path


def _dtype(name: str) -> torch.dtype:
    return torch.int64 if name.endswith("num_batches_tracked") else torch.float16


@pytest.fixture(scope="module")
def companions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The speaker network alone: the vocoders are as large again, and told apart by core_model.upstream's own tests."""
    root = tmp_path_factory.mktemp("companions")
    return {"speaker_vector": checkpoint(root / "a.bin", companion_shapes.speaker_vector())}


def test_upstreams_own_layout(tmp_path: Path, companions: dict[str, Path]) -> None:
    hubert = folder(tmp_path / "chinese-hubert-base", "hubert", 768, "pytorch_model.bin")
    roberta = folder(tmp_path / "chinese-roberta-wwm-ext-large", "bert", 1024)
    (tmp_path / "sv").mkdir()
    speaker = tmp_path / "sv" / "pretrained_eres2netv2w24s4ep4.ckpt"
    speaker.hardlink_to(companions["speaker_vector"])
    (tmp_path / "s2G488k.pth").write_bytes(b"PK\x03\x04 something else")
    found = Pretrained.find(tmp_path)
    assert found == Pretrained(hubert, roberta, speaker)
    assert found.vocoders == {}


def test_everything_beside_each_other_under_other_names(tmp_path: Path, companions: dict[str, Path]) -> None:
    hubert = folder(tmp_path / "one" / "two", "hubert")
    (tmp_path / "one" / "x").hardlink_to(companions["speaker_vector"])
    assert Pretrained.find(tmp_path) == Pretrained(hubert=hubert, speaker_vector=tmp_path / "one" / "x")


def test_places_may_be_named_one_by_one(tmp_path: Path, companions: dict[str, Path]) -> None:
    hubert = folder(tmp_path / "h", "hubert")
    folder(tmp_path / "h2", "hubert")
    found = Pretrained.find(hubert, companions["speaker_vector"])
    assert found == Pretrained(hubert=hubert, speaker_vector=companions["speaker_vector"])


def test_nothing_at_all(tmp_path: Path) -> None:
    assert Pretrained.find() == Pretrained.find(tmp_path) == Pretrained()


def test_two_of_one_kind_are_not_chosen_between(tmp_path: Path) -> None:
    folder(tmp_path / "a", "hubert")
    folder(tmp_path / "b", "hubert")
    with pytest.raises(PretrainedError, match="both are a hubert: name one of them itself"):
        Pretrained.find(tmp_path)


def test_of_two_the_one_of_upstreams_size(tmp_path: Path) -> None:
    folder(tmp_path / "a", "bert", 768)
    large = folder(tmp_path / "b", "bert", 1024)
    assert Pretrained.find(tmp_path).roberta == large


def test_a_cache_shows_one_file_twice(tmp_path: Path, companions: dict[str, Path]) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "0f3a").hardlink_to(companions["speaker_vector"])
    (tmp_path / "snapshots" / "1").mkdir(parents=True)
    (tmp_path / "snapshots" / "1" / "sv.ckpt").symlink_to("../../blobs/0f3a")
    assert Pretrained.find(tmp_path).speaker_vector == tmp_path / "blobs" / "0f3a"


@pytest.mark.parametrize("config", ["{", '{"model_type": "gpt2"}', '{"model_type": ["hubert"]}', "[]", '{"a": 1}'])
def test_somebody_elses_config(tmp_path: Path, config: str) -> None:
    folder(tmp_path / "a", "hubert")
    (tmp_path / "a" / "config.json").write_text(config)
    assert Pretrained.find(tmp_path) == Pretrained()


def test_a_config_without_weights(tmp_path: Path) -> None:
    (folder(tmp_path / "a", "hubert") / "model.safetensors").unlink()
    assert Pretrained.find(tmp_path).hubert is None


def test_links_that_lead_nowhere_or_in_circles(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert Pretrained.find(tmp_path) == Pretrained()


def test_a_whole_home_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core_model.pretrained._MOST_FILES", 3)
    for name in "abcd":
        (tmp_path / name).touch()
    with pytest.raises(PretrainedError, match="more than 3 files below it"):
        Pretrained.find(tmp_path)


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match="no such folder"):
        Pretrained.find(tmp_path / "gone")
