"""Prints the findings of a gate's log, for people and programs; a replay prints the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from bench.cli.console import plain_table, print_json, print_table, tell
from bench.cli.shown.ci_files import OutputFlags, write_ci_files
from bench.core import units
from bench.core.errors import worst
from bench.core.units import GAP
from bench.gate.findings import exit_codes, findings_of
from bench.gate.log import Log
from bench.gate.records import CloseReason, Unmeasured
from bench.gate.verdict import Finding, Verdict
from reports.gate import table, wording
from reports.gate.document import document, unmeasured
from reports.parts.table import Cell, Footnotes

_EQUAL = "unchanged: equal files, not measured; --measure-unchanged measures them"
_OPTIONAL = ("blocks", "smallest slowdown", "discarded")  # left out where no line has any


def show_log(
    options: OutputFlags, log: Log, *, started_at: str | None = None, wrote: str = ""
) -> set[int]:
    """Prints the findings of a log, writes the outputs for CI, and returns all exit codes.

    Args:
        started_at: of the gate's session; ``None`` for a log that is replayed.
        wrote: a line that names what the gate wrote.
    """
    findings = findings_of(log)
    _show(log, findings, as_json=options.json)
    if wrote:
        tell(wrote)
    codes = exit_codes(log, findings, undecided_fails=options.undecided == "fail")
    write_ci_files(options, log, findings, exit_code=worst(codes), started_at=started_at)
    return codes


def show_unmeasured(models: Sequence[Unmeasured], *, as_json: bool) -> None:
    """Prints the models of a gate that has nothing to measure."""
    if as_json:
        print_json({"gate": None, "models": [], "unmeasured": unmeasured(models)})
    else:
        for each in models:
            print(f"{each.model}: {each.verdict}")
    tell(_EQUAL)


def _show(log: Log, findings: Sequence[Finding], *, as_json: bool) -> None:
    notes = Footnotes()
    drawn = _table(_title(log), findings, notes)
    if as_json:
        print_json(document(log, findings))
    else:
        print_table(drawn)
    for line in _messages(log, findings, notes):
        tell(line)


def _title(log: Log) -> str:
    device = log.opened.device
    return f"candidate over baseline, on {device.name}{' (virtual)' * device.virtual}"


def _table(title: str, findings: Sequence[Finding], notes: Footnotes) -> Table:
    drawn = table.cells(findings, notes)
    shown = plain_table(title)
    kept = [
        index
        for index, heading in enumerate(drawn.headings)
        if heading.name not in _OPTIONAL
        or any(line.cells[index].text not in ("", GAP) for line in drawn.lines)
    ]
    for index in kept:
        heading = drawn.headings[index]
        shown.add_column(heading.text, justify="right" if heading.numeric else "left")
    for line in drawn.lines:
        shown.add_row(
            *(escape(_text(line.cells[index])) for index in kept),
            style="bold" if line.strong else None,
        )
    return shown


def _text(cell: Cell) -> str:
    detail = f" ({cell.detail})" if cell.detail else ""
    return cell.text + detail + "".join(f" [{mark}]" for mark in cell.marks)


def _messages(log: Log, findings: Sequence[Finding], notes: Footnotes) -> Iterator[str]:
    rule = log.opened.rule
    for letter, text in notes.listed():
        yield f"[{letter}] {text}"
    yield (
        f"regressed: shown to be slower by more than {units.percent(rule.tolerance)} %; "
        f"same: shown not to be slower by {units.percent(rule.margin)} % or more"
    )
    yield wording.INTERVALS
    for each in findings:
        if each.verdict in (Verdict.REGRESSED, Verdict.FAILED):
            yield f"{each.model}: {wording.summary(each)}"
            yield from (f"  {sentence}" for sentence in each.why)
    if any(each.verdict is Verdict.UNCHANGED for each in findings):
        yield _EQUAL
    if log.closed not in (None, CloseReason.DECIDED):
        yield f"ended early: {log.closed}{_next_step(log.closed)}"
    if log.torn:
        yield "the log's last line was cut off and is left out"


def _next_step(closed: CloseReason | None) -> str:
    if closed is CloseReason.ENVIRONMENT:
        return (
            "; let the device cool and rest, and run again; on a busy machine the LiteRT runner on "
            "one thread compares CPU time, which other processes hardly affect"
        )
    return "; the same command continues it, within the same boot of the device"
