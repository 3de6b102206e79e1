"""The energy that a device's rails used while a process ran, as its own meter counts it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MeterWay(StrEnum):
    """How a meter is read."""

    FILES = "files"  # the kernel's, below /sys/bus/iio/devices
    PERFETTO = "perfetto"  # a trace with the data source android.power


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """A supply of a part of the device, and its energy counter.

    Args:
        subsystem: what it supplies, in its maker's words: ``CPU(BIG)``, ``DDR``, ``Display``.
        sampling_hz: how often the meter samples its power; ``None`` if unknown.
        points: pairs of a time of the meter's clock in ms, and the counter in uWs (uJ), in order.
    """

    name: str
    subsystem: str
    sampling_hz: float | None = None
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """The readings of a meter while a process ran, or why there are none.

    Args:
        way: how it was read; ``None`` if it cannot be read.
        unavailable: why there are no readings.
    """

    way: MeterWay | None = None
    rails: tuple[Rail, ...] = ()
    unavailable: str | None = None
