"""What is known of a process besides what it printed: the one record of it.

Running a process makes it, the store keeps it and ``bench.measure.validity`` judges it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.device_state.state import Clock, Reading, State

NOT_ASKED = Reading(unavailable="not asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTime:
    """How long cores that share a clock were at each frequency while a process ran.

    Args:
        spent: frequency in kHz and seconds there, those above 0 only.
    """

    cores: tuple[int, ...]
    spent: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used of the cores that a process was allowed, while it ran.

    Args:
        cpu_s: CPU time of the process, all its threads.
        busy_s: CPU time of all processes, this one too, on those cores.
        cores_s: the time that passed, times the number of those cores.
        clocks: of those cores; empty where hidden, and ``clocks_unavailable`` says why.
    """

    cpu_s: Reading
    busy_s: Reading
    cores_s: Reading
    clocks: tuple[ClockTime, ...]
    clocks_unavailable: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The part of a state that is cheap enough to be taken while a process runs.

    Args:
        at_s: since the process was started.
        clocks: as in ``State``.
        temp_c: of the hottest zone.
        surface_temp_c: of the hottest zone that is named after the battery or the skin.
    """

    at_s: float
    clocks: tuple[Clock, ...]
    temp_c: Reading
    surface_temp_c: Reading = NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What a device did before, during and after a process; unknown is ``None``.

    Args:
        before, after: the device.
        samples: of the device while the process ran, if that took long.
        usage: of its cores meanwhile.
        cores: that the process was allowed; empty where it never began.
        run_s, run_queue_wait_s: how long its first thread ran, and waited for a core.
        caps_at_start_khz: first core of those that share a clock, and what that might reach when
            the session began.
        overhead_s: how long all this took, which is not part of the process's time.
    """

    before: State | None = None
    after: State | None = None
    samples: tuple[Sample, ...] = ()
    usage: Usage | None = None
    cores: tuple[int, ...] | None = None
    run_s: float | None = None
    run_queue_wait_s: float | None = None
    caps_at_start_khz: tuple[tuple[int, float], ...] = ()
    overhead_s: float | None = None
