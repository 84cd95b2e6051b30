"""Findings as JUnit XML, which build servers show: one test case for each layer and golden sentence.

Knows findings and the format, and writes no file. What others wrote is escaped, and characters that XML cannot hold are
replaced. Reference: the Ant JUnit schema as Jenkins and GitLab read it.

    <testsuites><testsuite name="onnx" tests failures errors skipped>
        <testcase classname="onnx" name="tokens[en-0]"/>  in it <failure/>, <error/> or <skipped/>
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from xml.etree import ElementTree

from compat_tests.diagnosing import Cause
from compat_tests.findings import Finding, Verdict

BEGINS = b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites"  # what may be replaced by a later one
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 2000


def junit_xml(by_runtime: Mapping[str, tuple[Sequence[Finding], Cause | None]]) -> bytes:
    """The file. *by_runtime*: the name of what computed to its findings and, where one drifted, the likely cause."""
    root = ElementTree.Element("testsuites", name="lifecycle verify")
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for runtime, (findings, cause) in by_runtime.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_text(runtime))
        counts = dict.fromkeys(totals, 0)
        for finding in findings:
            for name, verdict, told in _cases(finding):
                counts["tests"] += 1
                case = ElementTree.SubElement(suite, "testcase", classname=_text(runtime), name=_text(name))
                kind = _kind(verdict, finding)
                if kind:
                    counts[_PLURAL[kind]] += 1
                    ElementTree.SubElement(case, kind, message=_text(told)).text = _text(_because(finding, cause))
        for name, count in counts.items():
            suite.set(name, str(count))
            totals[name] += count
    for name, count in totals.items():
        root.set(name, str(count))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


_PLURAL = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _cases(finding: Finding) -> Iterator[tuple[str, Verdict, str]]:
    """Name, verdict and sentence of each test case of a layer; of fixity one, however many files are damaged."""
    if not finding.details or finding.name == "fixity":
        yield finding.name, finding.verdict, finding.told
        return
    for detail in finding.details:
        yield f"{finding.name}[{detail.golden}]", detail.verdict, detail.told
    if finding.verdict == "failed" and all(detail.verdict == "passed" for detail in finding.details):
        yield finding.name, finding.verdict, finding.told


def _kind(verdict: Verdict, finding: Finding) -> str:
    if verdict == "failed":
        return "error" if finding.broken else "failure"
    return "skipped" if verdict == "not run" else ""


def _because(finding: Finding, cause: Cause | None) -> str:
    if cause is None or finding.verdict != "failed":
        return finding.told
    return f"{finding.told}\nLikely cause: {cause.kind}. {cause.told}"


def _text(text: str) -> str:
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", shown)
