"""What was found out about one file or folder: the answer of the doctor, before anyone says what to do next.

Knows no formats. `safe` has three values, and only the first lets a file pass:

    True    all that could run when some program opens the file was read to its end, and asks for nothing but plain data
    False   it asks for more: `names` says for what
    None    that cannot be said: nothing, or not everything, could be looked at
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a file is, by which evidence, and what is wrong or unusual."""

    path: Path
    kind: str  # docs/doctor.md lists them
    family: str | None
    evidence: tuple[str, ...]
    safe: bool | None
    problems: tuple[str, ...] = ()
    usable: bool = True  # False: as it is, no program can do anything with it
    names: tuple[str, ...] = ()  # what it asks for beyond plain data
    base: bool = False  # a stock file: one to train from, nobody's voice
    inside: tuple[Diagnosis, ...] = ()  # of a folder: what its files are

    @property
    def passes(self) -> bool:
        """Whether there is nothing to warn of: safe, and of some use to somebody."""
        return self.safe is True and self.usable


@dataclass(frozen=True, slots=True)
class Sign:
    """What the first bytes of a file, or the names in it, show it to be."""

    kind: str
    family: str | None
    evidence: tuple[str, ...]
    problems: tuple[str, ...] = ()
    safe: bool | None = None
    usable: bool = True

    def of(self, path: Path, *more: str) -> Diagnosis:
        """As the diagnosis of *path*, with *more* problems."""
        problems = (*self.problems, *more)
        return Diagnosis(path, self.kind, self.family, self.evidence, self.safe, problems, self.usable)
