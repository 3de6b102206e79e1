"""Whether a phone is ready to be measured, and waiting until a hot one has cooled down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from bench.adb.lock import Queue
from bench.adb.state.facts import TASK_PROFILE, Facts
from bench.adb.state.settings import FIXED_PERFORMANCE, ChangedSettings
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.state import State
from bench.core.errors import UnfitError
from bench.flow.device.device import COOL, QUEUE, Contact
from bench.measure.conditions import Condition, Limits, Response, assess, in_words, unready
from bench.plan.case import Case, Mode
from bench.store.records import Event
from bench.tool.host import Execution
from device_profiles.device_profile import Profile

# Kinds of events.
SETTINGS, UNFIT, COOLED, MODES = "conditions", "unfit", "cool-down", "makers-modes"
_POLL_S, _POLLS = 2.0, 5  # polling heats the phone: every 2 s, but at least 5 times
_TICK_S = 0.5
_REPORT_S = 60.0
# Of Android, which Xiaomi, OPPO and Realme give adb's shell by a switch of their own.
_RIGHTS = ("WRITE_SECURE_SETTINGS", "INJECT_EVENTS")
_SECOND_SWITCH = "some makers need USB debugging (Security settings) switched on too"


def limits_of(profile: Profile) -> Limits:
    """Returns the limits of a device profile."""
    return Limits(
        thermal_status=profile.cooldown.thermal_status,
        temp_c=profile.cooldown.max_temp_c,
        cooldown_s=profile.cooldown.timeout_s,
        battery_percent=profile.battery.min_level,
    )


def queue_for(contact: Contact, limit_s: float) -> Queue:
    """Returns how to wait for another process that uses a phone; the user learns which."""
    named: set[str] = set()

    def on_wait(holder: str, waited_s: float) -> None:
        if holder not in named:
            named.add(holder)
            left_min = (limit_s - waited_s) / 60
            contact.on_message(f"{holder} is using it; waiting up to {left_min:.3g} min for it")
        contact.on_progress(QUEUE, round(waited_s), round(limit_s))

    return Queue(limit_s=limit_s, on_wait=on_wait, stopped=contact.stopped)


def log_settings(
    log: Callable[..., None], changed: ChangedSettings | None, facts: Facts | None
) -> None:
    """Stores which settings of a phone a session changed, and which it refused."""
    if changed is not None:
        profile = {"task-profile": TASK_PROFILE} if facts and facts.task_profile else {}
        log(
            SETTINGS,
            changed={**changed.changed, **profile},
            refused=changed.refused,
            effects=changed.effects,
        )


def session_caveats(events: Iterable[Event]) -> tuple[Caveat, ...]:
    """Returns the caveats of every row of a session, from its events."""
    stored = list(events)
    forced = [
        str(event.facts.get("because"))
        for event in stored
        if event.kind == UNFIT and event.facts.get("forced")
    ]
    settings = [event.facts for event in stored if event.kind == SETTINGS]
    refused = dict.fromkeys(
        f"{name}: {words}" for facts in settings for name, words in _pairs(facts, "refused")
    )
    is_fixed = any(FIXED_PERFORMANCE in dict(_pairs(facts, "changed")) for facts in settings)
    caveats = []
    if forced:
        count = f"{len(forced)} times, first: " if len(forced) > 1 else ""
        caveats.append(Caveat(kind=CaveatKind.FORCE_UNFIT, evidence=f"{count}{forced[0]}"))
    if is_fixed:
        effects = dict.fromkeys(
            str(dict(_pairs(facts, "effects")).get(FIXED_PERFORMANCE, "")) for facts in settings
        )
        evidence = "; ".join(filter(None, effects))
        caveats.append(Caveat(kind=CaveatKind.FIXED_PERFORMANCE, evidence=evidence))
    modes = dict.fromkeys(
        str(each) for event in stored if event.kind == MODES for each in _list(event.facts, "on")
    )
    if modes:
        caveats.append(Caveat(kind=CaveatKind.MAKERS_MODE, evidence="; ".join(modes)))
    if refused:
        evidence = "; ".join([*refused, *([_SECOND_SWITCH] if _is_locked(refused) else [])])
        caveats.append(Caveat(kind=CaveatKind.CONDITIONS_REFUSED, evidence=evidence))
    return tuple(caveats)


def _list(facts: Mapping[str, object], key: str) -> Sequence[object]:
    """Returns a list in stored facts."""
    entries = facts.get(key)
    return entries if isinstance(entries, list) else []


def _is_locked(refused: Iterable[str]) -> bool:
    """Returns whether a maker keeps adb's shell from changing settings."""
    return any(right in words for words in refused for right in _RIGHTS)


def _pairs(facts: Mapping[str, object], key: str) -> Iterator[tuple[str, object]]:
    """Yields the entries of a mapping in stored facts."""
    entries = facts.get(key)
    if isinstance(entries, Mapping):
        yield from entries.items()


class Readiness:
    """Checks that a phone is ready before a process, and waits for a hot one to cool down.

    Args:
        serial: of the phone.
        take_snapshot: returns the phone's state now.
        force: measure an unfit phone at once, with a caveat.
        contact: takes the seconds that it has waited, and their limit; asked while it waits.
        log: stores an event.
    """

    def __init__(
        self,
        serial: str,
        take_snapshot: Callable[[], State],
        limits: Limits,
        contact: Contact,
        *,
        force: bool = False,
        log: Callable[..., None] = lambda kind, **facts: None,
    ) -> None:
        self._serial = serial
        self._take_snapshot = take_snapshot
        self._limits = limits
        self._force = force
        self._forced = False
        self._contact = contact
        self._log = log
        self._last: State | None = None

    def require(self, state: State | None = None) -> None:
        """Returns once the phone is ready; waits for a hot one to cool down, unless it is forced.

        Args:
            state: a recent one; if it is ready, no snapshot is taken.

        Raises:
            UnfitError: it does not cool down in time, or is unfit for another reason.
        """
        if self._forced or (state is not None and not self._unready(state)):
            return
        conditions = self._unready(self._take_snapshot())
        if conditions and not self._force and _all_pass(conditions):
            conditions = self._cool_down(conditions)
        if not conditions:
            return
        self._log(UNFIT, because=in_words(conditions), forced=self._force)
        if not self._force:
            raise self._error(conditions)
        self._forced = True
        self._contact.on_message(f"unfit, measured anyway: {in_words(conditions)}")

    def before(self, case: Case) -> None:
        """Returns once the phone is ready for a process, after the last one.

        The sustained mode measures heat, so it does not wait.

        Raises:
            UnfitError: the phone does not cool down in time, or is unfit for another reason.
        """
        if case.protocol.mode is not Mode.SUSTAINED and self._last is not None:
            self.require(self._last)

    def after(self, case: Case, execution: Execution) -> None:
        """Records the state of the phone after a process."""
        if case.protocol.mode is Mode.SUSTAINED:
            return
        self._last = execution.telemetry.after
        if self._force and self._last is not None and (conditions := self._unready(self._last)):
            self._log(UNFIT, because=in_words(conditions), forced=True)

    def _unready(self, state: State) -> tuple[Condition, ...]:
        return unready(assess(state, self._limits))

    def _cool_down(self, first: tuple[Condition, ...]) -> tuple[Condition, ...]:
        """Waits for a hot phone; returns the conditions that remain."""
        conditions, limit_s = first, self._limits.cooldown_s
        started_s = reported_s = _now()
        self._contact.on_message(
            f"too hot: {in_words(first)}; waiting up to {limit_s:g} s for it to cool down"
        )
        while _all_pass(conditions) and (left_s := started_s + limit_s - _now()) > 0:
            self._sleep(min(_POLL_S, limit_s / _POLLS, left_s), started_s)
            conditions = self._unready(self._take_snapshot())
            if conditions and _now() - reported_s > _REPORT_S:
                reported_s = _now()
                self._contact.on_message(
                    f"still too hot: {in_words(conditions)}; "
                    f"{started_s + limit_s - reported_s:.0f} s are left"
                )
        waited_s = _now() - started_s
        self._contact.on_progress(COOL, math.ceil(limit_s), math.ceil(limit_s))
        self._log(
            COOLED,
            because=in_words(first),
            waited_s=round(waited_s, 1),
            left=in_words(conditions),
        )
        if not conditions:
            self._contact.on_message(f"it cooled down in {waited_s:.0f} s")
        return conditions

    def _sleep(self, seconds: float, started_s: float) -> None:
        end_s = _now() + seconds
        while (left_s := end_s - _now()) > 0:
            if self._contact.stopped():
                raise KeyboardInterrupt
            self._contact.on_progress(
                COOL, int(_now() - started_s), math.ceil(self._limits.cooldown_s)
            )
            time.sleep(min(left_s, _TICK_S))

    def _error(self, conditions: tuple[Condition, ...]) -> UnfitError:
        waited = f" after {self._limits.cooldown_s:g} s" if _all_pass(conditions) else ""
        remedies = dict.fromkeys(condition.remedy for condition in conditions)
        longer = ["or wait longer: --cooldown S"] if waited else []
        return UnfitError(
            f"{self._serial}: unfit to be measured{waited}: {in_words(conditions)}",
            hint=f"{'; '.join([*remedies, *longer])}; "
            "--force-unfit measures at once and marks every row",
            serial=self._serial,
        )


def _all_pass(conditions: tuple[Condition, ...]) -> bool:
    """Returns whether there are conditions, and all of them pass with time."""
    return bool(conditions) and all(each.response is Response.WAIT for each in conditions)


def _now() -> float:
    return time.monotonic()
