"""Prints what ``zoo lint`` finds, and writes its files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bench.cli.console import print_json, print_line, print_to_stderr
from bench.cli.shown.cells import terminal_table
from bench.cli.shown.ci_files import write_text
from bench.cli.terminal import print_table
from reports.lint import junit, sarif, table
from reports.lint.document import document
from reports.lint.findings import COSTS, Lint, Rule
from reports.parts.table import Cell, Footnotes

_MOST_LINES = 40  # of the table; the files have all
_FOUND = 4  # the exit code of findings that fail


class OutputFlags(Protocol):
    """The options of ``zoo lint`` that choose its outputs."""

    sarif: Path | None
    junit: Path | None
    json: bool


def show(lint: Lint, options: OutputFlags, *, started_at: datetime) -> int:
    """Prints the findings, writes the files, and returns the exit code.

    Args:
        started_at: in UTC.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    exit_code = _FOUND if lint.failing else 0
    if options.sarif is not None:
        log = sarif.document(lint, exit_code=exit_code, root=Path.cwd())
        write_text(options.sarif, json.dumps(log, indent=1) + "\n")
    if options.junit is not None:
        write_text(options.junit, junit.to_xml(lint, started_at=started_at))
    if options.json:
        print_json(document(lint))
    else:
        _print(lint)
    for path in filter(None, (options.sarif, options.junit)):
        print_to_stderr(f"wrote {path}")
    return exit_code


def _print(lint: Lint) -> None:
    notes = Footnotes()
    cells = table.cells(lint, notes).first(_MOST_LINES)
    if cells.lines:
        print_table(terminal_table("findings", cells, _text))
    if cells.left_out:
        print_to_stderr(f"{cells.left_out} more findings; --json, --sarif and --junit have all")
    print_line(table.headline(lint))
    for letter, text in notes.listed():
        print_to_stderr(f"[{letter}] {text}")
    for rule in dict.fromkeys(each.rule for _, each in lint.findings()):
        print_to_stderr(f"{rule}: {COSTS[rule]}")
    if not lint.fail_on and any(each.rule is not Rule.UNKNOWN for _, each in lint.findings()):
        print_to_stderr("none of this fails; --fail-on makes it: --fail-on partitions,dynamic")


def _text(cell: Cell) -> str:
    detail = f": {cell.detail}" if cell.detail else ""
    return cell.text + detail + "".join(f" [{mark}]" for mark in cell.marks)
