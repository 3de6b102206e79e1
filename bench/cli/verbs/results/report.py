"""``frill-bench report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr


class Options(shared.VerbOptions):
    """What the parser of ``report`` sets."""

    db: str
    out: Path
    title: str
    task_set: str | None
    with_imported: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``report``."""
    parser.epilog = "example: frill-bench report --db demo/results.db --out report"
    add = parser.add_argument
    shared.add_db(parser, "the database to report")
    add("--out", type=Path, default=Path("report"), metavar="DIR", help="folder for the report")
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
    """Writes the report, prints its path and returns 0."""
    from bench.flow.report.write import against_teachers, effects_of, report
    from bench.store.store import Store
    from reports.effects.fit import Estimate
    from reports.rows.against_teacher import AgainstTeacher
    from reports.rows.schema import Row, listing

    with Store.open(options.db, create=False) as store:
        page, rows = report(
            store,
            out=options.out,
            title=options.title,
            command=f"frill-bench report --db {options.db}",
            task_set=options.task_set,
            with_imported=options.with_imported,
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
    if not rows:
        print_to_stderr(
            f"{options.db}: holds no latency of a file with a manifest; measure: frill-bench run"
        )
    print_to_stderr(f"wrote {page}")
    return 0
