"""Conversion at tiny dims: as long as the recording, words looked up where there are words, left out where not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("transformers", reason="tokens come from HuBERT, which needs transformers, an extra")

import torch

from core_model import converting
from core_model.converting import convert, without_phonemes
from core_model.errors import AudioError, PretrainedMissingError, PromptMissingError, VoiceError
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.prompting import Reference, make_prompt
from core_model.speaking import SpeakingOptions, decoder_noise, sentence_seed
from core_model.synthesis import AtOnce, load_decoder, load_sovits
from core_model.utterances import utterances
from core_model.voice import Voice, write_prompt
from tests.core_model.features import tiny_pretrained
from tests.tiny_imported import HUBERT_WIDTH, make_imported_voice, write_recording

WORDS = "Good morning to you."
OPTIONS = SpeakingOptions(seed=3)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    root = tmp_path_factory.mktemp("pretrained")
    tiny_pretrained.hubert(root / "hubert", width=HUBERT_WIDTH)
    return Pretrained.find(root)


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory, pretrained: Pretrained) -> dict[str, Voice]:
    root = tmp_path_factory.mktemp("voices")
    recording = write_recording(root / "reference.wav", 3.2, seed=4)
    made = {}
    for family in ("v2", "v3"):
        made[family] = make_imported_voice(root / family, family)
        write_prompt(made[family], "default", make_prompt(made[family], [Reference(recording, WORDS)], pretrained))
    return made


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("recording") / "said.wav", 2.345, sample_rate=22_050)


@pytest.mark.parametrize("family", ["v2", "v3"])
@pytest.mark.parametrize("words", [None, WORDS])
def test_it_is_as_long_as_the_recording(
    voices: dict[str, Voice], pretrained: Pretrained, recording: Path, family: str, words: str | None
) -> None:
    voice = voices[family]
    said = utterances(voice, words)[0] if words else None
    made = convert(voice, Listener(voice, pretrained), recording, OPTIONS, said)
    assert made.sample_rate == voice.description.sample_rate
    seconds = soundfile.info(recording).duration
    assert len(made.waveform) == pytest.approx(seconds * made.sample_rate, abs=2)
    assert made.tokens.size == -(-round(seconds * 16_000) // 640)
    assert np.abs(made.waveform).max() <= 1.0
    assert made.waveform.std() > 1e-4


def test_with_words_it_is_what_the_decoder_makes_of_tokens_and_words(
    voices: dict[str, Voice], pretrained: Pretrained, recording: Path
) -> None:
    voice = voices["v2"]
    said = utterances(voice, WORDS)[0]
    made = convert(voice, Listener(voice, pretrained), recording, OPTIONS, said)
    noise = torch.from_numpy(decoder_noise(voice, sentence_seed(3, 0), int(made.tokens.size)))
    with torch.inference_mode():
        expected = (
            load_sovits(voice)
            .decode(
                torch.from_numpy(made.tokens)[None],
                torch.tensor([said.phonemes]),
                torch.from_numpy(voice.prompt().style),
                noise,
                0.5,
            )[0, 0]
            .numpy()
        )
    expected = expected / max(1.0, np.abs(expected[: len(made.waveform)]).max())
    np.testing.assert_allclose(made.waveform, expected[: len(made.waveform)], atol=1e-5)


def test_without_words_what_would_be_looked_up_is_left_out_of_the_sum(voices: dict[str, Voice]) -> None:
    network = load_sovits(voices["v2"])
    fusion = network.text_encoder.fusion
    frames, phonemes, style = torch.randn(1, 16, 10), torch.randn(1, 16, 3), torch.randn(1, 24, 1)
    with torch.inference_mode():
        with without_phonemes(network):
            found = fusion(frames, None, phonemes, None, style)
        expected = fusion.projection(fusion.code_projection(frames) + style)
        looked_up = fusion(frames, None, phonemes, None, style)
    torch.testing.assert_close(found, expected)
    assert (looked_up - expected).abs().max() > 1e-2  # and afterwards it looks up again


def test_nobody_looks_at_the_row_that_stands_in_for_words(
    voices: dict[str, Voice], pretrained: Pretrained, recording: Path
) -> None:
    voice = voices["v2"]
    decoder = load_decoder(voice)
    assert isinstance(decoder, AtOnce)
    tokens, noise = torch.arange(9)[None], torch.from_numpy(decoder_noise(voice, 1, 9))
    with torch.inference_mode(), without_phonemes(decoder.network):
        made = [
            decoder.decode(tokens, torch.tensor([rows]), voice.prompt(), noise, 0.5, 1.0, None)
            for rows in ([0], [7, 300, 12])
        ]
    assert torch.equal(*made)


def test_a_long_recording_is_cut_at_pauses(
    voices: dict[str, Voice], pretrained: Pretrained, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "LONGEST_PIECE_S", 1.0)
    told: list[tuple[int, int]] = []
    listener = Listener(voices["v2"], pretrained)
    made = convert(voices["v2"], listener, recording, OPTIONS, None, lambda done, total: told.append((done, total)))
    assert made.pieces >= 3
    assert len(made.waveform) == pytest.approx(2.345 * 32_000, abs=4)
    assert told[-1] == (2 * made.pieces, 2 * made.pieces)


def test_a_recording_too_long_for_one_transcript(
    voices: dict[str, Voice], pretrained: Pretrained, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converting, "LONGEST_S", 1.0)
    said = utterances(voices["v2"], WORDS)[0]
    with pytest.raises(AudioError, match="lasts 2 s; with a transcript 1 s are the most"):
        convert(voices["v2"], Listener(voices["v2"], pretrained), recording, OPTIONS, said)


def test_without_hubert(voices: dict[str, Voice], recording: Path) -> None:
    with pytest.raises(PretrainedMissingError, match="needs HuBERT") as caught:
        convert(voices["v2"], Listener(voices["v2"], Pretrained()), recording, OPTIONS)
    assert "nothing else here can hear a recording" in caught.value.instead


def test_without_a_prompt(tmp_path: Path, pretrained: Pretrained, recording: Path) -> None:
    voice = make_imported_voice(tmp_path / "mute")
    with pytest.raises(PromptMissingError):
        convert(voice, Listener(voice, pretrained), recording, OPTIONS)


def test_weights_that_give_no_numbers(
    tmp_path: Path, voices: dict[str, Voice], pretrained: Pretrained, recording: Path
) -> None:
    from safetensors.numpy import save_file

    voice = make_imported_voice(tmp_path / "broken")
    write_prompt(voice, "default", voices["v2"].prompt())
    weights = voice.weights("sovits")
    weights["decoder.entry.bias"][0] = np.nan
    save_file(weights, voice.weights_file("sovits"))
    with pytest.raises(VoiceError, match="no numbers"):
        convert(voice, Listener(voice, pretrained), recording, OPTIONS)
