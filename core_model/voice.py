"""A voice: the directory that holds everything needed to speak, and the door to it.

Knows names, shapes and files; not networks, audio or text. Refuses a directory that breaks its schema, naming the field
(DESIGN §6). Where voices live, and that one appears whole or not at all, is lifecycle.store's.

    voice.json            what it is: core_model.description
    weights/*.safetensors gpt, sovits; and where the family has them vocoder, lora
    prompts/*             NAME.safetensors (semantic_tokens, phonemes, style, word_features, reference_mel: no audio)
                          and NAME.json, which is written last: a prompt without it was never finished
    golden/ text/ records/

    voice = Voice.open(Path("voices/slt"))
    voice.prompt().style.shape                     # (1, S, 1)
    voice.prompts()                                # ("angry", "default")
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core_model.description import NAME, Description, Fields, Json, SymbolTable
from core_model.errors import PromptExistsError, PromptMissingError, VoiceError
from core_model.migrations.steps import SCHEMA, VOICE, to_current
from core_model.strict.json_files import read_json
from core_model.strict.tensor_files import require_tensors

__all__ = [
    "DEFAULT_PROMPT",
    "WEIGHTS",
    "Array",
    "Description",
    "Floats",
    "Integers",
    "Json",
    "Prompt",
    "SymbolTable",
    "Voice",
    "json_bytes",
    "write_files",
    "write_prompt",
]

WEIGHTS = ("gpt", "sovits")  # what no voice speaks without; vocoder and lora are where the family has them
DEFAULT_PROMPT = "default"

_LANGUAGE = re.compile(r"((all|auto)_)?[a-z]{2,4}")  # of a prompt's words, as `speak --language` takes them
_UNFINISHED = ".unfinished"

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What stands for the reference recording. Holds no audio; a reference mel is nearly some, so it is rare.

    Without text there are neither tokens nor phonemes, and the style alone says whose voice it is.
    """

    semantic_tokens: Integers = field(repr=False)  # (T,); T may be 0
    phonemes: Integers = field(repr=False)  # (P,), of the words those tokens say; P may be 0
    style: Floats = field(repr=False)  # (1, S, 1)
    # (P, F); only where the GPT has a word-feature projection
    word_features: Floats | None = field(default=None, repr=False)
    language: str = "en"
    # (1, M, R), normalised; only for a decoder that continues the reference
    reference_mel: Floats | None = field(default=None, repr=False)
    references: int = 1  # how many recordings the style is the mean of


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice directory that keeps its schema."""

    directory: Path
    description: Description

    @classmethod
    def open(cls, directory: Path) -> Voice:
        """Read voice.json and see that the files it promises are there. Weights are read when asked for.

        A voice whose tokens come from a quantizer may have no prompt yet: it was imported, and nobody has been heard.
        """
        description = Description.parse(read_json(directory / VOICE, VOICE))
        voice = cls(directory, description)
        for part in WEIGHTS:
            if not voice.has_weights(part):
                raise VoiceError(f"weights/{part}.safetensors", "is missing")
        for name in voice.prompts():
            voice.prompt(name)
        if description.token_scheme["kind"] != "quantizer":
            voice.prompt()
        return voice

    @property
    def name(self) -> str:
        """The name its maker gave it."""
        return self.description.name

    @property
    def golden_directory(self) -> Path:
        """Inputs and outputs recorded when the voice was made."""
        return self.directory / "golden"

    @property
    def text_directory(self) -> Path:
        """The front end's data for the voice's languages."""
        return self.directory / "text"

    @property
    def exports_directory(self) -> Path:
        """Graphs for other runtimes. Derived from the weights, so it may be absent."""
        return self.directory / "exports"

    def weights_file(self, part: str) -> Path:
        """Where the weights of 'gpt', 'sovits', 'vocoder' or 'lora' lie."""
        return self.directory / "weights" / f"{part}.safetensors"

    def has_weights(self, part: str) -> bool:
        """Whether the voice holds that part."""
        return self.weights_file(part).is_file()

    def weights(self, part: str) -> dict[str, Array]:
        """Tensor name to array, in the dtype in which it rests. VoiceError if the voice does not hold that part."""
        return _read_tensors(self.weights_file(part), f"weights/{part}.safetensors")

    def prompts(self) -> tuple[str, ...]:
        """The names of all prompts, sorted."""
        found = (path.stem for path in (self.directory / "prompts").glob("*.json"))
        return tuple(sorted(name for name in found if NAME.fullmatch(name)))

    def prompt(self, name: str = DEFAULT_PROMPT) -> Prompt:
        """The prompt of that name, checked against the dims. PromptMissingError if there is none."""
        directory, place = self.directory / "prompts", f"prompts/{name}"
        if not NAME.fullmatch(name) or not any((directory / f"{name}{end}").is_file() for end in _PROMPT_FILES):
            raise PromptMissingError(name, self.prompts())
        tensors = _read_tensors(directory / f"{name}.safetensors", f"{place}.safetensors")
        document = read_json(directory / f"{name}.json", f"{place}.json")
        if not isinstance(document, Mapping):
            raise VoiceError(f"{place}.json", "must be an object")
        facts = Fields(to_current(f"{place}.json", document), f"{place}.json: ")
        for required in ("semantic_tokens", "phonemes", "style"):
            if required not in tensors:
                raise VoiceError(f"{place}.safetensors", f"holds no {required}")
        _check_prompt(tensors, self.description, place)
        return Prompt(
            semantic_tokens=tensors["semantic_tokens"].astype(np.int64),
            phonemes=tensors["phonemes"].astype(np.int64),
            style=tensors["style"].astype(np.float32),
            word_features=_as_floats(tensors.get("word_features")),
            language=facts.text("language", _LANGUAGE),
            reference_mel=_as_floats(tensors.get("reference_mel")),
            references=facts.integer("references"),
        )


def write_files(
    directory: Path,
    description: Description,
    *,
    weights: Mapping[str, Mapping[str, Array]],
    prompts: Mapping[str, Prompt],
) -> None:
    """Write voice.json, weights/ and prompts/ into *directory*, which the caller renames once the voice is whole."""
    for name, content in _files(description, weights, prompts):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)


def write_prompt(voice: Voice, name: str, prompt: Prompt, *, replace: bool = False) -> None:
    """Give *voice* the prompt *name*, whole or not at all.

    VoiceError if it does not fit the dims or *name* could be no prompt's, PromptExistsError if there is one and it is
    not to be replaced. A process killed meanwhile leaves no prompt of that name, or the new one, never half of both.
    """
    if not NAME.fullmatch(name):
        raise VoiceError(f"prompts/{name}", "is no name for a prompt: a-z, 0-9, - and _, at most 64")
    directory = voice.directory / "prompts"
    if name in voice.prompts() and not replace:
        raise PromptExistsError(name)
    tensors = _prompt_tensors(prompt)
    _check_prompt(tensors, voice.description, f"prompts/{name}")
    directory.mkdir(exist_ok=True)
    for leftover in directory.glob(f".*{_UNFINISHED}"):
        leftover.unlink(missing_ok=True)  # of a process that was killed
    contents = {".safetensors": _tensor_bytes(tensors), ".json": json_bytes(_prompt_facts(prompt))}
    unfinished = {end: directory / f".{name}{end}.{secrets.token_hex(4)}{_UNFINISHED}" for end in contents}
    try:
        for end, content in contents.items():
            _write_synced(unfinished[end], content)
        (directory / f"{name}.json").unlink(missing_ok=True)  # from here on there is no prompt of that name, until
        for end in _PROMPT_FILES:  # the JSON is there again, which comes last
            unfinished[end].replace(directory / f"{name}{end}")
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)
    _sync_directory(directory)


def json_bytes(document: object) -> bytes:
    """The one way a voice's JSON is written: sorted, indented, UTF-8, so that the same facts are the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


_PROMPT_FILES = (".safetensors", ".json")  # in the order in which they are put in place


def _files(
    description: Description, weights: Mapping[str, Mapping[str, Array]], prompts: Mapping[str, Prompt]
) -> Iterator[tuple[str, bytes]]:
    yield VOICE, json_bytes(description.document())
    for part, tensors in sorted(weights.items()):
        yield f"weights/{part}.safetensors", _tensor_bytes(tensors)
    for name, prompt in sorted(prompts.items()):
        yield f"prompts/{name}.safetensors", _tensor_bytes(_prompt_tensors(prompt))
        yield f"prompts/{name}.json", json_bytes(_prompt_facts(prompt))


def _prompt_tensors(prompt: Prompt) -> dict[str, Array]:
    rows: dict[str, Array] = {"semantic_tokens": prompt.semantic_tokens, "phonemes": prompt.phonemes}
    rows["style"] = prompt.style
    if prompt.word_features is not None:
        rows["word_features"] = prompt.word_features
    if prompt.reference_mel is not None:
        rows["reference_mel"] = prompt.reference_mel
    return rows


def _prompt_facts(prompt: Prompt) -> dict[str, object]:
    return {"schema": SCHEMA, "language": prompt.language, "references": prompt.references}


def _tensor_bytes(tensors: Mapping[str, Array]) -> bytes:
    # No metadata: with more than one key its order, and so the file's digest, would vary from save to save.
    return bytes(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}))


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_tensors(path: Path, place: str) -> dict[str, Array]:
    if not path.is_file():
        raise VoiceError(place, "is missing")
    require_tensors(path, place)
    try:
        with safe_open(path, "numpy") as file:
            return {
                name: _bfloat16(path, name) if file.get_slice(name).get_dtype() == "BF16" else file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118  it is no mapping
            }
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise VoiceError(place, f"is not a readable safetensors file: {error}") from error


def _bfloat16(path: Path, name: str) -> Floats:
    """A tensor of the one type that NumPy does not know, as float32 of the same values: it is the upper half of one."""
    with path.open("rb") as file:
        head_bytes = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(head_bytes))[name]
        first, last = entry["data_offsets"]
        file.seek(8 + head_bytes + first)
        upper = np.frombuffer(file.read(last - first), "<u2")
    return (upper.astype("<u4") << np.uint32(16)).view(np.float32).reshape(entry["shape"])


def _as_floats(array: Array | None) -> Floats | None:
    return None if array is None else array.astype(np.float32)


def _check_prompt(tensors: Mapping[str, Array], description: Description, place: str) -> None:
    """Shapes and ranges: a prompt that does not fit would fail deep inside a network, far from its cause."""
    sizes = {name: int(str(description.gpt[name])) for name in ("semantic_tokens", "phonemes", "word_features")}
    # The last token ends speech, so none may stand in a prompt.
    for name, limit in (("semantic_tokens", sizes["semantic_tokens"] - 1), ("phonemes", sizes["phonemes"])):
        row = tensors[name]
        if row.ndim != 1 or row.dtype != np.int64:
            raise VoiceError(f"{place}: {name}", "must be a row of int64")
        if ((row.astype(np.int64) < 0) | (row.astype(np.int64) >= limit)).any():
            raise VoiceError(f"{place}: {name}", f"must lie in 0..{limit - 1}")
    _check_values(tensors["style"], f"{place}: style", "(1, S, 1)", (1, None, 1))
    wanted = description.sovits.get("style")
    if tensors["style"].shape[1] != wanted:
        raise VoiceError(f"{place}: style", f"has {tensors['style'].shape[1]} values, the dims say {wanted}")
    features = tensors.get("word_features")
    if features is not None and features.shape != (tensors["phonemes"].size, sizes["word_features"]):
        raise VoiceError(f"{place}: word_features", "must have one row for each phoneme")
    if features is not None:
        _check_values(features, f"{place}: word_features", "(P, F)", (None, None))
    _check_reference_mel(tensors, description, place)


def _check_reference_mel(tensors: Mapping[str, Array], description: Description, place: str) -> None:
    """A decoder that continues the reference needs its mel and its words; another has no use for them."""
    decoder = description.sovits.get("decoder")
    continues = isinstance(decoder, Mapping) and decoder.get("kind") == "flow_matching"
    mel = tensors.get("reference_mel")
    if not continues:
        if mel is not None:
            raise VoiceError(f"{place}: reference_mel", f"has no use in a voice of family {description.family}")
        return
    assert isinstance(decoder, Mapping)  # for mypy
    if mel is None:
        raise VoiceError(f"{place}: reference_mel", f"is missing; family {description.family} continues the reference")
    _check_values(mel, f"{place}: reference_mel", "(1, M, R)", (1, None, None))
    if mel.shape[1] != decoder.get("mel_bands") or not mel.shape[2]:
        raise VoiceError(
            f"{place}: reference_mel", f"is {mel.shape[1:]}, the dims say {decoder.get('mel_bands')} bands"
        )
    for name in ("semantic_tokens", "phonemes"):
        if not tensors[name].size:
            raise VoiceError(f"{place}: {name}", f"are missing; family {description.family} continues the reference")


def _check_values(array: Array, place: str, told: str, shape: tuple[int | None, ...]) -> None:
    """float32, of *shape* (None: any number), and every value a number."""
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != np.float32:
        raise VoiceError(place, f"must be float32 of shape {told}")
    if not np.isfinite(array.astype(np.float32)).all():
        raise VoiceError(place, "holds a value that is not finite")
