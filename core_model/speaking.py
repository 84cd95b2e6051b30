"""From utterances to a waveform, the same on every runtime: sample, decode, join.

Knows the order of the steps and where the noise comes from; not how a network is computed. A runtime is whatever keeps
the `Runtime` protocol: `core_model.synthesis` (torch), `core_model.player` (ONNX Runtime). Sampling is NumPy in both,
so the same voice, text and seed give the same tokens, and waveforms that differ only by rounding.

    utterance (core_model.utterances) ─┬─> GPT, one token at a time -> tokens ─┬─> decoder -> waveform ─┬─ pause ─ ...
                              prompt ──┘                          prompt, noise ─┘                       joined

Noise of sentence i comes from Philox keyed by (seed, i): a sentence sounds the same whatever was said before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from core_model.alignment_codes import SILENCE
from core_model.errors import DimsError, VoiceError
from core_model.sampling import Generation, SamplingOptions, generate, latent_noise, sampling_noise
from core_model.sovits.dims import FlowMatchingDims, SoVITSDims, dims_from_dict
from core_model.text.phonemes import symbols_of
from core_model.utterances import Utterance, alignment
from core_model.voice import DEFAULT_PROMPT, Floats, Integers, Prompt, Voice


class Continuation(Protocol):
    """The state of one sentence in the GPT. `step` is called once for each token, in order."""

    @property
    def logits(self) -> Floats:
        """(V,) for the first token after the prompt."""

    def step(self, token: int, position: int) -> Floats:
        """(V,) for the token after *token*, whose place among all audio tokens (prompt included) is *position*."""


class Runtime(Protocol):
    """Something that computes a voice's two networks."""

    @property
    def name(self) -> str:
        """As people type it: torch, onnx."""

    @property
    def version(self) -> str:
        """Which release of what computes, for the record: torch 2.13.0+cpu AVX512."""

    def begin(
        self, phonemes: Integers, prompt_tokens: Integers, word_features: Floats | None, limit: int
    ) -> Continuation:
        """Read phonemes (P,), prompt tokens (T,), word features (P, F): the GPT's first pass. At most *limit* steps
        follow."""

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
        """Tokens (T,), phonemes (P,), the prompt and noise (see `decoder_noise`) to a waveform (N,).

        Of the prompt most families read the style alone. *steps* is for those that decode by flow matching, which take
        the noise as it is; None: as many as the voice's dims say.
        """


@dataclass(frozen=True, slots=True)
class SpeakingOptions:
    """How to speak; what to say is an argument of its own."""

    language: str | None = None  # None: the voice's first
    cut: str | None = None  # cut0..cut5; None: where the voice's own reading cuts
    seed: int = 0
    speed: float = 1.0  # 2.0 speaks twice as fast
    prompt: str = DEFAULT_PROMPT
    noise_scale: float = 0.5
    steps: int | None = None  # of flow matching; None: as many as the voice's dims say
    pause_s: float = 0.3  # silence after each sentence; after the last one too where upstream would have put it
    sampling: SamplingOptions | None = None  # None: what suits the voice's token scheme


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """One sentence as it was spoken."""

    text: str = field(repr=False)
    phonemes: tuple[int, ...] = field(repr=False)
    tokens: Integers = field(repr=False)  # (T,)
    stopped: str  # 'end', or 'length': then it was cut off
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A finished waveform and what it was made of."""

    waveform: Floats = field(repr=False)  # (N,), within -1..1
    sample_rate: int  # Hz
    sentences: tuple[Sentence, ...]


def speak(
    voice: Voice,
    runtime: Runtime,
    said: Sequence[Utterance],
    options: SpeakingOptions,
    progress: Callable[[int, int], None] | None = None,
) -> Speech:
    """Speak the utterances one after another; *progress* is told how many of how many are done."""
    prompt = voice.prompt(options.prompt)
    sample_rate = voice.description.sample_rate
    pause = np.zeros(round(options.pause_s * sample_rate), np.float32)
    pieces: list[Floats] = []
    spoken: list[Sentence] = []
    for index, utterance in enumerate(said):
        seed = sentence_seed(options.seed, index)
        generation = sample_tokens(voice, runtime, utterance, prompt, seed, options.sampling)
        waveform = decode_tokens(voice, runtime, utterance, generation.tokens, prompt, seed, options)
        tokens = generation.tokens
        spoken.append(Sentence(utterance.text, utterance.phonemes, tokens, generation.stopped, waveform.size))
        pieces += [waveform, pause]
        if progress is not None:
            progress(index + 1, len(said))
    if alignment(voice) is not None:
        pieces.pop()  # upstream's voices end in silence, ours with what was said
    return Speech(np.concatenate(pieces), sample_rate, tuple(spoken))


def sample_tokens(
    voice: Voice,
    runtime: Runtime,
    utterance: Utterance,
    prompt: Prompt,
    seed: int,
    options: SamplingOptions | None = None,
) -> Generation:
    """The GPT's part of one sentence; its tokens are all that SoVITS needs, the opening included."""
    codes = alignment(voice)
    options = options or usual_sampling(voice)
    continuation, before = begin(voice, runtime, utterance, prompt, options.limit)
    generation = generate(
        continuation.logits,
        continuation.step,
        prompt=before,
        options=options,
        noise=sampling_noise(seed, int(continuation.logits.size)),
        grammar=None if codes is None else codes.grammar(utterance.symbols),
    )
    return replace(generation, tokens=np.concatenate([opening_tokens(voice), generation.tokens]))


def usual_sampling(voice: Voice) -> SamplingOptions:
    """What suits the voice's token scheme."""
    # An aligned token says how long a phone is held by being repeated: to punish that is to clip every vowel.
    return SamplingOptions() if alignment(voice) is None else SamplingOptions(repetition_penalty=1.0)


def begin(
    voice: Voice, runtime: Runtime, utterance: Utterance, prompt: Prompt, limit: int
) -> tuple[Continuation, Integers]:
    """The GPT's first pass over the phonemes of prompt and sentence, and the tokens before the first one to be found.

    Those tokens (T,) are returned too: the prompt's, and the opening of the sentence.
    """
    phonemes, tokens = prompt.phonemes, prompt.semantic_tokens
    opening = opening_tokens(voice)
    if opening.size and tokens.size and tokens[-1] == opening[-1]:
        tokens = tokens[:-1]  # that is this sentence's own opening, written into the prompt
        if phonemes.size and symbols_of(phonemes[-1:].tolist()) == (SILENCE,):
            phonemes = phonemes[:-1]
    kept = phonemes.size
    phonemes = np.concatenate([phonemes, np.asarray(utterance.phonemes, np.int64)])
    tokens = np.concatenate([tokens, opening])
    width = int(str(voice.description.gpt["word_features"]))
    features: Floats | None = None
    if width:
        features = np.zeros((phonemes.size, width), np.float32)  # only Chinese has any (INFERENCE §3)
        if prompt.word_features is not None:
            features[:kept] = prompt.word_features[:kept]
        if utterance.word_features is not None:
            features[kept:] = utterance.word_features
    return runtime.begin(phonemes, tokens, features, limit), tokens


def opening_tokens(voice: Voice) -> Integers:
    """What every sentence of this voice starts with: silence where tokens are aligned, else nothing."""
    codes = alignment(voice)
    return np.array([] if codes is None else [codes.first_token], np.int64)


def decode_tokens(
    voice: Voice,
    runtime: Runtime,
    utterance: Utterance,
    tokens: Integers,
    prompt: Prompt,
    seed: int,
    options: SpeakingOptions,
) -> Floats:
    """SoVITS's part of one sentence: (N,) samples, scaled down only if they would clip. VoiceError if they are NaN."""
    noise = decoder_noise(voice, seed, int(tokens.size), options.speed)
    phonemes = np.asarray(utterance.phonemes, np.int64)
    waveform = runtime.decode(tokens, phonemes, prompt, noise, options.noise_scale, options.speed, options.steps)
    peak = float(np.abs(waveform).max(initial=0.0))
    if not np.isfinite(peak):
        raise VoiceError("weights/sovits.safetensors", "gives samples that are no numbers")
    return waveform / np.float32(peak) if peak > 1.0 else waveform


def decoder_noise(voice: Voice, seed: int, count: int, speed: float = 1.0) -> Floats:
    """The noise that *count* tokens are decoded with: (1, channels, frames), of the latent or of the mel."""
    dims = sovits_dims(voice)
    return latent_noise(seed, dims.noise_channels, dims.noise_frames_for(count, speed))


def sentence_seed(seed: int, index: int) -> int:
    """The seed of the sentence at *index*: 64 bits of SHA-256 over "seed/index", so that neighbours share nothing."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:8], "big")


def has_exports(voice: Voice) -> bool:
    """Whether this voice's networks can be exported, and so spoken by the player: flow matching runs on torch alone."""
    return not isinstance(sovits_dims(voice).decoder, FlowMatchingDims)


def sovits_dims(voice: Voice) -> SoVITSDims:
    """The dims of the voice's decoder; VoiceError if they are not dims."""
    try:
        return dims_from_dict(voice.description.sovits)
    except DimsError as error:
        raise VoiceError("sovits", str(error)) from error
