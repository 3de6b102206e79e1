"""Rows of one case at several hops: one each where the hop does not matter, and what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core import units
from reports.rows.schema import Row, Timed, grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class HopChange:
    """A row against that of the same case at the reference hop."""

    row: Row
    reference: Row

    @property
    def cheaper(self) -> float | None:
        """How many times less latency per second of audio; ``None`` if either was not timed."""
        before, after = (each.latency_us_per_audio_s for each in (self.reference, self.row))
        return None if not before or not after else before / after

    @property
    def words(self) -> str:
        """Both changes in words, such as ``5.6 times cheaper, 0.6 points less, -0.7 to 1.9``."""
        cheaper = (
            "" if self.cheaper is None else f"{units.significant(self.cheaper, 2)} times cheaper, "
        )
        return f"{self.hops}: {cheaper}{_accuracy(self.row)}"

    @property
    def hops(self) -> str:
        """Both hops, such as ``every 0.96 s instead of 0.17 s``."""
        return f"every {seconds(hop_s(self.row))} instead of {seconds(hop_s(self.reference))}"


def hop_s(row: Timed) -> float | None:
    """Returns the hop of a row, in seconds; ``None`` where there is none."""
    value = getattr(row, "audio_s_per_inference", None) or getattr(row, "hop_s", None)
    return None if value is None else float(value)


def seconds(value: float | None) -> str:
    """Returns a hop as text."""
    return f"{value or 0.0:.3g} s"


def has_several_hops(rows: Iterable[Timed]) -> bool:
    """Returns whether rows differ in their hop."""
    return len({hop_s(row) for row in rows} - {None}) > 1


def at_shortest_hop(rows: Iterable[Row]) -> list[Row]:
    """Returns one row of each case, that of its shortest hop."""
    cases = grouped(rows, lambda row: (row.file, row.setup, row.session)).values()
    return [min(of_case, key=lambda row: hop_s(row) or 0.0) for of_case in cases]


def changes(rows: Sequence[Row]) -> list[HopChange]:
    """Returns each row that was scored beside the same case at a reference hop."""
    found = []
    for of_case in grouped(rows, lambda row: (row.file, row.setup, row.session)).values():
        by_hop = {hop_s(row): row for row in of_case}
        for row in of_case:
            reference = by_hop.get(row.hop_s_reference)
            if row.score_change is not None and reference is not None:
                found.append(HopChange(row=row, reference=reference))
    return found


def _accuracy(row: Row) -> str:
    change, low, high = row.score_change or 0.0, row.score_change_low, row.score_change_high
    text = units.points(abs(change)).lstrip("+")
    ends = (low, high) if change > 0 else (high, low)
    way = "more" if change > 0 else "less"
    if None in ends:
        return f"{text} points {way}"
    sign = 1 if change > 0 else -1
    nearer, further = (units.points(sign * (end or 0.0)).lstrip("+") for end in ends)
    return f"{text} points {way}, {nearer} to {further}"
