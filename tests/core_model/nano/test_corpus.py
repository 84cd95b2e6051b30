"""How engines' speech becomes examples: in rounds, with the front end's stress, and without whom it is judged by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core_model.nano import corpus, speech
from core_model.nano.dims import CODES
from core_model.text.front_end import FrontEnd
from core_model.text.symbols import V2
from core_model.training.dataset import Dataset
from tests.core_model.nano.toy_corpus import SPEAKERS, says_tones, write_toy_corpus


def test_where_both_agree_the_front_end_is_right() -> None:
    phones = ["SP", "HH", "AH", "L", "OW", "SP"]
    assert corpus.symbols_with_stress(phones, ["HH", "AH0", "L", "OW1", "."]) == ["SP", "HH", "AH0", "L", "OW1", "."]


def test_a_pause_where_a_mark_was_written_becomes_the_mark() -> None:
    phones = ["SP", "Y", "EH", "S", "SP", "AY", "D", "UW", "SP"]
    written = ["Y", "EH1", "S", ",", "AY1", "D", "UW1", "!"]
    assert corpus.symbols_with_stress(phones, written) == ["SP", "Y", "EH1", "S", ",", "AY1", "D", "UW1", "!"]


def test_where_they_differ_the_engine_is_right_and_stress_is_the_front_ends() -> None:
    """A reduced vowel: the engine said IH where the dictionary writes AH0."""
    assert corpus.symbols_with_stress(["R", "IH", "D"], ["R", "AH0", "D"]) == ["R", "IH0", "D"]
    assert corpus.symbols_with_stress(["AA", "T"], ["AE2", "T"]) == ["AA2", "T"]


def test_what_nobody_wrote_takes_its_usual_stress() -> None:
    assert corpus.symbols_with_stress(["AH", "K", "ER", "AO", "SP"], []) == ["AH0", "K", "ER0", "AO1", "SP"]
    assert corpus.symbols_with_stress(["B", "AH", "T"], ["B", "T"]) == ["B", "AH0", "T"]
    assert corpus.symbols_with_stress(["B", "T"], ["B", "AH0", "T", "."]) == ["B", "T"]  # what was not spoken is not


def test_every_symbol_that_comes_out_is_in_the_table() -> None:
    written = FrontEnd().phonemize("Did you move the azure vase, or has it vanished?", "en").symbols
    phones = ["SP", *(p for p in "D IH D Y UW M UW V DH AX Z ZH ER V EY Z".replace("AX", "AH").split()), "SP"]
    assert set(corpus.symbols_with_stress(phones, written)) <= set(V2)


@pytest.fixture
def toy_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two speakers of an engine that plays tones, and sentences enough."""
    monkeypatch.setattr(speech, "SPEAKERS", SPEAKERS)
    monkeypatch.setitem(speech._ENGINES, "toy", says_tones)
    monkeypatch.setitem(corpus.MINUTES, "toy", 0.1)
    monkeypatch.setattr(speech, "sentences", lambda _: [f"Sentence {chr(97 + i % 26) * 3}." for i in range(2400)])


@pytest.mark.usefixtures("toy_engine")
def test_speech_comes_in_rounds_of_all_speakers_until_there_is_enough(tmp_path: Path) -> None:
    answers = iter([False, True])
    assert corpus.make_speech(tmp_path, lambda: next(answers)) == 2
    homes = sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("segments.jsonl"))
    assert homes == sorted(f"speech/{number:02d}/{speaker.name}" for number in range(2) for speaker in SPEAKERS)
    assert corpus.make_speech(tmp_path, lambda: pytest.fail("it was finished")) == 2


@pytest.mark.usefixtures("toy_engine")
def test_there_is_one_round_however_little_time_there_is_and_no_more_than_all(tmp_path: Path) -> None:
    assert corpus.make_speech(tmp_path / "a", lambda: True) == 1
    assert corpus.make_speech(tmp_path / "b", lambda: False) == corpus.ROUNDS


@pytest.mark.usefixtures("toy_engine")
def test_nobody_says_a_sentence_twice_or_one_that_is_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Sentence number {i}." for i in range(2400)]
    monkeypatch.setattr(speech, "sentences", lambda _: texts)
    corpus.make_speech(tmp_path, lambda: False)
    for speaker in SPEAKERS:
        said = [
            json.loads(line)["text"]
            for path in (tmp_path / "speech").glob(f"*/{speaker.name}/segments.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert len(said) == len(set(said)) > 3
        assert set(said).isdisjoint(texts[-corpus.HELD_OUT_SENTENCES :])


def test_held_out_are_the_last_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [str(i) for i in range(1000)]
    monkeypatch.setattr(speech, "sentences", lambda _: texts)
    assert corpus.held_out() == texts[700:]


def test_examples_of_all_rounds_hold_every_phone_and_the_speakers_pitch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_corpus(tmp_path, monkeypatch)
    dataset = corpus.make_dataset(tmp_path)
    assert [example.speaker for example in dataset.examples] == [0] * 6 + [1] * 6
    for example in dataset.examples:
        phones, begins, levels = CODES.split(example.tokens)
        said = [CODES.phones[phone] for phone, first in zip(phones, begins, strict=True) if first]
        assert said == ["SP", "AY", "S", "OW", "L", "SP"]
        voiced = levels[levels > 0]
        assert np.median(voiced) == CODES.pitch_levels // 2
    again = corpus.make_dataset(tmp_path, lambda *_: pytest.fail("it was made twice"))
    assert len(again.examples) == 12
    assert again.of(1)[0].tokens.tolist() == dataset.examples[6].tokens.tolist()


def test_a_speaker_who_said_nothing_has_no_examples(tmp_path: Path) -> None:
    assert corpus.examples_of(tmp_path, 0) == []


@pytest.mark.slow
def test_several_processes_make_the_same_dataset_in_the_same_order(tmp_path: Path) -> None:
    """Real speakers' names: processes that are started afresh know no others."""
    write_toy_corpus(tmp_path, None)
    with corpus.workers(2) as mapped:
        by_two = corpus.make_dataset(tmp_path, mapped)
    (tmp_path / "dataset.safetensors").unlink()
    with corpus.workers(1) as mapped:
        by_one: Dataset = corpus.make_dataset(tmp_path, mapped)
    assert len(by_one.examples) == 12
    for one, two in zip(by_one.examples, by_two.examples, strict=True):
        assert one.tokens.tolist() == two.tokens.tolist() and np.array_equal(one.waveform, two.waveform)


def test_the_person_it_is_judged_by_is_never_among_its_speakers() -> None:
    names = [speaker.name for speaker in speech.SPEAKERS]
    assert not [name for name in names if "slt" in name]
    assert len(set(names)) == len(names)


def test_named_persons_prompts_are_not_among_them_either() -> None:
    assert {speaker.engine for speaker in speech.SPEAKERS} == {"flite", "festival", "espeak"}
