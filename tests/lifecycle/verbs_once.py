"""Every verb once, in the order of a voice's life, on voices so small that all of it takes seconds.

A table of verb -> calls. Whoever adds a verb adds it here: a test compares the table with the verbs. Each call is
(arguments, exit code); the code is 0 but where only the refusal can be had without an engine or a gigabyte of wheels.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from archive.age.x25519 import X25519Identity
from containers.profiles import Profile
from core_model import golden
from core_model.nano import base as nano
from lifecycle import attack_seed, attack_speech, attacking, recording, released_voice, releasing, training
from tests.core_model.features import tiny_pretrained
from tests.lifecycle import upstream_files
from tests.lifecycle.test_releasing import tiny_ground
from tests.lifecycle.test_training import lay_out
from tests.lifecycle.tiny_environment import built, inputs, write_bundle
from tests.tiny_imported import HUBERT_WIDTH, make_imported_voice, write_recording
from tests.tiny_voice import make_tiny_voice

Call = tuple[Sequence[object], int]
SPEAKER = "Ada Lovelace"


class Place:
    """A directory with all that the calls need."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home, self.second = directory / "home", directory / "second"
        self.key = directory / "key.txt"
        self.bundle = directory / "shelf" / "ada.voice"

    def prepare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lay everything out, and leave out what takes long and is asked for by another verb here."""
        place = self.directory
        (place / "shelf").mkdir()
        ground = tiny_ground(make_tiny_voice(self.home / "voices" / "ada"))
        make_imported_voice(self.home / "voices" / "quill")
        identity = X25519Identity.generate(os.urandom)
        self.key.touch(mode=0o600)
        self.key.write_text(identity.secret_text() + "\n")
        self.recipient = str(identity.recipient)
        lay_out(place / "recordings", "02", "04")
        (place / "run.toml").write_text('recordings = "recordings"\ngpt_steps = 1\nsovits_steps = 1\nthreads = 2\n')
        write_recording(place / "said.wav", 3.5)
        (place / "tokens.txt").write_text("1 2 3 4 5 6 7")
        tiny_pretrained.hubert(place / "hubert", width=HUBERT_WIDTH)
        upstream_files.write(place / "anna.pth", upstream_files.sovits())
        upstream_files.write(place / "anna.ckpt", upstream_files.gpt())
        self.profile, self.wheels, self.base = inputs(place)
        write_bundle(place / "carrying.voice", built(place / "made").environment)
        monkeypatch.setattr(Profile, "read", classmethod(lambda cls, name: self.profile))
        monkeypatch.setattr(releasing, "ground_of", lambda voice: ground)
        monkeypatch.setattr(attacking, "ground_of", lambda voice: ground)
        monkeypatch.setattr(attack_speech, "TRIALS", ("Tea for two.", "Two for tea."))
        monkeypatch.setattr(attack_speech, "ENROLMENT", ("For two.",))
        monkeypatch.setattr(attack_seed, "SMALL", 8)
        monkeypatch.setattr(released_voice, "write_exports", lambda voice: None)
        monkeypatch.setattr(recording, "require_enough", lambda found: None)
        base = nano.load()
        small = replace(base, stock_styles=base.stock_styles[:2])
        monkeypatch.setattr(nano, "load", lambda: replace(small, gpt=deepcopy(base.gpt), sovits=deepcopy(base.sovits)))
        monkeypatch.setattr(training, "write_exports", lambda voice: None)
        monkeypatch.setattr(golden, "TEXTS", {"en": ("Tea for two.",)})
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place}/nobody.sock")
        monkeypatch.chdir(place)

    def hurt(self) -> Path:
        """The bundle with a byte changed."""
        data = bytearray(self.bundle.read_bytes())
        data[len(data) // 2] ^= 1
        path = self.directory / "hurt.voice"
        path.write_bytes(data)
        return path


def _archive(p: Place) -> list[Call]:
    return [(("archive", "ada", "-o", p.bundle, "--to", p.recipient, "--home", p.home), 0)]


def _restore(p: Place) -> list[Call]:
    trust = ("--trust", p.home / "keys" / "signing.pub")
    return [(("restore", p.bundle, "-i", p.key, "--home", p.second, *trust), 0)]


def _verify(p: Place) -> list[Call]:
    trust = ("--trust", p.home / "keys" / "signing.pub")
    one = ("verify", p.bundle, "-i", p.key, *trust, "--home", p.second)
    return [
        ((*one, "--report", p.directory / "report", "--junit", p.directory / "junit.xml"), 0),
        (("verify", p.bundle.parent, "-i", p.key, *trust, "--home", p.second, "--runtime", "onnx"), 0),
    ]


def _speak(p: Place) -> list[Call]:
    words = ("Good morning.", "-o", p.directory / "out.wav", "--home", p.second, "--runtime")
    return [(("speak", "ada", *words, runtime), 0) for runtime in ("torch", "onnx", "torchscript")]


def _prompt(p: Place) -> list[Call]:
    heard = ("--reference", p.directory / "said.wav", "--transcript", "Good morning to you.")
    return [(("prompt", "quill", *heard, "--pretrained", p.directory / "hubert", "--home", p.home), 0)]


def _environment(p: Place) -> list[Call]:
    build = ("environment", "build", p.directory / "built", "--wheels", p.wheels, "--base", p.base)
    carrying = p.directory / "carrying.voice"
    return [
        (build, 0),
        (("environment", "run", carrying, "--accept-unsigned", "--home", p.home, "--", "speak", "Good day."), 1),
        (("environment", "venv", carrying, p.directory / "venv", "--home", p.home), 1),
    ]


def _export(p: Place) -> list[Call]:
    return [(("export", "anna", "--to", "gpt-sovits", p.directory / "exported", "--home", p.home), 0)]


def _release(p: Place) -> list[Call]:
    words = ("--mode", "local", "--epsilon", 8, "--speaker", SPEAKER, "--as", "hidden", "--yes")
    return [(("release", "ada", *words, "--home", p.home), 0)]


def _consent(p: Place) -> list[Call]:
    scopes = ("--scope", "others", "--scope", "public")
    words = ("--speaker", SPEAKER, *scopes, "--expires", "2099-12-31", "--home", p.home)
    return [(("consent", "ada", *words), 0)]


def _refresh(p: Place) -> list[Call]:
    return [(("refresh", p.bundle, "-i", p.key, "-o", p.directory / "new.voice", "--public", "--home", p.home), 0)]


def _attack(p: Place) -> list[Call]:
    words = ("--recordings", p.directory / "recordings", "-o", p.directory / "attack.html", "--record")
    return [(("attack", "hidden", *words, "--home", p.home), 0)]


def _destroy(p: Place) -> list[Call]:
    shutil.copytree(p.directory / "recordings", p.directory / "going")
    going = ("destroy", "trained", "--recordings", p.directory / "going", "--yes", "--home", p.home)
    return [(going, 0), (("destroy", "trained", "--voice", "--yes", "--home", p.home), 0)]


TABLE: dict[str, Callable[[Place], list[Call]]] = {
    "keygen": lambda p: [(("keygen", "-o", p.directory / "new.txt", "--recovery"), 0)],
    "train": lambda p: [
        (("train", "trained", "--config", p.directory / "run.toml", "--synthetic", "--home", p.home), 0)
    ],
    "doctor": lambda p: [(("doctor", p.directory / "anna.pth"), 0)],
    "import": lambda p: [
        (("import", p.directory / "anna.pth", p.directory / "anna.ckpt", "--name", "anna", "--home", p.home), 0)
    ],
    "export": _export,
    "prompt": _prompt,
    "convert": lambda p: [
        (
            ("convert", "quill", p.directory / "said.wav", "-o", p.directory / "other.wav", "--home", p.home)
            + ("--pretrained", p.directory / "hubert"),
            0,
        )
    ],
    "consent": _consent,
    "archive": _archive,
    "check": lambda p: [(("check", p.bundle), 0)],
    "repair": lambda p: [(("repair", p.hurt(), "-o", p.directory / "mended.voice"), 0)],
    "scrub": lambda p: [(("scrub", p.bundle.parent), 0)],
    "inspect": lambda p: [(("inspect", p.bundle, "-i", p.key), 0)],
    "forecast": lambda p: [(("forecast", p.bundle, "-i", p.key), 0)],
    "refresh": _refresh,
    "migrate": lambda p: [(("migrate", "ada", "--dry-run", "--home", p.home), 0)],
    "restore": _restore,
    "verify": _verify,
    "speak": _speak,
    "environment": _environment,
    "release": _release,
    "attack": _attack,
    "ledger": lambda p: [(("ledger", "ada", "--home", p.home), 0)],
    "revoke": lambda p: [(("revoke", "ada", "--home", p.home), 0)],
    "voices": lambda p: [(("voices", "--home", p.home), 0)],
    "destroy": _destroy,
}
