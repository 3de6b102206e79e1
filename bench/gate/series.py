"""Nights of one model against a pinned anchor, in series that may be compared.

A night is a ratio of two files measured in one session, so what the session added is in both and
cancels. It has no place for a latency: nothing here can be alarmed on milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from math import isfinite, log

import numpy as np

from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.gate.log import Log
from bench.gate.records import Opened, Pair
from bench.gate.signed_rank import FloatArray
from bench.gate.verdict import Verdict, judge

ANCHOR = "anchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a ratio may depend on beside the two files.

    Args:
        device_unit: one phone, not its model: units of a model differ by 10 to 20 %.
        processor: and how many of its cores may be used.
        fingerprint: of the build of its system.
        runtime: of our runner; empty for the official tool, which brings its own.
        anchor_tool_sha256: of the anchor's own tool; empty where both have one.
        delegate: as observed.
        cores: that the tool was held to.
        clocks: whether they were held.
        statistic: what is compared: the median wall time of a process, its CPU time.
    """

    device_unit: str
    processor: str
    fingerprint: str
    runtime: str
    tool_sha256: str
    anchor_tool_sha256: str = ""
    delegate: str
    threads: str
    cores: str
    clocks: str
    statistic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One model on one night.

    Args:
        model: ``Pair.key``.
        started_at: ISO 8601 with its offset from UTC.
        log_ratio: of candidate over anchor.
        low, high: its interval, on the log scale; ``None`` where there were too few blocks.
        revision: what the candidate was built from, in the words of whoever built it.
    """

    model: str
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

    @property
    def moment(self) -> datetime:
        """When its session began, UTC."""
        return _moment(self.started_at)


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
    ordered = sorted(nights, key=lambda night: (night.moment, night.session_id))
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


def nights(gate: Log) -> tuple[Night, ...]:
    """Returns the nights that a gate is to those of its models whose baseline is an anchor.

    A model without blocks, or that failed in the middle of them, has none.

    Raises:
        ConfigurationError: the log does not tell when or where it was measured.
    """
    opened = gate.opened
    if not opened.started_at:
        raise ConfigurationError(
            "does not tell when it began", hint="it was written by an older frill-bench"
        )
    found = []
    for pair, judged in zip(opened.models, judge(gate).models, strict=True):
        ratio = judged.ratio
        if ratio is None or judged.verdict is Verdict.FAILED:
            continue
        night = Night(
            model=pair.key,
            started_at=opened.started_at,
            session_id=opened.session_id,
            environment=environment(opened, pair),
            log_ratio=log(ratio.estimate),
            low=None if ratio.low is None else log(ratio.low),
            high=None if ratio.high is None else log(ratio.high),
            candidate_sha256=pair.candidate_sha256,
            anchor_sha256=pair.baseline_sha256,
            revision=opened.revision,
        )
        found.append(night)
    return tuple(found)


def environment(opened: Opened, pair: Pair) -> Environment:
    """Returns what a pair was measured in.

    Raises:
        ConfigurationError: the log does not tell.
    """
    device, observed = opened.device, pair.observed
    k = opened.rule.processes_per_arm
    held = CaveatKind.FIXED_PERFORMANCE.value in observed.get("caveats", "").split()
    return Environment(
        device_unit=str(device.get("serial") or _told(device, "name")),
        processor=_processor(device),
        fingerprint=_told(device, "os_build"),
        runtime=observed.get("runtime", ""),
        tool_sha256=_told(observed, "tool"),
        anchor_tool_sha256=observed.get("baseline_tool", ""),
        delegate=_told(observed, "delegate"),
        threads=_told(observed, "threads"),
        cores=_told(observed, "cores"),
        clocks="held" if held else "free",
        statistic=_told(observed, "statistic") + (f", fastest of {k} processes" if k > 1 else ""),
    )


def _processor(device: Mapping[str, float | str | None]) -> str:
    cores = device.get("cores")
    many = f"{cores:g}" if isinstance(cores, float | int) else "unknown"
    return f"{device.get('cpu') or 'unknown'}, {many} cores"


def changes(before: Environment, after: Environment) -> tuple[str, ...]:
    """Returns the fields in which two environments differ."""
    names = [each.name for each in fields(after)]
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _told(facts: Mapping[str, float | str | None] | Mapping[str, str], name: str) -> str:
    told = facts.get(name)
    if told is None:
        raise ConfigurationError(
            f"does not tell its {name}", hint="such a night cannot be compared; leave it out"
        )
    return str(told)


def _changed(before: Night, after: Night) -> tuple[str, ...]:
    found = changes(before.environment, after.environment)
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
