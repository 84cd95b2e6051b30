"""Voice conversion: what one person says, in the voice of another.

Knows which parts of an imported voice hear and speak, and no files but the recording. The recording becomes semantic
tokens as a reference would (core_model.listening), and the target voice's decoder speaks them in the style of one of
its prompts; no GPT takes part, so the timing stays the speaker's. Pitch is no part of a token: the melody is mostly the
voice's own. Noise is keyed by the seed. Reference: INFERENCE.md §§1a, 5, 6. N samples, T tokens.

    recording ─ 16 kHz ─▶ pieces at pauses ─▶ HuBERT ─▶ quantizer ─▶ tokens ─┬─▶ decoder ─▶ as many seconds
                                                    phonemes, style, noise ──┘

The decoder was trained to look up, in the phonemes of its sentence, what each token says. With a transcript it still
does. Without one it cannot: what would be looked up is left out of the sum (tokens + looked up + style) that the
network forms there, rather than made up, so that nothing is said that was not heard; what 25 tokens a second do not
tell may blur.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core_model.errors import AudioError, VoiceError
from core_model.features import pauses, reference_audio
from core_model.listening import Listener
from core_model.speaking import SpeakingOptions, decoder_noise, sentence_seed
from core_model.synthesis import AtOnce, Continuing, load_decoder
from core_model.utterances import Utterance
from core_model.voice import Floats, Integers, Prompt, Voice

LONGEST_S = 54.0  # of a piece with a transcript: upstream learns nothing longer
LONGEST_PIECE_S = 20.0  # without one there is no reason to fill the memory: 30 s took 2 GB
_TOKEN = 640  # samples at 16 kHz
_TAIL = 80  # zeros with which HuBERT's last frame is whole
_INSTEAD = (
    "give --pretrained DIR with that folder in it; nothing else here can hear a recording, "
    "but `lifecycle speak` says words without it"
)


@dataclass(frozen=True, slots=True, eq=False)
class Conversion:
    """A recording in another voice."""

    waveform: Floats = field(repr=False)  # (N,), as long as the recording, within ±1
    sample_rate: int  # Hz
    tokens: Integers = field(repr=False)  # (T,)
    pieces: int


def convert(
    voice: Voice,
    listener: Listener,
    recording: Path,
    options: SpeakingOptions,
    said: Utterance | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Conversion:
    """*recording* as *voice* would say it, in its prompt *options.prompt*. *said*: the words of the recording.

    AudioError: it cannot be read, or is too long for one transcript. PretrainedMissingError without HuBERT.
    """
    prompt = voice.prompt(options.prompt)
    waveform = reference_audio.at_token_rate(recording)
    cut = _pieces(recording, waveform, said)
    heard = []
    for done, piece in enumerate(cut):
        heard.append(listener.tokens(_whole_tokens(piece), _INSTEAD))
        tell(done + 1, 2 * len(cut))
    decoder = load_decoder(voice)
    spoken = []
    for index, (piece, tokens) in enumerate(zip(cut, heard, strict=True)):
        samples = round(len(piece) * voice.description.sample_rate / reference_audio.TOKEN_RATE)
        made = _decode(voice, decoder, tokens, prompt, said, sentence_seed(options.seed, index), options)
        spoken.append(np.pad(made[:samples], (0, max(0, samples - len(made)))))  # v3's frames leave a rest
        tell(len(cut) + index + 1, 2 * len(cut))
    return Conversion(_within(np.concatenate(spoken)), voice.description.sample_rate, np.concatenate(heard), len(cut))


def _pieces(recording: Path, waveform: Floats, said: Utterance | None) -> tuple[Floats, ...]:
    if said is None:
        return pauses.pieces(waveform, reference_audio.TOKEN_RATE, LONGEST_PIECE_S)
    seconds = len(waveform) / reference_audio.TOKEN_RATE
    if seconds > LONGEST_S:
        raise AudioError(f"{recording.name} lasts {seconds:.0f} s; with a transcript {LONGEST_S:.0f} s are the most")
    return (waveform,)


def _whole_tokens(piece: Floats) -> Floats:
    """*piece* with zeros behind it, so that as many tokens come of it as cover it."""
    count = -(-len(piece) // _TOKEN)
    return np.pad(piece, (0, count * _TOKEN + _TAIL - len(piece)))


def _decode(
    voice: Voice,
    decoder: AtOnce | Continuing,
    tokens: Integers,
    prompt: Prompt,
    said: Utterance | None,
    seed: int,
    options: SpeakingOptions,
) -> Floats:
    noise = torch.from_numpy(decoder_noise(voice, seed, int(tokens.size)))
    rows = said.phonemes if said is not None else (0,)  # one row that nobody looks at
    phonemes = torch.tensor([rows])
    looking = contextlib.nullcontext() if said is not None else without_phonemes(decoder.network)
    with torch.inference_mode(), looking:
        waveform = decoder.decode(
            torch.from_numpy(tokens)[None], phonemes, prompt, noise, options.noise_scale, 1.0, options.steps
        )
    made: Floats = waveform.numpy().reshape(-1)
    if not np.isfinite(made).all():
        raise VoiceError("weights/sovits.safetensors", "gives samples that are no numbers")
    return made


@contextlib.contextmanager
def without_phonemes(network: nn.Module) -> Iterator[None]:
    """While it lasts, frames of *network* look nothing up in their phonemes: that addend is zero."""
    attention = network.get_submodule("text_encoder.fusion.attention")

    def nothing(module: nn.Module, inputs: tuple[Tensor, ...], found: Tensor) -> Tensor:
        return torch.zeros_like(found)

    handle = attention.register_forward_hook(nothing)
    try:
        yield
    finally:
        handle.remove()


def _within(waveform: Floats) -> Floats:
    peak = float(np.abs(waveform).max(initial=0.0))
    return waveform / np.float32(peak) if peak > 1.0 else waveform
