"""Writes the page: one self-contained file, with pictures and tables. The only door to jinja2."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from bench.core import atomic, units
from reports.effects import study
from reports.effects.fit import Estimate
from reports.parts import against_teacher, hops, modes, picks, sections, table
from reports.parts.sections import Section
from reports.parts.table import Footnotes
from reports.plots import charts
from reports.plots.charts import Chart, Families
from reports.plots.themes import DARK, LIGHT, STYLES
from reports.rows import aspects, frontier, published, schema
from reports.rows.against_teacher import AgainstTeacher, published_lines
from reports.rows.frontier import View
from reports.rows.hops import at_shortest_hop
from reports.rows.names import short_names
from reports.rows.schema import Endurance, Row, Stream, Task, Timed


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn chart.

    Args:
        file: name of its files, without suffix.
        alt: what it shows, for those who cannot see it.
        uris: name of the style to ``data:`` URI.
    """

    file: str
    alt: str
    width: int
    height: int
    uris: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of the page on one view: a device, a runner and a task set."""

    heading: str
    verdict: str
    picks: Sequence[picks.Pick]
    pictures: Sequence[Picture]
    ratios: Picture | None
    causes: table.Table | None
    dominated: table.Table | None


def write_report(
    rows: Sequence[Row],
    tasks: Sequence[Task],
    *,
    out: Path,
    title: str,
    subtitle: str,
    provenance: Mapping[str, str],
    notes: Sequence[str],
    streams: Sequence[Stream] = (),
    endurances: Sequence[Endurance] = (),
    effects: Sequence[Estimate] = (),
    against: Sequence[AgainstTeacher] = (),
) -> Path:
    """Returns the page it wrote into the folder ``out``, beside plots, results and tasks.

    Args:
        provenance: name to text of what made these numbers: versions, commands, seeds.
        notes: sentences to read before the numbers.
        streams, endurances: of streaming and sustained runs, if there are any.
        effects: of hyper-parameters, if they were compared.
        against: students against their teacher, if one was timed beside them.

    Raises:
        ConfigurationError: an interval does not hold its own estimate.
    """
    powers = [*(row.power for row in streams), *(row.power for row in endurances)]
    schema.check([*rows, *tasks, *streams, *endurances, *powers, *effects, *against])
    out.mkdir(parents=True, exist_ok=True)  # refused before anything is drawn
    marked = frontier.mark(rows)
    rows = [each.row for each in marked]
    footnotes = Footnotes()
    results = table.results(marked, footnotes)
    listed = footnotes.listed()
    views = frontier.views(marked)
    timed: list[Timed] = [*rows, *streams, *endurances]
    families = charts.families_of(row.file.family for row in timed)
    parts = [
        _part(view, families, out, footnotes, several=len(views) > 1, number=number)
        for number, view in enumerate(views, start=1)
    ]
    streaming = modes.streaming(streams, families, footnotes)
    sustained = modes.sustained(endurances, families, footnotes)
    teachers = against_teacher.sections(against, families, footnotes)
    html = (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            subtitle=subtitle,
            notes=notes,
            parts=parts,
            teachers=_draw_all(teachers, out),
            published=published.DIFFERENCES,
            shared=aspects.shared(rows),
            streaming=_draw_all(streaming, out),
            sustained=_draw_all(sustained, out),
            results=results,
            hops=_draw_all(hops.sections(rows, tasks), out),
            tasks=sections.task_scores(tasks, footnotes),
            fidelity=sections.fidelity(at_shortest_hop(rows), footnotes),
            choices=_draw_all(study.studies(effects, footnotes), out),
            provenance={**_measured(rows), **provenance},
            files={row.file.artifact_sha256: row.file.name for row in rows},
            short=_has_short_names(rows),
            footnotes=footnotes.with_evidence(),
        )
    )
    atomic.write_text(out / "results.csv", table.results_csv(rows))
    atomic.write_text(
        out / "results.md", table.to_markdown(results, listed, aspects.shared_sentence(rows))
    )
    atomic.write_text(out / "tasks.csv", table.to_csv(schema.listing(tasks, Task)))
    apart = {
        "streaming": schema.listing(streams, Stream),
        "sustained": schema.listing(endurances, Endurance),
        "effects": schema.listing(effects, Estimate),
        "paper": schema.listing([*against, *published_lines()] if against else [], AgainstTeacher),
    }
    for name, numbers in apart.items():
        if numbers.rows:
            atomic.write_text(out / f"{name}.csv", table.to_csv(numbers))
    if against:
        atomic.write_text(out / "paper.md", against_teacher.to_document(against, families))
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def _part(
    view: View, families: Families, out: Path, footnotes: Footnotes, *, several: bool, number: int
) -> Part:
    drawn = {
        chart.name: picture(chart, out, number) for chart in charts.charts(view.rows, families)
    }
    ratios = drawn.pop("format-ratios", None)
    heading = ", ".join(filter(None, (view.device, view.runner, view.task_set, view.rule)))
    return Part(
        heading=heading if several else "",
        verdict=picks.verdict(view.rows),
        picks=picks.picks(view.rows, footnotes),
        pictures=list(drawn.values()),
        ratios=ratios,
        causes=sections.causes([each.row for each in view.rows]),
        dominated=sections.dominated(view.rows),
    )


def _draw_all(parts: Sequence[Section], out: Path) -> list[tuple[Section, list[Picture]]]:
    return [
        (section, [picture(chart, out, number) for chart in section.charts])
        for number, section in enumerate(parts, start=1)
    ]


def picture(chart: Chart, out: Path, number: int) -> Picture:
    """Returns a chart drawn in each style; the wide ones are also written as files, with a CSV.

    Args:
        number: of the part of the page, from 1; the names of files have it from 2.
    """
    # Matplotlib takes a second to import, and a command that is refused need not wait for it.
    from reports.plots import drawing

    file = chart.name if number == 1 else f"{chart.name}-{number}"
    uris = {}
    size = (0, 0)
    for name in ("light", "light-narrow"):
        figure = drawing.draw(chart, STYLES[name])
        light = drawing.svg(figure)
        dark = drawing.recoloured(light, LIGHT, DARK)  # half the work of another drawing
        for style, svg in ((name, light), (name.replace("light", "dark"), dark)):
            uris[style] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
        if name == "light":
            size = drawing.size_px(figure)
            atomic.write_bytes(out / f"{file}.svg", light)
            atomic.write_bytes(out / f"{file}.dark.svg", dark)
            atomic.write_bytes(out / f"{file}.png", drawing.png(figure))
            figure = drawing.draw(chart, STYLES["dark"])
            atomic.write_bytes(out / f"{file}.dark.png", drawing.png(figure))
    atomic.write_text(out / f"{file}.csv", table.to_csv(chart.numbers))
    points = units.counted(len(chart.dots), "point")
    alt = f"{chart.title}: {points}. {chart.caption} The numbers are in the tables."
    return Picture(file=file, alt=alt, width=size[0], height=size[1], uris=uris)


def _measured(rows: Sequence[Row]) -> dict[str, str]:
    """Returns how the rows were measured, name by name, from the rows themselves."""
    values: dict[str, list[str | int | None]] = {
        "device": [row.setup.device for row in rows],
        "runner": [row.setup.runner for row in rows],
        "tool": [row.setup.tool_sha256 for row in rows],
        "runtime": [row.setup.runtime for row in rows],
        "delegate": [row.setup.delegate for row in rows],
        "library": [row.setup.library_sha256 for row in rows],
        "threads": [row.setup.threads for row in rows],
        "protocol": [row.setup.protocol for row in rows],
        "session": [row.session for row in rows],
        "task set": [row.score_task_set for row in rows],
    }
    return {
        name: "\n".join(texts) if name in ("tool", "protocol") else ", ".join(texts)
        for name, of in values.items()
        if (texts := [str(each) for each in dict.fromkeys(of) if each not in (None, "")])
    }


def _has_short_names(rows: Sequence[Row]) -> bool:
    short = short_names(row.file.student for row in rows)
    return any(name != brief for name, brief in short.items())


def environment() -> jinja2.Environment:
    """Returns the environment that loads the page's templates."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports.page", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
