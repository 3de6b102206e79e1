"""The state of a device at one moment: its values, or why they are missing."""

from __future__ import annotations

from dataclasses import dataclass

AWAKE = "Awake"
_THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value, or why it is missing: exactly one of the two is not ``None``."""

    value: float | str | None = None
    unavailable: str | None = None

    @property
    def number(self) -> float | None:
        """Returns the value if it is a number."""
        return self.value if isinstance(self.value, float) else None

    @property
    def text(self) -> str | None:
        """Returns the value if it is text."""
        return self.value if isinstance(self.value, str) else None


NOT_ASKED = Reading(unavailable="not asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A temperature of the kernel's, with the driver's name of the zone."""

    name: str
    temp_c: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock of cores that share one.

    Args:
        now_khz: their clock at this moment.
        cap_khz: the most that they may reach now: lowered by heat, battery or a power mode.
        max_khz: their full clock: the highest without boost.
    """

    cores: tuple[int, ...]
    governor: Reading
    now_khz: Reading
    cap_khz: Reading
    max_khz: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A device at one moment.

    Args:
        battery_status: ``charging``, ``discharging``, ``not charging``, ``full`` or ``unknown``.
        plugged: ``ac``, ``usb``, ``wireless``, ``dock`` (several joined by ``+``) or ``none``.
        thermal_status: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
        thermal_overridden: ``true`` if that status was set by hand, with ``override-status``.
        skin_temp_c, cpu_temp_c: the hottest sensor of that kind in the thermal service.
        skin_light_c: the skin's temperature from which the thermal status is light, or the next
            one that its maker set.
        clocks: by first core; empty where hidden, and ``clocks_unavailable`` has the reason.
        zones: by name; empty where hidden, and ``zones_unavailable`` has the reason.
        load: mean number of processes that ran or waited, over the last minute.
        cpu_pressure_percent: share of the last 10 s in which some process waited for a core.
        free_bytes: at /data/local/tmp.
        screen: ``Awake``, ``Asleep``, ``Dreaming`` or ``Dozing``.
        low_power: 1 in battery-saver mode.
    """

    battery_level_percent: Reading
    battery_temp_c: Reading
    battery_status: Reading
    plugged: Reading
    thermal_status: Reading
    thermal_overridden: Reading
    skin_temp_c: Reading
    cpu_temp_c: Reading
    zones: tuple[Zone, ...]
    zones_unavailable: str | None
    clocks: tuple[Clock, ...]
    clocks_unavailable: str | None
    load: Reading
    cpu_pressure_percent: Reading
    memory_available_bytes: Reading
    free_bytes: Reading
    screen: Reading
    low_power: Reading
    skin_light_c: Reading = NOT_ASKED


def thermal_word(status: float | None) -> str:
    """Returns Android's word for a thermal status, 0 to 6; another number as it is."""
    return dict(enumerate(_THERMAL)).get(int(status or 0), f"{status:g}")
