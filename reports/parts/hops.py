"""What the hop changes: cost and accuracy of each file at several hops, per place."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from bench.core import units
from bench.core.units import GAP, counted
from reports.parts.sections import Section
from reports.parts.table import Cell, Column, Heading, Table, filled, interval, number, plain
from reports.rows.hops import HopChange, changes, hop_s, seconds
from reports.rows.names import row_names
from reports.rows.schema import Row, Task, grouped

_CHOICE = (
    "The hop, how often an app embeds, is a choice of the app: the cost per second of audio falls "
    "with it. Each hop was scored on the same clips, and the differences are those of pairs."
)


def sections(rows: Sequence[Row], tasks: Sequence[Task]) -> list[Section]:
    """Returns a section for each place where files were scored at several hops; often none."""
    places = grouped(rows, lambda row: (row.setup.device, row.setup.timed_by, row.score_task_set))
    return [
        Section(
            heading=", ".join(filter(None, place)),
            sentences=(_CHOICE, *_averages(found), *_tasks_that_cannot(found, tasks)),
            charts=(),
            table=_table(found),
        )
        for place, of_place in places.items()
        if (found := changes(of_place))
    ]


def _averages(found: Sequence[HopChange]) -> list[str]:
    """Returns a sentence for each pair of hops, on average, with the most accurate file's."""
    sentences = []
    for hops, alike in grouped(found, lambda change: change.hops).items():
        cheaper = [each.cheaper for each in alike if each.cheaper is not None]
        parts = [f"{units.significant(fmean(cheaper), 2)} times cheaper"] if cheaper else []
        mean = fmean(each.row.score_change or 0.0 for each in alike)
        parts.append(f"{units.points(mean)} points")
        sentences.append(
            f"Embedding {hops}, on average over {counted(len(alike), 'file')}: {', '.join(parts)}."
        )
    return sentences


def _tasks_that_cannot(found: Sequence[HopChange], tasks: Sequence[Task]) -> list[str]:
    """Returns which tasks can hardly show a difference, because their clips are short."""
    files = {change.row.file.artifact_sha256 for change in found}
    shares: dict[str, list[float]] = {}
    for task in tasks:
        if task.artifact_sha256 in files and task.same_windows is not None:
            shares.setdefault(task.task, []).append(task.same_windows)
    if not shares:
        return []
    least = sorted(((min(of_task), name) for name, of_task in shares.items()), reverse=True)
    listed = ", ".join(f"{name} {100 * share:.0f} %" for share, name in least)
    return [
        "Short clips have the same windows at every hop and cannot show a difference. Their share "
        f"of the test clips: {listed}."
    ]


def _table(found: Sequence[HopChange]) -> Table:
    names = row_names([change.row for change in found], hops=False)
    scale = units.duration_scale(change.row.latency_us_per_audio_s for change in found)

    def cheaper(change: HopChange) -> Cell:
        return Cell(text=GAP) if change.cheaper is None else number(change.cheaper, units.ratio)

    def latency(change: HopChange) -> Cell:
        row = change.row
        ends = row.latency_us_per_audio_s_low, row.latency_us_per_audio_s_high
        return Cell(
            text=scale.number(row.latency_us_per_audio_s),
            detail=interval(*ends, scale.number),
            order=row.latency_us_per_audio_s,
        )

    def accuracy(change: HopChange) -> Cell:
        row = change.row
        ends = interval(row.score_low, row.score_high, units.percent)
        return number(row.score_mean or 0.0, units.percent, ends)

    def difference(change: HopChange) -> Cell:
        row = change.row
        ends = _range(row.score_change_low, row.score_change_high)
        return number(row.score_change or 0.0, units.points, ends)

    columns: list[Column[HopChange]] = [
        (Heading(name="student", numeric=False), lambda change: plain(names[change.row])),
        (Heading(name="format", numeric=False), lambda change: plain(change.row.file.format)),
        (Heading(name="hop", unit="s"), lambda change: _hop(change.row)),
        (Heading(name="instead of", unit="s"), lambda change: _hop(change.reference)),
        (Heading(name="latency", unit=f"{scale.unit} per s of audio"), latency),
        (Heading(name="times cheaper"), cheaper),
        (Heading(name="accuracy", unit="%"), accuracy),
        (Heading(name="difference", unit="points"), difference),
    ]
    return filled(found, columns)


def _hop(row: Row) -> Cell:
    hop = hop_s(row) or 0.0
    return Cell(text=seconds(hop).removesuffix(" s"), order=hop)


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{units.points(low)} to {units.points(high)}"
