"""Runs of a nightly gate in May, each field of which can be changed."""

from typing import Any

from bench.core.artifact import Format
from bench.gate.history.series import Environment, NightlyRun
from bench.gate.verdict import Axis, Finding, Interval, LatencyEvidence, ModelKey, Verdict

HERE = Environment(
    device_unit="one", processor="GS101, 8 cores", fingerprint="build 1", runtime="LiteRT 2.3",
    tool_sha256="a" * 64, delegate="xnnpack", threads="1", cores="4-7", clocks="free",
    statistic="median wall time",
)  # fmt: skip


def on(
    day: int,
    environment: Environment = HERE,
    *,
    ratio: float = 1.01,
    candidate_sha256: str = "c" * 64,
    baseline_sha256: str = "b" * 64,
    started_at: str = "",
    verdict: Verdict = Verdict.SAME,
    low: float | None = None,
    high: float | None = None,
    **changed: Any,
) -> NightlyRun:
    """Returns a run of a day in May."""
    change = Interval(value=ratio, low=low, high=high)
    return NightlyRun(
        started_at=started_at or f"2026-05-{day:02}T03:00:00+00:00",
        session_id=f"session {day}",
        environment=environment,
        revision=f"r{day}",
        ratio=change,
        finding=Finding(
            model=ModelKey(name="tiny", format=Format.INT8),
            axis=Axis.LATENCY,
            verdict=verdict,
            margin=0.05,
            change=change,
            evidence=LatencyEvidence(blocks=6, smallest_slowdown=0.03),
            candidate_sha256=candidate_sha256,
            baseline_sha256=baseline_sha256,
            **changed,
        ),
    )
