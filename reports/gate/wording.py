"""What findings say in words and displayed numbers, the same in every output."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from bench.core import units
from bench.core.units import GAP
from reports.gate.rows import COMPARED, Axis, Estimate, Finding, Gate, Verdict

INTERVALS = (
    "In brackets: the 95 % interval of a fixed number of blocks; read after stopping it covers "
    "at least 90 %. A difference of accuracies has a paired interval; sizes are exact. Smallest "
    "slowdown: what so many blocks show with 95 % power."
)

# Codes that a log gives for what is undecided, and what they mean.
DOUBTS = {
    "open": "the gate was not finished",
    "capped": "the most blocks that a model gets did not tell",
    "hopeless-noise": "given up, for the device is too noisy",
    "out-of-time": "the time was up",
    "interrupted": "interrupted",
    "device-lost": "the device was lost",
    "too-few-clips": "the clips are too few to tell",
    "guards-never-satisfied": "the device was not fit for long enough",
}
_UNCOMPARED = {
    Verdict.NEW: "the baseline does not have it",
    Verdict.REMOVED: "the candidate does not have it",
    Verdict.UNCHANGED: "the same file on both sides, not measured",
}

# What XML 1.0 forbids, other controls, lone surrogates, and what turns the direction of writing.
_INVISIBLE = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def visible(text: str) -> str:
    r"""Returns text that every document can hold: what nobody could see is written ``\x1b``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub(lambda found: _escape(ord(found[0])), lines)


def one_line(text: str, *, characters: int = 300) -> str:
    """Returns ``visible`` text in one line of at most so many characters, cut with an ellipsis."""
    line = " ".join(visible(text).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def headline(gate: Gate) -> str:
    """Returns the verdict of the whole, such as ``regressed in latency and size``."""
    match gate.exit_code:
        case 0:
            undecided = len(gate.of(Verdict.UNDECIDED))
            return f"passed, {undecided} undecided" if undecided else "passed"
        case 1:
            axes = {finding.axis for finding in gate.of(Verdict.REGRESSED)}
            return "regressed in " + " and ".join(axis for axis in Axis if axis in axes)
        case 2:
            return "refused: something is wrong with how it was asked for"
        case 3:
            return "no verdict: the device or a machine failed"
        case 4:
            return "no verdict on all: something failed, was unfit or cannot be compared"
        case 5:
            return "undecided"
        case 130:
            return "interrupted"
        case _:
            return "no verdict: frill-bench failed"


def counts(gate: Gate) -> str:
    """Returns how many findings there are of each verdict: ``1 regressed, 57 same``."""
    found = Counter(finding.verdict for finding in gate.findings)
    return ", ".join(f"{found[each]} {each}" for each in Verdict if each in found) or "no models"


def minutes(gate: Gate) -> str:
    """Returns how long it took."""
    return f"{units.significant(gate.seconds / 60)} min"


def facts(gate: Gate) -> dict[str, str]:
    """Returns the facts of the device as they are shown."""
    return {
        one_line(name): one_line(
            GAP if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        )
        for name, value in gate.device.items()
    }


def amount(finding: Finding) -> str:
    """Returns the ratio, or the difference of an accuracy, without its interval."""
    if finding.difference is not None:
        return f"{units.points(finding.difference.value)} points"
    if finding.ratio is None:
        return GAP
    if finding.axis is Axis.SIZE:
        return _exactly(finding.ratio.value)
    return f"{_number(finding.ratio.value)}×"


def interval(finding: Finding) -> str:
    """Returns the interval's ends; why there are none; or nothing where none could be."""
    found = finding.difference or finding.ratio
    if found is None or finding.axis is Axis.SIZE:
        return ""
    ends = _ends(found, units.points if finding.difference else _number)
    return ends or "no interval: too few blocks"


def margin(finding: Finding) -> str:
    """Returns the margin with its unit."""
    unit = "points" if finding.axis is Axis.ACCURACY else "%"
    return f"{units.percent(finding.margin)} {unit}"


def smallest_slowdown(finding: Finding) -> str:
    """Returns the smallest slowdown that the blocks would have shown."""
    share = finding.smallest_slowdown
    return GAP if share is None else f"{units.percent(share)} %"


def discarded(finding: Finding) -> str:
    """Returns the reasons of discarded blocks, with their numbers; empty for none."""
    return ", ".join(f"{one_line(reason)} {n}" for reason, n in finding.discarded)


def verdict(finding: Finding) -> str:
    """Returns the verdict, and why it is none."""
    reason = _UNCOMPARED.get(finding.verdict, "")
    if finding.doubt:
        reason = DOUBTS.get(finding.doubt, one_line(finding.doubt))
    return f"{finding.verdict}: {reason}" if reason else finding.verdict.value


def told(finding: Finding) -> str:
    """Returns a finding in one line, without its name: the numbers, and how sure they are."""
    said = [verdict(finding)]
    if finding.verdict in COMPARED:
        ends = interval(finding)
        within = f" ({ends})" if ends else ""
        said.append(f"{finding.axis} {amount(finding)}{within}, margin {margin(finding)}")
    if finding.blocks is not None:
        said.append(f"{finding.blocks} blocks")
    if finding.smallest_slowdown is not None:
        said.append(f"smallest slowdown that they show {smallest_slowdown(finding)}")
    if finding.discarded:
        said.append(f"discarded: {discarded(finding)}")
    return "; ".join(said)


def _ends(found: Estimate, number: Callable[[float], str]) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{number(found.low)} to {number(found.high)}"


def _number(ratio: float) -> str:
    rounded = round(ratio, 3)  # three decimals on either side of 1
    return units.significant(rounded, 4 if rounded >= 1 else 3)


def _exactly(value: float) -> str:
    """Returns as many digits as tell a ratio from 1."""
    telling = (digits for digits in range(3, 17) if float(f"{value:.{digits - 1}e}") != 1)
    digits = next(telling, 4)
    return units.ratio(value, max(digits, 4 if value >= 1 else 3))


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
