"""Findings in words and displayed numbers, the same in every output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from bench.core import units
from bench.core.units import GAP, counted, one_line
from bench.gate.verdict import BETWEEN_SIDES, Axis, Finding, Interval, UndecidedReason, Verdict
from reports.gate.gate_report import GateReport

INTERVALS = (
    "In brackets: the 95 % interval of a fixed number of blocks; as a gate stops once it has "
    "decided, it covers at least 90 %. A difference of accuracies has a paired interval; sizes "
    "are exact. Smallest slowdown: what this number of blocks detects with 95 % power."
)

REASONS = {
    UndecidedReason.OPEN: "the gate was not finished",
    UndecidedReason.CAPPED: "the largest number of blocks did not decide",
    UndecidedReason.NOISE: "given up: the device is too noisy",
    UndecidedReason.OUT_OF_TIME: "the time was up",
    UndecidedReason.INTERRUPTED: "interrupted",
    UndecidedReason.DEVICE_LOST: "the device was lost",
    UndecidedReason.NOT_REPORTED: "the tool does not report it of every process",
    UndecidedReason.TOO_FEW_CLIPS: "too few clips to decide",
    UndecidedReason.ENVIRONMENT: "the device was not ready for long enough",
}
_UNCOMPARED = {
    Verdict.NEW: "the baseline does not have it",
    Verdict.REMOVED: "the candidate does not have it",
    Verdict.UNCHANGED: "the same file on both sides, not measured",
}

_NAMED = 3  # models in a headline
_WHOLE_HASH, _HASH = 64, 12  # letters; the page and the log have the whole one
_HEADLINES = {
    2: "refused: the command or a file is wrong",
    3: "no verdict: the device or a machine failed",
    4: "no verdict on all: something failed, was unfit or cannot be compared",
    5: "undecided",
    130: "interrupted",
}


def headline(gate: GateReport) -> str:
    """Returns the verdict of the whole, such as ``regressed in latency and size``."""
    axes = {finding.axis for finding in gate.of(Verdict.REGRESSED)}
    regressed = "regressed in " + " and ".join(axis for axis in Axis if axis in axes)
    failed = _failed(gate)
    match gate.exit_code:
        case 0 | 5 if gate.seem_slower:
            return f"undecided: {_named(gate.seem_slower)} {_seem(gate.seem_slower)} slower"
        case 0 | 1 if gate.is_of_sides and not failed:
            return ", ".join([*_between_sides(gate), *_left_open(gate)])
        case 0:
            return ", ".join(["passed", *_left_open(gate)])
        case 1:
            return f"{regressed}; {failed}" if failed else regressed
        case 4 if failed:
            return failed
        case code:
            return _HEADLINES.get(code, "no verdict: frill-bench failed")


def _between_sides(gate: GateReport) -> list[str]:
    """Returns which sides are faster or slower than the first one."""
    found = {each: gate.of(each) for each in (Verdict.REGRESSED, Verdict.IMPROVED)}
    sentences = [
        f"{'slower' if each is Verdict.REGRESSED else 'faster'}: {_named(findings)}"
        for each, findings in found.items()
        if findings
    ]
    return sentences or [word(each) for each in gate.of(Verdict.SAME)[:1]]


def _left_open(gate: GateReport) -> list[str]:
    """Returns what a gate that passed has not shown."""
    verdicts = (Verdict.UNDECIDED, Verdict.REMOVED)
    return [f"{len(gate.of(each))} {each}" for each in verdicts if gate.of(each)]


def _failed(gate: GateReport) -> str:
    """Returns which models failed, such as ``small int8 does not run as requested``."""
    failed = gate.of(Verdict.FAILED)
    verb = "does" if len(failed) == 1 else "do"
    return f"{_named(failed)} {verb} not run as requested" if failed else ""


def _seem(findings: Sequence[Finding]) -> str:
    return "seems" if len(findings) == 1 else "seem"


def _named(findings: Sequence[Finding]) -> str:
    """Returns the names of the models, or of the first few and how many more there are."""
    models = [one_line(str(each.model), characters=60) for each in findings]
    more = f" and {len(models) - _NAMED} more" if len(models) > _NAMED else ""
    return ", ".join(models[:_NAMED]) + more


def counts(gate: GateReport) -> str:
    """Returns how many findings there are of each verdict: ``1 regressed, 57 same``."""
    return verdicts(gate.findings)


def verdicts(findings: Iterable[Finding]) -> str:
    """Returns how many findings there are of each verdict: ``1 regressed, 57 same``."""
    numbers = Counter(finding.verdict for finding in findings)
    words = BETWEEN_SIDES if any(finding.model.side for finding in findings) else {}
    listed = [f"{numbers[each]} {words.get(each, each)}" for each in Verdict if each in numbers]
    return ", ".join(listed) or "no models"


def tool(gate: GateReport) -> str:
    """Returns the tool's identity; of a long hash only the first letters."""
    words = one_line(gate.tool).split()
    return " ".join(each[:_HASH] if len(each) == _WHOLE_HASH else each for each in words)


def minutes(gate: GateReport) -> str:
    """Returns how long it took."""
    return f"{units.significant(gate.seconds / 60)} min"


def facts(gate: GateReport) -> dict[str, str]:
    """Returns the facts of the device as they are shown."""
    return {
        one_line(name): one_line(
            GAP if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        )
        for name, value in gate.device.items()
    }


def amount(finding: Finding) -> str:
    """Returns the ratio, or the difference of an accuracy, without its interval."""
    if finding.change is None or not finding.is_compared:
        return GAP
    match finding.axis:
        case Axis.ACCURACY:
            return f"{units.points(finding.change.value)} points"
        case Axis.SIZE:
            return _exactly(finding.change.value)
        case _:
            return f"{_number(finding.change.value)}×"


def interval(finding: Finding) -> str:
    """Returns the interval's ends; why there are none; or nothing where none could be."""
    if finding.change is None or not finding.is_compared or finding.axis is Axis.SIZE:
        return ""
    ends = _ends(finding.change, units.points if finding.axis is Axis.ACCURACY else _number)
    return ends or "no interval: too few blocks"


def ratio(change: Interval | None) -> str:
    """Returns a ratio with its interval, where it has one."""
    if change is None:
        return GAP
    ends = _ends(change, _number)
    return f"{_number(change.value)}×" + (f" ({ends})" if ends else "")


def margin(finding: Finding) -> str:
    """Returns the margin with its unit."""
    unit = "points" if finding.axis is Axis.ACCURACY else "%"
    return f"{units.percent(finding.margin)} {unit}"


def smallest_slowdown(finding: Finding) -> str:
    """Returns the smallest slowdown that the blocks would have shown."""
    evidence = finding.evidence if finding.is_compared else None
    share = evidence.smallest_slowdown if evidence else None
    return GAP if share is None else f"{units.percent(share)} %"


def discarded(finding: Finding) -> str:
    """Returns the reasons of discarded blocks, with their numbers; empty for none."""
    codes = finding.evidence.discarded if finding.evidence else ()
    return ", ".join(f"{one_line(code)} {count}" for code, count in codes)


def verdict(finding: Finding) -> str:
    """Returns the verdict, with the reason where nothing was decided."""
    reason = _UNCOMPARED.get(finding.verdict, "")
    if finding.reason is not None:
        reason = REASONS[finding.reason] + _missing(finding)
    return f"{word(finding)}: {reason}" if reason else word(finding)


def word(finding: Finding) -> str:
    """Returns the verdict without its reason; of one file on two sides, which one is slower."""
    if not finding.model.side:
        return finding.verdict.value
    if finding.verdict is Verdict.SAME:
        return f"no difference of {margin(finding)} or more"
    if finding.axis is Axis.MEMORY and finding.verdict in BETWEEN_SIDES:
        return "more" if finding.verdict is Verdict.REGRESSED else "less"
    return BETWEEN_SIDES.get(finding.verdict, finding.verdict.value)


def rule(margin: float, tolerance: float, *, between_sides: bool) -> str:
    """Returns what a rule's verdicts mean.

    Args:
        margin, tolerance: shares.
    """
    least, much = f"{units.percent(tolerance)} %", f"{units.percent(margin)} % or more"
    if between_sides:
        return (
            f"slower, faster: shown to be so by more than {least}; no difference: shown to be "
            f"neither slower nor faster by {much}"
        )
    return (
        f"regressed: shown to be slower by more than {least}; same: shown not to be slower by "
        f"{much}"
    )


def _missing(finding: Finding) -> str:
    """Returns what is missing for an undecided model that seems slower, to flag it."""
    change = finding.change
    if finding.model.side and change and change.high and change.high < 1 / (1 + finding.margin):
        return "; it seems faster"
    if not finding.seems_slower or finding.evidence is None:
        return ""
    missing = finding.evidence.blocks_missing
    if missing is None:
        return "; it seems slower, and more blocks like these would not show it"
    return f"; it seems slower, and {counted(missing, 'more block')} like these would show it"


def summary(finding: Finding) -> str:
    """Returns a finding in one line, without its name: the numbers and their uncertainty."""
    parts = [verdict(finding)]
    if finding.is_compared:
        ends = interval(finding)
        within = f" ({ends})" if ends else ""
        parts.append(f"{finding.axis} {amount(finding)}{within}, margin {margin(finding)}")
        if finding.evidence is not None:
            few = ", which shows no noise" if finding.evidence.blocks == 1 else ""
            parts.append(f"{counted(finding.evidence.blocks, 'block')}{few}")
        if smallest_slowdown(finding) != GAP:
            parts.append(f"smallest slowdown that they detect {smallest_slowdown(finding)}")
    if discarded(finding):
        parts.append(f"discarded: {discarded(finding)}")
    return "; ".join(parts)


def _ends(change: Interval, number: Callable[[float], str]) -> str:
    if change.low is None or change.high is None:
        return ""
    return f"{number(change.low)} to {number(change.high)}"


def _number(ratio: float) -> str:
    rounded = round(ratio, 3)  # three decimals on either side of 1
    return units.significant(rounded, 4 if rounded >= 1 else 3)


def _exactly(value: float) -> str:
    """Returns as many digits as distinguish a ratio from 1."""
    sufficient = (digits for digits in range(3, 17) if float(f"{value:.{digits - 1}e}") != 1)
    digits = next(sufficient, 4)
    return units.ratio(value, max(digits, 4 if value >= 1 else 3))
