"""Findings as rows, for frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.caveats import Caveat
from bench.gate.verdict import Finding
from reports.rows.schema import column, maybe


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One model's verdict on one axis."""

    name: str = column("name of the model")
    format: str = column("its number format")
    axis: str = column("latency, size or accuracy")
    verdict: str = column("same, improved, regressed, undecided, failed, new, removed, unchanged")
    reason: str | None = maybe("why it is undecided")
    change: float | None = maybe(
        "candidate over baseline; of an accuracy the candidate less the baseline"
    )
    change_low: float | None = maybe("lower end of its 95 % interval; empty where it is exact")
    change_high: float | None = maybe("upper end of its 95 % interval")
    margin: float = column("what must not pass, a share")
    blocks: int | None = maybe("blocks that the verdict on a latency is based on")
    why: str | None = maybe("why it regressed or failed")
    caveats: tuple[Caveat, ...] = ()


def finding_rows(findings: Iterable[Finding]) -> list[FindingRow]:
    """Returns a row for each finding."""
    return [
        FindingRow(
            name=f"{each.model.name} {each.model.side}".rstrip(),
            format=each.model.format.value,
            axis=each.axis.value,
            verdict=each.verdict.value,
            reason=each.reason.value if each.reason else None,
            change=each.change.value if each.change else None,
            change_low=each.change.low if each.change else None,
            change_high=each.change.high if each.change else None,
            margin=each.margin,
            blocks=each.evidence.blocks if each.evidence else None,
            why=" ".join(each.why) or None,
            caveats=each.caveats,
        )
        for each in findings
    ]
