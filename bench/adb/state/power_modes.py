"""Power modes of a phone: what Android's fixed performance did, and modes of its maker's own.

A phone answers only that fixed performance was set, so its effect is read from the clocks. Makers'
modes are settings with names of their own; ``low_power`` does not show all of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.adb.batch import ask_all, files_of
from bench.adb.phone import Phone
from bench.core.device_state.cores import list_cores, parse_cores
from bench.core.units import clock

_CPUFREQ = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
_NAMES = ("related_cpus", "scaling_min_freq", "scaling_max_freq")
_COMMAND = f"grep -sH . {' '.join(f'{_CPUFREQ}/{name}' for name in _NAMES)}"
_FILE = re.compile(r"/(cpu\d+)/cpufreq/(\w+)$")
_READS, _READ_S = 3, 0.2  # the phone changes its clocks after it has answered

_SETTING = "settings get {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mode:
    """A power mode of a maker: the setting that holds it, and its values while it is on.

    Only those are here that the maker's own programs, or apps on such phones, read by these names.
    """

    name: str
    setting: str
    values: str  # a pattern of the whole value


_SAMSUNG = (
    _Mode(
        name="enhanced processing",
        setting="global sem_enhanced_cpu_responsiveness",
        values="1",
    ),
    _Mode(
        name="limited performance",
        setting="global restricted_device_performance",
        values="1(,.*)?",
    ),
    _Mode(name="less heat", setting="global sem_low_heat_mode", values="1"),
)
_XIAOMI = (
    _Mode(name="battery saver", setting="system POWER_SAVE_MODE_OPEN", values="1"),
    _Mode(name="performance", setting="system speed_mode", values="1"),
)
_HUAWEI = (_Mode(name="power saving", setting="system SmartModeStatus", values="4"),)
_OPPO = (
    _Mode(name="high performance", setting="system high_performance_mode_on", values="1"),
    _Mode(name="super power saving", setting="system super_powersave_mode_state", values="1"),
)
_MODES: Mapping[str, tuple[_Mode, ...]] = {
    "samsung": _SAMSUNG,
    **dict.fromkeys(("xiaomi", "redmi", "poco"), _XIAOMI),
    **dict.fromkeys(("huawei", "honor"), _HUAWEI),
    **dict.fromkeys(("oppo", "realme", "oneplus"), _OPPO),
}
# Namespace and key of each setting that holds a maker's mode.
MAKERS_SETTINGS = tuple(sorted({mode.setting for modes in _MODES.values() for mode in modes}))

# The cores of a clock, such as ``4-7``, to its lowest and highest value now, in kHz.
ClockLimits = Mapping[str, tuple[int, int]]


def makers_modes(phone: Phone, maker: str) -> tuple[str, ...]:
    """Returns the power modes of its maker that are on, each with its setting and value.

    Args:
        maker: as the phone names it (``ro.product.manufacturer``).

    Raises:
        TransientDeviceError: it went away.
    """
    modes = _MODES.get(maker.lower(), ())
    if not modes:
        return ()
    answers = ask_all(
        phone, {f"mode{n}": _SETTING.format(mode.setting) for n, mode in enumerate(modes)}
    )
    found = []
    for mode, answer in zip(modes, answers.values(), strict=True):
        value = answer.lines[-1] if answer.exit_status == 0 and answer.lines else ""
        if re.fullmatch(mode.values, value):
            found.append(f"{mode.name} ({mode.setting} = {value})")
    return tuple(found)


def clock_limits(phone: Phone) -> ClockLimits:
    """Returns the limits of each clock; empty where the phone hides them.

    Raises:
        TransientDeviceError: it went away.
    """
    cores: dict[str, dict[str, str]] = {}
    for path, content in files_of(ask_all(phone, {"limits": _COMMAND})["limits"]).items():
        match = _FILE.search(path)
        if match is not None and content.text:
            cores.setdefault(match[1], {})[match[2]] = content.text
    limits = {}
    for core, files in cores.items():
        low, high = files.get("scaling_min_freq", ""), files.get("scaling_max_freq", "")
        if low.isdigit() and high.isdigit():
            group = files.get("related_cpus", core.removeprefix("cpu"))
            shared = list_cores(parse_cores(group.replace(" ", ",")))
            limits[shared] = (int(low), int(high))
    return limits


def effect_of(phone: Phone, change: Callable[[], None]) -> str:
    """Makes a change and returns its effect on the limits of the clocks, in words.

    Raises:
        TransientDeviceError: the phone went away.
    """
    before = clock_limits(phone)
    change()
    after = before
    for attempt in range(_READS if before else 0):
        time.sleep(attempt * _READ_S)
        after = clock_limits(phone)
        if after != before:
            break
    return describe_effect(before, after)


def describe_effect(before: ClockLimits, after: ClockLimits) -> str:
    """Returns the difference between the limits of clocks before and after a change, in words."""
    if not before or not after:
        return "the phone hides the limits of its clocks, so what it did is unknown"
    changed = {cores: now for cores, now in after.items() if before.get(cores) != now}
    if not changed:
        return "the phone accepted it, but the limits of no clock changed: it may have no effect"
    texts = [
        f"cores {cores} at {_range(now)}"
        + (f" (before: {_range(before[cores])})" if cores in before else "")
        for cores, now in changed.items()
    ]
    others = sorted(set(after) - set(changed))
    return "; ".join([*texts, *(f"cores {cores} unchanged" for cores in others)])


def _range(limits_khz: tuple[int, int]) -> str:
    low, high = limits_khz
    return clock(high) if low == high else f"{clock(low)} to {clock(high)}"
