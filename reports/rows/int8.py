"""Why int8 is slower, or faster, than float32: one sentence per student, from measured numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from bench.core import units
from bench.core.artifact import Format
from reports.rows.aspects import short_sha256
from reports.rows.schema import Row, Setup, grouped

# Without intervals, ratios nearer to one than this are called equal.
_EQUAL_RATIO = 1.05

# First, because with the format the kernels are different code.
_OTHER_FORMAT = "The number format differs: int8 kernels run, not float32 ones."


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A file against its student's float32 file, both timed alone in one session.

    Args:
        ratio: latency of ``row`` over that of ``base``; above one is slower.
        ratio_low, ratio_high: from the ends of both 95 % intervals, so cautious; may be missing.
    """

    row: Row
    base: Row
    ratio: float
    ratio_low: float | None
    ratio_high: float | None

    @property
    def slower(self) -> bool:
        """Whether it is slower beyond its interval (or 5 % where there is none)."""
        low = self.ratio_low
        return self.ratio > _EQUAL_RATIO if low is None else low > 1

    @property
    def faster(self) -> bool:
        """Whether it is faster beyond its interval (or 5 % where there is none)."""
        high = self.ratio_high
        return self.ratio < 1 / _EQUAL_RATIO if high is None else high < 1


def compare(row: Row, base: Row) -> Comparison | str:
    """Returns ``row`` against ``base``, or why they may not be compared."""
    if row.latency_us_median is None or base.latency_us_median is None:
        missing = row if row.latency_us_median is None else base
        return f"{missing.file.format} was not timed"
    for name, (ours, theirs) in _comparable_facts(row, base).items():
        if ours != theirs:
            return f"not comparable: {name} {ours} against {theirs}"
    ratio_low = ratio_high = None
    if None not in (row.latency_us_low, base.latency_us_high):
        ratio_low = (row.latency_us_low or 0) / (base.latency_us_high or 1)
    if None not in (row.latency_us_high, base.latency_us_low):
        ratio_high = (row.latency_us_high or 0) / (base.latency_us_low or 1)
    return Comparison(
        row=row,
        base=base,
        ratio=row.latency_us_median / base.latency_us_median,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
    )


def pairs(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Returns each row that is not float32 with its student's float32 row on that device.

    Where there are several of those, the one that was timed alike.
    """
    paired = []
    of_student = grouped(
        (row for row in rows if row.file.format is Format.FLOAT32), _student_on_device
    )
    for row in rows:
        bases = of_student.get(_student_on_device(row), ())
        if bases and row.file.format is not Format.FLOAT32:
            paired.append((row, max(bases, key=lambda base: _alike(row, base))))
    return paired


def _student_on_device(row: Row) -> tuple[str, str, str]:
    return row.file.student, row.setup.device, row.setup.timed_by


def _alike(row: Row, base: Row) -> int:
    return sum(ours == theirs for ours, theirs in _comparable_facts(row, base).values())


def _comparable_facts(row: Row, base: Row) -> dict[str, tuple[object, object]]:
    """Returns the facts that two rows must share to be compared: name to both values."""
    names = [field.name for field in fields(Setup)]
    both = {name: (getattr(row.setup, name), getattr(base.setup, name)) for name in names}
    for name in ("tool_sha256", "library_sha256"):
        ours, theirs = (getattr(each.setup, name) for each in (row, base))
        both[name] = (short_sha256(ours), short_sha256(theirs))
    return {"session": (row.session, base.session), **both}


def compared(rows: Sequence[Row]) -> list[tuple[Row, Comparison | str]]:
    """Returns each int8 file that has a float32 one, and its comparison, or why there is none."""
    return [
        (row, compare(row, base)) for row, base in pairs(rows) if row.file.format is Format.INT8
    ]


def explain(comparison: Comparison | str) -> str:
    """Returns in a few sentences how fast int8 is against float32, and the reason.

    The number format comes first: it differs by definition, and with it the kernels.
    """
    if isinstance(comparison, str):
        return f"{_capital(comparison)}."
    row, base = comparison.row, comparison.base
    delegate = _delegate(row.setup.delegate)
    if comparison.slower:
        verdict = f"{units.ratio(comparison.ratio)} the time of float32"
    elif comparison.faster:
        verdict = f"{units.ratio(1 / comparison.ratio)} as fast as float32"
    else:
        verdict = "as fast as float32 within the interval"
    if comparison.ratio_low is None:
        verdict += " (no interval)"
    if row.setup.delegate == "none":
        why = "No delegate ran: each format uses built-in kernels of its own."
    elif row.partitions is None or base.partitions is None:
        why = f"How {delegate} split the graphs is not known."
    else:
        why = _because(comparison, delegate)
    return f"{_capital(verdict)}. {_OTHER_FORMAT} {why}"


def _because(comparison: Comparison, delegate: str) -> str:
    row, base = comparison.row, comparison.base
    partitions = row.partitions or 0
    if partitions == 0:
        return f"{delegate} took no part of the int8 graph."
    if partitions > max(1, base.partitions or 0):
        pieces = (
            f"{partitions} {delegate} partitions against {base.partitions}{_operators_outside(row)}"
        )
        cost = f"tensors are handed over {2 * partitions} times"
        if comparison.slower:
            return f"It runs in {pieces}, so {cost}{_remedy(row)}."
        if comparison.faster:
            return f"That is in spite of {pieces}; {cost}{_remedy(row)}."
        return f"It runs in {pieces}: what the int8 kernels gain, {2 * partitions} hand-overs cost."
    whole = "one partition" if partitions == 1 else f"{partitions} partitions"
    if comparison.faster:
        return (
            f"{delegate} takes it in {whole}, no more than float32, so 8-bit arithmetic and "
            "weights of a quarter of the bytes pay off."
        )
    if comparison.slower:
        return (
            f"Partitions are not the cause ({whole}, no more than float32): the int8 kernels "
            "themselves are slower on this device."
        )
    return (
        f"{delegate} takes it in {whole}, no more than float32; the int8 kernels gain nothing here."
    )


def _operators_outside(row: Row) -> str:
    names = [entry.split(":")[0] for entry in (row.operators_left or "").split(";") if entry]
    if "HARD_SWISH" in names and row.setup.delegate == "xnnpack":
        return " (HARD_SWISH has no int8 kernel there)"
    return f" (left outside: {', '.join(names[:3])})" if names else ""


def _remedy(row: Row) -> str:
    return "; write hard-swish unfused" if "HARD_SWISH" in (row.operators_left or "") else ""


def _delegate(delegate: str) -> str:
    return {"xnnpack": "XNNPACK"}.get(delegate, delegate)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
