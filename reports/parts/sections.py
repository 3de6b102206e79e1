"""The parts of the page beside the table of results: what to ship, why, and what is beaten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Effect
from bench.core.units import GAP, counted
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
from reports.rows.names import row_names, short_names
from reports.rows.schema import Row, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A file on the frontier, in words.

    Args:
        tags: what it is best at, such as ``fastest``.
        facts: (number, what it is, interval) for accuracy, latency and size.
        sentences: how certain its place is, how it compares with the most accurate, and so on.
        marks: of footnotes.
    """

    student: str
    full_name: str
    format: str
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    sentences: tuple[str, ...]
    marks: tuple[str, ...]


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


def verdict(marked: Sequence[Marked]) -> str:
    """Returns in one or two sentences what of a view's rows is worth shipping."""
    rows = [each.row for each in marked]
    if all(row.score_mean is None for row in rows):
        return "Nothing was scored, so nothing can be called worth shipping." + _extremes(rows)
    eligible = [each for each in marked if not each.not_eligible]
    if not eligible:
        reasons = sorted({each.not_eligible for each in marked})
        return f"No file can be on the frontier: {'; '.join(reasons)}."
    on_frontier = [each for each in eligible if each.row.on_frontier]
    front, sure = len(on_frontier), sum(each.membership is Membership.ON for each in on_frontier)
    if len(eligible) == 1:
        text = "Only one file can be on the frontier, so there is nothing to compare it with."
    else:
        verb, for_each = ("is", "") if front == 1 else ("are", "for each, ")
        text = (
            f"{front} of {counted(len(eligible), 'file')} {verb} on the frontier: {for_each}no "
            "other file is both faster and at least as accurate. "
        )
        text += _sureness(front, sure)
    others = len(rows) - len(eligible)
    if not others:
        return text
    return f"{text} {counted(others, 'file')} could not compete (see the table)."


def picks(marked: Sequence[Marked], notes: Footnotes) -> list[Pick]:
    """Returns the files on the frontier of accuracy and latency, the fastest first."""
    names = row_names([each.row for each in marked])
    front = sorted(
        (each for each in marked if each.row.on_frontier),
        key=lambda each: (each.row.latency_us_per_audio_s or 0, each.row.file.name),
    )
    rows = [each.row for each in front]
    return [
        Pick(
            student=names[row],
            full_name="" if names[row] == row.file.student else row.file.student,
            format=row.file.format,
            tags=_tags(row, rows),
            facts=_facts(row),
            sentences=_sentences(row, each, rows, names),
            marks=notes.mark_caveats(row.caveats),
        )
        for each, row in zip(front, rows, strict=True)
    ]


def causes(rows: Sequence[Row]) -> Table | None:
    """Returns the table "Why is int8 slower?"; ``None`` if no student has both formats."""
    compared = int8.compared(rows)
    if not compared:
        return None
    names = row_names(rows)
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
    by_file = {(score.artifact_sha256, score.task): score for score in scores}
    files = {score.artifact_sha256: score for score in scores}
    for sha256, first in files.items():
        cells = [_task_cell(by_file.get((sha256, name)), notes) for name in names]
        lines.append(Line(cells=(plain(short[first.student]), plain(first.format), *cells)))
    headings = [*text_headings("student", "format")]
    for name in names:
        first = by_task[name][0]
        metric = first.metric.replace("_", " ")
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
    """Returns which files are beaten by which, and by how much; ``None`` if none is."""
    names = row_names([each.row for each in marked])
    lines = [
        Line(cells=_beaten(each, each.rival, names)) for each in marked if each.rival is not None
    ]
    headings = (
        *text_headings("student", "format", "beaten by", "certainty"),
        Heading(name="accuracy lead of that file", unit="points"),
        Heading(name="latency over that file's"),
        Heading(name="size over that file's"),
    )
    return Table(headings=headings, lines=tuple(lines)) if lines else None


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


def _sureness(front: int, sure: int) -> str:
    if sure == front:
        return f"The 95 % intervals confirm {'it' if front == 1 else 'each of them'}."
    if sure == 0:
        each = "it" if front == 1 else "each of them"
        return f"Within the 95 % intervals {each} may be beaten by another file."
    return f"The 95 % intervals confirm {sure} of them; the others overlap rivals."


def _extremes(rows: Sequence[Row]) -> str:
    timed = [row for row in rows if row.latency_us_per_audio_s is not None]
    smallest = min(rows, key=lambda row: (row.size_bytes, row.file.name))
    text = f" The smallest is {smallest.file.name} with {units.size(smallest.size_bytes)}."
    if timed:
        fastest = min(timed, key=lambda row: (row.latency_us_per_audio_s or 0, row.file.name))
        latency = units.duration(fastest.latency_us_per_audio_s)
        text += f" The fastest is {fastest.file.name} with {latency} per second of audio."
    return text


def _tags(row: Row, front: Sequence[Row]) -> tuple[str, ...]:
    if len(front) < 2:
        return ()
    best = {
        "fastest": min(each.latency_us_per_audio_s or 0 for each in front)
        == row.latency_us_per_audio_s,
        "most accurate": max(each.score_mean or 0 for each in front) == row.score_mean,
        "smallest": min(each.size_bytes for each in front) == row.size_bytes,
    }
    return tuple(tag for tag, holds in best.items() if holds)


def _facts(row: Row) -> tuple[tuple[str, str, str], ...]:
    scale = units.duration_scale([row.latency_us_per_audio_s])
    return (
        (
            f"{units.percent(row.score_mean)} %",
            "accuracy",
            interval(row.score_low, row.score_high, units.percent),
        ),
        (
            scale.text(row.latency_us_per_audio_s),
            "per second of audio",
            interval(row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high, scale.number),
        ),
        (units.size(row.size_bytes), "file", ""),
    )


def _sentences(
    row: Row, place: Marked, front: Sequence[Row], names: Mapping[Row, str]
) -> tuple[str, ...]:
    sentences = [
        f"Caveat: {each.text}{f' ({each.evidence})' if each.evidence else ''}."
        for each in row.caveats
        if each.effect is Effect.DEGRADE
    ]
    best = max(front, key=lambda each: (each.score_mean or 0, each.file.name))
    if best is not row:
        lost = units.points((row.score_mean or 0) - (best.score_mean or 0))
        faster = (best.latency_us_per_audio_s or 0) / (row.latency_us_per_audio_s or 1)
        sentences.append(
            f"Against the most accurate ({names[best]} {best.file.format}): {lost} points, "
            f"{units.ratio(faster, 2)} as fast, {_size_words(row.size_bytes / best.size_bytes)}."
        )
    sentences += _against_floor(row)
    if row.latency_us_per_audio_s_low is None:
        sentences.append("Its latency has no interval, so its place on the frontier is uncertain.")
    elif place.membership is Membership.ON:
        sentences.append("On the frontier by the 95 % intervals too.")
    else:
        sentences.append(
            f"Within the 95 % intervals {counted(place.challengers, 'other file')} could beat it."
        )
    return tuple(sentences)


def _against_floor(row: Row) -> list[str]:
    floor, score = row.score_floor_mean, row.score_mean
    if floor is None or score is None or row.score_low is None or row.score_high is None:
        return []
    if row.score_high < floor:
        return [f"{100 * (floor - score):.1f} points below the log-mel floor."]
    gain = f"{units.points(score - floor)} points over the log-mel floor"
    if row.score_low > floor:
        return [f"{gain}."]
    return [f"{gain}, which is within the interval: not shown to beat the floor."]


def _size_words(ratio: float) -> str:
    if ratio == 1:
        return "of the same size"
    larger = ratio > 1
    return f"{units.ratio(ratio if larger else 1 / ratio, 2)} {'larger' if larger else 'smaller'}"


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
    return number(score.value, units.percent, detail)
