"""The order of the steps, seen by a runtime that computes nothing and remembers what it was asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import EmptyTextError, PromptMissingError, UnknownLanguageError, UnknownPhonemeError, VoiceError
from core_model.sampling import SamplingOptions
from core_model.speaking import (
    Continuation,
    SpeakingOptions,
    Speech,
    has_exports,
    sentence_seed,
    sovits_dims,
    speak,
)
from core_model.text.symbols import V2
from core_model.utterances import utterances
from core_model.voice import Floats, Integers, Prompt, SymbolTable, Voice
from tests.tiny_voice import CODES, make_tiny_voice
from tests.written_voice import write_voice


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "ada", golden=False)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "quentin", golden=False, quantizer=True)


@pytest.fixture(scope="module")
def flowing(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "flora", golden=False, flowing=True)


class Recorder:
    """A runtime whose logits are all 0 and whose waveform is *level* everywhere."""

    name = version = "recorder"

    def __init__(self, voice: Voice, level: float = 0.25) -> None:
        self.vocabulary = int(str(voice.description.gpt["semantic_tokens"]))
        self.samples = sovits_dims(voice).hop
        self.level = level
        self.begun: list[tuple[Integers, Integers, Floats | None]] = []
        self.steps: list[tuple[int, int]] = []
        self.decoded: list[dict[str, object]] = []

    @property
    def logits(self) -> Floats:
        return np.zeros(self.vocabulary, np.float32)

    def begin(
        self, phonemes: Integers, prompt_tokens: Integers, word_features: Floats | None, limit: int
    ) -> Continuation:
        self.begun.append((phonemes, prompt_tokens, word_features))
        return self

    def step(self, token: int, position: int) -> Floats:
        self.steps.append((token, position))
        return self.logits

    def decode(
        self,
        tokens: Integers,
        phonemes: Integers,
        prompt: Prompt,
        noise: Floats,
        noise_scale: float,
        speed: float,
        steps: int | None = None,
    ) -> Floats:
        told = {"tokens": tokens, "phonemes": phonemes, "prompt": prompt, "noise": noise, "speed": speed}
        self.decoded.append(told | {"steps": steps})
        return np.full(noise.shape[2] * self.samples, self.level, np.float32)


def say(voice: Voice, text: str, runtime: Recorder | None = None, **options: object) -> tuple[Speech, Recorder]:
    runtime = runtime or Recorder(voice)
    chosen = SpeakingOptions(**({"sampling": SamplingOptions(limit=400)} | options))  # type: ignore[arg-type]
    return speak(voice, runtime, utterances(voice, text), chosen), runtime


def ids(*symbols: str) -> list[int]:
    return [V2.index(symbol) for symbol in symbols]


def test_an_aligned_voice_frames_the_sentence_in_silence_and_opens_with_its_token(aligned: Voice) -> None:
    speech, runtime = say(aligned, "Tea")
    expected = ids("SP", "T", "IY1", ".")
    phonemes, tokens, features = runtime.begun[0]
    assert phonemes.tolist() == expected
    assert tokens.tolist() == [CODES.first_token]
    assert features is None
    assert speech.sentences[0].phonemes == tuple(expected)
    assert runtime.decoded[0]["tokens"].tolist()[0] == CODES.first_token  # type: ignore[attr-defined]
    assert runtime.decoded[0]["phonemes"].tolist() == expected  # type: ignore[attr-defined]


def test_an_aligned_voice_cannot_lose_a_phone_even_from_a_network_that_knows_nothing(aligned: Voice) -> None:
    speech, _ = say(aligned, "Seven grey whales swam past.")
    for sentence in speech.sentences:
        assert sentence.stopped == "end"
        phones, begins, _ = CODES.split(sentence.tokens)
        spoken = [CODES.phones[phone] for phone in phones[begins] if phone]
        written = [V2[row].rstrip("012") for row in sentence.phonemes]
        assert spoken == [phone for phone in written if phone in CODES.phones and phone != "SP"]


def test_the_opening_is_not_said_twice_when_the_prompt_holds_it(aligned: Voice, tmp_path: Path) -> None:
    longer = Prompt(np.array([5 * 24, 5 * 24, CODES.first_token]), np.array(ids("AY1", "SP")), aligned.prompt().style)
    voice = write_voice(
        tmp_path / "b",
        aligned.description,
        weights={part: aligned.weights(part) for part in ("gpt", "sovits")},
        prompts={"default": longer},
    )
    runtime = Recorder(voice)
    said = utterances(aligned, "Tea")
    speak(voice, runtime, said, SpeakingOptions())
    phonemes, tokens, _ = runtime.begun[0]
    assert phonemes.tolist() == ids("AY1", "SP", "T", "IY1", ".")
    assert tokens.tolist() == [5 * 24, 5 * 24, CODES.first_token]
    assert runtime.steps[0][1] == 3  # positions go on behind the prompt


def test_a_quantizer_voice_puts_its_prompt_first_and_zeros_where_no_features_are(quantized: Voice) -> None:
    _, runtime = say(quantized, "Seven grey whales")
    prompt = quantized.prompt()
    phonemes, tokens, features = runtime.begun[0]
    assert phonemes[:9].tolist() == prompt.phonemes.tolist()
    assert phonemes[-1] == V2.index(".")  # a mark is put where the text has none
    np.testing.assert_array_equal(tokens, prompt.semantic_tokens)
    assert features is not None and prompt.word_features is not None
    np.testing.assert_array_equal(features[:9], prompt.word_features)
    assert not features[9:].any() and len(features) == len(phonemes)
    assert runtime.decoded[0]["phonemes"].tolist() == phonemes[9:].tolist()  # type: ignore[attr-defined]


def test_a_short_sentence_gets_a_leading_mark_from_a_quantizer_voice(quantized: Voice) -> None:
    _, runtime = say(quantized, "Tea.")
    assert runtime.begun[0][0][9:].tolist() == ids(".", "T", "IY1", ".")


def test_word_features_of_the_text_follow_those_of_the_prompt(quantized: Voice) -> None:
    (said,) = utterances(quantized, "Seven grey whales")
    rows = np.arange(len(said.phonemes) * 12, dtype=np.float32).reshape(-1, 12)
    runtime = Recorder(quantized)
    speak(quantized, runtime, [replace(said, word_features=rows)], SpeakingOptions(sampling=SamplingOptions(limit=5)))
    features = runtime.begun[0][2]
    assert features is not None
    np.testing.assert_array_equal(features[:9], quantized.prompt().word_features)  # type: ignore[arg-type]
    np.testing.assert_array_equal(features[9:], rows)


def test_without_words_in_the_prompt_the_gpt_goes_on_from_nothing(quantized: Voice, tmp_path: Path) -> None:
    held = quantized.prompt()
    empty = replace(held, semantic_tokens=np.zeros(0, np.int64), phonemes=np.zeros(0, np.int64), word_features=None)
    voice = write_voice(
        tmp_path / "b",
        quantized.description,
        weights={part: quantized.weights(part) for part in ("gpt", "sovits")},
        prompts={"default": empty},
    )
    runtime = Recorder(voice)
    (said,) = utterances(quantized, "Seven grey whales")
    speak(voice, runtime, [said], SpeakingOptions(sampling=SamplingOptions(limit=5)))
    phonemes, tokens, features = runtime.begun[0]
    assert phonemes.tolist() == list(said.phonemes) and tokens.size == 0
    assert features is not None and not features.any()
    assert runtime.steps[0][1] == 0
    np.testing.assert_array_equal(runtime.decoded[0]["prompt"].style, held.style)  # type: ignore[attr-defined]


def test_upstreams_voices_end_every_sentence_in_silence(quantized: Voice) -> None:
    said = utterances(quantized, "Seven grey whales. Eight red foxes.")
    options = SpeakingOptions(sampling=SamplingOptions(limit=5), pause_s=0.1)
    speech = speak(quantized, Recorder(quantized), said, options)
    assert speech.waveform.size == sum(sentence.samples + 1600 for sentence in speech.sentences)
    assert not speech.waveform[-1600:].any() and speech.waveform[-1601]


def test_a_named_prompt_is_the_one_that_speaks(quantized: Voice, tmp_path: Path) -> None:
    angry = replace(quantized.prompt(), style=-quantized.prompt().style)
    voice = write_voice(
        tmp_path / "b",
        quantized.description,
        weights={part: quantized.weights(part) for part in ("gpt", "sovits")},
        prompts={"default": quantized.prompt(), "angry": angry},
    )
    said = utterances(quantized, "Seven grey whales")
    runtime = Recorder(voice)
    speak(voice, runtime, said, SpeakingOptions(prompt="angry", sampling=SamplingOptions(limit=5)))
    np.testing.assert_array_equal(runtime.decoded[0]["prompt"].style, angry.style)  # type: ignore[attr-defined]
    with pytest.raises(PromptMissingError) as refused:
        speak(voice, runtime, said, SpeakingOptions(prompt="calm"))
    assert refused.value.known == ("angry", "default")


def test_flow_matching_is_told_its_steps_and_given_noise_for_its_mel(flowing: Voice) -> None:
    said = utterances(flowing, "Seven grey whales")
    runtime = Recorder(flowing)
    speak(flowing, runtime, said, SpeakingOptions(steps=2, sampling=SamplingOptions(limit=8)))
    dims = sovits_dims(flowing)
    tokens = runtime.decoded[0]["tokens"]
    assert runtime.decoded[0]["steps"] == 2
    shape = (1, dims.noise_channels, dims.noise_frames_for(tokens.size))  # type: ignore[attr-defined]
    assert runtime.decoded[0]["noise"].shape == shape  # type: ignore[attr-defined]
    assert not has_exports(flowing)


@pytest.mark.parametrize("level", [float("nan"), float("inf")])
def test_a_network_whose_samples_are_no_numbers_is_refused(aligned: Voice, level: float) -> None:
    with pytest.raises(VoiceError, match="no numbers"):
        say(aligned, "Tea", Recorder(aligned, level))


def test_sentences_are_joined_by_pauses(aligned: Voice) -> None:
    speech, _ = say(aligned, "Tea is hot. Ice is cold. Why?", pause_s=0.1)
    lengths = [sentence.samples for sentence in speech.sentences]
    assert len(lengths) == 3 and min(lengths) > 0
    assert speech.waveform.size == sum(lengths) + 2 * 1600
    assert not speech.waveform[lengths[0] : lengths[0] + 1600].any()
    assert speech.waveform[lengths[0] - 1] and speech.waveform[lengths[0] + 1600]


def test_a_sentence_sounds_the_same_whatever_was_said_before_at_equal_length(aligned: Voice) -> None:
    one, first = say(aligned, "Tea is hot. Ice is cold.")
    two, second = say(aligned, "Tea is red. Ice is cold.")
    np.testing.assert_array_equal(one.sentences[1].tokens, two.sentences[1].tokens)
    np.testing.assert_array_equal(first.decoded[1]["noise"], second.decoded[1]["noise"])  # type: ignore[arg-type]


def test_sentences_and_seeds_have_noise_of_their_own(aligned: Voice) -> None:
    _, runtime = say(aligned, "Tea is hot. Tea is hot.")
    _, other = say(aligned, "Tea is hot.", seed=1)
    tokens = [decoded["tokens"].tolist() for decoded in (*runtime.decoded, *other.decoded)]  # type: ignore[attr-defined]
    assert len({tuple(row) for row in tokens}) == 3
    seeds = {sentence_seed(seed, index) for seed in range(5) for index in range(5)}
    assert len(seeds) == 25
    assert sentence_seed(7, 3) == int(hashlib.sha256(b"7/3").hexdigest()[:16], 16)  # archived voices rely on it


def test_speed_is_in_the_length_of_the_noise(aligned: Voice) -> None:
    slow, _ = say(aligned, "Tea is hot.")
    fast, runtime = say(aligned, "Tea is hot.", speed=1.5)
    np.testing.assert_array_equal(slow.sentences[0].tokens, fast.sentences[0].tokens)
    assert runtime.decoded[0]["speed"] == 1.5
    assert fast.waveform.size == pytest.approx(slow.waveform.size / 1.5, rel=0.05)


def test_speech_is_scaled_down_only_where_it_would_clip(aligned: Voice) -> None:
    quiet, _ = say(aligned, "Tea.", Recorder(aligned, level=0.5))
    loud, _ = say(aligned, "Tea.", Recorder(aligned, level=-4.0))
    assert np.abs(quiet.waveform).max() == 0.5
    assert np.abs(loud.waveform).max() == 1.0


def test_progress_counts_sentences(aligned: Voice) -> None:
    told: list[tuple[int, int]] = []
    said = utterances(aligned, "Tea is hot. Ice is cold.")
    speak(aligned, Recorder(aligned), said, SpeakingOptions(), lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_phonemes_are_spoken_as_given(aligned: Voice) -> None:
    (said,) = utterances(aligned, None, phonemes="T IY1 | HH AA1 T .")
    assert said.symbols == ("SP", "T", "IY1", "HH", "AA1", "T", ".")


def test_what_cannot_be_spoken_is_refused(aligned: Voice) -> None:
    for nothing in ("", "  \n", "...", "!?"):
        with pytest.raises(EmptyTextError):
            utterances(aligned, nothing)
    with pytest.raises(UnknownLanguageError):
        utterances(aligned, "Salut.", language="fr")
    with pytest.raises(UnknownPhonemeError):
        utterances(aligned, None, phonemes="T QQ9")
    with pytest.raises(ValueError, match="either"):
        utterances(aligned, "Tea", phonemes="T IY1")


@pytest.mark.parametrize(
    ("table", "field"), [(SymbolTable("v2", "0" * 64), "sha256"), (SymbolTable("v9", "0" * 64), "table")]
)
def test_another_phoneme_table_is_refused(aligned: Voice, table: SymbolTable, field: str) -> None:
    """One row inserted, and every word would be spoken with other sounds."""
    other = Voice(aligned.directory, replace(aligned.description, symbols=table))
    with pytest.raises(VoiceError) as refused:
        utterances(other, "Tea.")
    assert refused.value.field == f"symbols.{field}"


def test_a_phoneme_past_the_voices_table_is_refused(aligned: Voice) -> None:
    small = replace(aligned.description, gpt={**aligned.description.gpt, "phonemes": V2.index("T")})
    with pytest.raises(UnknownPhonemeError) as refused:
        utterances(Voice(aligned.directory, small), None, phonemes="B T")
    assert refused.value.symbol == "T"
