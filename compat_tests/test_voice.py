"""The voice that --voice names, on the runner that --runner names: a test for each layer and golden sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from compat_tests.errors import SourceError
from compat_tests.findings import Detail, Finding

if TYPE_CHECKING:
    from compat_tests.conftest import UnderTest


def finding_of(under_test: UnderTest, layer: str) -> Finding:
    return next(finding for finding in under_test.assessment().findings if finding.name == layer)


def hold(verdict: str, told: str) -> None:
    """Fail or skip with the sentence; a layer that did not run is never passed."""
    if verdict == "not run":
        pytest.skip(told)
    if verdict == "failed":
        pytest.fail(told, pytrace=False)


def hold_sentence(under_test: UnderTest, layer: str, golden_id: str) -> None:
    finding = finding_of(under_test, layer)
    whole = Detail(golden_id, finding.verdict, finding.told)  # where there was nothing to compare one by one
    detail = next((detail for detail in finding.details if detail.golden == golden_id), whole)
    hold(detail.verdict, detail.told)


def test_describe(under_test: UnderTest) -> None:
    """A runner that computes neither tokens nor samples would pass by skipping everything."""
    try:
        described = under_test.source.description()
    except SourceError as error:
        pytest.fail(str(error), pytrace=False)
    assert {"tokens", "decode"} <= set(described.verbs)


def test_fixity(under_test: UnderTest) -> None:
    finding = finding_of(under_test, "fixity")
    hold(finding.verdict, finding.told)


def test_text(under_test: UnderTest, golden_id: str) -> None:
    hold_sentence(under_test, "text", golden_id)


def test_tokens(under_test: UnderTest, golden_id: str) -> None:
    hold_sentence(under_test, "tokens", golden_id)


def test_waveform(under_test: UnderTest, golden_id: str) -> None:
    hold_sentence(under_test, "waveform", golden_id)


def test_identity(under_test: UnderTest) -> None:
    finding = finding_of(under_test, "identity")
    hold(finding.verdict, finding.told)


def test_speak(under_test: UnderTest) -> None:
    """Nothing is compared: samples that can be heard, at the voice's own rate."""
    sentence = under_test.golden.sentences[0]
    try:
        spoken = under_test.source.speech(sentence.text, sentence.language)
    except SourceError as error:
        hold("not run" if error.missing else "failed", str(error))
        return
    assert spoken.sample_rate == under_test.golden.sample_rate
    assert np.abs(spoken.waveform).max() > 1e-4
