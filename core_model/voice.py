"""A voice: the directory that holds everything needed to speak, and the door to it.

Knows names, shapes and files; not networks, audio or text. Refuses a directory that breaks its schema, naming the field
(DESIGN §6). Where voices live, and that one appears whole or not at all, is lifecycle.store's.

    voice.json            what it is: family, dims, languages, rates, lineage, licence
    weights/*.safetensors gpt, sovits
    prompts/*             NAME.safetensors (semantic_tokens, phonemes, style, word_features) and NAME.json; no audio
    golden/ text/ records/

    voice = Voice.open(Path("voices/slt"))
    voice.prompt().style.shape                     # (1, S, 1)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from core_model.errors import VoiceError

SCHEMA = 1
WEIGHTS = ("gpt", "sovits")
DEFAULT_PROMPT = "default"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GPT_FIELDS = ("phonemes", "semantic_tokens", "width", "heads", "layers", "word_features")
_TOKEN_SCHEMES = ("quantizer", "alignment")

Json = Mapping[str, object]
Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """Which phoneme table the weights were trained on."""

    table: str
    sha256: str  # of the symbols, each followed by a newline


@dataclass(frozen=True, slots=True)
class Description:
    """voice.json. Fields it does not know are kept in `other`, so that reading and writing changes nothing."""

    name: str
    family: str
    gpt: Json  # the fields of GPTDims
    sovits: Json  # the fields of SoVITSDims
    token_scheme: Json  # {"kind": "quantizer"} or {"kind": "alignment", ...}
    languages: tuple[str, ...]
    symbols: SymbolTable
    sample_rate: int  # Hz, of the waveform
    semantic_rate: int  # tokens a second
    latent_rate: int  # latent frames a second
    lineage: Json  # which base, which recipe; never a person's name
    licence: str
    preview: bool  # true while the family has not met its bar
    other: Json = field(default_factory=dict)

    @classmethod
    def parse(cls, document: object) -> Description:
        """voice.json as `json.loads` gave it. VoiceError names the first field that fails."""
        fields = _Fields(document)
        if (schema := fields.integer("schema")) != SCHEMA:
            raise VoiceError("schema", f"this toolkit reads schema {SCHEMA}, the voice has {schema}")
        symbols = fields.mapping("symbols")
        description = cls(
            name=fields.text("name", _NAME),
            family=fields.text("family", _FAMILY),
            gpt=fields.mapping("gpt"),
            sovits=fields.mapping("sovits"),
            token_scheme=fields.mapping("token_scheme"),
            languages=fields.texts("languages", _LANGUAGE),
            symbols=SymbolTable(
                _Fields(symbols, "symbols.").text("table"), _Fields(symbols, "symbols.").text("sha256", _SHA256)
            ),
            sample_rate=fields.integer("sample_rate"),
            semantic_rate=fields.integer("semantic_rate"),
            latent_rate=fields.integer("latent_rate"),
            lineage=fields.mapping("lineage"),
            licence=fields.text("licence"),
            preview=fields.boolean("preview"),
            other=fields.rest(),
        )
        if description.token_scheme.get("kind") not in _TOKEN_SCHEMES:
            raise VoiceError("token_scheme.kind", f"must be one of {', '.join(_TOKEN_SCHEMES)}")
        for name in _GPT_FIELDS:
            if _Fields(description.gpt, "gpt.").integer(name, least=0) == 0 and name != "word_features":
                raise VoiceError(f"gpt.{name}", "must be positive")
        return description

    def document(self) -> dict[str, object]:
        """What voice.json holds."""
        return {
            **self.other,
            "schema": SCHEMA,
            "name": self.name,
            "family": self.family,
            "gpt": dict(self.gpt),
            "sovits": dict(self.sovits),
            "token_scheme": dict(self.token_scheme),
            "languages": list(self.languages),
            "symbols": {"table": self.symbols.table, "sha256": self.symbols.sha256},
            "sample_rate": self.sample_rate,
            "semantic_rate": self.semantic_rate,
            "latent_rate": self.latent_rate,
            "lineage": dict(self.lineage),
            "licence": self.licence,
            "preview": self.preview,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What stands for the reference recording. Holds no audio."""

    semantic_tokens: Integers  # (T,); T may be 0
    phonemes: Integers  # (P,), of the words those tokens say; P may be 0
    style: Floats  # (1, S, 1)
    word_features: Floats | None = None  # (P, F); only where the GPT has a word-feature projection
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice directory that keeps its schema."""

    directory: Path
    description: Description

    @classmethod
    def open(cls, directory: Path) -> Voice:
        """Read voice.json and see that the files it promises are there. Weights are read when asked for."""
        description = Description.parse(_read_json(directory / "voice.json", "voice.json"))
        voice = cls(directory, description)
        for part in WEIGHTS:
            if not voice.weights_file(part).is_file():
                raise VoiceError(f"weights/{part}.safetensors", "is missing")
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
        """Where the weights of 'gpt' or 'sovits' lie."""
        return self.directory / "weights" / f"{part}.safetensors"

    def weights(self, part: str) -> dict[str, Array]:
        """Tensor name to array, in the dtype in which it rests."""
        return _read_tensors(self.weights_file(part), f"weights/{part}.safetensors")

    def prompt(self, name: str = DEFAULT_PROMPT) -> Prompt:
        """The prompt of that name, checked against the dims."""
        place = f"prompts/{name}"
        tensors = _read_tensors(self.directory / "prompts" / f"{name}.safetensors", f"{place}.safetensors")
        facts = _Fields(_read_json(self.directory / "prompts" / f"{name}.json", f"{place}.json"), f"{place}.json: ")
        for required in ("semantic_tokens", "phonemes", "style"):
            if required not in tensors:
                raise VoiceError(f"{place}.safetensors", f"holds no {required}")
        _check_prompt(tensors, self.description, place)
        features = tensors.get("word_features")
        return Prompt(
            semantic_tokens=tensors["semantic_tokens"].astype(np.int64),
            phonemes=tensors["phonemes"].astype(np.int64),
            style=tensors["style"].astype(np.float32),
            word_features=None if features is None else features.astype(np.float32),
            language=facts.text("language", _LANGUAGE),
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


def json_bytes(document: object) -> bytes:
    """The one way a voice's JSON is written: sorted, indented, UTF-8, so that the same facts are the same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _files(
    description: Description, weights: Mapping[str, Mapping[str, Array]], prompts: Mapping[str, Prompt]
) -> Iterator[tuple[str, bytes]]:
    yield "voice.json", json_bytes(description.document())
    for part, tensors in sorted(weights.items()):
        yield f"weights/{part}.safetensors", _tensor_bytes(tensors)
    for name, prompt in sorted(prompts.items()):
        rows: dict[str, Array] = {"semantic_tokens": prompt.semantic_tokens, "phonemes": prompt.phonemes}
        rows["style"] = prompt.style
        if prompt.word_features is not None:
            rows["word_features"] = prompt.word_features
        yield f"prompts/{name}.safetensors", _tensor_bytes(rows)
        yield f"prompts/{name}.json", json_bytes({"language": prompt.language})


def _tensor_bytes(tensors: Mapping[str, Array]) -> bytes:
    # No metadata: with more than one key its order, and so the file's digest, would vary from save to save.
    return bytes(save({name: np.ascontiguousarray(array) for name, array in tensors.items()}))


def _read_json(path: Path, place: str) -> object:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise VoiceError(place, "is missing") from None
    except (ValueError, RecursionError) as error:  # RecursionError: brackets within brackets
        raise VoiceError(place, f"is not JSON: {error}") from error


def _read_tensors(path: Path, place: str) -> dict[str, Array]:
    if not path.is_file():
        raise VoiceError(place, "is missing")
    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise VoiceError(place, f"is not a readable safetensors file: {error}") from error


def _check_prompt(tensors: Mapping[str, Array], description: Description, place: str) -> None:
    """Shapes and ranges: a prompt that does not fit would fail deep inside a network, far from its cause."""
    sizes = {name: int(str(value)) for name, value in description.gpt.items()}
    # The last token ends speech, so none may stand in a prompt.
    for name, limit in (("semantic_tokens", sizes["semantic_tokens"] - 1), ("phonemes", sizes["phonemes"])):
        row = tensors[name]
        if row.ndim != 1 or row.dtype != np.int64:
            raise VoiceError(f"{place}: {name}", "must be a row of int64")
        if ((row.astype(np.int64) < 0) | (row.astype(np.int64) >= limit)).any():
            raise VoiceError(f"{place}: {name}", f"must lie in 0..{limit - 1}")
    style = tensors["style"]
    if style.ndim != 3 or style.shape[::2] != (1, 1) or style.dtype != np.float32:
        raise VoiceError(f"{place}: style", "must be float32 of shape (1, S, 1)")
    if style.shape[1] != description.sovits.get("style"):
        raise VoiceError(
            f"{place}: style", f"has {style.shape[1]} values, the dims say {description.sovits.get('style')}"
        )
    if not np.isfinite(style.astype(np.float32)).all():
        raise VoiceError(f"{place}: style", "holds a value that is not finite")
    features = tensors.get("word_features")
    if features is not None and features.shape != (tensors["phonemes"].size, sizes["word_features"]):
        raise VoiceError(f"{place}: word_features", "must have one row for each phoneme")


class _Fields:
    """Reads typed fields from a JSON object and remembers which were asked for."""

    def __init__(self, document: object, prefix: str = "") -> None:
        if not isinstance(document, Mapping):
            raise VoiceError(prefix.rstrip(".: ") or "voice.json", "must be an object")
        self._document: Json = document
        self._prefix = prefix
        self._seen: set[str] = set()

    def _value(self, name: str) -> object:
        self._seen.add(name)
        if name not in self._document:
            raise VoiceError(self._prefix + name, "is missing")
        return self._document[name]

    def integer(self, name: str, least: int = 1) -> int:
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise VoiceError(self._prefix + name, f"must be a whole number, {least} or more")
        return value

    def boolean(self, name: str) -> bool:
        value = self._value(name)
        if not isinstance(value, bool):
            raise VoiceError(self._prefix + name, "must be true or false")
        return value

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        value = self._value(name)
        if not isinstance(value, str) or not value:
            raise VoiceError(self._prefix + name, "must be a text")
        if pattern is not None and not pattern.fullmatch(value):
            raise VoiceError(self._prefix + name, f"must match {pattern.pattern}, found {value[:80]!r}")
        return value

    def texts(self, name: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        value = self._value(name)
        if not isinstance(value, list) or not value:
            raise VoiceError(self._prefix + name, "must be a list with at least one entry")
        return tuple(_Fields({name: entry}, self._prefix).text(name, pattern) for entry in value)

    def mapping(self, name: str) -> Json:
        value = self._value(name)
        if not isinstance(value, Mapping):
            raise VoiceError(self._prefix + name, "must be an object")
        return dict(value)

    def rest(self) -> Json:
        """What nobody asked for."""
        return {name: value for name, value in self._document.items() if name not in self._seen}
