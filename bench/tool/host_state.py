"""Reads the state of this machine, as the same record as a phone's, within 2 ms."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.core.device_state.state import Clock, Reading, State, Zone
from bench.core.device_state.telemetry import Usage

_CLOCKS = Path("/sys/devices/system/cpu/cpufreq")
_ZONES = Path("/sys/class/thermal")
_SUPPLIES = Path("/sys/class/power_supply")
_PROFILE = Path("/sys/firmware/acpi/platform_profile")
_MAX_FILES = 16  # groups of cores, and zones: a server has hundreds, and each takes time to read
_ABSENT = Reading(unavailable="this machine does not show it")
_PHONES_ONLY = Reading(unavailable="only phones have it")
_IDLE = (3, 4)  # of /proc/stat: idle, and idle while waiting for a disk
_COLUMNS = 8  # the later ones are part of the first two
_USER, _SYSTEM = 11, 12  # positions in /proc/PID/stat, counted from the state

# Core to its busy ticks and all its ticks.
Ticks = dict[int, tuple[int, int]]


def read_host_state() -> State:
    """Returns the state of this machine."""
    battery, mains = _supply("Battery"), _supply("Mains")
    zones, clocks = tuple(_zones()), tuple(_clocks())
    status = _text(battery / "status") if battery else None
    return State(
        battery_level_percent=_number(battery / "capacity") if battery else _ABSENT,
        battery_temp_c=_number(battery / "temp", 0.1) if battery else _ABSENT,
        battery_status=Reading(value=status.lower()) if status else _ABSENT,
        plugged=Reading(value="ac" if _text(mains / "online") == "1" else "none")
        if mains
        else _ABSENT,
        thermal_status=_PHONES_ONLY,
        thermal_overridden=_PHONES_ONLY,
        skin_temp_c=_PHONES_ONLY,
        cpu_temp_c=_hottest(zones),
        zones=zones,
        zones_unavailable=None if zones else _ABSENT.unavailable,
        clocks=clocks,
        clocks_unavailable=None if clocks else _ABSENT.unavailable,
        load=_load(),
        cpu_pressure_percent=_word(Path("/proc/pressure/cpu"), "some avg10="),
        memory_available_bytes=_word(Path("/proc/meminfo"), "MemAvailable:", 1024),
        free_bytes=_free_bytes(),
        screen=_PHONES_ONLY,
        low_power=_low_power(),
    )


def read_ticks() -> Ticks:
    """Returns the ticks of each core since this machine was booted."""
    cores: Ticks = {}
    for line in (_text(Path("/proc/stat")) or "").splitlines():
        name, *words = line.split()
        if not name.startswith("cpu"):
            break
        if name != "cpu":
            ticks = [int(word) for word in words[:_COLUMNS]]
            cores[int(name[3:])] = (sum(ticks) - sum(ticks[at] for at in _IDLE), sum(ticks))
    return cores


def cpu_ticks(pid: int) -> int | None:
    """Returns the CPU time of a process that is not reaped yet, of all its threads, in ticks."""
    words = (_text(Path(f"/proc/{pid}/stat")) or "").rpartition(")")[2].split()
    return int(words[_USER]) + int(words[_SYSTEM]) if len(words) > _SYSTEM else None


def usage_between(before: Ticks, after: Ticks, cores: Sequence[int], cpu: int | None) -> Usage:
    """Returns the use of ``cores``, of which a process used ``cpu`` ticks."""
    shown = [core for core in cores if core in before and core in after]
    busy, whole = (
        sum(after[core][index] - before[core][index] for core in shown) for index in (0, 1)
    )
    return Usage(
        cpu_s=_ABSENT if cpu is None else _seconds(cpu),
        busy_s=_seconds(busy) if shown else _ABSENT,
        cores_s=_seconds(whole) if shown else _ABSENT,
        clocks=(),
        clocks_unavailable="not read on this machine",
    )


def _seconds(ticks: int) -> Reading:
    return Reading(value=round(ticks / os.sysconf("SC_CLK_TCK"), 2))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return None


def _number(path: Path, scale: float = 1.0) -> Reading:
    try:
        return Reading(value=round(float(path.read_text()) * scale, 3))
    except OSError as error:
        return Reading(unavailable=error.strerror or _ABSENT.unavailable)
    except ValueError:
        return _ABSENT


def _word(path: Path, before: str, scale: float = 1.0) -> Reading:
    """Returns the number that follows ``before``."""
    words = (_text(path) or "").partition(before)[2].split()
    try:
        return Reading(value=float(words[0]) * scale) if words else _ABSENT
    except ValueError:
        return _ABSENT


def _paths(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))[:_MAX_FILES]


def _supply(kind: str) -> Path | None:
    for supply in _paths(_SUPPLIES, "*"):
        if (
            _text(supply / "type") == kind and _text(supply / "scope") != "Device"
        ):  # not a mouse's battery
            return supply
    return None


def _zones() -> Iterator[Zone]:
    for zone in _paths(_ZONES, "thermal_zone*"):
        name = _text(zone / "type")
        if name:
            yield Zone(name=name, temp_c=_number(zone / "temp", 0.001))


def _hottest(zones: Sequence[Zone]) -> Reading:
    named = [
        zone for zone in zones if any(word in zone.name.lower() for word in ("cpu", "pkg", "core"))
    ]
    temps_c = [zone.temp_c.number for zone in named if zone.temp_c.number is not None]
    return Reading(value=max(temps_c)) if temps_c else _ABSENT


def _clocks() -> Iterator[Clock]:
    for policy in _paths(_CLOCKS, "policy*"):
        governor, cores = _text(policy / "scaling_governor"), _text(policy / "related_cpus")
        if cores:
            yield Clock(
                cores=tuple(map(int, cores.split())),
                governor=Reading(value=governor) if governor else _ABSENT,
                now_khz=_number(policy / "scaling_cur_freq"),
                cap_khz=_number(policy / "scaling_max_freq"),
                max_khz=_number(policy / "cpuinfo_max_freq"),
            )


def _load() -> Reading:
    try:
        return Reading(value=os.getloadavg()[0])
    except OSError:
        return _ABSENT


def _free_bytes() -> Reading:
    try:
        disk = os.statvfs(tempfile.gettempdir())
    except OSError as error:
        return Reading(unavailable=error.strerror or _ABSENT.unavailable)
    return Reading(value=float(disk.f_bavail * disk.f_frsize))


def _low_power() -> Reading:
    profile = _text(_PROFILE)
    return Reading(value=float(profile == "low-power")) if profile else _ABSENT
