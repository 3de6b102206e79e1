"""What a phone's numbers would be worth now: checks of what it is and of what it is doing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.adb.state.facts import Facts, read_facts
from bench.adb.state.reading import read_state
from bench.adb.state.settings import put_back
from bench.adb.transport.serials import Found
from bench.core.errors import ConfigurationError, DeviceError
from bench.core.state import Clock, Reading, State, thermal_word
from bench.core.units import significant, size
from bench.flow.device.discovery import affinity, completed, profile_of, reached
from bench.flow.device.host_checks import Finding, Level, note, ok, problem, warning
from device_profiles.device_profile import Profile

_SPACE_BYTES = 256 << 20  # a large model beside the tool
_MODERATE = 2
_BUSY_PERCENT = 10.0
_SHELL_V2_SDK = 24
_NNAPI_LAST_SDK = 34
_PAGE_BYTES = 4096
_COOL = "unplug it, lay it on something cool and wait"


class Verdict(StrEnum):
    """What numbers measured now are worth."""

    GOOD = "good"
    DOUBTFUL = "usable with doubts"
    WORTHLESS = "not usable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """A verdict, and the checks that it rests on."""

    verdict: Verdict
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """A phone and what was found; without facts and state if it cannot be used."""

    found: Found
    facts: Facts | None
    state: State | None
    findings: tuple[Finding, ...]
    worth: Worth


def check_up(
    found: Found,
    known: Sequence[Profile],
    environ: Mapping[str, str] = os.environ,
    *,
    on_prompt: Callable[[], None],
) -> Checkup:
    """Returns what was found on a phone, usable or not.

    Args:
        known: device profiles.
        on_prompt: called when somebody must accept this machine's key on the phone's screen.
    """
    facts = state = None
    try:
        with reached(found, environ, on_prompt=on_prompt) as phone:
            restored = put_back(phone)
            facts, state = read_facts(phone), read_state(phone)
    except (ConfigurationError, DeviceError) as error:
        findings: tuple[Finding, ...] = (problem("connection", error.message, error.hint),)
    else:
        name = " ".join(filter(None, (facts.manufacturer, facts.model, facts.soc)))
        phone_itself = ok("phone", f"{name}, over {found.way}")
        left = [note("cut off", f"an earlier run was: {restored}")] if str(restored) else []
        checks = examine_phone(facts, state, profile_of(facts, known))
        findings = (phone_itself, *left, *checks)
    virtual = facts is not None and facts.virtual
    return Checkup(
        found=found,
        facts=facts,
        state=state,
        findings=findings,
        worth=worth(findings, virtual=virtual),
    )


def examine_phone(facts: Facts, state: State, profile: Profile) -> tuple[Finding, ...]:
    """Returns what speaks for and against measuring on a phone now."""
    return (
        *_identity(facts, profile),
        *_cores(facts, profile),
        _clocks(state),
        _battery(state, profile),
        _heat(state, profile),
        _screen(state),
        _saver(state),
        _load(state),
        _space(state),
    )


def worth(findings: Iterable[Finding], *, virtual: bool) -> Worth:
    """Returns what numbers measured now are worth."""
    known = tuple(findings)
    problems = [each.check for each in known if each.level is Level.PROBLEM]
    doubts = [each.check for each in known if each.level is Level.WARNING]
    if virtual:
        return Worth(verdict=Verdict.WORTHLESS, because=("a virtual handset is no phone",))
    if problems:
        return Worth(verdict=Verdict.WORTHLESS, because=tuple(problems))
    verdict = Verdict.DOUBTFUL if doubts else Verdict.GOOD
    return Worth(verdict=verdict, because=tuple(doubts))


def _identity(facts: Facts, profile: Profile) -> Iterator[Finding]:
    yield ok(
        "profile", profile.name + (" (unverified: it only fills in)" if profile.unverified else "")
    )
    yield Finding(
        check="Android",
        level=Level.OK if (facts.sdk or 0) >= _SHELL_V2_SDK else Level.NOTE,
        found=f"{facts.release or 'version unknown'} (SDK {facts.sdk or 'unknown'})",
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
    found = ", ".join(facts.abis) or "unknown"
    if any("64" in each for each in facts.abis) or not facts.abis:
        return Finding(check="ABI", level=Level.OK if facts.abis else Level.NOTE, found=found)
    return warning(
        "ABI",
        f"{found}: 32-bit code is several times slower than 64-bit code",
        "compare it with 32-bit phones only",
    )


def _page(facts: Facts) -> Finding:
    if facts.page_bytes is None:
        return note("page size", "unknown")
    if facts.page_bytes > _PAGE_BYTES:
        return note(
            "page size",
            f"{facts.page_bytes // 1024} KB: programs aligned to 4 KB do not start",
            "take a benchmark_model built with NDK r28 or later",
        )
    return ok("page size", f"{facts.page_bytes // 1024} KB")


def _cores(facts: Facts, profile: Profile) -> Iterator[Finding]:
    told = completed(facts, profile)
    if not told.clusters:
        yield warning(
            "cores",
            f"{len(facts.cores)} cores; which are fast is hidden",
            "describe them in a device profile",
        )
    else:
        yield _fastest(told)
    pinned = affinity(facts, profile, 1)
    if not facts.taskset:
        yield warning(
            "taskset",
            "the phone has none: processes wander between fast and slow cores",
            "take many processes, and look at the spread",
        )
    else:
        yield ok(
            "taskset",
            f"one thread is pinned with mask {pinned}" if pinned else "all usable cores are alike",
        )


def _fastest(facts: Facts) -> Finding:
    usable = set(facts.allowed_cores or facts.cores)
    fastest = set(facts.clusters[-1].cores)
    kinds = " + ".join(
        f"{len(each.cores)}"
        + (f" of {significant(each.max_khz / 1e6)} GHz" if each.max_khz else "")
        for each in facts.clusters
    )
    if fastest & usable:
        return ok("cores", kinds)
    return warning(
        "cores",
        f"{kinds}; adb's shell may use {_list(usable)} only, and the fastest are {_list(fastest)}",
        "numbers are those of the slower cores; try again with the screen on",
    )


def _clocks(state: State) -> Finding:
    if not state.clocks:
        return note("clocks", f"hidden: {state.clocks_unavailable}")
    governors = sorted({each.governor.text or "hidden" for each in state.clocks})
    capped = [text for each in state.clocks if (text := _cap(each))]
    if capped:
        return warning(
            "clocks",
            f"{', '.join(governors)}; capped: {', '.join(capped)}",
            "let it cool, charge it, or end the mode that lowers them",
        )
    return ok("clocks", f"{', '.join(governors)}; none is capped")


def _cap(clock: Clock) -> str:
    cap, most = clock.cap_khz.number, clock.max_khz.number
    if cap is None or most is None or cap >= most:
        return ""
    return (
        f"cores {_list(clock.cores)} at {significant(cap / 1e6)} of {significant(most / 1e6)} GHz"
    )


def _battery(state: State, profile: Profile) -> Finding:
    level = state.battery_level_percent.number
    if level is None:
        return _hidden("battery", state.battery_level_percent)
    found = ", ".join(
        filter(
            None,
            (
                f"{level:.0f} %",
                state.battery_status.text,
                f"plugged: {state.plugged.text}" if state.plugged.text else "",
            ),
        )
    )
    if level < profile.battery.min_level:
        return problem(
            "battery",
            f"{found}: below {profile.battery.min_level} % phones take cores away",
            "charge it",
        )
    return ok("battery", found)


def _heat(state: State, profile: Profile) -> Finding:
    limits = profile.cooldown
    if state.thermal_overridden.text == "true":
        return problem(
            "heat",
            "the thermal status is made up: somebody overrode it",
            "adb shell cmd thermalservice reset",
        )
    status, temp_c = state.thermal_status.number, state.battery_temp_c.number
    known = [
        "" if status is None else f"status {thermal_word(status)}",
        *(
            f"{name} {reading.number:.1f} °C" if reading.number is not None else ""
            for name, reading in (
                ("battery", state.battery_temp_c),
                ("skin", state.skin_temp_c),
                ("cpu", state.cpu_temp_c),
            )
        ),
    ]
    found = ", ".join(filter(None, known))
    if not found:
        return _hidden("heat", state.thermal_status)
    if status is not None and status > limits.thermal_status:
        level = Level.PROBLEM if status >= _MODERATE else Level.WARNING
        return Finding(check="heat", level=level, found=f"throttled: {found}", next_step=_COOL)
    if temp_c is not None and temp_c > limits.max_temp_c:
        return warning("heat", f"{found}: above {limits.max_temp_c:g} °C", _COOL)
    return ok("heat", found)


def _screen(state: State) -> Finding:
    screen = state.screen.text
    if screen is None:
        return _hidden("screen", state.screen)
    if screen != "Awake":
        return warning(
            "screen",
            f"{screen}: with the screen off, adb's shell may lose cores and clocks",
            "adb shell svc power stayon usb; adb shell input keyevent WAKEUP",
        )
    return ok("screen", screen)


def _saver(state: State) -> Finding:
    if state.low_power.number is None:
        return _hidden("battery saver", state.low_power)
    if state.low_power.number:
        return problem(
            "battery saver", "on: it lowers the clocks", "adb shell settings put global low_power 0"
        )
    return ok("battery saver", "off")


def _load(state: State) -> Finding:
    pressure, load = state.cpu_pressure_percent.number, state.load.number
    if pressure is None and load is None:
        return _hidden("load", state.load)
    known = (
        "" if load is None else f"load {load:g}",
        "" if pressure is None else f"a core was waited for {pressure:.0f} % of the time",
    )
    found = ", ".join(filter(None, known))
    if pressure is not None and pressure > _BUSY_PERCENT:
        return warning("load", found, "close other apps; airplane mode keeps them quiet")
    return ok("load", found)


def _space(state: State) -> Finding:
    free = state.free_bytes.number
    if free is None:
        return _hidden("space", state.free_bytes)
    if free < _SPACE_BYTES:
        return warning("space", f"{size(free)} free", "free space on the phone")
    return ok("space", f"{size(free)} free")


def _hidden(check: str, reading: Reading) -> Finding:
    return Finding(check=check, level=Level.NOTE, found=f"hidden: {reading.unavailable}")


def _list(cores: Iterable[int]) -> str:
    return ",".join(map(str, sorted(cores)))
