"""A quiet phone: its state, what a process used there, and cases on it."""

from dataclasses import replace

from bench.core.device_state.state import Clock, Reading, State
from bench.core.device_state.telemetry import ClockTime, Sample, Telemetry, Usage
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner

HIDDEN = Reading(unavailable="Permission denied")


def clock(cap_khz: float = 2e6, *, cores: tuple[int, ...] = (4, 5)) -> Clock:
    return Clock(
        cores=cores,
        governor=Reading(value="schedutil"),
        now_khz=Reading(value=1e6),
        cap_khz=Reading(value=cap_khz),
        max_khz=Reading(value=2e6),
    )


QUIET = State(
    battery_level_percent=Reading(value=80.0),
    battery_temp_c=Reading(value=28.0),
    battery_status=Reading(value="charging"),
    plugged=Reading(value="usb"),
    thermal_status=Reading(value=0.0),
    thermal_overridden=Reading(value="false"),
    skin_temp_c=Reading(value=30.0),
    cpu_temp_c=Reading(value=40.0),
    zones=(),
    zones_unavailable="Permission denied",
    clocks=(clock(),),
    clocks_unavailable=None,
    load=Reading(value=0.1),
    cpu_pressure_percent=Reading(value=0.0),
    memory_available_bytes=Reading(value=1e9),
    free_bytes=Reading(value=1e9),
    screen=Reading(value="Awake"),
    low_power=Reading(value=0.0),
)
USAGE = Usage(
    cpu_s=Reading(value=1.0),
    busy_s=Reading(value=1.1),
    cores_s=Reading(value=2.0),
    clocks=(ClockTime(cores=(4, 5), spent=((1e6, 0.05), (2e6, 0.95))),),
    clocks_unavailable=None,
)
FINE = Telemetry(
    before=QUIET, after=QUIET, usage=USAGE, cores=(4, 5), run_s=1.0, run_queue_wait_s=0.01
)
PINNED = Case(
    artifact_sha256="a",
    device="d",
    runner=Runner.BENCHMARK_MODEL,
    tool_sha256="t",
    delegate=Delegate.NONE,
    threads=1,
    affinity="30",
)
FREE = replace(PINNED, affinity=None)
FIXED = replace(PINNED, fixed_performance=True)
SUSTAINED = replace(PINNED, protocol=Protocol(mode=Mode.SUSTAINED))


def state(**changed: object) -> State:
    return replace(QUIET, **changed)  # type: ignore[arg-type]  # fields of State


def usage(**changed: object) -> Usage:
    return replace(USAGE, **changed)  # type: ignore[arg-type]  # fields of Usage


def sample(
    at_s: float, *, cap_khz: float = 2e6, surface_c: float = 33.0, skin_c: float | None = None
) -> Sample:
    hidden = Reading(unavailable="hidden")
    return Sample(
        at_s=at_s,
        clocks=(clock(cap_khz),),
        temp_c=Reading(value=70.0),
        surface_temp_c=Reading(value=surface_c),
        skin_temp_c=hidden if skin_c is None else Reading(value=skin_c),
    )
