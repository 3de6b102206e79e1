"""``frill-bench history``: the trend of nightly runs against a pinned baseline, from gate logs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.paths import GATES, folder_beside
from bench.core.version import VERSION

if TYPE_CHECKING:
    from bench.flow.gate.history import History
    from bench.gate.history.trend import Trend

_EXAMPLE = "example: frill-bench history --anchor anchor gates --out history"
_MEASURE = "measure one: frill-bench gate --baseline ANCHOR --candidate REF --measure-unchanged"


class Options(shared.VerbOptions):
    """What the parser of ``history`` sets."""

    logs: list[Path]
    anchor: str | None
    zoo: Path
    db: str
    out: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of ``history``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add(
        "logs",
        nargs="*",
        type=Path,
        metavar="LOG",
        help="gate logs, or folders of them (default: gates/ beside --db)",
    )
    add(
        "--anchor",
        metavar="REF",
        help="the pinned baseline: each nightly run is a gate with these files as its --baseline, "
        "and with --measure-unchanged (default: the only baseline of each model)",
    )
    shared.add_zoo(parser)
    shared.add_db(parser, "the database whose gates/ is read; it is not opened itself")
    add("--out", type=Path, metavar="DIR", help="write a page with plots and a CSV")
    shared.add_json(parser)


def run(options: Options) -> int:
    """Prints the trend of each model, writes the page, returns the exit code."""
    from reports.history.trends import AXIS, alarms, notes, title

    history = _history(options)
    trends = sorted(history.trends, key=lambda trend: not trend.is_regressed)
    if options.json:
        print_json(_document(options, history, trends))
    else:
        _print(trends)
    for trend in trends:
        for line in notes(trend):
            print_to_stderr(f"{title(trend)}: {line}")
    for line in (*history.notes, *history.left_out):
        print_to_stderr(line)
    for trend in trends:
        for line in alarms(trend):
            print_to_stderr(f"{AXIS} regressed: {title(trend)}: {line}")
    if options.out is not None:
        print_to_stderr(f"wrote {_write(options, options.out, history, trends)}")
    return int(any(trend.is_regressed for trend in trends))


def _history(options: Options) -> History:
    from bench.flow.gate.history import history
    from bench.flow.gate.log_file import read_all
    from bench.flow.gate.references import side

    pinned = None
    if options.anchor is not None:
        pinned = {target.sha256 for target in side(options.anchor, zoo=options.zoo).targets}
    gates = folder_beside(options.db, GATES)
    places = ", ".join(map(str, options.logs)) or str(gates)
    logs, unread = read_all(options.logs or ([gates] if gates.is_dir() else []))
    if not logs:
        raise ConfigurationError("; ".join((f"no gate logs in {places}", *unread)), hint=_MEASURE)
    collected = history(logs, pinned)
    collected = replace(collected, left_out=(*collected.left_out, *unread))
    if not collected.trends:
        against = f" against {options.anchor}" if pinned else ""
        raise ConfigurationError(
            "; ".join((f"no nightly run{against} in {places}", *collected.left_out)),
            hint=_MEASURE,
        )
    return collected


def _print(trends: Sequence[Trend]) -> None:
    from bench.cli.shown.cells import terminal_table
    from bench.cli.terminal import print_table
    from reports.history.trends import table

    devices = sorted({trend.device for trend in trends})
    print_table(
        terminal_table(
            f"latency over the pinned baseline's, on {', '.join(devices)}",
            table(trends),
            lambda cell: f"{cell.text}\n{cell.detail}" if cell.detail else cell.text,
        )
    )


def _document(options: Options, history: History, trends: Sequence[Trend]) -> dict[str, object]:
    from reports.history.trends import document, rows

    return {
        "anchor": options.anchor,
        "models": [document(trend) for trend in trends],
        "runs": [config.unstructure(row) for trend in history.trends for row in rows(trend)],
        "left_out": list(history.left_out),
        "notes": list(history.notes),
    }


def _write(options: Options, out: Path, history: History, trends: Sequence[Trend]) -> Path:
    from reports.history.page import write_history

    anchor = f" --anchor {options.anchor}" if options.anchor else ""
    return write_history(
        trends,
        out=out,
        left_out=(*history.notes, *history.left_out),
        provenance={"command": f"frill-bench history{anchor}", "frill-bench": VERSION},
        pages=history.pages,
    )
