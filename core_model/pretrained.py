"""Which of upstream's networks a person has: HuBERT, RoBERTa, the speaker-vector network, the two vocoders.

Knows folders and files, found by what is in them (config.json's model_type and sizes, names and shapes of tensors),
never by their name or size; loads none of them, and needs neither torch nor transformers. Nothing is fetched.
Upstream's own layout (GPT_SoVITS/pretrained_models) is found as well as a folder with everything beside each other.

    chinese-hubert-base/                        model_type hubert         prompt tokens, voice conversion
    chinese-roberta-wwm-ext-large/              model_type bert           word features of Chinese
    sv/pretrained_eres2netv2w24s4ep4.ckpt       ERes2NetV2                style of v2Pro and v2ProPlus
    models--nvidia--bigvgan_v2_.../             BigVGAN                   waveform of v3
    gsv-v4-pretrained/vocoder.pth               HiFi-GAN                  waveform of v4

    Pretrained.find(Path("GPT_SoVITS/pretrained_models")).hubert
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from core_model.errors import CheckpointError, PretrainedError
from core_model.features.pretrained_folder import CONFIG, WEIGHTS, read_config
from core_model.upstream.checkpoint import read_outline

_DEEPEST = 6  # folders below the one that was named; a cache of Hugging Face's needs three
_MOST_FILES = 20_000  # somebody's whole home
_FOLDERS = {"hubert": "hubert", "bert": "roberta"}  # model_type: field
_UPSTREAM_WIDTH = {"hubert": 768, "roberta": 1024}
_FILES = {  # (kind, family) of a checkpoint: field
    ("speaker_vector", "eres2netv2"): "speaker_vector",
    ("vocoder", "v3"): "vocoder_v3",
    ("vocoder", "v4"): "vocoder_v4",
}


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Where each network lies: a folder for the first two, a file for the others. None: it was not found."""

    hubert: Path | None = None
    roberta: Path | None = None
    speaker_vector: Path | None = None
    vocoder_v3: Path | None = None
    vocoder_v4: Path | None = None

    @classmethod
    def find(cls, *places: Path) -> Pretrained:
        """What lies in *places*, folders or files, or below. PretrainedError: no such place, or two of one kind."""
        found: dict[str, dict[Path, Path]] = {field.name: {} for field in fields(cls)}
        for place in places:
            if not place.exists():
                raise PretrainedError(place, "there is no such folder")
            for kind, path in _look(place):
                found[kind].setdefault(path.resolve(), path)  # a cache shows one file under two names
        return cls(**{kind: _the_one(kind, list(paths.values())) for kind, paths in found.items()})

    @property
    def vocoders(self) -> dict[str, Path]:
        """The vocoders by family."""
        by_family = {"v3": self.vocoder_v3, "v4": self.vocoder_v4}
        return {family: path for family, path in by_family.items() if path is not None}


def _look(place: Path) -> Iterator[tuple[str, Path]]:
    """(field, path) of every network in *place* or below, in the order of the paths."""
    if place.is_file():
        yield from _look_into(place)
        return
    seen = 0
    for root, folders, files in os.walk(place):
        folder = Path(root)
        seen += len(files)
        if seen > _MOST_FILES:
            raise PretrainedError(place, f"there are more than {_MOST_FILES} files below it: name the folder itself")
        folders[:] = sorted(folders) if len(folder.relative_to(place).parts) < _DEEPEST else []
        kind = _kind_of_folder(folder) if CONFIG in files else None
        if kind is not None:
            yield kind, folder
            continue
        for name in sorted(files):
            yield from _look_into(folder / name)


def _kind_of_folder(folder: Path) -> str | None:
    try:
        model_type = read_config(folder).get("model_type")
    except PretrainedError:  # somebody else's config.json: BigVGAN's folder has one, with no model_type in it
        return None
    if not any((folder / name).is_file() for name in WEIGHTS):
        return None
    return _FOLDERS.get(model_type) if isinstance(model_type, str) else None


def _look_into(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_file():
        return
    try:
        finding = read_outline(path).finding
    except CheckpointError:  # no checkpoint, or none that anything here would use
        return
    kind = _FILES.get((finding.kind, finding.family))
    if kind is not None:
        yield kind, path


def _the_one(kind: str, paths: list[Path]) -> Path | None:
    if len(paths) > 1 and kind in _UPSTREAM_WIDTH:
        of_its_size = [path for path in paths if read_config(path).get("hidden_size") == _UPSTREAM_WIDTH[kind]]
        paths = of_its_size or paths
    if len(paths) > 1:
        told = " and ".join(str(path) for path in paths[:2])
        raise PretrainedError(told, f"both are a {kind.replace('_', ' ')}: name one of them itself")
    return paths[0] if paths else None
