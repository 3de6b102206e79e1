"""``frill-bench report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared


class Options(argparse.Namespace):
    """What the parser of ``report`` sets."""

    verb: str
    db: str
    out: Path
    title: str
    task_set: str | None
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``report``."""
    parser.epilog = "example: frill-bench report --db demo/results.db --out report"
    parser.add_argument("--db", default="frill-bench.db", metavar="FILE", help="what to report")
    parser.add_argument(
        "--out", type=Path, default=Path("report"), metavar="DIR", help="its folder"
    )
    parser.add_argument("--title", default="Speech embeddings on device", help="of the page")
    parser.add_argument(
        "--task-set", metavar="SET", help="whose scores to use; the most complete by default"
    )
    shared.add_json(parser)


def run(options: Options) -> int:
    """Writes the report and names it."""
    from bench.cli.console import print_json, tell
    from bench.flow.report.write import effects_of, report
    from bench.store.store import Store
    from reports.effects.fit import Estimate
    from reports.rows.schema import Row, listing

    with Store.open(options.db, create=False) as store:
        page, rows = report(
            store,
            out=options.out,
            title=options.title,
            command=f"frill-bench report --db {options.db}",
            task_set=options.task_set,
        )
    if options.json:
        print_json(
            {
                "page": str(page),
                "rows": listing(rows, Row).records(),
                "effects": listing(effects_of(rows), Estimate).records(),
            }
        )
    if not rows:
        tell(f"{options.db}: holds no latency of a file with a manifest; frill-bench run measures")
    tell(f"wrote {page}")
    return 0
