"""`train --private`: counted before anything is on the disk, and nothing of the recordings beside what was noised.

The base is tiny and real. Of DP-SGD the recordings are synthetic examples; of the other modes, sounds.
"""

from __future__ import annotations

import functools
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result

from core_model import golden
from core_model.gpt import GPT
from core_model.nano import base as nano
from core_model.nano.base import Base
from core_model.nano.speaker_style import recording_style
from core_model.sovits.synthesizer import SoVITS
from core_model.voice import Voice
from lifecycle import private_training, recording, released_voice, releasing
from lifecycle.cli import main
from lifecycle.consent_to_train import record_path
from lifecycle.consenting import read_statements
from lifecycle.ledgers import RECORD as LEDGER
from lifecycle.ledgers import read_ledger
from lifecycle.private_training import Recipe
from lifecycle.recording import survey
from lifecycle.released_voice import Source
from lifecycle.retention import term_of
from lifecycle.store import Store
from privacy import dpsgd
from privacy.entries import ADD_OR_REMOVE
from privacy.ledger import Ledger
from tests.lifecycle.clean_search import files_below, found_in, needles
from tests.private_examples import tiny_recordings
from tests.tiny_voice import GPT_DIMS, SOVITS, make_tiny_voice, tiny_weights

COUNT = 6
HOME = (
    "voices",
    "keys",
    "ledgers",
    "recordings",
    "work",
    ".lock",
)  # "recordings" says until when they may stay: no sound
prv_once = functools.cache(dpsgd.prv_epsilon)  # the same figures in every test
survey_found: dict[Path, recording.Survey] = {}
SGD = ("--private", "sgd", "--epsilon", "8")


def surveyed_once(directory: Path, **asked: object) -> recording.Survey:
    """The same recordings in every test are listened to in the first."""
    if directory not in survey_found:
        survey_found[directory] = survey(directory, front_end_languages=("en",))
    return survey_found[directory]


def tiny_base() -> Base:
    networks: dict[str, torch.nn.Module] = {"gpt": GPT(GPT_DIMS), "sovits": SoVITS(SOVITS)}
    for part, tensors in tiny_weights(seed=77).items():
        networks[part].load_state_dict({name: torch.from_numpy(array).float() for name, array in tensors.items()})
    styles = np.random.Generator(np.random.Philox(key=9)).standard_normal((3, 16, 1)).astype(np.float32)
    return Base(networks["gpt"], networks["sovits"], None, styles, "0" * 64)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six sounds that pass for recordings, 24 s of them, with words."""
    directory = tmp_path_factory.mktemp("recordings")
    rng = np.random.Generator(np.random.Philox(key=5))
    time = np.arange(64_000) / 16_000
    loud = np.repeat(np.where(np.arange(40) % 5 == 4, 0.0, 1.0), 1600)
    for index in range(COUNT):
        buzz = sum(np.sin(2 * np.pi * (110 + 9 * index) * k * time) / k for k in range(1, 12))
        soundfile.write(directory / f"{index}.wav", 0.2 * buzz * loud + 1e-5 * rng.standard_normal(64_000), 16_000)
        (directory / f"{index}.txt").write_text(f"Number {index}.")
    return directory


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    voice = make_tiny_voice(tmp_path_factory.mktemp("source") / "untrained", golden=False)
    return Source(replace(voice.description, lineage={}), voice.prompt().semantic_tokens[:1])


@pytest.fixture
def store(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for module in (private_training, releasing):
        monkeypatch.setattr(module.nano, "load", tiny_base)  # type: ignore[attr-defined]
        monkeypatch.setattr(module, "untrained_source", lambda licence: source)
    monkeypatch.setattr(private_training, "_prepared", lambda found, base, tell: (tiny_recordings(len(found)), ()))
    monkeypatch.setattr(private_training, "prv_epsilon", prv_once)
    monkeypatch.setattr(recording, "survey", surveyed_once)
    monkeypatch.setattr(private_training, "Recipe", lambda: Recipe(steps=2))
    monkeypatch.setattr(released_voice, "write_exports", lambda voice: None)
    monkeypatch.setattr(golden, "TEXTS", {"en": ("Tea for two.",)})
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "home")


def call(store: Store, *words: object) -> Result:
    whose = [] if {"--i-am-the-speaker", "--by-record"} & set(words) else ["--synthetic"]
    words = tuple(word for word in words if word != "--by-record")
    return CliRunner().invoke(main, ["train", *map(str, words), *whose, "--home", str(store.home)])


def ok(store: Store, *words: object) -> Voice:
    result = call(store, "ada", *words, "--speaker", "Ada Lovelace", "--json")
    assert result.exit_code == 0, result.output
    return Voice.open(Path(json.loads(result.stdout)["path"]))


class Overheard:
    """Everything that DP-SGD knew before there was noise in it."""

    def __init__(self) -> None:
        self.vectors: list[np.ndarray] = []

    def hear(self, private: dpsgd.Private) -> None:
        original = private.optimizer.add_noise

        def add_noise() -> None:
            for parameter in private.optimizer.params:
                clean = parameter.detach() - parameter.summed_grad / private.optimizer.expected_batch_size
                rate = private.optimizer.param_groups[0]["lr"]
                stepped = parameter.detach() - rate * parameter.summed_grad / private.optimizer.expected_batch_size
                rows = list(parameter.grad_sample[:1])
                if len(rows):  # else nobody was drawn, and there is nothing clean but what everybody has
                    self.vectors += [one.numpy().ravel()[:24] for one in (parameter.summed_grad, clean, stepped, *rows)]
            original()

        private.optimizer.add_noise = add_noise  # type: ignore[method-assign]

    @property
    def needles(self) -> set[bytes]:
        # A row of zeros is everywhere, and tells nothing.
        return set().union(*(needles(vector) for vector in self.vectors if len(np.unique(vector)) > len(vector) // 2))


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Overheard]:
    heard = Overheard()
    make = private_training.make_private

    def listened_to(*arguments: object, **figures: object) -> dpsgd.Private:
        private = make(*arguments, **figures)  # type: ignore[arg-type]
        heard.hear(private)
        return private

    monkeypatch.setattr(private_training, "make_private", listened_to)
    yield heard


def style_needles(recordings: Path | None = None) -> set[bytes]:
    """Of every recording's style, and of their mean: as they are, normalised, seen from the centre."""
    network, centre = tiny_base().sovits.eval(), tiny_base().stock_styles.mean(axis=0)[:, 0].astype(np.float64)
    if recordings is None:
        with torch.inference_mode():
            mels = [torch.from_numpy(e.mel.astype(np.float32))[None] for r in tiny_recordings(COUNT) for e in r]
            vectors = [network.style(mel).numpy() for mel in mels]
    else:
        vectors = [
            recording_style(network, soundfile.read(path, dtype="float32")[0])
            for path in sorted(recordings.glob("*.wav"))
        ]
    return set().union(*(needles(vector, centre) for vector in (*vectors, np.mean(vectors, axis=0))))


def test_sgd_makes_a_voice_without_anything_that_was_clean(
    store: Store, recordings: Path, overheard: Overheard, tmp_path: Path
) -> None:
    voice = ok(store, "--recordings", recordings, *SGD)
    wanted = overheard.needles | style_needles()
    assert len(wanted) > 1000
    np.save(tmp_path.parent / "control.npy", overheard.vectors[0])
    assert found_in([tmp_path.parent / "control.npy"], wanted) == ["control.npy"]  # it would be found
    written = files_below(tmp_path)
    assert len(written) > 8
    assert found_in(written, wanted) == []
    assert [path.name for path in store.home.iterdir() if path.name not in HOME] == []
    records = sorted(path.name for path in (voice.directory / "records").iterdir())
    assert records == ["consent.jsonl", "ledger.jsonl", "release.json"]

    base = {
        part: {n: t.half().numpy() for n, t in net.state_dict().items()} for part, net in vars_of(tiny_base()).items()
    }
    changed = {
        name
        for part in ("gpt", "sovits")
        for name, array in voice.weights(part).items()
        if not np.array_equal(base[part][name], array)
    }
    assert changed
    assert all(".condition." in name or name.startswith("style_to_fusion.") for name in changed)
    assert not np.array_equal(voice.prompt().style[0], tiny_base().stock_styles.mean(axis=0))
    record = json.loads((voice.directory / "records" / "release.json").read_text())
    assert record["replayable"] is False
    assert voice.description.lineage["released"] == {"mode": "sgd", "weights": "private", "replayable": False}


def vars_of(base: Base) -> dict[str, torch.nn.Module]:
    return {"gpt": base.gpt, "sovits": base.sovits}


def test_sgd_is_in_the_ledger_with_all_that_its_epsilon_follows_from(store: Store, recordings: Path) -> None:
    voice = ok(store, "--recordings", recordings, *SGD, "--i-am-the-speaker", "--tuning-runs", 0)
    ledger = Ledger.parse((voice.directory / "records" / LEDGER).read_bytes())
    assert ledger.not_recomputed == ()
    [entry] = ledger.entries
    assert (entry.mode, entry.unit, entry.adjacency, entry.n) == ("sgd", "utterance", ADD_OR_REMOVE, COUNT)
    assert entry.epsilon is not None
    assert 7.9 < entry.epsilon <= 8
    assert entry.run.steps == 2
    assert entry.sigma == pytest.approx(entry.run.noise_multiplier * entry.clip)
    assert "os.urandom" in entry.randomness
    [said] = read_statements(voice.directory)
    assert said.statement.kind == "own"
    assert entry.consent is not None
    assert entry.consent["sha256"] == said.statement.agreement_sha256
    assert read_ledger(store, entry.subject).entries == ledger.entries


def test_two_runs_of_the_same_recordings_differ(store: Store, recordings: Path) -> None:
    first = ok(store, "--recordings", recordings, *SGD, "--cap", 20)
    result = call(store, "other", "--recordings", recordings, *SGD, "--speaker", "Ada Lovelace")
    assert result.exit_code == 0, result.output
    assert not np.array_equal(first.prompt().style, Voice.open(store.path("other")).prompt().style)


def test_past_the_cap_nothing_is_learnt(store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(store, "--recordings", recordings, *SGD, "--cap", 9)

    def never(*arguments: object, **said: object) -> None:
        raise AssertionError("it learnt")

    monkeypatch.setattr(private_training, "learn", never)
    result = call(store, "other", "--recordings", recordings, *SGD, "--speaker", "Ada Lovelace")
    assert result.exit_code == 1
    assert "the cap is 9" in result.output
    assert store.names() == ("ada",)


def test_an_interrupted_run_leaves_nothing_and_counts_nothing(
    store: Store, recordings: Path, overheard: Overheard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learn = private_training.learn

    def killed(plan: private_training.TrainingPlan, tell: private_training.Tell) -> None:
        learn(plan, tell)
        raise OSError(4, "Interrupted")

    monkeypatch.setattr(private_training, "learn", killed)
    assert call(store, "ada", "--recordings", recordings, *SGD, "--speaker", "Ada").exit_code == 1
    assert overheard.vectors
    assert store.names() == ()
    assert [path.name for path in files_below(tmp_path)] == ["pseudonyms"]
    assert list((store.home / "ledgers").glob("*.jsonl")) == []


def test_what_fails_after_it_was_counted_stays_counted(
    store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(voice: Voice) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(released_voice, "write_exports", fails)
    assert call(store, "ada", "--recordings", recordings, *SGD, "--speaker", "Ada").exit_code == 1
    assert store.names() == ()
    [path] = (store.home / "ledgers").glob("speaker-*.jsonl")
    assert len(Ledger.parse(path.read_bytes()).entries) == 1


def test_what_it_protects_and_what_not_is_said_before(store: Store, recordings: Path) -> None:
    result = call(store, "ada", "--recordings", recordings, *SGD, "--speaker", "Ada", "--dry-run")
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "protects which recordings were used, each of 6" in told
    assert "NOT PROTECTED who speaks" in told
    assert "how many recordings there were (6), how many steps were made (2)" in told
    assert "whether one took part, or an empty one in its place" in told  # n is public, and stays
    assert "NOT PROTECTED to that extent, which of two recordings took part" in told
    assert "NOT PROTECTED that all together last 20 s or more" in told
    assert "costs" in told
    assert "Fewer than 60 recordings" in told
    assert store.names() == ()
    assert not list((store.home / "ledgers").glob("*.jsonl"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--epsilon", "0"), "epsilon is 0.0"),
        (("--epsilon", "-1"), "epsilon is -1.0"),
        (("--epsilon", "nan"), "epsilon is nan"),
        (("--epsilon", "8", "--delta", "0.5"), "delta is 0.5"),
        (("--epsilon", "8", "--delta", "nan"), "delta is nan"),
        (("--epsilon", "8", "--tuning-runs", "-1"), "-1 tuning runs"),
        (("--epsilon", "8", "--cap", "0"), "epsilon is 0.0"),
    ],
)
def test_bad_figures_are_one_sentence_and_nothing_is_learnt(
    store: Store, recordings: Path, words: tuple[str, ...], told: str
) -> None:
    result = call(store, "ada", "--recordings", recordings, "--private", "sgd", *words, "--speaker", "Ada")
    assert result.exit_code == 1
    assert told in result.output
    assert "Hint: nothing was released" in result.output
    assert store.names() == ()


def test_delta_of_one_in_n(store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_training, "_prepared", lambda found, base, tell: (tiny_recordings(2) * 600, ()))
    result = call(store, "ada", "--recordings", recordings, *SGD, "--delta", 1e-3, "--speaker", "Ada")
    assert result.exit_code == 1
    assert "at 1/n or more" in result.output


@pytest.mark.parametrize("count", [0, 1])
def test_one_recording_hides_among_none(
    store: Store, recordings: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_training, "_prepared", lambda found, base, tell: (tiny_recordings(count), ()))
    result = call(store, "ada", "--recordings", recordings, *SGD, "--speaker", "Ada")
    assert result.exit_code == 1
    assert "one recording is hidden among others" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("--private", "sgd"),
        ("--private", "utterance"),
        ("--private", "local"),
        ("--epsilon", "8"),
        ("--speaker", "Ada"),
        ("--yes",),
        (*SGD, "--seed", "7"),
        (*SGD, "--base", "."),
        (*SGD, "--lora", "4"),
        ("--private", "jitter"),
    ],
)
def test_what_does_not_go_together(store: Store, recordings: Path, words: tuple[str, ...]) -> None:
    assert call(store, "ada", "--recordings", recordings, *words).exit_code == 2
    assert call(store, "ada", *SGD).exit_code == 2  # no recordings


def test_a_seed_of_run_toml_is_refused_too(store: Store, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f"recordings = {json.dumps(str(recordings))}\nseed = 7\n")
    result = call(store, "ada", "--config", tmp_path / "run.toml", *SGD)
    assert result.exit_code == 2
    assert "none may reach the noise" in result.output
    (tmp_path / "run.toml").write_text(f"recordings = {json.dumps(str(recordings))}\nsovits_steps = 7\n")
    assert "sovits_steps are not for --private" in call(store, "ada", "--config", tmp_path / "run.toml", *SGD).output


def test_without_the_extra(store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opacus", None)
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    for module in ("privacy.dpsgd", "lifecycle.private_training"):
        monkeypatch.delitem(sys.modules, module)
    result = call(store, "ada", "--recordings", recordings, *SGD, "--speaker", "Ada")
    assert result.exit_code == 1
    assert "needs the extra [private]" in result.output
    assert "make private" in result.output
    assert len(result.output.strip().splitlines()[-2:]) == 2


STYLES = {
    "utterance": ("--private", "utterance", "--epsilon", "8"),
    "local": ("--private", "local", "--epsilon", "8"),
    "anonymous": ("--private", "anonymous"),
}


@pytest.mark.parametrize("mode", STYLES)
def test_the_other_modes_never_write_a_clean_voice(store: Store, recordings: Path, tmp_path: Path, mode: str) -> None:
    voice = ok(store, "--recordings", recordings, *STYLES[mode])
    wanted = style_needles(recordings)
    assert found_in(files_below(tmp_path), wanted) == []
    for part, network in vars_of(tiny_base()).items():
        weights = voice.weights(part)
        assert all(np.array_equal(weights[n], t.half().numpy()) for n, t in network.state_dict().items())
    released = voice.description.lineage["released"]
    assert released == {"mode": mode, "weights": "base", "replayable": False}
    [path] = (store.home / "ledgers").glob("speaker-*.jsonl")
    [entry] = Ledger.parse(path.read_bytes()).entries
    assert entry.mode == mode
    assert (voice.directory / "records" / LEDGER).exists() == (mode != "anonymous")
    if mode == "anonymous":
        assert found_in(files_below(voice.directory), {entry.subject.encode()}) == []
        assert not (store.home / "ledgers" / "subjects.json").exists()
    else:
        assert entry.n == (COUNT if mode == "utterance" else 1)
    radius = releasing.ground_on(tiny_base()).frame.radius
    centre = tiny_base().stock_styles.mean(axis=0)[None]
    assert math.isclose(float(np.linalg.norm(voice.prompt().style - centre)), radius, rel_tol=1e-5)


def test_anonymous_needs_no_recordings_and_local_needs_some(store: Store, tmp_path: Path) -> None:
    assert call(store, "nobody", "--private", "anonymous", "--speaker", "Ada").exit_code == 0
    (tmp_path / "empty").mkdir()
    words = ("--private", "local", "--epsilon", "1", "--speaker", "Ada", "--recordings", tmp_path / "empty")
    result = call(store, "ada", *words)
    assert result.exit_code == 1
    assert "no recording" in result.output
    assert "is not a directory" in call(store, "ada", *words[:-1], tmp_path / "nowhere").output


def test_modes_of_style_say_their_terms_and_keep_to_the_cap(store: Store, recordings: Path) -> None:
    ok(store, "--recordings", recordings, *STYLES["utterance"], "--i-am-the-speaker", "--cap", 9)
    [said] = read_statements(store.path("ada"))
    assert said.statement.kind == "own"
    words = ("other", "--recordings", recordings, *STYLES["utterance"], "--speaker", "Ada Lovelace")
    result = call(store, *words)
    assert result.exit_code == 1
    assert "the cap is 9" in result.output
    told = call(store, "grace", *words[1:-1], "Grace", "--dry-run").output
    assert "protects       which recordings were used, each of 6" in told
    assert store.names() == ("ada",)
    nobody = call(store, "other", "--recordings", recordings, *STYLES["utterance"])
    assert nobody.exit_code == 1
    assert "nobody has said whose voice" in nobody.output


def test_whose_voice_it_is_may_be_on_record_and_is_asked_for(store: Store, recordings: Path) -> None:
    words = ("--recordings", recordings, *STYLES["utterance"], "--by-record")
    refused = call(store, "ada", *words, "--speaker", "Ada Lovelace")
    assert refused.exit_code == 1 and "nobody has said whose voice" in refused.output
    agreed = ("consent", "ada", "--before-training", "--speaker", "Ada Lovelace", "--expires", "2099-12-31")
    assert CliRunner().invoke(main, [*agreed, "--home", str(store.home)]).exit_code == 0
    assert "would be of" in call(store, "ada", *words, "--speaker", "Grace").output  # who agreed is somebody else
    result = call(store, "ada", *words, "--keep-recordings", 3, "--json")
    assert result.exit_code == 0, result.output
    entry = json.loads(result.stdout)["entry"]
    [said] = read_statements(store.path("ada"))
    assert said.statement.kind == "consent" and entry["subject"] == said.statement.subject
    assert entry["consent"]["expires"] == "2099-12-31"
    term = term_of(store, "ada")
    assert term is not None and entry["retention"] == term.ends.isoformat()
    assert not record_path(store, "ada").exists()  # it has had its use


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nothing_clean_is_in_the_bundle_of_a_real_one_and_it_verifies(
    tmp_path: Path, overheard: Overheard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded base, the recordings of examples/, all the way to the bundle; two steps are as good as thirty."""
    monkeypatch.setattr(private_training, "Recipe", lambda: Recipe(steps=2))
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "home")
    examples = Path(__file__).resolve().parents[2] / "examples"
    result = call(store, "slt", "--recordings", examples, *SGD, "--speaker", "slt")
    assert result.exit_code == 0, result.output
    for words in (
        ["archive", "slt", "--public", "--redundancy", "0", "-o", str(tmp_path / "slt.voice")],
        ["verify", "slt"],
    ):
        done = CliRunner().invoke(main, [*words, "--home", str(store.home)])
        assert done.exit_code == 0, done.output
    network = nano.load().sovits.eval()
    styles = [recording_style(network, soundfile.read(path, dtype="float32")[0]) for path in examples.glob("*.flac")]
    wanted = overheard.needles.union(*(needles(style) for style in (*styles, np.mean(styles, axis=0))))
    assert found_in([tmp_path / "slt.voice"], {b"release.json"}) == ["slt.voice"]  # nothing of it is hidden from us
    assert found_in(files_below(tmp_path), wanted) == []


def test_what_is_being_learnt_from_is_not_destroyed(
    store: Store, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(recordings, mine)
    held = files_below(mine)
    answers = []

    def meanwhile(*_: object, **__: object) -> None:
        answers.append(CliRunner().invoke(main, ["destroy", "--expired", "--yes", "--home", str(store.home)]))
        assert files_below(mine) == held

    monkeypatch.setattr("lifecycle.cli.private_training._by_style", meanwhile)
    words = ("--private", "local", "--epsilon", "4", "--keep-recordings", 0, "--i-am-the-speaker")
    assert call(store, "ada", "--recordings", mine, *words).exit_code == 0
    [answer] = answers
    assert answer.exit_code == 1 and "is being trained by another process" in answer.output
    assert not (store.home / "work" / "ada").exists()
