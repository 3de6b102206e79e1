"""``frill-bench demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli import flags as shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``demo``."""
    parser.epilog = "example: frill-bench demo --out demo"
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="its folder")
    parser.add_argument(
        "--students", metavar="N,N", help="students' names instead of the demo's six"
    )
    parser.add_argument("--processes", type=int, default=12, help="a file is timed in this many")
    shared.add_audio(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the whole line and names the page; 4 where a part of it failed."""
    from bench.cli.console import print_json, progress, tell
    from bench.flow.demo import STUDENTS, demo
    from models.student.buildable import parse

    students = STUDENTS if options.students is None else options.students.split(",")

    with progress() as display:
        bars = {}

        def told(step: str, done: int, total: int) -> None:
            if step not in bars:
                bars[step] = display.add_task(step, total=None)
            display.update(bars[step], completed=done, total=total or None)

        made = demo(
            options.out,
            audio=options.audio,
            told=told,
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
                "notes": list(made.notes),
                "failed": list(made.failed),
            }
        )
    tell(f"wrote {made.rows} rows; open {made.page}")
    return 4 if made.failed else 0
