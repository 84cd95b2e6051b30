"""A bundle holds neither recording nor feature: a tone that nothing else sounds like is looked for everywhere.

Every recording has the tone in it. A tiny voice of an upstream family learns from them, is stopped on its way, goes on,
and is archived. Then the home of the stopped run, the home of the whole one, the voice and the payload are searched: as
PCM at three rates, as each feature that training made of the recordings, and, in whatever float tensors there are, by
correlation. What a prompt is made of, and nothing more, is found in the prompt: codes and phonemes of one recording
(DESIGN section 2). A v3 or v4 prompt holds a mel of it, too; docs/privacy.md says so.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("transformers", reason="tokens come from HuBERT, which needs transformers, an extra")

from click.testing import CliRunner
from safetensors.numpy import load, save

from archive.bundle import open_bundle
from core_model.features import audio, hubert
from core_model.pretrained import Pretrained
from core_model.training.fine_tuning.preparation import Prepared
from lifecycle import fine_tuning, preserving
from lifecycle.cli import main
from lifecycle.fine_tuning import fine_tune
from lifecycle.recording import Recording, survey
from lifecycle.store import Store
from lifecycle.work_vault import WorkVault
from tests.core_model.training.tiny import Interrupted
from tests.lifecycle.clean_search import files_below, found_in, needles
from tests.lifecycle.test_fine_tuning import (  # noqa: F401 - fixtures
    NOW,
    PLAN,
    WORDS,
    base_of,
    pretrained,
    small_networks_of_files,
    trained,
)
from tests.tiny_imported import write_recording

pytestmark = pytest.mark.usefixtures("one_thread", "small_networks_of_files")
RATE = 32_000
SECONDS = 0.25


def tone(rate: int) -> np.ndarray:
    """A sweep from 2 to 7 kHz, and back: no speech and no network's noise is anything like it."""
    time = np.arange(int(SECONDS * rate)) / rate
    sweep = 2_000 + 5_000 * np.abs(2 * time / SECONDS - 1)
    return np.hanning(len(time)) * np.sin(2 * np.pi * np.cumsum(sweep) / rate)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, ...]:
    root = tmp_path_factory.mktemp("recordings")
    for seed in range(3):
        path = root / f"{seed}.wav"
        write_recording(path, 3.0 + seed, seed=seed)
        sound, rate = soundfile.read(path)
        sound[rate : rate + int(SECONDS * rate)] += 0.25 * tone(rate)[:, None]
        soundfile.write(path, sound, rate, subtype="FLOAT")
        path.with_suffix(".txt").write_text(WORDS)
    used = survey(root, front_end_languages=("en",), language="en").used
    assert len(used) == 3
    return used


@dataclass
class Seen:
    """What training made of the recordings, as it passed by."""

    prepared: list[Prepared]
    hubert: list[np.ndarray]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen([], [])
    prepare, features = fine_tuning._prepare, hubert.Hubert.features

    def prepared(*words: object) -> Prepared:
        found.prepared.append(prepare(*words))  # type: ignore[arg-type]
        return found.prepared[-1]

    def heard(network: hubert.Hubert, waveform: np.ndarray) -> object:
        out = features(network, waveform)
        found.hubert.append(out.numpy())
        return out

    monkeypatch.setattr(fine_tuning, "_prepare", prepared)
    monkeypatch.setattr(hubert.Hubert, "features", heard)
    return found


def pcm(recordings: tuple[Recording, ...]) -> set[bytes]:
    """Sixteen samples out of each tone, at three rates, in the forms in which sound is kept."""
    found: set[bytes] = set()
    for recording in recordings:
        for rate in (16_000, 24_000, RATE):
            waveform = audio.load(recording.path, rate).waveform
            begin = int((1 + SECONDS / 2) * rate)
            piece = waveform[begin : begin + 16]
            found |= {np.round(piece * scale).astype(np.int16).tobytes() for scale in (32767, 32768)}
            found |= {piece.astype(kind).tobytes() for kind in ("<f4", "<f2", "<f8")}
    return found


def features(seen: Seen) -> dict[str, set[bytes]]:
    """Runs of every feature, read along either axis."""
    found: dict[str, set[bytes]] = {"codes": set(), "words": set(), "floats": set()}
    for prepared in seen.prepared[:1]:
        for utterance in prepared.utterances.utterances:
            for name, row in (("codes", utterance.codes), ("words", utterance.phonemes)):
                middle = np.asarray(row)[len(row) // 2 :][:8]
                found[name] |= {middle.astype(kind).tobytes() for kind in ("<i8", "<i4", "<i2")}
            found["floats"].add(utterance.waveform[RATE:][4_000:4_016].tobytes())
        batch = prepared.utterances.batch(0, 0, 2)
        for array in (batch.spectrogram[0], *(array[0] for array in seen.hubert[:3])):
            rows, columns = array.shape
            found["floats"] |= needles(array[rows // 2, columns // 2 :][:32])
            found["floats"] |= needles(array[rows // 2 :, columns // 2][:32])
    return found


def likeness(values: np.ndarray, marker: np.ndarray) -> float:
    """The largest normalised cross-correlation of *marker* with a stretch of *values*, -1 to 1 taken as 0 to 1."""
    values = np.nan_to_num(values.astype(np.float64).ravel())
    if len(values) < len(marker):
        return 0.0
    size = 1 << (len(values) + len(marker) - 1).bit_length()
    unit = marker / np.linalg.norm(marker)
    product = np.fft.irfft(np.fft.rfft(values, size) * np.conj(np.fft.rfft(unit, size)), size)
    energy = np.cumsum(np.concatenate([[0.0], values**2]))
    places = len(values) - len(marker) + 1
    norms = np.sqrt(np.maximum(energy[len(marker) :] - energy[:places], 1e-12))
    return float(np.abs(product[:places] / norms).max())


def tensors(files: dict[str, bytes]) -> Iterator[tuple[str, np.ndarray]]:
    for name, data in files.items():
        if name.endswith(".safetensors"):
            for key, array in load(data).items():
                if array.dtype.kind == "f":
                    yield f"{name}: {key}", array
                    yield f"{name}: {key}, turned", array.T


MARKERS = [tone(rate) for rate in (16_000, 24_000, RATE)]


def test_the_search_finds_what_is_there(recordings: tuple[Recording, ...], tmp_path: Path) -> None:
    """Or the other tests would prove nothing."""
    sound = audio.load(recordings[0].path, RATE).waveform
    (tmp_path / "pcm").write_bytes(b"odd" + np.round(sound * 32767).astype(np.int16).tobytes())
    (tmp_path / "floats").write_bytes(sound.astype(np.float32).tobytes())
    assert set(found_in(files_below(tmp_path), pcm(recordings))) == {"pcm", "floats"}
    noise = np.random.default_rng(1).standard_normal(60_000)
    assert max(likeness(noise, marker) for marker in MARKERS) < 0.2
    noise[20_000 : 20_000 + len(MARKERS[2])] += 3 * MARKERS[2]
    rested = save({"w": noise.reshape(200, 300).astype(np.float16)})
    assert max(likeness(a, m) for _, a in tensors({"w.safetensors": rested}) for m in MARKERS) > 0.6


def test_nothing_of_a_recording_is_left_anywhere(
    recordings: tuple[Recording, ...],
    pretrained: Pretrained,  # noqa: F811
    seen: Seen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base, store = base_of("v2", tmp_path, monkeypatch), Store(tmp_path / "home")

    # Half-way: everything that the run keeps is there, and sealed.
    sealed: list[bytes] = []
    write = WorkVault.write

    def watched(vault: WorkVault, path: Path, pieces: Iterator[bytes]) -> None:
        kept = [bytes(piece) for piece in pieces]
        sealed.extend(piece[len(piece) // 2 :][:32] for piece in kept if len(piece) >= 256)
        write(vault, path, kept)

    def stop(done: int, total: int, note: str) -> None:
        if note.startswith("gpt 2/"):
            raise Interrupted

    monkeypatch.setattr(WorkVault, "write", watched)
    with pytest.raises(Interrupted):
        fine_tune(store, "ada", recordings, base, pretrained, PLAN, licence="hers", now=NOW, tell=stop)
    wanted = features(seen)
    everything = pcm(recordings) | wanted["codes"] | wanted["words"] | wanted["floats"]
    halfway = files_below(store.home)
    assert {"sovits.checkpoint.safetensors", "gpt.checkpoint.safetensors"} <= {path.name for path in halfway}
    assert found_in(halfway, everything) == []
    halves = {piece for piece in sealed if len(set(piece)) > 16}  # no moments that are nought still
    assert len(halves) > 20
    assert found_in(halfway, halves) == []
    words = WORDS.encode()
    assert not [path.name for path in halfway if words in path.read_bytes()]

    # Whole, archived, and opened again.
    voice = trained(store, recordings, base, pretrained).voice
    monkeypatch.setattr(preserving, "kinds_of", lambda voice: ())
    words_said = ["consent", "ada", "--synthetic", "--home", str(store.home)]
    assert CliRunner().invoke(main, words_said).exit_code == 0
    bundle = tmp_path / "out" / "ada.voice"
    done = CliRunner().invoke(main, ["archive", "ada", "--public", "--home", str(store.home), "-o", str(bundle)])
    assert done.exit_code == 0, done.output
    with tarfile.open(bundle) as outer:
        member = outer.extractfile("payload.tar")
        assert member is not None
        payload = member.read()
    (tmp_path / "out" / "payload.tar").write_bytes(payload)

    assert found_in(files_below(store.home), pcm(recordings) | wanted["floats"]) == []
    assert found_in(files_below(tmp_path / "out"), pcm(recordings) | wanted["floats"]) == []
    in_prompt = found_in(files_below(voice.directory), wanted["codes"] | wanted["words"])
    assert set(in_prompt) <= {"default.safetensors"}
    members = {}
    with tarfile.open(fileobj=io.BytesIO(payload)) as tar:
        for entry in tar:
            content = tar.extractfile(entry)
            assert content is not None
            members[entry.name] = content.read()
    assert not [name for name, data in members.items() if words in data]
    assert not [name for name in members if name.endswith(audio.SUFFIXES)]
    heard = {name: max(likeness(array, m) for m in MARKERS) for name, array in tensors(members)}
    assert len(heard) > 50
    assert {name: value for name, value in heard.items() if value > 0.4} == {}
    with open_bundle(bundle) as opened:
        facts = json.loads(opened.read("records/training.json"))
    assert facts["examples"] == len(recordings)
    assert os.listdir(store.home / "work") == []  # noqa: PTH208
