"""A gate as JUnit XML: one test suite per axis, one test case per model and format."""

from __future__ import annotations

from collections.abc import Iterator

from bench.core.units import one_line, visible
from bench.gate.verdict import Axis, Finding, Verdict
from reports.gate import wording
from reports.gate.gate_report import GateReport
from reports.parts import junit
from reports.parts.junit import Case, Kind, Suite

_UNMEASURED = (Verdict.NEW, Verdict.REMOVED)
_OURS_TO_REPAIR = (2, 70)  # exit codes that no other run will change


def to_xml(gate: GateReport) -> str:
    """Returns the document, the same text for the same gate; write it as UTF-8.

    A regressed model is a failure, a failed one an error; an undecided one is a failure or skipped,
    by ``undecided``; one that a side lacks is skipped. All time is in the first suite. A gate in
    which nothing was measured is one case, which has the reason.
    """
    if gate.message and not gate.findings:
        return junit.to_xml([_ended(gate)])
    axes = [axis for axis in Axis if any(each.axis is axis for each in gate.findings)]
    return junit.to_xml([_suite(gate, axis, index) for index, axis in enumerate(axes)])


def _ended(gate: GateReport) -> Suite:
    """Returns the suite of a gate that ended before it measured: one case, and not of a model."""
    is_error = gate.exit_code in _OURS_TO_REPAIR
    case = Case(
        classname="frill-bench",
        name="gate",
        kind="error" if is_error else "skipped",
        type=f"exit code {gate.exit_code}",
        message=f"{wording.headline(gate)}: {one_line(gate.message)}",
        body=(visible(gate.message),) if is_error else (),
    )
    return Suite(name="gate", cases=[case], seconds=gate.seconds, started_at=gate.started_at)


def _suite(gate: GateReport, axis: Axis, index: int) -> Suite:
    findings = [finding for finding in gate.findings if finding.axis is axis]
    title = one_line(gate.title) or "gate"
    lines = [*map(one_line, gate.differences)]
    lines += [f"{one_line(str(each.model))}: {_details(each)}" for each in findings]
    return Suite(
        name=f"{title} {axis}",
        cases=[_case(each, _kind(each, gate)) for each in findings],
        seconds=0 if index else gate.seconds,
        properties=dict(_properties(gate, findings)),
        output=[*lines, "", wording.INTERVALS],
        started_at=gate.started_at,
    )


def _properties(gate: GateReport, findings: list[Finding]) -> Iterator[tuple[str, str]]:
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
            values[f"{one_line(str(each.model))} {side} sha256"] = sha256
    yield from ((name, one_line(value)) for name, value in values.items() if value)


def _case(finding: Finding, kind: Kind) -> Case:
    classname, name = f"gate.{finding.axis}", one_line(str(finding.model))
    if not kind:
        return Case(classname=classname, name=name)
    return Case(
        classname=classname,
        name=name,
        kind=kind,
        type=finding.verdict.value,
        message="; ".join([wording.summary(finding), *map(one_line, finding.why[:1])]),
        body=() if kind == "skipped" else tuple(map(visible, finding.why)),
    )


def _kind(finding: Finding, gate: GateReport) -> Kind:
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
