"""Whether a checkpoint is a stock file: one that GPT-SoVITS trains from, and that is nobody's voice.

Knows no paths and no file names. Two marks, either of which is enough; a stock GPT bears neither and passes as trained.
Reference: GPT-SoVITS at 48b1a01 leaves the posterior encoder out of every SoVITS that it saves as a voice, and knows
its six base files by the MD5 of their first 8192 bytes, of which the first 8 digits are known here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core_model.upstream.checkpoint import Checkpoint

BASE_MD5: Mapping[str, str] = {
    "dc3c97e1": "v1",
    "6642b37f": "v2",
    "43797be6": "v3",
    "4f26b947": "v4",
    "c7e9fce2": "v2Pro",
    "66b313e3": "v2ProPlus",
}


def stock(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What says that *checkpoint* is a stock file, one sentence each; nothing if nothing does."""
    return marks(checkpoint.kind, checkpoint.tensors, checkpoint.start_md5, training=checkpoint.training)


def marks(kind: str, names: Collection[str], start_md5: str, *, training: bool) -> tuple[str, ...]:
    """As `stock`, of a file whose tensors' values were not read."""
    found = []
    known = BASE_MD5.get(start_md5[:8])
    if known is not None:
        found.append(f"its first 8192 bytes are those of the base file of {known} (MD5 {start_md5[:8]}...)")
    if kind == "sovits" and not training and any(name.startswith("enc_q.") for name in names):
        found.append("it holds the posterior encoder (enc_q), which base files have and trained voices lack")
    if kind == "discriminator" and not training:
        found.append("it holds a discriminator without an optimizer, which is how base files are saved")
    return tuple(found)
