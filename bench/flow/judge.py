"""Whether one process measured what its case asks for: from what it left alone."""

from __future__ import annotations

import base64

from bench.adb.facts import cores_of, mask
from bench.measure.case import Delegate, Runner
from bench.measure.outcome import Failed, Measured, Outcome
from bench.store.records import Invocation
from bench.tool.parse import ToolLog, parse_bytes, parse_log
from bench.tool.parse.agreement import contradiction


def judge(invocation: Invocation) -> Outcome:
    """Returns its numbers, or why they must not be used."""
    if invocation.timed_out:
        return Failed(failure=f"timed-out: killed after {invocation.wall_s:.0f} s")
    log = parse_log(invocation.stdout, invocation.stderr, exit_status=invocation.exit_status)
    if not log.ok:
        return Failed(failure=log.failure or "unreadable: the log cannot be trusted")
    mismatch = _mismatch(invocation, log)
    if mismatch is not None:
        return Failed(failure=mismatch)
    if not log.inference_us:
        return Failed(failure="no-raw-values: the log does not give each run's latency")
    memory_mb = log.memory_mb or {}
    return Measured(
        init_us=log.init_us,
        first_us=log.first_us,
        inference_us=log.inference_us,
        cpu_us=log.cpu_us,
        nodes_total=log.nodes_total,
        nodes_delegated=log.nodes_delegated,
        partitions=log.partitions,
        memory_mb_peak=memory_mb.get("peak", memory_mb.get("overall")),
        runtime=log.runtime,
    )


def _mismatch(invocation: Invocation, log: ToolLog) -> str | None:
    case, sensed = invocation.case, invocation.sensed
    # A log that shows no delegate is evidence for none only: whatever else was asked must be seen.
    seen = log.delegate or Delegate.NONE
    if seen != case.delegate:
        return f"delegate-mismatch: {case.delegate} was asked for, {seen} ran"
    if log.threads is not None and log.threads != case.threads:
        return f"threads-mismatch: {case.threads} were asked for, {log.threads} ran"
    if case.affinity is not None and case.runner is not Runner.LITERT_PYTHON:
        allowed = cores_of(sensed.cores or "")
        if sensed.cores is not None and int(mask(allowed), 16) != int(case.affinity, 16):
            return (
                f"affinity-mismatch: the mask {case.affinity} was asked for, "
                f"the process was allowed the cores {sensed.cores}"
            )
    if sensed.result_base64 is not None:
        said = contradiction(log, parse_bytes(base64.b64decode(sensed.result_base64)))
        if said is not None:
            return f"inconsistent: {said}"
    return _wrong_runs(invocation, log)


def _wrong_runs(invocation: Invocation, log: ToolLog) -> str | None:
    protocol, runs = invocation.case.protocol, log.runs or 0
    if runs < protocol.num_runs or (runs > protocol.num_runs and protocol.min_secs == 0):
        return f"runs-mismatch: {protocol.num_runs} were asked for, {runs} ran"
    return None
