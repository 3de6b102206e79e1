"""Nightly runs of one model against a pinned baseline, in series whose ratios may be compared.

A run compares two files in one session, so the effect of the session cancels. Only ratios are
tested; the latencies of a run are only shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from math import log
from statistics import median

import numpy as np

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.gate.findings import latency_findings
from bench.gate.history.change_points import levels, settled_steps
from bench.gate.log import Log
from bench.gate.records import Opened, Pair
from bench.gate.verdict import Finding, Interval, Verdict

PINNED = "anchor"  # name of a change of the pinned baseline's file


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Everything that a ratio may depend on, besides the two files.

    Warm-up and number of inferences are not in it: they change the values of both sides alike, so
    a gate that takes another protocol from a new calibration does not split a series. What is
    compared is in it: the statistic, and of how many processes the fastest.

    Args:
        device_unit: one phone, not its model: units of a model differ by 10 to 20 %.
        processor: its name, and the number of usable cores.
        fingerprint: of the system build.
        runtime: of our runner; empty for the official tool, which contains its own.
        anchor_tool_sha256: of the baseline's own tool; empty where both sides use the same.
        delegate: as observed.
        inputs, signature: shapes and values of inputs that were set; the one of several.
        cores: mask of the cores that the tool was pinned to, or ``all``.
        clocks: ``held`` or ``free``.
        statistic: the statistic that is compared.
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
    inputs: str = ""
    signature: str = ""

    def differences(self, other: Environment) -> tuple[str, ...]:
        """Returns the fields in which another environment differs."""
        names = [field.name for field in fields(self)]
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyRun:
    """One model in one gate against the pinned baseline.

    Args:
        started_at: ISO 8601 with its offset from UTC.
        revision: what the candidate was built from, as the user names it.
        finding: on its latency; its verdict shows whether it drifted, by the gate's own rule. The
            baseline was measured in the same run, so errors of earlier runs do not add up.
        ratio: candidate over baseline, from the finding.
        candidate_us, baseline_us: medians over the blocks; ``None`` where unknown.
    """

    started_at: str
    session_id: str
    revision: str
    environment: Environment
    finding: Finding
    ratio: Interval
    candidate_us: float | None = None
    baseline_us: float | None = None

    def __post_init__(self) -> None:
        _moment(self.started_at)

    @property
    def moment(self) -> datetime:
        """The start of its session, in UTC."""
        return _moment(self.started_at)

    @property
    def log_ratio(self) -> float:
        """The logarithm of the ratio."""
        return log(self.ratio.value)

    @property
    def name(self) -> str:
        """The revision; the file's SHA-256 where it is unknown."""
        return self.revision or f"file {self.finding.candidate_sha256[:12]}"

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """The caveats of the finding, and one for a ratio without interval."""
        few = Caveat(kind=CaveatKind.FEW_PROCESSES)
        return (*self.finding.caveats, *([few] if self.ratio.low is None else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Runs with comparable ratios, in the order of time.

    Args:
        runs: at least one.
        changed: fields of the environment, or ``PINNED``, in which the first run differs from the
            run before it; empty for the first series.
        steps: the settled steps: index of the first run after each, to the ratio of the level after
            to the level before.
        levels: the log-ratio of each run's level.
    """

    runs: tuple[NightlyRun, ...]
    changed: tuple[str, ...]
    steps: Mapping[int, Interval]
    levels: tuple[float, ...]


def series(runs: Sequence[NightlyRun]) -> tuple[Series, ...]:
    """Returns the runs of one model in series, in the order of their first runs.

    A series continues when its environment returns: a delegate that failed in one run, or two
    phones in turn, do not split it.
    """
    ordered = sorted(runs, key=lambda run: (run.moment, run.session_id))
    members: dict[tuple[Environment, str], list[NightlyRun]] = {}
    changed: dict[tuple[Environment, str], tuple[str, ...]] = {}
    before = None
    for run in ordered:
        key = run.environment, run.finding.baseline_sha256
        if key not in members:
            changed[key] = _changes(before, run) if before else ()
        members.setdefault(key, []).append(run)
        before = run
    return tuple(_series(tuple(group), changed[key]) for key, group in members.items())


def nightly_runs(gate: Log) -> tuple[NightlyRun, ...]:
    """Returns the run of each model of a gate that has blocks and did not fail.

    Raises:
        ConfigurationError: the log has no start time, or compares ways to measure one file.
    """
    opened = gate.opened
    if opened.sides:
        raise ConfigurationError(
            "compares ways to measure one file, and no revisions",
            hint="frill-bench gate --replay LOG shows it",
        )
    if not opened.started_at:
        raise ConfigurationError("has no start time", hint="it was written by an older frill-bench")
    runs = []
    for pair, finding in zip(opened.models, latency_findings(gate), strict=True):
        if finding.change is None or finding.verdict is Verdict.FAILED:
            continue
        blocks = gate.blocks(pair.model)
        run = NightlyRun(
            started_at=opened.started_at,
            session_id=opened.session_id,
            revision=opened.revision,
            environment=environment_of(opened, pair),
            finding=finding,
            ratio=finding.change,
            candidate_us=median(min(each.value_us for each in block.candidate) for block in blocks),
            baseline_us=median(min(each.value_us for each in block.baseline) for block in blocks),
        )
        runs.append(run)
    return tuple(runs)


def environment_of(opened: Opened, pair: Pair) -> Environment:
    """Returns the environment that a pair was measured in."""
    device, observed = opened.device, pair.observed
    per_side = opened.rule.processes_per_side
    is_held = any(caveat.kind is CaveatKind.FIXED_PERFORMANCE for caveat in pair.caveats)
    cores = "unknown" if device.cores is None else device.cores
    return Environment(
        device_unit=device.serial or device.name,
        processor=f"{device.cpu or 'unknown'}, {cores} cores",
        fingerprint=device.os_build,
        runtime=observed.runtime or "",
        tool_sha256=observed.tool_sha256,
        anchor_tool_sha256=observed.baseline_tool_sha256 or "",
        delegate=observed.delegate.value,
        threads=str(observed.threads),
        inputs=observed.inputs,
        signature=observed.signature,
        cores=observed.affinity or "all",
        clocks="held" if is_held else "free",
        statistic=observed.statistic.value
        + (f", fastest of {per_side} processes" if per_side > 1 else ""),
    )


def _series(runs: tuple[NightlyRun, ...], changed: tuple[str, ...]) -> Series:
    log_ratios = np.array([run.log_ratio for run in runs], np.float64)
    steps = settled_steps(log_ratios)
    return Series(
        runs=runs, changed=changed, steps=steps, levels=tuple(levels(log_ratios, steps).tolist())
    )


def _changes(before: NightlyRun, after: NightlyRun) -> tuple[str, ...]:
    repinned = before.finding.baseline_sha256 != after.finding.baseline_sha256
    changed = before.environment.differences(after.environment)
    return (*changed, *([PINNED] if repinned else []))


def _moment(started_at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ConfigurationError(
            f"{started_at!r} is not a time with its offset from UTC",
            hint="write it like 2026-05-12T03:00:00+00:00",
        )
    return moment.astimezone(UTC)
