"""``frill-bench demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared


class Options(argparse.Namespace):
    """What the parser of ``demo`` sets."""

    verb: str
    out: Path
    students: str | None
    processes: int
    audio: Path | None
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``demo``."""
    parser.epilog = "example: frill-bench demo --out demo"
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), metavar="DIR", help="where the page goes"
    )
    parser.add_argument(
        "--students", metavar="N,N", help="students' names instead of the demo's six"
    )
    parser.add_argument("--processes", type=int, default=12, help="processes for each file")
    shared.add_audio(parser)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Runs the whole line and names the page; 4 where a part of it failed."""
    from bench.cli.console import print_json, stages, tell
    from bench.core.units import elapsed
    from bench.flow.demo import STUDENTS, demo
    from models.student.buildable import parse

    students = STUDENTS if options.students is None else options.students.split(",")

    with stages() as on_progress:
        made = demo(
            options.out,
            audio=options.audio,
            on_progress=on_progress,
            students=[parse(name).name for name in students],
            processes=options.processes,
        )
    for note in made.notes:
        tell(f"note: {note}")
    for failure in made.failed:
        tell(f"failed: {failure}")
    if options.json:
        print_json(
            {
                "page": str(made.page),
                "rows": made.rows,
                "stages": [{"name": each.name, "wall_s": each.wall_s} for each in made.stages],
                "notes": list(made.notes),
                "failed": list(made.failed),
            }
        )
    whole_s = sum(each.wall_s for each in made.stages)
    tell(f"wrote {made.rows} rows in {elapsed(whole_s)}; open {made.page}")
    return 4 if made.failed else 0
