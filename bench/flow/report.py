"""Writes the report of a store: the page, plots and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.core.version import VERSION
from bench.flow.join import join
from bench.flow.modes import modes
from bench.flow.results import all_results
from bench.store.store import Store
from reports.page import ModeFrames, write_report
from reports.schema import Endurance, Row, Slice, Stream, Task, frame


def report(
    store: Store,
    *,
    out: Path,
    title: str,
    command: str,
    task_set: str | None = None,
    notes: Sequence[str] = (),
) -> tuple[Path, list[Row]]:
    """Returns the page's path and its rows, after writing page, plots and tables to ``out``."""
    timed = all_results(store)
    rows, tasks = join(store, task_set=task_set, timed=timed)
    found = modes(timed)
    page = write_report(
        frame(rows, Row),
        frame(tasks, Task),
        out=out,
        title=title,
        subtitle=_subtitle(store, rows),
        provenance=_provenance(store, command),
        notes=notes,
        modes=ModeFrames(
            streams=frame(found.streams, Stream),
            endurances=frame(found.endurances, Endurance),
            slices=frame(found.slices, Slice),
        ),
    )
    return page, rows


def _subtitle(store: Store, rows: Sequence[Row]) -> str:
    devices = sorted({row.device for row in rows})
    students = len({row.student for row in rows})
    files, models = _count(len(rows), "file"), _count(students, "model")
    return f"{files} of {models} on {', '.join(devices) or 'no device'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _provenance(store: Store, command: str) -> dict[str, str]:
    found = {"frill-bench": VERSION, "command": command, "database": store.url}
    for number, session in enumerate(store.sessions(), 1):
        device = session.device
        what = [
            device.kind.value,
            device.name,
            device.cpu,
            f"{device.cores} cores",
            device.os_build,
        ]
        found[f"device of session {number}"] = ", ".join(part for part in what if part)
        found[f"session {number}"] = (
            f"{session.id}, started {session.started_at}, seed {session.seed}"
        )
    return found
