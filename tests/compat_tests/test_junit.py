"""JUnit XML: every layer and sentence is a test case, the sums are right, and whatever others wrote stays text."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from compat_tests.diagnosing import Cause
from compat_tests.findings import LAYERS, Detail, Finding, Verdict
from compat_tests.junit import BEGINS, junit_xml

HOSTILE = "\"'><![CDATA[</failure>&lt;\x00\x1b[31m\ud800\ufffe\n"
TOKENS = Finding(
    "tokens",
    "failed",
    "Logits differ.",
    1.0,
    1e-3,
    "logits",
    (Detail("en-0", "passed", "Same."), Detail("en-1", "failed", "Logits differ by 1.0.")),
)
CAUSE = Cause("weights", "They were changed.")


def cases(xml: bytes) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(xml)
    return {case.attrib["name"]: case for case in root.iter("testcase")}


def test_a_test_case_for_each_layer_and_sentence() -> None:
    findings = (
        Finding("fixity", "not run", "There is no manifest."),
        Finding("text", "passed", "2 sentences are read as recorded."),
        TOKENS,
        Finding("waveform", "failed", "The runner hung.", broken="timeout"),
    )
    xml = junit_xml({"torch": (findings, CAUSE), "onnx": (findings[:2], None)})
    assert xml.startswith(BEGINS)
    root = ElementTree.fromstring(xml)
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"], root.attrib["skipped"]) == (
        "7",
        "1",
        "1",
        "2",
    )
    torch = [case.attrib["name"] for case in root[0].iter("testcase")]
    assert torch == ["fixity", "text", "tokens[en-0]", "tokens[en-1]", "waveform"]
    failure = root[0].find("testcase[@name='tokens[en-1]']/failure")
    assert failure is not None and failure.attrib["message"] == "Logits differ by 1.0."
    assert "Likely cause: weights. They were changed." in str(failure.text)
    assert root[0].find("testcase[@name='tokens[en-0]']/failure") is None
    assert root[0].find("testcase[@name='waveform']/error") is not None
    assert root[1].find("testcase[@name='fixity']/skipped") is not None


def test_what_others_wrote_stays_text() -> None:
    tokens = replace(TOKENS, told=HOSTILE, details=(Detail(HOSTILE, "failed", HOSTILE),))
    xml = junit_xml({HOSTILE: ((tokens,), Cause("weights", HOSTILE))})
    root = ElementTree.fromstring(xml)
    assert [child.tag for child in root.iter()] == ["testsuites", "testsuite", "testcase", "failure"]
    assert b"\x00" not in xml and b"\x1b" not in xml
    assert "[CDATA[" in root[0].attrib["name"] and "\N{REPLACEMENT CHARACTER}" in root[0].attrib["name"]


VERDICTS = st.sampled_from(("passed", "failed", "not run"))
DETAILS = st.builds(Detail, st.text(max_size=9), VERDICTS, st.text(max_size=30))
FINDINGS = st.builds(
    Finding,
    st.sampled_from(LAYERS),
    VERDICTS,
    st.text(max_size=30),
    details=st.lists(DETAILS, max_size=3).map(tuple),
    broken=st.sampled_from(("", "timeout")),
)


@given(st.dictionaries(st.text(max_size=9), st.tuples(st.lists(FINDINGS, max_size=5), st.just(CAUSE) | st.none())))
def test_any_findings_are_one_well_formed_file_whose_sums_are_right(
    by_runtime: dict[str, tuple[list[Finding], Cause | None]],
) -> None:
    root = ElementTree.fromstring(junit_xml(by_runtime))  # type: ignore[arg-type]
    kinds = Counter(child.tag for case in root.iter("testcase") for child in case)
    assert int(root.attrib["tests"]) == len(list(root.iter("testcase")))
    for tag, sums in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert int(root.attrib[sums]) == kinds[tag] == sum(int(suite.attrib[sums]) for suite in root)


@given(VERDICTS)
def test_a_layer_that_failed_is_never_shown_as_passed(verdict: Verdict) -> None:
    finding = Finding("tokens", "failed", "-", details=(Detail("en-0", verdict, "-"),))
    kinds = {child.tag for case in cases(junit_xml({"onnx": ((finding,), None)})).values() for child in case}
    assert "failure" in kinds or verdict == "not run"
