"""The record of a device: what it is, on one boot."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.core.artifact import check_name
from bench.core.hashing import sha256_value

HOST_NAME = "FRILL_BENCH_HOST"  # the variable with the name of this machine


class Kind(StrEnum):
    """Whether the device is this machine or a phone."""

    HOST = "host"
    PHONE = "phone"
    UNKNOWN = "unknown"  # of an imported log


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device on one boot. A value that it hides is ``None``.

    Args:
        name: shown in tables; the host name of a host.
        model: of the whole machine, as its maker names it.
        cpu: the processor's name.
        cores: number of cores that this program may use.
        os_build: changes with every update of the system.
        abi: instruction set, such as ``x86_64``.
        boot_id: changes with every boot.
        serial: a phone's own, the same over USB and network.
        virtual: it is not a real device, so its latencies mean nothing.
        cores_left_out: the fastest cores that a benchmark may not use, such as ``7-8``.
    """

    kind: Kind
    name: str
    model: str | None
    cpu: str | None
    cores: int | None
    os_build: str
    abi: str
    boot_id: str | None
    serial: str | None = None
    virtual: bool = False
    cores_left_out: str | None = None

    @property
    def key(self) -> str:
        """SHA-256 of the values that stay the same over boots and updates."""
        stable = [self.kind, self.name, self.model, self.cpu, self.cores, self.abi]
        return sha256_value([*stable, self.serial] if self.serial else stable)


def this_machine() -> DeviceRecord:
    """Returns the machine this program runs on.

    Its name is the host name, or ``$FRILL_BENCH_HOST``: machines of one kind that are used once
    each, such as the runners of a CI system, are one device under one name.

    Raises:
        ConfigurationError: that name cannot be shown in one line.
    """
    named = os.environ.get(HOST_NAME)
    if named:
        check_name(named, HOST_NAME)
    return DeviceRecord(
        kind=Kind.HOST,
        name=named or platform.node() or "host",
        model=_line("/sys/devices/virtual/dmi/id/product_name") or _line("/proc/device-tree/model"),
        cpu=_cpu() or platform.processor() or None,
        cores=_cores(),
        os_build=f"{platform.system()} {platform.release()} {platform.version()}".strip(),
        abi=platform.machine(),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
    )


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        label, _, value = line.partition(":")
        if label.strip() in ("model name", "Model", "Hardware"):
            return value.strip() or None
    return None


def _line(path: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.strip("\0\n ") or None
