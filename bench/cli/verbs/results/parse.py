"""``frill-bench parse``: reads benchmark logs that exist already, run by run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json
from bench.core import config
from bench.core.errors import ConfigurationError, ToolOutputError

if TYPE_CHECKING:
    from bench.tool.parse import ToolLog
    from bench.tool.paste import PastedRun


class Options(shared.VerbOptions):
    """What the parser of ``parse`` sets."""

    files: list[str]
    stderr: Path | None
    exit_status: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``parse``."""
    add = parser.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="+",
        help="output of a benchmark program as text, of one run or several, also as it was pasted "
        "into a page, a mail or JSON; or its binary result file; - is stdin",
    )
    add(
        "--stderr", metavar="FILE", type=Path, help="the standard error, if it was saved separately"
    )
    add("--exit-status", metavar="N", type=int, help="exit status of the program, if it is known")
    shared.add_json(parser)
    parser.epilog = "example: frill-bench parse benchmark.log --json"


def run(options: Options) -> int:
    """Prints the contents of the logs; returns 0, or 4 if a run must not be trusted."""
    names: list[str] = options.files
    is_whole = options.stderr is not None or options.exit_status is not None
    if len(names) > 1 and is_whole:
        raise ConfigurationError(
            "--stderr and --exit-status are for one log, and several were given",
            hint="parse that log by itself",
        )
    found = [(name, _parse(name, options.stderr, options.exit_status)) for name in names]
    if is_whole and len(found[0][1]) > 1:
        raise ConfigurationError(
            f"--stderr and --exit-status are for one run, and {names[0]} holds {len(found[0][1])}",
            hint="write that run to a file of its own",
        )
    if options.json:
        documents = [
            _document(name, number, run)
            for name, runs in found
            for number, run in enumerate(runs, start=1)
        ]
        print_json(documents[0] if len(documents) == 1 else {"logs": documents})
    else:
        for name, runs in found:
            _print(name, runs)
    trusted = all(run.log.ok for _, runs in found for run in runs)
    return 0 if trusted else ToolOutputError.exit_code


def _parse(name: str, stderr: Path | None, exit_status: int | None) -> list[PastedRun]:
    from bench.tool.parse import read_bytes
    from bench.tool.paste import read_paste

    content = sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))
    errors = b"" if stderr is None else read_bytes(stderr)
    return read_paste(content, errors, exit_status=exit_status)


def _document(name: str, number: int, run: PastedRun) -> dict[str, object]:
    """Returns the JSON of one run."""
    return {
        **config.unstructure(run.log),
        "file": name,
        "run": number,
        "command": run.command,
        "name": run.name,
        "copies": run.copies,
    }


def _print(name: str, runs: list[PastedRun]) -> None:
    if len(runs) > 1:
        _print_overview(name, runs)
    for number, run in enumerate(runs, start=1):
        _print_run(name if len(runs) == 1 else f"{name}, run {number} of {len(runs)}", run)


def _print_overview(name: str, runs: list[PastedRun]) -> None:
    """Prints one line per run."""
    from rich.table import Table

    from bench.cli.terminal import print_table

    refused = sum(not run.log.ok for run in runs)
    verdict = f"{refused} must not be trusted" if refused else "all can be trusted"
    table = Table(title=f"{name}: {len(runs)} runs, {verdict}", title_justify="left")
    table.add_column("run", justify="right", no_wrap=True)
    table.add_column("command", overflow="fold")
    table.add_column("trusted", no_wrap=True)
    table.add_column("inference, mean", justify="right", no_wrap=True)
    for number, run in enumerate(runs, start=1):
        code = (run.log.failure or "").partition(":")[0]
        table.add_row(
            str(number),
            run.name or run.command or "not in the log",
            "yes" if run.log.ok else f"no: {code}",
            _ms(run.log.inference_avg_us) or "",
        )
    print_table(table)


def _print_run(title: str, run: PastedRun) -> None:
    from rich.table import Table

    from bench.cli.terminal import print_table

    table = Table(title=title, title_justify="left", show_header=False, min_width=60)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    copies = f"{run.copies} times in this file" if run.copies > 1 else None
    about = [("command", run.command), ("configuration", run.name), ("copies", copies)]
    for label, value in [*about, *_rows(run.log)]:
        if value:
            table.add_row(label, value)
    print_table(table)


def _rows(log: ToolLog) -> list[tuple[str, str]]:
    """Returns label and value of everything that the log contains."""
    memory = [f"{name} {value:g}" for name, value in (log.memory_mb or {}).items()]
    nodes = None
    if log.nodes_delegated is not None:
        nodes = f"{log.nodes_delegated} of {_count(log.nodes_total)} nodes"
    partitions = None if log.partitions is None else f"{log.partitions} partitions"
    rows: list[tuple[str, str | None]] = [
        ("trusted", "yes" if log.ok else f"no: {log.failure}"),
        ("dialect", f"{log.dialect}{', logcat' if log.logcat else ''}"),
        ("runtime", log.runtime),
        ("delegate", ", ".join(filter(None, (log.delegate, nodes, partitions)))),
        ("requested delegate", ", ".join(log.requested_delegates)),
        ("threads", None if log.threads is None else str(log.threads)),
        (
            "runs",
            None if log.runs is None else f"{log.runs} after {_count(log.warmup_runs)} warm-up",
        ),
        ("inference, mean", _ms(log.inference_avg_us)),
        ("inference, min to max", _range(log.inference_min_us, log.inference_max_us)),
        ("inference, std", _ms(log.inference_std_us)),
        *((f"inference, {name}", _ms(value)) for name, value in (log.percentiles_us or {}).items()),
        ("warm-up, first", _ms(log.first_us)),
        ("warm-up, mean", _ms(log.warmup_avg_us)),
        ("initialisation", _ms(log.init_us)),
        ("memory (MB)", ", ".join(memory)),
        ("model (MB)", None if log.model_size_mb is None else f"{log.model_size_mb:g}"),
        ("signature", log.signature),
    ]
    return [(label, value) for label, value in rows if value]


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)


def _ms(value_us: float | None) -> str | None:
    return None if value_us is None else f"{value_us / 1000:.3f} ms"


def _range(low_us: float | None, high_us: float | None) -> str | None:
    if low_us is None or high_us is None:
        return None
    return f"{low_us / 1000:.3f} to {high_us / 1000:.3f} ms"
