"""Every refusal of the hall.

LifecycleError
├── StoreError                  the place where voices live says no
│   ├── UnknownVoiceError         no voice of that name: carries the names there are
│   ├── VoiceExistsError          a voice of that name is there already, and none is ever overwritten
│   ├── BusyError                 another process is training a voice of that name
│   ├── WorkUnreadableError       what an unfinished training left, which its key does not open
│   ├── NoUnfinishedTrainingError nothing of that name was begun and not finished
│   ├── ChangedMeanwhileError     a voice that was changed while another was made to take its place
│   ├── NoSuchVoiceOrBundleError  neither a file nor what a voice could be called
│   └── VoiceNameError            a name that could not be a directory's everywhere
├── RecordingsError             a directory of recordings that no voice can be learnt from
│   ├── NotADirectoryOfRecordingsError   it is no directory
│   ├── SpeakerUnknownError       nobody has said whose voice is in it: carries the name
│   └── NotEnoughRecordingsError  too little of it can be used: carries the seconds
├── ImportingError              files that no voice can be made of
│   ├── UnfitFileError            no checkpoint, damaged, incomplete, or of another network: carries the path
│   ├── TrainingStateError        a file that a training goes on from
│   ├── StockFileError            a file that training starts from: nobody's voice
│   ├── MissingHalfError          only one half of a voice
│   ├── SeveralVoicesError        more than one file of one half
│   ├── PairError                 two halves that do not read the same phonemes
│   ├── BaseFileError             a LoRA without the file that it changes, or with another one
│   ├── VocoderMissingError       a v3 or v4 voice without the network that makes its waveform
│   ├── NoPlayerError             exports were asked for of a family that runs on torch alone
│   ├── NotFiniteError            a tensor with a value that is no number: carries its name
│   ├── LanguageUnreadableError   a language that the voice has no phonemes for, or that cannot be read here
│   └── BaseFilesError            files that no training can start from: carries the hint
├── ExportingError              a voice that cannot be written in another program's format
├── OutputExistsError           a file is there already, and this verb never overwrites one
├── MigrationError              a voice that stays as it is, because there is a doubt about the new one
│   ├── DriftedError              an old golden output that a new export does not give: carries runtime and layer
│   └── UnprovenError             nothing that would prove the new one: carries why
├── RebuildError                the same voice did not give the same payload twice
├── ShelfError                  a shelf of bundles whose shelf.toml breaks its schema
│   └── ShelfBusyError            another process is scrubbing it
├── LogBusyError                another process writes this log
├── ClusterError                a Dask cluster that does not answer, or answers no more: carries the address
├── PlaceError                  a path or address at which no bundles could be found: carries it
│   └── ExtraMissingError         it takes a package that is not installed: carries its name
├── ForecastRulesError          rules of the forecast that break their schema: carries the rule
├── EnvironmentsError           an environment that cannot be built, carried, installed or run
│   ├── NoEnvironmentError        there is none
│   ├── BrokenEnvironmentError    one that is not what its record says: carries the file
│   ├── EnvironmentExistsError    something is there already, and nothing is built over it
│   ├── FetchError                pip could not fetch the wheels of a lock
│   ├── EngineMissingError        no container engine answers
│   ├── EngineError               the engine refused something
│   ├── OtherMachineError         made for another processor than this one's: carries both
│   ├── TimeLimitError            it ran longer than it may
│   ├── MemoryLimitError          it wanted more memory than it may have
│   ├── OutputRefusedError        it wrote what is no file, or too much
│   └── InstallError              a venv that could not be made, or no Python that fits
├── ConfigError                 a run.toml that breaks its schema: carries the field
├── MatrixError                 a matrix's file that breaks its schema: carries the key
├── EnvironmentNotBuiltError    an environment that pip, or Python, would not make: carries their words
├── InterpreterMissingError     a Python that is not on this machine
├── StandInError                stand-ins for CUDA's libraries that could not be made
├── ResultsError                results of a matrix that are not what somebody signed
├── CalibrationError            a matrix that no tolerances can be taken from
├── AttackError                 recordings that no attack can be tried with: carries the hint
│   └── JudgesMissingError        what judges a voice is not installed
├── NotTrustedError             a bundle that nobody signed whom this machine trusts
├── TrustError                  something that --trust named and that names nobody
├── NoStepsError                a number of steps, for a voice whose decoder takes none
├── SubjectError                nobody has said whose voice this is
├── LedgerDisagreesError        the ledger of this home and the copy in a voice are not the same account
├── DayError                    a date that is none, or days that are too many
├── RetentionError              recordings whose day of destruction is not known
│   ├── NoTermError               nothing is written down of what a voice learnt from
│   └── RetentionUnreadableError  what was written down is not what this toolkit writes: carries the path
├── ReleaseError                a voice whose style cannot be released: carries the hint
└── SecretError                 a passphrase or identity file that cannot be used
    └── RecipientError            a file of recipients that holds none, or holds a secret
"""

from __future__ import annotations

from pathlib import Path


class LifecycleError(Exception):
    """Base of everything the hall refuses."""


class StoreError(LifecycleError):
    """The place where voices live says no."""


class UnknownVoiceError(StoreError):
    """No voice of that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no voice called {name!r}")
        self.name = name
        self.known = known


class VoiceExistsError(StoreError):
    """A voice of that name is there already."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(f"a voice called {name!r} is there already")
        self.name = name
        self.path = path


class VoiceNameError(StoreError):
    """A name that could not be a directory's on every system."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} cannot be the name of a voice")
        self.name = name


class ChangedMeanwhileError(StoreError):
    """A voice that was changed while another was made to take its place."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the voice {name!r} was changed meanwhile")
        self.name = name


class MigrationError(LifecycleError):
    """There is a doubt about a migrated voice, so the old one stays as it is."""


class DriftedError(MigrationError):
    """An old golden output that a new export does not give."""

    def __init__(self, runtime: str, layer: str, told: str) -> None:
        super().__init__(f"the migrated voice does not speak as the old one did: on {runtime}, {layer}: {told}")
        self.runtime = runtime
        self.layer = layer


class UnprovenError(MigrationError):
    """What would prove the migrated voice could not be run."""

    def __init__(self, why: str) -> None:
        super().__init__(f"nothing proves that the migrated voice would speak as the old one did: {why}")
        self.why = why


class ShelfError(LifecycleError):
    """A shelf of bundles that cannot be looked after."""


class ShelfBusyError(ShelfError):
    """Another process is scrubbing this shelf."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} is being scrubbed by another process")
        self.directory = directory


class BusyError(StoreError):
    """Another process is training a voice of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a voice called {name!r} is being trained by another process")
        self.name = name


class WorkUnreadableError(StoreError):
    """What an unfinished training left, which its key does not open."""

    def __init__(self, name: str) -> None:
        super().__init__(f"what the unfinished training of '{name}' left cannot be opened: it, or its key, was changed")
        self.name = name


class NoUnfinishedTrainingError(StoreError):
    """Nothing of that name was begun and not finished."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no unfinished training of '{name}', and so no key of one")
        self.name = name


class NoSuchVoiceOrBundleError(StoreError):
    """Neither a file nor what a voice could be called."""

    def __init__(self, named: str) -> None:
        super().__init__(f"{named!r} is neither the file of a bundle nor the name of a voice")
        self.named = named


class RecordingsError(LifecycleError):
    """A directory of recordings that no voice can be learnt from."""


class NotADirectoryOfRecordingsError(RecordingsError):
    """It is no directory."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not a directory")
        self.path = path


class SpeakerUnknownError(RecordingsError):
    """Nobody has said whose voice is in the recordings."""

    def __init__(self, name: str) -> None:
        super().__init__("nobody has said whose voice is in these recordings")
        self.name = name


class NotEnoughRecordingsError(RecordingsError):
    """Too little of it can be used."""

    def __init__(self, path: Path, found_s: float, needed_s: float, left_out: int) -> None:
        super().__init__(f"{path} holds {found_s:.1f} s of recordings that can be used; {needed_s:.0f} s are needed")
        self.path = path
        self.found_s = found_s
        self.needed_s = needed_s
        self.left_out = left_out


class OutputExistsError(LifecycleError):
    """A file is there already, and this verb never overwrites one."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already")
        self.path = path


class RebuildError(LifecycleError):
    """The same voice did not give the same payload twice."""

    def __init__(self, bundle_id: str, found: str) -> None:
        super().__init__(f"the payload is {bundle_id}; made a second time, it was {found}")
        self.bundle_id = bundle_id
        self.found = found


class LogBusyError(LifecycleError):
    """Another process writes this log."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is being written by another process")
        self.path = path


class ClusterError(LifecycleError):
    """A Dask cluster that does not answer, or answers no more."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"{address}: {problem}")
        self.address = address


class PlaceError(LifecycleError):
    """A path or address at which no bundles could be found."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class ExtraMissingError(PlaceError):
    """What was named takes a package that is not installed."""

    def __init__(self, place: str, package: str) -> None:
        super().__init__(place, f"this takes the package {package}, which is not installed")
        self.package = package


class ForecastRulesError(LifecycleError):
    """Rules of the forecast that break their schema. *rule* is "" where all of them do."""

    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(f"the forecast's rule {rule!r} {problem}" if rule else f"the forecast's rules {problem}")
        self.rule = rule


class ConfigError(LifecycleError):
    """A run.toml that breaks its schema."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NoStepsError(LifecycleError):
    """A number of steps, for a voice whose decoder takes none."""

    def __init__(self, family: str) -> None:
        super().__init__(f"a voice of family {family} is not decoded in steps")
        self.family = family


class SecretError(LifecycleError):
    """A passphrase or identity file that cannot be used. Never carries what is in it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class RecipientError(SecretError):
    """A file of recipients that holds none, or that holds the secret half of a key."""


class ImportingError(LifecycleError):
    """Files that no voice can be made of."""


class UnfitFileError(ImportingError):
    """A file that is no checkpoint, is damaged or incomplete, or holds another network."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name}: {problem}")
        self.path = path
        self.problem = problem


class TrainingStateError(ImportingError):
    """A file that a training goes on from, in place of a voice."""

    def __init__(self, path: Path, told: str) -> None:
        super().__init__(f"{path.name} is the state of a training ({told}), not a voice")
        self.path = path


class StockFileError(ImportingError):
    """A file that training starts from, in place of somebody's voice."""

    def __init__(self, path: Path, told: str, mark: str) -> None:
        super().__init__(f"{path.name} is {told} that training starts from, nobody's voice: {mark}")
        self.path = path


class MissingHalfError(ImportingError):
    """Only one half of a voice, or none."""

    def __init__(self, half: str, found: tuple[str, ...]) -> None:
        super().__init__(f"a voice has two halves, and the {half} is missing: {'; '.join(found) or 'there is no file'}")
        self.half = half


class SeveralVoicesError(ImportingError):
    """More than one file of one half."""

    def __init__(self, half: str, found: tuple[str, ...]) -> None:
        super().__init__(f"one voice has one {half}, and there are {len(found)}: {', '.join(found)}")
        self.half = half
        self.found = found


class PairError(ImportingError):
    """Two halves that do not read the same phonemes, or do not mean the same tokens."""


class BaseFileError(ImportingError):
    """A LoRA without the file that it changes, or with another one."""


class VocoderMissingError(ImportingError):
    """A v3 or v4 voice without the network that makes its waveform."""

    def __init__(self, family: str) -> None:
        super().__init__(f"a {family} voice speaks through the {family} vocoder, and none was named")
        self.family = family


class NoPlayerError(ImportingError):
    """Exports were asked for of a family that runs on torch alone."""

    def __init__(self, family: str) -> None:
        super().__init__(f"a {family} voice runs on torch alone: there are no exports of it for the player")
        self.family = family


class NotFiniteError(ImportingError):
    """A tensor with a value that is no number."""

    def __init__(self, path: Path, tensor_name: str) -> None:
        super().__init__(f"{path.name}: {tensor_name} holds a value that is not finite (NaN or infinity)")
        self.path = path
        self.tensor_name = tensor_name


class LanguageUnreadableError(ImportingError):
    """A language that the voice has no phonemes for, or that cannot be read here: a package is missing."""

    def __init__(self, language: str, others: tuple[str, ...], problem: str) -> None:
        super().__init__(problem)
        self.language = language
        self.others = others


class BaseFilesError(ImportingError):
    """Files that no training can start from."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class ExportingError(LifecycleError):
    """A voice that cannot be written in another program's format."""

    def __init__(self, name: str, family: str) -> None:
        super().__init__(f"{name} is a {family} voice, and GPT-SoVITS never knew that family")
        self.name = name
        self.family = family


class NotTrustedError(LifecycleError):
    """A bundle that nobody signed whom this machine trusts."""

    def __init__(self, doubt: str, wrong: bool) -> None:
        super().__init__(doubt)
        self.wrong = wrong  # a signature is there, and false


class TrustError(LifecycleError):
    """Something that --trust named and that names nobody."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


class MatrixError(LifecycleError):
    """A matrix's file that breaks its schema."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key} {problem}" if key else f"{file} {problem}")
        self.file = file
        self.key = key


class EnvironmentNotBuiltError(LifecycleError):
    """An environment that pip, or Python, would not make; the message is their last word."""

    def __init__(self, told: str, output: str = "") -> None:
        super().__init__(told)
        self.output = output  # all that they complained


class InterpreterMissingError(LifecycleError):
    """A Python that is not on this machine."""

    def __init__(self, python: str) -> None:
        super().__init__(f"there is no python{python} here")
        self.python = python


class StandInError(LifecycleError):
    """Stand-ins for CUDA's libraries that could not be made."""


class ResultsError(LifecycleError):
    """Results of a matrix that are not what somebody signed."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name}: {problem}")
        self.path = path


class CalibrationError(LifecycleError):
    """A matrix that no tolerances can be taken from."""


class AttackError(LifecycleError):
    """Recordings that no attack can be tried with. *hint* says what to do about it."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class JudgesMissingError(AttackError):
    """What judges a voice is not installed."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, "`make judges` installs it; elsewhere `pip install 'lifecycle[bench]'`.")


class EnvironmentsError(LifecycleError):
    """An environment that cannot be built, carried, installed or run."""


class NoEnvironmentError(EnvironmentsError):
    """There is none."""


class BrokenEnvironmentError(EnvironmentsError):
    """An environment that is not what its record says."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"the environment's {file} {problem}")
        self.file = file


class EnvironmentExistsError(EnvironmentsError):
    """Something is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already")
        self.path = path


class FetchError(EnvironmentsError):
    """pip could not fetch the wheels of a lock."""


class EngineMissingError(EnvironmentsError):
    """No container engine answers."""


class EngineError(EnvironmentsError):
    """The engine refused something."""


class OtherMachineError(EnvironmentsError):
    """Made for another processor than this one's."""

    def __init__(self, what: str, made_for: str, here: str) -> None:
        super().__init__(f"{what} is made for {made_for}, and this is {here}")
        self.made_for = made_for
        self.here = here


class TimeLimitError(EnvironmentsError):
    """It ran longer than it may."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"it was stopped: it had not ended after {limit_s:g} s")
        self.limit_s = limit_s


class MemoryLimitError(EnvironmentsError):
    """It wanted more memory than it may have."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"it was stopped: it wanted more than {limit_bytes / (1 << 30):g} GiB of memory")
        self.limit_bytes = limit_bytes


class OutputRefusedError(EnvironmentsError):
    """It wrote what is no file, or too much."""


class InstallError(EnvironmentsError):
    """A venv that could not be made, or no Python that fits."""


class SubjectError(LifecycleError):
    """Nobody has said whose voice this is, or two say differently."""


class LedgerDisagreesError(LifecycleError):
    """The ledger of this home and the copy in a voice are not the same account."""


class ReleaseError(LifecycleError):
    """A voice whose style cannot be released, or not in this way."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class RetentionError(LifecycleError):
    """Recordings whose day of destruction is not known."""


class NoTermError(RetentionError):
    """Nothing is written down of what a voice learnt from."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing is written down here of what '{name}' learnt from")
        self.name = name


class RetentionUnreadableError(RetentionError):
    """What was written down is not what this toolkit writes."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not what this toolkit writes")
        self.path = path


class DayError(LifecycleError):
    """A date that is none."""
