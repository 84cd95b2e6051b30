"""The released shapes of GPT-SoVITS's acoustic network, as values.

Knows no tensors and tells no file apart (core_model.upstream.families does, by evidence). v3 and v4 have the same
tensors: what differs are the rates of their mel spectrograms, and the vocoder.
Reference: shared/upstream/FORMAT.md §2 and its specs, INFERENCE.md §6.
"""

from __future__ import annotations

from dataclasses import replace

from core_model.sovits.dims import FlowMatchingDims, HiFiGANDims, SoVITSDims

V2 = SoVITSDims()
V1 = replace(V2, phonemes=322, style_bins=1025)
V2_PRO = replace(V2, style=1024, speaker_vector=20480, dropout=0.0)
V2_PRO_PLUS = replace(V2_PRO, decoder=HiFiGANDims(width=768, kernels=(20, 16, 8, 2, 2)))
V3 = replace(V2, decoder=FlowMatchingDims())
V4 = replace(
    V2,
    decoder=FlowMatchingDims(
        mel_sample_rate=32000,
        mel_fft=1280,
        mel_hop=320,
        heard_frames_per_code=4.0,
        window_frames=1000,
        prompt_frames=500,
        steps=8,
        vocoder=HiFiGANDims(width=512, rates=(10, 6, 2, 2, 2), kernels=(20, 12, 4, 4, 4)),
    ),
)

FAMILIES = {"v1": V1, "v2": V2, "v2Pro": V2_PRO, "v2ProPlus": V2_PRO_PLUS, "v3": V3, "v4": V4}
