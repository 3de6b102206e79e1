"""Prints the findings of a gate's log as a table or JSON; a replay prints the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from rich.table import Table

from bench.cli.console import print_json, print_line, print_to_stderr
from bench.cli.shown.cells import terminal_table
from bench.cli.shown.ci_files import CiFiles, OutputFlags
from bench.cli.terminal import print_table
from bench.core.errors import BenchError, InfrastructureError, worst
from bench.flow.fleet import Lane
from bench.flow.gate.gate import logs_of
from bench.gate.findings import exit_codes, findings_of, unmeasured_findings
from bench.gate.log import Log
from bench.gate.ranks import ranks_of
from bench.gate.records import CloseReason, Unmeasured
from bench.gate.verdict import Finding, Undecided, Verdict
from bench.store.records import Session
from bench.store.store import Store
from reports.gate import table, wording
from reports.gate.document import document, ended
from reports.gate.gate_report import loudest_first
from reports.parts.table import Cell, Footnotes

_INTERRUPTED = 130
_EQUAL = "unchanged: equal files, not measured; --measure-unchanged measures them"


class Outputs:
    """What one gate prints and writes: once, whatever ends it.

    Raises:
        ConfigurationError: a file for CI cannot be written.
    """

    def __init__(self, options: OutputFlags) -> None:
        self._options = options
        self._files = CiFiles(options)

    @property
    def is_shown(self) -> bool:
        """Whether something was printed and written."""
        return self._files.is_written

    def show_log(
        self,
        log: Log,
        *,
        started_at: str | None = None,
        wrote: str = "",
        log_file: Path | None = None,
        other_codes: Collection[int] = (),
    ) -> set[int]:
        """Prints the findings of a log, writes the outputs for CI, and returns all exit codes.

        Args:
            started_at: when the gate's session began, ISO 8601; ``None`` for a replay.
            wrote: a message that names what the gate wrote; empty for none.
            log_file: where the log is.
            other_codes: exit codes that do not follow from the log.
        """
        options, findings = self._options, findings_of(log)
        _show(log, findings, as_json=options.json)
        if wrote:
            print_to_stderr(wrote)
        codes = exit_codes(log, findings, undecided=Undecided(options.undecided))
        is_interrupted = started_at is not None and log.closed is CloseReason.INTERRUPTED
        exit_code = _INTERRUPTED if is_interrupted else worst({*codes, *other_codes})
        self._files.write(
            log,
            findings,
            exit_code=exit_code,
            started_at=started_at,
            log_file="" if log_file is None else str(log_file),
        )
        return codes

    def show_unmeasured(
        self, models: Sequence[Unmeasured], differences: Sequence[str], *, margin: float
    ) -> None:
        """Prints and writes the models of a gate that has nothing to measure."""
        for line in differences:
            print_to_stderr(line)
        if self._options.json:
            print_json(ended(_EQUAL, exit_code=0, models=models, differences=differences))
        else:
            for each in models:
                print_line(f"{each.model}: {each.verdict}")
        print_to_stderr(_EQUAL)
        findings = unmeasured_findings(models, margin=margin)
        self._files.write_ended(
            exit_code=0, message=_EQUAL, findings=findings, differences=differences
        )

    def show_ended(self, exit_code: int, message: str) -> None:
        """Prints as JSON and writes that the gate ended before it measured anything, and why."""
        if self.is_shown:
            return
        if self._options.json:
            print_json(ended(message, exit_code=exit_code))
        self._files.write_ended(exit_code=exit_code, message=message)


def show_sessions(
    outputs: Outputs, store: Store, sessions: Sequence[Session], lanes: Sequence[Lane]
) -> set[int]:
    """Prints the verdicts in the gates' logs, and returns their exit codes."""
    errors = [lane.error for lane in lanes if lane.error is not None]
    failed = {error.exit_code for error in errors}
    codes: set[int] = set()
    for session, path, log in logs_of(store, sessions):
        wrote = f"wrote session {session.id} to {store.url}, its log to {path}"
        codes |= outputs.show_log(
            log, started_at=session.started_at, wrote=wrote, log_file=path, other_codes=failed
        )
    if errors:
        outputs.show_ended(worst(failed), "; ".join(error.message for error in errors))
    return codes


def to_the_end(options: OutputFlags, gate: Callable[[Outputs], int]) -> int:
    """Returns the exit code of a gate, whose outputs are there also if it ends with an error."""
    outputs = Outputs(options)
    try:
        return gate(outputs)
    except BenchError as error:
        outputs.show_ended(error.exit_code, error.message)
        raise
    except KeyboardInterrupt:
        outputs.show_ended(_INTERRUPTED, "interrupted before anything was measured")
        raise
    except OSError as error:
        outputs.show_ended(InfrastructureError.exit_code, str(error))
        raise
    except Exception as error:
        outputs.show_ended(BenchError.exit_code, f"{type(error).__name__}: {error}")
        raise


def _show(log: Log, findings: Sequence[Finding], *, as_json: bool) -> None:
    for line in log.opened.differences:
        print_to_stderr(line)
    notes = Footnotes()
    shown = table.in_the_open(findings)
    findings_table = _table(_title(log), shown, notes)
    if as_json:
        print_json(document(log, findings))
    else:
        _print(findings_table if shown else None, [each for each in findings if each not in shown])
        if ranks := ranks_of(log):
            cells = table.rank_cells(ranks)
            columns = list(range(len(cells.headings)))
            print_table(terminal_table("ranks of the candidates", cells, _text, columns))
    for line in _messages(log, findings, notes):
        print_to_stderr(line)


def _print(findings_table: Table | None, folded: Sequence[Finding]) -> None:
    if findings_table is not None:
        print_table(findings_table)
    if folded:
        also = "and " if findings_table is not None else ""
        print_line(f"{also}{wording.verdicts(folded)}, which --json and --page list")


def _title(log: Log) -> str:
    device, sides = log.opened.device, log.opened.sides
    ratio = f"{', '.join(sides[1:])} over {sides[0]}" if sides else "candidate over baseline"
    return f"{ratio}, on {device.name}{' (virtual)' * device.virtual}"


def _table(title: str, findings: Sequence[Finding], notes: Footnotes) -> Table:
    cells = table.cells(findings, notes)
    return terminal_table(title, cells, _text, table.filled(cells))


def _text(cell: Cell) -> str:
    detail = f" ({cell.detail})" if cell.detail else ""
    return cell.text + detail + "".join(f" [{mark}]" for mark in cell.marks)


def _messages(log: Log, findings: Sequence[Finding], notes: Footnotes) -> Iterator[str]:
    rule = log.opened.rule
    for letter, text in notes.listed():
        yield f"[{letter}] {text}"
    between_sides = rule.two_sided
    yield wording.rule(rule.margin, rule.tolerance, between_sides=between_sides)
    yield wording.INTERVALS
    loud = [Verdict.REGRESSED, Verdict.FAILED, *([Verdict.IMPROVED] if between_sides else [])]
    for each in loudest_first(findings):
        if each.verdict in loud or each.seems_slower:
            yield f"{each.model}: {wording.summary(each)}"
            yield from (f"  {sentence}" for sentence in each.why)
    if any(each.verdict is Verdict.UNCHANGED for each in findings):
        yield _EQUAL
    if log.closed not in (None, CloseReason.DECIDED):
        yield f"ended early: {log.closed}{_next_step(log.closed)}"
    if log.torn:
        yield "the log's last line is incomplete and was ignored"


def _next_step(closed: CloseReason | None) -> str:
    if closed is CloseReason.ENVIRONMENT:
        return (
            "; let the device cool and rest, and run again; on a busy machine the LiteRT runner on "
            "one thread compares CPU time, which other processes hardly affect"
        )
    return "; the same command resumes it, as long as the device is not rebooted"
