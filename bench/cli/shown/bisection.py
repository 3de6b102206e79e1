"""Prints a bisection: each comparison, and which revision stepped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from bench.cli.terminal import plain_table
from bench.core import config
from bench.core.units import counted
from bench.flow.gate.bisection import Bisection, finding_of
from bench.gate.history.bisection import Compared, End, Ended
from bench.gate.log import Log
from bench.gate.verdict import Verdict
from reports.gate import wording

_EXIT_CODES = {End.NOTHING: 0, End.FAILED: 4}
_UNDECIDED = 5
_REGRESSED = 1


def exit_code(bisection: Bisection, state: Compared | Ended) -> int:
    """Returns the exit code of a bisection: 5 as long as nothing is named."""
    if isinstance(state, Ended) and state.reason is End.FOUND:
        return 0 if bisection.faster else _REGRESSED
    return _EXIT_CODES.get(state.reason, _UNDECIDED) if isinstance(state, Ended) else _UNDECIDED


def comparisons(bisection: Bisection) -> Table:
    """Returns the table of the comparisons so far, in the order of the revisions."""
    table = plain_table(
        f"which of {len(bisection.revisions)} became {_changed(bisection)}",
        ("before", "after", "verdict", "ratio", "blocks"),
        left=("before", "after", "verdict"),
    )
    for compared, log in bisection.logs().items():
        finding = finding_of(log)
        table.add_row(
            *bisection.named(compared),
            _verdict(bisection, finding.verdict),
            ratio(bisection, log),
            str(finding.evidence.blocks if finding.evidence else 0),
        )
    return table


def conclusion(bisection: Bisection, state: Compared | Ended) -> str:
    """Returns how a bisection ended, and what to do next where nothing is named."""
    logs = bisection.logs()
    if isinstance(state, Compared):
        before, after = bisection.named(state)
        return f"not finished: {after} against {before} is next; the same command continues"
    before, after = bisection.named(state.at)
    change = ratio(bisection, logs[state.at])
    changed = _changed(bisection)
    match state.reason:
        case End.FOUND:
            return f"{after} became {changed}: {change} of {before}; {_cost(logs)}"
        case End.NOTHING:
            return (
                f"nothing to find: {after} is not {changed} than {before} by the margin or more "
                f"({change}); {_cost(logs)}"
            )
        case End.GRADUAL:
            first = bisection.revisions[0].name
            return (
                f"no single step: {after} is {changed} than {first}, and not than {before} by the "
                f"margin or more ({change}); several small steps add up: compare with a smaller "
                "--margin"
            )
        case End.FAILED:
            why = "; ".join(finding_of(logs[state.at]).why)
            return f"{after} against {before} does not run as requested: {why}; leave it out"
        case _:
            summary = wording.summary(finding_of(logs[state.at]))
            return (
                f"{after} against {before}: {summary}; more --processes-per-side, a quieter device "
                "or a larger --margin may decide it, and begin a new bisection"
            )


def ratio(bisection: Bisection, log: Log) -> str:
    """Returns the ratio of the later revision to the earlier one, with its interval."""
    return wording.ratio(bisection.change(log))


def document(bisection: Bisection, state: Compared | Ended) -> dict[str, Any]:
    """Returns a bisection as JSON values."""
    found = isinstance(state, Ended) and state.reason is End.FOUND
    return {
        "revisions": [each.name for each in bisection.revisions],
        "faster": bisection.faster,
        "state": state.reason.value if isinstance(state, Ended) else "not finished",
        "step": list(bisection.named(state.at)) if isinstance(state, Ended) and found else None,
        "comparisons": [
            {
                "before": bisection.revisions[compared.before].name,
                "after": bisection.revisions[compared.after].name,
                "verdict": finding_of(log).verdict,
                "ratio": config.unstructure(bisection.change(log)),
                "gate_id": log.opened.gate_id,
                "session_id": log.opened.session_id,
            }
            for compared, log in bisection.logs().items()
        ],
    }


def _changed(bisection: Bisection) -> str:
    return "faster" if bisection.faster else "slower"


def _verdict(bisection: Bisection, verdict: Verdict) -> str:
    words = {
        Verdict.REGRESSED: _changed(bisection),
        Verdict.SAME: f"not {_changed(bisection)}",
        Verdict.IMPROVED: f"not {_changed(bisection)}",
    }
    return words.get(verdict, verdict.value)


def _cost(logs: Mapping[Compared, Log]) -> str:
    blocks = sum(len(log.blocks(log.opened.models[0].model)) for log in logs.values())
    return f"{counted(len(logs), 'comparison')}, {counted(blocks, 'block')}"
