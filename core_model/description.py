"""voice.json: what a voice is, field by field, and how any JSON of a voice is read and refused.

Knows types, ranges and names; not files, networks, audio or text. A document that breaks the schema is refused with
the name of its first field that does (DESIGN §6), and sizes that no network has ever had are refused here, before any
memory is spent on them.

    Description.parse(json.loads(text)).family
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core_model.errors import VoiceError
from core_model.migrations.steps import SCHEMA, VOICE, to_current

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # of a voice, and of a prompt
LANGUAGE = re.compile(r"[a-z]{2,3}")
_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GPT_FIELDS = ("phonemes", "semantic_tokens", "width", "heads", "layers", "word_features")
_TOKEN_SCHEMES = ("quantizer", "alignment")

# The largest that a size may be, by the end of its name: some forty times what any network of this kind has.
_LARGEST = {"layers": 1000, "blocks": 1000, "couplings": 1000, "heads": 1000, "steps": 1000, "fft": 8192}
_LARGEST_OF_ALL = 1_000_000
_LONGEST_LIST = 64
_DEEPEST = 8

Json = Mapping[str, object]


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
    history: tuple[Json, ...] = ()  # in the lineage: what each migration did, the oldest first
    other: Json = field(default_factory=dict)

    @classmethod
    def parse(cls, document: object) -> Description:
        """voice.json of any schema, as `json.loads` gave it. VoiceError names the first field that fails."""
        if not isinstance(document, Mapping):
            raise VoiceError(VOICE, "must be an object")
        fields = Fields(to_current(VOICE, document))
        fields.integer("schema")
        lineage = dict(fields.mapping("lineage"))
        history = Fields({"history": lineage.pop("history", None)}, "lineage.").mappings("history")
        symbols = fields.mapping("symbols")
        description = cls(
            name=fields.text("name", NAME),
            family=fields.text("family", _FAMILY),
            gpt=fields.mapping("gpt"),
            sovits=fields.mapping("sovits"),
            token_scheme=fields.mapping("token_scheme"),
            languages=fields.texts("languages", LANGUAGE),
            symbols=SymbolTable(
                Fields(symbols, "symbols.").text("table"), Fields(symbols, "symbols.").text("sha256", _SHA256)
            ),
            sample_rate=fields.integer("sample_rate"),
            semantic_rate=fields.integer("semantic_rate"),
            latent_rate=fields.integer("latent_rate"),
            lineage=lineage,
            licence=fields.text("licence"),
            preview=fields.boolean("preview"),
            history=history,
            other=fields.rest(),
        )
        if description.token_scheme.get("kind") not in _TOKEN_SCHEMES:
            raise VoiceError("token_scheme.kind", f"must be one of {', '.join(_TOKEN_SCHEMES)}")
        for name in _GPT_FIELDS:
            if Fields(description.gpt, "gpt.").integer(name, least=0) == 0 and name != "word_features":
                raise VoiceError(f"gpt.{name}", "must be positive")
        refuse_absurd_sizes(description)
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
            "lineage": {**self.lineage, "history": [dict(entry) for entry in self.history]},
            "licence": self.licence,
            "preview": self.preview,
        }


def refuse_absurd_sizes(description: Description) -> None:
    """VoiceError for a size far beyond any network's: 10**9 layers would be built until the memory is gone."""
    rates = (description.sample_rate, description.semantic_rate, description.latent_rate)
    sizes = [*_sizes("gpt", description.gpt), *_sizes("sovits", description.sovits)]
    for name, size in [*zip(("sample_rate", "semantic_rate", "latent_rate"), rates, strict=True), *sizes]:
        name = name.rstrip(".")  # of an entry in a list: the list's
        largest = next((most for end, most in _LARGEST.items() if name.endswith(end)), _LARGEST_OF_ALL)
        if size > largest:
            raise VoiceError(name, f"is {size}; no network of this kind has more than {largest}")


def _sizes(name: str, value: object) -> Iterator[tuple[str, float]]:
    """Every number below *value*, with the path to it."""
    if name.count(".") > _DEEPEST:
        raise VoiceError(name, "lies deeper than any size does")
    if isinstance(value, Mapping):
        for inner, part in value.items():
            yield from _sizes(f"{name}.{inner}", part)
    elif isinstance(value, (list, tuple)):
        if len(value) > _LONGEST_LIST:
            raise VoiceError(name, f"has {len(value)} entries; no network of this kind has more than {_LONGEST_LIST}")
        for part in value:
            yield from _sizes(f"{name}.", part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, value


class Fields:
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
        return tuple(Fields({name: entry}, self._prefix).text(name, pattern) for entry in value)

    def mapping(self, name: str) -> Json:
        value = self._value(name)
        if not isinstance(value, Mapping):
            raise VoiceError(self._prefix + name, "must be an object")
        return dict(value)

    def mappings(self, name: str) -> tuple[Json, ...]:
        value = self._value(name)
        if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
            raise VoiceError(self._prefix + name, "must be a list of objects")
        return tuple(dict(entry) for entry in value)

    def rest(self) -> Json:
        """What nobody asked for."""
        return {name: value for name, value in self._document.items() if name not in self._seen}
