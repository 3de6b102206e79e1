"""The schemas that outputs and CI files are held to, and how they are applied."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema

SCHEMAS = Path(__file__).parent.parent / "data" / "schemas"

# The facts of both JUnit schemas that we rely on. Jenkins: junit-10.xsd of its xUnit plugin, which
# junit-plugin reads too; Ant: JUnit.xsd of Windy Road. Of each element what may be in it, in this
# order, and its attributes, those with a star required by one of them.
JUNIT: dict[str, tuple[str, dict[str, str]]] = {
    "testsuites": ("(testsuite )*", {}),
    "testsuite": (
        "properties (testcase )*system-out system-err ",
        {
            "name*": r"\S(.*\S)?", "package*": r"\S(.*\S)?", "hostname*": r"\S(.*\S)?",
            "id*": r"\d+", "tests*": r"\d+", "failures*": r"\d+", "errors*": r"\d+",
            "skipped": r"\d+",
            "timestamp*": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
            "time*": r"([0-9]{0,3})*(\.[0-9]*)?",
        },
    ),
    "properties": ("(property )*", {}),
    "property": ("", {"name*": r".*\S.*", "value*": ".*"}),
    "testcase": (
        "((skipped|error|failure) )?",
        {"name*": r"\S(.*\S)?", "classname*": r"\S(.*\S)?", "time*": r"\d+\.\d+"},
    ),
    "failure": ("", {"type*": ".+", "message": ".*"}),
    "error": ("", {"type*": ".+", "message": ".*"}),
    "skipped": ("", {"type": ".+", "message": ".*"}),
    "system-out": ("", {}),
    "system-err": ("", {}),
}  # fmt: skip


def assert_junit(element: ET.Element) -> None:
    """Asserts that an element is valid by both schemas, and that suites count their cases."""
    children, attributes = JUNIT[element.tag]
    assert re.fullmatch(children, "".join(f"{child.tag} " for child in element)), element.tag
    required = {name[:-1] for name in attributes if name.endswith("*")}
    patterns = {name.rstrip("*"): pattern for name, pattern in attributes.items()}
    assert required <= set(element.attrib) <= set(patterns)
    for name, value in element.attrib.items():
        assert re.fullmatch(patterns[name], value), f"{element.tag} {name}={value!r}"
    if element.tag == "testsuite":
        kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
        for attribute, tag in kinds.items():
            assert int(element.attrib[attribute]) == len(element.findall(f"testcase/{tag}"))
        assert int(element.attrib["tests"]) == len(element.findall("testcase"))
    for child in element:
        assert_junit(child)


def assert_valid(document: Any, schema: str) -> None:
    """Asserts that a document is valid by the schema in a file of ``tests/data/schemas``."""
    _validator(schema).validate(document)


@cache
def _validator(schema: str) -> Any:
    content = json.loads((SCHEMAS / schema).read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(content)
    return kind(content, format_checker=jsonschema.FormatChecker())
