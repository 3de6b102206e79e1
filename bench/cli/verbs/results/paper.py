"""``frill-bench paper``."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import units
from bench.core.artifact import Format
from bench.core.errors import worst

if TYPE_CHECKING:
    from reports.rows.against_teacher import AgainstTeacher

_FORMATS = [each.value for each in Format]


class Options(flags.DeviceFlags, flags.VerbOptions):
    """What the parser of ``paper`` sets."""

    out: Path
    students: str | None
    formats: str
    trill: Path | None
    processes: int
    task_set: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``paper``."""
    parser.epilog = "example: frill-bench paper --host --out paper"
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        default=Path("paper"),
        metavar="DIR",
        help="folder for the page, the models and the results",
    )
    add("--students", metavar="N,N", help="names of students (default: frill and the starter ones)")
    add("--formats", default="float32,int8", help="formats of the students, separated by commas")
    add(
        "--trill",
        type=Path,
        metavar="FILE.tflite",
        help="TRILL's own file as the teacher, instead of a network of its shape",
    )
    add("--processes", type=int, default=10, metavar="N", help="processes per file")
    add(
        "--task-set",
        default="default",
        metavar="SET",
        help="default (six tasks), quick, or a folder or CSV of your own, as for score",
    )
    flags.add_json(parser)
    flags.add_device(parser)
    flags.add_tool(parser.add_argument_group("the benchmark tool"))


def run(options: Options) -> int:
    """Converts, measures, scores and reports; returns 0, or the exit code of what failed."""
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, phones_of, tool_request
    from bench.cli.shown.cases import show_failed
    from bench.cli.terminal import stages
    from bench.core.system.lock import alone_in
    from bench.flow import paper
    from bench.flow.fleet import MeasureJob
    from models.student.buildable import parse

    began_s = time.monotonic()
    named = paper.students() if options.students is None else options.students.split(",")
    names = list(dict.fromkeys(parse(name).name for name in named))
    serials = [f"-s {shlex.quote(each)}" for each in options.serial]
    where = [*(["--host"] if options.host else []), *serials]
    formats = [Format(each) for each in flags.words(options.formats, _FORMATS, "format")]
    if options.serial or not options.host:
        phones_of(options.serial)  # a phone that is not there is an error before anything is made
    with alone_in(options.out, "paper"):
        with stages() as on_progress:
            prepared = paper.prepare(
                options.out,
                names=names,
                formats=formats,
                trill=options.trill,
                tasks=options.task_set,
                on_progress=on_progress,
            )
        devices = devices_of(
            options, lambda kind: prepared.request(kind, options.processes), tool_request(options)
        )
        db = str(options.out / "results.db")
        status = do_on_devices(devices, MeasureJob(targets=prepared.targets), db, show_failed)
        with stages() as on_progress:
            page, lines = paper.finish(
                prepared,
                db,
                out=options.out,
                command=f"frill-bench paper {' '.join(where)} --out {options.out}",
                on_progress=on_progress,
            )
    _show(options, page, lines, prepared.notes, prepared.failed)
    print_to_stderr(
        f"{len(lines)} lines in {units.elapsed(time.monotonic() - began_s)}; open {page}"
    )
    return worst({status, 4 if prepared.failed or not lines else 0})


def _show(
    options: Options,
    page: Path,
    lines: Sequence[AgainstTeacher],
    notes: Sequence[str],
    failed: Sequence[str],
) -> None:
    from reports.rows.against_teacher import AgainstTeacher, published_lines
    from reports.rows.schema import listing

    for note in notes:
        print_to_stderr(f"note: {note}")
    for failure in failed:
        print_to_stderr(f"failed: {failure}")
    shown = [*lines, *published_lines()]
    if options.json:
        print_json(
            {
                "page": str(page),
                "lines": listing(shown, AgainstTeacher).records(),
                "notes": list(notes),
                "failed": list(failed),
            }
        )
    elif lines:
        _print(shown)


def _print(lines: Sequence[AgainstTeacher]) -> None:
    from bench.cli.terminal import print_rows

    def cell(line: AgainstTeacher, name: str, text: Callable[[float | None], str]) -> str:
        value = getattr(line, name)
        low, high = (getattr(line, f"{name}_{end}", None) for end in ("low", "high"))
        ends = "" if low is None or high is None else f" ({text(low)} to {text(high)})"
        return f"{text(value)}{ends}"

    headings = ("model", "format", "times as fast", "size (%)", "accuracy (%)", "numbers", "device")
    rows = [
        (
            line.alias or line.model,
            line.format or units.GAP,
            cell(line, "times_as_fast", units.ratio),
            cell(line, "size_ratio", units.percent),
            cell(line, "score_ratio", units.percent),
            f"{line.source}{', untrained' if line.is_untrained else ''}",
            line.device or units.GAP,
        )
        for line in lines
    ]
    title = "against the teacher: both files alone; shares of its size and accuracy"
    print_rows(headings, rows, right=headings[2:5], title=title)
