"""Every refusal of this room.

Knows no exit codes and no colours: facts are attributes, `lifecycle.cli.console` renders them.

ArchiveError
├── FormatError                    not a bundle, or something that no bundle may hold (SPEC.md)
│   ├── UnsupportedVersionError      from the future: carries the version
│   ├── AgeHeaderError               the encryption header breaks the age v1 format
│   ├── ArmorError                   the text round an armored age file is not the one possible
│   └── MixedRecipientsError         kinds of recipients that must not stand beside each other
├── KeyFormatError                 a text that is not a recipient or not an identity
├── NoMatchingKeyError             none of the identities opens it
├── SignatureError                 opened, but not signed by anybody whom you trust
│   └── CustodyError                 its chain of custody is broken
├── BaseNeededError                it holds what differs from another bundle, and that was not given
│   └── WrongBaseError               or the one that was given is not that one
├── UnsafePathError                an entry would escape the destination, or could not be told from another
├── DestinationExistsError         what is already there is never written into
├── Par2Error                      the program par2 failed
│   └── Par2MissingError             and this machine does not have it
├── NoRecoveryDataError            the bundle is damaged and holds nothing to repair it with
└── DamagedError                   carries the list of Damage(entry, offset, expected, found)
    ├── UnrepairableError            more damage than recovery data; says how much more
    ├── HeaderMacError               a key fits, but the encryption header was changed afterwards
    └── AgePayloadError              the encrypted payload is changed, cut short or followed by something
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written.

    *offset* counts bytes from the start of the bundle, except for entries inside a payload ("payload.tar/..."), where
    it counts from the start of payload.tar.
    """

    entry: str
    offset: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.entry} at byte {self.offset}: expected {self.expected}, found {self.found}"


class ArchiveError(Exception):
    """Base of everything this room refuses."""


class FormatError(ArchiveError):
    """Not a bundle, or something that no bundle may hold."""


class UnsupportedVersionError(FormatError):
    """A bundle of a later format."""

    def __init__(self, version: int, supported: int) -> None:
        super().__init__(f"the bundle is of format {version}; this reader knows formats up to {supported}")
        self.version = version
        self.supported = supported


class AgeHeaderError(FormatError):
    """An encryption header that breaks the age v1 format."""


class ArmorError(FormatError):
    """An armored age file that is not spelled in the one way there is."""


class MixedRecipientsError(FormatError):
    """Recipients that would take away from each other what they are for."""


class KeyFormatError(ArchiveError):
    """A text that is not a recipient or not an identity. Never carries the text: it may be a secret."""


class NoMatchingKeyError(ArchiveError):
    """None of the identities opens the bundle."""


class SignatureError(ArchiveError):
    """The bundle is whole, and not by anybody whom you trust: unsigned, signed by another, or signed wrongly."""


class CustodyError(SignatureError):
    """A chain of custody that is broken: a record is changed, left out, or of another bundle."""


class BaseNeededError(ArchiveError):
    """The bundle is a delta: it holds only what differs from the bundle with the id *needed*."""

    def __init__(self, needed: str, told: str = "") -> None:
        super().__init__(told or f"this bundle holds only what differs from the one with the bundle id {needed}")
        self.needed = needed


class WrongBaseError(BaseNeededError):
    """Another bundle was given: its payload has the id *found*."""

    def __init__(self, needed: str, found: str) -> None:
        super().__init__(needed, f"the base has the bundle id {found}; the one that is needed has {needed}")
        self.found = found


class UnsafePathError(ArchiveError):
    """An entry that would escape the destination, or that a file system could not tell from another one."""

    def __init__(self, entry: str, problem: str) -> None:
        super().__init__(f"{entry!r} {problem}")
        self.entry = entry
        self.problem = problem


class DestinationExistsError(ArchiveError):
    """Something is already where the payload should appear."""

    def __init__(self, destination: Path) -> None:
        super().__init__(f"{destination} already exists")
        self.destination = destination


class Par2Error(ArchiveError):
    """The program par2 did not do what it was asked for."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"par2 {problem}")


class Par2MissingError(Par2Error):
    """There is no program par2 here."""

    def __init__(self) -> None:
        super().__init__("is not installed: without it nobody computes recovery data")


class NoRecoveryDataError(ArchiveError):
    """The bundle is damaged, and no recovery data is left in it, or it was made without any."""

    def __init__(self, damage: Sequence[Damage]) -> None:
        super().__init__("the bundle is damaged and there is no recovery data in it")
        self.damage = tuple(damage)


class DamagedError(ArchiveError):
    """The bundle is not as it was written. *damage* holds at least one item."""

    def __init__(self, damage: Sequence[Damage]) -> None:
        super().__init__("; ".join(str(item) for item in damage))
        self.damage = tuple(damage)


class UnrepairableError(DamagedError):
    """More blocks are damaged than can be computed again."""

    def __init__(self, damage: Sequence[Damage], damaged_blocks: int, recovery_blocks: int) -> None:
        super().__init__(damage)
        self.damaged_blocks = damaged_blocks
        self.recovery_blocks = recovery_blocks  # that are whole

    @property
    def missing_blocks(self) -> int:
        """By how much it is too much."""
        return self.damaged_blocks - self.recovery_blocks

    def __str__(self) -> str:
        left = f"and only {self.recovery_blocks} recovery blocks are whole" if self.recovery_blocks else "none is left"
        return f"{self.damaged_blocks} blocks are damaged {left}: {self.missing_blocks} too many"


class HeaderMacError(DamagedError):
    """A key fits, but the encryption header was changed after it was written."""


class AgePayloadError(DamagedError):
    """The encrypted payload is changed, cut short, or followed by something."""
