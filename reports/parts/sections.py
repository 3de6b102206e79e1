"""The parts of the page beside the table of results: why int8 is slower, scores, what is beaten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.score import metric_in_words
from bench.core.units import GAP
from reports.parts.table import (
    Cell,
    Column,
    Footnotes,
    Heading,
    Line,
    Table,
    filled,
    interval,
    number,
    plain,
    text_headings,
)
from reports.plots.charts import Chart
from reports.rows import int8
from reports.rows.frontier import Marked, Membership
from reports.rows.hops import at_shortest_hop, hop_s
from reports.rows.names import row_names, short_names
from reports.rows.schema import Row, Task, grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Charts and a table with sentences before them, of one place such as a device.

    Args:
        heading: that place.
    """

    heading: str
    sentences: tuple[str, ...]
    charts: tuple[Chart, ...]
    table: Table


def causes(rows: Sequence[Row]) -> Table | None:
    """Returns the table "Why is int8 slower?"; ``None`` if no student has both formats."""
    rows = at_shortest_hop(rows)
    compared = int8.compared(rows)
    if not compared:
        return None
    names = row_names(rows, hops=False)
    comparisons = [each for _, each in compared if not isinstance(each, str)]
    scale = units.duration_scale(
        row.latency_us_median for each in comparisons for row in (each.base, each.row)
    )

    def latency(row: Row) -> Cell:
        return Cell(text=scale.number(row.latency_us_median), order=row.latency_us_median)

    def cells(comparison: int8.Comparison | str) -> Sequence[Cell]:
        if isinstance(comparison, str):
            return [Cell(text=GAP)] * 4
        row, base = comparison.row, comparison.base
        ends = interval(comparison.ratio_low, comparison.ratio_high, units.ratio)
        pieces = [GAP if each.partitions is None else str(each.partitions) for each in (base, row)]
        return (
            latency(base),
            latency(row),
            number(comparison.ratio, units.ratio, ends),
            Cell(text=" → ".join(pieces), order=row.partitions),
        )

    return Table(
        headings=(
            *text_headings("student"),
            Heading(name="float32", unit=scale.unit),
            Heading(name="int8", unit=scale.unit),
            Heading(name="int8 over float32"),
            Heading(name="partitions"),
            *text_headings("why"),
        ),
        lines=tuple(
            Line(cells=(plain(names[row]), *cells(each), plain(int8.explain(each))))
            for row, each in compared
        ),
    )


def task_scores(scores: Sequence[Task], notes: Footnotes) -> Table | None:
    """Returns scores by file and task, below the log-mel floor and chance; ``None`` if no tasks."""
    if not scores:
        return None
    names = list(dict.fromkeys(score.task for score in scores))
    by_task = {name: [score for score in scores if score.task == name] for name in names}
    short = short_names(score.student for score in scores)
    lines = [
        _level_line("log-mel floor", [[s.floor for s in by_task[name]] for name in names]),
        _level_line("chance", [[s.chance for s in by_task[name]] for name in names]),
    ]
    shortest = {
        sha256: min(score.hop_s or 0.0 for score in of_file)
        for sha256, of_file in grouped(scores, lambda score: score.artifact_sha256).items()
    }
    scores = [each for each in scores if (each.hop_s or 0.0) == shortest[each.artifact_sha256]]
    by_file = {(score.artifact_sha256, score.task): score for score in scores}
    files = {score.artifact_sha256: score for score in scores}
    for sha256, first in files.items():
        cells = [_task_cell(by_file.get((sha256, name)), notes) for name in names]
        lines.append(Line(cells=(plain(short[first.student]), plain(first.format), *cells)))
    headings = [*text_headings("student", "format")]
    for name in names:
        first = by_task[name][0]
        metric = metric_in_words(first.metric)
        headings.append(Heading(name=name, unit=f"%, {metric}, {first.test_clips} clips"))
    return Table(headings=tuple(headings), lines=tuple(lines))


def fidelity(rows: Sequence[Row], notes: Footnotes) -> Table | None:
    """Returns how near files are to their float32 source; ``None`` if none was checked."""
    files = {row.file.artifact_sha256: row for row in rows}
    checked = [row for row in files.values() if row.cosine_mean is not None]
    short = short_names(row.file.student for row in rows)

    def cosine(value: float | None) -> Cell:
        return Cell(text=GAP if value is None else f"{value:.5f}", order=value)

    def noise(row: Row) -> Cell:
        if row.snr_db is None:
            return notes.gap("the embeddings are equal, or it was not measured")
        return number(row.snr_db, "{:.1f}".format)

    def student(row: Row) -> Cell:
        name, marks = row.file.student, notes.mark_caveats(row.caveats)
        return Cell(text=short[name], marks=marks, order=name)

    columns: list[Column[Row]] = [
        (Heading(name="student", numeric=False), student),
        (Heading(name="format", numeric=False), lambda row: plain(row.file.format)),
        (Heading(name="mean cosine"), lambda row: cosine(row.cosine_mean)),
        (Heading(name="worst cosine"), lambda row: cosine(row.cosine_min)),
        (Heading(name="signal to noise", unit="dB"), noise),
    ]
    return filled(checked, columns) if checked else None


def dominated(marked: Sequence[Marked]) -> Table | None:
    """Returns which files are beaten by which, and by how much; ``None`` if none is.

    A file at several hops is beaten if it is at each of them; the longest one is shown.
    """
    names = row_names([each.row for each in marked])
    lines = [
        Line(cells=_beaten(each, each.rival, names))
        for each in _never_on(marked)
        if each.rival is not None
    ]
    headings = (
        *text_headings("student", "format", "beaten by", "certainty"),
        Heading(name="accuracy lead", unit="points"),
        Heading(name="latency", unit="over that of the better"),
        Heading(name="size", unit="over that of the better"),
    )
    return Table(headings=headings, lines=tuple(lines)) if lines else None


def _never_on(marked: Sequence[Marked]) -> list[Marked]:
    """Returns each file that is on the frontier at none of its hops, at the longest one."""
    cases = grouped(marked, lambda each: (each.row.file, each.row.setup, each.row.session))
    return [
        max(of_case, key=lambda each: hop_s(each.row) or 0.0)
        for of_case in cases.values()
        if not any(each.row.on_frontier for each in of_case)
    ]


def _beaten(each: Marked, rival: Row, names: Mapping[Row, str]) -> tuple[Cell, ...]:
    row, sure = each.row, each.membership is Membership.OFF
    latency_us, rival_us = row.latency_us_per_audio_s or 0, rival.latency_us_per_audio_s or 1
    return (
        plain(names[row]),
        plain(row.file.format),
        plain(f"{names[rival]} {rival.file.format}"),
        Cell(text="by the intervals" if sure else "by the estimates", order=not sure),
        number((rival.score_mean or 0) - (row.score_mean or 0), units.points),
        number(latency_us / rival_us, units.ratio),
        number(row.size_bytes / rival.size_bytes, units.ratio),
    )


def _level_line(name: str, by_task: Sequence[Sequence[float | None]]) -> Line:
    cells = []
    for levels in by_task:
        present = [level for level in levels if level is not None]
        ends = sorted(
            {units.percent(level) for level in (min(present), max(present))} if present else {GAP}
        )
        cells.append(Cell(text="–".join(ends)))
    return Line(cells=(Cell(text=name), Cell(text=""), *cells))


def _task_cell(score: Task | None, notes: Footnotes) -> Cell:
    if score is None:
        return notes.gap("this task was not scored")
    detail = interval(score.low, score.high, units.percent)
    if score.floor is not None:
        detail += f", {units.points(score.value - score.floor)}"
    if score.over_voices_low is not None and score.over_voices_high is not None:
        ends = interval(score.over_voices_low, score.over_voices_high, units.percent)
        detail += f"; other voices {ends}"
    return number(score.value, units.percent, detail)
