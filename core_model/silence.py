"""Switches that keep other people's libraries from reporting home, set before they are imported.

Knows the names of the switches and no library. Each stands whatever the person's own environment says: a value that
would turn reporting on does not win, because nobody who trusts this program with a voice asked for it. `HF_HUB_OFFLINE`
holds too, for the whole process: who embeds the toolkit in a program that fetches models does that in another process.
Reference: each library's own documentation of its environment variables, read on 2026-11-28.

    os.environ.update(SWITCHES)      # then import onnxruntime, transformers, ...
"""

from __future__ import annotations

from collections.abc import Mapping

SWITCHES: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime since 1.29 reports on Linux, too; read when its library is loaded
    "DO_NOT_TRACK": "1",  # what several libraries agreed on; huggingface_hub among them
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # huggingface_hub, and through it transformers: read when it is imported
    "TRANSFORMERS_OFFLINE": "1",  # the same, for transformers before it asked the other
}
