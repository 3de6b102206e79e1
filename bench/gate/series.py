"""Nights of one model against a pinned anchor, in series that may be compared.

A night is a ratio of two files measured in one session, so what the session added is in both and
cancels. It has no place for a latency: nothing here can be alarmed on milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from math import isfinite, log

import numpy as np

from bench.core.errors import ConfigurationError
from bench.gate.judging import Verdict, judge
from bench.gate.log import Log
from bench.gate.signed_rank import FloatArray

ANCHOR = "anchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a ratio may depend on beside the two files.

    Args:
        device_unit: one phone, not its model: units of a model differ by 10 to 20 %.
        fingerprint: of the build of its system.
        delegate: as observed.
        statistic: what is compared: the median wall time of a process, its CPU time.
    """

    device_unit: str
    fingerprint: str
    runtime: str
    tool_sha256: str
    delegate: str
    threads: int
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One model on one night.

    Args:
        started_at: ISO 8601 with its offset from UTC.
        log_ratio: of candidate over anchor.
        low, high: its interval, on the log scale; ``None`` where there were too few blocks.
        revision: what the candidate was built from, in the words of whoever built it.
    """

    started_at: str
    session_id: str
    environment: Environment
    log_ratio: float
    low: float | None
    high: float | None
    candidate_sha256: str
    anchor_sha256: str
    revision: str

    def __post_init__(self) -> None:
        numbers = [each for each in (self.low, self.log_ratio, self.high) if each is not None]
        if not all(map(isfinite, numbers)) or numbers != sorted(numbers):
            raise ConfigurationError(
                f"night {self.started_at}: {numbers} is no ratio within its interval",
                hint="measure that night again, or leave it out",
            )
        _moment(self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Nights of one environment and one anchor, from the first to the last.

    Args:
        nights: at least one.
        changed: what the night before its first had otherwise: fields of ``Environment``, or
            ``ANCHOR``; empty where there was none before.
    """

    nights: tuple[Night, ...]
    changed: tuple[str, ...]

    @property
    def log_ratios(self) -> FloatArray:
        """The log-ratio of each night: float64 [nights]."""
        return np.array([night.log_ratio for night in self.nights], np.float64)


def series(nights: Sequence[Night]) -> tuple[Series, ...]:
    """Returns the nights of one model in series, in the order of their first nights.

    A series goes on when its environment comes back: a delegate that failed for one night, or two
    phones that take turns, cut nothing to pieces.
    """
    ordered = sorted(nights, key=lambda night: (_moment(night.started_at), night.session_id))
    members: dict[tuple[Environment, str], list[Night]] = {}
    changed: dict[tuple[Environment, str], tuple[str, ...]] = {}
    before = None
    for night in ordered:
        key = night.environment, night.anchor_sha256
        if key not in members:
            changed[key] = _changed(before, night) if before else ()
        members.setdefault(key, []).append(night)
        before = night
    return tuple(Series(nights=tuple(own), changed=changed[key]) for key, own in members.items())


def night(
    gate: Log, model: str, *, started_at: str, environment: Environment, revision: str
) -> Night | None:
    """Returns a model's night, of a gate whose baseline is the anchor.

    ``None`` for a model without blocks, or that failed in the middle of them.

    Args:
        model: ``Pair.key``.
        started_at, environment, revision: as of a ``Night``.
    """
    pair = {each.key: each for each in gate.opened.models}[model]
    judged = {each.model: each for each in judge(gate).models}[model]
    ratio = judged.ratio
    if ratio is None or judged.verdict is Verdict.FAILED:
        return None
    return Night(
        started_at=started_at,
        session_id=gate.opened.session_id,
        environment=environment,
        log_ratio=log(ratio.estimate),
        low=None if ratio.low is None else log(ratio.low),
        high=None if ratio.high is None else log(ratio.high),
        candidate_sha256=pair.candidate_sha256,
        anchor_sha256=pair.baseline_sha256,
        revision=revision,
    )


def _changed(before: Night, after: Night) -> tuple[str, ...]:
    old, new = before.environment, after.environment
    names = [each.name for each in fields(new)]
    found = [name for name in names if getattr(old, name) != getattr(new, name)]
    return (*found, *([ANCHOR] if before.anchor_sha256 != after.anchor_sha256 else []))


def _moment(started_at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ConfigurationError(
            f"{started_at!r} is no moment with its offset from UTC",
            hint="write it like 2026-05-12T03:00:00+00:00",
        )
    return moment.astimezone(UTC)
