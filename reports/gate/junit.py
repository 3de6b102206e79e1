"""A gate as JUnit XML: one test suite per axis, one test case per model and format.

Valid by both schemas in use, which agree on little: Jenkins' ``junit-10.xsd`` (xUnit plugin), and
Ant's as Windy Road published it (for that one ``started_at`` must be known). So a case has one
child at most and no output or properties of its own: its details are in the output of its suite.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bench.core.units import one_line, visible
from bench.gate.verdict import Axis, Finding, Verdict
from reports.gate import wording
from reports.gate.gate_report import GateReport

_UNMEASURED = (Verdict.NEW, Verdict.REMOVED)
_OURS_TO_REPAIR = (2, 70)  # exit codes that no other run will change


def to_xml(gate: GateReport) -> str:
    """Returns the document, the same text for the same gate; write it as UTF-8.

    A regressed model is a failure, a failed one an error; an undecided one is a failure or skipped,
    by ``undecided``; one that a side lacks is skipped. All time is in the first suite.
    """
    root = ET.Element("testsuites")
    if gate.message and not gate.findings:
        _ended(root, gate)
    axes = [axis for axis in Axis if any(each.axis is axis for each in gate.findings)]
    for index, axis in enumerate(axes):
        _suite(root, gate, axis, index)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _ended(root: ET.Element, gate: GateReport) -> None:
    """Adds the suite of a gate that ended before it measured: one case, and not of a model."""
    kind = "error" if gate.exit_code in _OURS_TO_REPAIR else "skipped"
    suite = _started(root, gate, _counted("gate", "0", [kind], gate.seconds))
    ET.SubElement(suite, "properties")
    case = ET.SubElement(
        suite, "testcase", {"name": "gate", "classname": "frill-bench", "time": _seconds(0)}
    )
    message = f"{wording.headline(gate)}: {one_line(gate.message)}"
    body = [visible(gate.message)] if kind == "error" else []
    _text(case, kind, body, {"type": f"exit code {gate.exit_code}", "message": message})
    _text(suite, "system-out", [])
    _text(suite, "system-err", [])


def _started(root: ET.Element, gate: GateReport, named: dict[str, str]) -> ET.Element:
    """Returns a new suite; with its time, where that is known."""
    suite = ET.SubElement(root, "testsuite", named)
    if gate.started_at is not None:
        suite.set("timestamp", gate.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
        suite.set("hostname", "localhost")  # the name of a machine is private
    return suite


def _counted(name: str, number: str, kinds: list[str], seconds: float) -> dict[str, str]:
    """Returns the attributes of a suite with cases of these kinds."""
    return {
        "package": "frill-bench",
        "id": number,
        "name": name,
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": _seconds(seconds),
    }


def _suite(root: ET.Element, gate: GateReport, axis: Axis, index: int) -> None:
    findings = [finding for finding in gate.findings if finding.axis is axis]
    kinds = [_kind(finding, gate) for finding in findings]
    title = one_line(gate.title) or "gate"
    seconds = 0 if index else gate.seconds
    suite = _started(root, gate, _counted(f"{title} {axis}", str(index), kinds, seconds))
    _properties(suite, gate, findings)
    for finding, kind in zip(findings, kinds, strict=True):
        _case(suite, finding, kind)
    lines = [*map(one_line, gate.differences)]
    lines += [f"{one_line(str(each.model))}: {_details(each)}" for each in findings]
    _text(suite, "system-out", [*lines, "", wording.INTERVALS])
    _text(suite, "system-err", [])


def _properties(suite: ET.Element, gate: GateReport, findings: list[Finding]) -> None:
    values = {
        **{f"difference {n}": text for n, text in enumerate(gate.differences, 1)},
        "verdict": wording.headline(gate),
        "exit code": str(gate.exit_code),
        "tool": gate.tool,
        **{f"device {name}": value for name, value in wording.facts(gate).items()},
    }
    for each in findings:
        for side, sha256 in (
            ("baseline", each.baseline_sha256),
            ("candidate", each.candidate_sha256),
        ):
            if sha256:
                values[f"{one_line(str(each.model))} {side} sha256"] = one_line(sha256)
    parent = ET.SubElement(suite, "properties")
    for name, value in values.items():
        if value:
            ET.SubElement(parent, "property", {"name": name, "value": one_line(value)})


def _case(suite: ET.Element, finding: Finding, kind: str) -> None:
    named = {
        "classname": f"gate.{finding.axis}",
        "name": one_line(str(finding.model)),
        "time": _seconds(0),
    }
    case = ET.SubElement(suite, "testcase", named)
    if kind:
        message = "; ".join([wording.summary(finding), *map(one_line, finding.why[:1])])
        body = [] if kind == "skipped" else [visible(sentence) for sentence in finding.why]
        _text(case, kind, body, {"type": finding.verdict.value, "message": message})


def _kind(finding: Finding, gate: GateReport) -> str:
    """Returns the element for the result of a case; empty for one that passed."""
    match finding.verdict:
        case Verdict.REGRESSED:
            return "failure"
        case Verdict.FAILED:
            return "error"
        case Verdict.UNDECIDED:
            return "failure" if gate.undecided.fails(finding) else "skipped"
        case verdict:
            return "skipped" if verdict in _UNMEASURED else ""


def _details(finding: Finding) -> str:
    caveats = [f"{each.text} ({each.kind}: {each.effect})" for each in finding.caveats]
    facts = [one_line(each.evidence) for each in finding.caveats if each.evidence]
    return "; ".join([wording.summary(finding), *caveats, *facts])


def _text(
    parent: ET.Element, tag: str, lines: list[str], attributes: dict[str, str] | None = None
) -> None:
    ET.SubElement(parent, tag, attributes or {}).text = "\n".join(lines) or None


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
