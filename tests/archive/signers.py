"""Makers for the tests, and ssh-keygen, which has the last word on their signatures."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.custody import Act
from archive.signing import Signer
from tests.archive.crafting import drip

ANNA = Signer.generate(drip("anna"), "anna@example.org")
MALLORY = Signer.generate(drip("mallory"), "mallory@example.org")
NOW = datetime(2045, 11, 21, 12, 30, 5, tzinfo=UTC)
ACT = Act(ANNA, NOW, "lifecycle 0.1.0")

needs_ssh_keygen = pytest.mark.skipif(
    not shutil.which("ssh-keygen"), reason="needs ssh-keygen (Debian: apt install openssh-client)"
)


def ssh_keygen(*words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the real one."""
    call = ["ssh-keygen", *map(str, words)]
    return subprocess.run(call, input=stdin, capture_output=True, timeout=60, check=False)


def write_key(path: Path, signer: Signer) -> Path:
    """The secret half with the mode that ssh-keygen insists on, and the public one beside it."""
    path.touch(mode=0o600)
    path.write_text(signer.secret_file(drip("check numbers")))
    path.with_name(path.name + ".pub").write_text(signer.public_file())
    return path
