"""Judges whether one process measured what its case requires, by its record alone."""

from __future__ import annotations

from bench.core.device_state.caches import CacheUse
from bench.core.device_state.cores import list_cores, mask
from bench.measure.outcome import Failed, Measured, Outcome, Statistics
from bench.measure.summary import percentile
from bench.measure.validity import caveats_of
from bench.plan.case import Delegate, Mode, Runner
from bench.store.records import Invocation
from bench.tool.parse import Dialect, ToolLog, parse_bytes, parse_log
from bench.tool.parse.caches import cache_use
from bench.tool.parse.cross_check import contradiction

_BUSY_SHARE = 0.1  # of its time; without others a process waits for a hundredth


def judge(invocation: Invocation) -> Outcome:
    """Returns the numbers of a process, or why they must not be used."""
    if invocation.timed_out:
        return Failed(failure=f"timed-out: {_why_timed_out(invocation)}")
    log = parse_log(invocation.stdout, invocation.stderr, exit_status=invocation.exit_status)
    if not log.ok:
        return Failed(failure=log.failure or "unreadable: the log cannot be trusted")
    mismatch = _mismatch(invocation, log)
    if mismatch is not None:
        return Failed(failure=mismatch)
    in_bulk = invocation.case.protocol.mode.is_statistics
    statistics = statistics_of(log) if in_bulk else None
    if statistics is None and (in_bulk or not log.inference_us):
        return Failed(failure="no-raw-values: the log does not give each run's latency")
    memory_mb = log.memory_mb or {}
    return Measured(
        init_us=log.init_us,
        first_us=_first_us(invocation.case.protocol.mode, log),
        inference_us=() if in_bulk else log.inference_us or (),
        cpu_us=None if in_bulk else log.cpu_us,
        nodes_total=log.nodes_total,
        nodes_delegated=log.nodes_delegated,
        partitions=log.partitions,
        memory_mb_peak=memory_mb.get("peak", memory_mb.get("overall")),
        runtime=log.runtime,
        statistics=statistics,
        caveats=caveats_of(invocation.telemetry, invocation.limits, invocation.case),
        cache=_cache_use(invocation),
    )


def _cache_use(invocation: Invocation) -> CacheUse | None:
    """Returns what a process did with its cache, by its log and by the files on the phone."""
    files = invocation.telemetry.cache
    if files is None:
        return None
    weights = invocation.case.delegate is Delegate.XNNPACK
    text = f"{invocation.stdout}\n{invocation.stderr}"
    return files.use(cache_use(text, weights=weights), weights=weights)


def _why_timed_out(invocation: Invocation) -> str:
    waited_s = invocation.telemetry.run_queue_wait_s or 0.0
    waited = (
        f"; it waited {waited_s:.1f} s of them for a core, because other programs were busy"
        if waited_s > _BUSY_SHARE * invocation.wall_s
        else ""
    )
    if invocation.timeout_s is None:
        return f"killed after {invocation.wall_s:.0f} s, when its protocol must have ended{waited}"
    return (
        f"killed after the {invocation.timeout_s:g} s of --timeout; allow more, or leave it out"
        f"{waited}"
    )


def _first_us(mode: Mode, log: ToolLog) -> float | None:
    if mode is Mode.COLD and log.inference_us:
        return log.inference_us[0]  # this mode has no warm-up, so the first inference is here
    return log.first_us


def statistics_of(log: ToolLog) -> Statistics | None:
    """Returns the statistics that a log gives; ``None`` if it gives none."""
    if log.runs is None or log.inference_avg_us is None:
        return None
    percentiles_us = log.percentiles_us or {}
    if log.dialect is Dialect.LITERT_RUNNER and log.inference_us:
        ordered = sorted(log.inference_us)
        percentiles_us = {
            "p5": percentile(ordered, 5),
            "median": percentile(ordered, 50),
            "p95": percentile(ordered, 95),
        }
    return Statistics(
        runs=log.runs,
        avg_us=log.inference_avg_us,
        min_us=log.inference_min_us,
        max_us=log.inference_max_us,
        std_us=log.inference_std_us,
        p5_us=percentiles_us.get("p5"),
        median_us=percentiles_us.get("median"),
        p95_us=percentiles_us.get("p95"),
    )


def _mismatch(invocation: Invocation, log: ToolLog) -> str | None:
    case, cores = invocation.case, invocation.telemetry.cores
    # A log that shows no delegate proves that none ran; any other must be shown.
    observed = log.delegate or Delegate.NONE
    if observed != case.delegate:
        return f"delegate-mismatch: {case.delegate} was asked for, {observed} ran"
    if log.threads is not None and log.threads != case.threads:
        return f"threads-mismatch: {case.threads} were asked for, {log.threads} ran"
    is_pinned = case.affinity is not None and case.runner is not Runner.LITERT_PYTHON
    if is_pinned and cores is not None and int(mask(cores), 16) != int(case.affinity or "", 16):
        return (
            f"affinity-mismatch: the mask {case.affinity} was asked for, "
            f"the process was allowed the cores {list_cores(cores)}"
        )
    if invocation.result is not None:
        difference = contradiction(log, parse_bytes(invocation.result))
        if difference is not None:
            return f"inconsistent: {difference}"
    return _wrong_runs(invocation, log)


def _wrong_runs(invocation: Invocation, log: ToolLog) -> str | None:
    protocol, runs = invocation.case.protocol, log.runs or 0
    if runs < protocol.num_runs or (runs > protocol.num_runs and protocol.min_secs == 0):
        return f"runs-mismatch: {protocol.num_runs} were asked for, {runs} ran"
    return None
