"""Students compared with the most accurate one: all comparisons at once, over voices and seeds."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core import units
from bench.core.artifact import Format
from bench.core.units import counted
from reports.decision.intervals import Less, holm, score_less
from reports.parts.sections import Section
from reports.parts.table import Cell, Column, Heading, filled, number, plain
from reports.rows.hops import at_shortest_hop
from reports.rows.names import short_names
from reports.rows.paired import SEEDS_APART
from reports.rows.schema import Row, grouped

_LEVEL = 0.05
_MOST = 60  # students, those nearest to the most accurate one


def sections(rows: Sequence[Row]) -> list[Section]:
    """Returns the comparison of students for each task set and rule with two of them at least.

    Each student has one file there: the float32 one, else the first of its formats.
    """
    scored = [row for row in at_shortest_hop(rows) if row.score_mean is not None]
    ways = grouped(scored, lambda row: (row.score_task_set or "", row.score_rule or ""))
    found = [_section(task_set, alike) for (task_set, _), alike in ways.items()]
    return [each for each in found if each is not None]


def _section(task_set: str, rows: Sequence[Row]) -> Section | None:
    order = list(Format)
    files = [
        min(of_student, key=lambda row: order.index(row.file.format))
        for of_student in grouped(rows, lambda row: row.file.student).values()
    ]
    best = max(files, key=lambda row: (row.score_mean or 0.0, row.file.student))
    pairs = [(row, less) for row in files if row is not best if (less := score_less(best, row))]
    pairs = [(row, less) for row, less in pairs if less.p_value is not None]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: (pair[1].change.value, pair[0].file.student))
    # The most accurate one is chosen by these very scores, so all pairs of students count.
    among = len(files) * (len(files) - 1) // 2
    adjusted = holm([less.p_value or 0.0 for _, less in pairs], among=among)
    chances = {row: p for (row, _), p in zip(pairs, adjusted, strict=True)}
    short = short_names(row.file.student for row in files)
    columns: list[Column[tuple[Row, Less]]] = [
        (Heading(name="student", numeric=False), lambda pair: plain(short[pair[0].file.student])),
        (Heading(name="format", numeric=False), lambda pair: plain(pair[0].file.format)),
        (Heading(name="less accurate by", unit="points"), _lost),
        (Heading(name="interval over", numeric=False), lambda pair: plain(_over(pair[1]))),
        (Heading(name="p", unit="Holm"), lambda pair: _p(chances[pair[0]])),
        (
            Heading(name="distinguished", numeric=False),
            lambda pair: plain(_verdict(pair[1], chances[pair[0]])),
        ),
    ]
    return Section(
        heading=task_set if len({row.score_task_set for row in rows}) > 1 else "",
        sentences=_sentences(f"{short[best.file.student]} {best.file.format}", task_set, among),
        charts=(),
        table=filled(pairs[:_MOST], columns),
    )


def _sentences(best: str, task_set: str, among: int) -> tuple[str, ...]:
    seeds = SEEDS_APART.get(task_set)
    known = (
        "How far two training seeds of one student are apart was not measured on this task set."
        if seeds is None
        else f"Two training seeds of one student differ by {units.points(seeds).lstrip('+')} "
        "points: students that are nearer are not distinguished."
    )
    return (
        f"Each student against the most accurate one, {best}, on the same clips: "
        f"Holm\u2019s p-values, among {counted(among, 'pair')} of students.",
        known,
    )


def _lost(pair: tuple[Row, Less]) -> Cell:
    change = pair[1].change
    ends = "" if change.ends is None else " to ".join(map(units.points, change.ends))
    return number(change.value, units.points, ends)


def _over(less: Less) -> str:
    if less.voices:
        return counted(less.voices, "voice")
    return "clips, in pairs" if less.paired else "clips, as independent"


def _p(value: float) -> Cell:
    return Cell(text="under .001" if value < 0.001 else f"{value:.3f}", order=value)


def _verdict(less: Less, p_value: float) -> str:
    if less.not_distinguished:
        return f"no: {less.not_distinguished}"
    if p_value >= _LEVEL:
        return "no: one of so many comparisons may differ as much by chance"
    return "yes"
