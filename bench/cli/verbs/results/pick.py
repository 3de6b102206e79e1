"""``frill-bench pick``: the most accurate file that keeps all budgets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from reports.decision.pick import Answer
    from reports.rows.schema import Row, Stream

_EXAMPLE = "example: frill-bench pick --latency 5ms/s --size 2MB --core 5% --db results.db"
_NO_PAIRS = (
    "a CSV does not hold which clips were right: differences take both intervals as independent"
)


class Options(shared.VerbOptions):
    """What the parser of ``pick`` sets."""

    results: Path | None
    db: str | None
    task_set: str | None
    latency: list[str]
    size: str | None
    core: str | None
    memory: str | None
    lost: str | None
    accuracy: str | None
    device: list[str]
    for_worst: bool
    export: Path | None
    zoo: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``pick``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add(
        "results",
        nargs="?",
        type=Path,
        metavar="results.csv",
        help="results of a report, instead of a database; streaming.csv beside it is read too",
    )
    add("--db", metavar="FILE", help="the database (default: frill-bench.db)")
    add("--task-set", metavar="SET", help="task set of the scores, as for report")
    budgets = parser.add_argument_group("budgets, one at least")
    add = budgets.add_argument
    add(
        "--latency",
        action="append",
        default=[],
        metavar="T",
        help="5ms/s or 300us/s: per second of audio; 2ms: per inference; both with the front-end; "
        "may be given twice",
    )
    add("--size", metavar="S", help="of the file: 2MB, 800kB (decimal)")
    add("--core", metavar="P%", help="of one core, kept busy by a stream: 5%%")
    add("--memory", metavar="M", help="highest resident memory of the process: 40MB")
    add("--lost", metavar="P", help="accuracy lost against the most accurate file, in points: 2")
    add("--accuracy", metavar="P%", help="accuracy at least: 70%%")
    where = parser.add_argument_group("where (default: an answer for each device)")
    add = where.add_argument
    add(
        "--device",
        action="append",
        default=[],
        metavar="NAME",
        help="only this device, by its name or how that begins; may be repeated",
    )
    add("--for-worst", action="store_true", help="one answer: what keeps the budgets on all")
    out = parser.add_argument_group("the chosen file")
    out.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="copy it out of the zoo, with its manifest, its front-end and SHA256SUMS; never over "
        "another file",
    )
    shared.add_zoo(out)
    shared.add_json(parser)


def run(options: Options) -> int:
    """Prints the answers; returns 0, or 4 where no file keeps the budgets."""
    from reports.decision import pick
    from reports.decision.budgets import NAMES, read_all, streamed
    from reports.decision.shown import document, lines

    budgets = read_all(options.latency, {name: getattr(options, name) for name in NAMES})
    rows, streams, notes = _read(options)
    rows = pick.on_devices(rows, options.device)
    timed = streamed(rows, streams)
    if options.for_worst:
        found = [pick.answer_for_worst(rows, budgets, streams=timed)]
    else:
        found = pick.answers(rows, budgets, streams=timed)
    exported = _export(options, found)
    if options.json:
        print_json(
            {
                "answers": [document(each) for each in found],
                "notes": notes,
                "exported": [str(path) for path in exported],
            }
        )
    else:
        for each in found:
            for line in lines(each):
                print_line(line)
    for note in notes:
        print_to_stderr(f"note: {note}")
    if exported:
        print_to_stderr(f"wrote {', '.join(map(str, exported))}")
    return 0 if found and all(each.chosen for each in found) else 4


def _read(options: Options) -> tuple[list[Row], list[Stream], list[str]]:
    """Returns rows, the streaming ones, and what to know of them."""
    if options.results is not None:
        if options.db is not None:
            raise ConfigurationError(
                "a database and a CSV are given", hint="give --db or results.csv, not both"
            )
        return _read_csv(options.results)
    from bench.flow.report.join import join
    from bench.flow.report.mode_rows import modes
    from bench.flow.report.stored import newest_results
    from bench.store.store import Store

    with Store.open(options.db or "frill-bench.db", create=False) as store:
        timed = newest_results(store)
        rows, _ = join(store, task_set=options.task_set, timed=timed)
    return rows, modes(timed)[0], []


def _read_csv(path: Path) -> tuple[list[Row], list[Stream], list[str]]:
    """Returns the rows of a report's CSV, and the streaming ones of that beside it."""
    from reports.rows.results_csv import read, read_streams

    found = read(path)
    notes = [_NO_PAIRS, *(f"column {each} is not ours and is left out" for each in found.unknown)]
    beside = path.with_name("streaming.csv")
    if not beside.is_file():
        return list(found.rows), [], notes
    return list(found.rows), [*read_streams(beside)], [*notes, f"streams are those of {beside}"]


def _export(options: Options, found: Sequence[Answer]) -> list[Path]:
    if options.export is None:
        return []
    chosen = {each.chosen.parts[0].row.file.artifact_sha256 for each in found if each.chosen}
    if len(chosen) > 1:
        raise ConfigurationError(
            "the answers are different files, and one is exported",
            hint="choose a device with --device, or --for-worst",
        )
    if not chosen:
        return []
    from bench.flow.ship import export
    from models.zoo import Zoo

    return export(Zoo(options.zoo), chosen.pop(), options.export)
