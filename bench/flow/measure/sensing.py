"""What was seen around a process: kept with it, and what it says of its validity."""

from __future__ import annotations

import base64
from dataclasses import replace

from bench.adb.state.facts import cores_of
from bench.core.caveats import Caveat
from bench.measure.validity import Around, Bounds, caveats_of
from bench.plan.case import Mode
from bench.store.records import Invocation, Sensed
from bench.tool.host import Execution


def sensed_of(execution: Execution, bounds: Bounds) -> Sensed:
    """Returns what is kept of the surroundings of a process."""
    result = execution.result
    return Sensed(
        run_s=execution.run_s,
        run_queue_wait_s=execution.run_queue_wait_s,
        load_before=execution.load_before,
        load_after=execution.load_after,
        cores=execution.cores,
        result_base64=None if result is None else base64.b64encode(result).decode(),
        before=execution.before,
        after=execution.after,
        spent=execution.spent,
        samples=execution.samples,
        telemetry_s=execution.telemetry_s,
        caps_at_start_khz=execution.caps_at_start_khz,
        bounds=bounds,
    )


def environment_caveats(invocation: Invocation) -> tuple[Caveat, ...]:
    """Returns what the device's state did to a process; nothing where nobody looked."""
    case, sensed = invocation.case, invocation.sensed
    if sensed.before is None or sensed.after is None:
        return ()
    around = Around(
        before=sensed.before,
        after=sensed.after,
        spent=sensed.spent,
        cores=cores_of(sensed.cores or "") if case.affinity is not None else (),
        run_s=sensed.run_s,
        wait_s=sensed.run_queue_wait_s,
        fixed_clock=case.fixed_performance,
        caps_at_start_khz=dict(sensed.caps_at_start_khz),
        samples=sensed.samples,
    )
    return caveats_of(around, _bounds(case.protocol.mode, sensed.bounds))


def _bounds(mode: Mode, bounds: Bounds) -> Bounds:
    match mode:
        case Mode.SUSTAINED:
            # What heat does is what that mode measures.
            return replace(
                bounds, thermal_status=None, cap_ratio=None, below_cap_ratio=None, temp_c=None
            )
        case Mode.STREAMING | Mode.COLD:
            # Clocks that sank in the pause, or have not risen yet, are what these measure.
            return replace(bounds, below_cap_ratio=None)
        case _:
            return bounds
