"""Checks of a phone: its facts, its state, and how far measurements now could be trusted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.adb.state.facts import Facts, read_facts
from bench.adb.state.reading import read_state
from bench.adb.state.settings import restore_settings
from bench.adb.transport.serials import Found
from bench.core.device_state.cores import list_cores
from bench.core.device_state.state import AWAKE, Reading, State, thermal_word
from bench.core.errors import ConfigurationError, DeviceError
from bench.core.units import clock, size
from bench.flow.checks.machine import Finding, Level, finding, note, ok, problem, warning
from bench.flow.phone.discovery import affinity, complete_facts, connect, profile_of
from bench.flow.phone.readiness import limits_of
from bench.measure.conditions import (
    ClockRule,
    Condition,
    ConditionKind,
    Limits,
    Response,
    assess,
    caps_of,
    in_words,
    is_cool,
    unready,
)
from device_profiles.device_profile import Profile

_SPACE_BYTES = 256 << 20  # a large model and the tool
_BUSY_PERCENT = 10.0
_SHELL_V2_SDK = 24
_NNAPI_LAST_SDK = 34
_PAGE_BYTES = 4096
_HEAT = (ConditionKind.STATUS_MADE_UP, ConditionKind.THROTTLED, ConditionKind.HOT)


class Verdict(StrEnum):
    """How far measurements made now can be trusted."""

    GOOD = "good"
    WITH_CAVEATS = "usable with caveats"
    NOT_USABLE = "not usable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A verdict, and the names of the checks that it follows from."""

    verdict: Verdict
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """A phone and its checks; without facts and state if it cannot be used."""

    found: Found
    facts: Facts | None
    state: State | None
    findings: tuple[Finding, ...]
    worth: Worth


def check_phone(
    found: Found,
    profiles: Sequence[Profile],
    environ: Mapping[str, str] = os.environ,
    *,
    on_prompt: Callable[[], None],
) -> Checkup:
    """Returns the checks of a phone, usable or not.

    Args:
        profiles: device profiles to choose from.
        on_prompt: called when the user must accept this machine's key on the phone's screen.
    """
    facts = state = None
    try:
        with connect(found, environ, on_prompt=on_prompt) as phone:
            restored = restore_settings(phone)
            facts, state = read_facts(phone), read_state(phone)
    except (ConfigurationError, DeviceError) as error:
        findings: tuple[Finding, ...] = (problem("connection", error.message, error.hint),)
    else:
        name = " ".join(filter(None, (facts.manufacturer, facts.model, facts.soc)))
        phone_itself = ok("phone", f"{name}, over {found.way}")
        leftovers = [note("interrupted run", restored)] if restored else []
        checks = examine_phone(facts, state, profile_of(facts, profiles))
        findings = (phone_itself, *leftovers, *checks)
    virtual = facts is not None and facts.virtual
    return Checkup(
        found=found,
        facts=facts,
        state=state,
        findings=findings,
        worth=worth(findings, virtual=virtual),
    )


def examine_phone(facts: Facts, state: State, profile: Profile) -> tuple[Finding, ...]:
    """Returns the checks of a phone's facts and state, by the same limits as ``run``."""
    limits = limits_of(profile)
    standing_khz = caps_of(state) if is_cool(state, limits) else {}
    conditions = assess(state, limits, ClockRule(standing_khz=standing_khz))
    return (
        *_identity(facts, profile),
        *_cores(facts, profile),
        _clocks(state, conditions),
        _battery(state, conditions),
        _heat(state, conditions, limits),
        _screen(state),
        _saver(state, conditions),
        _load(state),
        _space(state),
    )


def worth(findings: Iterable[Finding], *, virtual: bool) -> Worth:
    """Returns how far measurements made now can be trusted."""
    checks = tuple(findings)
    problems = [each.check for each in checks if each.level is Level.PROBLEM]
    warnings = [each.check for each in checks if each.level is Level.WARNING]
    if virtual:
        return Worth(verdict=Verdict.NOT_USABLE, because=("a virtual handset is not a phone",))
    if problems:
        return Worth(verdict=Verdict.NOT_USABLE, because=tuple(problems))
    verdict = Verdict.WITH_CAVEATS if warnings else Verdict.GOOD
    return Worth(verdict=verdict, because=tuple(warnings))


def _identity(facts: Facts, profile: Profile) -> Iterator[Finding]:
    yield ok(
        "profile",
        profile.name
        + (
            " (unverified: used only where the phone hides something)" if profile.unverified else ""
        ),
    )
    yield finding(
        Level.OK if (facts.sdk or 0) >= _SHELL_V2_SDK else Level.NOTE,
        "Android",
        f"{facts.release or 'version unknown'} (SDK {facts.sdk or 'unknown'})",
    )
    yield _abi(facts)
    yield _page(facts)
    delegates = [
        each
        for each in profile.delegates
        if each != "nnapi" or (facts.sdk or 0) <= _NNAPI_LAST_SDK  # deprecated in Android 15
    ]
    yield ok("delegates", f"worth trying: {', '.join(delegates)}")


def _abi(facts: Facts) -> Finding:
    names = ", ".join(facts.abis) or "unknown"
    if any("64" in each for each in facts.abis) or not facts.abis:
        return (ok if facts.abis else note)("ABI", names)
    return warning(
        "ABI",
        f"{names}: 32-bit code is several times slower than 64-bit code",
        "compare it with 32-bit phones only",
    )


def _page(facts: Facts) -> Finding:
    if facts.page_bytes is None:
        return note("page size", "unknown")
    if facts.page_bytes > _PAGE_BYTES:
        return note(
            "page size",
            f"{facts.page_bytes // 1024} KB: programs aligned to 4 KB do not start",
            "use a benchmark_model built with NDK r28 or later",
        )
    return ok("page size", f"{facts.page_bytes // 1024} KB")


def _cores(facts: Facts, profile: Profile) -> Iterator[Finding]:
    complete = complete_facts(facts, profile)
    if not complete.clusters:
        yield warning(
            "cores",
            f"{len(facts.cores)} cores; the phone hides which are fast",
            "describe them in a device profile",
        )
    elif facts.offline_cores or not complete.clusters_complete:
        yield _partly_known(facts, complete)
    else:
        yield _fastest(complete)
    if facts.isolated_cores:
        yield warning(
            "isolated cores",
            f"the kernel moves processes away from cores {list_cores(facts.isolated_cores)}",
            "let the phone cool, and try again with its screen on",
        )
    yield _front(facts)
    pinned = affinity(facts, profile, 1)
    if not facts.taskset:
        yield warning(
            "taskset",
            "the phone has none: processes move between fast and slow cores",
            "measure many processes, and check their spread",
        )
    else:
        yield _pinning(pinned, complete)


def _front(facts: Facts) -> Finding:
    if facts.task_profile:
        return ok("app in front", "processes get its clocks; they keep the cores of adb's shell")
    return note(
        "app in front",
        "adb's shell cannot be given the clocks of an app in front (that needs Android 13 and root)"
        "; whether such an app has others is unknown",
    )


def _pinning(pinned: str | None, facts: Facts) -> Finding:
    if pinned:
        return ok("taskset", f"one thread is pinned with mask {pinned}")
    if facts.clusters and facts.clusters_complete:
        return ok("taskset", "all usable cores are alike")
    return warning(
        "taskset",
        "processes are not pinned, because nothing shows which cores are the fastest",
        "measure many processes, and check their spread; or pin them: run --affinity",
    )


def _partly_known(facts: Facts, complete: Facts) -> Finding:
    """Returns the warning of a phone that does not show how fast all of its cores are."""
    shown = {core for each in facts.clusters for core in each.cores}
    hidden = set(facts.cores or facts.allowed_cores) - shown - set(facts.offline_cores)
    parts = (
        f"{list_cores(facts.offline_cores)} offline" if facts.offline_cores else "",
        f"{list_cores(hidden)} without a clock or capacity" if hidden else "",
    )
    what = "; ".join(filter(None, parts)) or "capacities do not distinguish them"
    known = "as its device profile has it" if complete.clusters_complete else "unknown"
    return warning(
        "cores",
        f"{len(facts.cores)} cores ({what}): which are the fastest is {known}",
        "try again with the screen on; where they stay so, describe them in a device profile",
    )


def _fastest(facts: Facts) -> Finding:
    usable = set(facts.usable_cores)
    fastest = set(facts.clusters[-1].cores)
    kinds = " + ".join(
        f"{len(each.cores)}" + (f" of {clock(each.max_khz)}" if each.max_khz else "")
        for each in facts.clusters
    )
    if fastest & usable:
        return ok("cores", kinds)
    return warning(
        "cores",
        f"{kinds}; adb's shell may use {list_cores(usable)} only, "
        f"and the fastest are {list_cores(fastest)}",
        "measurements are of the slower cores; try again with the screen on",
    )


def _clocks(state: State, conditions: Sequence[Condition]) -> Finding:
    if not state.clocks:
        return note("clocks", f"hidden: {state.clocks_unavailable}")
    governors = ", ".join(sorted({each.governor.text or "hidden" for each in state.clocks}))
    capped = _of(conditions, ConditionKind.CAPPED_CLOCKS)
    if standing := _of(conditions, ConditionKind.STANDING_CAP):
        return _outside("clocks", f"{governors}; capped although cool: rows have a note", standing)
    if not capped:
        return ok("clocks", f"{governors}; none is capped")
    return _outside("clocks", f"{governors}; capped, so processes on them are discarded", capped)


def _battery(state: State, conditions: Sequence[Condition]) -> Finding:
    level = state.battery_level_percent.number
    if level is None:
        return _hidden("battery", state.battery_level_percent)
    plugged = state.plugged.text
    words = (
        f"{level:.0f} %",
        state.battery_status.text,
        f"plugged: {plugged}" if plugged else "",
    )
    text = ", ".join(filter(None, words))
    low = _of(conditions, ConditionKind.LOW_BATTERY)
    return (
        _outside("battery", f"{text}; phones then switch cores off", low)
        if low
        else ok("battery", text)
    )


def _heat(state: State, conditions: Sequence[Condition], limits: Limits) -> Finding:
    status = state.thermal_status.number
    readings = (
        ("battery", state.battery_temp_c),
        ("skin", state.skin_temp_c),
        ("cpu", state.cpu_temp_c),
    )
    words = (
        "" if status is None else f"status {thermal_word(status)}",
        *(
            "" if reading.number is None else f"{name} {reading.number:.1f} °C"
            for name, reading in readings
        ),
    )
    text = ", ".join(filter(None, words))
    outside = _of(conditions, *_HEAT)
    if any(condition.response is Response.WAIT for condition in outside):
        text = f"{text}; run waits up to {limits.cooldown_s:g} s for it to cool down"
    if outside:
        return _outside("heat", text, outside)
    if status is None:
        hidden = _hidden("heat", state.thermal_status)
        return note("heat", f"{text}; status {hidden.found}") if text else hidden
    return ok("heat", text)


def _screen(state: State) -> Finding:
    screen = state.screen.text
    if screen is None:
        return _hidden("screen", state.screen)
    if screen != AWAKE:
        return warning(
            "screen",
            f"{screen}: with the screen off, adb's shell may lose cores and clocks",
            "adb shell svc power stayon usb; adb shell input keyevent WAKEUP",
        )
    return ok("screen", screen)


def _saver(state: State, conditions: Sequence[Condition]) -> Finding:
    if state.low_power.number is None:
        return _hidden("battery saver", state.low_power)
    on = _of(conditions, ConditionKind.BATTERY_SAVER)
    if on:
        return _outside("battery saver", "on: it lowers the clocks", on)
    return ok("battery saver", "off")


def _load(state: State) -> Finding:
    pressure, load = state.cpu_pressure_percent.number, state.load.number
    if pressure is None and load is None:
        return _hidden("load", state.load)
    parts = (
        "" if load is None else f"load {load:g}",
        "" if pressure is None else f"processes waited for a core {pressure:.0f} % of the time",
    )
    text = ", ".join(filter(None, parts))
    if pressure is not None and pressure > _BUSY_PERCENT:
        return warning("load", text, "close other apps; airplane mode keeps them quiet")
    return ok("load", text)


def _space(state: State) -> Finding:
    free = state.free_bytes.number
    if free is None:
        return _hidden("space", state.free_bytes)
    if free < _SPACE_BYTES:
        return warning("space", f"{size(free)} free", "free space on the phone")
    return ok("space", f"{size(free)} free")


def _hidden(check: str, reading: Reading) -> Finding:
    return note(check, f"hidden: {reading.unavailable}")


def _of(conditions: Sequence[Condition], *kinds: ConditionKind) -> list[Condition]:
    return [condition for condition in conditions if condition.kind in kinds]


def _outside(check: str, text: str, conditions: Sequence[Condition]) -> Finding:
    """Returns the finding of a state outside the limits; a problem if ``run`` does not start."""
    starts = not unready(conditions)
    return finding(
        Level.WARNING if starts else Level.PROBLEM,
        check,
        f"{in_words(conditions)} ({text})",
        "; ".join(dict.fromkeys(condition.remedy for condition in conditions)),
    )
