"""The parts of the page of one file, and of one device."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core import units
from bench.core.units import GAP
from reports.parts import gates, hops, modes, sections, table
from reports.parts.results import results
from reports.parts.sections import Section
from reports.parts.table import Cell, Column, Footnotes, Heading, filled, interval, number, plain
from reports.plots.charts import Chart, Dot, Families, Trace, brief
from reports.rows.details import (
    CheckedOutputs,
    DeviceDetails,
    FileDetails,
    OpTime,
    SessionMedian,
    SessionSummary,
)
from reports.rows.frontier import Marked
from reports.rows.schema import Endurance, Listing, Stream, Task, grouped

_NO_LINE = 2  # sessions of one case, for a line over time


def of_file(
    details: FileDetails,
    marked: Sequence[Marked],
    tasks: Sequence[Task],
    streams: Sequence[Stream],
    endurances: Sequence[Endurance],
    families: Families,
    notes: Footnotes,
    gated: table.Table | None = None,
) -> list[Section]:
    """Returns the sections of a file's page.

    Args:
        marked, tasks, streams, endurances, gated: those of the file.
    """
    rows = [each.row for each in marked]
    found = []
    if marked:
        found.append(_section("Results", table=results(marked, notes)))
    for section in hops.sections(rows, tasks):
        found.append(_titled("What the hop changes", section))
    found += [_titled("Streaming", each) for each in modes.streaming(streams, families, notes)]
    found += [_titled("Sustained", each) for each in modes.sustained(endurances, families, notes)]
    if len(details.medians) > 1:
        found.append(_over_sessions(details.medians))
    if gated is not None:
        found.append(_section("Gates", table=gated))
    if details.operators:
        found.append(_operators(details.operators))
    if details.layers:
        found.append(_layers(details.layers))
    if details.checks:
        found.append(_section("Outputs on devices", table=filled(details.checks, _CHECKS)))
    if (scores := sections.task_scores(tasks, notes)) is not None:
        found.append(_section("Scores by task", table=scores))
    return found


def of_device(details: DeviceDetails) -> list[Section]:
    """Returns the sections of a device's page."""
    found = []
    if details.sessions:
        found.append(_sessions(details.sessions))
    if details.discards:
        columns: list[Column[tuple[str, int]]] = [
            (Heading(name="why", numeric=False), lambda each: plain(each[0])),
            (Heading(name="cases"), lambda each: number(each[1], str)),
        ]
        discards = filled(details.discards, columns)
        found.append(_section("Processes that were not counted", table=discards))
    if details.noise:
        found += gates.noise(details.noise)
    return found


def _sessions(sessions: Sequence[SessionSummary]) -> Section:
    return _section(
        "Sessions",
        "Spread: the range of the processes' medians over theirs, the median over the cases. "
        "Heat and clocks are those of the samples in long processes. Sessions without cases are "
        "not the newest of any, and are not read.",
        table=filled(sessions, _SESSIONS),
    )


def _section(
    heading: str, *sentences: str, table: table.Table, chart: Chart | None = None
) -> Section:
    return Section(
        heading=heading,
        sentences=sentences,
        charts=() if chart is None else (chart,),
        table=table,
    )


def _titled(title: str, section: Section) -> Section:
    return Section(
        heading=f"{title}: {section.heading}",
        sentences=section.sentences,
        charts=section.charts,
        table=section.table,
    )


def _over_sessions(medians: Sequence[SessionMedian]) -> Section:
    """Returns the medians of all sessions, with a picture where a case has several."""
    cases = grouped(medians, lambda each: (each.device, each.setup))
    scale = units.duration_scale(each.latency_us for each in medians)
    names = {case: brief(", ".join(case)) for case in cases}
    several = [case for case, of_case in cases.items() if len(of_case) >= _NO_LINE]
    chart = None
    if several:
        chart = Chart(
            name="sessions",
            title="Latency over sessions",
            x_label="days since the first session of the database",
            y_label=f"latency of the file alone ({scale.unit})",
            caption="Bar: the 95 % interval within the newest session. A line is one case.",
            dots=tuple(
                _dot(each, names[case], scale, first=each is cases[case][0])
                for case in several
                for each in cases[case]
            ),
            traces=tuple(
                Trace(
                    points=tuple((each.day, each.latency_us / scale.per) for each in cases[case]),
                    family=names[case],
                )
                for case in several
            ),
            families=tuple(names[case] for case in several),
            numbers=Listing(columns=(), rows=()),
            y_most=None,
        )

    def latency(each: SessionMedian) -> Cell:
        ends = interval(each.latency_us_low, each.latency_us_high, scale.number)
        return number(each.latency_us, scale.number, ends)

    columns: list[Column[SessionMedian]] = [
        (Heading(name="session", numeric=False), lambda each: _session(each.session)),
        (Heading(name="started", numeric=False), lambda each: plain(gates.minute(each.started_at))),
        (Heading(name="device", numeric=False), lambda each: plain(each.device)),
        (Heading(name="latency", unit=scale.unit), latency),
        (Heading(name="setup", numeric=False), lambda each: plain(each.setup)),
    ]
    return _section("Over sessions", table=filled(medians, columns), chart=chart)


def _dot(each: SessionMedian, name: str, scale: units.Scale, *, first: bool) -> Dot:
    low, high = (
        each.latency_us if end is None else end
        for end in (each.latency_us_low, each.latency_us_high)
    )
    return Dot(
        x=(each.day,) * 3,
        y=(low / scale.per, each.latency_us / scale.per, high / scale.per),
        family=name,
        hollow=False,
        label=name if first else "",
    )


def _operators(operators: Sequence[OpTime]) -> Section:
    kind: Column[OpTime] = (_text("operator"), lambda each: plain(each.node_type))
    nodes: Column[OpTime] = (Heading(name="nodes"), lambda each: number(each.nodes, str))
    return _section(
        "Operators",
        "Mean time in one inference of the tool's op profile, which itself takes time: compare "
        "operators with each other, not with the latency above.",
        table=filled(operators, [kind, nodes, *_op_times(operators)]),
    )


def _layers(layers: Sequence[OpTime]) -> Section:
    name: Column[OpTime] = (_text("layer"), lambda each: plain(brief(each.name) or GAP))
    kind: Column[OpTime] = (_text("operator"), lambda each: plain(each.node_type))
    return _section(
        "Layers",
        "Those that take longest in the same profile.",
        table=filled(layers, [name, kind, *_op_times(layers)]),
    )


def _op_times(operators: Sequence[OpTime]) -> list[Column[OpTime]]:
    scale = units.duration_scale(each.avg_us for each in operators)
    return [
        (_text("device"), lambda each: plain(each.device)),
        (Heading(name="time", unit=scale.unit), lambda each: number(each.avg_us, scale.number)),
        (
            Heading(name="share", unit="%"),
            lambda each: number(each.percent, lambda share: f"{share:.1f}"),
        ),
        (
            Heading(name="where", numeric=False),
            lambda each: plain("within the delegate" if each.within_delegate else "graph"),
        ),
    ]


def _text(name: str) -> Heading:
    return Heading(name=name, numeric=False)


def _session(identity: str) -> Cell:
    return Cell(text=identity[:8], order=identity)


def _gap(value: float | None, text: str) -> Cell:
    return Cell(text=GAP) if value is None else Cell(text=text, order=value)


def _count(session: SessionSummary, value: int) -> Cell:
    return _gap(value if session.cases else None, str(value))


def _heat(each: SessionSummary) -> Cell:
    return _gap(each.temp_c_max, f"{each.temp_c_max or 0:.1f}")


def _clock(khz: float | None) -> Cell:
    return _gap(khz, f"{(khz or 0) / 1e3:.0f}")


_CHECKS: list[Column[CheckedOutputs]] = [
    (Heading(name="device", numeric=False), lambda each: plain(each.device)),
    (Heading(name="delegate", numeric=False), lambda each: plain(each.delegate)),
    (Heading(name="outputs", numeric=False), lambda each: plain(each.verdict)),
    (Heading(name="evidence", numeric=False), lambda each: plain(each.evidence)),
]
_SESSIONS: list[Column[SessionSummary]] = [
    (Heading(name="session", numeric=False), lambda each: _session(each.session)),
    (Heading(name="suite", numeric=False), lambda each: plain(each.suite)),
    (Heading(name="started", numeric=False), lambda each: plain(gates.minute(each.started_at))),
    (Heading(name="cases"), lambda each: _gap(each.cases or None, str(each.cases))),
    (Heading(name="failed processes"), lambda each: _count(each, each.failed)),
    (Heading(name="invalid processes"), lambda each: _count(each, each.discarded)),
    (
        Heading(name="spread", unit="%"),
        lambda each: _gap(each.spread_ratio, units.percent(each.spread_ratio)),
    ),
    (Heading(name="hottest", unit="°C"), _heat),
    (Heading(name="lowest clock", unit="MHz"), lambda each: _clock(each.clock_khz_min)),
    (Heading(name="lowest cap", unit="MHz"), lambda each: _clock(each.cap_khz_min)),
    (Heading(name="system", numeric=False), lambda each: plain(each.os_build)),
]
