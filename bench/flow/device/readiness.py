"""Whether a phone is fit to be measured, and waiting until a hot one has cooled down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from bench.adb.state.settings import FIXED_PERFORMANCE
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import UnfitError
from bench.core.state import State, thermal_word
from bench.measure.validity import Bounds
from bench.plan.case import Case, Mode
from bench.store.records import Event
from bench.tool.host import Execution
from device_profiles.device_profile import Profile

CONDITIONS, UNFIT, COOLED = "conditions", "unfit", "cool-down"
_LOOK_S, _LOOKS = 2.0, 5  # looks warm a phone that cools, so they are apart, and some in any case
_TICK_S = 0.5
_TELL_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Within which a phone is measured; what it hides is within them.

    Args:
        thermal_status: the highest; 0 is none.
        temp_c: the highest of battery and skin.
        cooldown_s: how long a hotter one is waited for.
        battery_percent: the lowest.
    """

    thermal_status: int = 0
    temp_c: float = 37.0
    cooldown_s: float = 600.0
    battery_percent: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """What makes a phone unfit, in words with units.

    Args:
        heat: which goes away by itself.
        rest: which somebody must see to, and how.
    """

    heat: str = ""
    rest: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.heat or self.rest)

    def __str__(self) -> str:
        return "; ".join(filter(None, (*self.rest, self.heat)))


def limits_of(profile: Profile) -> Limits:
    """Returns the limits of a device profile."""
    return Limits(
        thermal_status=profile.cooldown.thermal_status,
        temp_c=profile.cooldown.max_temp_c,
        cooldown_s=profile.cooldown.timeout_s,
        battery_percent=profile.battery.min_level,
    )


def unfit(state: State, limits: Limits) -> Unfit:
    """Returns what makes a phone unfit; empty, and so false, where it is fit."""
    return Unfit(heat=_heat(state, limits), rest=dict(_rest(state, limits)))


def when_forced(bounds: Bounds) -> Bounds:
    """Returns bounds that let an unfit phone's processes count; their session says what it was."""
    return replace(
        bounds,
        thermal_status=None,
        thermal_override=False,
        battery_percent=None,
        cap_ratio=None,
        below_cap_ratio=None,
        temp_c=None,
    )


def session_caveats(events: Iterable[Event]) -> tuple[Caveat, ...]:
    """Returns the doubts about every row of a session, from all that happened in it."""
    known = list(events)
    forced = [
        str(event.facts.get("because"))
        for event in known
        if event.kind == UNFIT and event.facts.get("forced")
    ]
    conditions = [event.facts for event in known if event.kind == CONDITIONS]
    refused = dict.fromkeys(
        f"{name}: {words}" for facts in conditions for name, words in _pairs(facts, "refused")
    )
    held = any(FIXED_PERFORMANCE in dict(_pairs(facts, "changed")) for facts in conditions)
    found = []
    if forced:
        seen = f"seen {len(forced)} times, first: " if len(forced) > 1 else ""
        found.append(Caveat(kind=CaveatKind.FORCE_UNFIT, evidence=f"{seen}{forced[0]}"))
    if held:
        found.append(Caveat(kind=CaveatKind.FIXED_PERFORMANCE))
    if refused:
        found.append(Caveat(kind=CaveatKind.CONDITIONS_REFUSED, evidence="; ".join(refused)))
    return tuple(found)


def _pairs(facts: Mapping[str, object], key: str) -> Iterator[tuple[str, object]]:
    """Yields the entries of a mapping among facts that came out of a database."""
    told = facts.get(key)
    if isinstance(told, Mapping):
        yield from told.items()


class Fitness:
    """Sees to it that a phone is fit when something is measured on it.

    Args:
        serial: of the phone.
        look: what the phone is doing now.
        force: go on with a phone that is unfit still, and keep what an unfit one measured.
        far: takes how many seconds of how many it has been waited for.
        said: takes what people want to know.
        log: stores an event.
        stopped: asked while it waits; once true it counts as Ctrl-C.
    """

    def __init__(
        self,
        serial: str,
        look: Callable[[], State],
        limits: Limits,
        *,
        force: bool = False,
        far: Callable[[int, int], None] = lambda done_s, total_s: None,
        said: Callable[[str], None] = lambda what: None,
        log: Callable[..., None] = lambda kind, **facts: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._serial = serial
        self._look = look
        self._limits = limits
        self._force = force
        self._forced = False
        self._far = far
        self._said = said
        self._log = log
        self._stopped = stopped
        self._last: State | None = None

    def require(self, state: State | None = None) -> None:
        """Returns once the phone is fit; a hot one is waited for.

        Args:
            state: of a moment ago, which saves a look at a phone that was fit.

        Raises:
            UnfitError: it does not cool down in time, or is unfit for another reason.
        """
        if self._forced or (state is not None and not unfit(state, self._limits)):
            return
        found = self._cooled()
        if not found:
            return
        self._log(UNFIT, because=str(found), forced=self._force)
        if not self._force:
            raise self._error(found)
        self._forced = True
        self._said(f"unfit, measured anyway: {found}")

    def before(self, case: Case) -> None:
        """Returns once a process may start: not while the one before left the phone unfit.

        In the sustained mode heat is what is measured, and nothing is waited for.

        Raises:
            UnfitError: the phone does not cool down in time, or is unfit for another reason.
        """
        if case.protocol.mode is not Mode.SUSTAINED and self._last is not None:
            self.require(self._last)

    def after(self, case: Case, execution: Execution) -> None:
        """Takes note of how a process left the phone."""
        if case.protocol.mode is Mode.SUSTAINED:
            return
        self._last = execution.after
        if self._force and self._last is not None and (found := unfit(self._last, self._limits)):
            self._log(UNFIT, because=str(found), forced=True)

    def _cooled(self) -> Unfit:
        """Returns what is wrong with the phone still when it is cool or the time is over."""
        found = first = unfit(self._look(), self._limits)
        if not first.heat or first.rest:
            return first
        limit_s = self._limits.cooldown_s
        started_s = told_s = time.monotonic()
        self._said(f"too hot: {first}; waiting up to {limit_s:g} s for it to cool down")
        while found.heat and not found.rest and (left_s := started_s + limit_s - _now()) > 0:
            self._sleep(min(_LOOK_S, limit_s / _LOOKS, left_s), started_s)
            found = unfit(self._look(), self._limits)
            if found and _now() - told_s > _TELL_S:
                told_s = _now()
                self._said(f"still too hot: {found}; {started_s + limit_s - told_s:.0f} s are left")
        waited_s = _now() - started_s
        self._far(math.ceil(limit_s), math.ceil(limit_s))
        self._log(COOLED, because=str(first), waited_s=round(waited_s, 1), left=str(found))
        if not found:
            self._said(f"it cooled down in {waited_s:.0f} s")
        return found

    def _sleep(self, seconds: float, started_s: float) -> None:
        end_s = _now() + seconds
        while (left_s := end_s - _now()) > 0:
            if self._stopped():
                raise KeyboardInterrupt
            self._far(int(_now() - started_s), math.ceil(self._limits.cooldown_s))
            time.sleep(min(left_s, _TICK_S))

    def _error(self, found: Unfit) -> UnfitError:
        waited = f" after {self._limits.cooldown_s:g} s" if found.heat and not found.rest else ""
        cool = ["lay it on something cool, or wait longer: --cooldown S"] if found.heat else []
        steps = "; ".join([*found.rest.values(), *cool])
        return UnfitError(
            f"{self._serial}: unfit to be measured{waited}: {found}",
            hint=f"{steps}; --force-unfit measures anyway and marks every row",
            serial=self._serial,
        )


def _now() -> float:
    return time.monotonic()


def _heat(state: State, limits: Limits) -> str:
    """Returns status and temperatures of a phone that is too hot."""
    status = None if _is_overridden(state) else state.thermal_status.number
    temps_c = {"battery": state.battery_temp_c.number, "skin": state.skin_temp_c.number}
    known = {name: value for name, value in temps_c.items() if value is not None}
    throttled = status is not None and status > limits.thermal_status
    if not throttled and max(known.values(), default=limits.temp_c) <= limits.temp_c:
        return ""
    told = ", ".join(
        (
            *([] if status is None else [f"thermal status {thermal_word(status)}"]),
            *(f"{name} {value:.1f} °C" for name, value in known.items()),
        )
    )
    return f"{told} (limits: {thermal_word(limits.thermal_status)}, {limits.temp_c:g} °C)"


def _rest(state: State, limits: Limits) -> Iterator[tuple[str, str]]:
    """Yields what is wrong besides heat, and what to do about it."""
    level = state.battery_level_percent.number
    if level is not None and level < limits.battery_percent:
        yield f"battery at {level:.0f} %, below {limits.battery_percent:g} %", "charge it"
    if state.low_power.number:
        yield (
            "battery saver is on",
            "end battery saver: adb shell settings put global low_power 0",
        )
    if _is_overridden(state):
        yield "its thermal status is made up", "end that: adb shell cmd thermalservice reset"


def _is_overridden(state: State) -> bool:
    return state.thermal_overridden.text == "true"
