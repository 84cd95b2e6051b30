"""Every refusal of the hall.

LifecycleError
├── StoreError                  the place where voices live says no
│   ├── UnknownVoiceError         no voice of that name: carries the names there are
│   ├── VoiceExistsError          a voice of that name is there already, and none is ever overwritten
│   ├── BusyError                 another process is training a voice of that name
│   ├── NoSuchVoiceOrBundleError  neither a file nor what a voice could be called
│   └── VoiceNameError            a name that could not be a directory's everywhere
├── RecordingsError             a directory of recordings that no voice can be learnt from
│   ├── NotADirectoryOfRecordingsError   it is no directory
│   └── NotEnoughRecordingsError  too little of it can be used: carries the seconds
├── OutputExistsError           a file is there already, and this verb never overwrites one
├── RebuildError                the same voice did not give the same payload twice
├── ConfigError                 a run.toml that breaks its schema: carries the field
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


class BusyError(StoreError):
    """Another process is training a voice of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a voice called {name!r} is being trained by another process")
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


class ConfigError(LifecycleError):
    """A run.toml that breaks its schema."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class SecretError(LifecycleError):
    """A passphrase or identity file that cannot be used. Never carries what is in it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class RecipientError(SecretError):
    """A file of recipients that holds none, or that holds the secret half of a key."""
