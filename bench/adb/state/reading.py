"""Reads the state of a phone: battery, heat, clocks, load, space, screen."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from bench.adb.batch import Answer, ask_all, files_of
from bench.adb.phone import Phone
from bench.adb.state.screen import WAKEFULNESS, wakefulness
from bench.adb.state.thermal import (
    ZONE,
    cpu_temp_c,
    hottest_zone,
    is_skin,
    is_surface,
    skin_light_c,
    skin_temp_c,
    status_of,
    zones_of,
)
from bench.adb.state.values import (
    ABSENT,
    fields_of,
    lines_about,
    number_of,
    parse_number,
    search,
    text_of,
    why,
)
from bench.core.device_state.state import Clock, Reading, State
from bench.core.device_state.telemetry import Sample

_CPU = "/sys/devices/system/cpu"
_SCRATCH = "/data/local/tmp"
_GROUP = "related_cpus"
_BOOST, _STEPS = "scaling_boost_frequencies", "scaling_available_frequencies"
_CLOCK_FILES = (
    "scaling_*_frequencies",  # those two; one pattern, because most phones have no boost
    *(_GROUP, "scaling_governor"),
    *("scaling_cur_freq", "scaling_max_freq", "cpuinfo_max_freq"),
)
_LOAD, _MEMORY, _PRESSURE = "/proc/loadavg", "/proc/meminfo", "/proc/pressure/cpu"
_SENSORS = " ".join(
    (
        f"{ZONE}[0-9]*/type {ZONE}[0-9]*/temp",
        *(f"{_CPU}/cpu[0-9]*/cpufreq/{name}" for name in _CLOCK_FILES),
    )
)
QUESTIONS = {
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "screen": WAKEFULNESS,
    "low_power": "settings get global low_power",
    # One process reads all files, because starting a process is what a state costs.
    "files": f"grep -H . {_LOAD} {_MEMORY} {_PRESSURE} {_SENSORS}",
    "space": f"stat -f -c '%a %S' {_SCRATCH}",
}
# Cheap enough to run while a process is measured.
SAMPLED = f"grep -H . {_SENSORS}"
_BATTERY_STATUS = {
    "1": "unknown",
    "2": "charging",
    "3": "discharging",
    "4": "not charging",
    "5": "full",
}
_CLOCK = re.compile(r"/cpu(\d+)/cpufreq/(\w+)$")


def read_state(phone: Phone) -> State:
    """Returns the state of a phone, read in one command.

    Raises:
        TransientDeviceError: it went away.
    """
    return state_of(ask_all(phone, QUESTIONS))


def state_of(answers: Mapping[str, Answer]) -> State:
    """Returns the state in the answers to ``QUESTIONS``."""
    battery = fields_of(answers["battery"])
    charging = battery.get("status", "")
    thermal, files = answers["thermal"], answers["files"]
    load, memory, pressure = (lines_about(files, path) for path in (_LOAD, _MEMORY, _PRESSURE))
    zones, zones_unavailable = zones_of(files)
    clocks, clocks_unavailable = _clocks(files)
    return State(
        battery_level_percent=_level(answers["battery"], battery),
        battery_temp_c=number_of(answers["battery"], battery.get("temperature"), 0.1),
        battery_status=text_of(answers["battery"], _BATTERY_STATUS.get(charging, charging)),
        plugged=_plugged(answers["battery"], battery),
        thermal_status=status_of(thermal),
        thermal_overridden=text_of(thermal, fields_of(thermal).get("IsStatusOverride")),
        skin_temp_c=skin_temp_c(thermal),
        cpu_temp_c=cpu_temp_c(thermal),
        zones=zones,
        zones_unavailable=zones_unavailable,
        clocks=clocks,
        clocks_unavailable=clocks_unavailable,
        load=number_of(load, search(rf"{_LOAD}:(\S+)", load)),
        cpu_pressure_percent=number_of(pressure, search(r"some avg10=([\d.]+)", pressure)),
        memory_available_bytes=number_of(memory, search(r"MemAvailable:\s*(\d+) kB", memory), 1024),
        free_bytes=_free_bytes(answers["space"]),
        screen=text_of(answers["screen"], wakefulness(answers["screen"].text)),
        low_power=_low_power(answers["low_power"]),
        skin_light_c=skin_light_c(thermal),
    )


def sample_of(answer: Answer, at_s: float) -> Sample:
    """Returns the sample in an answer to ``SAMPLED``."""
    zones, zones_unavailable = zones_of(answer)
    missing = zones_unavailable or ABSENT
    return Sample(
        at_s=at_s,
        clocks=_clocks(answer)[0],
        temp_c=hottest_zone(zones, otherwise=missing),
        surface_temp_c=hottest_zone(filter(is_surface, zones), otherwise=missing),
        skin_temp_c=hottest_zone(filter(is_skin, zones), otherwise=missing),
    )


def _level(answer: Answer, battery: Mapping[str, str]) -> Reading:
    scale = number_of(answer, battery.get("scale", "100")).number or 100.0
    return number_of(answer, battery.get("level"), 100 / scale)


def _plugged(answer: Answer, battery: Mapping[str, str]) -> Reading:
    powered = {
        key.removesuffix(" powered").lower(): value
        for key, value in battery.items()
        if key.endswith(" powered")
    }
    sources = "+".join(sorted(key for key, value in powered.items() if value == "true"))
    return text_of(answer, (sources or "none") if powered else None)


def _low_power(answer: Answer) -> Reading:
    value = search(r"(?m)^\s*(null|\d+)\s*$", answer)  # a program may warn beside it
    return number_of(answer, "0" if value == "null" else value)  # null: never switched on


def _free_bytes(answer: Answer) -> Reading:
    found = re.search(r"(?m)^\s*(\d+) (\d+)\s*$", answer.text)
    if found is not None:
        return Reading(value=float(int(found[1]) * int(found[2])))
    return Reading(unavailable=why(answer))


def _clocks(answer: Answer) -> tuple[tuple[Clock, ...], str | None]:
    answer = lines_about(answer, _CPU)
    cores: dict[int, dict[str, Reading]] = defaultdict(dict)
    for path, content in files_of(answer).items():
        match = _CLOCK.search(path)
        if match is not None:
            cores[int(match[1])][match[2]] = content
    groups: dict[str, list[int]] = defaultdict(list)
    for core, files in sorted(cores.items()):
        # If the phone does not list the cores that share a clock, an equal maximum makes a group.
        shared = [files[name].text for name in (_GROUP, "cpuinfo_max_freq") if name in files]
        groups[next(filter(None, shared), str(core))].append(core)
    clocks = tuple(
        _clock([cores[core] for core in group], tuple(group)) for group in groups.values()
    )
    return clocks, None if clocks else why(answer)


def _clock(files: list[dict[str, Reading]], cores: tuple[int, ...]) -> Clock:
    absent = Reading(unavailable=ABSENT)

    def lowest(name: str) -> Reading:
        readings = [core.get(name, absent) for core in files]
        values = [value for each in readings if (value := parse_number(each.text)) is not None]
        return Reading(value=min(values)) if values else readings[0]

    return Clock(
        cores=cores,
        governor=files[0].get("scaling_governor", absent),
        now_khz=lowest("scaling_cur_freq"),
        cap_khz=lowest("scaling_max_freq"),
        max_khz=_full_khz(files, lowest("cpuinfo_max_freq")),
    )


def _full_khz(files: list[dict[str, Reading]], highest: Reading) -> Reading:
    """Returns the highest clock of cores without boost.

    ``cpuinfo_max_freq`` may be a boost clock, which the kernel does not allow by default, so a cap
    below it does not show heat.
    """
    boosts = _frequencies(files, _BOOST)
    if highest.number is None or highest.number not in boosts:
        return highest
    steps = _frequencies(files, _STEPS) - boosts
    return (
        Reading(value=max(steps))
        if steps
        else Reading(unavailable="the phone shows the boost clocks alone")
    )


def _frequencies(files: list[dict[str, Reading]], name: str) -> set[float]:
    texts = [core[name].text or "" for core in files if name in core]
    numbers = [parse_number(word) for text in texts for word in text.split()]
    return {number for number in numbers if number is not None}
