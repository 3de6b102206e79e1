"""Between-session spread, which the confidence interval of one session does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpread:
    """The medians that one case had in several sessions.

    Args:
        sessions: number of sessions, at least two.
        range_ratio: largest minus smallest, over their median. If sessions are exchangeable, the
            next one is outside the range of n with probability 2 / (n + 1).
    """

    sessions: int
    range_ratio: float


def between_sessions(medians: Sequence[float]) -> SessionSpread | None:
    """Returns the spread of a case's medians, one per session; ``None`` below two."""
    if len(medians) < 2:
        return None
    middle = median(medians)
    if not middle:
        return None
    return SessionSpread(sessions=len(medians), range_ratio=(max(medians) - min(medians)) / middle)
