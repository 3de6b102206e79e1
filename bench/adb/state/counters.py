"""The kernel's counters of cores and clocks, and what a process used of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bench.adb.batch import Answer
from bench.core.device_state.state import Reading
from bench.core.device_state.telemetry import ClockTime, Usage

TICK_S = 0.01  # USER_HZ is 100 on every Android
_HIDDEN = "the phone does not show it"
_PATH = "/sys/devices/system/cpu/cpu{}/cpufreq/stats/time_in_state"
_STAT = "/proc/stat"
_CORE = re.compile(rf"{_STAT}:cpu(\d+) ([\d ]+)$")
_TIME = re.compile(r"\S*/cpu(\d+)/cpufreq/stats/time_in_state:(\d+) (\d+)$")
_REFUSED = re.compile(r"grep: \S+/time_in_state: (.+)$")
_IDLE = (3, 4)  # of /proc/stat: idle, and idle while waiting for a disk
_COLUMNS = 8  # the later ones are part of the first two

Group = tuple[int, ...]


def counters_command(groups: Iterable[Group]) -> str:
    """Returns the shell command that prints the counters.

    Args:
        groups: cores that share a clock.
    """
    files = [_STAT, *(_PATH.format(group[0]) for group in groups)]
    return f"grep -HE '^(cpu)?[0-9]' {' '.join(files)}"


def usage_between(
    before: Answer, after: Answer, *, cores: Sequence[int], groups: Iterable[Group], cpu_s: Reading
) -> Usage:
    """Returns the use of ``cores`` between two answers to ``counters_command``.

    Args:
        cpu_s: the CPU time of the process.
    """
    busy_s, cores_s = _cores(before, after, cores)
    used = [group for group in groups if set(group) & set(cores)]
    clocks = tuple(
        spent for group in used if (spent := _clock_time(before, after, group)) is not None
    )
    return Usage(
        cpu_s=cpu_s,
        busy_s=busy_s,
        cores_s=cores_s,
        clocks=clocks,
        clocks_unavailable=None if clocks else _why(after),
    )


def _cores(before: Answer, after: Answer, cores: Sequence[int]) -> tuple[Reading, Reading]:
    first, last = _ticks(before), _ticks(after)
    shown = [core for core in cores if core in first and core in last]
    if not shown or len(shown) < len(cores):
        missing = Reading(unavailable=_HIDDEN)
        return missing, missing
    busy = sum(last[core][0] - first[core][0] for core in shown)
    whole = sum(last[core][1] - first[core][1] for core in shown)
    return Reading(value=round(busy * TICK_S, 2)), Reading(value=round(whole * TICK_S, 2))


def _ticks(answer: Answer) -> dict[int, tuple[int, int]]:
    """Returns core to its busy ticks and all its ticks."""
    ticks = {}
    for line in answer.lines:
        match = _CORE.match(line)
        if match is not None:
            columns = [int(each) for each in match[2].split()[:_COLUMNS]]
            idle = sum(columns[index] for index in _IDLE if index < len(columns))
            ticks[int(match[1])] = (sum(columns) - idle, sum(columns))
    return ticks


def _clock_time(before: Answer, after: Answer, group: Group) -> ClockTime | None:
    first, last = _times(before, group[0]), _times(after, group[0])
    if not first or not last:
        return None
    passed = [(khz, ticks - first.get(khz, 0)) for khz, ticks in sorted(last.items())]
    return ClockTime(
        cores=group,
        spent=tuple((float(khz), round(ticks * TICK_S, 2)) for khz, ticks in passed if ticks > 0),
    )


def _times(answer: Answer, core: int) -> dict[int, int]:
    matches = [_TIME.match(line) for line in answer.lines]
    return {int(each[2]): int(each[3]) for each in matches if each and int(each[1]) == core}


def _why(answer: Answer) -> str:
    refused = [match[1] for line in answer.lines if (match := _REFUSED.match(line))]
    return refused[0] if refused else _HIDDEN
