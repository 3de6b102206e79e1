"""``frill-bench import``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core.errors import ToolOutputError

if TYPE_CHECKING:
    from bench.flow.exchange.logs import Import


class Options(shared.VerbOptions):
    """What the parser of ``import`` sets."""

    files: list[Path]
    db: str
    model: Path | None
    device: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``import``."""
    add = parser.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="output of a benchmark program, of one run or several, as frill-bench parse reads it",
    )
    shared.add_db(parser, "the database to add to")
    add(
        "--model",
        metavar="FILE",
        type=Path,
        help="the .tflite file that the logs are of, with its manifest beside it; without it the "
        "runs are stored, and have no row in a report",
    )
    add("--device", metavar="NAME", help="name of the device that they are of (default: unknown)")
    shared.add_json(parser)
    parser.epilog = (
        "example: frill-bench import benchmark.txt --model zoo/frill.int8.tflite --device 'Pixel 9'"
    )


def run(options: Options) -> int:
    """Adds the logs to the database; returns 0, or 4 if a run must not be trusted."""
    from bench.flow.exchange.logs import import_log, read_log
    from bench.plan.suite import bare_target
    from bench.store.store import Store

    target = bare_target(options.model) if options.model else None
    logs = [read_log(path, target=target, device=options.device) for path in options.files]
    with Store.open(options.db) as store:
        done = [import_log(store, log, target) for log in logs]
    if options.json:
        print_json({"db": options.db, "files": [_document(each) for each in done]})
    else:
        for each in done:
            _print(each)
    if target is None or target.artifact is None:
        why = "--model is not given" if target is None else f"{target.path.name} has no manifest"
        print_to_stderr(f"no row in a report: {why}; frill-bench zoo add makes a manifest")
    return ToolOutputError.exit_code if any(each.failures for each in done) else 0


def _document(done: Import) -> dict[str, object]:
    return {
        "file": done.file,
        "session": done.session,
        "runs": len(done.outcomes),
        "added": done.added,
        "failures": list(done.failures),
    }


def _print(done: Import) -> None:
    from bench.core.units import counted

    known = "" if done.added else ", all of them imported before"
    print_line(f"{done.file}: {counted(len(done.outcomes), 'run')}{known}")
    for failure in done.failures:
        print_line(f"  stored as failed: {failure}")
