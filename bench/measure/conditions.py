"""The assessment of a device's state: the conditions in which it should not be measured.

``doctor`` prints the conditions, a run waits for them to pass or refuses the device, and
``bench.measure.validity`` turns them into caveats. So all three agree. A value that a device hides
counts as within the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bench.core import units
from bench.core.device_state.cores import list_cores
from bench.core.device_state.state import Clock, State, thermal_word
from bench.core.device_state.telemetry import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds that conditions are assessed against; ``None`` is not assessed.

    Args:
        thermal_status: the highest, 0 (none) to 6.
        thermal_override: whether a status that was set by hand counts.
        temp_c: the highest of battery and skin, in °C; of the skin less where its maker
            throttles below 2 °C above that.
        battery_percent: the lowest; with ``None`` battery saver is not assessed either.
        cap_ratio: the lowest cap of a clock, as a share of the full clock or, with fixed
            performance, of the cap when the session began.
        below_cap_ratio: the largest share of the time that cores may run below their cap.
        wait_ratio: the largest share of its time that a process may wait for a core.
        others_ratio: the largest share of its pinned cores' time that other processes may use.
        cooldown_s: how long to wait for a hot device.
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


# On hosts, clock limits are the owner's choice, and contention is reported as ``busy_machine``.
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
    """How a run responds to a condition."""

    WAIT = "wait"  # it passes by itself; the run waits
    REFUSE = "refuse"  # the user must end it first
    DISCARD = "discard"  # the run starts, and discards the processes that it affects
    NOTE = "note"  # the run starts, and the rows have a note


class ConditionKind(StrEnum):
    """The ways in which a device's state can be outside the limits."""

    STATUS_MADE_UP = "status-made-up"
    LOW_BATTERY = "low-battery"
    BATTERY_SAVER = "battery-saver"
    THROTTLED = "throttled"
    HOT = "hot"
    CAPPED_CLOCKS = "capped-clocks"
    STANDING_CAP = "standing-cap"


_BELOW_LIGHT_C = 2.0  # so far below the maker's first thermal status a phone must be
_UNCAP = "let it cool, charge it, or end the mode that lowers its clocks"
_COOL = "unplug it, put it on something cool and wait"
# How a run responds to a condition, and how the user can end it.
_RULES: dict[ConditionKind, tuple[Response, str]] = {
    ConditionKind.STATUS_MADE_UP: (
        Response.REFUSE,
        "reset it: adb shell cmd thermalservice reset",
    ),
    ConditionKind.LOW_BATTERY: (Response.REFUSE, "charge it"),
    ConditionKind.BATTERY_SAVER: (
        Response.REFUSE,
        "end battery saver: adb shell settings put global low_power 0",
    ),
    ConditionKind.THROTTLED: (Response.WAIT, _COOL),
    ConditionKind.HOT: (Response.WAIT, _COOL),
    ConditionKind.CAPPED_CLOCKS: (Response.DISCARD, _UNCAP),
    ConditionKind.STANDING_CAP: (Response.NOTE, _UNCAP),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One way in which a device's state is outside the limits.

    Args:
        evidence: the fact, in words with units.
        cores: those of the clock; empty if it concerns the whole device.
    """

    kind: ConditionKind
    evidence: str
    cores: tuple[int, ...] = ()

    @property
    def response(self) -> Response:
        """How a run responds to it."""
        return _RULES[self.kind][0]

    @property
    def remedy(self) -> str:
        """How the user can end it."""
        return _RULES[self.kind][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRule:
    """Which clocks are assessed, and against what.

    Args:
        cores: those that the process may use; empty for all.
        pinned_khz: first core of a clock to the value that it must reach, with fixed performance;
            ``None`` if clocks must reach their full clock.
        standing_khz: first core of a clock to its cap when the session began on a cool device;
            a cap that stays there is not a sign of heat.
    """

    cores: tuple[int, ...] = ()
    pinned_khz: Mapping[int, float] | None = None
    standing_khz: Mapping[int, float] = field(default_factory=dict)

    def full_khz(self, clock: Clock) -> float | None:
        """Returns the value that a clock must be able to reach, in kHz; ``None`` if unknown."""
        if self.pinned_khz is not None:
            return self.pinned_khz.get(clock.cores[0])
        full_khz = clock.max_khz.number
        return self.standing_khz.get(clock.cores[0]) if full_khz is None else full_khz

    def stands(self, clock: Clock) -> bool:
        """Returns whether a clock's cap has not fallen since the start, on a cool device."""
        standing_khz = self.standing_khz.get(clock.cores[0])
        cap_khz = clock.cap_khz.number
        return standing_khz is not None and cap_khz is not None and cap_khz >= standing_khz

    def covers(self, cores: Sequence[int]) -> bool:
        """Returns whether one of these cores is assessed."""
        return not self.cores or bool(set(cores) & set(self.cores))


_ALL_CLOCKS = ClockRule()


def assess(
    state: State, limits: Limits, clock_rule: ClockRule = _ALL_CLOCKS
) -> tuple[Condition, ...]:
    """Returns the conditions of a device's state; none if all is within the limits."""
    return (
        *_power(state, limits),
        *_heat(state, limits),
        *_caps(state.clocks, limits, clock_rule),
    )


def assess_sample(
    sample: Sample, limits: Limits, clock_rule: ClockRule, *, skin_light_c: float | None = None
) -> tuple[Condition, ...]:
    """Returns the conditions of a device while a process runs.

    Args:
        skin_light_c: as in ``State``.
    """
    hot = tuple(_hot({"battery or skin": sample.surface_temp_c.number}, limits))
    if not hot and _throttles_early(skin_light_c, limits):
        hot = tuple(_hot_skin(sample.skin_temp_c.number, skin_light_c, limits))
    return (*hot, *_caps(sample.clocks, limits, clock_rule))


def unready(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Returns the conditions that stop a run from starting."""
    return tuple(each for each in conditions if each.response in (Response.WAIT, Response.REFUSE))


def in_words(conditions: Iterable[Condition]) -> str:
    """Returns the evidence of conditions as one text."""
    return "; ".join(condition.evidence for condition in conditions)


def caps_of(state: State) -> dict[int, float]:
    """Returns the first core of each clock to the clock's cap in kHz, where it is shown."""
    caps = {clock.cores[0]: clock.cap_khz.number for clock in state.clocks}
    return {core: cap_khz for core, cap_khz in caps.items() if cap_khz is not None}


def is_cool(state: State, limits: Limits) -> bool:
    """Returns whether a device shows that no heat lowers its clocks.

    Its thermal status must be none, and its skin and battery, as far as shown, within the limits.
    """
    if state.thermal_status.number != 0 or state.thermal_overridden.text == "true":
        return False
    temps_c = (state.skin_temp_c.number, state.battery_temp_c.number)
    return temps_c != (None, None) and not any(_heat(state, limits))


def hides_heat_and_clocks(state: State) -> bool:
    """Returns whether a device shows neither its thermal status nor its clocks."""
    return None not in (state.thermal_status.unavailable, state.clocks_unavailable)


def without_contention(limits: Limits) -> Limits:
    """Returns limits without those of interference."""
    return replace(limits, wait_ratio=None, others_ratio=None)


def when_forced(limits: Limits) -> Limits:
    """Returns limits for an unfit device that is measured with ``--force-unfit``."""
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
        yield Condition(
            kind=ConditionKind.STATUS_MADE_UP, evidence="its thermal status was set by hand"
        )
    status = state.thermal_status.number
    if limits.thermal_status is not None and (status or 0) > limits.thermal_status:
        yield Condition(
            kind=ConditionKind.THROTTLED, evidence=f"thermal status {thermal_word(status)}"
        )
    yield from _hot({"battery": state.battery_temp_c.number}, limits)
    yield from _hot_skin(state.skin_temp_c.number, state.skin_light_c.number, limits)


def _throttles_early(light_c: float | None, limits: Limits) -> bool:
    """Returns whether a phone's skin has a limit of its own, below the profile's."""
    if light_c is None or limits.temp_c is None:
        return False
    return light_c - _BELOW_LIGHT_C < limits.temp_c


def _hot_skin(temp_c: float | None, light_c: float | None, limits: Limits) -> Iterator[Condition]:
    if light_c is None or not _throttles_early(light_c, limits):
        yield from _hot({"skin": temp_c}, limits)
        return
    its_own = replace(limits, temp_c=light_c - _BELOW_LIGHT_C)
    for condition in _hot({"skin": temp_c}, its_own):
        below = f"{_BELOW_LIGHT_C:g} °C below where it throttles"
        yield replace(condition, evidence=f"{condition.evidence}, {below}")


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
        if clock_rule.covers(clock.cores) and cap_khz < limits.cap_ratio * full_khz:
            stands = clock_rule.pinned_khz is None and clock_rule.stands(clock)
            yield Condition(
                kind=ConditionKind.STANDING_CAP if stands else ConditionKind.CAPPED_CLOCKS,
                evidence=f"cores {list_cores(clock.cores)} may reach {units.clock(cap_khz)} of "
                f"{units.clock(full_khz)}",
                cores=clock.cores,
            )
