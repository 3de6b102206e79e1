"""A gate's findings as GitHub workflow commands, which it shows beside a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from reports.gate import wording
from reports.gate.rows import Finding, Gate, Verdict

# GitHub shows ten of a kind a step and drops the others without a word; a title has a limit too.
_MOST = 10
_TITLE_CHARACTERS = 255


class Kind(StrEnum):
    """Which command."""

    ERROR = "error"
    WARNING = "warning"


def commands(gate: Gate) -> str:
    """Returns the commands, one a line; empty where there is nothing to say.

    What regressed or failed is an error; what is undecided is one if that fails, else a warning.
    Where the gate came to no verdict, and no model is to blame, a warning says so.
    """
    errors = [Verdict.REGRESSED, Verdict.FAILED]
    warnings = [Verdict.UNDECIDED]
    if gate.undecided_fails:
        errors, warnings = errors + warnings, []
    first = [] if _explains(gate) else [(gate.title, wording.headline(gate))]
    lines = [
        *_of(Kind.ERROR, map(_said, gate.of(*errors))),
        *_of(Kind.WARNING, [*first, *map(_said, gate.of(*warnings))]),
    ]
    return "".join(f"{line}\n" for line in lines)


def command(kind: Kind, title: str, message: str) -> str:
    """Returns one command, escaped as the runner unescapes it."""
    short = wording.one_line(title, characters=_TITLE_CHARACTERS)
    return f"::{kind} title={_property(short)}::{_data(wording.visible(message))}"


def _of(kind: Kind, said: Iterable[tuple[str, str]]) -> list[str]:
    listed = list(said)
    if len(listed) > _MOST:
        left = len(listed) - (_MOST - 1)
        more = (f"{left} more", "GitHub shows ten; the step summary and the log have all")
        listed = [*listed[: _MOST - 1], more]
    return [command(kind, title, message) for title, message in listed]


def _explains(gate: Gate) -> bool:
    return gate.exit_code in (0, 1, 5) or bool(gate.of(Verdict.FAILED))


def _said(finding: Finding) -> tuple[str, str]:
    why = [wording.one_line(sentence) for sentence in finding.why]
    title = f"{wording.one_line(finding.name)} {finding.verdict} in {finding.axis}"
    return title, "\n".join([wording.told(finding), *why[:_MOST]])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
