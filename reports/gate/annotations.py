"""A gate's findings as GitHub workflow commands, which it shows beside a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from bench.core.units import one_line, visible
from bench.gate.verdict import Finding, Verdict
from reports.gate import wording
from reports.gate.gate_report import GateReport

# GitHub shows ten of a kind per step and silently drops the others; a title has a limit too.
_MOST = 10
_TITLE_CHARACTERS = 255

Kind: TypeAlias = Literal["error", "warning"]  # the name of a command


def commands(gate: GateReport) -> str:
    """Returns the commands, one per line; empty where there is nothing to report.

    Regressed and failed models are errors, and undecided ones that fail; other undecided ones are
    warnings, first those that seem slower.
    A gate without a verdict that no model explains gives a warning.
    """
    undecided = gate.of(Verdict.UNDECIDED)
    failing = [each for each in undecided if gate.undecided.fails(each)]
    errors = [*gate.of(Verdict.REGRESSED, Verdict.FAILED), *failing]
    warnings = [each for each in undecided if each not in failing]
    first = [(gate.title, each) for each in gate.differences]
    if not _is_explained(gate):
        reason = f": {gate.message}" if gate.message else ""
        first.append((gate.title, wording.headline(gate) + reason))
    lines = [
        *_of("error", map(_annotation, errors)),
        *_of("warning", [*first, *map(_annotation, warnings)]),
    ]
    return "".join(f"{line}\n" for line in lines)


def command(kind: Kind, title: str, message: str) -> str:
    """Returns one command, escaped as the runner unescapes it."""
    short = one_line(title, characters=_TITLE_CHARACTERS)
    return f"::{kind} title={_property(short)}::{_data(visible(message))}"


def _of(kind: Kind, annotations: Iterable[tuple[str, str]]) -> list[str]:
    listed = list(annotations)
    if len(listed) > _MOST:
        hidden = len(listed) - (_MOST - 1)
        more = (f"{hidden} more", "GitHub shows ten; the step summary and the log have all")
        listed = [*listed[: _MOST - 1], more]
    return [command(kind, title, message) for title, message in listed]


def _is_explained(gate: GateReport) -> bool:
    return gate.exit_code in (0, 1, 5) or bool(gate.of(Verdict.FAILED))


def _annotation(finding: Finding) -> tuple[str, str]:
    why = [one_line(sentence) for sentence in finding.why]
    slower = ", seems slower" if finding.seems_slower else f" in {finding.axis}"
    title = f"{one_line(str(finding.model))} {wording.word(finding)}{slower}"
    return title, "\n".join([wording.summary(finding), *why[:_MOST]])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
