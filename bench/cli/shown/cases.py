"""What a session measured, as a table with footnotes or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.cli.console import print_json, print_table, tell

if TYPE_CHECKING:
    from bench.core.caveats import Caveat
    from bench.core.errors import BenchError
    from bench.flow.report.results import CaseResult
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
        from bench.cli.shown.operators import operator_tables
        from bench.cli.shown.tables import tables

        for session, found in measured:
            marks = {
                each.case.key: ", ".join(str(notes[note]) for note in _notes_of(each))
                for each in found
            }
            title = f"{session.device.name}: {session.suite}"
            for table in (*tables(title, found, marks), *operator_tables(found)):
                print_table(table)
    for note, number in notes.items():
        tell(f"note {number}: {note}")


def _notes(measured: Sequence[Measured]) -> dict[str, int]:
    """Returns each footnote once, with its number."""
    notes: dict[str, int] = {}
    for _, found in measured:
        for result in found:
            for note in _notes_of(result):
                notes.setdefault(note, len(notes) + 1)
    return notes


def _notes_of(result: CaseResult) -> list[str]:
    caveats = [_sentence(each) for each in result.caveats]
    discards = [f"measured again: {_sentence(each)}" for each in result.discards]
    return [*caveats, *_between_sessions(result), *_sampled(result), *discards, *result.failures]


def _sentence(caveat: Caveat) -> str:
    return f"{caveat.text}; {caveat.evidence}".removesuffix("; ")


def _sampled(result: CaseResult) -> list[str]:
    found = result.sampled
    if found is None:
        return []
    parts = [
        f"the fastest cores were at {found.clock_khz_min / 1e3:.0f} MHz or more"
        if found.clock_khz_min is not None
        else "",
        f"might reach {found.cap_khz_min / 1e3:.0f} MHz" if found.cap_khz_min is not None else "",
        f"the hottest zone had {found.temp_c_max:.1f} °C" if found.temp_c_max is not None else "",
    ]
    seen = ", ".join(filter(None, parts)) or "the device shows nothing"
    return [f"while it ran (samples: {found.samples}, processes: {found.processes}): {seen}"]


def _between_sessions(result: CaseResult) -> list[str]:
    spread = result.spread
    if spread is None:
        return []
    return [
        f"between sessions: the medians of {spread.sessions} sessions on this device were as far "
        "apart; expect that beside the interval, which is within this session"
    ]


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
        "op_profile": config.unstructure(result.profile),
        "exact": None
        if result.artifact is None
        else {"size_bytes": result.artifact.size_bytes, "parameters": result.artifact.parameters},
        "conventional": config.unstructure(result.conventional),
        "between_sessions": config.unstructure(result.spread),
        "streaming": config.unstructure(result.streaming),
        "sustained": config.unstructure(result.curve),
        "correctness": config.unstructure(result.check),
        "sampled": config.unstructure(result.sampled),
        "discarded": result.discarded,
        "discards": _caveats(result.discards),
        "caveats": _caveats(result.caveats),
    }


def _caveats(caveats: Sequence[Caveat]) -> list[dict[str, object]]:
    return [
        {
            "kind": caveat.kind,
            "effect": caveat.effect,
            "evidence": caveat.evidence,
            "text": caveat.text,
        }
        for caveat in caveats
    ]
