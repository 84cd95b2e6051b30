"""What an utterance costs networks that it may have taught: the very losses of the two loops, one utterance at a time.

Knows examples and networks; not who asks, and draws no conclusion. Whoever attacks a voice asks whether it learnt from
a recording: what was learnt from costs less (Yeom et al. 2018). All noise is drawn from Philox by (seed, draw), so that
two networks which are compared hear the same.

    token_loss     mean cross entropy of the semantic tokens, nats a token             (GPT)
    waveform_loss  mel distance of the whole utterance, posterior to waveform, nats    (SoVITS; mean over draws)
"""

from __future__ import annotations

import numpy as np
import torch

from core_model.adopting import adopt
from core_model.gpt import GPT
from core_model.sovits.losses import MelLoss
from core_model.sovits.synthesizer import SoVITS
from core_model.speaking import sovits_dims
from core_model.training.dataset import FRAMES_PER_TOKEN, Example, collate
from core_model.training.gpt import loss_of
from core_model.training.sovits import mel_loss
from core_model.voice import Voice


def load_to_be_taught(voice: Voice) -> SoVITS:
    """The SoVITS of *voice* with its posterior encoder, which speech does without. VoiceError where there is none."""
    with torch.device("meta"):
        network = SoVITS(sovits_dims(voice))
    adopt(network, voice.weights("sovits"), "weights/sovits.safetensors")
    return network.eval()


@torch.inference_mode()
def token_loss(network: GPT, example: Example) -> float:
    """Mean cross entropy of the tokens of *example*, each given the ones before it; nats."""
    return float(loss_of(network, collate([example]))[0])


@torch.inference_mode()
def waveform_loss(
    network: SoVITS, example: Example, *, seed: int, draws: int, distance: MelLoss | None = None
) -> float:
    """Mean log-mel distance between *example* and what *network* makes of its own spectrogram, over *draws*; nats."""
    distance = distance or mel_loss()
    batch = collate([example])
    frames = batch.mel.shape[2]
    shape = (1, network.dims.latent, frames)
    arrays = (batch.tokens, batch.token_lengths, batch.phonemes, batch.phoneme_lengths, batch.mel)
    inputs = [torch.from_numpy(array) for array in (*arrays, batch.token_lengths * FRAMES_PER_TOKEN)]
    real = torch.from_numpy(batch.waveform)[:, None]
    log_f0 = torch.from_numpy(batch.log_f0())
    found = []
    for draw in range(draws):
        rng = np.random.Generator(np.random.Philox(key=[seed, draw]))
        noise = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
        start = torch.zeros(1, dtype=torch.int64)
        if network.hums:
            breath = torch.from_numpy(rng.standard_normal((1, network.dims.hop, frames), dtype=np.float32))
            out = network(*inputs, noise, start, frames, log_f0=log_f0, breath=breath)
        else:
            out = network(*inputs, noise, start, frames)
        found.append(float(distance(real, out.waveform)))
    return float(np.mean(found))
