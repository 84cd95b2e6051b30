"""Which of some files is which half of a GPT-SoVITS voice, told by what is in them, or a refusal that says why not.

Knows kinds, families and pairs; reads no values and writes nothing. Order, names and endings of the files mean nothing
(core_model.upstream.families). What upstream allows: every SoVITS but v1's reads 732 phonemes, and so any GPT with 732
rows goes with any of them; v1 has phonemes, and so a GPT, of its own.

    SoVITS v1                        + GPT of 512 rows
    SoVITS v2, v2Pro, v2ProPlus      + GPT of 732 rows
    SoVITS v3, v4                    + GPT of 732 rows + vocoder
    LoRA v3, v4 + its base SoVITS    + GPT of 732 rows + vocoder
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import CheckpointError, UnsafePickleError
from core_model.sovits.families import FAMILIES
from core_model.upstream import families
from core_model.upstream.checkpoint import read_outline
from core_model.upstream.stock import marks
from lifecycle.errors import (
    BaseFileError,
    MissingHalfError,
    PairError,
    SeveralVoicesError,
    StockFileError,
    TrainingStateError,
    UnfitFileError,
    VocoderMissingError,
)
from lifecycle.printable import printable

_ENDINGS = (".pth", ".ckpt", ".pt")  # looked for in a directory; a file that was named may be called anything
_TOLD = {
    "sovits": "a SoVITS {family}",
    "gpt": "a GPT ({family})",
    "lora": "a LoRA of {family}",
    "lora_training": "a LoRA of {family} and its base",
    "discriminator": "a discriminator",
    "vocoder": "the vocoder of {family}",
    "speaker_vector": "the speaker-vector network",
}
_HALVES = {"sovits": "SoVITS", "lora": "SoVITS", "gpt": "GPT"}
_GPT_ROWS = {"v1": 512}  # of the phoneme table; 732 where not said
_WITH_VOCODER = ("v3", "v4")


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A file that was looked at: what it is, without its values."""

    path: Path
    kind: str
    family: str
    phonemes: int  # rows of a GPT's phoneme table; 0 of other kinds
    semantic_tokens: int  # of a GPT: the quantizer's codes, and one that ends speech
    stock: tuple[str, ...]  # what says that it is nobody's voice
    training: bool
    evidence: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name, without its directory and without what would move a terminal's cursor."""
        return printable(self.path.name)

    @property
    def told(self) -> str:
        """What it is, for a sentence."""
        return _TOLD.get(self.kind, "{family}").format(family=self.family)


@dataclass(frozen=True, slots=True)
class Parts:
    """The files that one voice is made of, by the names that its weights get."""

    gpt: CheckpointFile
    sovits: CheckpointFile  # of a LoRA voice: the base
    lora: CheckpointFile | None = None
    vocoder: CheckpointFile | None = None

    @property
    def family(self) -> str:
        """The family of the voice."""
        return self.sovits.family

    def named(self) -> dict[str, CheckpointFile]:
        """{part: file}, gpt first."""
        parts = {"gpt": self.gpt, "sovits": self.sovits, "lora": self.lora, "vocoder": self.vocoder}
        return {name: file for name, file in parts.items() if file is not None}


def find_parts(
    paths: Sequence[Path],
    *,
    base: Path | None = None,
    vocoder: Path | None = None,
    at_hand: Mapping[str, Path] | None = None,
    accept_stock: bool = False,
) -> Parts:
    """The parts of one voice among *paths*, files or directories of them. Every refusal is an ImportingError.

    *at_hand* are vocoders by family, for a voice that needs one and comes without it.
    """
    found = [look(path) for path in _files(paths)]
    beside = _base_beside(found) if base is None else None
    found = [file for file in found if file is not beside]
    for file in found:
        _require_voice_file(file, accept_stock=accept_stock)
    gpt = _only(found, "gpt", "GPT")
    acoustic = _only(found, ("sovits", "lora"), "SoVITS")
    if acoustic.kind == "lora":
        sovits, lora = _base(acoustic, beside or (look(base) if base else None)), acoustic
    else:
        sovits, lora = acoustic, None
        if base is not None:
            raise BaseFileError(f"{acoustic.name} is {acoustic.told} and whole: it takes no --base")
    _require_pair(acoustic, gpt)
    vocoders = [file for file in found if file.kind == "vocoder"]
    return Parts(gpt, sovits, lora, _vocoder(sovits.family, vocoder, vocoders, at_hand or {}))


def look(path: Path) -> CheckpointFile:
    """What the file *path* is. UnfitFileError if it is no checkpoint that is read; UnsafePickleError."""
    try:
        outline = read_outline(path)
    except UnsafePickleError as error:
        raise UnsafePickleError(error.names, path.name) from error
    except CheckpointError as error:
        raise UnfitFileError(path, str(error)) from error
    finding = outline.finding
    shapes = {name: plan.shape for name, plan in outline.plans.items()}
    numbers = families.gpt_numbers(shapes) if finding.kind == "gpt" else {}
    return CheckpointFile(
        path=path,
        kind=finding.kind,
        family=finding.family,
        phonemes=numbers.get("phonemes", 0),
        semantic_tokens=numbers.get("semantic_tokens", 0),
        stock=marks(finding.kind, shapes, outline.start_md5, training=outline.training),
        training=outline.training,
        evidence=finding.evidence,
    )


def _files(paths: Iterable[Path]) -> list[Path]:
    """*paths*, each directory replaced by the checkpoints in it; none twice."""
    files: list[Path] = []
    for path in paths:
        if not path.is_file() and not path.is_dir():
            raise UnfitFileError(path, "it is neither a file nor a directory")
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in _ENDINGS)
            if not inside:
                raise UnfitFileError(path, "the directory holds no .pth or .ckpt")
            files += inside
        else:
            files.append(path)
    unique = {file.resolve(): file for file in reversed(files)}
    return [file for file in files if unique.get(file.resolve()) is file]


def _require_voice_file(file: CheckpointFile, *, accept_stock: bool) -> None:
    if file.training or file.kind in ("lora_training", "discriminator"):
        raise TrainingStateError(file.path, file.told)
    if file.kind not in (*_HALVES, "vocoder"):
        raise UnfitFileError(file.path, f"it is {file.told}, which is no part of a voice")
    if file.stock and file.kind != "vocoder" and not accept_stock:
        raise StockFileError(file.path, file.told, file.stock[0])


def _only(found: Sequence[CheckpointFile], kinds: str | tuple[str, ...], half: str) -> CheckpointFile:
    """The one file of that half among *found*."""
    fitting = [file for file in found if file.kind in kinds]
    if len(fitting) > 1:
        raise SeveralVoicesError(half, tuple(f"{file.name} ({file.told})" for file in fitting))
    if not fitting:
        raise MissingHalfError(half, tuple(f"{file.name} is {file.told}" for file in found))
    return fitting[0]


def _require_pair(acoustic: CheckpointFile, gpt: CheckpointFile) -> None:
    rows, tokens = _GPT_ROWS.get(acoustic.family, 732), FAMILIES[acoustic.family].semantic_codes + 1
    for wanted, found, what in ((rows, gpt.phonemes, "phonemes"), (tokens, gpt.semantic_tokens, "semantic tokens")):
        if found != wanted:
            raise PairError(
                f"{acoustic.name} is {acoustic.told} and goes with a GPT of {wanted} {what}; {gpt.name} has {found}"
            )


def _base_beside(found: Sequence[CheckpointFile]) -> CheckpointFile | None:
    """Beside one LoRA, the one whole SoVITS of its family: what else would it be there for?"""
    loras = [file for file in found if file.kind == "lora"]
    whole = [file for file in found if file.kind == "sovits"]
    return whole[0] if len(loras) == len(whole) == 1 and loras[0].family == whole[0].family else None


def _base(lora: CheckpointFile, base: CheckpointFile | None) -> CheckpointFile:
    if base is None:
        raise BaseFileError(f"{lora.name} is a LoRA: a voice takes the {lora.family} base file that it changes")
    if base.training or base.kind != "sovits" or base.family != lora.family:
        raise BaseFileError(f"{lora.name} is a LoRA of {lora.family}, and {base.name} is {base.told}")
    return base


def _vocoder(
    family: str, path: Path | None, found: Sequence[CheckpointFile], at_hand: Mapping[str, Path]
) -> CheckpointFile | None:
    """The vocoder of *family*: the file named, else one among the files, else the one at hand."""
    if family not in _WITH_VOCODER:
        for file in found:
            raise UnfitFileError(file.path, f"it is {file.told}, and a {family} voice takes no vocoder")
        if path is not None:
            raise UnfitFileError(path, f"a {family} voice takes no vocoder")
        return None
    path = path or (found[0].path if found else at_hand.get(family))
    if path is None:
        raise VocoderMissingError(family)
    vocoder = look(path)
    if (vocoder.kind, vocoder.family) != ("vocoder", family):
        raise UnfitFileError(path, f"it is {vocoder.told}, and the voice takes the vocoder of {family}")
    return vocoder
