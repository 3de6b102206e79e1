"""What a replayed phone shows below /sys and /proc, and what it refuses."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from bench.core.device_state.cores import list_cores, mask, parse_cores
from bench.core.errors import ConfigurationError
from bench.handset.replay.layer import PLACE, Layer
from bench.snapshot.layout import Snapshot

_CPU, _THERMAL, _SUPPLY = "/sys/devices/system/cpu", "/sys/class/thermal", "/sys/class/power_supply"
_LISTS = ("possible", "present", "online")
_CORE = re.compile(rf"{_CPU}/cpu(\d+)/(.+)")
_STATUS = "/proc/self/status"
_ALLOWED = re.compile(r"^Cpus_allowed_list:\s*(\S+)", re.MULTILINE)
_EMULATOR = "usr/bin/qemu-aarch64"  # of the arm64 handset
_AWAY = "No such file or directory"
_MOST_CORES = 31  # the stand-in of taskset counts with 32 bits
# The battery's values that dumpsys follows: files to its names of them.
_SUPPLY_KEYS = {
    **{f"battery/{key}": key for key in ("status", "temp")},
    "battery/capacity": "level",
    "battery/voltage_now": "voltage",
    "battery/charge_counter": "counter",
    "ac/online": "ac",
    "usb/online": "usb",
}


def add_kernel(layer: Layer, snapshot: Snapshot) -> bool:
    """Adds the phone's files; returns whether its cores are among them and can be pinned to.

    What a phone shows of one thing (its cores, its thermal zones, one power supply) replaces all
    that the plain handset shows of it.

    Raises:
        ConfigurationError: it has more cores than can be replayed.
    """
    sys = {path: text for path, text in snapshot.files.items() if path.startswith("/sys/")}
    gone = {path for path, words in snapshot.refused.items() if words == _AWAY}
    refused = set(snapshot.refused) - gone
    for path in gone:
        layer.remove(path[1:])
    for folder in _replaced([*sys, *refused]):
        layer.remove(folder[1:])
    cores = _cores(layer, snapshot, sys, refused)
    for path, text in chain(_grouped(layer, sys, refused), _lists(sys, cores)):
        layer.write(path[1:], text)
    for path, text in snapshot.files.items():
        if path.startswith("/proc/"):
            layer.write(f"{PLACE}{path}", text)
    for path in sorted(refused):
        _refuse(layer, path, is_folder=_is_folder(layer, path))
    _remember(layer, sys)
    if (layer.tree / _EMULATOR).exists():  # whose programs cannot load the library
        return False
    if cores:
        _pin(layer, snapshot, sys, cores)
    if cores or any(path.startswith("/proc/") for path in (*snapshot.files, *refused)):
        layer.write("system/etc/ld.so.preload", "/system/lib64/libkernel.so\n")
    return bool(cores)


def _replaced(paths: Iterable[str]) -> set[str]:
    """Returns the folders of the plain handset that the phone's files replace."""
    folders = set()
    for path in paths:
        if _CORE.match(path) or path.startswith(f"{_CPU}/cpufreq"):
            folders |= {f"{_CPU}/cpufreq", *(f"{_CPU}/cpu{core}" for core in range(8))}
        elif path.startswith(_THERMAL):
            folders.add(_THERMAL)
        elif path.startswith(f"{_SUPPLY}/"):
            folders.add(f"{_SUPPLY}/{path.removeprefix(f'{_SUPPLY}/').partition('/')[0]}")
    return folders


def _cores(
    layer: Layer, snapshot: Snapshot, sys: Mapping[str, str], refused: Iterable[str]
) -> tuple[int, ...]:
    """Returns the cores that the phone has; none where its files do not show it."""
    present = parse_cores(sys.get(f"{_CPU}/present", ""))
    named = {int(match[1]) for path in (*sys, *refused) if (match := _CORE.match(path))}
    cores = present or tuple(range(max(named) + 1)) if named or present else ()
    if cores and max(cores) >= _MOST_CORES:
        raise ConfigurationError(
            f"the phone has core {max(cores)}, and handsets replay {_MOST_CORES} cores",
            hint=f"check files{_CPU}/present",
        )
    for core in range(8):
        if cores and core not in cores:  # those of the plain handset
            layer.remove(f"{_CPU[1:]}/cpu{core}")
    return cores


def _lists(sys: Mapping[str, str], cores: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yields the lists of cores that the phone's files lack."""
    if cores:
        for name in _LISTS:
            if f"{_CPU}/{name}" not in sys:
                yield f"{_CPU}/{name}", f"{list_cores(cores)}\n"


def _grouped(
    layer: Layer, sys: Mapping[str, str], refused: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yields the files; cores with the same clock share its files, as in the kernel."""
    shared: set[int] = set()
    for files, together in _clocks(sys).items():
        related = _numbers(dict(files).get("related_cpus", ""))
        apart = any(path.startswith(f"{_CPU}/cpu{core}/") for path in refused for core in together)
        if not set(together) <= related or apart:
            continue
        policy = f"cpufreq/policy{min(related)}"
        yield from ((f"{_CPU}/{policy}/{name}", text) for name, text in files)
        for core in together:
            layer.link(f"{_CPU[1:]}/cpu{core}/cpufreq", f"../{policy}")
        shared |= set(together)
    for path, text in sys.items():
        match = _CORE.match(path)
        if not (match and int(match[1]) in shared and match[2].startswith("cpufreq/")):
            yield path, text


def _clocks(sys: Mapping[str, str]) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """Returns the files of clocks, as sorted name and text, to the cores that have these."""
    clocks: dict[int, dict[str, str]] = defaultdict(dict)
    for path, text in sys.items():
        match = _CORE.match(path)
        if match and match[2].startswith("cpufreq/"):
            clocks[int(match[1])][match[2].removeprefix("cpufreq/")] = text
    groups: dict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
    for core, files in sorted(clocks.items()):
        groups[tuple(sorted(files.items()))].append(core)
    return groups


def _numbers(text: str) -> set[int]:
    return {int(word) for word in text.split() if word.isdigit()}


def _is_folder(layer: Layer, path: str) -> bool:
    """Returns whether a refused path is a folder: of those that kernels have, or by its name."""
    if (layer.tree / path[1:]).is_dir():
        return True
    last = path.rpartition("/")[2]
    return (
        re.fullmatch(r"(cpu|policy|thermal_zone|cooling_device)\d+|cpufreq|stats|iio.*", last)
        is not None
    )


def _refuse(layer: Layer, path: str, *, is_folder: bool) -> None:
    """Makes a path unreadable for adb's shell, which is not root."""
    place = f"{PLACE}{path}" if path.startswith("/proc/") else path[1:]
    if is_folder:
        layer.remove(place)
        layer.folder(place, mode=0o700)
    else:
        layer.write(place, "", mode=0o000)


def _remember(layer: Layer, sys: Mapping[str, str]) -> None:
    """Writes the values at the boot, from which the stand-ins see what was changed since."""
    zones, supply = [], []
    values = dict(_values(layer, sys))
    for path, kind in values.items():
        if path.startswith(_THERMAL) and path.endswith("/type"):
            zone = path.removesuffix("/type")
            if temp := values.get(f"{zone}/temp", ""):
                zones.append(f"{zone} {temp} {kind}\n")
    for name, key in _SUPPLY_KEYS.items():
        if value := values.get(f"{_SUPPLY}/{name}", ""):
            supply.append(f"{_SUPPLY}/{name} {key} {value}\n")
    layer.write(f"{PLACE}/zones", "".join(zones))
    layer.write(f"{PLACE}/supply", "".join(supply))


def _values(layer: Layer, sys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the first lines of the heat and the battery, of the plain handset and the phone."""
    replaced = _replaced(sys)
    for folder in (_THERMAL, _SUPPLY):
        for place in sorted((layer.tree / folder[1:]).glob("*/*")):
            path = f"/{place.relative_to(layer.tree)}"
            if place.is_file() and not any(path.startswith(f"{each}/") for each in replaced):
                yield path, place.read_text().partition("\n")[0]
    for path, text in sys.items():
        if path.startswith((_THERMAL, _SUPPLY)):
            yield path, text.partition("\n")[0].strip()


def _pin(layer: Layer, snapshot: Snapshot, sys: Mapping[str, str], cores: tuple[int, ...]) -> None:
    """Writes which cores adb's shell may use, which are online, and those of this machine."""
    shown = _ALLOWED.search(snapshot.files.get(_STATUS, ""))
    allowed = parse_cores(shown[1]) if shown else cores
    online = parse_cores(sys.get(f"{_CPU}/online", "")) or cores
    layer.write(f"{PLACE}/allowed", f"{mask(allowed)}\n")
    layer.write(f"{PLACE}/online", f"{mask(online)}\n")
    machine = " ".join(map(str, sorted(os.sched_getaffinity(0))))
    layer.write(f"{PLACE}/machine", f"{machine}\n")
