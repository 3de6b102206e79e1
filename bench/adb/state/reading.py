"""Reads the state of a phone: battery, heat, clocks, load, space, screen."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.adb.batch import Answer, ask_all, files_of
from bench.adb.phone import Phone
from bench.core.device_state.state import Clock, Reading, State, Zone
from bench.core.device_state.telemetry import Sample

_CPU = "/sys/devices/system/cpu"
_ZONE = "/sys/class/thermal/thermal_zone"
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
        f"{_ZONE}[0-9]*/type {_ZONE}[0-9]*/temp",
        *(f"{_CPU}/cpu[0-9]*/cpufreq/{name}" for name in _CLOCK_FILES),
    )
)
QUESTIONS = {
    "battery": "dumpsys battery",
    "thermal": "dumpsys thermalservice",
    "screen": "dumpsys power | grep -m1 mWakefulness=",
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
_ABSENT = "the phone does not show it"
_CLOCK = re.compile(r"/cpu(\d+)/cpufreq/(\w+)$")
_TEMPERATURE = re.compile(r"Temperature\{(.+?)\}")
_HOT = "Current temperatures from HAL:"
_SURFACE = re.compile("batt|skin", re.IGNORECASE)
_CPU_TYPE, _SKIN_TYPE = "0", "3"  # android.hardware.thermal TemperatureType
_PLAUSIBLE_C = (-40.0, 150.0)


def read_state(phone: Phone) -> State:
    """Returns the state of a phone, read in one command.

    Raises:
        TransientDeviceError: it went away.
    """
    return state_of(ask_all(phone, QUESTIONS))


def state_of(answers: Mapping[str, Answer]) -> State:
    """Returns the state in the answers to ``QUESTIONS``."""
    battery = _fields(answers["battery"])
    charging = battery.get("status", "")
    thermal, files = answers["thermal"], answers["files"]
    load, memory, pressure = (_about(files, path) for path in (_LOAD, _MEMORY, _PRESSURE))
    zones, zones_unavailable = _zones(files)
    clocks, clocks_unavailable = _clocks(files)
    return State(
        battery_level_percent=_level(answers["battery"], battery),
        battery_temp_c=_number(answers["battery"], battery.get("temperature"), 0.1),
        battery_status=_text(answers["battery"], _BATTERY_STATUS.get(charging, charging)),
        plugged=_plugged(answers["battery"], battery),
        thermal_status=_number(thermal, _fields(thermal).get("Thermal Status")),
        thermal_overridden=_text(thermal, _fields(thermal).get("IsStatusOverride")),
        skin_temp_c=_hottest(thermal, "skin", _SKIN_TYPE),
        cpu_temp_c=_hottest(thermal, "cpu", _CPU_TYPE),
        zones=zones,
        zones_unavailable=zones_unavailable,
        clocks=clocks,
        clocks_unavailable=clocks_unavailable,
        load=_number(load, _search(rf"{_LOAD}:(\S+)", load)),
        cpu_pressure_percent=_number(pressure, _search(r"some avg10=([\d.]+)", pressure)),
        memory_available_bytes=_number(memory, _search(r"MemAvailable:\s*(\d+) kB", memory), 1024),
        free_bytes=_free_bytes(answers["space"]),
        screen=_text(answers["screen"], _search(r"mWakefulness=(\w+)", answers["screen"])),
        low_power=_low_power(answers["low_power"]),
    )


def sample_of(answer: Answer, at_s: float) -> Sample:
    """Returns the sample in an answer to ``SAMPLED``."""
    zones, zones_unavailable = _zones(answer)
    why = zones_unavailable or _ABSENT
    outer = [zone for zone in zones if _SURFACE.search(zone.name)]
    return Sample(
        at_s=at_s,
        clocks=_clocks(answer)[0],
        temp_c=_hottest_of([zone.temp_c.number for zone in zones], otherwise=why),
        surface_temp_c=_hottest_of([zone.temp_c.number for zone in outer], otherwise=why),
    )


def _why(answer: Answer) -> str:
    """Returns why a value is missing in an answer."""
    if answer.exit_status is None:
        return "the phone did not answer in time"
    lines = answer.lines
    if not lines:
        return "the phone prints nothing"
    return lines[-1] if answer.exit_status or len(lines) == 1 else _ABSENT


def _text(answer: Answer, text: str | None) -> Reading:
    return Reading(value=text) if text else Reading(unavailable=_why(answer))


def _number(answer: Answer, text: str | None, scale: float = 1.0) -> Reading:
    value = _parse_number(text)
    return (
        Reading(unavailable=_why(answer))
        if value is None
        else Reading(value=round(value * scale, 3))
    )


def _search(pattern: str, answer: Answer) -> str | None:
    match = re.search(pattern, answer.text)
    return match[1] if match else None


def _fields(answer: Answer) -> dict[str, str]:
    """Returns the ``key: value`` lines; the first of each key counts."""
    fields: dict[str, str] = {}
    for line in answer.lines:
        key, colon, value = line.partition(": ")
        if colon:
            fields.setdefault(key, value.strip())
    return fields


def _level(answer: Answer, battery: Mapping[str, str]) -> Reading:
    scale = _number(answer, battery.get("scale", "100")).number or 100.0
    return _number(answer, battery.get("level"), 100 / scale)


def _plugged(answer: Answer, battery: Mapping[str, str]) -> Reading:
    powered = {
        key.removesuffix(" powered").lower(): value
        for key, value in battery.items()
        if key.endswith(" powered")
    }
    sources = "+".join(sorted(key for key, value in powered.items() if value == "true"))
    return _text(answer, (sources or "none") if powered else None)


def _low_power(answer: Answer) -> Reading:
    if answer.lines == ["null"]:  # never switched on
        return Reading(value=0.0)
    return _number(answer, answer.text.strip())


def _free_bytes(answer: Answer) -> Reading:
    words = answer.text.split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return Reading(value=float(int(words[0]) * int(words[1])))
    return Reading(unavailable=_why(answer))


def _hottest(answer: Answer, name: str, kind: str) -> Reading:
    """Returns the hottest sensor of a kind, in C.

    Sensors are chosen by name first, because some makers number the kinds from one.
    """
    _, heading, current = answer.text.partition(_HOT)
    sensors = [
        dict(re.findall(r"(\w+)=([^,}]*)", fields))
        for fields in _TEMPERATURE.findall(current if heading else answer.text)
    ]
    named = [sensor for sensor in sensors if name in sensor.get("mName", "").lower()]
    chosen = named or [sensor for sensor in sensors if sensor.get("mType") == kind]
    values = [_parse_number(sensor.get("mValue")) for sensor in chosen]
    return _hottest_of(values, otherwise=_why(answer))


def _hottest_of(values: Iterable[float | None], *, otherwise: str) -> Reading:
    low, high = _PLAUSIBLE_C
    # Broken sensors read 0 or -99.9.
    plausible = [value for value in values if value and low < value < high]
    return Reading(value=max(plausible)) if plausible else Reading(unavailable=otherwise)


def _about(answer: Answer, path: str) -> Answer:
    """Returns the lines about files whose paths begin with ``path``; all lines if none do."""
    lines = [line for line in answer.lines if line.removeprefix("grep: ").startswith(path)]
    return replace(answer, text="\n".join(lines)) if lines else answer


def _zones(answer: Answer) -> tuple[tuple[Zone, ...], str | None]:
    answer = _about(answer, _ZONE)
    files = files_of(answer)
    zones = [
        Zone(name=kind.text, temp_c=_zone_temp_c(files.get(f"{path.removesuffix('type')}temp")))
        for path, kind in files.items()
        if path.endswith("/type") and kind.text
    ]
    zones.sort(key=lambda zone: zone.name)
    return tuple(zones), None if zones else _why(answer)


def _zone_temp_c(file: Reading | None) -> Reading:
    if file is None or file.text is None:
        return file or Reading(unavailable=_ABSENT)
    value = _parse_number(file.text)
    # Milli-degrees by the kernel's rule; a few drivers count in degrees.
    if value is not None and abs(value) >= _PLAUSIBLE_C[1]:
        value /= 1000
    return _hottest_of([value], otherwise=f"not a temperature: {file.text}")


def _clocks(answer: Answer) -> tuple[tuple[Clock, ...], str | None]:
    answer = _about(answer, _CPU)
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
    return clocks, None if clocks else _why(answer)


def _clock(files: list[dict[str, Reading]], cores: tuple[int, ...]) -> Clock:
    absent = Reading(unavailable=_ABSENT)

    def lowest(name: str) -> Reading:
        readings = [core.get(name, absent) for core in files]
        values = [value for each in readings if (value := _parse_number(each.text)) is not None]
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
    numbers = [_parse_number(word) for text in texts for word in text.split()]
    return {number for number in numbers if number is not None}


def _parse_number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
