"""Rows of FRILL's own table: students against their teacher, in one setup and session each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bench.core.artifact import Format
from bench.core.caveats import Caveat, CaveatKind
from reports.rows import int8, published
from reports.rows.published import Published
from reports.rows.schema import Frontend, Row, Setup, column, grouped, maybe


class Source(StrEnum):
    """Where a line's numbers come from."""

    MEASURED = "measured"
    PUBLISHED = "published"


class Side(StrEnum):
    """What a line is about."""

    TEACHER = "teacher"
    STUDENT = "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """A student's accuracy against that of its teacher, on one task set.

    Args:
        teacher, teacher_sha256: the teacher's name and identity.
        mean, low, high: the teacher's mean over the tasks and its 95 % interval, in [0, 1].
        ratio, ratio_low, ratio_high: the student's mean over it.
        change, change_low, change_high: the student's mean less it.
        paired: whether the intervals of both are over pairs of answers on the same clips; if not,
            they are from the ends of both intervals, so cautious.
    """

    teacher: str
    teacher_sha256: str
    mean: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    change: float
    change_low: float
    change_high: float
    paired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstTeacher:
    """One line: a student, the teacher of its latency and size or of its accuracy, or a figure."""

    source: Source = column("measured or published")  # noqa: RUF009 - a field
    side: Side = column("teacher or student")  # noqa: RUF009 - a field
    model: str = column("the model's name")
    alias: str | None = maybe("its short name, such as frill")
    family: str | None = maybe("what shares a colour in plots")
    format: Format | None = maybe("number format of the file")  # noqa: RUF009 - a field
    artifact_sha256: str | None = maybe("identity of the file or, for accuracy only, the teacher")
    device: str | None = maybe("what it was timed on")
    runner: str | None = maybe("program that timed it")
    tool_sha256: str | None = maybe("identity of that program")
    runtime: str | None = maybe("inference runtime and its version")
    delegate: str | None = maybe("delegate that was asked for")
    library_sha256: str | None = maybe("identity of an external delegate's library")
    library_options: str | None = maybe("options of an external delegate")
    full_delegation: bool | None = maybe("the delegate had to take the whole graph")
    threads: int | None = maybe("threads of the runner")
    affinity: str | None = maybe("mask of cores, in hex; empty for all cores")
    fixed_performance: bool | None = maybe("fixed performance mode was on")
    warm_cache: bool | None = maybe("an earlier process wrote the delegate's cache")
    protocol: str | None = maybe("how it was measured: mode, runs, warm-up")
    given_inputs: str | None = maybe("shapes and values of inputs, where they were set")
    signature: str | None = maybe("the signature, of a file with several, and the others")
    origin: str | None = maybe("measured here, or from which file it was imported or merged")
    kept_apart: bool | None = maybe("imported: on no frontier with measured rows")
    session: str | None = maybe("the session in which it was timed")
    processes: int | None = maybe("how many processes the interval is over")
    latency_us_median: float | None = maybe("median latency of the file alone", "us")
    latency_us_low: float | None = maybe("lower end of its 95 % interval over processes", "us")
    latency_us_high: float | None = maybe("upper end of its 95 % interval over processes", "us")
    times_as_fast: float | None = maybe("the teacher's latency over it, both files alone")
    times_as_fast_low: float | None = maybe("lower end of its 95 % interval")
    times_as_fast_high: float | None = maybe("upper end of its 95 % interval")
    hop_s: float | None = maybe("audio between two inferences, with the front-end", "s")
    times_as_fast_app: float | None = maybe("the same with the front-end of a hop on both sides")
    times_as_fast_app_low: float | None = maybe("lower end of its 95 % interval")
    times_as_fast_app_high: float | None = maybe("upper end of its 95 % interval")
    size_bytes: int | None = maybe("size of the file", "bytes")
    size_ratio: float | None = maybe("size over the teacher's")
    task_set: str | None = maybe("which tasks were scored")
    score_mean: float | None = maybe("mean accuracy over the tasks", "[0, 1]")
    score_low: float | None = maybe("lower end of its 95 % interval", "[0, 1]")
    score_high: float | None = maybe("upper end of its 95 % interval", "[0, 1]")
    teacher: str | None = maybe("the teacher that its accuracy is compared with")
    teacher_sha256: str | None = maybe("identity of that teacher")
    score_ratio: float | None = maybe("mean accuracy over the teacher's")
    score_ratio_low: float | None = maybe("lower end of its 95 % interval")
    score_ratio_high: float | None = maybe("upper end of its 95 % interval")
    score_change: float | None = maybe("mean accuracy less the teacher's")
    score_change_low: float | None = maybe("lower end of its 95 % interval")
    score_change_high: float | None = maybe("upper end of its 95 % interval")
    paired: bool | None = maybe("intervals of ratio and change are over pairs of the same clips")
    differs: str | None = maybe("what of a published figure differs from the measured ones")
    caveats: tuple[Caveat, ...] = ()

    @property
    def is_untrained(self) -> bool:
        """Whether its weights are random, so that its accuracy means nothing."""
        return any(each.kind is CaveatKind.UNTRAINED for each in self.caveats)


def against_teacher(
    rows: Sequence[Row],
    accuracies: Mapping[Row, Accuracy],
    *,
    students: Mapping[str, str | None],
    teachers: Sequence[str],
) -> list[AgainstTeacher]:
    """Returns the lines of each setup and session in which a teacher and students were timed.

    In each, the teachers come first, then students, the slowest first.

    Args:
        rows: at any hops.
        accuracies: of rows of trained students; others get no ratio.
        students: names of models, to their short names where they have one.
        teachers: names of models; the first that was timed in a place is taken.
    """
    found = []
    for at_place in grouped(rows, lambda row: (row.setup, row.session)).values():
        teacher = _teacher(at_place, teachers)
        own = [row for row in _at_hop_of(at_place, teacher) if row.file.student in students]
        if teacher is not None and own:
            own.sort(key=lambda row: (-(row.latency_us_median or 0.0), row.file.name))
            found += [_line(teacher, teacher, None, Side.TEACHER)]
            found += _teachers_of_accuracy(own, accuracies, teacher)
            lines = [_line(row, teacher, accuracies.get(row), Side.STUDENT) for row in own]
            found += [dataclasses.replace(line, alias=students[line.model]) for line in lines]
    return found


def places(lines: Sequence[AgainstTeacher]) -> list[list[AgainstTeacher]]:
    """Returns the lines of each setup and session."""
    names = [field.name for field in dataclasses.fields(Setup)]
    return list(
        grouped(
            lines, lambda line: (line.session, *(getattr(line, name) for name in names))
        ).values()
    )


def published_lines() -> list[AgainstTeacher]:
    """Returns the published figures of TRILL and FRILL."""
    return [
        _published(published.TRILL, Side.TEACHER),
        _published(published.FRILL, Side.STUDENT),
    ]


def _teacher(rows: Sequence[Row], teachers: Sequence[str]) -> Row | None:
    """Returns the row of the teacher, of its float32 file where it has one."""
    timed = [row for row in rows if row.latency_us_median is not None]
    for name in teachers:
        own = [row for row in timed if row.file.student == name]
        if own:
            return min(own, key=lambda row: (row.file.format is not Format.FLOAT32, row.file.name))
    return None


def _at_hop_of(rows: Sequence[Row], teacher: Row | None) -> list[Row]:
    """Returns one row of each file: at the teacher's hop, else at its shortest one."""
    hop = teacher.audio_s_per_inference if teacher else None
    return [
        min(
            of_file,
            key=lambda row: (row.audio_s_per_inference != hop, row.audio_s_per_inference or 0.0),
        )
        for of_file in grouped(rows, lambda row: row.file).values()
    ]


def _teachers_of_accuracy(
    rows: Sequence[Row], accuracies: Mapping[Row, Accuracy], timed: Row
) -> Iterator[AgainstTeacher]:
    """Yields a line for each teacher of accuracy, except the one that was timed itself."""
    seen = {timed.file.artifact_sha256}
    for row in rows:
        accuracy = accuracies.get(row)
        if accuracy is not None and accuracy.teacher_sha256 not in seen:
            seen.add(accuracy.teacher_sha256)
            yield AgainstTeacher(
                source=Source.MEASURED,
                side=Side.TEACHER,
                model=accuracy.teacher,
                artifact_sha256=accuracy.teacher_sha256,
                **_setup_of(row),
                task_set=row.score_task_set,
                score_mean=accuracy.mean,
                score_low=accuracy.low,
                score_high=accuracy.high,
                score_ratio=1.0,
            )


def _setup_of(row: Row) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(Setup)]
    return {name: getattr(row.setup, name) for name in names} | {"session": row.session}


def _line(row: Row, teacher: Row, accuracy: Accuracy | None, side: Side) -> AgainstTeacher:
    is_untrained = any(each.kind is CaveatKind.UNTRAINED for each in row.caveats)
    has_score = row.score_mean is not None and not is_untrained
    line = AgainstTeacher(
        source=Source.MEASURED,
        side=side,
        model=row.file.student,
        family=row.file.family,
        format=row.file.format,
        artifact_sha256=row.file.artifact_sha256,
        **_setup_of(row),
        processes=row.processes,
        latency_us_median=row.latency_us_median,
        latency_us_low=row.latency_us_low,
        latency_us_high=row.latency_us_high,
        **_times_as_fast(row, teacher, side),
        size_bytes=row.size_bytes,
        size_ratio=row.size_bytes / teacher.size_bytes,
        task_set=row.score_task_set if has_score else None,
        score_mean=row.score_mean if has_score else None,
        score_low=row.score_low if has_score else None,
        score_high=row.score_high if has_score else None,
        caveats=row.caveats,
    )
    return line if accuracy is None else _with_accuracy(line, accuracy)


def _with_accuracy(line: AgainstTeacher, accuracy: Accuracy) -> AgainstTeacher:
    return dataclasses.replace(
        line,
        teacher=accuracy.teacher,
        teacher_sha256=accuracy.teacher_sha256,
        score_ratio=accuracy.ratio,
        score_ratio_low=accuracy.ratio_low,
        score_ratio_high=accuracy.ratio_high,
        score_change=accuracy.change,
        score_change_low=accuracy.change_low,
        score_change_high=accuracy.change_high,
        paired=accuracy.paired,
    )


def _times_as_fast(row: Row, teacher: Row, side: Side) -> dict[str, Any]:
    """Returns both ratios of latency: of the files alone, and with the front-end of a hop."""
    if side is Side.TEACHER:
        return {"times_as_fast": 1.0, "hop_s": row.audio_s_per_inference, "times_as_fast_app": 1.0}
    found: dict[str, Any] = {"hop_s": row.audio_s_per_inference}
    alone = int8.compare(teacher, row)
    # A file that takes audio does more than one that takes log-mel.
    if isinstance(alone, int8.Comparison) and _takes_audio(row) == _takes_audio(teacher):
        found["times_as_fast"] = alone.ratio
        found["times_as_fast_low"], found["times_as_fast_high"] = alone.ratio_low, alone.ratio_high
    return found | _with_frontend(row, teacher)


def _with_frontend(row: Row, teacher: Row) -> dict[str, Any]:
    pays = row.includes_frontend and teacher.includes_frontend
    ours, theirs = row.latency_us_per_audio_s, teacher.latency_us_per_audio_s
    if not pays or not ours or not theirs:
        return {}
    if row.audio_s_per_inference != teacher.audio_s_per_inference:
        return {}
    found: dict[str, Any] = {"times_as_fast_app": theirs / ours}
    low, high = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
    their_low = teacher.latency_us_per_audio_s_low
    their_high = teacher.latency_us_per_audio_s_high
    if their_low and high:
        found["times_as_fast_app_low"] = their_low / high
    if their_high and low:
        found["times_as_fast_app_high"] = their_high / low
    return found


def _takes_audio(row: Row) -> bool:
    return row.frontend is Frontend.IN_GRAPH


def _published(figures: Published, side: Side) -> AgainstTeacher:
    base = published.TRILL
    return AgainstTeacher(
        source=Source.PUBLISHED,
        side=side,
        model=figures.name,
        device=published.DEVICE,
        latency_us_median=figures.latency_us,
        times_as_fast=base.latency_us / figures.latency_us,
        size_bytes=figures.size_bytes,
        size_ratio=figures.size_bytes / base.size_bytes,
        task_set=published.TASK_SET,
        score_mean=figures.mean,
        teacher=base.name if side is Side.STUDENT else None,
        score_ratio=figures.mean / base.mean,
        score_change=figures.mean - base.mean if side is Side.STUDENT else None,
        differs=" ".join(published.DIFFERENCES),
    )
