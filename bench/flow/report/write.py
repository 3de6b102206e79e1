"""Writes the report of a store: the page, plots and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.core.units import counted, elapsed
from bench.core.version import VERSION
from bench.flow.report.accuracy import apart_scores
from bench.flow.report.details import details_of
from bench.flow.report.gates import NONE, gates_beside, with_gates, write_gates
from bench.flow.report.join import device_names, join
from bench.flow.report.mode_rows import modes
from bench.flow.report.stored import newest_results, sessions_of
from bench.flow.report.teacher_accuracy import accuracies
from bench.store.store import Store
from models.student.buildable import TRILL, TrillShaped
from models.student.spec import ALIASES, is_student, parse_name
from reports.effects.fit import Estimate, Traits, estimates
from reports.page.details import addresses
from reports.page.page import write_report
from reports.rows.against_teacher import AgainstTeacher, against_teacher
from reports.rows.details import Details
from reports.rows.frontier import mark
from reports.rows.hops import at_shortest_hop
from reports.rows.intervals import check
from reports.rows.schema import Row


def report(
    store: Store,
    *,
    out: Path,
    title: str,
    command: str,
    task_set: str | None = None,
    notes: Sequence[str] = (),
    stages: Mapping[str, float] = MappingProxyType({}),
    with_imported: bool = False,
    beside: Path | None = None,
    is_alone: bool = False,
) -> tuple[Path, list[Row]]:
    """Returns the page's path and its rows, after writing page, plots and tables to ``out``.

    Args:
        beside: the folder of the database, whose gates and calibrations are shown too.
        is_alone: the page has none beside it, so it links to none.
        stages: seconds of each stage before, if one run did all of them; shown on the page.
        with_imported: imported rows may be on a frontier with measured ones.
    """
    timed = newest_results(store)
    scored = store.scores()
    rows, tasks = join(
        store, task_set=task_set, timed=timed, scored=scored, with_imported=with_imported
    )
    streams, endurances = modes(timed)
    check(rows)
    marked = mark(rows)
    found = NONE if beside is None else gates_beside(beside)
    details = Details()
    if not is_alone:
        details = with_gates(details_of(timed), found, [session.device for session, _ in timed])
    page = write_report(
        rows,
        tasks,
        out=out,
        title=title,
        subtitle=_subtitle(rows) + _duration(stages),
        provenance=_provenance(store, command) | _stage_times(stages),
        notes=notes,
        streams=streams,
        endurances=endurances,
        effects=effects_of(rows),
        against=against_teachers(store, rows),
        details=details,
        marked=marked,
        scores_apart=apart_scores(store, scored),
    )
    if not is_alone:
        write_gates(found, details, addresses(details, marked), out)
    return page, [each.row for each in marked]


def against_teachers(store: Store, rows: Sequence[Row]) -> list[AgainstTeacher]:
    """Returns students against TRILL's own file or its shape, where these were timed beside them.

    Empty where no teacher was timed.
    """
    teachers = (TRILL, TrillShaped().name)
    timed = {row.file.student for row in rows}
    if not timed & set(teachers):
        return []
    short = {spec.name: alias for alias, spec in ALIASES.items()}
    students = {name: short.get(name) for name in timed if is_student(name)}
    known = accuracies(store, rows)
    return against_teacher(rows, known, students=students, teachers=teachers)


def effects_of(rows: Sequence[Row]) -> list[Estimate]:
    """Returns the effect of each hyper-parameter on the students in ``rows``; empty if too few.

    Each case counts once, at its shortest hop.
    """
    rows = at_shortest_hop(rows)
    names = {row.file.student for row in rows if is_student(row.file.student)}
    return estimates(rows, {name: _traits(name) for name in names})


def _traits(name: str) -> Traits:
    spec = parse_name(name)
    return Traits(
        size=spec.size.value,
        width=spec.width,
        head=spec.head.value,
        pooling=spec.pooling.value,
        bottleneck="full" if spec.bottleneck_rank is None else "low-rank",
        embedding_size=spec.embedding_size,
        activation=spec.activation.value,
        graph_begins=spec.graph_begins,
        training="qat" if spec.qat else "plain",
    )


def _subtitle(rows: Sequence[Row]) -> str:
    devices = sorted({row.setup.device for row in rows})
    students = len({row.file.student for row in rows})
    files = counted(len({row.file.artifact_sha256 for row in rows}), "file")
    models = counted(students, "model")
    return f"{files} of {models} on {', '.join(devices) or 'no device'}"


def _duration(stages: Mapping[str, float]) -> str:
    return f", made in {elapsed(sum(stages.values()))}" if stages else ""


def _stage_times(stages: Mapping[str, float]) -> dict[str, str]:
    times = ", ".join(f"{name} {elapsed(wall_s)}" for name, wall_s in stages.items())
    return {"time of each stage": times} if stages else {}


def _provenance(store: Store, command: str) -> dict[str, str]:
    facts = {"frill-bench": VERSION, "command": command, "database": store.url}
    sessions = sessions_of(store)
    names = device_names(session.device for session in sessions)
    for number, session in enumerate(sessions, 1):
        device = session.device
        parts = [
            device.kind.value,
            names[device.key],
            device.cpu,
            f"{device.cores} cores",
            device.os_build,
        ]
        facts[f"device of session {number}"] = ", ".join(part for part in parts if part)
        facts[f"session {number}"] = (
            f"{session.id}, started {session.started_at}, seed {session.seed}"
        )
    return facts
