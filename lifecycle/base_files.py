"""Which of a person's files are the base that an upstream voice is trained from: GPT, SoVITS, its judges.

Knows kinds and families, told by what is in a file; reads no values. A folder is looked through whole (upstream's own
GPT_SoVITS/pretrained_models is one), files are taken as they are. Where several would do, nobody guesses: some of
upstream's base files have the same shapes for two families, so the person names the ones that are meant.

    v1, v2                GPT of 512 or 732 rows, SoVITS with its posterior encoder, judges of five periods
    v2Pro, v2ProPlus      GPT of 732 rows, SoVITS with its posterior encoder, judges of seven
    v3, v4                GPT of 732 rows, SoVITS
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import CheckpointError
from lifecycle.checkpoint_files import CheckpointFile, look
from lifecycle.errors import BaseFilesError, UnfitFileError

FAMILIES = ("v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4")
CONTINUING = ("v3", "v4")  # they decode by flow matching: no judges, no posterior encoder
_ENDINGS = (".pth", ".ckpt", ".pt")
_JUDGES = {"v1": "v1v2", "v2": "v1v2", "v2Pro": "v2Pro_v2ProPlus", "v2ProPlus": "v2Pro_v2ProPlus"}


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """What a training starts from."""

    gpt: CheckpointFile
    sovits: CheckpointFile
    judges: CheckpointFile | None  # None: the family learns without
    left_out: tuple[str, ...] = ()  # files of the folders that could not be looked at, each with the reason

    @property
    def family(self) -> str:
        """Of the SoVITS, and so of the voice."""
        return self.sovits.family


def find_base(places: Sequence[Path], family: str | None = None) -> BaseFiles:
    """The base of *family* in *places*, folders or files; BaseFilesError says what is missing or found twice."""
    left_out: list[str] = []
    found = [file for place in places for file in _looked_at(place, left_out)]
    learners = [file for file in found if _can_learn(file)]
    families = sorted({file.family for file in learners})
    if family is None:
        if len(families) > 1:
            raise BaseFilesError(f"there are bases of {', '.join(families)}", "say which with --family.")
        family = families[0] if families else None
    sovits = _only(learners, lambda file: file.family == family, f"SoVITS {family}" if family else "SoVITS")
    rows = 512 if family == "v1" else 732
    gpt = _only(found, lambda file: file.kind == "gpt" and file.phonemes == rows, f"GPT of {rows} phonemes")
    judges = None
    if sovits.family not in CONTINUING:
        wanted = _JUDGES[sovits.family]
        told = f"discriminator of {sovits.family}"
        near = [file for file in found if file.path.parent == sovits.path.parent]  # upstream keeps a pair together
        fits: Callable[[CheckpointFile], bool] = lambda file: file.kind == "discriminator" and file.family == wanted  # noqa: E731
        judges = _only(near if any(map(fits, near)) else found, fits, told)
    return BaseFiles(gpt, sovits, judges, tuple(left_out))


def _looked_at(place: Path, left_out: list[str]) -> Iterator[CheckpointFile]:
    """Every checkpoint in *place*; what is none, or would do harm, is nothing to train from: *left_out* tells of it."""
    if place.is_file():
        yield look(place)
        return
    if not place.is_dir():
        raise BaseFilesError(f"{place} is neither a file nor a folder", "name the folder with upstream's base files.")
    for path in sorted(place.rglob("*")):
        if path.suffix.lower() in _ENDINGS and path.is_file():
            try:
                yield look(path)
            except (CheckpointError, UnfitFileError) as error:
                left_out.append(f"{path.name}: {error}")


def _can_learn(file: CheckpointFile) -> bool:
    """A SoVITS that training can start from: of v1 to v2ProPlus only a file with the posterior encoder."""
    return file.kind == "sovits" and not file.training and (file.family in CONTINUING or bool(file.stock))


def _only(found: Sequence[CheckpointFile], fits: Callable[[CheckpointFile], bool], told: str) -> CheckpointFile:
    fitting = [file for file in found if not file.training and fits(file)]
    if not fitting:
        raise BaseFilesError(f"there is no {told} to start from", "docs/train.md lists what a base is made of.")
    if len(fitting) > 1:
        names = " and ".join(str(file.path) for file in fitting[:3])
        raise BaseFilesError(f"{names} are each a {told}", "name the files that are meant, each with its own --base.")
    return fitting[0]
