"""The statistics line, and the raw values that it determines."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bench.tool.parse.toollog import PERCENTILES

# The number of digits is limited, so that no text gives an infinite number or a slow search.
WHOLE = r"\d{1,18}"
NUMBER = rf"[-+]?(?:{WHOLE}(?:\.\d{{0,18}})?|\.\d{{1,18}})(?:[eE][-+]?\d{{1,2}})?"

# No form is a prefix of a longer one, so a truncated line does not match.
_FORMS = (
    rf"(?P<none>0+)"
    rf"|1 curr=(?P<one>{WHOLE})"
    rf"|(?P<same>{WHOLE}) curr=(?P<each>{WHOLE}) ?\(all same\)"
    rf"|(?P<n>{WHOLE}) first=(?P<first>{WHOLE}) curr=(?P<curr>{WHOLE})"
    rf" min=(?P<min>{WHOLE}) max=(?P<max>{WHOLE}) avg=(?P<avg>{NUMBER}) std=(?P<std>{NUMBER})"
)
COUNT = re.compile(
    rf"count=(?:{_FORMS})(?: p5=(?P<p5>{WHOLE}) median=(?P<median>{WHOLE}) p95=(?P<p95>{WHOLE}))?$"
)
_MOST_EQUAL = 10_000  # a list of more equal values is useless and fills the memory
_DIGITS = 1e-5  # six significant digits, rounded on both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Statistics of the inferences of a phase, in microseconds.

    Args:
        first, last: the first and the last inference.
        std: population standard deviation, whole microseconds.
    """

    first: float
    last: float
    low: float
    high: float
    avg: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One phase of a run: warm-up or measurement.

    Args:
        runs: number of inferences.
        spread: ``None`` if there were none.
        percentiles: the tool's name to us, if printed.
    """

    runs: int
    spread: Spread | None = None
    percentiles: dict[str, float] | None = None

    @property
    def raw(self) -> tuple[float, ...] | None:
        """All values in order, in us, if the line determines them, else ``None``."""
        if self.spread is None:
            return None
        first, last = self.spread.first, self.spread.last
        if self.spread.low == self.spread.high:
            return (first,) * self.runs if self.runs <= _MOST_EQUAL else None
        match self.runs:
            case 2:
                return (first, last)
            case 3:
                return (first, _middle_of_three(self.spread), last)
            case _:
                return None

    @property
    def consistent(self) -> bool:
        """Whether the numbers are consistent with each other."""
        spread = self.spread
        if spread is None:
            return True
        slack = spread.high * _DIGITS
        ends = {spread.first, spread.last}
        inside = all(spread.low <= value <= spread.high for value in ends)
        # A value that is neither the first nor the last needs another run.
        enough = len({spread.low, spread.high} - ends) <= max(self.runs - 2, 0)
        middling = spread.low - slack <= spread.avg <= spread.high + slack
        raw = self.raw
        return inside and enough and middling and (raw is None or agree(_mean(raw), spread.avg))


def from_match(match: re.Match[str]) -> Counts:
    """Returns the phase that a match of ``COUNT`` describes."""
    percentiles = None
    if match["p5"]:
        percentiles = {name: float(match[name]) for name in PERCENTILES}
    if match["none"]:
        return Counts(runs=0)
    if each := match["one"] or match["each"]:
        value = float(each)
        spread = Spread(first=value, last=value, low=value, high=value, avg=value, std=0.0)
        return Counts(runs=int(match["same"] or 1), spread=spread, percentiles=percentiles)
    spread = Spread(
        first=float(match["first"]),
        last=float(match["curr"]),
        low=float(match["min"]),
        high=float(match["max"]),
        avg=float(match["avg"]),
        std=float(match["std"]),
    )
    return Counts(runs=int(match["n"]), spread=spread, percentiles=percentiles)


def agree(one: float | None, other: float | None, *, resolution: float = 0.0) -> bool:
    """Returns whether two printed forms of a number differ by no more than their rounding.

    ``resolution`` is the step of the coarser form. A missing number agrees with all.
    """
    if one is None or other is None:
        return True
    return math.isclose(one, other, rel_tol=_DIGITS, abs_tol=0.51 * resolution)


def _middle_of_three(spread: Spread) -> float:
    ends = (spread.first, spread.last)
    if spread.low not in ends:
        return spread.low
    if spread.high not in ends:
        return spread.high
    middle = float(round(3 * spread.avg - spread.first - spread.last))
    return min(max(middle, spread.low), spread.high)


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
