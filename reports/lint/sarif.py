"""Findings as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.core.hashing import sha256_value
from bench.core.units import one_line
from bench.core.version import VERSION
from reports.lint.findings import COSTS, MEANINGS, Finding, Lint, Linted, Rule

Json = dict[str, Any]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_MOST_RESULTS = 5_000  # GitHub shows no more of one run
_ROOT = "%SRCROOT%"


def document(lint: Lint, *, exit_code: int, root: Path) -> Json:
    """Returns the findings as a SARIF log, those that fail first.

    What is not known has the kind ``open`` and no level, unless it fails. A result has a
    fingerprint of rule, file and device, so that it is the same result after each commit.

    Args:
        root: the folder that paths are relative to, where they are in it.
    """
    results = [_result(lint, file, each, root) for file, each in lint.findings()]
    left_out = len(results) - _MOST_RESULTS
    run: Json = {
        "tool": {
            "driver": {
                "name": "frill-bench zoo lint",
                "version": VERSION,
                "rules": [_rule(lint, rule) for rule in Rule],
            }
        },
        "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
        "columnKind": "unicodeCodePoints",
        "artifacts": [
            {
                "location": _location(file, root),
                "length": file.size_bytes,
                "hashes": {"sha-256": file.sha256},
            }
            for file in lint.files
        ],
        "results": results[:_MOST_RESULTS],
    }
    if left_out > 0:
        run["properties"] = {"resultsLeftOut": left_out}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(lint: Lint, rule: Rule) -> Json:
    fails = rule in lint.fail_on or rule is Rule.UNREADABLE
    return {
        "id": rule.value,
        "shortDescription": {"text": MEANINGS[rule]},
        "fullDescription": {"text": MEANINGS[rule]},
        "help": {"text": COSTS[rule]},
        "defaultConfiguration": {"level": _level(rule, fails=fails)},
    }


def _result(lint: Lint, file: Linted, finding: Finding, root: Path) -> Json:
    fails = lint.fails(finding)
    is_open = finding.rule is Rule.UNKNOWN and not fails
    about = {
        "device": finding.device,
        "delegate": finding.delegate,
        "evidence": one_line(finding.evidence),
        "sha256": file.sha256,
    }
    return {
        "ruleId": finding.rule.value,
        "ruleIndex": list(Rule).index(finding.rule),
        "kind": "open" if is_open else "fail",
        "level": _level(finding.rule, fails=fails),
        "message": {"text": _message(file, finding)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _location(file, root),
                    "region": {"startLine": 1},  # code scanning shows no result without a line
                }
            }
        ],
        "partialFingerprints": {"frillBenchLint/v1": _fingerprint(file, finding, root)},
        "properties": {name: value for name, value in about.items() if value},
    }


def _level(rule: Rule, *, fails: bool) -> str:
    if fails:
        return "error"
    return "none" if rule is Rule.UNKNOWN else "warning"


def _message(file: Linted, finding: Finding) -> str:
    why = "".join(f"\n- {one_line(each)}" for each in finding.why)
    return f"{one_line(file.name)}: {one_line(finding.message)} ({one_line(finding.evidence)}){why}"


def _location(file: Linted, root: Path) -> Json:
    path = Path(file.path).absolute()
    if path.is_relative_to(root):
        return {"uri": quote(path.relative_to(root).as_posix()), "uriBaseId": _ROOT}
    return {"uri": path.as_uri()}


def _fingerprint(file: Linted, finding: Finding, root: Path) -> str:
    place = _location(file, root)["uri"]
    of_tensor = finding.message if finding.rule is Rule.DYNAMIC else ""
    return sha256_value([finding.rule, place, finding.device, finding.delegate, of_tensor])
