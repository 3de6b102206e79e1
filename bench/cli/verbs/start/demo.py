"""``frill-bench demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core.units import elapsed


class Options(shared.VerbOptions):
    """What the parser of ``demo`` sets."""

    out: Path
    students: str | None
    processes: int
    audio: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``demo``."""
    parser.epilog = "example: frill-bench demo --out demo"
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        default=Path("demo"),
        metavar="DIR",
        help="folder for the page, the models and the results",
    )
    add("--students", metavar="N,N", help="names of students (default: four of the demo)")
    add("--processes", type=int, default=12, help="processes per file")
    shared.add_audio(parser)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Runs the demo and prints the path of the page; returns 0, or 4 where a part failed."""
    from bench.cli.terminal import stages
    from bench.flow.demo import STUDENTS, demo
    from models.student.buildable import parse

    students = STUDENTS if options.students is None else options.students.split(",")

    with stages() as on_progress:
        result = demo(
            options.out,
            audio=options.audio,
            on_progress=on_progress,
            students=[parse(name).name for name in students],
            processes=options.processes,
        )
    for note in result.notes:
        print_to_stderr(f"note: {note}")
    for failure in result.failed:
        print_to_stderr(f"failed: {failure}")
    if options.json:
        print_json(
            {
                "page": str(result.page),
                "rows": result.rows,
                "stages": [
                    {"name": name, "wall_s": wall_s} for name, wall_s in result.stages.items()
                ],
                "notes": list(result.notes),
                "failed": list(result.failed),
            }
        )
    whole_s = sum(result.stages.values())
    print_to_stderr(f"wrote {result.rows} rows in {elapsed(whole_s)}; open {result.page}")
    return 4 if result.failed else 0
