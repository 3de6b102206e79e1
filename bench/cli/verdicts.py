"""What a gate's log says, for people and programs; nothing but the log decides a byte of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from bench.cli.output import print_json, print_table, tell
from bench.core import config, units
from bench.core.caveats import Caveat, CaveatKind
from bench.core.units import GAP
from bench.gate.judging import COVERAGE, Judged, Ratio, Verdict, Verdicts, judge
from bench.gate.log import Log
from bench.gate.records import CloseReason, Unmeasured

AXIS = "latency"
_EQUAL = "unchanged: equal files, not measured; --measure-unchanged does it"
_TEXT = ("model", "verdict", "discarded")


def show(log: Log, *, as_json: bool) -> None:
    """Prints the verdicts, and on stderr what is to be known about them."""
    verdicts = judge(log)
    if as_json:
        print_json(_document(log, verdicts))
    else:
        print_table(_table(log, verdicts))
    for line in _notes(log, verdicts):
        tell(line)


def show_unmeasured(unmeasured: Mapping[str, Unmeasured], *, as_json: bool) -> None:
    """Prints the models of a gate that has nothing to measure."""
    if as_json:
        print_json({"gate": None, "models": [], "unmeasured": dict(unmeasured)})
        tell(_EQUAL)
        return
    table = _empty("nothing to measure")
    for name, why in unmeasured.items():
        table.add_row(escape(name), why.value, *[GAP] * (len(table.columns) - 2))
    print_table(table)
    tell(_EQUAL)


def exit_codes(log: Log, *, undecided_fails: bool) -> set[int]:
    """Returns all exit codes that a log's verdicts give, 0 if there is no other."""
    verdicts = judge(log)
    found = {each.verdict for each in verdicts.models}
    codes = {
        1: Verdict.REGRESSED in found,
        3: verdicts.closed is CloseReason.DEVICE_LOST,
        4: Verdict.FAILED in found or verdicts.closed is CloseReason.GUARDS,
        5: Verdict.UNDECIDED in found and undecided_fails,
    }
    return {code for code, holds in codes.items() if holds} or {0}


def _empty(title: str) -> Table:
    table = Table(
        title=escape(title),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for heading in (
        *("model", "verdict", "ratio", "95 % low", "high", "blocks"),
        *("smallest slowdown\nthat would be seen", "discarded"),
    ):
        table.add_column(heading, justify="left" if heading in _TEXT else "right")
    return table


def _table(log: Log, verdicts: Verdicts) -> Table:
    device = log.opened.device
    virtual = " (virtual)" if device.get("virtual") == "yes" else ""
    table = _empty(f"latency, candidate over baseline, on {device.get('name')}{virtual}")
    for each in verdicts.models:
        table.add_row(*map(escape, _row(each)))
    for name, why in log.opened.unmeasured.items():
        table.add_row(escape(name), why.value, *[GAP] * (len(table.columns) - 2))
    return table


def _row(judged: Judged) -> tuple[str, ...]:
    doubt = f": {judged.doubt}" if judged.doubt else ""
    ratio = judged.ratio
    seen = judged.smallest_slowdown
    return (
        judged.model,
        f"{judged.verdict}{doubt}",
        *map(_ratio, (ratio.estimate, ratio.low, ratio.high) if ratio else (None, None, None)),
        str(judged.blocks),
        GAP if seen is None else f"+{units.percent(seen)} %",
        ", ".join(f"{count} × {code}" for code, count in judged.discarded) or GAP,
    )


def _ratio(value: float | None) -> str:
    return units.ratio(value, digits=4)


def _notes(log: Log, verdicts: Verdicts) -> Iterator[str]:
    rule = verdicts.rule
    yield (
        f"regressed: shown to be slower by more than {units.percent(rule.tolerance)} %; "
        f"same: shown not to be slower by {units.percent(rule.margin)} % or more"
    )
    yield f"each with its {COVERAGE}"
    for each in verdicts.models:
        if each.verdict is Verdict.REGRESSED and each.ratio is not None:
            yield f"{AXIS} regressed: {each.model}: {_within(each.ratio)}"
        if each.failure is not None:
            yield f"failed: {each.model}: {each.failure}"
    if Unmeasured.UNCHANGED in log.opened.unmeasured.values():
        yield _EQUAL
    for kind in sorted({word for pair in log.opened.models for word in _caveats(pair.observed)}):
        known = kind in set(CaveatKind)
        yield f"note: {Caveat(kind=CaveatKind(kind)).text if known else kind}"
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


def _within(ratio: Ratio) -> str:
    return f"{_ratio(ratio.estimate)} ({_ratio(ratio.low)} to {_ratio(ratio.high)})"


def _caveats(observed: Mapping[str, str]) -> list[str]:
    return observed.get("caveats", "").split()


def _document(log: Log, verdicts: Verdicts) -> dict[str, object]:
    opened = config.unstructure(log.opened)
    pairs = {pair.key: config.unstructure(pair) for pair in log.opened.models}
    return {
        "gate": {
            "gate_id": verdicts.gate_id,
            "session_id": opened["session_id"],
            "device": opened["device"],
            "rule": opened["rule"],
            "closed": verdicts.closed,
            "torn": verdicts.torn,
        },
        "models": [
            {
                **pairs[each.model],
                **config.unstructure(each),
                "discarded": dict(each.discarded),
                "axis": AXIS,
            }
            for each in verdicts.models
        ],
        "unmeasured": opened["unmeasured"],
    }
