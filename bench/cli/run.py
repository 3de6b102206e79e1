"""``frill-bench run``: measures latency by a suite, or of single files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.cli import options as shared

if TYPE_CHECKING:
    from bench.flow.measure import Sweep
    from bench.flow.results import CaseResult
    from bench.measure.suite import Suite, Target
    from bench.store.records import Session
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench run --host --model model.tflite --num-threads 1,2"


class _Options(argparse.Namespace):
    suite: Path | None
    host: bool
    model: list[Path]
    zoo: Path
    db: str
    num_threads: list[int] | None
    delegate: str | None
    processes: int | None
    seed: int | None
    benchmark_binary: Path | None
    dry_run: bool
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``run``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add("suite", nargs="?", type=Path, metavar="SUITE.yaml", help="measuring plan")
    add("--host", action="store_true", help="measure on this machine")
    add(
        "--model",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE.tflite",
        help="measure these files instead of the suite's models",
    )
    shared.add_zoo(parser)
    add("--db", default="frill-bench.db", metavar="FILE", help="database file or SQLAlchemy URL")
    add("--num-threads", type=_counts, metavar="N,N", help="instead of the suite's threads")
    add("--delegate", metavar="D,D", help="xnnpack,none: instead of the suite's")
    add("--processes", type=int, metavar="N", help="processes a case, instead of the suite's")
    add("--seed", type=int, help="of the order of the processes, instead of the suite's")
    add(
        "--benchmark-binary",
        type=Path,
        metavar="PATH",
        help="host build of the official benchmark_model, instead of the LiteRT interpreter",
    )
    add("--dry-run", action="store_true", help="print the commands, one a line, and run nothing")
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Measures, prints the results, returns the exit code."""
    from bench.core.errors import ConfigurationError
    from bench.store.store import Store

    chosen = cast("_Options", options)
    if not chosen.host:
        raise ConfigurationError(
            "no device is chosen, and phones (-s/--serial) come with a later version",
            hint="add --host to measure on this machine",
        )
    suite, targets = _plan(chosen)
    sweep = _sweep(chosen, suite, targets)
    if chosen.dry_run:
        _print_commands(sweep, as_json=chosen.json)
        return 0
    with Store.open(chosen.db) as store:
        for target in targets:
            if target.artifact is not None:
                store.add_artifact(target.artifact)
        return _measure(chosen, sweep, store)


def _plan(options: _Options) -> tuple[Suite, tuple[Target, ...]]:
    from bench.core import config
    from bench.measure.suite import Suite, bare_target, host_suite, select, zoo_targets

    suite = config.load(options.suite, Suite) if options.suite else host_suite()
    suite = config.structure(
        {**config.unstructure(suite), **_overrides(options)}, Suite, source="command line"
    )
    if options.processes is not None:
        suite = replace(suite, protocol=replace(suite.protocol, processes=options.processes))
    if options.model:
        files = {target.sha256: target for target in map(bare_target, options.model)}
        return suite, tuple(files.values())
    beside = options.suite.parent if options.suite else Path()
    return suite, select(suite, zoo_targets(options.zoo), beside=beside)


def _overrides(options: _Options) -> dict[str, object]:
    from bench.measure.case import Delegate

    given: dict[str, object] = {}
    if options.num_threads is not None:
        given["threads"] = options.num_threads
    if options.delegate is not None:
        given["delegates"] = shared.words(options.delegate, list(Delegate), "delegate")
    if options.seed is not None:
        given["seed"] = options.seed
    return given


def _sweep(options: _Options, suite: Suite, targets: Sequence[Target]) -> Sweep:
    from bench.flow.measure import host_sweep
    from bench.tool.host import litert_tool, official_tool

    binary = options.benchmark_binary
    return host_sweep(suite, targets, official_tool(binary) if binary else litert_tool())


def _print_commands(sweep: Sweep, *, as_json: bool) -> None:
    import shlex

    from bench.cli.output import print_json

    variables = [f"{name}={value}" for name, value in sweep.tool.environment().items()]
    prefix = ["env", *variables] if variables else []
    commands = [[*prefix, *sweep.command(planned.case)] for planned in sweep.planned()]
    if as_json:
        print_json({"commands": commands})
        return
    for command in commands:
        sys.stdout.write(shlex.join(command) + "\n")


def _measure(options: _Options, sweep: Sweep, store: Store) -> int:
    from bench.cli.output import progress, tell
    from bench.flow.measure import measure, open_session
    from bench.flow.results import results

    session = open_session(sweep, store)
    try:
        with progress() as display:
            task = display.add_task("measure", total=None)
            measure(
                sweep,
                session,
                store,
                progress=lambda now: display.update(task, completed=now.done, total=now.total),
            )
    finally:  # also when interrupted: what was measured is shown
        found = results(store, session.id)
        _show(options, session, found)
        tell(f"wrote session {session.id} to {store.url}")
    return 4 if any(each.failed for each in found) else 0


def _show(options: _Options, session: Session, found: Sequence[CaseResult]) -> None:
    from bench.cli.output import print_json, tell

    notes = _notes(found)
    if options.json:
        print_json(_document(session, found))
    else:
        _print_table(session, found, notes)
    for note, number in notes.items():
        tell(f"note {number}: {note}")


def _notes(found: Sequence[CaseResult]) -> dict[str, int]:
    """Returns each footnote once, with its number."""
    notes: dict[str, int] = {}
    for result in found:
        for note in _doubts(result):
            notes.setdefault(note, len(notes) + 1)
    return notes


def _doubts(result: CaseResult) -> list[str]:
    caveats = [f"{each.text}; {each.evidence}".removesuffix("; ") for each in result.caveats]
    return [*caveats, *result.failures]


def _document(session: Session, found: Sequence[CaseResult]) -> dict[str, object]:
    from bench.core import config

    return {
        "device": config.unstructure(session.device),
        "session": {
            "id": session.id,
            "suite": session.suite,
            "seed": session.seed,
            "started_at": session.started_at,
            "plan_sha256": session.plan_sha256,
        },
        "cases": [_case(each) for each in found],
    }


def _case(result: CaseResult) -> dict[str, object]:
    from dataclasses import fields

    from bench.core import config
    from bench.measure.summary import Summary

    case = config.unstructure(result.case)
    summary = config.unstructure(result.summary) if result.summary else {}
    numbers = {field.name: summary.get(field.name) for field in fields(Summary)}
    numbers["processes"] = numbers["processes"] or 0
    return {
        **case,
        **numbers,
        "key": result.case.key,
        "name": result.name,
        "model": result.model,
        "format": result.artifact.format if result.artifact else None,
        "failed": result.failed,
        "failures": list(result.failures),
        "caveats": [
            {
                "kind": caveat.kind,
                "effect": caveat.effect,
                "evidence": caveat.evidence,
                "text": caveat.text,
            }
            for caveat in result.caveats
        ],
    }


def _print_table(session: Session, found: Sequence[CaseResult], notes: dict[str, int]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from bench.cli.output import print_table
    from bench.core import units

    summaries = [result.summary for result in found if result.summary is not None]
    latency = units.duration_scale([each.latency_us_median for each in summaries])
    init = units.duration_scale([each.init_us_median for each in summaries])
    table = Table("model", "delegate", title=f"{session.device.name}: {session.suite}")
    table.title_justify = "left"
    for heading in (
        "threads",
        f"median {latency.unit}",
        f"95 % low {latency.unit}",
        f"high {latency.unit}",
        f"min {latency.unit}",
        f"init {init.unit}",
        "processes",
        "runs",
        "failed",
        "partitions",
    ):
        table.add_column(heading, justify="right")
    table.add_column("notes")
    for result in found:
        each = result.summary
        numbers = [*[units.GAP] * 5, "0", "0", units.GAP]
        if each is not None:
            partitions = units.GAP if each.partitions is None else str(each.partitions)
            numbers = [
                latency.number(each.latency_us_median),
                latency.number(each.latency_us_low),
                latency.number(each.latency_us_high),
                latency.number(each.latency_us_min),
                init.number(each.init_us_median),
                str(each.processes),
                str(each.iterations),
                partitions,
            ]
        numbers.insert(-1, str(result.failed))
        marks = ", ".join(str(notes[note]) for note in _doubts(result))
        table.add_row(
            escape(result.name), result.case.delegate, str(result.case.threads), *numbers, marks
        )
    print_table(table)


def _counts(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no comma list of whole numbers") from None
