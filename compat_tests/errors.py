"""Every refusal of the suites.

CompatError
├── RecordError     golden/ or voice.json is missing or breaks its schema: there is nothing to compare with
├── SourceError     today's arrays of one layer could not be had: carries whether something is only missing here
│   └── RunnerError   a program that refuses, hangs or breaks RUNNER.md: carries the kind of fault and the verb
└── XfailsError     a file of known failures that breaks its form, or names a test that is not there
"""

from __future__ import annotations

from typing import Literal

Fault = Literal[
    "not started",  # there is no such program, or it may not be run
    "timeout",  # it hung, and was ended
    "too much",  # it wrote more than any voice needs, and was ended
    "crashed",  # ended by a signal, or with another exit code than 0 and 1
    "refused",  # exit code 1 and a sentence
    "missing",  # the same, because something that it needs is not here
    "protocol",  # another protocol than RUNNER.md's, or facts of another form
    "json",  # what it printed is not one JSON object
    "items",  # not one answer for each item
    "path",  # a name that is no plain file of the working directory
    "array",  # no .npy file of the right type and shape, pickled ones among them
    "not finite",  # numbers that are none
]


class CompatError(Exception):
    """Base of everything the suites refuse."""


class RecordError(CompatError):
    """There is nothing to compare with."""


class SourceError(CompatError):
    """Today's arrays of one layer could not be had."""

    def __init__(self, sentence: str, *, missing: bool = False) -> None:
        super().__init__(sentence)
        self.missing = missing  # something that it needs is not here, which says nothing about the voice


class RunnerError(SourceError):
    """A program that refuses, hangs or breaks its protocol."""

    def __init__(self, kind: Fault, verb: str, problem: str) -> None:
        super().__init__(f"the runner, asked for {verb}, {problem}", missing=kind == "missing")
        self.kind = kind
        self.verb = verb


class XfailsError(CompatError):
    """A file of known failures that breaks its form, or names a test that is not there."""
