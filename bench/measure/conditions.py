"""What a device's state means for a measurement: the one assessment of it.

``doctor`` prints the conditions, a run waits for them to pass or refuses the device, and
``bench.measure.validity`` turns them into caveats. So all three agree. What a device hides is
within the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.core import units
from bench.core.device_state.cores import list_cores
from bench.core.device_state.state import Clock, State, thermal_word
from bench.core.device_state.telemetry import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds that conditions are assessed against; ``None`` where something is not judged.

    Args:
        thermal_status: the highest; 0 is none.
        thermal_override: whether a made-up status counts.
        temp_c: the highest of battery and skin.
        battery_percent: the lowest; with ``None`` battery saver is not judged either.
        cap_ratio: what clocks may reach, at least, of what the hardware can do or, where the clocks
            are fixed, of what they might reach when the session began.
        below_cap_ratio: of the time, that the cores may spend below what they may reach.
        wait_ratio: of its time, that a process may wait for a core.
        others_ratio: of the time of the cores it is pinned to, that others may use.
        cooldown_s: how long a hot device is waited for.
    """

    thermal_status: int | None = 0
    thermal_override: bool = True
    temp_c: float | None = 37.0
    battery_percent: float | None = 25.0
    cap_ratio: float | None = 1.0
    below_cap_ratio: float | None = 0.1
    wait_ratio: float | None = 0.05
    others_ratio: float | None = 0.1
    cooldown_s: float = 600.0


# The owner of a machine limits its clocks; others that use it are reported as ``busy_machine``.
HOST_LIMITS = Limits(
    thermal_status=None,
    temp_c=None,
    battery_percent=None,
    cap_ratio=None,
    below_cap_ratio=None,
    wait_ratio=None,
    others_ratio=None,
)


class Response(StrEnum):
    """What a run does about a condition."""

    WAIT = "wait"  # it passes by itself, and is waited for
    REFUSE = "refuse"  # the user must end it first
    DISCARD = "discard"  # the run starts, and discards the processes that it affects


class ConditionKind(StrEnum):
    """Everything about a device's state that is outside the limits."""

    STATUS_MADE_UP = "status-made-up"
    LOW_BATTERY = "low-battery"
    BATTERY_SAVER = "battery-saver"
    THROTTLED = "throttled"
    HOT = "hot"
    CAPPED_CLOCKS = "capped-clocks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    response: Response
    remedy: str


_COOL = "unplug it, lay it on something cool and wait"
_RULES = {
    ConditionKind.STATUS_MADE_UP: _Rule(
        response=Response.REFUSE, remedy="end that: adb shell cmd thermalservice reset"
    ),
    ConditionKind.LOW_BATTERY: _Rule(response=Response.REFUSE, remedy="charge it"),
    ConditionKind.BATTERY_SAVER: _Rule(
        response=Response.REFUSE,
        remedy="end battery saver: adb shell settings put global low_power 0",
    ),
    ConditionKind.THROTTLED: _Rule(response=Response.WAIT, remedy=_COOL),
    ConditionKind.HOT: _Rule(response=Response.WAIT, remedy=_COOL),
    ConditionKind.CAPPED_CLOCKS: _Rule(
        response=Response.DISCARD,
        remedy="let it cool, charge it, or end the mode that lowers its clocks",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One finding about a device's state that is outside the limits.

    Args:
        evidence: the fact, in words with units.
        cores: those whose clock it is about; empty where it is about the whole device.
    """

    kind: ConditionKind
    evidence: str
    cores: tuple[int, ...] = ()

    @property
    def response(self) -> Response:
        """What a run does about it."""
        return _RULES[self.kind].response

    @property
    def remedy(self) -> str:
        """What ends it."""
        return _RULES[self.kind].remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRule:
    """Which clocks are judged, and by what.

    Args:
        cores: those that the process may use; empty for all.
        pinned_khz: first core of those that share a clock to what that must reach, where clocks
            are fixed; ``None`` where they must reach what the hardware can do.
    """

    cores: tuple[int, ...] = ()
    pinned_khz: Mapping[int, float] | None = None

    def full_khz(self, clock: Clock) -> float | None:
        """Returns what a clock must be able to reach; ``None`` where that is not known."""
        if self.pinned_khz is None:
            return clock.max_khz.number
        return self.pinned_khz.get(clock.cores[0])

    def judges(self, cores: Sequence[int]) -> bool:
        """Returns whether one of these cores is judged."""
        return not self.cores or bool(set(cores) & set(self.cores))


ALL_CLOCKS = ClockRule()


def assess(
    state: State, limits: Limits, clock_rule: ClockRule = ALL_CLOCKS
) -> tuple[Condition, ...]:
    """Returns the conditions of a device at one moment; none where it is ready and undisturbed."""
    return (
        *_power(state, limits),
        *_heat(state, limits),
        *_caps(state.clocks, limits, clock_rule),
    )


def assess_sample(sample: Sample, limits: Limits, clock_rule: ClockRule) -> tuple[Condition, ...]:
    """Returns the conditions of a device while a process runs."""
    surface = {"battery or skin": sample.surface_temp_c.number}
    return (*_hot(surface, limits), *_caps(sample.clocks, limits, clock_rule))


def unready(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Returns those for which a run does not start."""
    return tuple(each for each in conditions if each.response is not Response.DISCARD)


def in_words(conditions: Iterable[Condition]) -> str:
    """Returns the evidence of conditions as one text."""
    return "; ".join(condition.evidence for condition in conditions)


def hides_heat_and_clocks(state: State) -> bool:
    """Returns whether a device shows nothing by which it could be seen to slow itself down."""
    return None not in (state.thermal_status.unavailable, state.clocks_unavailable)


def without_contention(limits: Limits) -> Limits:
    """Returns limits that do not judge other processes on the same cores."""
    return replace(limits, wait_ratio=None, others_ratio=None)


def when_forced(limits: Limits) -> Limits:
    """Returns limits that let an unfit device's processes count; their session says what it was."""
    return replace(
        limits,
        thermal_status=None,
        thermal_override=False,
        temp_c=None,
        battery_percent=None,
        cap_ratio=None,
        below_cap_ratio=None,
    )


def _power(state: State, limits: Limits) -> Iterator[Condition]:
    if limits.battery_percent is None:
        return
    level = state.battery_level_percent.number
    if level is not None and level < limits.battery_percent:
        yield Condition(
            kind=ConditionKind.LOW_BATTERY,
            evidence=f"battery at {level:.0f} %, below {limits.battery_percent:g} %",
        )
    if state.low_power.number:
        yield Condition(kind=ConditionKind.BATTERY_SAVER, evidence="battery saver is on")


def _heat(state: State, limits: Limits) -> Iterator[Condition]:
    if limits.thermal_override and state.thermal_overridden.text == "true":
        yield Condition(kind=ConditionKind.STATUS_MADE_UP, evidence="its thermal status is made up")
    status = state.thermal_status.number
    if limits.thermal_status is not None and (status or 0) > limits.thermal_status:
        yield Condition(
            kind=ConditionKind.THROTTLED, evidence=f"thermal status {thermal_word(status)}"
        )
    yield from _hot(
        {"battery": state.battery_temp_c.number, "skin": state.skin_temp_c.number}, limits
    )


def _hot(temps_c: Mapping[str, float | None], limits: Limits) -> Iterator[Condition]:
    for name, temp_c in temps_c.items():
        if limits.temp_c is not None and temp_c is not None and temp_c > limits.temp_c:
            yield Condition(
                kind=ConditionKind.HOT,
                evidence=f"{name} at {temp_c:.1f} °C, above {limits.temp_c:g} °C",
            )


def _caps(clocks: Iterable[Clock], limits: Limits, clock_rule: ClockRule) -> Iterator[Condition]:
    for clock in clocks:
        cap_khz, full_khz = clock.cap_khz.number, clock_rule.full_khz(clock)
        if limits.cap_ratio is None or cap_khz is None or full_khz is None:
            continue
        if clock_rule.judges(clock.cores) and cap_khz < limits.cap_ratio * full_khz:
            yield Condition(
                kind=ConditionKind.CAPPED_CLOCKS,
                evidence=f"cores {list_cores(clock.cores)} may reach {units.clock(cap_khz)} of "
                f"{units.clock(full_khz)}",
                cores=clock.cores,
            )
