"""Findings as JUnit XML: one test suite per rule, one test case per file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bench.core.units import one_line, visible
from reports.lint.findings import MEANINGS, Finding, Lint, Linted, Rule
from reports.lint.table import headline
from reports.parts import junit
from reports.parts.junit import Case, Suite

_ALWAYS = (Rule.PARTITIONS, Rule.OPERATORS_LEFT, Rule.DYNAMIC)


def to_xml(lint: Lint, *, started_at: datetime) -> str:
    """Returns the document; write it as UTF-8.

    A finding that fails is a failure, an unreadable file an error; an unknown one that does not
    fail is skipped. Other findings are in the output of their suite, and their cases pass.

    Args:
        started_at: in UTC.
    """
    found = {each.rule for _, each in lint.findings()}
    rules = [rule for rule in Rule if rule in found | lint.fail_on | set(_ALWAYS)]
    return junit.to_xml([_suite(lint, rule, started_at) for rule in rules])


def _suite(lint: Lint, rule: Rule, started_at: datetime) -> Suite:
    of_rule = [(file, [each for each in file.findings if each.rule is rule]) for file in lint.files]
    return Suite(
        name=f"zoo lint {rule}",
        cases=[_case(lint, rule, file, found) for file, found in of_rule],
        properties={
            "rule": MEANINGS[rule],
            "result": headline(lint),
            **{f"{_name(file)} sha256": file.sha256 for file, _ in of_rule},
        },
        output=[f"{_name(file)}: {_text(each)}" for file, found in of_rule for each in found],
        started_at=started_at,
    )


def _case(lint: Lint, rule: Rule, file: Linted, found: Sequence[Finding]) -> Case:
    classname = f"lint.{rule}"
    failing = [each for each in found if lint.fails(each)]
    shown = failing or (found if rule is Rule.UNKNOWN else ())
    if not shown:
        return Case(classname=classname, name=_name(file))
    kind: junit.Kind = "failure" if failing else "skipped"
    return Case(
        classname=classname,
        name=_name(file),
        kind="error" if rule is Rule.UNREADABLE else kind,
        type=rule.value,
        message=_text(shown[0]),
        body=tuple(visible(_text(each)) for each in shown) if failing else (),
    )


def _name(file: Linted) -> str:
    return one_line(file.path)


def _text(finding: Finding) -> str:
    return "; ".join(map(one_line, (finding.message, *finding.why, finding.evidence)))
