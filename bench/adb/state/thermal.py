"""A phone's heat: the status and the sensors of its thermal service, and the kernel's zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.adb.batch import Answer, files_of
from bench.adb.state.values import (
    ABSENT,
    fields_of,
    hottest,
    is_plausible_c,
    lines_about,
    number_of,
    parse_number,
    why,
)
from bench.core.device_state.state import Reading, Zone

ZONE = "/sys/class/thermal/thermal_zone"
_NOT_READY = re.compile(r"HAL Ready: false|ThermalHAL[^\n]* connected: no\b")
_TEMPERATURE = re.compile(r"Temperature\{(.+?)\}")
_CURRENT = "Current temperatures from HAL:"
_THRESHOLDS = "Temperature static thresholds from HAL:"
# Its form is the framework's, or that of either kind of HAL.
_THRESHOLD = re.compile(
    r"type\s*[=:]\s*(\w+),[ .m]*name\s*[=:]\s*([^,]*),[ .m]*hotThrottlingThresholds\s*[=:]\s*"
    r"\[([^\]\n]*)\]",
    re.IGNORECASE,
)
_NO_LIGHT = "the phone shows no throttling temperature of its skin"
_PLAUSIBLE_LIGHT_C = (30.0, 80.0)
_CPU, _BATTERY, _SKIN = 0, 2, 3  # android.hardware.thermal TemperatureType
_POWER = (6, 7, 8)  # of the battery: voltage, current, per cent
_SURFACE = re.compile("batt|skin", re.IGNORECASE)
_SKIN_NAME = re.compile("skin", re.IGNORECASE)
# Zones that count per cent, currents, voltages, levels or events, and averages over absent sensors.
_NO_TEMPERATURE = re.compile(
    r"^socd?$|ibat|vbat|bcl|vph|lvl|batoilo|ocp|vdroop|smpl|[-_]cycle$|battery[-_](cell|soc)"
    r"|skin.*[-_]step$|avg[-_]step$",
    re.IGNORECASE,
)
# Zones count in thousandths of a degree by the kernel's rule; some drivers in tenths or degrees.
_FROM_TENTHS, _FROM_THOUSANDTHS = 150.0, 1500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sensor:
    """A sensor of the thermal service.

    Args:
        name: in lower case.
        kind: Android's TemperatureType, also where the maker counts from one; ``None`` if unknown.
        temp_c: ``None`` if it is not a temperature.
        status: 0 (none) to 6 (shutdown), of this sensor alone.
    """

    name: str
    kind: int | None
    temp_c: float | None
    status: float


def status_of(answer: Answer) -> Reading:
    """Returns the thermal status, 0 (none) to 6 (shutdown).

    Without a HAL the service prints 0, which is not a reading. Phones that poll their sensors
    rarely print an old status, so that of the skin as it is now counts too.
    """
    if _NOT_READY.search(answer.text):
        return Reading(unavailable="its thermal HAL is not ready")
    fields = fields_of(answer)
    status = number_of(answer, fields.get("Thermal Status"))
    _, _, current = answer.text.partition(_CURRENT)
    if status.number is None or fields.get("IsStatusOverride") == "true":
        return status
    now = [each.status for each in _sensors(current) if each.kind == _SKIN]
    return Reading(value=max(status.number, *now)) if now else status


def skin_temp_c(answer: Answer) -> Reading:
    """Returns the temperature of the skin in the thermal service, in C: of the hottest sensor."""
    return _reading(_chosen(_sensors_of(answer), _SKIN, "skin"), answer)


def cpu_temp_c(answer: Answer) -> Reading:
    """Returns the temperature of the hottest CPU sensor in the thermal service, in C."""
    return _reading(_chosen(_sensors_of(answer), _CPU, "cpu"), answer)


def skin_light_c(answer: Answer) -> Reading:
    """Returns the skin's temperature, in C, from which its thermal status is not none any more."""
    _, _, text = answer.text.partition(_THRESHOLDS)
    first = int(_counts_from_one(_names_and_kinds(_fields(answer.text))))
    limits = [
        _Sensor(name=name.lower(), kind=_kind(kind, first), temp_c=_light_c(temps), status=0.0)
        for kind, name, temps in _THRESHOLD.findall(text)
    ]
    chosen = [each.temp_c for each in _chosen(limits, _SKIN, "skin") if each.temp_c is not None]
    return Reading(value=min(chosen)) if chosen else Reading(unavailable=_NO_LIGHT)


def zones_of(answer: Answer) -> tuple[tuple[Zone, ...], str | None]:
    """Returns the kernel's zones by name, or none and why."""
    answer = lines_about(answer, ZONE)
    files = files_of(answer)
    zones = [
        Zone(
            name=kind.text,
            temp_c=_zone_temp_c(kind.text, files.get(f"{path.removesuffix('type')}temp")),
        )
        for path, kind in files.items()
        if path.endswith("/type") and kind.text
    ]
    zones.sort(key=lambda zone: zone.name)
    return tuple(zones), None if zones else why(answer)


def hottest_zone(zones: Iterable[Zone], *, otherwise: str) -> Reading:
    """Returns the temperature of the hottest zone, in C."""
    return hottest([zone.temp_c.number for zone in zones], otherwise=otherwise)


def is_surface(zone: Zone) -> bool:
    """Returns whether a zone is named after the battery or the skin."""
    return _SURFACE.search(zone.name) is not None


def is_skin(zone: Zone) -> bool:
    """Returns whether a zone is named after the skin."""
    return _SKIN_NAME.search(zone.name) is not None


def _reading(sensors: Iterable[_Sensor], answer: Answer) -> Reading:
    return hottest([sensor.temp_c for sensor in sensors], otherwise=why(answer))


def _sensors_of(answer: Answer) -> tuple[_Sensor, ...]:
    """Returns the sensors as they are now; where they are not shown, as they were cached."""
    _, heading, current = answer.text.partition(_CURRENT)
    return _sensors(current if heading else answer.text)


def _fields(text: str) -> list[dict[str, str]]:
    return [dict(re.findall(r"(\w+)=([^,}]*)", each)) for each in _TEMPERATURE.findall(text)]


def _names_and_kinds(found: Iterable[Mapping[str, str]]) -> list[tuple[str, float | None]]:
    return [(each.get("mName", "").lower(), parse_number(each.get("mType"))) for each in found]


def _sensors(text: str) -> tuple[_Sensor, ...]:
    found = _fields(text)
    first = int(_counts_from_one(_names_and_kinds(found)))
    return tuple(
        _Sensor(
            name=each.get("mName", "").lower(),
            kind=_kind(each.get("mType"), first),
            temp_c=parse_number(each.get("mValue")),
            status=parse_number(each.get("mStatus")) or 0.0,
        )
        for each in found
    )


def _kind(text: str | None, first: int) -> int | None:
    """Returns a kind of sensor by its number or word; ``first`` is the number of the CPU."""
    if text == "SKIN":
        return _SKIN
    number = parse_number(text)
    return None if number is None or number < first else int(number) - first


def _light_c(temps: str) -> float | None:
    """Returns the first temperature of a row that begins with "none" and "light"."""
    low, high = _PLAUSIBLE_LIGHT_C
    _, *values = (parse_number(each) for each in temps.split(","))
    return next((value for value in values if value is not None and low <= value <= high), None)


def _counts_from_one(sensors: Sequence[tuple[str, float | None]]) -> bool:
    """Returns whether a maker numbers its kinds of sensors from one: a battery is then a 3."""

    def are(word: str, kind: int) -> bool:
        return any(
            number == kind and word in name and (word == "skin" or "skin" not in name)
            for name, number in sensors
        )

    if are("", _CPU) or are("bat", _BATTERY) or are("skin", _SKIN):
        return False
    return are("bat", _BATTERY + 1) or are("skin", _SKIN + 1)


def _chosen(sensors: Iterable[_Sensor], kind: int, word: str) -> list[_Sensor]:
    """Returns the sensors of a kind; where none has it, those that are named so."""
    plausible = [sensor for sensor in sensors if is_plausible_c(sensor.temp_c)]
    typed = [sensor for sensor in plausible if sensor.kind == kind]
    named = [
        sensor
        for sensor in plausible
        if word in sensor.name
        and sensor.kind not in _POWER
        and (word == "skin" or "skin" not in sensor.name)
    ]
    chosen = typed or named
    return _without_models(chosen) if kind == _SKIN else chosen


def _without_models(sensors: Sequence[_Sensor]) -> list[_Sensor]:
    """Returns sensors without those that are named after another one, as models of a part of it."""
    bases = tuple(f"{sensor.name}-" for sensor in sensors)
    return [sensor for sensor in sensors if not sensor.name.startswith(bases)]


def _zone_temp_c(name: str, file: Reading | None) -> Reading:
    if file is None or file.text is None:
        return file or Reading(unavailable=ABSENT)
    value = None if _NO_TEMPERATURE.search(name) else parse_number(file.text)
    if value is not None and abs(value) >= _FROM_TENTHS:
        value /= 10 if abs(value) < _FROM_THOUSANDTHS else 1000
    return hottest([value], otherwise=f"not a temperature: {file.text}")
