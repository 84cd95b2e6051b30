"""The released shapes of GPT-SoVITS's acoustic network, as values.

Knows no tensors and tells no file apart (core_model.upstream.families does, by evidence). v3 and v4 decode by flow
matching and are not here. Reference: shared/upstream/FORMAT.md §2 and its specs.
"""

from __future__ import annotations

from dataclasses import replace

from core_model.sovits.dims import HiFiGANDims, SoVITSDims

V2 = SoVITSDims()
V1 = replace(V2, phonemes=322, style_bins=1025)
V2_PRO = replace(V2, style=1024, speaker_vector=20480, dropout=0.0)
V2_PRO_PLUS = replace(V2_PRO, decoder=HiFiGANDims(width=768, kernels=(20, 16, 8, 2, 2)))

FAMILIES = {"v1": V1, "v2": V2, "v2Pro": V2_PRO, "v2ProPlus": V2_PRO_PLUS}
