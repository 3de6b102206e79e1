"""The parts of the page beside the table of results: what to ship, why, and what is beaten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import units
from bench.core.caveats import Effect
from bench.core.units import GAP, counted
from reports.parts.table import Cell, Footnotes, Heading, Line, Table, interval, plain
from reports.plots.charts import Chart
from reports.rows import int8
from reports.rows.frontier import Mark, Marked, Membership
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
    rows, marks = [each.row for each in marked], [each.mark for each in marked]
    if all(row.score_mean is None for row in rows):
        return "Nothing was scored, so nothing can be called worth shipping." + _extremes(rows)
    eligible = [mark for mark in marks if not mark.not_eligible]
    if not eligible:
        reasons = sorted({mark.not_eligible for mark in marks})
        return f"No file can be on the frontier: {'; '.join(reasons)}."
    front = sum(mark.on_frontier for mark in eligible)
    sure = sum(mark.on_frontier and mark.frontier_latency is Membership.ON for mark in eligible)
    if len(eligible) == 1:
        text = "Only one file can be on the frontier, so there is nothing to compare it with."
    else:
        verb, each = ("is", "") if front == 1 else ("are", "for each, ")
        text = (
            f"{front} of {counted(len(eligible), 'file')} {verb} on the frontier: {each}no "
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
        (each for each in marked if each.mark.on_frontier),
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
            sentences=_sentences(row, each.mark, rows, names),
            marks=notes.mark_caveats(row.caveats),
        )
        for each, row in zip(front, rows, strict=True)
    ]


def causes(rows: Sequence[Row]) -> Table | None:
    """Returns the table "Why is int8 slower?"; ``None`` if no student has both formats."""
    explained = int8.causes(rows)
    if not explained:
        return None
    names = row_names(rows)
    compared = [each.comparison for each in explained if each.comparison]
    scale = units.duration_scale(
        row.latency_us_median for each in compared for row in (each.row, each.base)
    )
    lines = []
    for cause in explained:
        name = plain(names[cause.row])
        comparison = cause.comparison
        if comparison is None:
            numbers = [Cell(text=GAP)] * 4
        else:
            ends = interval(
                *(f"{units.ratio(end)}" for end in (comparison.ratio_low, comparison.ratio_high))
            )
            numbers = [
                Cell(
                    text=scale.number(row.latency_us_median),
                    order=row.latency_us_median,
                )
                for row in (comparison.base, comparison.row)
            ]
            ratio = comparison.ratio
            numbers.append(Cell(text=units.ratio(ratio), detail=ends, order=ratio))
            pieces = [
                GAP if row.partitions is None else str(row.partitions)
                for row in (comparison.base, comparison.row)
            ]
            numbers.append(Cell(text=" → ".join(pieces), order=comparison.row.partitions))
        lines.append(Line(cells=(name, *numbers, plain(cause.sentence))))
    headings = (
        Heading(name="student", numeric=False),
        Heading(name="float32", unit=scale.unit),
        Heading(name="int8", unit=scale.unit),
        Heading(name="int8 over float32"),
        Heading(name="partitions"),
        Heading(name="why", numeric=False),
    )
    return Table(headings=headings, lines=tuple(lines))


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
    headings = [Heading(name="student", numeric=False), Heading(name="format", numeric=False)]
    for name in names:
        first = by_task[name][0]
        metric = first.metric.replace("_", " ")
        headings.append(Heading(name=name, unit=f"%, {metric}, {first.test_clips} clips"))
    return Table(headings=tuple(headings), lines=tuple(lines))


def fidelity(rows: Sequence[Row], notes: Footnotes) -> Table | None:
    """Returns how near files are to their float32 source; ``None`` if none was checked."""
    files = {row.file.artifact_sha256: row for row in rows}
    checked = [row for row in files.values() if row.cosine_mean is not None]
    if not checked:
        return None
    short = short_names(row.file.student for row in rows)
    lines = []
    for row in checked:
        numbers = []
        for value, text in (
            (row.cosine_mean, f"{row.cosine_mean:.5f}"),
            (row.cosine_min, GAP if row.cosine_min is None else f"{row.cosine_min:.5f}"),
        ):
            numbers.append(Cell(text=text, order=value))
        if row.snr_db is None:
            numbers.append(notes.gap("the embeddings are equal, or it was not measured"))
        else:
            numbers.append(Cell(text=f"{row.snr_db:.1f}", order=row.snr_db))
        student, marks = row.file.student, notes.mark_caveats(row.caveats)
        name = Cell(text=short[student], marks=marks, order=student)
        lines.append(Line(cells=(name, plain(row.file.format), *numbers)))
    headings = (
        Heading(name="student", numeric=False),
        Heading(name="format", numeric=False),
        Heading(name="mean cosine"),
        Heading(name="worst cosine"),
        Heading(name="signal to noise", unit="dB"),
    )
    return Table(headings=headings, lines=tuple(lines))


def dominated(marked: Sequence[Marked]) -> Table | None:
    """Returns which files are beaten by which, and by how much; ``None`` if none is."""
    names = row_names([each.row for each in marked])
    lines = []
    for each in marked:
        row, mark, rival = each.row, each.mark, each.mark.rival
        if rival is None:
            continue
        sure = mark.frontier_latency is Membership.OFF
        size_ratio = row.size_bytes / rival.size_bytes
        lines.append(
            Line(
                cells=(
                    plain(names[row]),
                    plain(row.file.format),
                    plain(f"{names[rival]} {rival.file.format}"),
                    Cell(text="by the intervals" if sure else "by the estimates", order=not sure),
                    Cell(text=units.points(mark.margin_score), order=mark.margin_score),
                    Cell(
                        text=units.ratio(mark.margin_latency_ratio),
                        order=mark.margin_latency_ratio,
                    ),
                    Cell(text=units.ratio(size_ratio), order=size_ratio),
                )
            )
        )
    headings = (
        Heading(name="student", numeric=False),
        Heading(name="format", numeric=False),
        Heading(name="beaten by", numeric=False),
        Heading(name="certainty", numeric=False),
        Heading(name="accuracy lead of that file", unit="points"),
        Heading(name="latency over that file's"),
        Heading(name="size over that file's"),
    )
    return Table(headings=headings, lines=tuple(lines)) if lines else None


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
            interval(units.percent(row.score_low), units.percent(row.score_high)),
        ),
        (
            scale.text(row.latency_us_per_audio_s),
            "per second of audio",
            interval(
                scale.number(row.latency_us_per_audio_s_low),
                scale.number(row.latency_us_per_audio_s_high),
            ),
        ),
        (units.size(row.size_bytes), "file", ""),
    )


def _sentences(
    row: Row, mark: Mark, front: Sequence[Row], names: Mapping[Row, str]
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
    elif mark.frontier_latency is Membership.ON:
        sentences.append("On the frontier by the 95 % intervals too.")
    else:
        sentences.append(
            f"Within the 95 % intervals {counted(mark.challengers, 'other file')} could beat it."
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
    detail = interval(units.percent(score.low), units.percent(score.high))
    if score.floor is not None:
        detail += f", {units.points(score.value - score.floor)}"
    return Cell(text=units.percent(score.value), detail=detail, order=score.value)
