"""Scores that are kept apart from the results: by the published protocol, and in conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bench.core import units
from reports.parts.sections import Section
from reports.parts.table import (
    Cell,
    Column,
    Footnotes,
    Heading,
    Table,
    filled,
    interval,
    number,
    plain,
)
from reports.rows.aspects import short_sha256
from reports.rows.hops import seconds
from reports.rows.names import short_names
from reports.rows.schema import MEAN, ApartScore, grouped

_PUBLISHED = (
    "As NOSS\u2019s paper scores: of each task the head and normalisation that are the best on the "
    "test part itself, so that the paper\u2019s numbers can be set beside these. New clips score "
    "less. Small numbers: the 95 % interval over the test clips, which leaves out that they chose "
    "the head and is too narrow for it; then the head. These scores are on no frontier and are "
    "not compared with those of the default protocol."
)
_ROBUSTNESS = (
    "The same test clips in conditions; the heads are fitted to clean clips. The mean over the "
    "tasks; small numbers: its 95 % interval, then the difference to clean clips in points, with "
    "the 95 % interval of pairs of clips. These scores are on no frontier."
)
_Score: TypeAlias = Mapping[str, ApartScore]  # by task
_Make: TypeAlias = Callable[[_Score], Cell]


def published(scores: Sequence[ApartScore], notes: Footnotes) -> list[Section]:
    """Returns a section for each task set that was scored by the published protocol."""
    chosen = [each for each in scores if each.chosen_by_test]
    return [
        Section(heading=name, sentences=(_PUBLISHED,), charts=(), table=_table(alike, notes))
        for name, alike in _by_task_set(chosen)
    ]


def robustness(scores: Sequence[ApartScore], notes: Footnotes) -> list[Section]:
    """Returns a section for each task set that was scored in conditions."""
    heard = [each for each in scores if each.condition and each.task == MEAN]
    return [
        Section(
            heading=name, sentences=(_ROBUSTNESS,), charts=(), table=_by_condition(alike, notes)
        )
        for name, alike in _by_task_set(heard)
    ]


def _by_task_set(scores: Sequence[ApartScore]) -> list[tuple[str, list[ApartScore]]]:
    """Returns the scores of each task set; two of one name are of other clips, labels or splits."""
    sets = grouped(scores, lambda each: (each.task_set, each.task_set_sha256))
    names = Counter(name for name, _ in sets)
    return [
        (name if names[name] == 1 else f"{name} ({short_sha256(sha256)})", alike)
        for (name, sha256), alike in sets.items()
    ]


def _by_condition(scores: Sequence[ApartScore], notes: Footnotes) -> Table:
    files = [
        {each.condition or "": each for each in alike}
        for alike in grouped(scores, lambda each: (each.file, each.hop_s)).values()
    ]
    short = short_names(each.file.student for each in scores)
    conditions = [*dict.fromkeys(each.condition or "" for each in scores)]

    def first(file: _Score) -> ApartScore:
        return next(iter(file.values()))

    def clean(file: _Score) -> Cell:
        one = first(file)
        return number(one.value - (one.change or 0.0), units.percent)

    columns: list[Column[_Score]] = [
        (
            Heading(name="student", numeric=False),
            lambda file: Cell(
                text=short[first(file).file.student],
                marks=notes.mark_caveats(first(file).caveats),
                order=first(file).file.student,
            ),
        ),
        (Heading(name="format", numeric=False), lambda file: plain(first(file).file.format)),
        (Heading(name="hop"), lambda file: number(first(file).hop_s, seconds)),
        (Heading(name="clean", unit="%"), clean),
        *((_heading(name), _condition(name, notes)) for name in conditions),
    ]
    return filled(files, columns)


def _heading(condition: str) -> Heading:
    """Returns the head of a condition such as ``noise (pink, 10 dB SNR)``."""
    name, _, parameters = condition.removesuffix(")").partition(" (")
    return Heading(name=name, unit=", ".join(filter(None, ("%", parameters))))


def _condition(name: str, notes: Footnotes) -> _Make:
    def make(file: _Score) -> Cell:
        own = file.get(name)
        if own is None:
            return notes.gap("not scored in this condition")
        ends = interval(own.low, own.high, units.percent)
        low, high = units.points(own.change_low), units.points(own.change_high)
        change = f"{units.points(own.change)} ({low} to {high})"
        return number(own.value, units.percent, f"{ends}; {change}")

    return make


def _table(scores: Sequence[ApartScore], notes: Footnotes) -> Table:
    whole = [
        {each.task: each for each in tasks}
        for tasks in grouped(scores, lambda each: (each.file, each.hop_s, each.protocol)).values()
    ]
    short = short_names(each.file.student for each in scores)
    tasks = [*dict.fromkeys(each.task for each in scores if each.task != MEAN), MEAN]

    def student(score: _Score) -> Cell:
        mean = score[MEAN]
        about = f"{short[mean.file.student]} {mean.file.format}"
        marks = notes.mark_caveats(mean.caveats, of=about)
        return Cell(text=short[mean.file.student], marks=marks, order=mean.file.student)

    columns: list[Column[_Score]] = [
        (Heading(name="student", numeric=False), student),
        (Heading(name="format", numeric=False), lambda score: plain(score[MEAN].file.format)),
        (Heading(name="hop"), lambda score: number(score[MEAN].hop_s, seconds)),
        *((Heading(name=task, unit="%"), _task(task, notes)) for task in tasks),
    ]
    return filled(whole, columns)


def _task(task: str, notes: Footnotes) -> _Make:
    def make(score: _Score) -> Cell:
        own = score.get(task)
        if own is None:
            return notes.gap("this task was not scored")
        ends = interval(own.low, own.high, units.percent)
        head = f"{own.chosen_head}, of {own.heads_tried}" if own.chosen_head else ""
        return number(own.value, units.percent, "; ".join(filter(None, (ends, head))))

    return make
