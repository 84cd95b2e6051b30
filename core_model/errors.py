"""Every refusal of this room.

CoreModelError
├── AudioError                  a file that cannot be read as audio, or holds too little of it
├── TextError
│   ├── EmptyTextError          nothing that could be spoken
│   ├── UnknownLanguageError    no front end for that language
│   └── UnknownPhonemeError     a symbol that the voice's table does not hold
├── CheckpointError             an upstream file that is refused: names what and where
│   └── UnsafePickleError       its pickle asks for more than a voice needs
├── VoiceError                  a voice directory that breaks its schema: carries the field
│   ├── UnsafeFileError           a file of it could do harm to whoever loads it
│   └── LaterSchemaError          a document of it is of a schema from the future: carries both numbers
├── VocoderMissingError         a v3 or v4 voice that was imported without its vocoder
├── PromptMissingError          the voice has no prompt of that name: carries the names it has
├── PromptExistsError           it has one already, and none is overwritten unasked
├── DimsError                   sizes that no network could have: carries the field
├── AlignmentError              transcript and recording do not fit each other
├── DatasetError                nothing to learn from, or utterances that do not belong together
├── UnevenBatchError            a batch that cannot be shared evenly among processes: carries both numbers
├── ExportError                 a graph that could not be made: carries the kind
├── GoldenError                 a record of golden outputs that breaks its schema
├── PretrainedError             a network of upstream's (HuBERT, RoBERTa, ...) that is refused: carries the path
│   └── PretrainedMissingError    one that is needed was not given: carries what, and what would replace it
├── PromptError                 references that no prompt can be made of
│   ├── ReferenceLengthError      a recording shorter than 3 s or longer than 10: carries the seconds
│   └── PromptTokensError         a file of tokens or of a style that holds something else: carries the path
├── BaseMissingError            the weights of the embedded base are not installed
└── RuntimeMissingError         what a runtime needs is not there (a package, a file)
    └── ExportMissingError        the voice has no export for that runtime
"""

from __future__ import annotations


class CoreModelError(Exception):
    """Base of everything this room refuses."""


class AudioError(CoreModelError):
    """A file that cannot be read as audio, or that holds too little of it."""


class TextError(CoreModelError):
    """Text that cannot be turned into phonemes."""


class EmptyTextError(TextError):
    """Nothing in the text can be spoken."""


class UnknownLanguageError(TextError):
    """No front end for that language."""

    def __init__(self, language: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no front end for language {language!r}")
        self.language = language
        self.known = known


class UnknownPhonemeError(TextError):
    """A symbol that the voice's table does not hold."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol!r} is not a phoneme of this voice")
        self.symbol = symbol


class CheckpointError(CoreModelError):
    """An upstream file that is refused."""


class UnsafePickleError(CheckpointError):
    """A pickle that asks for more than a voice needs."""

    def __init__(self, names: tuple[str, ...], file: str = "") -> None:
        super().__init__(f"{f'{file}: ' if file else ''}the pickle asks for {', '.join(names)}")
        self.names = names
        self.file = file


class VoiceError(CoreModelError):
    """A voice directory that breaks its schema."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class UnsafeFileError(VoiceError):
    """A file of a voice that could do harm to whoever loads it. Raised before anything does."""


class LaterSchemaError(VoiceError):
    """A document of a voice that a later toolkit wrote."""

    def __init__(self, field: str, found: int, newest: int) -> None:
        super().__init__(field, f"is {found}, of a later toolkit than this one, which reads schemas up to {newest}")
        self.found = found
        self.newest = newest


class VocoderMissingError(CoreModelError):
    """A voice that needs a vocoder, and has none."""

    def __init__(self, family: str) -> None:
        super().__init__(f"this voice holds no vocoder, and no voice of family {family} speaks without")
        self.family = family


class PromptMissingError(CoreModelError):
    """The voice has no prompt of that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"the voice has no prompt called {name!r}" if known else "the voice has no prompt yet")
        self.name = name
        self.known = known


class PromptExistsError(CoreModelError):
    """The voice has a prompt of that name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the voice has a prompt called {name!r} already")
        self.name = name


class DimsError(CoreModelError):
    """Sizes that no network could have."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


class AlignmentError(CoreModelError):
    """Transcript and recording do not fit each other."""


class DatasetError(CoreModelError):
    """Nothing to learn from, or utterances that do not belong together."""


class UnevenBatchError(CoreModelError):
    """A batch that cannot be shared evenly among processes."""

    def __init__(self, size: int, processes: int) -> None:
        super().__init__(f"a batch of {size} cannot be shared evenly among {processes} processes")
        self.size = size
        self.processes = processes


class ExportError(CoreModelError):
    """A graph that could not be made."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(f"the {kind} export failed: {problem}")
        self.kind = kind


class GoldenError(CoreModelError):
    """A record of golden outputs that breaks its schema, or that cannot be made."""


class RuntimeMissingError(CoreModelError):
    """What a runtime needs is not there."""


class ExportMissingError(RuntimeMissingError):
    """The voice has no export for that runtime: it was imported, or its exports were taken away."""


class BaseMissingError(CoreModelError):
    """The weights of the embedded base are not installed."""

    def __init__(self, path: object) -> None:
        super().__init__(f"{path} is missing")
        self.path = path


class PretrainedError(CoreModelError):
    """A network that upstream's voices are used with, and that is refused."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class PretrainedMissingError(PretrainedError):
    """A network that is needed was not given."""

    def __init__(self, what: str, why: str, instead: str) -> None:
        CoreModelError.__init__(self, f"{why} needs {what}, which is not among the files given")
        self.what = what
        self.instead = instead  # what would replace it


class PromptError(CoreModelError):
    """References that no prompt can be made of."""


class ReferenceLengthError(PromptError):
    """A recording that upstream would not take as a reference for tokens."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} lasts {seconds:.2f} s; a reference lasts 3 to 10 s")
        self.name = name
        self.seconds = seconds


class PromptTokensError(PromptError):
    """A file of semantic tokens, or of a style, that holds something else."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem
