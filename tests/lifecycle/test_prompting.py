"""Prompts for a voice of the store: whole or not at all, golden outputs with the default one, a directory's average."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from core_model.errors import PretrainedMissingError, PromptError, PromptExistsError, VoiceError
from core_model.golden import Golden
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.prompting import Reference
from core_model.voice import Prompt, Voice, write_prompt
from lifecycle.cli import main
from lifecycle.errors import NotADirectoryOfRecordingsError, NotEnoughRecordingsError
from lifecycle.prompting import Given, add_prompt, recordings_below
from lifecycle.store import Store
from tests.tiny_imported import make_imported_voice, write_recording

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WORDS = "Good morning to you."


@pytest.fixture
def store(tmp_path: Path) -> Store:
    make_imported_voice(tmp_path / "home" / "voices" / "quill")
    return Store(tmp_path / "home")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of two that are good, one that is too short, and a file that is none."""
    root = tmp_path_factory.mktemp("recordings")
    (root / "more").mkdir()
    write_recording(root / "a.wav", 3.5, seed=1)
    write_recording(root / "more" / "b.wav", 4.0, seed=2)
    write_recording(root / "short.wav", 0.3, seed=3)
    (root / "none.wav").write_text("no sound")
    return root


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.txt"
    path.write_text("1 2 3 4 5 6 7")
    return path


def test_the_default_prompt_and_its_golden_outputs(store: Store, recordings: Path, tokens: Path) -> None:
    given = Given((Reference(recordings / "a.wav", WORDS, "en"),), tokens_file=tokens)
    added = add_prompt(store, "quill", "default", given, Pretrained(), now=NOW)
    assert added.golden
    voice = Voice.open(store.path("quill"))
    assert voice.prompt().semantic_tokens.tolist() == [1, 2, 3, 4, 5, 6, 7]
    golden = Golden.read(voice.golden_directory)
    assert golden.made.startswith("2026-11-21")
    assert len(golden.sentences) == 3
    assert not list(store.voices_directory.glob(".*"))


def test_another_prompt_leaves_golden_outputs_alone(store: Store, recordings: Path) -> None:
    added = add_prompt(store, "quill", "calm", Given((Reference(recordings / "a.wav"),)), Pretrained(), now=NOW)
    assert not added.golden
    assert Voice.open(store.path("quill")).prompts() == ("calm",)
    assert not (store.path("quill") / "golden").exists()


def test_stale_golden_outputs_give_way(store: Store, recordings: Path) -> None:
    (store.path("quill") / "golden").mkdir()
    (store.path("quill") / "golden" / "old").touch()
    add_prompt(store, "quill", "default", Given((Reference(recordings / "a.wav"),)), Pretrained(), now=NOW)
    assert sorted(path.name for path in (store.path("quill") / "golden").iterdir()) == [
        "golden.json",
        "golden.safetensors",
    ]


def test_a_name_that_is_taken(store: Store, recordings: Path) -> None:
    given = Given((Reference(recordings / "a.wav"),))
    for name in ("calm", "default"):
        add_prompt(store, "quill", name, given, Pretrained(), now=NOW)
        with pytest.raises(PromptExistsError):
            add_prompt(store, "quill", name, given, Pretrained(), now=NOW)


def test_a_name_that_is_none(store: Store, recordings: Path) -> None:
    with pytest.raises(PromptError, match="no prompt's name"):
        add_prompt(store, "quill", "../x", Given((Reference(recordings / "a.wav"),)), Pretrained(), now=NOW)


def test_a_refusal_leaves_the_voice_as_it_was(store: Store, recordings: Path) -> None:
    before = sorted(store.path("quill").rglob("*"))
    for name in ("default", "calm"):
        with pytest.raises(PretrainedMissingError):
            add_prompt(store, "quill", name, Given((Reference(recordings / "a.wav", WORDS),)), Pretrained(), now=NOW)
    assert sorted(store.path("quill").rglob("*")) == before
    assert not list(store.voices_directory.glob(".*"))


def test_golden_outputs_that_fail_leave_the_voice_as_it_was(
    store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise VoiceError("weights", "fail")

    monkeypatch.setattr("core_model.golden.record_golden", fail)
    with pytest.raises(VoiceError):
        add_prompt(store, "quill", "default", Given((Reference(recordings / "a.wav"),)), Pretrained(), now=NOW)
    assert Voice.open(store.path("quill")).prompts() == ()


def test_stopped_between_golden_outputs_and_prompt_it_can_be_done_again(
    store: Store, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only moment at which the voice has one and not the other: it still opens, and has no prompt."""
    given = Given((Reference(recordings / "a.wav"),))

    def stopped(voice: Voice, name: str, prompt: Prompt) -> None:
        if voice.directory == store.path("quill"):
            raise KeyboardInterrupt
        write_prompt(voice, name, prompt)

    with monkeypatch.context() as patched:
        patched.setattr("lifecycle.prompting.write_prompt", stopped)
        with pytest.raises(KeyboardInterrupt):
            add_prompt(store, "quill", "default", given, Pretrained(), now=NOW)
    assert Voice.open(store.path("quill")).prompts() == ()
    assert add_prompt(store, "quill", "default", given, Pretrained(), now=NOW).golden
    assert Voice.open(store.path("quill")).prompts() == ("default",)


def test_the_average_of_a_directory(store: Store, recordings: Path) -> None:
    told: list[tuple[int, int]] = []
    added = add_prompt(
        store,
        "quill",
        "average",
        Given(average=recordings),
        Pretrained(),
        now=NOW,
        tell=lambda done, total, note: told.append((done, total)),
    )
    listener = Listener(Voice.open(store.path("quill")), Pretrained())
    styles = [listener.style(recordings / name) for name in ("a.wav", "more/b.wav")]
    np.testing.assert_allclose(added.prompt.style, (styles[0] + styles[1]) / 2, atol=1e-6)
    assert added.prompt.references == 2
    assert [item.file for item in added.left_out] == ["none.wav", "short.wav"]
    assert told == [(1, 2), (2, 2)]


def test_tokens_of_a_reference_in_the_style_of_a_directory(store: Store, recordings: Path, tokens: Path) -> None:
    given = Given((Reference(recordings / "a.wav", WORDS),), average=recordings, tokens_file=tokens)
    prompt = add_prompt(store, "quill", "both", given, Pretrained(), now=NOW).prompt
    alone = add_prompt(store, "quill", "alone", Given(average=recordings), Pretrained(), now=NOW).prompt
    assert np.array_equal(prompt.style, alone.style)
    assert prompt.semantic_tokens.size == 7


def test_a_directory_without_recordings(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughRecordingsError):
        add_prompt(store, "quill", "x", Given(average=tmp_path / "home"), Pretrained(), now=NOW)
    with pytest.raises(NotADirectoryOfRecordingsError):
        recordings_below(tmp_path / "gone")


def test_links_out_of_the_directory_are_left_out(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(recordings / "a.wav")
    good, left_out = recordings_below(tmp_path)
    assert good == ()
    assert [item.file for item in left_out] == ["link.wav"]


def run(store: Store, *arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["prompt", "quill", "--home", str(store.home), *map(str, arguments)])
    return result.exit_code, result.output


def test_the_verb(store: Store, recordings: Path, tokens: Path) -> None:
    assert run(store, "--list") == (0, "No prompts yet.\n")
    sound = recordings / "a.wav"
    code, told = run(
        store,
        "--as",
        "calm",
        "--reference",
        sound,
        "--transcript",
        WORDS,
        "--language",
        "en",
        "--prompt-tokens",
        tokens,
    )
    assert (code, told) == (0, "The voice quill has the prompt calm: 7 tokens, its style from 1 recording.\n")
    code, told = run(store, "--as", "average", "--average", recordings)
    assert code == 0
    assert "short.wav was left out: it lasts 0.30 s; 0.6 s are the least.\n" in told
    assert "no words, its style from 2 recordings" in told
    code, told = run(store, "--list")
    assert [line.split()[0] for line in told.splitlines()] == ["average", "calm"]
    assert run(store, "--remove", "calm") == (0, "The prompt calm is gone.\n")
    code, told = run(store, "--remove", "calm")
    assert code == 1


def test_the_verb_without_hubert(store: Store, recordings: Path) -> None:
    code, told = run(store, "--reference", recordings / "a.wav", "--transcript", WORDS)
    assert code == 1
    assert told.startswith("lifecycle: making semantic tokens of a recording needs HuBERT (the folder")
    assert "Hint: give --pretrained DIR with that folder in it, or the tokens themselves" in told


@pytest.mark.parametrize(
    "arguments",
    [(), ("--transcript", WORDS), ("--list", "--remove", "x"), ("--average", "{dir}", "--style", "{file}")],
)
def test_calls_that_make_no_sense(store: Store, recordings: Path, arguments: tuple[str, ...]) -> None:
    filled = [part.format(dir=recordings, file=recordings / "a.wav") for part in arguments]
    assert run(store, *filled)[0] == 2


def test_a_prompt_that_is_nearly_audio_says_so(tmp_path: Path, recordings: Path, tokens: Path) -> None:
    make_imported_voice(tmp_path / "home" / "voices" / "quill", "v3")
    sound = recordings / "a.wav"
    arguments = ("--as", "calm", "--reference", sound, "--transcript", WORDS, "--prompt-tokens", tokens)
    code, told = run(Store(tmp_path / "home"), *arguments)
    assert code == 0
    assert "nearly the recording: who has it can hear it" in told
