"""What a person said, wrote, is called or keeps secret stands in no error, no log and no file that nobody asked for.

A marker word is put where such things go in, verbs are made to fail, and everything that came out is searched. What a
verb was asked to answer with is no leak: `speak --json` tells the sentences that it was told to speak, and a refusal
may name the phoneme, voice or file that stands in its own arguments.
"""

from __future__ import annotations

import ast
import dataclasses
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result

from archive.age.hybrid import HybridIdentity
from archive.age.scrypt import ScryptIdentity, ScryptRecipient
from archive.age.x25519 import X25519Identity
from archive.signing import Signer
from core_model.prompting import Reference
from core_model.voice import Prompt
from lifecycle.cli import VERBS
from lifecycle.cli.console import DEBUG_SAYS_MORE
from lifecycle.recording import survey
from lifecycle.releasing import Wanted
from tests.lifecycle.calling import call
from tests.lifecycle.paper_voice import write_paper_voice
from tests.lifecycle.test_training import EXAMPLES
from tests.tiny_imported import make_imported_voice, write_recording

ROOT = Path(__file__).resolve().parents[2]
MARKER = "Quetzalcoatlus"  # a word of no dictionary here, in no path and in no message

# verb -> (a function far inside, arguments that lead there); {} are paths of `place`
INNER: dict[str, tuple[str, str]] = {
    "train": ("lifecycle.recording.measure", "new --recordings {examples} --synthetic --home {home}"),
    "doctor": ("lifecycle.diagnosing.examine", "{wav}"),
    "import": ("lifecycle.importing.import_voice", "{wav} {wav} --name new --home {home}"),
    "prompt": ("core_model.pretrained.Pretrained.find", "anna --reference {wav} --home {home}"),
    "speak": ("lifecycle.speaking.speak", "anna Hello. -o {out} --home {home}"),
    "convert": ("lifecycle.converting.convert_file", "anna {wav} -o {out} --home {home}"),
    "archive": ("lifecycle.preserving.preserve", "anna -o {out} --passphrase-file {passphrase} --home {home}"),
    "export": ("lifecycle.exporting.export_voice", "anna --to gpt-sovits {out} --home {home}"),
    "check": ("archive.bundle.check", "{wav}"),
    "repair": ("archive.repairing.repair", "{wav} -o {out}"),
    "scrub": ("lifecycle.scrubbing.scrub", "{shelf}"),
    "inspect": ("lifecycle.inspecting.inspect", "{wav} --home {home}"),
    "forecast": ("lifecycle.forecasting.forecast_of_voice", "anna --home {home}"),
    "refresh": ("lifecycle.refreshing.refresh", "{wav} -o {out} --public --home {home}"),
    "migrate": ("lifecycle.migration_target.kind_of", "anna --home {home}"),
    "restore": ("lifecycle.restoring.restore", "{wav} --home {home} --passphrase-file {passphrase}"),
    "verify": ("lifecycle.examining.examine", "anna --home {home}"),
    "environment": ("lifecycle.environment_installing.install", "venv {wav} {out} --home {home}"),
    "consent": ("lifecycle.consenting.agree", "anna --speaker A --expires 2099-01-01 --home {home}"),
    "revoke": ("lifecycle.consenting.take_back", "anna --home {home}"),
    "release": ("lifecycle.releasing.plan_release", "anna --mode anonymous --home {home}"),
    "ledger": ("lifecycle.ledgers.subject_of", "anna --home {home}"),
    "attack": ("lifecycle.speaker_ear.Ear", "anna --recordings {examples} --home {home}"),
    "destroy": ("lifecycle.destroying.destroy_voice", "anna --voice --yes --home {home}"),
    "keygen": ("archive.age.hybrid.HybridIdentity.generate", "-o {out}"),
    "voices": ("lifecycle.store.Store.names", "--home {home}"),
}
UNEXPECTED: dict[str, Callable[[], Exception]] = {
    "value": lambda: ValueError(f"could not convert string to float: {MARKER}"),
    "key": lambda: KeyError(MARKER),
    "chained": lambda: _chained(),
}


def _chained() -> Exception:
    error = RuntimeError("while it was read")
    error.__cause__ = UnicodeEncodeError("ascii", MARKER + "\xe9", len(MARKER), len(MARKER) + 1, "ordinal not in range")
    error.add_note(MARKER)
    return error


@pytest.fixture
def place(tmp_path: Path) -> dict[str, Path]:
    """A home with the voice anna, and files that stand for whatever a verb wants."""
    write_paper_voice(tmp_path / "home" / "voices" / "anna")
    (tmp_path / "passphrase").touch(mode=0o600)
    (tmp_path / "passphrase").write_text("correct horse")
    (tmp_path / "shelf").mkdir()
    soundfile.write(tmp_path / "said.wav", np.zeros(16_000), 16_000)
    paths = {"home": "home", "wav": "said.wav", "out": "out", "shelf": "shelf", "passphrase": "passphrase"}
    return {name: tmp_path / path for name, path in paths.items()} | {"examples": EXAMPLES}


def said_by(result: Result, caplog: pytest.LogCaptureFixture) -> str:
    """All that came out."""
    return result.output + result.stderr + caplog.text


def test_the_table_has_every_verb() -> None:
    assert set(INNER) == set(VERBS)


@pytest.mark.parametrize("verb", INNER)
def test_an_error_that_nobody_foresaw_quotes_nothing(
    verb: str, place: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    inner, words = INNER[verb]
    arguments = [verb, *(word.format(**place) for word in words.split())]
    for make in UNEXPECTED.values():

        def fail(*_: object, make: Callable[[], Exception] = make, **__: object) -> None:
            raise make()

        with monkeypatch.context() as patched:
            patched.setattr(inner, fail)
            for more in ([], ["--json"]):
                result = call(*arguments, *more)
                told = said_by(result, caplog)
                assert result.exit_code == 1 and "a bug in this toolkit" in told, told
                assert MARKER not in told
                assert "Traceback" not in told
            told = call(*arguments, "--debug").stderr
            assert MARKER in told  # they asked to see it, and
            assert told.index(DEBUG_SAYS_MORE) < told.index("Traceback")  # were told before that it is theirs


def files_with(directory: Path, *but: Path) -> Iterator[Path]:
    """Files below *directory* that hold the marker, in text or in their names."""
    for path in directory.rglob("*"):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        forms = (MARKER.encode(), MARKER.encode("utf-16-le"), MARKER.lower().encode())
        if path not in but and (any(form in data for form in forms) or MARKER.lower() in path.name.lower()):
            yield path


def lay_out(directory: Path) -> tuple[Path, ...]:
    """Recordings whose words hold the marker: one that is used, one that is silent, one in a broken list."""
    directory.mkdir()
    made = []
    for name in ("01", "02"):
        shutil.copy(EXAMPLES / f"{name}.flac", directory)
        (directory / f"{name}.txt").write_text(f"{MARKER} said nothing of the kind to the {MARKER}.")
        made.append(directory / f"{name}.txt")
    soundfile.write(directory / "silent.wav", np.zeros(32_000), 16_000)
    (directory / "silent.txt").write_text(MARKER)
    shutil.copy(EXAMPLES / "09.flac", directory)
    other_order = f"09.flac|anna|So {MARKER} said|en"
    lines = (other_order, f"nowhere.wav|anna|en|{MARKER} again", f"broken {MARKER}", f"So {MARKER}|anna|en|x.wav")
    (directory / "some.list").write_text("\n".join(lines))
    (directory / "broken.txt").write_bytes(MARKER.encode() + b"\xff")
    soundfile.write(directory / "broken.wav", 0.1 * np.ones(32_000), 16_000)
    return (*made, directory / "silent.txt", directory / "some.list", directory / "broken.txt")


def test_transcripts_while_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be aligned with these words, so it ends in an error after all of them were read."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("lifecycle.recording.require_enough", lambda found: None)
    inputs = lay_out(tmp_path / "recordings")
    words = ("train", "anna", "--recordings", tmp_path / "recordings", "--synthetic", "--home", tmp_path / "home")
    results = [call(*words, "--debug"), call(*words, "--dry-run"), call(*words, "--dry-run", "--json")]
    assert [result.exit_code for result in results] == [1, 0, 0]
    assert "aligned" in results[0].stderr and "line 3" in results[1].output
    for result in results:
        assert MARKER.lower() not in said_by(result, caplog).lower(), result.output
    assert list(files_with(tmp_path, *inputs)) == []


@pytest.mark.parametrize("more", [["--json"], ["--debug"]])
def test_transcripts_of_prompts_and_conversions(
    tmp_path: Path, more: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    make_imported_voice(tmp_path / "home" / "voices" / "quill")
    write_recording(tmp_path / "said.wav", 3.5)
    (tmp_path / "tokens.txt").write_text("1 2 3 4 5 6 7")
    (tmp_path / "said.txt").write_text(f"1 2 {MARKER}")
    home = ("--home", tmp_path / "home", *more)
    heard = ("--reference", tmp_path / "said.wav", "--transcript", f"Good {MARKER} to you.")
    good = call("prompt", "quill", *heard, "--prompt-tokens", tmp_path / "tokens.txt", *home)
    assert good.exit_code == 0, good.output + good.stderr
    bad = [
        call("prompt", "quill", *heard, "--as", "other", *home),  # no HuBERT
        call("prompt", "quill", *heard, "--as", "other", "--language", "tlh", *home),
        call("prompt", "quill", *heard, "--as", "other", "--prompt-tokens", tmp_path / "said.txt", *home),
        call("convert", "quill", tmp_path / "said.wav", "-o", tmp_path / "x.wav", *heard[2:], *home),
    ]
    for result in (good, *bad):
        assert MARKER.lower() not in said_by(result, caplog).lower()
    assert [result.exit_code for result in bad] == [1, 1, 1, 1]
    assert list(files_with(tmp_path, tmp_path / "said.txt")) == []


@pytest.mark.parametrize("more", [[], ["--json"], ["--debug"]])
def test_what_is_to_be_spoken(tmp_path: Path, more: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    voice = write_paper_voice(tmp_path / "home" / "voices" / "anna")
    words = ("speak", "anna", f"Good {MARKER}.", "--home", tmp_path / "home", *more)
    (tmp_path / "taken").write_text("something else")
    refused = [
        call(*words, "-o", tmp_path / "out.wav"),  # no networks fit these weights
        call(*words, "-o", tmp_path / "out.wav", "--language", "tlh"),
        call(*words, "-o", tmp_path / "out.wav", "--prompt", "none"),
        call(*words, "-o", tmp_path / "out.wav", "--runtime", "onnx"),
    ]
    (voice.directory / "voice.json").write_text("{")
    refused.append(call(*words, "-o", tmp_path / "out.wav"))
    for result in refused:
        assert result.exit_code == 1
        assert MARKER.lower() not in said_by(result, caplog).lower(), result.output
    assert list(files_with(tmp_path)) == []


@pytest.mark.parametrize("more", [["--json"]])
def test_the_speakers_name_and_statement(tmp_path: Path, more: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    write_paper_voice(tmp_path / "home" / "voices" / "anna")
    statement = tmp_path / "statement.txt"
    statement.write_text(f"I, {MARKER}, agree.")
    said = ("--speaker", f"Ms {MARKER}", "--home", tmp_path / "home", *more)
    agreed = ("consent", "anna", "--expires", "2099-12-31", "--statement", statement)
    results = [
        call(*agreed, *said),
        call("consent", "anna", "--expires", "yesterday", *said),
        call("release", "anna", "--mode", "local", "--epsilon", "-1", *said),
        call(*agreed, "--speaker", f"Ms {MARKER}", "--home", tmp_path / "nowhere"),
        call("ledger", "anna", "--home", tmp_path / "home", *more),
        call("revoke", "anna", "--home", tmp_path / "home", *more),
    ]
    assert results[0].exit_code == 0, results[0].output
    assert [result.exit_code for result in results[1:4]] == [1, 1, 1]
    for result in results:
        assert MARKER.lower() not in said_by(result, caplog).lower()
    assert list(files_with(tmp_path, statement)) == []


@pytest.mark.parametrize("more", [["--json"], ["--debug"]])
def test_passphrases_and_keys(tmp_path: Path, more: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [tmp_path / name for name in ("passphrase", "two lines", "no key", "wrong")]
    for path, text in zip(secrets, (MARKER, f"{MARKER}\n{MARKER}\n", f"AGE-SECRET-KEY-{MARKER}\n", "x"), strict=True):
        path.touch(mode=0o600)
        path.write_text(text)
    good, two, none, wrong = secrets
    write_paper_voice(tmp_path / "home" / "voices" / "anna")
    bundle = Path(__file__).parents[1] / "archive" / "before_signatures" / "scrypt.voice"
    results = [
        call("inspect", bundle, "--passphrase-file", good, *more),
        call("inspect", bundle, "--passphrase-file", two, *more),
        call("inspect", bundle, "-i", none, *more),
        call("restore", bundle, "--passphrase-file", good, "--accept-unsigned", "--home", tmp_path / "home", *more),
        call("archive", "anna", "--to", none, "-o", tmp_path / "x.voice", "--home", tmp_path / "home", *more),
        call("archive", "anna", "--public", "--sign", none, "--home", tmp_path / "home", *more),
    ]
    for result in results:
        assert result.exit_code == 1, result.output
        assert MARKER.lower() not in said_by(result, caplog).lower()
    assert list(files_with(tmp_path, *secrets)) == [] and wrong.exists()


def test_a_new_key_is_shown_nowhere_but_in_its_file(tmp_path: Path) -> None:
    for more in ([], ["--json"], ["--debug"], ["--x25519"]):
        path = tmp_path / f"key{len(list(tmp_path.iterdir()))}.txt"
        result = call("keygen", "-o", path, *more)
        secret = path.read_text().splitlines()[-1]
        assert secret.startswith("AGE-SECRET-KEY-")
        assert secret not in result.output + result.stderr


def test_no_repr_shows_a_secret_a_name_or_a_persons_numbers() -> None:
    style = np.full((1, 3, 1), 0.123456, np.float32)
    secret = bytes(range(32))
    things = [
        X25519Identity(secret),
        HybridIdentity(secret),
        ScryptIdentity(MARKER),
        ScryptRecipient(MARKER),
        Signer(secret, "anna"),
        Reference(None, MARKER, "en"),
        Wanted("local", 8.0, 1e-5, None, None, MARKER),
        Prompt(np.array([7654321]), np.array([7654321]), style),
    ]
    for thing in things:
        shown = f"{thing!r} {thing}"
        for clear in (MARKER, "0.123456", "7654321", repr(secret)[2:20], secret.hex()[:12]):
            assert clear not in shown, type(thing).__name__


def test_neither_does_a_survey(tmp_path: Path) -> None:
    lay_out(tmp_path / "recordings")
    found = survey(tmp_path / "recordings", front_end_languages=("en",))
    assert found.used and MARKER not in repr(found)


ROOMS = ("archive", "compat_tests", "core_model", "lifecycle", "privacy")
_NUMBERS = ("Floats", "Array", "Integers", "Tensor", "ndarray")
_WORDS = {"text", "transcript", "passphrase", "secret", "speaker", "phonemes"}
# Constants of the toolkit, and numbers of nobody.
_NOBODYS = {"_GRU", "_Way", "Generation", "Frame", "Ground", "GPTDims", "SoVITSDims", "CheckpointFile", "PromptRow"}
_NOBODYS |= {"SoVITSNumbers", "Outline", "_Writer"}


def dataclasses_in(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in node.decorator_list):
            yield node


def shown_fields() -> Iterator[str]:
    """Fields of dataclasses that their repr would show, and that hold a person's words or numbers."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if path.parent.name != "vectors"]
    for path in paths:
        for made in dataclasses_in(path) if "@dataclass" in path.read_text() else ():
            fields = [] if made.name in _NOBODYS else [field for field in made.body if isinstance(field, ast.AnnAssign)]
            for field in fields:
                parts = (field.target, field.annotation, field.value)
                name, kind, value = (ast.unparse(part) if part else "" for part in parts)
                persons = any(word in kind for word in _NUMBERS) or (name in _WORDS and kind != "int")
                if persons and "Callable" not in kind and "repr=False" not in value:
                    yield f"{path.relative_to(ROOT)}: {made.name}.{name}"


def test_whoever_adds_a_field_thinks_of_its_repr() -> None:
    assert list(shown_fields()) == []
    assert dataclasses.fields(Prompt)[0].repr is False
