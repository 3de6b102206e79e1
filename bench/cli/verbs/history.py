"""``frill-bench history``: ratios to an anchor, night by night, out of gate logs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags as shared

if TYPE_CHECKING:
    from rich.table import Table

    from bench.flow.gate.history import Histories
    from reports.history import Nightly
    from reports.standings import Standing

AXIS = "latency"
_EXAMPLE = "example: frill-bench history --anchor anchor gates --out history"
_NIGHT = "frill-bench gate --baseline ANCHOR --candidate REF --measure-unchanged"


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
        help="files that stay: a night is a gate with them as its --baseline and with "
        "--measure-unchanged (default: the only baseline that each model has)",
    )
    shared.add_zoo(parser)
    add("--db", default="frill-bench.db", metavar="FILE", help="whose logs; it is not opened")
    add("--out", type=Path, metavar="DIR", help="write the page, with plots and tables")
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints where each model stands, writes the page, returns the exit code."""
    from bench.cli.console import print_json, print_table, tell
    from bench.flow.gate.history import rows, standing
    from reports.standings import alarms, notes, who

    found = _histories(options)
    standings = sorted(map(standing, found.models), key=lambda each: not each.is_regressed)
    nights = [row for each in found.models for row in rows(each)]
    if options.json:
        print_json(_document(options, found, standings, nights))
    else:
        print_table(_table(standings))
    for each in standings:
        for line in notes(each):
            tell(f"{who(each)}: {line}")
    for line in found.notes:
        tell(line)
    for each in standings:
        for line in alarms(each):
            tell(f"{AXIS} regressed: {who(each)}: {line}")
    if options.out is not None:
        tell(f"wrote {_written(options, found, standings, nights)}")
    return int(any(each.is_regressed for each in standings))


def _histories(options: argparse.Namespace) -> Histories:
    from dataclasses import replace

    from bench.core.errors import ConfigurationError
    from bench.flow.gate.history import histories
    from bench.flow.gate.logs import read_all
    from bench.flow.gate.references import side

    anchor = None
    if options.anchor is not None:
        anchor = {each.sha256 for each in side(options.anchor, zoo=options.zoo).targets}
    beside = (Path() if "://" in options.db else Path(options.db).parent) / "gates"
    named = ", ".join(map(str, options.logs)) or str(beside)
    logs = read_all(options.logs or ([beside] if beside.is_dir() else []))
    if not logs.logs:
        raise ConfigurationError(
            "; ".join((f"{named}: no gate's log is there", *logs.unread)),
            hint=f"measure a night: {_NIGHT}",
        )
    found = histories(logs.logs, anchor)
    found = replace(found, notes=(*found.notes, *logs.unread))
    if not found.models:
        against = f" against {options.anchor}" if anchor else ""
        raise ConfigurationError(
            "; ".join((f"{named}: no night{against} is there", *found.notes)),
            hint=f"measure a night: {_NIGHT}",
        )
    return found


def _table(standings: Sequence[Standing]) -> Table:
    from rich.markup import escape

    from bench.cli.console import plain_table
    from reports.standings import table

    found = table(standings)
    devices = sorted({each.device for each in standings})
    made = plain_table(f"latency over the anchor's, on {', '.join(devices)}")
    for heading in found.headings:
        made.add_column(heading.name, justify="right" if heading.numeric else "left")
    for line in found.lines:
        made.add_row(
            *(
                escape(f"{cell.text}\n{cell.detail}" if cell.detail else cell.text)
                for cell in line.cells
            )
        )
    return made


def _document(
    options: argparse.Namespace,
    found: Histories,
    standings: Sequence[Standing],
    nights: Sequence[Nightly],
) -> dict[str, object]:
    from bench.core import config
    from reports.standings import alarms

    return {
        "anchor": options.anchor,
        "models": [
            {
                **config.unstructure(each),
                "axis": AXIS,
                "is_regressed": each.is_regressed,
                "alarms": alarms(each),
            }
            for each in standings
        ],
        "nights": [config.unstructure(each) for each in nights],
        "left_out": list(found.notes),
    }


def _written(
    options: argparse.Namespace,
    found: Histories,
    standings: Sequence[Standing],
    nights: Sequence[Nightly],
) -> Path:
    from bench.core.version import VERSION
    from reports.history_page import write_history

    anchor = f" --anchor {options.anchor}" if options.anchor else ""
    return write_history(
        standings,
        nights,
        out=options.out,
        left_out=found.notes,
        provenance={"command": f"frill-bench history{anchor}", "frill-bench": VERSION},
    )
