"""The facts of a phone that stay the same while it runs."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bench.adb.batch import Answer, ask_all, files_of
from bench.adb.phone import Phone
from bench.core.device_state.cores import parse_cores
from bench.core.errors import DeviceError

_CPU = "/sys/devices/system/cpu"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# Since Android 13, with root only: programs that a shell starts afterwards get the clocks of a
# foreground app. Its cores are another profile. Without root adb's shell may not join the groups.
TASK_PROFILE = "MaxPerformance"
AS_IN_FRONT = f"settaskprofile $$ {TASK_PROFILE}"
_QUESTIONS = {
    "properties": "getprop",
    "front": AS_IN_FRONT,  # before the question which cores may be used
    # One process reads all files; what is missing or forbidden is skipped.
    "files": f"grep -sH . {_CPU}/present {_CPU}/online {_CPU}/isolated {_CPU}/cpu[0-9]*/isolate "
    f"{_CPU}/cpu[0-9]*/cpu_capacity {_CPU}/cpu[0-9]*/cpufreq/cpuinfo_max_freq {BOOT_ID}",
    "kernel": "grep -shE '^(MemTotal|Cpus_allowed_list):' /proc/meminfo /proc/self/status",
    "page": "getconf PAGE_SIZE 2>/dev/null || grep -m1 KernelPageSize /proc/self/smaps",
    "taskset": "command -v taskset",
}
_PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[(.*?)\]\r?$", re.MULTILINE | re.DOTALL)
_CORE = re.compile(r"/cpu(\d+)/(cpu_capacity|cpufreq/cpuinfo_max_freq)$")
# Before Android 12. The platform is poor on some: Samsung's is "exynos5" for many chips.
_SOC = ("ro.hardware.chipname", "ro.chipname", "ro.board.platform", "ro.hardware")
_ISOLATED = re.compile(r"/cpu(\d+)/isolate$")
_EMPTY_WORDS = {"", "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Cores of one kind.

    Args:
        cores: ascending.
        max_khz: highest clock; ``None`` where the phone hides it.
        capacity: the kernel's measure of a core's speed, up to 1024; ``None`` likewise.
    """

    cores: tuple[int, ...]
    max_khz: int | None
    capacity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One phone on one boot. A value that it hides is ``None`` or empty.

    Args:
        serial: the phone's own; adb's where the phone hides it.
        codename: ``ro.product.device``.
        soc: maker and model; on older phones the platform's name.
        abis: preferred first.
        sdk, release: the Android version, as the API level and as text.
        fingerprint: the OS build; empty if hidden.
        boot_id: changes with every boot.
        cores: those that are present.
        clusters: slowest first, of the cores that show their speed.
        clusters_complete: whether those are all present cores, and all of them are online; if not,
            which cores are the fastest is unknown.
        allowed_cores: those that a command of adb's shell may use.
        offline_cores: those that are switched off now.
        isolated_cores: those from which the kernel moves processes, whatever they are pinned to.
        real_abis: those of a virtual handset that replays a phone and so shows that phone's.
        taskset: whether the phone can pin a command to cores.
        task_profile: whether a command can get the clocks of a foreground app.
        virtual: whether it is a virtual handset.
    """

    serial: str
    manufacturer: str | None
    model: str
    codename: str | None
    soc: str | None
    abis: tuple[str, ...]
    sdk: int | None
    release: str | None
    fingerprint: str
    boot_id: str | None
    cores: tuple[int, ...]
    clusters: tuple[Cluster, ...]
    allowed_cores: tuple[int, ...]
    page_bytes: int | None
    memory_bytes: int | None
    taskset: bool
    virtual: bool
    task_profile: bool = False
    clusters_complete: bool = True
    offline_cores: tuple[int, ...] = ()
    isolated_cores: tuple[int, ...] = ()
    real_abis: tuple[str, ...] = ()

    @property
    def program_abis(self) -> tuple[str, ...]:
        """The ABIs that programs for it are built for, preferred first."""
        return self.real_abis or self.abis

    @property
    def usable_cores(self) -> tuple[int, ...]:
        """The cores that a command of adb's shell may use and that are switched on."""
        allowed = self.allowed_cores or self.cores
        away = {*self.offline_cores, *self.isolated_cores}
        return tuple(core for core in allowed if core not in away) or allowed


def read_facts(phone: Phone) -> Facts:
    """Returns the facts of a phone, asked in one command.

    Raises:
        DeviceError: it does not answer.
        TransientDeviceError: it went away.
    """
    answers = ask_all(phone, _QUESTIONS)
    properties = {
        key: value.strip()
        for key, value in _PROPERTY.findall(answers["properties"].text)
        if value.strip() not in _EMPTY_WORDS
    }
    if not properties:
        raise DeviceError(
            f"{phone.serial}: getprop shows nothing; is it Android?",
            hint=f"run it by hand: adb -s {shlex.quote(phone.serial)} shell getprop",
            last_lines=answers["properties"].lines[-3:],
        )
    read = files_of(answers["files"])
    files = {path: content.text for path, content in read.items() if content.text}
    cores, khz, capacity = parse_cores(files.get(f"{_CPU}/present", "")), *_speeds(files)
    kernel = dict(line.split(":", 1) for line in answers["kernel"].lines if ":" in line)
    allowed, offline = parse_cores(kernel.get("Cpus_allowed_list", "")), _offline(files)
    return Facts(
        serial=_first(properties, "ro.serialno", "ro.boot.serialno") or phone.serial,
        manufacturer=properties.get("ro.product.manufacturer"),
        model=_first(properties, "ro.product.model", "ro.product.device") or "unknown",
        codename=properties.get("ro.product.device"),
        soc=_soc(properties),
        abis=_abis(properties),
        sdk=_number(properties.get("ro.build.version.sdk", "")),
        release=properties.get("ro.build.version.release"),
        fingerprint=_first(properties, "ro.build.fingerprint", "ro.build.display.id") or "",
        boot_id=files.get(BOOT_ID),
        cores=cores,
        clusters=clusters_of(khz, capacity),
        allowed_cores=allowed,
        page_bytes=_page_bytes(answers["page"]),
        memory_bytes=_kilobytes(kernel.get("MemTotal", "")),
        taskset=answers["taskset"].exit_status == 0,
        virtual=properties.get("ro.handset.virtual") == "1",
        real_abis=_list(properties.get("ro.handset.abilist", "")),
        task_profile=answers["front"].exit_status == 0
        and "failed" not in answers["front"].text.lower(),
        clusters_complete=not offline and set(cores or allowed) <= _of_known_speed(khz, capacity),
        offline_cores=offline,
        isolated_cores=_isolated(files),
    )


def big_cores(facts: Facts, threads: int) -> tuple[int, ...]:
    """Returns the cores of the fastest clusters, as few clusters as give each thread a usable core.

    All usable cores where the phone hides which are the fastest, or has too few cores.
    """
    usable = set(facts.usable_cores)
    chosen: set[int] = set()
    for cluster in reversed(facts.clusters if facts.clusters_complete else ()):
        chosen |= usable & set(cluster.cores)
        if len(chosen) >= threads:
            return tuple(sorted(chosen))
    return tuple(sorted(usable))


def clusters_of(khz: Mapping[int, int], capacity: Mapping[int, int]) -> tuple[Cluster, ...]:
    """Returns the clusters of cores, slowest first, distinguished by capacity and by clock.

    Kernels without the cores' efficiency show one capacity for all, so cores of equal capacity and
    different clocks are different clusters. Capacities that only some cores show are not used.

    Args:
        khz, capacity: core to value, for the cores that show it.
    """
    if not set(capacity) >= set(khz):
        capacity = {}
    clocks: dict[int, set[int]] = defaultdict(set)
    for core in khz:
        clocks[capacity.get(core, 0)].add(khz[core])
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for core in sorted(capacity or khz):
        value = capacity.get(core, 0)
        # A core that hides its clock is like those of its capacity, if these are all alike.
        only = max(clocks[value]) if len(clocks[value]) == 1 else 0
        groups[value, khz.get(core, only)].append(core)
    return tuple(
        Cluster(cores=tuple(cores), max_khz=clock or None, capacity=value or None)
        for (value, clock), cores in sorted(groups.items())
    )


def _of_known_speed(khz: Mapping[int, int], capacity: Mapping[int, int]) -> set[int]:
    """Returns the cores whose speed can be compared with that of all others."""
    if not set(capacity) >= set(khz):
        return set(khz)
    return set(capacity) if len(set(capacity.values())) > 1 else set(khz)


def _offline(files: Mapping[str, str]) -> tuple[int, ...]:
    """Returns the cores that are switched off; none where the phone hides it."""
    present, online = (
        parse_cores(files.get(f"{_CPU}/{name}", "")) for name in ("present", "online")
    )
    return tuple(core for core in present if core not in online) if online else ()


def _isolated(files: Mapping[str, str]) -> tuple[int, ...]:
    cores = set(parse_cores(files.get(f"{_CPU}/isolated", "")))
    for path, text in files.items():
        match = _ISOLATED.search(path)
        if match is not None and _number(text):
            cores.add(int(match[1]))
    return tuple(sorted(cores))


def _speeds(files: Mapping[str, str]) -> tuple[dict[int, int], dict[int, int]]:
    khz: dict[int, int] = {}
    capacity: dict[int, int] = {}
    for path, text in files.items():
        core, value = _CORE.search(path), _number(text)
        if core is not None and value:
            (capacity if core[2] == "cpu_capacity" else khz)[int(core[1])] = value
    return khz, capacity


def _first(properties: Mapping[str, str], *keys: str) -> str | None:
    return next((properties[key] for key in keys if key in properties), None)


def _soc(properties: Mapping[str, str]) -> str | None:
    maker, model = properties.get("ro.soc.manufacturer"), properties.get("ro.soc.model")
    if model is None:
        return _first(properties, *_SOC)
    return f"{maker} {model}" if maker else model


def _abis(properties: Mapping[str, str]) -> tuple[str, ...]:
    listed = _list(properties.get("ro.product.cpu.abilist", ""))
    single = (properties.get(f"ro.product.cpu.{key}", "") for key in ("abi", "abi2"))
    return listed or _list(",".join(single))


def _list(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _page_bytes(answer: Answer) -> int | None:
    text = " ".join(answer.lines)
    return _kilobytes(text.partition(":")[2]) if ":" in text else _number(text)


def _kilobytes(text: str) -> int | None:
    number, _, unit = text.strip().partition(" ")
    value = _number(number)
    return value * 1024 if value is not None and unit.strip() == "kB" else None


def _number(text: str) -> int | None:
    return int(text) if text.strip().isascii() and text.strip().isdigit() else None
