"""From recordings and upstream's base to a voice: every family, whole and LoRA, at tiny dims; what is interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="tokens come from HuBERT, which needs transformers, an extra")

import torch

from core_model.errors import DatasetError
from core_model.features import speaker_vector
from core_model.golden import Golden
from core_model.pretrained import Pretrained
from core_model.speaking import SpeakingOptions
from core_model.synthesis import synthesize
from core_model.training.fine_tuning import networks
from core_model.upstream import names
from core_model.voice import Voice, json_bytes
from lifecycle import fine_tuning
from lifecycle.base_files import BaseFiles
from lifecycle.checkpoint_files import CheckpointFile
from lifecycle.errors import BaseFilesError
from lifecycle.exporting import export_voice
from lifecycle.fine_tuning import FineTuning, fine_tune
from lifecycle.recording import Recording, survey
from lifecycle.store import Store
from lifecycle.training import Trained
from tests.core_model.features import tiny_pretrained
from tests.core_model.test_prompting import SPEAKER_DIMS
from tests.core_model.training.fine_tuning.tiny import tiny_judges
from tests.core_model.training.tiny import Interrupted
from tests.tiny_imported import HUBERT_WIDTH, ROBERTA_WIDTH, make_imported_voice, write_recording

pytestmark = pytest.mark.usefixtures("one_thread")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLAN = FineTuning(gpt_steps=2, sovits_steps=3, batch_size=2, checkpoint_every=1)
WORDS = "Good morning to you all, and a very good day."


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    root = tmp_path_factory.mktemp("recordings")
    for seed in range(4):
        write_recording(root / f"{seed}.wav", 3.0 + seed, seed=seed)
        (root / f"{seed}.txt").write_text(" ".join([WORDS] * (1 + seed // 2)))
    used = survey(root, front_end_languages=("en",), language="en").used
    assert len(used) == 4
    return used


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    root = tmp_path_factory.mktemp("pretrained")
    tiny_pretrained.hubert(root / "hubert", width=HUBERT_WIDTH)
    tiny_pretrained.roberta(root / "roberta", width=ROBERTA_WIDTH)
    return replace(Pretrained.find(root), speaker_vector=root / "sv.ckpt")


@pytest.fixture(autouse=True)
def small_networks_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of files of 70 and 190 MB, whose shapes are fixed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = speaker_vector.SpeakerNetwork(SPEAKER_DIMS).eval()
    monkeypatch.setattr(speaker_vector, "load", lambda path: network)
    judged = type("Judged", (), {"family": "v1v2", "tensors": {}})()
    monkeypatch.setattr(fine_tuning, "read_checkpoint", lambda path: judged)
    monkeypatch.setattr(networks, "judges_of", lambda weights, periods: tiny_judges())


def base_of(family: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> BaseFiles:
    """A base that was imported already: what importing writes down is written here."""
    voice = make_imported_voice(directory / "base", family)
    parts = [part for part in ("gpt", "sovits", "vocoder") if voice.has_weights(part)]
    config = {"model": {"version": family}, "train": {"seed": 1}}
    facts = {"file": "s2G.pth", "sha256": "0" * 64, "head": "PK", "info": "", "config": config, "dtype": "float16"}
    lineage = {"imported": {part: facts | {"family": family} for part in parts}}
    description = replace(voice.description, lineage=lineage)
    (voice.directory / "voice.json").write_bytes(json_bytes(description.document()))
    (voice.directory / "records").mkdir()
    (voice.directory / "records" / "upstream.json").write_text(
        json.dumps({part: {"config": config, "tensors": []} for part in parts})
    )
    monkeypatch.setattr(fine_tuning, "_imported", lambda *_: Voice.open(voice.directory))
    (directory / "file").write_bytes(b"a base file")
    file = CheckpointFile(directory / "file", "sovits", family, 0, 0, ("it is one",), False, ())
    flow = family == "v3"
    return BaseFiles(replace(file, kind="gpt"), file, None if flow else replace(file, kind="discriminator"))


def trained(
    store: Store, recordings: tuple[Recording, ...], base: BaseFiles, pretrained: Pretrained, plan: FineTuning = PLAN
) -> Trained:
    return fine_tune(
        store, "ada", recordings, base, pretrained, plan, licence="hers", now=NOW, tell=lambda done, total, note: None
    )


@pytest.mark.parametrize(("family", "lora"), [("v2", None), ("pro", None), ("v3", None), ("v3", 2)])
def test_a_voice_of_every_kind_of_family(
    family: str,
    lora: int | None,
    tmp_path: Path,
    recordings: tuple[Recording, ...],
    pretrained: Pretrained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, base = Store(tmp_path / "home"), base_of(family, tmp_path, monkeypatch)
    made = trained(store, recordings, base, pretrained, replace(PLAN, lora_rank=lora))
    voice, before = made.voice, Voice.open(tmp_path / "base")
    assert (voice.name, voice.description.family, voice.description.licence) == ("ada", family, "hers")
    assert not made.unusable
    moved = {
        f"{part}/{name}"
        for part in ("gpt", "sovits")
        for name, tensor in voice.weights(part).items()
        if not np.array_equal(tensor, before.weights(part)[name])
    }
    assert any(name.startswith("gpt/") for name in moved)
    assert any(name.startswith("sovits/") for name in moved) == (lora is None)
    assert not [name for name in moved if "quantizer" in name]
    assert voice.has_weights("lora") == (lora is not None)
    assert not [name for name in voice.weights("sovits") if name.startswith("posterior_encoder.")] or lora
    prompt = voice.prompt()
    assert prompt.semantic_tokens.size and (prompt.reference_mel is not None) == (family == "v3")
    assert len(Golden.read(voice.golden_directory).sentences) == 3
    speech = synthesize(voice, "Good morning.", options=SpeakingOptions(language="en"))
    assert np.isfinite(speech.waveform).all() and speech.sample_rate == voice.description.sample_rate
    facts = json.loads((voice.directory / "records" / "training.json").read_text())
    assert facts["examples"] == 4 and {point["stage"] for point in facts["curves"]} >= {"gpt"}
    assert not (store.home / "work" / "ada").exists()


def test_no_word_and_no_path_of_the_recordings_is_in_the_voice(
    tmp_path: Path, recordings: tuple[Recording, ...], pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, base = Store(tmp_path / "home"), base_of("v2", tmp_path, monkeypatch)
    voice = trained(store, recordings, base, pretrained).voice
    for path in voice.directory.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".md", ".svg"):
            content = path.read_text()
            assert "very good day" not in content and str(tmp_path) not in content


@pytest.mark.parametrize(("family", "stopped_in", "after"), [("v2", "sovits", 2), ("v2", "gpt", 1)])
def test_a_stopped_run_ends_as_if_it_had_not_been(
    family: str,
    stopped_in: str,
    after: int,
    tmp_path: Path,
    recordings: tuple[Recording, ...],
    pretrained: Pretrained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = base_of(family, tmp_path, monkeypatch)
    whole = trained(Store(tmp_path / "whole"), recordings, base, pretrained).voice
    store = Store(tmp_path / "stopped")

    def stop(done: int, total: int, note: str) -> None:
        if note.startswith(f"{stopped_in} {after}/"):
            raise Interrupted

    with pytest.raises(Interrupted):
        fine_tune(store, "ada", recordings, base, pretrained, PLAN, licence="hers", now=NOW, tell=stop)
    assert store.names() == ()
    resumed = trained(store, recordings, base, pretrained).voice
    for part in ("gpt", "sovits"):
        ours, theirs = resumed.weights(part), whole.weights(part)
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_what_was_learnt_is_written_back_with_upstreams_names(
    tmp_path: Path, recordings: tuple[Recording, ...], pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, base = Store(tmp_path / "home"), base_of("v3", tmp_path, monkeypatch)
    voice = trained(store, recordings, base, pretrained, replace(PLAN, lora_rank=2)).voice
    files = export_voice(store, "ada", tmp_path / "out").files
    assert {part: path.name for part, path in files.items()} == {"gpt": "ada.ckpt", "lora": "ada.pth"}
    assert (tmp_path / "out" / "ada.pth").read_bytes()[:2] == b"03"
    order = json.loads((voice.directory / "records" / "upstream.json").read_text())["lora"]["tensors"]
    assert {names.to_ours("lora", name) for name in order} == voice.weights("lora").keys()


def test_a_lora_of_a_family_that_has_none(
    tmp_path: Path, recordings: tuple[Recording, ...], pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of("v2", tmp_path, monkeypatch)
    with pytest.raises(BaseFilesError, match="tuned whole"):
        trained(Store(tmp_path / "home"), recordings, base, pretrained, replace(PLAN, lora_rank=4))


def test_a_base_without_its_posterior_encoder_cannot_learn(
    tmp_path: Path, recordings: tuple[Recording, ...], pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_of("v2", tmp_path, monkeypatch)
    weights = Voice.weights
    monkeypatch.setattr(
        Voice, "weights", lambda voice, part: {n: t for n, t in weights(voice, part).items() if "posterior" not in n}
    )
    with pytest.raises(DatasetError, match="posterior encoder"):
        trained(Store(tmp_path / "home"), recordings, base, pretrained)


def test_a_run_that_ran_away_makes_no_voice(
    tmp_path: Path, recordings: tuple[Recording, ...], pretrained: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, base = Store(tmp_path / "home"), base_of("v2", tmp_path, monkeypatch)
    rested = networks.rested

    def with_nan(network: torch.nn.Module) -> dict[str, np.ndarray]:
        with torch.no_grad():
            next(network.parameters()).fill_(float("nan"))
        return rested(network)

    monkeypatch.setattr(networks, "rested", with_nan)
    with pytest.raises(DatasetError, match="ran away"):
        trained(store, recordings, base, pretrained)
    assert store.names() == ()
