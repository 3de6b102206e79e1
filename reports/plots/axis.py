"""The range and ticks of a logarithmic axis. Pure numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Steps within a decade; the first to give enough ticks, and not too many, is taken.
_STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))


def log_range(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of an axis that holds all positive ``values`` with room around them."""
    present = [math.log10(value) for value in values if value > 0]
    low, high = min(present), max(present)
    slack = max(0.09 * max(high - low, 0.6), (0.4 - (high - low)) / 2)
    return 10.0 ** (low - slack), 10.0 ** (high + slack)


def log_ticks(start: float, end: float, most: int) -> list[float]:
    """Returns 4 to ``most`` round numbers in [start, end], evenly spread on a logarithmic axis."""
    decades = range(math.floor(math.log10(start)) - 1, math.ceil(math.log10(end)) + 1)
    for steps in _STEPS:
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if start <= tick <= end]
        if 4 <= len(ticks) <= most:
            return ticks
    # Less than a decade is straight enough for even steps.
    rough = math.log10((end - start) / most)
    for exponent in (math.floor(rough), math.floor(rough) + 1):
        for factor in (1, 2, 5):
            step = factor * 10.0**exponent
            count = range(math.ceil(start / step), math.floor(end / step) + 1)
            if len(count) <= most:
                return [index * step for index in count]
    return [start, end]
