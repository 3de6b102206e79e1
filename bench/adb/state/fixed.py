"""What fixed performance did to a phone's clocks, because a phone answers only that it was set."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from bench.adb.batch import ask_all, files_of
from bench.adb.phone import Phone
from bench.core.device_state.cores import list_cores, parse_cores
from bench.core.units import clock

_CPUFREQ = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq"
_NAMES = ("related_cpus", "scaling_min_freq", "scaling_max_freq")
_COMMAND = f"grep -sH . {' '.join(f'{_CPUFREQ}/{name}' for name in _NAMES)}"
_FILE = re.compile(r"/(cpu\d+)/cpufreq/(\w+)$")
_READS, _READ_S = 3, 0.2  # the phone changes its clocks after it has answered

# The cores of a clock, such as ``4-7``, to its lowest and highest value now, in kHz.
ClockLimits = Mapping[str, tuple[int, int]]


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
