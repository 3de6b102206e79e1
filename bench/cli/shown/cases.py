"""What a session measured, as a table with footnotes or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from bench.cli.console import print_json, print_to_stderr
from bench.cli.terminal import print_table
from bench.core import config
from bench.core.caveats import Caveat
from bench.core.errors import BenchError

if TYPE_CHECKING:
    from bench.flow.fleet import Lane
    from bench.flow.report.results import CaseResult, Timed
    from bench.store.records import Session
    from bench.store.store import Store


def show(
    measured: Sequence[Timed],
    errors: Sequence[tuple[str, BenchError]],
    *,
    as_json: bool,
) -> None:
    """Prints the results of sessions.

    Args:
        measured: sessions with their results.
        errors: the serial of each device that failed, and its error.
    """
    notes = _notes(measured)
    if as_json:
        print_json(
            {
                "sessions": [_document(session, results) for session, results in measured],
                "errors": [
                    {"serial": serial, "error": error.message, "hint": error.hint}
                    for serial, error in errors
                ],
            }
        )
    else:
        from bench.cli.shown.operators import operator_tables
        from bench.cli.shown.tables import tables

        for session, results in measured:
            marks = {
                each.case.key: ", ".join(str(notes[note]) for note in _notes_of(each))
                for each in results
            }
            title = f"{session.device.name}: {session.suite}"
            for table in (*tables(title, results, marks), *operator_tables(results)):
                print_table(table)
    for note, number in notes.items():
        print_to_stderr(f"note {number}: {note}")


def show_failed(store: Store, sessions: Sequence[Session], lanes: Sequence[Lane]) -> set[int]:
    """Prints each case that failed, for a verb that has the numbers in a table of its own.

    Returns 4 if one did.
    """
    from bench.flow.report.stored import results

    failed = [each for session in sessions for each in results(store, session) if each.is_bad]
    for each in failed:
        print_to_stderr(f"failed: {each.name}: {', '.join(each.failures) or 'invalid'}")
    return {4} if failed else set()


def _notes(measured: Sequence[Timed]) -> dict[str, int]:
    """Returns each footnote once, with its number."""
    notes: dict[str, int] = {}
    for _, results in measured:
        for result in results:
            for note in _notes_of(result):
                notes.setdefault(note, len(notes) + 1)
    return notes


def _notes_of(result: CaseResult) -> list[str]:
    caveats = [_sentence(each) for each in result.caveats]
    discards = [f"measured again: {_sentence(each)}" for each in result.discards]
    return [
        *caveats,
        *_between_sessions_note(result),
        *_samples_note(result),
        *_energy_note(result),
        *discards,
        *result.failures,
    ]


def _sentence(caveat: Caveat) -> str:
    return f"{caveat.text}; {caveat.evidence}".removesuffix("; ")


def _samples_note(result: CaseResult) -> list[str]:
    samples = result.sampled
    if samples is None:
        return []
    parts = []
    if samples.clock_khz_min is not None:
        parts.append(f"the fastest cores were at {samples.clock_khz_min / 1e3:.0f} MHz or more")
    if samples.cap_khz_min is not None:
        parts.append(f"might reach {samples.cap_khz_min / 1e3:.0f} MHz")
    if samples.temp_c_max is not None:
        parts.append(f"the hottest zone had {samples.temp_c_max:.1f} °C")
    text = ", ".join(parts) or "the device shows nothing"
    return [f"while it ran (samples: {samples.samples}, processes: {samples.processes}): {text}"]


def _energy_note(result: CaseResult) -> list[str]:
    energy = result.energy
    if energy is None:
        return []
    if energy.unavailable is not None:
        return [f"no energy: {energy.unavailable}"]
    powered = f", powered by {energy.plugged}" if energy.plugged else ""
    return [f"energy of these rails alone ({energy.way}{powered}): {', '.join(energy.rails)}"]


def _between_sessions_note(result: CaseResult) -> list[str]:
    spread = result.spread
    if spread is None:
        return []
    return [
        f"between sessions: how far apart the medians of {spread.sessions} sessions on this "
        "device are; the interval covers this session only"
    ]


def _document(session: Session, results: Sequence[CaseResult]) -> dict[str, object]:
    return {
        "device": config.unstructure(session.device),
        "session": {
            name: getattr(session, name)
            for name in ("id", "suite", "seed", "started_at", "plan_sha256")
        },
        "cases": [_case(each) for each in results],
    }


def _case(result: CaseResult) -> dict[str, object]:
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
        "energy": config.unstructure(result.energy),
        "correctness": config.unstructure(result.check),
        "sampled": config.unstructure(result.sampled),
        "cache": result.cache,
        "discarded": result.discarded,
        "discards": _caveats(result.discards),
        "caveats": _caveats(result.caveats),
    }


def _caveats(caveats: Sequence[Caveat]) -> list[dict[str, object]]:
    names = ("kind", "effect", "evidence", "text")
    return [{name: getattr(caveat, name) for name in names} for caveat in caveats]
