"""Small bundles of every kind, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from archive.age.envelope import Identity
from archive.age.scrypt import ScryptIdentity
from archive.bundle import Packed
from tests.archive.crafting import HYBRID, IDENTITY, PASSPHRASE, pack_small, write_members


@dataclass(frozen=True)
class Small:
    """A whole bundle, what went into it, and what opens it."""

    path: Path
    members: dict[str, Path]
    packed: Packed
    identities: tuple[Identity, ...]

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Payload path to file; see crafting.write_members."""
    return write_members(tmp_path_factory.mktemp("members"))


@pytest.fixture(scope="session")
def smalls(members: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Small]:
    """One of each kind: 'hybrid', 'x25519', 'scrypt', 'public'."""
    directory = tmp_path_factory.mktemp("small")
    passphrase = ScryptIdentity(PASSPHRASE)
    keys: dict[str, tuple[Identity, ...]] = {
        "hybrid": (HYBRID,), "x25519": (IDENTITY,), "scrypt": (passphrase,), "public": (),
    }  # fmt: skip
    made = {}
    for kind, identities in keys.items():
        path = directory / f"{kind}.voice"
        made[kind] = Small(path, members, pack_small(path, members, kind), identities)
    return made


@pytest.fixture(params=["hybrid", "x25519", "scrypt", "public"])
def small(request: pytest.FixtureRequest, smalls: dict[str, Small]) -> Small:
    """Each kind in turn."""
    return smalls[request.param]
