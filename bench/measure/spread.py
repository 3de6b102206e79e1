"""How far a device's sessions lie apart, which no interval within one of them can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_NORMAL = 1.4826  # a normal distribution's standard deviation over its median absolute deviation
_FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpread:
    """The medians that one case had in several sessions.

    Args:
        sessions: how many, at least two.
        range_ratio: largest less smallest, over their median: as far apart as any two were. If
            sessions are exchangeable, the next one falls outside of n with probability 2 / (n + 1).
        robust_sd_ratio: 1.4826 times the median absolute deviation, over the median (Rousseeuw &
            Croux, Alternatives to the median absolute deviation, 1993); ``None`` below 3 sessions.
    """

    sessions: int
    range_ratio: float
    robust_sd_ratio: float | None


def between_sessions(medians: Sequence[float]) -> SessionSpread | None:
    """Returns the spread of a case's medians, one a session; ``None`` below two."""
    if len(medians) < 2:
        return None
    middle = median(medians)
    if not middle:
        return None
    deviation = median([abs(value - middle) for value in medians])
    return SessionSpread(
        sessions=len(medians),
        range_ratio=(max(medians) - min(medians)) / middle,
        robust_sd_ratio=_NORMAL * deviation / middle if len(medians) >= _FEWEST else None,
    )
