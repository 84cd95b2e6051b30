"""HuBERT from a folder: what transformers computes with the same weights, and every folder that is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="HuBERT needs transformers, an extra")

import torch

from core_model.errors import AudioError, PretrainedError, RuntimeMissingError
from core_model.features import hubert
from tests.core_model.features import tiny_pretrained

WAVEFORM = (0.1 * np.random.default_rng(1).standard_normal(4_000)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "hubert"


def expected(network: torch.nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(WAVEFORM)[None]).last_hidden_state[0].T.numpy()


def test_features_are_those_of_transformers(folder: Path) -> None:
    network = tiny_pretrained.hubert(folder)
    found = hubert.load(folder).features(WAVEFORM)
    assert found.shape == (1, 20, 12)  # 50 a second, less the border
    np.testing.assert_allclose(found[0], expected(network), atol=1e-6)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_an_old_folder_with_a_pickle(folder: Path, half: bool, zipped: bool) -> None:
    network = tiny_pretrained.hubert(folder)
    tiny_pretrained.as_old_folder(folder, network.state_dict(), half=half, zipped=zipped)
    found = hubert.load(folder).features(WAVEFORM)
    np.testing.assert_allclose(found[0], expected(network), atol=2e-2 if half else 1e-6)


def test_a_folder_saved_with_its_pretraining_head(folder: Path) -> None:
    network = tiny_pretrained.hubert(folder)
    wrapped = {f"hubert.{name}": values for name, values in network.state_dict().items()}
    tiny_pretrained.as_old_folder(folder, wrapped | {"lm_head.weight": torch.zeros(3)})
    np.testing.assert_allclose(hubert.load(folder).features(WAVEFORM)[0], expected(network), atol=1e-6)


def test_the_callers_random_numbers_are_its_own(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    torch.manual_seed(3)
    alone = torch.rand(2)
    torch.manual_seed(3)
    hubert.load(folder)
    assert torch.equal(torch.rand(2), alone)


def test_too_short_a_waveform(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    with pytest.raises(AudioError, match="10 samples are too few"):
        hubert.load(folder).features(WAVEFORM[:10])


def test_another_kind_of_network(folder: Path) -> None:
    tiny_pretrained.roberta(folder)
    with pytest.raises(PretrainedError, match="model_type is 'bert', not hubert"):
        hubert.load(folder)


def test_a_config_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    with pytest.raises(PretrainedError, match=r"config\.json: is no file"):
        hubert.load(tmp_path)


def test_no_config(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match=r"no config\.json"):
        hubert.load(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_config_that_is_none(folder: Path, content: bytes) -> None:
    tiny_pretrained.hubert(folder)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(PretrainedError, match=r"config\.json"):
        hubert.load(folder)


def test_a_config_of_no_network(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    tiny_pretrained.change_config(folder, num_attention_heads=7)
    with pytest.raises(PretrainedError, match="describes no network"):
        hubert.load(folder)


def test_no_weights(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(PretrainedError, match="no weights in it"):
        hubert.load(folder)


def test_weights_of_another_size(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    tiny_pretrained.change_config(folder, intermediate_size=30)
    with pytest.raises(PretrainedError, match=r"intermediate_dense.* has shape \(24"):
        hubert.load(folder)


def test_a_tensor_that_is_missing(folder: Path) -> None:
    network = tiny_pretrained.hubert(folder)
    tensors = network.state_dict()
    del tensors["encoder.layers.1.final_layer_norm.bias"]
    tiny_pretrained.as_old_folder(folder, tensors)
    with pytest.raises(PretrainedError, match=r"encoder\.layers\.1\.final_layer_norm\.bias is missing"):
        hubert.load(folder)


def test_a_value_that_is_no_number(folder: Path) -> None:
    tensors = tiny_pretrained.hubert(folder).state_dict()
    tensors["encoder.layer_norm.bias"][0] = float("nan")
    tiny_pretrained.as_old_folder(folder, tensors)
    with pytest.raises(PretrainedError, match=r"encoder\.layer_norm\.bias holds a value that is no number"):
        hubert.load(folder)


def test_a_pickle_that_would_run_something(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    (folder / "model.safetensors").unlink()

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    torch.save({"a": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="print"):
        hubert.load(folder)


def test_damaged_safetensors(folder: Path) -> None:
    tiny_pretrained.hubert(folder)
    (folder / "model.safetensors").write_bytes(b"12345678{}")
    with pytest.raises(PretrainedError, match="safetensors"):
        hubert.load(folder)


def test_without_transformers_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_pretrained.hubert(folder)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'lifecycle\[upstream\]'"):
        hubert.load(folder)
