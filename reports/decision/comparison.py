"""Rows of two sides, side by side: ratios of latency and size, the difference in accuracy.

Two rows are compared only where all fields of their setup are equal but the one that distinguishes
the sides. All others are refused, with the fields in which they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reports.decision.budgets import differing
from reports.decision.intervals import Estimate, Less, ratio, score_less
from reports.rows.schema import Frontend, Row


class By(StrEnum):
    """What distinguishes both sides."""

    SESSION = "session"
    DEVICE = "device"
    FILE = "file"


# Fields of the setup that may differ, as they are what is compared.
_OWN = {By.SESSION: (), By.DEVICE: ("device",), By.FILE: ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A row of each side.

    Args:
        differs: the fields of the setup in which they differ though they should not: with any, they
            are not compared, and there are no numbers.
        allowed: those in which they may differ, and do.
        latency: the candidate's median latency over the baseline's, of the files alone; ``None``
            where only one of them takes audio, as that one does more.
        per_audio_s: the same with the front-end, over the hop.
        size: the candidate's size over the baseline's.
        score: the candidate's score less the baseline's.
    """

    baseline: Row
    candidate: Row
    differs: tuple[str, ...]
    allowed: tuple[str, ...] = ()
    latency: Estimate | None = None
    per_audio_s: Estimate | None = None
    size: float | None = None
    score: Less | None = None

    @property
    def is_slower(self) -> bool:
        """Whether the file alone is slower by the 95 % interval."""
        return self.latency is not None and self.latency.low is not None and self.latency.low > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sides.

    Args:
        pairs: rows that are there on both sides, compared or refused, in the baseline's order.
        only_baseline, only_candidate: rows without a counterpart.
    """

    by: By
    pairs: tuple[Compared, ...]
    only_baseline: tuple[Row, ...]
    only_candidate: tuple[Row, ...]


def compare(
    baseline: Sequence[Row],
    candidate: Sequence[Row],
    by: By,
    *,
    across_formats: bool = False,
    allow: Sequence[str] = (),
) -> Comparison:
    """Returns the rows of both sides in pairs.

    Args:
        across_formats: of two files, whether their number formats may differ.
        allow: further fields of the setup that may differ.
    """
    own = (*_OWN[by], *allow)
    left = list(candidate)
    found: dict[int, Compared] = {}
    # Fair pairs first, so that none loses its counterpart to a row that is refused.
    for most in (0, None):
        for index, row in enumerate(baseline):
            if index in found:
                continue
            alike = [
                each
                for each in left
                if _key(each, by, across_formats) == _key(row, by, across_formats)
            ]
            if not alike:
                continue
            nearest = min(alike, key=lambda each: len(differing(row, each, but=own)))
            differs = differing(row, nearest, but=own)
            if most is None or len(differs) <= most:
                left.remove(nearest)
                found[index] = _compared(row, nearest, differs, own)
    return Comparison(
        by=by,
        pairs=tuple(found[index] for index in sorted(found)),
        only_baseline=tuple(row for index, row in enumerate(baseline) if index not in found),
        only_candidate=tuple(left),
    )


def fields_that_differ(pair: Compared) -> Iterator[str]:
    """Yields the fields for which a pair is refused, with both values."""
    for name in pair.differs:
        values = [_short(name, getattr(row.setup, name)) for row in (pair.baseline, pair.candidate)]
        yield f"{name} {values[0]} against {values[1]}"


def _key(row: Row, by: By, across_formats: bool) -> tuple[object, ...]:
    """Returns what rows of both sides must share to be counterparts."""
    if by is not By.FILE:
        return row.file.student, row.file.format, row.audio_s_per_inference
    return (row.audio_s_per_inference, None if across_formats else row.file.format)


def _compared(
    baseline: Row, candidate: Row, differs: Sequence[str], own: Sequence[str]
) -> Compared:
    allowed = [name for name in differing(baseline, candidate) if name in own]
    pair = Compared(
        baseline=baseline, candidate=candidate, differs=tuple(differs), allowed=tuple(allowed)
    )
    if differs:
        return pair
    return Compared(
        baseline=baseline,
        candidate=candidate,
        differs=(),
        allowed=tuple(allowed),
        latency=_ratio(candidate, baseline, _alone)
        if (baseline.frontend is Frontend.IN_GRAPH) == (candidate.frontend is Frontend.IN_GRAPH)
        else None,
        per_audio_s=_ratio(candidate, baseline, _per_audio_s),
        size=candidate.size_bytes / baseline.size_bytes if baseline.size_bytes else None,
        score=score_less(candidate, baseline),
    )


def _ratio(candidate: Row, baseline: Row, of: Callable[[Row], Estimate | None]) -> Estimate | None:
    one, other = of(candidate), of(baseline)
    return None if one is None or other is None else ratio(one, other)


def _alone(row: Row) -> Estimate | None:
    if row.latency_us_median is None:
        return None
    return Estimate(value=row.latency_us_median, low=row.latency_us_low, high=row.latency_us_high)


def _per_audio_s(row: Row) -> Estimate | None:
    if row.latency_us_per_audio_s is None or not row.includes_frontend:
        return None
    return Estimate(
        value=row.latency_us_per_audio_s,
        low=row.latency_us_per_audio_s_low,
        high=row.latency_us_per_audio_s_high,
    )


def _short(name: str, value: object) -> str:
    text = "none" if value in (None, "") else str(value)
    return text[:12] if name.endswith("sha256") else text
