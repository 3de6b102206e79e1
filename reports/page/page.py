"""Writes the page of all results: one self-contained file, with pictures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core import atomic
from reports.effects import study
from reports.effects.fit import Estimate
from reports.page import ask
from reports.page.details import addresses, write_details
from reports.page.drawn import Picture, environment, picture
from reports.parts import against_teacher, documents, gates, hops, modes, picks, sections, table
from reports.parts.sections import Section
from reports.parts.table import Footnotes
from reports.plots import charts
from reports.plots.charts import Families
from reports.plots.ratios import format_ratios
from reports.rows import aspects, frontier, intervals, published, schema
from reports.rows.against_teacher import AgainstTeacher, published_lines
from reports.rows.details import NONE, Details
from reports.rows.frontier import Marked, View
from reports.rows.hops import at_shortest_hop
from reports.rows.names import short_names
from reports.rows.schema import Endurance, Row, Stream, Task, Timed

# Lines of a table in the page: of all results, and of any other.
_MOST_RESULTS = 250
_MOST_LINES = 60


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
    details: Details = NONE,
    marked: Sequence[Marked] | None = None,
) -> Path:
    """Returns the page it wrote into the folder ``out``, beside plots, results and tasks.

    Args:
        provenance: name to text of what made these numbers: versions, commands, seeds.
        notes: sentences to read before the numbers.
        streams, endurances: of streaming and sustained runs, if there are any.
        effects: of hyper-parameters, if they were compared.
        against: students against their teacher, if one was timed beside them.
        details: of files and devices, each of which gets a page beside this one, and of gates and
            their history, which have theirs there (``bench/flow/report/gates.py`` writes them).
        marked: the rows with their places, if these are known already.

    Raises:
        ConfigurationError: an interval does not hold its own estimate.
    """
    powers = [*(row.power for row in streams), *(row.power for row in endurances)]
    intervals.check([*rows, *tasks, *streams, *endurances, *powers, *effects, *against])
    out.mkdir(parents=True, exist_ok=True)  # refused before anything is drawn
    marked = frontier.mark(rows) if marked is None else marked
    rows = [each.row for each in marked]
    footnotes = Footnotes()
    timed: list[Timed] = [*rows, *streams, *endurances]
    families = charts.families_of(row.file.family for row in timed)
    links = addresses(details, marked)
    write_details(details, links, marked, tasks, streams, endurances, families, out)
    results = table.results(marked, footnotes, links)
    views = frontier.views(marked)
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
            asked=ask.data(views),
            teachers=_draw_all(teachers, out),
            published=published.DIFFERENCES,
            shared=aspects.shared(rows),
            streaming=_draw_all(streaming, out),
            sustained=_draw_all(sustained, out),
            results=results.first(_MOST_RESULTS),
            hops=_draw_all(hops.sections(rows, tasks), out),
            tasks=_first(sections.task_scores(tasks, footnotes)),
            fidelity=_first(sections.fidelity(at_shortest_hop(rows), footnotes)),
            choices=_draw_all(study.studies(effects, footnotes), out),
            provenance={**_measured(rows), **provenance},
            files=_files(rows, details),
            links=links,
            devices=[each.device for each in details.devices],
            gates=gates.all_gates(details.gates[:_MOST_RESULTS], links) if details.gates else None,
            older_gates=max(0, len(details.gates) - _MOST_RESULTS),
            history=details.history,
            left_out=details.left_out,
            short=_has_short_names(rows),
            footnotes=footnotes.with_evidence(),
        )
    )
    atomic.write_text(out / "results.csv", documents.results_csv(rows))
    atomic.write_text(out / "results.md", documents.results_markdown(marked))
    atomic.write_text(out / "tasks.csv", documents.to_csv(schema.listing(tasks, Task)))
    apart = {
        "streaming": schema.listing(streams, Stream),
        "sustained": schema.listing(endurances, Endurance),
        "effects": schema.listing(effects, Estimate),
        "paper": schema.listing([*against, *published_lines()] if against else [], AgainstTeacher),
    }
    for name, numbers in apart.items():
        if numbers.rows:
            atomic.write_text(out / f"{name}.csv", documents.to_csv(numbers))
    if against:
        atomic.write_text(out / "paper.md", against_teacher.to_document(against, families))
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def _part(
    view: View, families: Families, out: Path, footnotes: Footnotes, *, several: bool, number: int
) -> Part:
    rows = [each.row for each in view.rows]
    pictures = [picture(chart, out, number) for chart in charts.charts(view.rows, families)]
    ratios = format_ratios(at_shortest_hop(rows), families)
    heading = ", ".join(filter(None, (view.device, view.runner, view.task_set, view.rule)))
    return Part(
        heading=heading if several else "",
        verdict=picks.verdict(view.rows),
        picks=picks.picks(view.rows, footnotes),
        pictures=pictures,
        ratios=None if ratios is None else picture(ratios, out, number),
        causes=_first(sections.causes(rows)),
        dominated=_first(sections.dominated(view.rows)),
    )


def _first(whole: table.Table | None) -> table.Table | None:
    return whole and whole.first(_MOST_LINES)


def _draw_all(parts: Sequence[Section], out: Path) -> list[tuple[Section, list[Picture]]]:
    return [
        (section, [picture(chart, out, number) for chart in section.charts])
        for number, section in enumerate(parts, start=1)
    ]


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


def _files(rows: Sequence[Row], details: Details) -> dict[str, str]:
    """Returns the name of each file with a row or a page, by its SHA-256."""
    files = [*(row.file for row in rows), *(each.file for each in details.files)]
    return {each.artifact_sha256: each.name for each in files}


def _has_short_names(rows: Sequence[Row]) -> bool:
    short = short_names(row.file.student for row in rows)
    return any(name != brief for name, brief in short.items())
