"""The part of an imported voice that listens: recordings to semantic tokens, and to styles.

Knows how a recording reaches the networks, and in which files those lie; nothing of text. Of the voice's own SoVITS
only quantizer and style encoder are read, whatever decodes behind them; HuBERT, the speaker-vector network and RoBERTa
come from a person's own folder, each loaded when it is first needed. Draws no random numbers. Reference: INFERENCE.md
§1, §2. T semantic tokens, S style.

    recording ─ 16 kHz ─▶ HuBERT ─▶ quantizer ─▶ tokens (T,)
              ─ 32 kHz ─▶ spectrogram ────────▶ style encoder ─▶ style (1, S, 1)
                       └▶ filterbank ─▶ ERes2NetV2 ─┘ v2Pro, v2ProPlus
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import AudioError, PretrainedError, PretrainedMissingError, PromptError, VoiceError
from core_model.features import audio, hubert, reference_audio, speaker_vector, word_features
from core_model.features.sinc_resampling import sinc_resample
from core_model.pretrained import Pretrained
from core_model.sovits.dims import FlowMatchingDims, SoVITSDims
from core_model.sovits.synthesizer import SoVITS
from core_model.speaking import sovits_dims
from core_model.voice import Floats, Integers, Voice

_LISTENING = ("quantizer.", "style_encoder.", "speaker_projection.", "style_activation.")

HUBERT = "HuBERT (the folder chinese-hubert-base)"
_INSTEAD_OF_HUBERT = (
    "give --pretrained DIR with that folder in it, or the tokens themselves in a --prompt-tokens file (docs/prompt.md)"
)
SPEAKER_NETWORK = "the speaker-vector network (pretrained_eres2netv2w24s4ep4.ckpt)"


class Listener:
    """A voice's ears. PromptError if the voice has none: one that was trained here learnt its style."""

    def __init__(self, voice: Voice, pretrained: Pretrained) -> None:
        if voice.description.token_scheme["kind"] != "quantizer":
            raise PromptError(f"the voice {voice.name} was trained here: it learnt its style and takes no reference")
        self.dims = sovits_dims(voice)
        self.pretrained = pretrained
        self._network = _listening_network(voice, self.dims)
        self._hubert: hubert.Hubert | None = None
        self._speaker_network: speaker_vector.SpeakerNetwork | None = None
        self._word_features: word_features.WordFeatures | None = None

    def tokens(self, waveform: Floats, instead: str = _INSTEAD_OF_HUBERT) -> Integers:
        """(N,) at 16 kHz to (T,). Without HuBERT PretrainedMissingError, which says what to do *instead*."""
        if self._hubert is None:
            self._hubert = self._load_hubert(instead)
        with torch.inference_mode():
            codes, _ = self._network.encode_codes(self._hubert.features(waveform))
        tokens: Integers = codes[0].numpy()
        return tokens

    def style(self, path: Path) -> Floats:
        """The style (1, S, 1) of one recording of any length. AudioError; PretrainedMissingError."""
        waveform = reference_audio.for_style(path, self.dims.sample_rate)
        try:
            linear = torch.from_numpy(audio.linear_spectrogram(waveform, self.dims.fft, self.dims.hop))[None]
        except AudioError as error:
            raise AudioError(f"{path.name}: {error}") from error
        with torch.inference_mode():
            if isinstance(self._network, FlowMatchingSoVITS):
                style: Floats = self._network.style(linear).numpy()
            else:
                style = self._network.style(linear, None, self.speaker_vector(waveform)).numpy()
        return style

    def mean_style(self, paths: Sequence[Path], tell: Callable[[int, int], None] = lambda done, total: None) -> Floats:
        """The mean of the styles of *paths* (1, S, 1), each with its own speaker vector: no weights (INFERENCE §2)."""
        total = np.zeros((1, self.dims.style, 1), np.float64)
        for done, path in enumerate(paths):
            total += self.style(path)
            tell(done + 1, len(paths))
        return (total / len(paths)).astype(np.float32)

    def word_features(self, width: int) -> word_features.WordFeatures | None:
        """RoBERTa, if it is at hand; PretrainedError if it is not *width* wide."""
        folder = self.pretrained.roberta
        if folder is not None and self._word_features is None:
            self._word_features = word_features.load(folder)
            _require_width(folder, self._word_features.width, width)
        return self._word_features

    def _load_hubert(self, instead: str) -> hubert.Hubert:
        folder = self.pretrained.hubert
        if folder is None:
            raise PretrainedMissingError(HUBERT, "making semantic tokens of a recording", instead)
        found = hubert.load(folder)
        _require_width(folder, found.width, self.dims.ssl_width)
        return found

    def speaker_vector(self, waveform: Floats) -> torch.Tensor | None:
        """(N,) at the rate of the spectrogram to (1, V); None where the family takes none. PretrainedMissingError."""
        if not self.dims.speaker_vector:
            return None
        if self._speaker_network is None:
            path = self.pretrained.speaker_vector
            if path is None:
                raise PretrainedMissingError(
                    SPEAKER_NETWORK,
                    "making the style of a v2Pro or v2ProPlus voice",
                    "give --pretrained DIR with that file in it, or a ready style with --style FILE (docs/prompt.md)",
                )
            self._speaker_network = speaker_vector.load(path)
            _require_width(path, self._speaker_network.dims.vector, self.dims.speaker_vector)
        return self._speaker_network.vector(sinc_resample(waveform, self.dims.sample_rate, reference_audio.TOKEN_RATE))


def _require_width(path: Path, found: int, wanted: int) -> None:
    if found != wanted:
        raise PretrainedError(path, f"its features are {found} wide; this voice takes {wanted}")


def _listening_network(voice: Voice, dims: SoVITSDims) -> SoVITS | FlowMatchingSoVITS:
    """The voice's network, of which only what listens holds values: a v3's transformer alone takes 1.3 GB."""
    with torch.device("meta"):
        flow = isinstance(dims.decoder, FlowMatchingDims)
        network = FlowMatchingSoVITS(dims) if flow else SoVITS(dims, with_posterior=False)
    expected = {name: value for name, value in network.state_dict().items() if name.startswith(_LISTENING)}
    weights = _read_parts(voice, "sovits", expected)
    if voice.has_weights("lora"):
        weights |= _read_parts(voice, "lora", expected)  # a LoRA's file holds its style encoder whole
    for name, value in expected.items():
        if name not in weights:
            raise VoiceError(f"weights/sovits.safetensors: {name}", "is missing")
        if weights[name].shape != value.shape:
            found, wanted = tuple(weights[name].shape), tuple(value.shape)
            raise VoiceError(f"weights/sovits.safetensors: {name}", f"has shape {found}, the dims say {wanted}")
    network.load_state_dict(weights, strict=False, assign=True)
    return network.eval()


def _read_parts(voice: Voice, part: str, names: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Those of *names* that the part holds, in float32."""
    try:
        with safe_open(voice.weights_file(part), framework="pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys() if name in names}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise VoiceError(f"weights/{part}.safetensors", f"is not a readable safetensors file: {error}") from error
