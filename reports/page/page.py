"""Writes the page of all results: one self-contained file, with pictures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core import atomic
from reports.effects import study
from reports.effects.fit import Estimate
from reports.page import ask, students
from reports.page.details import addresses, write_details
from reports.page.drawn import Drawing, Picture, Waiting, drawing_beside, environment
from reports.parts import (
    against_teacher,
    apart,
    documents,
    gates,
    hops,
    modes,
    picks,
    sections,
    table,
)
from reports.parts.results import results
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
from reports.rows.schema import ApartScore, Endurance, Row, Stream, Task, Timed

_MOST_LINES = 60  # of a table in the page, but that of all results
_MOST_GATES = 250  # in the page


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """The charts of a view, which may be drawn elsewhere at this time."""

    charts: Sequence[Waiting]
    ratios: Waiting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of the page on one view: a device, a runner and a task set."""

    heading: str
    verdict: str
    picks: Sequence[picks.Pick]
    begun: _Begun
    causes: table.Table | None
    dominated: table.Table | None

    @property
    def pictures(self) -> list[Picture]:
        """The charts, drawn; waits for those that are not yet."""
        return [wait() for wait in self.begun.charts]

    @property
    def ratios(self) -> Picture | None:
        """The chart of formats, drawn, if there is one."""
        return self.begun.ratios and self.begun.ratios()


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
    scores_apart: Sequence[ApartScore] = (),
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
        scores_apart: scores that are compared with none of the rows.

    Raises:
        ConfigurationError: an interval does not hold its own estimate.
    """
    powers = [*(row.power for row in streams), *(row.power for row in endurances)]
    intervals.check([*rows, *tasks, *streams, *endurances, *powers, *effects, *against])
    intervals.check(scores_apart)
    out.mkdir(parents=True, exist_ok=True)  # refused before anything is drawn
    marked = frontier.mark(rows) if marked is None else marked
    rows = [each.row for each in marked]
    footnotes = Footnotes()
    timed: list[Timed] = [*rows, *streams, *endurances]
    families = charts.families_of(row.file.family for row in timed)
    links = addresses(details, marked)
    views = frontier.views(marked)
    with drawing_beside(out, points=len(timed)) as drawing:
        begun = [
            _begun(view, families, drawing, number) for number, view in enumerate(views, start=1)
        ]
        write_details(details, links, marked, tasks, streams, endurances, families, out)
        all_results = results(marked, footnotes, links, most=documents.MOST_RESULTS)
        atomic.write_text(
            out / "results.md", documents.results_document(all_results, footnotes, rows)
        )
        parts = [
            _part(view, drawn, footnotes, several=len(views) > 1)
            for view, drawn in zip(views, begun, strict=True)
        ]
        streaming = _begin_all(modes.streaming(streams, families, footnotes), drawing)
        sustained = _begin_all(modes.sustained(endurances, families, footnotes), drawing)
        teachers = _begin_all(against_teacher.sections(against, families, footnotes), drawing)
        of_hops = _begin_all(hops.sections(rows, tasks), drawing)
        of_students = _begin_all(students.sections(rows), drawing)
        by_protocol = _begin_all(apart.published(scores_apart, footnotes), drawing)
        in_conditions = _begin_all(apart.robustness(scores_apart, footnotes), drawing)
        scores = _first(sections.task_scores(tasks, footnotes))
        fidelity = _first(sections.fidelity(at_shortest_hop(rows), footnotes))
        choices = _begin_all(study.studies(effects, footnotes), drawing)
        _write_tables(rows, tasks, streams, endurances, effects, against, scores_apart, out)
        if against:
            paper = against_teacher.to_document(against, families)
            atomic.write_text(out / "paper.md", paper)
        html = (
            environment()
            .get_template("page.html")
            .render(
                title=title,
                subtitle=subtitle,
                notes=notes,
                parts=parts,
                asked=ask.data(views),
                teachers=_drawn(teachers),
                published=published.DIFFERENCES,
                shared=aspects.shared(rows),
                streaming=_drawn(streaming),
                sustained=_drawn(sustained),
                results=all_results,
                hops=_drawn(of_hops),
                students=_drawn(of_students),
                published_scores=_drawn(by_protocol),
                in_conditions=_drawn(in_conditions),
                tasks=scores,
                fidelity=fidelity,
                choices=_drawn(choices),
                provenance={**_measured(rows), **provenance},
                files=_files(rows, details),
                links=links,
                devices=[each.device for each in details.devices],
                gates=(
                    gates.all_gates(details.gates[:_MOST_GATES], links) if details.gates else None
                ),
                older_gates=max(0, len(details.gates) - _MOST_GATES),
                history=details.history,
                left_out=details.left_out,
                short=_has_short_names(rows),
                footnotes=footnotes.with_evidence(),
            )
        )
    atomic.write_text(out / "index.html", html)
    return out / "index.html"


def _write_tables(
    rows: Sequence[Row],
    tasks: Sequence[Task],
    streams: Sequence[Stream],
    endurances: Sequence[Endurance],
    effects: Sequence[Estimate],
    against: Sequence[AgainstTeacher],
    scores_apart: Sequence[ApartScore],
    out: Path,
) -> None:
    """Writes the rows of each kind as CSV: results and tasks always, the others where some are."""
    atomic.write_text(out / "results.csv", documents.results_csv(rows))
    atomic.write_text(out / "tasks.csv", documents.to_csv(schema.listing(tasks, Task)))
    apart = {
        "streaming": schema.listing(streams, Stream),
        "sustained": schema.listing(endurances, Endurance),
        "scores-apart": schema.listing(scores_apart, ApartScore),
        "effects": schema.listing(effects, Estimate),
        "paper": schema.listing([*against, *published_lines()] if against else [], AgainstTeacher),
    }
    for name, numbers in apart.items():
        if numbers.rows:
            atomic.write_text(out / f"{name}.csv", documents.to_csv(numbers))


def _begun(view: View, families: Families, drawing: Drawing, number: int) -> _Begun:
    shown = charts.charts(view.rows, families)
    ratios = format_ratios(at_shortest_hop([each.row for each in view.rows]), families)
    return _Begun(
        charts=[drawing.begin(chart, number) for chart in shown],
        ratios=None if ratios is None else drawing.begin(ratios, number),
    )


def _part(view: View, begun: _Begun, footnotes: Footnotes, *, several: bool) -> Part:
    rows = [each.row for each in view.rows]
    heading = ", ".join(filter(None, (view.device, view.runner, view.task_set, view.rule)))
    return Part(
        heading=heading if several else "",
        verdict=picks.verdict(view.rows),
        picks=picks.picks(view.rows, footnotes),
        begun=begun,
        causes=_first(sections.causes(rows)),
        dominated=_first(sections.dominated(view.rows)),
    )


def _first(whole: table.Table | None) -> table.Table | None:
    return whole and whole.first(_MOST_LINES)


def _begin_all(parts: Sequence[Section], drawing: Drawing) -> list[tuple[Section, list[Waiting]]]:
    return [
        (section, [drawing.begin(chart, number) for chart in section.charts])
        for number, section in enumerate(parts, start=1)
    ]


def _drawn(
    begun: Sequence[tuple[Section, Sequence[Waiting]]],
) -> list[tuple[Section, list[Picture]]]:
    return [(section, [wait() for wait in pictures]) for section, pictures in begun]


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
