"""Sound files of every kind come in as what they were; spectrograms are the slow obvious sums; nothing is half kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from core_model.errors import AudioError
from core_model.features.audio import (
    Audio,
    file_duration_s,
    linear_spectrogram,
    load,
    load_channels,
    log_mel,
    mel_filterbank,
    resample,
)

RATES = (8000, 11025, 22050, 44100, 48000)
CHANNELS = (1, 2, 6)
# how far a sample may be off after a round trip: one step of the format, or what a lossy codec costs a pure tone
FORMATS = [
    ("wav", "PCM_16", 2**-15),
    ("wav", "PCM_24", 2**-23),
    ("wav", "FLOAT", 0.0),
    ("wav", "PCM_U8", 2**-7),
    ("flac", "PCM_16", 2**-15),
    ("flac", "PCM_24", 2**-23),
    ("ogg", "VORBIS", 0.1),
    ("mp3", "MPEG_LAYER_III", 0.1),
]


def tone(hz: float, rate: int, seconds: float = 0.5, amplitude: float = 0.5) -> NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("suffix", "subtype", "tolerance"), FORMATS)
def test_every_format_rate_and_channel_count_reads_as_the_mean_of_its_channels(
    tmp_path: Path, suffix: str, subtype: str, tolerance: float, rate: int, channels: int
) -> None:
    if suffix == "mp3" and channels > 2:
        pytest.skip("mp3 holds two channels at most")
    written = np.stack([tone(200.0 * (1 + k), rate) for k in range(channels)], axis=1)
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, written, rate, format=suffix.upper(), subtype=subtype)
    audio = load(path)
    assert audio.sample_rate == rate
    assert audio.waveform.dtype == np.float32
    assert audio.waveform.shape == (len(written),)
    assert audio.duration_s == pytest.approx(0.5, abs=1e-4)
    assert file_duration_s(path) == pytest.approx(0.5, abs=1e-4)
    error = np.abs(audio.waveform - written.mean(axis=1))
    inner = slice(rate // 20, -rate // 20)  # lossy codecs blur the sudden ends
    assert error[inner if tolerance > 0.01 else slice(None)].max() <= tolerance + 1e-7
    assert load_channels(path)[0].shape == written.shape


@pytest.mark.parametrize("rate", RATES)
def test_resampling_keeps_pitch_level_and_length(rate: int) -> None:
    resampled = resample(tone(1000.0, rate, 1.0), rate, 16000)
    assert abs(len(resampled) - 16000) <= 1
    expected = tone(1000.0, 16000, 1.0)[: len(resampled)]
    assert np.abs(resampled - expected)[400:-400].max() < 1e-3


def test_resampling_removes_what_the_lower_rate_cannot_hold() -> None:
    assert np.abs(resample(tone(10000.0, 48000, 1.0), 48000, 16000)[400:-400]).max() < 1e-3


def test_load_resamples_on_demand(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", tone(440.0, 44100, 1.0), 44100)
    audio = load(tmp_path / "x.wav", sample_rate=16000)
    assert audio.sample_rate == 16000
    assert len(audio.waveform) == 16000


def bytes_of(path: Path, subtype: str, suffix: str) -> bytes:
    noise = np.random.default_rng(0).normal(0.0, 0.1, 32000).astype(np.float32)  # tones compress to nearly nothing
    soundfile.write(path, noise, 16000, format=suffix.upper(), subtype=subtype)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("mp3", "MPEG_LAYER_III")]
)
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, suffix: str, subtype: str) -> None:
    whole = bytes_of(tmp_path / "whole", subtype, suffix)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"cut\."):
        load(cut)


def test_a_wav_from_a_pipe_is_read_though_its_header_does_not_know_the_length(tmp_path: Path) -> None:
    streamed = bytearray(bytes_of(tmp_path / "whole", "PCM_16", "wav"))
    streamed[4:8] = streamed[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "streamed.wav").write_bytes(streamed)
    assert len(load(tmp_path / "streamed.wav").waveform) == 32000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"these are words, not sound" * 40, bytes(5000)])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_what_is_no_sound_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"x.{suffix}").write_bytes(content)
    with pytest.raises(AudioError, match="x"):
        load(tmp_path / f"x.{suffix}")


def test_absent_directory_empty_and_headerless_files_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1), np.float32), 16000)
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    for name in ("absent.wav", ".", "empty.wav", "x.raw"):
        with pytest.raises(AudioError):
            load(tmp_path / name)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    waveform = tone(440.0, 16000)
    waveform[1000] = value
    soundfile.write(tmp_path / "x.wav", waveform, 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match="not numbers"):
        load(tmp_path / "x.wav")


def test_float_files_beyond_full_scale_are_left_as_they_are(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", tone(440.0, 16000, amplitude=1.7), 16000, subtype="FLOAT")
    assert load(tmp_path / "x.wav").waveform.max() == pytest.approx(1.7, abs=0.01)


@pytest.mark.parametrize(("fft", "hop"), [(640, 160), (2048, 640), (1280, 320), (64, 16)])
@pytest.mark.parametrize("samples", [2049, 5000, 7777])
def test_spectrogram_equals_torch_with_upstreams_settings(fft: int, hop: int, samples: int) -> None:
    waveform = np.random.default_rng(samples).normal(0.0, 0.3, samples).astype(np.float32)
    padding = (fft - hop) // 2
    padded = torch.nn.functional.pad(torch.from_numpy(waveform)[None, None], (padding, padding), mode="reflect")[0, 0]
    window = torch.hann_window(fft)
    spectrum = torch.stft(padded, fft, hop, fft, window, center=False, return_complex=True)
    theirs = torch.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-8).numpy()
    ours = linear_spectrogram(waveform, fft, hop)
    assert ours.shape == theirs.shape == (fft // 2 + 1, samples // hop)
    assert np.abs(ours - theirs).max() < 2e-5  # torch adds up in float32


def test_spectrogram_equals_the_sum_written_out() -> None:
    fft, hop = 16, 4
    waveform = np.random.default_rng(5).normal(size=40).astype(np.float32)
    ours = linear_spectrogram(waveform, fft, hop)
    mirrored = [*waveform[6:0:-1], *waveform, *waveform[-2:-8:-1]]
    for frame in range(ours.shape[1]):
        for k in range(fft // 2 + 1):
            total = 0j
            for n in range(fft):
                hann = 0.5 * (1 - np.cos(2 * np.pi * n / fft))
                total += hann * mirrored[frame * hop + n] * np.exp(-2j * np.pi * k * n / fft)
            assert ours[k, frame] == pytest.approx(np.sqrt(abs(total) ** 2 + 1e-8), abs=1e-5)


def test_spectrogram_floor_is_upstreams() -> None:
    silence = np.zeros(4000, np.float32)
    assert np.allclose(linear_spectrogram(silence, 640, 160), 1e-4)
    assert np.allclose(linear_spectrogram(silence, 640, 160, epsilon=1e-6), 1e-3)


@pytest.mark.parametrize("samples", [0, 1, 159, 240])
def test_too_short_for_a_spectrogram_is_refused(samples: int) -> None:
    with pytest.raises(AudioError, match="too few"):
        linear_spectrogram(np.zeros(samples, np.float32), 640, 160)


def test_mel_edges_are_slaneys() -> None:
    """The centres that librosa's documentation prints for mel_frequencies(n_mels=40), up to 11 025 Hz."""
    known = [85.317, 170.635, 255.952, 341.269, 426.586, 511.904, 597.221, 682.538, 767.855, 853.173, 938.49]
    known += [1024.856, 1119.114, 1222.042, 1334.436, 1457.167, 1591.187, 1737.532, 1897.337, 2071.84, 2262.393]
    known += [2470.47, 2697.686, 2945.799, 3216.731, 3512.582, 3835.643, 4188.417, 4573.636, 4994.285, 5453.621]
    known += [5955.205, 6502.92, 7101.009, 7754.107, 8467.272, 9246.028, 10096.408]
    filterbank = mel_filterbank(22050, 65536, 38)
    hz = np.fft.rfftfreq(65536, 1 / 22050)
    assert np.abs(hz[filterbank.argmax(axis=1)] - known).max() <= 22050 / 65536


def test_mel_bands_have_unit_area_and_overlap_in_pairs() -> None:
    filterbank = mel_filterbank(16000, 8192, 80)
    area = filterbank.sum(axis=1, dtype=np.float64) * 16000 / 8192
    assert np.abs(area - 1.0).max() < 0.02
    assert ((filterbank > 0).sum(axis=0) <= 2).all()
    assert filterbank.shape == (80, 4097)
    assert mel_filterbank(16000, 8192, 80, 100.0, 4000.0)[:, 2050:].max() == 0.0  # nothing above 4 kHz


def test_log_mel_of_a_tone_peaks_in_its_band() -> None:
    filterbank = mel_filterbank(16000, 640, 80)
    mel = log_mel(linear_spectrogram(tone(1000.0, 16000), 640, 160), filterbank)
    assert mel.shape == (80, 50)
    assert mel.dtype == np.float32
    centres = np.fft.rfftfreq(640, 1 / 16000)[filterbank.argmax(axis=1)]
    assert np.abs(centres[mel[:, 5:-5].argmax(axis=0)] - 1000.0).max() < 60.0
    silent = log_mel(np.zeros((321, 3), np.float32), filterbank)
    assert np.allclose(silent, np.log(1e-5))


def test_duration_is_in_seconds() -> None:
    assert Audio(np.zeros(8000, np.float32), 16000).duration_s == 0.5


def test_a_file_name_need_not_be_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    try:
        path.write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with path.open("wb") as file:
        soundfile.write(file, tone(200.0, 16_000), 16_000, format="WAV")
    assert load(path).duration_s == pytest.approx(0.5)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match=r"pipe\.wav is no file"):
        load(tmp_path / "pipe.wav")
