"""``frill-bench report``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core.errors import ConfigurationError
from bench.core.paths import folder_beside

if TYPE_CHECKING:
    from reports.parts.table import Cell
    from reports.rows.frontier import Marked
    from reports.rows.schema import Row

_OUT = "report"
# Columns of the results that are in results.md and not on a terminal.
_NOT_PRINTED = ("over floor", "front-end", "load", "weights", "multiply-adds", "partitions")


class Options(shared.VerbOptions):
    """What the parser of ``report`` sets."""

    db: str
    out: Path | None
    format: str | None
    title: str
    task_set: str | None
    with_imported: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``report``."""
    parser.epilog = "example: frill-bench report --db demo/results.db --out report"
    add = parser.add_argument
    shared.add_db(parser, "the database to report")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"folder for the report (default: {_OUT}; with --format nothing is written)",
    )
    add(
        "--format",
        choices=("table", "md"),
        help="print the results: as a table with the frontier drawn in text, or as Markdown",
    )
    add("--title", default="Speech embeddings on device", help="title of the page")
    add(
        "--task-set",
        metavar="SET",
        help="task set of the scores (default: the one that most artifacts were scored on)",
    )
    add(
        "--with-imported",
        action="store_true",
        help="imported rows may be on a frontier with measured ones of a device of the same name "
        "(without it they have their own)",
    )
    shared.add_json(parser)


def run(options: Options) -> int:
    """Writes the report, or prints the results, or both; returns 0."""
    if options.json and options.format:
        raise ConfigurationError(
            f"--json and --format {options.format} both print on stdout", hint="leave one out"
        )
    if options.format is None or options.out is not None:
        rows = _write(options, options.out or Path(_OUT))
    else:
        rows = _rows(options)
    if not rows:
        print_to_stderr(
            f"{options.db}: holds no latency of a file with a manifest; measure: frill-bench run"
        )
    elif options.format is not None:
        from reports.rows.frontier import mark

        show = _show_markdown if options.format == "md" else _show_table
        show(mark(rows))
    return 0


def _write(options: Options, out: Path) -> list[Row]:
    """Writes page, plots and tables; returns the rows."""
    from bench.flow.report.write import against_teachers, effects_of, report
    from bench.store.store import Store
    from reports.effects.fit import Estimate
    from reports.rows.against_teacher import AgainstTeacher
    from reports.rows.schema import Row, listing

    with Store.open(options.db, create=False) as store:
        page, rows = report(
            store,
            out=out,
            title=options.title,
            command=f"frill-bench report --db {options.db}",
            task_set=options.task_set,
            with_imported=options.with_imported,
            beside=folder_beside(options.db),
        )
        against = against_teachers(store, rows)
    if options.json:
        print_json(
            {
                "page": str(page),
                "rows": listing(rows, Row).records(),
                "effects": listing(effects_of(rows), Estimate).records(),
                "against_teacher": listing(against, AgainstTeacher).records(),
            }
        )
    print_to_stderr(f"wrote {page}")
    return rows


def _rows(options: Options) -> list[Row]:
    from bench.flow.report.join import join
    from bench.store.store import Store

    with Store.open(options.db, create=False) as store:
        rows, _ = join(store, task_set=options.task_set, with_imported=options.with_imported)
    return rows


def _show_markdown(marked: Sequence[Marked]) -> None:
    """Prints what results.md holds."""
    from reports.parts.documents import results_markdown

    for line in results_markdown(marked).splitlines():
        print_line(line)


def _show_table(marked: Sequence[Marked]) -> None:
    """Prints the table, what all rows share, the frontiers, and the footnotes on stderr."""
    from bench.cli.shown.cells import terminal_table
    from bench.cli.terminal import print_table, width
    from reports.parts.results import results
    from reports.parts.table import Footnotes
    from reports.plots.text import frontier_text
    from reports.rows.aspects import shared_sentence
    from reports.rows.frontier import views

    notes = Footnotes()
    cells = results(marked, notes)
    columns = [at for at, each in enumerate(cells.headings) if each.name not in _NOT_PRINTED]
    print_table(terminal_table("results", cells, _text, columns))
    for view in views(marked):
        for line in ("", *frontier_text(view, columns=width())):
            print_line(line)
    print_line(shared_sentence([each.row for each in marked]))
    for letter, text in notes.listed():
        print_to_stderr(f"[{letter}] {text}")


def _text(cell: Cell) -> str:
    """Returns the text of a cell: a number with its interval, a name in its short form."""
    detail = f" ({cell.detail})" if cell.detail not in ("", cell.order) else ""
    return cell.text + detail + "".join(f" [{mark}]" for mark in cell.marks)
