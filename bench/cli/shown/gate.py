"""What a gate's log says, for people and programs; nothing but the log decides a byte of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from bench.cli.console import plain_table, print_json, print_table, tell
from bench.core import config, units
from bench.core.units import GAP
from bench.flow.gate.findings import findings_of
from bench.gate.log import Log
from bench.gate.records import CloseReason, Unmeasured
from bench.gate.size_and_accuracy import accuracies, sizes
from bench.gate.verdict import Verdicts, judge
from reports.gate import table, wording
from reports.gate.rows import Axis, Finding, Verdict
from reports.table import Cell, Footnotes

_EQUAL = "unchanged: equal files, not measured; --measure-unchanged does it"
_EMPTY = ("blocks", "smallest slowdown", "discarded")  # left out where no line has any


def show(log: Log, *, as_json: bool) -> None:
    """Prints the verdicts, and on stderr what is to be known about them."""
    verdicts = judge(log)
    findings = findings_of(log)
    notes = Footnotes()
    drawn = _table(_title(log), findings, notes)
    if as_json:
        print_json(_document(log, verdicts))
    else:
        print_table(drawn)
    for line in _told(log, verdicts, findings, notes):
        tell(line)


def show_unmeasured(unmeasured: Mapping[str, Unmeasured], *, as_json: bool) -> None:
    """Prints the models of a gate that has nothing to measure."""
    if as_json:
        print_json({"gate": None, "models": [], "unmeasured": dict(unmeasured)})
    else:
        for name, why in unmeasured.items():
            print(f"{name}: {why}")
    tell(_EQUAL)


def exit_codes(log: Log, *, undecided_fails: bool) -> set[int]:
    """Returns all exit codes that a log's verdicts give, 0 if there is no other."""
    closed = log.closed
    found = {each.verdict for each in findings_of(log)}
    codes = {
        1: Verdict.REGRESSED in found,
        3: closed is CloseReason.DEVICE_LOST,
        4: Verdict.FAILED in found or closed is CloseReason.GUARDS,
        5: Verdict.UNDECIDED in found and undecided_fails,
    }
    return {code for code, holds in codes.items() if holds} or {0}


def _title(log: Log) -> str:
    device = log.opened.device
    virtual = " (virtual)" if device.get("virtual") == "yes" else ""
    return f"candidate over baseline, on {device.get('name')}{virtual}"


def _table(title: str, findings: Sequence[Finding], notes: Footnotes) -> Table:
    drawn = table.cells(findings, notes)
    shown = plain_table(title)
    kept = [
        index
        for index, heading in enumerate(drawn.headings)
        if heading.name not in _EMPTY
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


def _told(
    log: Log, verdicts: Verdicts, findings: Sequence[Finding], notes: Footnotes
) -> Iterator[str]:
    rule = verdicts.rule
    for letter, text in notes.listed():
        yield f"[{letter}] {text}"
    yield (
        f"regressed: shown to be slower by more than {units.percent(rule.tolerance)} %; "
        f"same: shown not to be slower by {units.percent(rule.margin)} % or more"
    )
    yield wording.INTERVALS
    for each in findings:
        if each.verdict in (Verdict.REGRESSED, Verdict.FAILED):
            yield f"{each.name}: {wording.told(each)}"
            yield from (f"  {sentence}" for sentence in each.why)
    if Unmeasured.UNCHANGED in log.opened.unmeasured.values():
        yield _EQUAL
    if verdicts.closed not in (None, CloseReason.DECIDED):
        yield f"ended before its time: {verdicts.closed}{_next_step(verdicts.closed)}"
    if verdicts.torn:
        yield "the log's last line was cut off and is left out"


def _next_step(closed: CloseReason | None) -> str:
    if closed is CloseReason.GUARDS:
        return (
            "; calm the device and run again; on a busy machine the LiteRT runner on one thread "
            "compares CPU time, which needs no calm"
        )
    return "; the same command goes on with it, on the same boot of the device"


def _document(log: Log, verdicts: Verdicts) -> dict[str, object]:
    opened = config.unstructure(log.opened)
    pairs = {pair.key: config.unstructure(pair) for pair in log.opened.models}
    why = {each.name: list(each.why) for each in findings_of(log) if each.axis is Axis.LATENCY}
    return {
        "gate": {
            "gate_id": verdicts.gate_id,
            "session_id": opened["session_id"],
            "device": opened["device"],
            "rule": opened["rule"],
            "revision": opened["revision"],
            "closed": verdicts.closed,
            "torn": verdicts.torn,
        },
        "models": [
            {
                **pairs[each.model],
                **config.unstructure(each),
                "discarded": dict(each.discarded),
                "axis": Axis.LATENCY,
                "why": why[each.model],
            }
            for each in verdicts.models
        ],
        "sizes": [
            {**config.unstructure(each), "ratio": each.ratio, "axis": Axis.SIZE}
            for each in sizes(log)
        ],
        "accuracies": [
            {
                **config.unstructure(each.scored),
                "verdict": each.verdict,
                "axis": Axis.ACCURACY,
            }
            for each in accuracies(log)
        ],
        "unmeasured": opened["unmeasured"],
    }
