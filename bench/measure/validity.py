"""Whether a device's state spoilt a process: decided by the environment, never by a latency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from bench.core.caveats import Caveat, CaveatKind
from bench.core.state import Clock, ClockTime, Sample, Spent, State, thermal_word

_RESOLVED_S = 0.3  # the kernel counts what cores do in hundredths of a second
_Of = TypeVar("_Of", Clock, ClockTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Beyond which a process is measured again; ``None`` where that is not looked at.

    Args:
        thermal_status: the highest; 0 is none.
        thermal_override: whether a status that somebody made up counts.
        battery_percent: the lowest.
        cap_ratio: what clocks may reach, at least, of what the hardware can do or, where the clocks
            are fixed, of what they might reach when the session began.
        below_cap_ratio: of the time, that the cores may spend below what they may reach.
        wait_ratio: of its time, that a process may wait for a core.
        others_ratio: of the time of the cores it is pinned to, that others may use.
        temp_c: the highest of battery and skin while a process runs that takes long.
    """

    thermal_status: int | None = 0
    thermal_override: bool = True
    battery_percent: float | None = 25.0
    cap_ratio: float | None = 1.0
    below_cap_ratio: float | None = 0.1
    wait_ratio: float | None = 0.05
    others_ratio: float | None = 0.1
    temp_c: float | None = None


# A machine's own owner limits its clocks, and whoever shares it is told of as busy.
OF_HOSTS = Bounds(
    thermal_status=None,
    battery_percent=None,
    cap_ratio=None,
    below_cap_ratio=None,
    wait_ratio=None,
    others_ratio=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known of a process besides what it printed.

    Args:
        cores: that it was pinned to; empty for all.
        run_s, wait_s: how long its first thread ran, and waited for a core.
        fixed_clock: the device was to hold its clocks.
        caps_at_start_khz: first core of those that share a clock to what that might reach when the
            session began.
        samples: looks while it ran.
    """

    before: State
    after: State
    spent: Spent | None = None
    cores: tuple[int, ...] = ()
    run_s: float | None = None
    wait_s: float | None = None
    fixed_clock: bool = False
    caps_at_start_khz: Mapping[int, float] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()


def caveats_of(around: Around, bounds: Bounds) -> tuple[Caveat, ...]:
    """Returns what the device's state did to a process; what a device hides raises no doubt."""
    return (
        *_heat(around, bounds),
        *_power(around, bounds),
        *_screen(around),
        *_caps(around, bounds),
        *_below_cap(around, bounds),
        *_stolen(around, bounds),
        *_hidden(around, bounds),
    )


def hides_heat_and_clocks(state: State) -> bool:
    """Returns whether a device shows nothing by which it could be seen to slow itself down."""
    return None not in (state.thermal_status.unavailable, state.clocks_unavailable)


def once_each(processes: Sequence[Sequence[Caveat]]) -> tuple[Caveat, ...]:
    """Returns one caveat a kind, which says how many of the processes it was seen in."""
    seen: dict[CaveatKind, list[Caveat]] = {}
    for caveats in processes:
        for caveat in caveats:
            seen.setdefault(caveat.kind, []).append(caveat)
    return tuple(
        Caveat(
            kind=kind,
            evidence=f"in {len(found)} of {len(processes)} processes, the first: "
            f"{found[0].evidence}",
        )
        for kind, found in seen.items()
    )


def _heat(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    looks = {"before": around.before, "after": around.after}
    found = {when: look.thermal_status.number for when, look in looks.items()}
    hot = {
        when: status
        for when, status in found.items()
        if bounds.thermal_status is not None and (status or 0) > bounds.thermal_status
    }
    told = ", ".join(f"{thermal_word(status)} {when}" for when, status in hot.items())
    doubts = [
        *([f"thermal status {told} the process"] if hot else []),
        *_hot_within(around, bounds),
    ]
    if doubts:
        yield Caveat(kind=CaveatKind.THROTTLED, evidence="; ".join(doubts))
    made_up = [when for when, look in looks.items() if look.thermal_overridden.text == "true"]
    if made_up and bounds.thermal_override:
        yield Caveat(
            kind=CaveatKind.THERMAL_OVERRIDE, evidence=f"{' and '.join(made_up)} the process"
        )


def _hot_within(around: Around, bounds: Bounds) -> list[str]:
    """Returns what the first of the samples tells that was too hot."""
    return [
        f"battery or skin at {temp_c:.1f} °C, above {bounds.temp_c:g} °C, {_within(sample)}"
        for sample in around.samples
        if bounds.temp_c is not None
        and (temp_c := sample.surface_temp_c.number) is not None
        and temp_c > bounds.temp_c
    ][:1]


def _power(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    if bounds.battery_percent is None:
        return
    looks = (around.before, around.after)
    levels = [look.battery_level_percent.number for look in looks]
    lowest = min((level for level in levels if level is not None), default=None)
    found = []
    if lowest is not None and lowest < bounds.battery_percent:
        found.append(f"at {lowest:.0f} %, below {bounds.battery_percent:g} %")
    if any(look.low_power.number for look in looks):
        found.append("battery saver is on")
    if found:
        yield Caveat(kind=CaveatKind.BATTERY_LOW, evidence="; ".join(found))


def _screen(around: Around) -> Iterator[Caveat]:
    before, after = around.before.screen.text, around.after.screen.text
    if before and after and before != after:
        yield Caveat(kind=CaveatKind.SCREEN_CHANGED, evidence=f"from {before} to {after}")


def _caps(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    if bounds.cap_ratio is None:
        return
    looks = [(around.before.clocks, ""), (around.after.clocks, "")]
    looks += [(sample.clocks, f" {_within(sample)}") for sample in around.samples]
    found: dict[tuple[int, ...], str] = {}
    for clock, when in ((clock, when) for each, when in looks for clock in _used(each, around)):
        cap_khz = clock.cap_khz.number
        full_khz = (
            around.caps_at_start_khz.get(clock.cores[0])
            if around.fixed_clock
            else clock.max_khz.number
        )
        if cap_khz is not None and full_khz is not None and cap_khz < bounds.cap_ratio * full_khz:
            told = f"cores {_cores(clock.cores)} may reach {_mhz(cap_khz)} of {_mhz(full_khz)}"
            found.setdefault(clock.cores, f"{told}{when}")
    if found:
        yield Caveat(kind=CaveatKind.CAP_LOWERED, evidence="; ".join(found.values()))


def _below_cap(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    if bounds.below_cap_ratio is None or around.spent is None:
        return
    caps_khz = {clock.cores: clock.cap_khz.number for clock in around.after.clocks}
    found = []
    for clock in _used(around.spent.clocks, around):
        cap_khz = caps_khz.get(clock.cores)
        whole_s = sum(seconds for _, seconds in clock.spent)
        below_s = sum(seconds for khz, seconds in clock.spent if khz < (cap_khz or 0))
        if cap_khz is not None and below_s > bounds.below_cap_ratio * whole_s:
            found.append(
                f"cores {_cores(clock.cores)} ran below {_mhz(cap_khz)} for "
                f"{below_s / whole_s:.0%} of {whole_s:.2f} s"
            )
    if found:
        kind = CaveatKind.CLOCK_BELOW_PIN if around.fixed_clock else CaveatKind.CLOCK_BELOW_CAP
        yield Caveat(kind=kind, evidence="; ".join(found))


def _stolen(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    found = [*_waited(around, bounds), *_shared(around, bounds)]
    if found:
        yield Caveat(kind=CaveatKind.CORE_STOLEN, evidence="; ".join(found))


def _waited(around: Around, bounds: Bounds) -> Iterator[str]:
    if bounds.wait_ratio is None or not around.run_s or around.wait_s is None:
        return
    ratio = around.wait_s / (around.run_s + around.wait_s)
    if ratio > bounds.wait_ratio:
        yield f"it waited {around.wait_s * 1e3:.0f} ms for a core, {ratio:.0%} of its time"


def _shared(around: Around, bounds: Bounds) -> Iterator[str]:
    if bounds.others_ratio is None or not around.cores or around.spent is None:
        return
    cpu_s, busy_s = around.spent.cpu_s.number, around.spent.busy_s.number
    cores_s = around.spent.cores_s.number
    if cpu_s is None or busy_s is None or cores_s is None:
        return
    if cores_s < _RESOLVED_S * len(around.cores):
        return
    others_s = busy_s - cpu_s
    if others_s > bounds.others_ratio * cores_s:
        yield (
            f"others used {others_s:.2f} s of the {cores_s:.2f} s of cores {_cores(around.cores)}"
        )


def _hidden(around: Around, bounds: Bounds) -> Iterator[Caveat]:
    if bounds.thermal_status is None and bounds.cap_ratio is None:
        return
    after = around.after
    if not hides_heat_and_clocks(after):
        return
    told = f"thermal status: {after.thermal_status.unavailable}; clocks: {after.clocks_unavailable}"
    yield Caveat(kind=CaveatKind.STATE_HIDDEN, evidence=told)


def _used(clocks: Iterable[_Of], around: Around) -> list[_Of]:
    """Returns those of cores that the process might use."""
    return [each for each in clocks if not around.cores or set(each.cores) & set(around.cores)]


def _within(sample: Sample) -> str:
    return f"{sample.at_s:.1f} s into the process"


def _cores(cores: Sequence[int]) -> str:
    return f"{cores[0]}-{cores[-1]}" if len(cores) > 1 else str(cores[0])


def _mhz(khz: float) -> str:
    return f"{khz / 1e3:.0f} MHz"
