"""The report: one self-contained page, its pictures and tables. The only door to jinja2."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from bench.core import atomic
from reports import charts, choices, frontier, looks, plots, schema, sections, table
from reports import modes as mode_rows
from reports.charts import Chart, Families
from reports.choices import Panels
from reports.effects import Estimate
from reports.frontier import View
from reports.modes import Place
from reports.names import short_names
from reports.schema import Endurance, Frame, Row, Slice, Stream, Task
from reports.table import Footnotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn chart.

    Args:
        file: name of its files, without suffix.
        alt: what it shows, for those who cannot see it.
        uris: look to ``data:`` URI.
    """

    file: str
    alt: str
    width: int
    height: int
    uris: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the page says of one view: a device, a runner and a task set."""

    heading: str
    verdict: str
    picks: Sequence[sections.Pick]
    pictures: Sequence[Picture]
    ratios: Picture | None
    causes: table.Table | None
    dominated: table.Table | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePart:
    """What the page says of streaming or sustained runs on one device, by one program.

    Args:
        shared: what all its rows have in common.
    """

    heading: str
    shared: Mapping[str, str]
    picture: Picture
    table: table.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePart:
    """What the page says of the effect of each hyper-parameter on one device.

    Args:
        sentences: how many files it is over, what they leave unexplained, and what is refused.
    """

    heading: str
    sentences: Sequence[str]
    picture: Picture | None
    table: table.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeFrames:
    """Rows that stand apart from the latencies: frames of ``Stream``, ``Endurance``, ``Slice``."""

    streams: Frame
    endurances: Frame
    slices: Frame


def write_report(
    rows: Frame,
    tasks: Frame,
    *,
    out: Path,
    title: str,
    subtitle: str,
    provenance: Mapping[str, str],
    notes: Sequence[str],
    modes: ModeFrames | None = None,
    effects: Frame | None = None,
) -> Path:
    """Returns the page it wrote into the folder ``out``, beside plots, results and tasks.

    Args:
        rows: a frame of ``schema.Row``.
        tasks: a frame of ``schema.Task``; may be empty.
        provenance: name to text of what made these numbers: versions, commands, seeds.
        notes: sentences to read before the numbers.
        modes: of streaming and sustained runs, if there are any.
        effects: a frame of ``effects.Estimate``, if hyper-parameters were compared.

    Raises:
        ConfigurationError: a frame is not as its columns are declared.
    """
    marked = frontier.mark(schema.check(rows, Row))
    scores = schema.check(tasks, Task)
    streams, endurances, slices = _checked(modes)
    compared = schema.frame([], Estimate) if effects is None else schema.check(effects, Estimate)
    footnotes = Footnotes()
    results = table.results(marked, footnotes)
    listed = footnotes.listed()
    views = frontier.views(marked)
    families = charts.families_of(marked, streams, endurances)
    parts = [
        _part(view, families, out, footnotes, several=len(views) > 1, number=number)
        for number, view in enumerate(views, start=1)
    ]
    streaming = mode_rows.streaming(streams, families, footnotes)
    sustained = mode_rows.sustained(endurances, slices, families, footnotes)
    html = (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            subtitle=subtitle,
            notes=notes,
            parts=parts,
            shared=table.shared(marked),
            streaming=_mode_parts(streaming, out),
            sustained=_mode_parts(sustained, out),
            results=results,
            tasks=sections.task_scores(scores, footnotes),
            fidelity=sections.fidelity(marked, footnotes),
            choices=_choice_parts(compared, out, footnotes),
            provenance={**_measured(marked), **provenance},
            files=_files(marked),
            short=_shortened(marked),
            footnotes=footnotes.listed(),
        )
    )
    atomic.write_text(out / "results.csv", table.results_csv(marked))
    atomic.write_text(out / "results.md", table.to_markdown(results, listed, _lead(marked)))
    atomic.write_text(out / "tasks.csv", table.to_csv(scores))
    apart = {"streaming": streams, "sustained": endurances, "effects": compared}
    for name, rows_apart in apart.items():
        if len(rows_apart):
            atomic.write_text(out / f"{name}.csv", table.to_csv(rows_apart))
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def _part(
    view: View, families: Families, out: Path, footnotes: Footnotes, *, several: bool, number: int
) -> Part:
    suffix = "" if number == 1 else f"-{number}"
    drawn = {
        chart.name: picture(chart, out, suffix) for chart in charts.charts(view.rows, families)
    }
    ratios = drawn.pop("format-ratios", None)
    heading = ", ".join(filter(None, (view.device, view.runner, view.task_set)))
    return Part(
        heading=heading if several else "",
        verdict=sections.verdict(view.rows),
        picks=sections.picks(view.rows, footnotes),
        pictures=list(drawn.values()),
        ratios=ratios,
        causes=sections.causes(view.rows),
        dominated=sections.dominated(view.rows),
    )


def _checked(modes: ModeFrames | None) -> tuple[Frame, Frame, Frame]:
    if modes is None:
        return schema.frame([], Stream), schema.frame([], Endurance), schema.frame([], Slice)
    return (
        schema.check(modes.streams, Stream),
        schema.check(modes.endurances, Endurance),
        schema.check(modes.slices, Slice),
    )


def _mode_parts(places: Sequence[Place], out: Path) -> list[ModePart]:
    return [
        ModePart(
            heading=place.heading if len(places) > 1 else "",
            shared=table.shared(place.rows),
            picture=picture(place.chart, out, "" if number == 1 else f"-{number}"),
            table=place.table,
        )
        for number, place in enumerate(places, start=1)
    ]


def _choice_parts(compared: Frame, out: Path, footnotes: Footnotes) -> list[ChoicePart]:
    studies = choices.studies(compared, footnotes)
    return [
        ChoicePart(
            heading=study.heading if len(studies) > 1 else "",
            sentences=study.sentences,
            picture=(
                picture(study.panels, out, "" if number == 1 else f"-{number}")
                if study.panels
                else None
            ),
            table=study.table,
        )
        for number, study in enumerate(studies, start=1)
    ]


def picture(chart: Chart | Panels, out: Path, suffix: str) -> Picture:
    """Returns a chart drawn in each look; the wide ones are files too, beside its numbers."""
    file = f"{chart.name}{suffix}"
    uris = {}
    size = (0, 0)
    for name, look in looks.LOOKS.items():
        figure = plots.draw(chart, look)
        svg = plots.svg(figure)
        uris[name] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
        if not look.narrow:
            stem = file if name == "light" else f"{file}.{name}"
            atomic.write_bytes(out / f"{stem}.svg", svg)
            atomic.write_bytes(out / f"{stem}.png", plots.png(figure))
            size = plots.size_px(figure)
    atomic.write_text(out / f"{file}.csv", table.to_csv(chart.numbers))
    alt = f"{chart.title}: {len(chart.dots)} points. {chart.caption} The numbers are in the tables."
    return Picture(file=file, alt=alt, width=size[0], height=size[1], uris=uris)


def _measured(marked: Frame) -> dict[str, str]:
    """Returns what the rows themselves say of how they were measured."""
    names = ("device", "runner", "runtime", "delegate", "threads", "session", "score_task_set")
    found = {}
    for name in names:
        values = [str(value) for value in marked[name].dropna().unique()]
        if values:
            found[name.replace("score_task_set", "task set")] = ", ".join(values)
    return found


def _lead(marked: Frame) -> str:
    words = [f"{name} {value}" for name, value in table.shared(marked).items()]
    return f"In all rows: {', '.join(words)}." if words else ""


def _files(marked: Frame) -> list[tuple[str, str]]:
    named = {row.artifact_sha256: row.name for row in schema.read(marked, Row)}
    return [(name, sha256) for sha256, name in named.items()]


def _shortened(marked: Frame) -> bool:
    return any(name != short for name, short in short_names(marked["student"]).items())


def environment() -> jinja2.Environment:
    """Returns where the templates are."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
