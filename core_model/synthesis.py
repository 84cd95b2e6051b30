"""Speech from a voice through torch: the reference runtime, the one that training and export agree with.

Knows how the networks are built, loaded and called; the order of the steps is `core_model.speaking`'s. Draws no random
numbers. Which decoder a voice has is said by its dims: one that makes the waveform at once (nano, v1 to v2ProPlus), or
one that goes on from the reference's mel and needs a vocoder after it (v3, v4). Networks are built without memory and
adopt the arrays of the file, so that sizes which only claim to be the file's cost nothing.

    speech = synthesize(Voice.open(Path("voices/slt")), "Good morning.", seed=7)
    soundfile.write("out.wav", speech.waveform, speech.sample_rate)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from core_model.adopting import adopt
from core_model.diffusion import loading
from core_model.diffusion.decoding import decode
from core_model.errors import VocoderMissingError, VoiceError
from core_model.gpt import GPT, GPTDims, KeyValueCache
from core_model.sovits.dims import FlowMatchingDims, SoVITSDims
from core_model.sovits.layers import fold_weight_norm
from core_model.sovits.synthesizer import SoVITS
from core_model.speaking import SpeakingOptions, Speech, sovits_dims, speak
from core_model.utterances import utterances
from core_model.voice import Array, Floats, Integers, Prompt, Voice


def synthesize(
    voice: Voice,
    text: str | None = None,
    *,
    phonemes: str | None = None,
    options: SpeakingOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Speech:
    """Speak *text*, or *phonemes* written as text. Raises TextError, VoiceError and their kinds."""
    options = options or SpeakingOptions()
    said = utterances(voice, text, phonemes=phonemes, language=options.language, cut=options.cut)
    return speak(voice, TorchRuntime(voice), said, options, progress)


class TorchRuntime:
    """A voice's two networks in torch, on the CPU, in float32. Keeps `core_model.speaking.Runtime`.

    *threads* is for the whole process, because torch has no other; 0 leaves it as it is.
    """

    name = "torch"
    version = f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"

    def __init__(self, voice: Voice, *, threads: int = 0) -> None:
        if threads:
            torch.set_num_threads(threads)
        self._gpt = load_gpt(voice)
        self._decoder = load_decoder(voice)

    @torch.inference_mode()
    def begin(
        self, phonemes: Integers, prompt_tokens: Integers, word_features: Floats | None, limit: int
    ) -> TorchContinuation:
        """The GPT's first pass; see `Runtime.begin`."""
        cache = self._gpt.new_cache(1, phonemes.size + prompt_tokens.size + limit)
        features = None if word_features is None else _tensor(word_features)[None]
        logits = self._gpt.prefill(_tensor(phonemes)[None], _tensor(prompt_tokens)[None], features, cache)
        return TorchContinuation(self._gpt, cache, logits)

    @torch.inference_mode()
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
        """SoVITS; see `Runtime.decode`."""
        inputs = (_tensor(tokens)[None], _tensor(phonemes)[None], prompt, _tensor(noise))
        return self._decoder.decode(*inputs, noise_scale, speed, steps).numpy().reshape(-1)


class AtOnce:
    """A SoVITS whose decoder makes the waveform."""

    def __init__(self, voice: Voice) -> None:
        self.network = load_sovits(voice)

    def decode(
        self,
        tokens: torch.Tensor,
        phonemes: torch.Tensor,
        prompt: Prompt,
        noise: torch.Tensor,
        noise_scale: float,
        speed: float,
        steps: int | None,
    ) -> torch.Tensor:
        """(1, 1, N). Knows no steps."""
        return self.network.decode(tokens, phonemes, _tensor(prompt.style), noise, noise_scale, speed)


class Continuing:
    """A SoVITS that goes on from the reference's mel, by flow matching, and the vocoder after it."""

    def __init__(self, voice: Voice, dims: SoVITSDims) -> None:
        assert isinstance(dims.decoder, FlowMatchingDims)  # for mypy: the caller asked
        if not voice.has_weights("vocoder"):
            raise VocoderMissingError(voice.description.family)
        lora = voice.weights("lora") if voice.has_weights("lora") else None
        self.network = loading.load_network(dims, voice.weights("sovits"), lora)
        self._vocoder = loading.load_vocoder(dims.decoder, voice.weights("vocoder"))
        self._usual_steps = dims.decoder.steps

    def decode(
        self,
        tokens: torch.Tensor,
        phonemes: torch.Tensor,
        prompt: Prompt,
        noise: torch.Tensor,
        noise_scale: float,
        speed: float,
        steps: int | None,
    ) -> torch.Tensor:
        """(N,). Takes the noise as it is."""
        if prompt.reference_mel is None:
            raise VoiceError("prompt", "holds no reference mel, from which this family goes on")
        heard = (_tensor(prompt.semantic_tokens)[None], _tensor(prompt.phonemes)[None])
        style, mel = _tensor(prompt.style), _tensor(prompt.reference_mel)
        count = steps or self._usual_steps
        return decode(self.network, self._vocoder, tokens, phonemes, *heard, style, mel, noise, count, speed)


def load_decoder(voice: Voice) -> AtOnce | Continuing:
    """What makes a waveform of tokens, without the GPT. VoiceError, VocoderMissingError."""
    dims = sovits_dims(voice)
    return Continuing(voice, dims) if isinstance(dims.decoder, FlowMatchingDims) else AtOnce(voice)


class TorchContinuation:
    """One sentence half spoken: the cache and the last logits."""

    def __init__(self, gpt: GPT, cache: KeyValueCache, logits: torch.Tensor) -> None:
        self._gpt = gpt
        self._cache = cache
        self.logits: Floats = logits[0].numpy()

    def step(self, token: int, position: int) -> Floats:
        """(V,) after *token*; see `Continuation.step`."""
        logits: Floats = self._gpt.step(torch.tensor([[token]]), position, self._cache)[0].numpy()
        return logits


def load_gpt(voice: Voice) -> GPT:
    """The GPT of *voice* in float32, ready to speak. VoiceError names the first tensor that does not fit."""
    try:
        dims = GPTDims(**{name: int(str(value)) for name, value in voice.description.gpt.items()})
    except (TypeError, ValueError) as error:
        raise VoiceError("gpt", str(error)) from error
    with torch.device("meta"):
        gpt = GPT(dims)
    adopt(gpt, voice.weights("gpt"), "weights/gpt.safetensors")
    return gpt.eval()


def load_sovits(voice: Voice) -> SoVITS:
    """The SoVITS of *voice* in float32 with weight norm folded. VoiceError names the first tensor that does not fit."""
    # Only training reads the posterior encoder, so a network that speaks is built without one.
    weights = {k: v for k, v in voice.weights("sovits").items() if not k.startswith("posterior_encoder.")}
    with torch.device("meta"):
        sovits = SoVITS(sovits_dims(voice), with_posterior=False)
    adopt(sovits, weights, "weights/sovits.safetensors")
    fold_weight_norm(sovits)
    return sovits.eval()


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.array(array))  # a copy: torch warns of arrays it must not write to
