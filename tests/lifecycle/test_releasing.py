"""Releases of a whole voice: counted first, drawn then, and nothing of the clean style anywhere in what comes out.

The voice and its base are tiny and real; golden outputs are recorded and judged as for any voice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from core_model import golden
from core_model.features import audio
from core_model.nano.speaker_style import recording_style
from core_model.synthesis import load_sovits
from core_model.voice import Voice, json_bytes, write_prompt
from lifecycle import released_voice, releasing
from lifecycle.cli import main
from lifecycle.consenting import read_statements, require_consent
from lifecycle.errors import ReleaseError
from lifecycle.ledgers import RECORD as LEDGER
from lifecycle.ledgers import ledger_path, read_ledger
from lifecycle.released_voice import Ground, ground_of
from lifecycle.retention import Term, remember
from lifecycle.store import Store
from privacy.errors import ConsentExpiredError
from privacy.ledger import Ledger
from tests.lifecycle.clean_search import files_below, found_in, needles
from tests.tiny_voice import make_tiny_voice, tiny_weights

RECORDINGS = 6


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the voice 'ada', made once; tests work on copies."""
    home = tmp_path_factory.mktemp("source") / "home"
    make_tiny_voice(home / "voices" / "ada")
    return home


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six sounds that pass for recordings: a buzz with pauses, each at another pitch."""
    directory = tmp_path_factory.mktemp("recordings")
    rng = np.random.Generator(np.random.Philox(key=5))
    for index in range(RECORDINGS):
        time = np.arange(24_000) / 16_000
        buzz = sum(np.sin(2 * np.pi * (110 + 9 * index) * k * time) / k for k in range(1, 12))
        loud = np.repeat(np.where(np.arange(15) % 5 == 4, 0.0, 1.0), 1600)
        soundfile.write(directory / f"{index}.wav", 0.2 * buzz * loud + 1e-5 * rng.standard_normal(24_000), 16_000)
    return directory


@pytest.fixture
def store(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    home = tmp_path / "home"
    shutil.copytree(source, home)
    ground = tiny_ground(Voice.open(home / "voices" / "ada"))
    monkeypatch.setattr(releasing, "ground_of", lambda voice: ground)
    monkeypatch.setattr(released_voice, "write_exports", lambda voice: None)  # ten seconds each; see the slow test
    monkeypatch.setattr(golden, "TEXTS", {"en": ("Tea for two.",)})
    monkeypatch.chdir(tmp_path)
    return Store(home)


def tiny_ground(voice: Voice) -> Ground:
    network = load_sovits(voice).eval()
    styles = np.random.Generator(np.random.Philox(key=9)).standard_normal((3, 16, 1)).astype(np.float32)
    return Ground(
        "0" * 64,
        tiny_weights(seed=77),
        styles,
        lambda path: recording_style(network, audio.load(path, 16_000).waveform),
    )


def call(store: Store, *words: object) -> Result:
    return CliRunner().invoke(main, ["release", "ada", *map(str, words), "--home", str(store.home)])


def ok(store: Store, *words: object) -> Voice:
    result = call(store, *words, "--as", "new", "--speaker", "Ada Lovelace", "--json")
    assert result.exit_code == 0, result.output
    return Voice.open(Path(json.loads(result.stdout)["path"]))


def clean_needles(store: Store, recordings: Path | None = None) -> set[bytes]:
    voice = Voice.open(store.path("ada"))
    ground = tiny_ground(voice)
    vectors = [voice.prompt().style]
    if recordings:
        vectors += [ground.listen(path) for path in sorted(recordings.iterdir())]
        vectors.append(np.mean(vectors[1:], axis=0))
    return set().union(*(needles(vector, ground.frame.centre) for vector in vectors))


def test_a_release_names_the_day_of_the_recordings_where_it_is_known(store: Store) -> None:
    wanted = releasing.Wanted("local", 8.0, speaker="Ada Lovelace")
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert releasing.plan_release(store, "ada", wanted, now).entry.retention is None
    remember(store, Term("ada", store.home, date(2026, 12, 28), {}))
    assert releasing.plan_release(store, "ada", wanted, now).entry.retention == "2026-12-28"


MODES: dict[str, Callable[[Path], tuple[object, ...]]] = {
    "utterance": lambda directory: ("--mode", "utterance", "--epsilon", 8, "--recordings", directory),
    "local": lambda directory: ("--mode", "local", "--epsilon", 8),
    "anonymous": lambda directory: ("--mode", "anonymous"),
    "jitter": lambda directory: ("--mode", "jitter", "--sigma", 0.01),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_voice_of_the_base_without_anything_of_the_clean_style(store: Store, recordings: Path, mode: str) -> None:
    wanted = clean_needles(store, recordings)
    assert "default.safetensors" in found_in(files_below(store.path("ada")), wanted)  # it is found where it is
    voice = ok(store, *MODES[mode](recordings))
    written = [path for path in files_below(store.home.parent) if not path.is_relative_to(store.path("ada"))]
    assert len(written) > 8
    assert found_in(written, wanted) == []
    assert [path.name for path in store.voices_directory.iterdir() if path.name.startswith(".")] == []
    assert "ada" not in (voice.directory / "voice.json").read_text()

    ground = tiny_ground(Voice.open(store.path("ada")))
    for part, tensors in ground.weights.items():
        assert all(np.array_equal(tensors[name], array) for name, array in voice.weights(part).items())
    style = voice.prompt().style[0, :, 0] - ground.frame.centre
    assert np.linalg.norm(style) == pytest.approx(ground.frame.radius, rel=1e-5)
    record = json.loads((voice.directory / "records" / "release.json").read_text())
    assert record["replayable"] is False
    assert record["mode"] == voice.description.lineage["released"]["mode"] == mode  # type: ignore[index]
    recorded = json.loads((voice.golden_directory / "golden.json").read_text())
    assert recorded["identity"]["reference"] == "speech"


def test_the_released_style_differs_from_release_to_release(store: Store) -> None:
    first = ok(store, "--mode", "local", "--epsilon", 4)
    words = ("--mode", "local", "--epsilon", 4, "--as", "second", "--json")
    assert call(store, *words).exit_code == 0
    assert not np.array_equal(first.prompt().style, Voice.open(store.path("second")).prompt().style)


def test_two_voices_of_one_person_add_up(store: Store, source: Path) -> None:
    shutil.copytree(source / "voices" / "ada", store.voices_directory / "augusta")
    ok(store, "--mode", "local", "--epsilon", 4)
    words = ["release", "augusta", "--mode", "local", "--epsilon", "4", "--speaker", "ada lovelace", "--json"]
    second = CliRunner().invoke(main, [*words, "--home", str(store.home)])
    facts = json.loads(second.stdout)
    assert second.exit_code == 0, second.output
    assert facts["entry"]["cumulative_mu"]["speaker"] == pytest.approx(facts["entry"]["mu"] * 2**0.5, rel=1e-6)
    assert len(read_ledger(store, facts["entry"]["subject"]).entries) == 2


def test_past_the_cap_there_is_no_voice_and_no_line(store: Store) -> None:
    ok(store, "--mode", "local", "--epsilon", 6, "--cap", 7)
    [path] = (store.home / "ledgers").glob("speaker-*.jsonl")
    before = path.read_bytes()
    result = call(store, "--mode", "local", "--epsilon", 6, "--as", "second")
    assert result.exit_code == 1
    assert "the cap is 7" in result.output
    assert path.read_bytes() == before
    assert store.names() == ("ada", "new")


def test_the_ledger_goes_into_the_voice_but_not_into_a_nobodys(store: Store) -> None:
    voice = ok(store, "--mode", "local", "--epsilon", 4)
    copy = Ledger.parse((voice.directory / "records" / LEDGER).read_bytes())
    assert copy.entries[0].mode == "local"
    assert copy.subject is not None
    assert ledger_path(store, copy.subject).read_bytes() == (voice.directory / "records" / LEDGER).read_bytes()
    result = call(store, "--mode", "anonymous", "--as", "nobody")
    assert result.exit_code == 0
    nobody = store.path("nobody")
    assert not (nobody / "records" / LEDGER).exists()
    assert found_in(files_below(nobody), {copy.subject.encode(), b"Lovelace"}) == []
    assert [entry.mode for entry in read_ledger(store, copy.subject).entries] == ["local", "anonymous"]


def test_a_release_that_fails_after_it_was_counted_stays_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(voice: Voice) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(released_voice, "write_exports", fails)
    result = call(store, "--mode", "local", "--epsilon", 4, "--speaker", "Ada", "--as", "new")
    assert result.exit_code == 1
    assert store.names() == ("ada",)
    [path] = (store.home / "ledgers").glob("speaker-*.jsonl")
    assert len(Ledger.parse(path.read_bytes()).entries) == 1


def test_what_it_protects_and_what_not_is_said_before(store: Store, recordings: Path) -> None:
    result = call(store, *MODES["utterance"](recordings), "--speaker", "Ada")
    assert result.exit_code == 0
    told = result.output
    assert "protects       which recordings were used, each of 6" in told
    assert "NOT PROTECTED  who speaks" in told
    assert "would not hold any more" in call(store, "--mode", "jitter", "--sigma", 0.01).output
    result = call(store, "--mode", "local", "--epsilon", 1, "--speaker", "Grace", "--as", "grace")
    assert "known to be of" in result.output


def test_of_jitter_no_epsilon_is_said(store: Store) -> None:
    assert "epsilon none" in call(store, "--mode", "jitter", "--sigma", 0.01, "--speaker", "Ada").output


def test_local_at_small_epsilon_says_that_the_voice_will_not_survive(store: Store) -> None:
    result = call(store, "--mode", "local", "--epsilon", 1, "--speaker", "Ada")
    assert "THE VOICE WILL NOT SURVIVE THIS" in result.output
    assert "errs in 44.7 % of cases" in result.output


def test_tuned_networks_are_kept_only_where_somebody_insists_and_are_named(store: Store, recordings: Path) -> None:
    words = (*MODES["utterance"](recordings), "--keep-tuned-weights")
    result = call(store, *words, "--speaker", "Ada", "--as", "new")
    assert result.exit_code == 0
    assert "NOT PROTECTED  the recordings, through the networks" in result.output
    voice = Voice.open(store.path("new"))
    tuned = Voice.open(store.path("ada")).weights("sovits")
    assert all(np.array_equal(tuned[name], array) for name, array in voice.weights("sovits").items())
    ledger = Ledger.parse((voice.directory / "records" / LEDGER).read_bytes())
    assert "through the networks: these learnt" in " ".join(ledger.entries[0].not_protected)
    assert "protects       nothing: epsilon none" in result.output
    assert ledger.entries[0].epsilon is None
    assert ledger.epsilon("utterance", 1e-5) is None  # a sum that left the networks out would be a false one
    later = call(store, *MODES["utterance"](recordings), "--as", "later")
    assert later.exit_code != 0
    assert "no later one can promise anything" in later.output
    refused = call(store, "--mode", "local", "--epsilon", 1, "--keep-tuned-weights")
    assert refused.exit_code == 1
    assert "would give the person away" in refused.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--mode", "local", "--epsilon", "0"), "epsilon is 0.0"),
        (("--mode", "local", "--epsilon", "-1"), "epsilon is -1.0"),
        (("--mode", "local", "--epsilon", "nan"), "epsilon is nan"),
        (("--mode", "local", "--epsilon", "9"), "8 at most"),
        (("--mode", "local", "--epsilon", "1", "--delta", "0.5"), "delta is 0.5"),
        (("--mode", "local", "--epsilon", "1", "--tuning-runs", "-1"), "tuning runs"),
        (("--mode", "jitter", "--sigma", "0"), "sigma is 0.0"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_released(store: Store, words: tuple[str, ...], told: str) -> None:
    result = call(store, *words, "--speaker", "Ada")
    assert result.exit_code == 1
    assert told in result.output
    assert store.names() == ("ada",)
    assert not (store.home / "ledgers").exists() or list((store.home / "ledgers").iterdir()) == []


def test_one_recording_or_the_same_one_twice_hides_nothing(store: Store, recordings: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(recordings / "0.wav", few / "a.wav")
    words = ("--mode", "utterance", "--epsilon", 1, "--recordings", few, "--speaker", "Ada")
    assert "there is 1" in call(store, *words).output
    shutil.copy(recordings / "0.wav", few / "b.wav")
    result = call(store, *words)
    assert result.exit_code == 1
    assert "there is 1" in result.output


def test_a_style_that_is_no_number_is_refused(store: Store) -> None:
    voice = Voice.open(store.path("ada"))
    path = voice.directory / "prompts" / "default.safetensors"
    style = voice.prompt().style.copy()
    clean = style.tobytes()
    style[0, 3, 0] = np.nan
    path.write_bytes(path.read_bytes().replace(clean, style.tobytes()))
    result = call(store, "--mode", "local", "--epsilon", 1, "--speaker", "Ada")
    assert result.exit_code == 1
    assert "not finite" in result.output
    assert store.names() == ("ada",)


def test_an_edited_ledger_releases_nothing(store: Store) -> None:
    ok(store, "--mode", "local", "--epsilon", 1)
    [path] = (store.home / "ledgers").glob("speaker-*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"tuning_runs":0', b'"tuning_runs":7'))
    result = call(store, "--mode", "local", "--epsilon", 1, "--as", "second")
    assert result.exit_code == 1
    assert "line 1 of the ledger: it was edited" in result.output
    assert store.names() == ("ada", "new")


def test_nobody_said_whose_voice_it_is(store: Store) -> None:
    result = call(store, "--mode", "local", "--epsilon", 1)
    assert result.exit_code == 1
    assert "nobody has said whose voice" in result.output


@pytest.mark.parametrize(
    "words", [("--mode", "local"), ("--mode", "jitter"), ("--mode", "utterance", "--epsilon", "1")]
)
def test_a_call_that_makes_no_sense(store: Store, words: tuple[str, ...]) -> None:
    assert call(store, *words).exit_code == 2


def test_prompts_beside_the_default_one_stay_behind(store: Store) -> None:
    voice = Voice.open(store.path("ada"))
    write_prompt(voice, "calm", replace(voice.prompt(), style=voice.prompt().style + 1))
    wanted = needles(voice.prompt("calm").style)
    assert found_in(files_below(ok(store, "--mode", "anonymous").directory), wanted) == []


def test_history_and_unknown_fields_stay_behind(store: Store) -> None:
    voice = Voice.open(store.path("ada"))
    kept = replace(voice.description, history=({"what": "migrated", "digest": "abc"},), other={"of_2045": "abc"})
    (voice.directory / "voice.json").write_bytes(json_bytes(kept.document()))
    assert Voice.open(voice.directory).description.history
    assert b"abc" not in (ok(store, "--mode", "local", "--epsilon", 4).directory / "voice.json").read_bytes()


def test_a_voice_of_another_family_is_not_released(source: Path) -> None:
    with pytest.raises(ReleaseError, match="no public speakers"):
        ground_of(Voice.open(source / "voices" / "ada"))


@pytest.mark.slow
def test_nothing_of_the_clean_style_is_in_the_bundle_and_it_verifies(
    store: Store, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core_model.export.process import write_exports

    monkeypatch.setattr(released_voice, "write_exports", write_exports)
    wanted = clean_needles(store, recordings)
    consent(store, "--i-am-the-speaker")  # goes along, so that the new voice may be made public
    ok(store, *MODES["utterance"](recordings))
    for words in (
        ["archive", "new", "--public", "--redundancy", "0", "-o", str(tmp_path / "new.voice")],
        ["verify", "new"],
    ):
        result = CliRunner().invoke(main, [*words, "--home", str(store.home)])
        assert result.exit_code == 0, result.output
    assert found_in([tmp_path / "new.voice"], {b"release.json"}) == ["new.voice"]  # nothing of it is hidden from us
    assert found_in([tmp_path / "new.voice"], wanted) == []


def consent(store: Store, *words: str) -> None:
    assert CliRunner().invoke(main, ["consent", "ada", *words, "--home", str(store.home)]).exit_code == 0


def test_the_ledger_names_the_consent_and_the_new_voice_carries_it(store: Store) -> None:
    consent(store, "--speaker", "Ada Lovelace", "--scope", "public", "--expires", "2099-12-31")
    result = call(
        store, "--mode", "local", "--epsilon", "4", "--as", "new", "--json"
    )  # the speaker is known from there
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["entry"]["consent"]
    assert told["expires"] == "2099-12-31"
    [said] = read_statements(store.path("new"))
    assert told["sha256"] == said.statement.agreement_sha256
    digests = {hashlib.sha256(path.read_bytes()) for path in files_below(store.path("ada")) if "text" not in path.parts}
    wanted = {form for digest in digests for form in (digest.digest(), digest.hexdigest().encode())}
    assert found_in(files_below(store.path("new")), wanted) == []  # whoever trains alike could confirm a guess by them
    assert require_consent(store, "new", "public", datetime.now(UTC)) == ""
    assert call(store, "--mode", "anonymous", "--as", "nobody").exit_code == 0
    assert read_statements(store.path("nobody")) == ()


def test_local_is_refused_where_the_consent_names_the_speaker(store: Store) -> None:
    said = ("--speaker", "Ada Lovelace", "--scope", "public", "--expires", "2099-12-31")
    consent(store, *said, "--name-in-clear")
    result = call(store, "--mode", "local", "--epsilon", "4", "--as", "new")
    assert result.exit_code != 0
    assert "holds the name in clear" in result.output
    assert "new" not in store.names()
    consent(store, *said)
    assert call(store, "--mode", "local", "--epsilon", "4", "--as", "new").exit_code == 0
    assert b"Lovelace" not in (store.path("new") / "records" / "consent.jsonl").read_bytes()


def test_after_a_consent_ended_or_was_taken_back_nothing_is_released(store: Store) -> None:
    consent(store, "--speaker", "Ada Lovelace", "--expires", "2098-12-31")
    wanted = releasing.Wanted("local", 1.0)
    with pytest.raises(ConsentExpiredError, match="ended on 2098-12-31"):
        releasing.plan_release(store, "ada", wanted, datetime(2099, 1, 1, tzinfo=UTC))
    assert CliRunner().invoke(main, ["revoke", "ada", "--home", str(store.home)]).exit_code == 0
    result = call(store, "--mode", "local", "--epsilon", "1")
    assert result.exit_code == 1
    assert "was taken back" in result.output
    assert store.names() == ("ada",)


def test_the_time_is_the_callers(store: Store) -> None:
    now = datetime(2030, 1, 2, tzinfo=UTC)
    plan = releasing.plan_release(store, "ada", releasing.Wanted("local", 1.0, speaker="Ada"), now)
    assert plan.entry.at == "2030-01-02T00:00:00+00:00"
