"""JUnit XML, valid by both schemas in use, which agree on little.

Jenkins' ``junit-10.xsd`` (xUnit plugin), and Ant's as Windy Road published it (for that one
``started_at`` must be known). So a case has one child at most and no output or properties of its
own: its details are in the output of its suite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from xml.etree import ElementTree as ET

Kind: TypeAlias = Literal["failure", "error", "skipped", ""]  # empty: it passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case.

    Args:
        type, message, body: of what is not good; the body has lines.
    """

    classname: str
    name: str
    kind: Kind = ""
    type: str = ""
    message: str = ""
    body: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One test suite.

    Args:
        output: lines.
        started_at: in UTC; ``None`` where it is not known.
    """

    name: str
    cases: Sequence[Case]
    seconds: float = 0.0
    properties: Mapping[str, str] = field(default_factory=dict)
    output: Sequence[str] = ()
    started_at: datetime | None = None


def to_xml(suites: Sequence[Suite]) -> str:
    """Returns the document, the same text for the same suites; write it as UTF-8."""
    root = ET.Element("testsuites")
    for number, suite in enumerate(suites):
        _suite(root, suite, number)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: ET.Element, suite: Suite, number: int) -> None:
    kinds = [case.kind for case in suite.cases]
    element = ET.SubElement(
        root,
        "testsuite",
        {
            "package": "frill-bench",
            "id": str(number),
            "name": suite.name,
            "tests": str(len(kinds)),
            "failures": str(kinds.count("failure")),
            "errors": str(kinds.count("error")),
            "skipped": str(kinds.count("skipped")),
            "time": _seconds(suite.seconds),
        },
    )
    if suite.started_at is not None:
        element.set("timestamp", suite.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
        element.set("hostname", "localhost")  # the name of a machine is private
    properties = ET.SubElement(element, "properties")
    for name, value in suite.properties.items():
        if value:
            ET.SubElement(properties, "property", {"name": name, "value": value})
    for case in suite.cases:
        named = {"classname": case.classname, "name": case.name, "time": _seconds(0)}
        child = ET.SubElement(element, "testcase", named)
        if case.kind:
            _text(child, case.kind, case.body, {"type": case.type, "message": case.message})
    _text(element, "system-out", suite.output)
    _text(element, "system-err", [])


def _text(
    parent: ET.Element, tag: str, lines: Sequence[str], attributes: dict[str, str] | None = None
) -> None:
    ET.SubElement(parent, tag, attributes or {}).text = "\n".join(lines) or None


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
