"""Every refusal of this room.

PrivacyError
├── BudgetError             an epsilon or delta that promises nothing, or that its mode cannot keep
├── AccountantsDisagreeError  two ways to compute one epsilon differ by more than they may: nothing can be claimed
├── ExtraMissingError       an optional package is not installed, and without it there is no figure
├── VectorError             vectors that no mechanism may touch: not finite, of length zero, too few
├── AttackError             figures that no attack can have: of no comparison, of what is no number, of one person
├── PrivateTrainingError    a network, or a step of it, that DP-SGD cannot be done with
├── LedgerError             the account of what was given away says no
│   ├── LedgerDamagedError    a line was removed, reordered, edited, or says what its own figures deny: carries the line
│   ├── CapExceededError      the release would pass the cap that its subject was promised
│   └── NotComposableError    an entry whose mechanism this room cannot add up
└── ConsentError            nobody who may say so has said that this may be done
    ├── NoConsentError        there is no record at all
    ├── ConsentDamagedError   a record that was changed, or signed by nobody who is trusted
    ├── ConsentExpiredError   it was given until a day that has passed
    ├── ConsentRevokedError   it was taken back
    └── OutOfScopeError       it was given for something else
"""

from __future__ import annotations


class PrivacyError(Exception):
    """Base of everything this room refuses."""


class BudgetError(PrivacyError):
    """An epsilon or delta that promises nothing, or that its mode cannot keep."""


class AccountantsDisagreeError(PrivacyError):
    """Two ways to compute one epsilon differ by more than they may: nothing can be claimed."""


class ExtraMissingError(PrivacyError):
    """An optional package is not installed, and without it there is no figure."""


class VectorError(PrivacyError):
    """Vectors that no mechanism may touch."""


class AttackError(PrivacyError):
    """Figures that no attack can have: there is nothing to compare, or it is no number."""


class PrivateTrainingError(PrivacyError):
    """A network, or a step of it, that DP-SGD cannot be done with."""


class LedgerError(PrivacyError):
    """The account of what was given away says no."""


class LedgerDamagedError(LedgerError):
    """A line was removed, reordered or edited, or says what its own figures deny."""

    def __init__(self, line: int, problem: str, voice: str | None = None) -> None:
        super().__init__(f"line {line} of the ledger{f' in the voice {voice}' if voice else ''}: {problem}")
        self.line = line  # from 1
        self.problem = problem
        self.voice = voice  # whose copy it is; None: nobody said


class CapExceededError(LedgerError):
    """The release would pass the cap that its subject was promised."""


class NotComposableError(LedgerError):
    """An entry whose mechanism this room cannot add up."""


class ConsentError(PrivacyError):
    """Nobody who may say so has said that this may be done."""


class NoConsentError(ConsentError):
    """There is no record at all, or none of these weights."""


class ConsentDamagedError(ConsentError):
    """A record that was changed, or that nobody signed who is trusted."""


class ConsentExpiredError(ConsentError):
    """It was given until a day that has passed."""


class ConsentRevokedError(ConsentError):
    """It was taken back."""


class OutOfScopeError(ConsentError):
    """It was given for something else."""
