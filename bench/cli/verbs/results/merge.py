"""``frill-bench merge``."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line


class Options(shared.VerbOptions):
    """What the parser of ``merge`` sets."""

    parcels: list[Path]
    db: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``merge``."""
    parser.epilog = "example: frill-bench merge lab-a.zip lab-b.zip --db results.db"
    parser.add_argument(
        "parcels",
        metavar="PARCEL",
        nargs="+",
        type=Path,
        help="a zip file that frill-bench export --parcel wrote",
    )
    shared.add_db(parser, "the database to add to")
    shared.add_json(parser)


def run(options: Options) -> int:
    """Adds the parcels, one after the other, and returns 0."""
    from bench.core.units import counted
    from bench.flow.exchange.merge import add, check
    from bench.flow.exchange.unpack import read
    from bench.store.store import Store

    checked = [check(read(path)) for path in options.parcels]
    with Store.open(options.db) as store:  # a refused parcel makes no database
        done = [add(store, each) for each in checked]
    if options.json:
        print_json({"db": options.db, "parcels": [asdict(each) for each in done]})
        return 0
    for each in done:
        what = ", ".join(
            counted(count, noun)
            for count, noun in (
                (each.sessions, "session"),
                (each.processes, "process"),
                (each.artifacts, "artifact"),
                (each.scores, "score"),
            )
        )
        left = f"; {counted(each.scores_left, 'score')} here already" if each.scores_left else ""
        print_line(f"{each.file}: added {what}{left}; every latency was derived again")
    return 0
