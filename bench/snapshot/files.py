"""The files of a phone's kernel that the program reads, all read by a few commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_CPU = "/sys/devices/system/cpu"
_THERMAL = "/sys/class/thermal"
_CLOCK = re.compile(rf"({_CPU}/cpu(\d+)/cpufreq)/(.+)$")
_REFUSED = re.compile(r"grep: (/\S+): (.+)$")
_ABSENT = "No such file or directory"
# Of these files only the lines are kept that the program reads.
_KEPT_LINES = {
    "/proc/self/status": re.compile(r"Cpus_allowed_list:"),
    "/proc/self/smaps": re.compile(r"KernelPageSize"),
    "/proc/stat": re.compile(r"cpu"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files that are read by one command.

    Args:
        folder: that they are in; other words of the shell's pattern follow in ``names``.
        names: patterns below ``folder``.
    """

    folder: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What was read of them.

    Args:
        texts: path to content.
        refused: path of a file or folder that may not be read, to the phone's words.
    """

    texts: Mapping[str, str]
    refused: Mapping[str, str]


GROUPS: Mapping[str, Group] = {
    "cores": Group(
        folder=_CPU,
        names=(
            *("possible", "present", "online", "offline", "isolated"),
            *("cpu[0-9]*/online", "cpu[0-9]*/isolate", "cpu[0-9]*/cpu_capacity"),
        ),
    ),
    "clocks": Group(
        folder=_CPU,
        names=tuple(
            f"cpu[0-9]*/cpufreq/{name}"
            for name in (
                *("affected_cpus", "related_cpus", "cpuinfo_min_freq", "cpuinfo_max_freq"),
                *("scaling_min_freq", "scaling_max_freq", "scaling_cur_freq", "scaling_governor"),
                *("scaling_available_frequencies", "scaling_boost_frequencies"),
                *("scaling_available_governors", "scaling_driver", "stats/time_in_state"),
            )
        ),
    ),
    "heat": Group(
        folder=_THERMAL,
        names=(
            *("thermal_zone[0-9]*/type", "thermal_zone[0-9]*/temp"),
            *(f"cooling_device[0-9]*/{name}" for name in ("type", "cur_state", "max_state")),
        ),
    ),
    "supplies": Group(
        folder="/sys/class/power_supply",
        names=tuple(
            f"*/{name}"
            for name in (
                *("type", "status", "online", "present", "capacity", "health", "technology"),
                *("temp", "voltage_now", "current_now", "current_avg", "charge_counter"),
            )
        ),
    ),
    "rails": Group(
        folder="/sys/bus/iio/devices",
        names=(
            *("iio:device[0-9]*/name", "iio:device[0-9]*/available_rails"),
            *("iio:device[0-9]*/enabled_rails", "iio:device[0-9]*/sampling_rate"),
            "iio:device[0-9]*/energy_value",
        ),
    ),
    "kernel": Group(
        folder="/proc",
        names=("cpuinfo", "loadavg", "meminfo", "pressure/cpu", "stat", "version", "self/status"),
    ),
}
# Folders that a phone may close to adb's shell.
_FOLDERS = (
    *(f"{_CPU}", f"{_CPU}/cpufreq", f"{_CPU}/cpu[0-9]*", f"{_CPU}/cpu[0-9]*/cpufreq"),
    *(_THERMAL, f"{_THERMAL}/thermal_zone[0-9]*", f"{_THERMAL}/cooling_device[0-9]*"),
    *("/sys/class/power_supply", "/sys/class/power_supply/*"),
    *("/sys/bus/iio/devices", "/sys/bus/iio/devices/*", "/proc/pressure"),
)
CLOSED = "closed"
_PAGE = "page"


def questions() -> dict[str, str]:
    """Returns name to command: the commands that read all files."""
    return {
        **{name: _reading(group) for name, group in GROUPS.items()},
        _PAGE: "grep -H -m1 KernelPageSize /proc/self/smaps",
        # Nothing is started for a folder that is open.
        CLOSED: f"for d in {' '.join(_FOLDERS)}; do "
        '[ ! -d "$d" ] || [ -r "$d" -a -x "$d" ] || '
        'echo "grep: $d: $(ls "$d" 2>&1 >/dev/null || echo Permission denied)"; done',
    }


def files_in(answers: Mapping[str, str]) -> Files:
    """Returns the files in the answers to ``questions``."""
    texts: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for text in answers.values():
        names = {line[2:] for line in text.splitlines() if line.startswith("+ ")}
        texts |= {name: [] for name in names}
        for line in text.splitlines():
            match = _REFUSED.match(line)
            if match is not None:
                refused[match[1]] = match[2].rpartition(": ")[2]
            elif match is None and (path := _path_of(line, names)) is not None:
                texts.setdefault(path, []).append(line[len(path) + 1 :])
    whole = {
        path: "".join(f"{line}\n" for line in _kept(path, lines))
        for path, lines in sorted(texts.items())
        if path not in refused
    }
    denied = {path: words for path, words in sorted(refused.items()) if _is_denied(path, words)}
    return Files(texts=_with_equal_clocks(whole), refused=denied)


def _is_denied(path: str, words: str) -> bool:
    """Returns whether a file is there; the shell leaves patterns as they are that nothing fits."""
    return words != _ABSENT and "*" not in path


def _reading(group: Group) -> str:
    """Returns a command that prints ``+ PATH`` for each file there is, and ``PATH:LINE``."""
    names = " ".join(f"$f/{name}" for name in group.names)
    return (
        f"f={group.folder}; set -- {names}; "
        'for f; do [ -f "$f" ] && echo "+ $f"; done; grep -H "" "$@"'
    )


def _path_of(line: str, names: Iterable[str]) -> str | None:
    """Returns the file of a line; a path may have colons, such as that of ``iio:device0``."""
    at = line.find(":")
    while at > 0:
        path = line[:at]
        if path in names or path == "/proc/self/smaps":
            return path
        at = line.find(":", at + 1)
    return None


def _kept(path: str, lines: list[str]) -> list[str]:
    pattern = _KEPT_LINES.get(path)
    return lines if pattern is None else [line for line in lines if pattern.match(line)]


def _with_equal_clocks(texts: Mapping[str, str]) -> dict[str, str]:
    """Returns the texts; cores that share a clock were read one after the other, and get one."""
    first: dict[tuple[str, str], str] = {}
    equal: dict[str, str] = {}
    for path, text in sorted(texts.items(), key=lambda item: _core_in(item[0])):
        match = _CLOCK.match(path)
        shared = texts.get(f"{match[1]}/related_cpus", "").strip() if match else ""
        equal[path] = first.setdefault((shared, match[3]), text) if match and shared else text
    return dict(sorted(equal.items()))


def _core_in(path: str) -> int:
    match = _CLOCK.match(path)
    return int(match[2]) if match else -1
