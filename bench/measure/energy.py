"""Energy per inference and per hour of listening, from the counters of a device's rails.

The power of a process is what its rails' counters rose by, over the time by the meter's own clock,
between its first and its last reading. All readings are after the start, so loading the model does
not count. Power times the time from one inference to the next is the energy of an inference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from bench.core.device_state.energy import Energy, Rail
from bench.measure.summary import median_interval
from bench.plan.case import Delegate, Mode

METERED = (Mode.STREAMING, Mode.SUSTAINED)  # the modes in which a meter is read
IDLE_POWER = "idle-power"  # the kind of an event: the readings while a device only waited
_HOUR_S = 3600.0
_CLOCK_S = 1e-3  # the meter's clock counts milliseconds
_UJ, _MS = 1e-6, 1e-3
_CPU = re.compile(r"cpu", re.IGNORECASE)
_MEMORY = re.compile(r"^(DDR|MIF|DRAM|MEM)", re.IGNORECASE)
_ACCELERATORS = {
    Delegate.GPU: re.compile(r"gpu|g3d", re.IGNORECASE),
    Delegate.NNAPI: re.compile(r"gpu|g3d|tpu", re.IGNORECASE),
    Delegate.EXTERNAL: re.compile(r"gpu|g3d|tpu", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a process drew from its rails.

    Args:
        power_w: mean, from the first reading to the last.
        windows_w: between each two readings.
        inexact_ratio: share of the power that the meter's sampling leaves open.
    """

    power_w: float
    windows_w: tuple[float, ...]
    inexact_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """A process with what it drew.

    Args:
        period_s: mean time from one inference to the next.
    """

    draw: Draw
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A power or an energy with its interval; the ends are ``None`` if there is too little."""

    value: float
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> Amount:
        """Returns the amount times a factor."""
        low, high = (None if end is None else factor * end for end in (self.low, self.high))
        return Amount(value=factor * self.value, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyUse:
    """The energy of a case.

    Args:
        way: how the meter was read.
        rails: names and subsystems of those that count.
        plugged: what powered the device meanwhile, in its own words; ``None`` if hidden. It does
            not change what rails count, because they are behind the battery and the charger.
        processes, windows: numbers of those that were read, and of the pairs of readings in them.
        power_w: of the rails while it ran.
        idle_w: of the same rails while the device only waited; ``None`` if that was not measured.
        per_inference_j: in the sustained mode all that the rails gave; in the streaming mode what
            they gave above ``idle_w``, and ``None`` without it.
        per_hour_j: per hour of listening at the file's hop; ``None`` without a hop. In the
            streaming mode with the rails' idle power, in the sustained mode the inferences alone.
        unavailable: why there is none of these.
    """

    way: str | None = None
    rails: tuple[str, ...] = ()
    plugged: str | None = None
    processes: int = 0
    windows: int = 0
    power_w: Amount | None = None
    idle_w: Amount | None = None
    per_inference_j: Amount | None = None
    per_hour_j: Amount | None = None
    hop_s: float | None = None
    unavailable: str | None = None


def counted_rails(rails: Iterable[Rail], delegate: Delegate) -> tuple[Rail, ...]:
    """Returns the rails of what computes: processor cores, memory, and the delegate's hardware."""
    accelerator = _ACCELERATORS.get(delegate)
    return tuple(
        rail
        for rail in rails
        if _CPU.search(rail.subsystem or rail.name)
        or _MEMORY.search(rail.subsystem)
        or (accelerator is not None and accelerator.search(rail.subsystem or rail.name))
    )


def draw_of(energy: Energy, delegate: Delegate) -> Draw | str:
    """Returns what a process drew, or why that is not known."""
    if energy.unavailable is not None:
        return energy.unavailable
    rails = counted_rails(energy.rails, delegate)
    if not rails:
        return "the meter counts no rail of the processor"
    count = min(len(rail.points) for rail in rails)
    if count < 2:
        return "its processes were too short for two readings of the meter"
    series = [rail.points[-count:] for rail in rails]
    times_ms = [after[0] - before[0] for points in series for before, after in pairwise(points)]
    if min(times_ms) <= 0 or any(points[-1][1] < points[0][1] for points in series):
        return "the meter's clock or its counters went backwards"
    if all(points[-1][1] == points[0][1] for points in series):
        return "the meter's counters did not move"
    windows_w = tuple(
        sum(_power_w(points[index], points[index + 1]) for points in series)
        for index in range(count - 1)
    )
    whole_s = _MS * min(points[-1][0] - points[0][0] for points in series)
    slowest_hz = min((rail.sampling_hz for rail in rails if rail.sampling_hz), default=None)
    open_s = _CLOCK_S + (1 / slowest_hz if slowest_hz else 0.0)
    return Draw(
        power_w=sum(_power_w(points[0], points[-1]) for points in series),
        windows_w=windows_w,
        inexact_ratio=open_s / whole_s,
    )


def energy_use(
    processes: Sequence[Paced],
    *,
    source: Energy,
    delegate: Delegate,
    plugged: str | None,
    idle: Draw | None,
    hop_s: float | None,
    streams: bool,
) -> EnergyUse:
    """Returns the energy of a case of at least one process.

    Args:
        source: the readings of one of them, for the names of the rails.
        hop_s: audio between two inferences.
        streams: they waited for a hop between inferences, so that the rails' idle power counts.
    """
    power_w = _amount([(each.draw, 1.0) for each in processes])
    gross_j = _amount([(each.draw, each.period_s) for each in processes])
    idle_w = None if idle is None else _amount([(idle, 1.0)])
    net_j: Amount | None = gross_j
    if streams:
        period_s = fmean(each.period_s for each in processes)
        net_j = None if idle_w is None else _less(gross_j, idle_w.times(period_s))
    return EnergyUse(
        way=source.way,
        rails=tuple(
            f"{rail.name} ({rail.subsystem})" for rail in counted_rails(source.rails, delegate)
        ),
        plugged=plugged,
        processes=len(processes),
        windows=sum(len(each.draw.windows_w) for each in processes),
        power_w=power_w,
        idle_w=idle_w,
        per_inference_j=net_j,
        per_hour_j=gross_j.times(_HOUR_S / hop_s) if hop_s else None,
        hop_s=hop_s,
    )


def _power_w(before: tuple[float, float], after: tuple[float, float]) -> float:
    return _UJ * (after[1] - before[1]) / (_MS * (after[0] - before[0]))


def _amount(draws: Sequence[tuple[Draw, float]]) -> Amount:
    """Returns the median of the processes' power times a factor each, with its 95 % interval.

    The interval is over processes, or over windows where there are too few processes for one; it is
    wider by what the meter's sampling leaves open.
    """
    values = [factor * draw.power_w for draw, factor in draws]
    windows = [factor * each for draw, factor in draws for each in draw.windows_w]
    middle = median(values)
    interval = median_interval(values) or median_interval(windows)
    if interval is None:
        return Amount(value=middle)
    inexact = max(draw.inexact_ratio for draw, _ in draws)
    low, high = min(interval[0], middle), max(interval[1], middle)
    return Amount(value=middle, low=low * (1 - inexact), high=high * (1 + inexact))


def _less(amount: Amount, other: Amount) -> Amount:
    """Returns a difference; its interval is that of the worst cases."""
    low = None if amount.low is None or other.high is None else amount.low - other.high
    high = None if amount.high is None or other.low is None else amount.high - other.low
    return Amount(value=amount.value - other.value, low=low, high=high)
