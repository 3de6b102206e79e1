"""What a session measured, as a table with footnotes or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli.output import print_json, print_table, tell

if TYPE_CHECKING:
    from rich.table import Table

    from bench.core.errors import BenchError
    from bench.flow.results import CaseResult
    from bench.store.records import Session

Measured = tuple["Session", Sequence["CaseResult"]]


def show(
    measured: Sequence[Measured], errors: Sequence[tuple[str, BenchError]], *, as_json: bool
) -> None:
    """Prints sessions and the devices that were set aside.

    Args:
        errors: serial and why.
    """
    notes = _notes(measured)
    if as_json:
        print_json(
            {
                "sessions": [_document(session, found) for session, found in measured],
                "errors": [
                    {"serial": serial, "error": error.message, "hint": error.hint}
                    for serial, error in errors
                ],
            }
        )
    else:
        for session, found in measured:
            print_table(_table(session, found, notes))
    for note, number in notes.items():
        tell(f"note {number}: {note}")


def _notes(measured: Sequence[Measured]) -> dict[str, int]:
    """Returns each footnote once, with its number."""
    notes: dict[str, int] = {}
    for _, found in measured:
        for result in found:
            for note in _doubts(result):
                notes.setdefault(note, len(notes) + 1)
    return notes


def _doubts(result: CaseResult) -> list[str]:
    caveats = [f"{each.text}; {each.evidence}".removesuffix("; ") for each in result.caveats]
    return [*caveats, *result.failures]


def _document(session: Session, found: Sequence[CaseResult]) -> dict[str, object]:
    from bench.core import config

    return {
        "device": config.unstructure(session.device),
        "session": {
            "id": session.id,
            "suite": session.suite,
            "seed": session.seed,
            "started_at": session.started_at,
            "plan_sha256": session.plan_sha256,
        },
        "cases": [_case(each) for each in found],
    }


def _case(result: CaseResult) -> dict[str, object]:
    from dataclasses import fields

    from bench.core import config
    from bench.measure.summary import Summary

    case = config.unstructure(result.case)
    summary = config.unstructure(result.summary) if result.summary else {}
    numbers = {field.name: summary.get(field.name) for field in fields(Summary)}
    numbers["processes"] = numbers["processes"] or 0
    return {
        **case,
        **numbers,
        "key": result.case.key,
        "name": result.name,
        "model": result.model,
        "format": result.artifact.format if result.artifact else None,
        "failed": result.failed,
        "failures": list(result.failures),
        "sampled_memory_mb_peak": result.sampled_memory_mb_peak,
        "op_profile": None if result.profile is None else config.unstructure(result.profile),
        "caveats": [
            {
                "kind": caveat.kind,
                "effect": caveat.effect,
                "evidence": caveat.evidence,
                "text": caveat.text,
            }
            for caveat in result.caveats
        ],
    }


def _table(session: Session, found: Sequence[CaseResult], notes: dict[str, int]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from bench.core import units

    summaries = [result.summary for result in found if result.summary is not None]
    latency = units.duration_scale([each.latency_us_median for each in summaries])
    init = units.duration_scale([each.init_us_median for each in summaries])
    table = Table("model", "delegate", title=escape(f"{session.device.name}: {session.suite}"))
    table.title_justify = "left"
    pinned = any(result.case.affinity for result in found)
    for heading in (
        "threads",
        *(["cores"] if pinned else []),
        f"median {latency.unit}",
        f"95 % low {latency.unit}",
        f"high {latency.unit}",
        f"min {latency.unit}",
        f"init {init.unit}",
        "processes",
        "runs",
        "failed",
        "partitions",
    ):
        table.add_column(heading, justify="right")
    table.add_column("notes")
    for result in found:
        each = result.summary
        numbers = [*[units.GAP] * 5, "0", "0", units.GAP]
        if each is not None:
            partitions = units.GAP if each.partitions is None else str(each.partitions)
            numbers = [
                latency.number(each.latency_us_median),
                latency.number(each.latency_us_low),
                latency.number(each.latency_us_high),
                latency.number(each.latency_us_min),
                init.number(each.init_us_median),
                str(each.processes),
                str(each.iterations),
                partitions,
            ]
        numbers.insert(-1, str(result.failed))
        cores = [result.case.affinity or "all"] if pinned else []
        marks = ", ".join(str(notes[note]) for note in _doubts(result))
        table.add_row(
            escape(result.name),
            result.case.delegate,
            str(result.case.threads),
            *cores,
            *numbers,
            marks,
        )
    return table
