"""The telemetry of a process: the device before, during and after it.

Running a process makes it, the store stores it and ``bench.measure.validity`` assesses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.device_state.caches import CacheFiles
from bench.core.device_state.energy import Energy
from bench.core.device_state.state import NOT_ASKED, Clock, Reading, State


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTime:
    """The time that cores with one clock spent at each frequency while a process ran.

    Args:
        spent: pairs of frequency in kHz and seconds, only those above 0 s.
    """

    cores: tuple[int, ...]
    spent: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The use of the cores that a process was allowed, while it ran.

    Args:
        cpu_s: CPU time of the process, all its threads.
        busy_s: CPU time of all processes, this one too, on those cores.
        cores_s: the elapsed time, times the number of those cores.
        clocks: of those cores; empty where hidden, and ``clocks_unavailable`` has the reason.
    """

    cpu_s: Reading
    busy_s: Reading
    cores_s: Reading
    clocks: tuple[ClockTime, ...]
    clocks_unavailable: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The part of a state that is cheap enough to read while a process runs.

    Args:
        at_s: seconds since the process was started.
        clocks: as in ``State``.
        temp_c: of the hottest zone.
        surface_temp_c: of the hottest zone that is named after the battery or the skin.
        skin_temp_c: of the hottest zone that is named after the skin.
    """

    at_s: float
    clocks: tuple[Clock, ...]
    temp_c: Reading
    surface_temp_c: Reading = NOT_ASKED
    skin_temp_c: Reading = NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """The state of a device before, during and after a process; unknown is ``None``.

    Args:
        before, after: its state.
        samples: those taken while a long process ran.
        usage: the use of its cores meanwhile.
        cores: those that the process was allowed; empty if it never began.
        run_s, run_queue_wait_s: how long its first thread ran, and waited for a core.
        caps_at_start_khz: pairs of the first core of a clock, and the clock's cap when the session
            began.
        cool_at_start: whether the device was cool then, so that a lower cap stands without heat.
        overhead_s: how long it took to read all this, which is not part of the process's time.
        cache: the files of the delegate's cache around a process with a warm cache.
        energy: of its rails; ``None`` if it was not asked for.
    """

    before: State | None = None
    after: State | None = None
    samples: tuple[Sample, ...] = ()
    usage: Usage | None = None
    cores: tuple[int, ...] | None = None
    run_s: float | None = None
    run_queue_wait_s: float | None = None
    caps_at_start_khz: tuple[tuple[int, float], ...] = ()
    cool_at_start: bool = False
    overhead_s: float | None = None
    cache: CacheFiles | None = None
    energy: Energy | None = None
