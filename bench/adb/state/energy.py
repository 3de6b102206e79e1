"""Reads the energy meter of a phone: the counters of its rails.

Pixels from 6 on have such a meter ("ODPM"). Its files are root's on a phone as it is sold. There
perfetto shows the same counters to the shell, by the power service of the phone's maker. That
service's own text (``dumpsys powerstats``) only names the rails. The formats are those of AOSP:
``IioEnergyMeterDataProvider``, ``PowerStatsService`` and perfetto's ``power_rails.proto``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bench.adb.batch import Answer, ask_all
from bench.adb.phone import FOLDER, Phone
from bench.adb.state.values import parse_number
from bench.core.device_state.energy import Energy, MeterWay, Rail

_DEVICES = "/sys/bus/iio/devices"
_DEVICE = f"{_DEVICES}/iio:device*"
_COUNTERS = f"{_DEVICE}/energy_value"
_FILES = ("enabled_rails", "sampling_rate", "energy_value")
_LINE = re.compile(rf"^{_DEVICES}/(iio:device\d+)/(\w+):(.*)$")
_REFUSED = re.compile(rf"^grep: {_DEVICES}/iio:device\d+/energy_value: (.+)$")
_ENABLED = re.compile(r"CH\d+\[([^\]]+)\]:(.+)$")  # CH2[VSYS_PWR_RFFE]:Cellular
_COUNTED = re.compile(r"CH\d+\(T=(\d+)\)\[([^\]]+)\], (\d+)$")  # CH3(T=358356)[S2M_VDD_CPU], 761330
_CHANNEL = re.compile(r"ChannelId: \d+, ChannelName: ")

TRACE = "/data/misc/perfetto-traces/frill-bench.pftrace"  # where perfetto may write, and we read
_WORDS = f"{FOLDER}/perfetto.txt"  # its messages
_POLL_S, _LONGEST_S = 1.0, 600.0
_UPTIME, _TRACE = "uptime", "trace"
_LOADED_AFTER_S = 1.5  # by then a process has loaded its model
_TRY_S = 0.5
_TRY_LIMIT_S = 30.0
# Numbers of the fields: of Trace, TracePacket, PowerRails and the two messages in it.
_PACKET, _POWER_RAILS, _DESCRIPTOR, _ENERGY_DATA = 1, 40, 1, 2
_INDEX, _NAME, _SUBSYSTEM, _SAMPLING_HZ = 1, 2, 3, 4
_TIMESTAMP_MS, _ENERGY_UWS = 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Point: TypeAlias = tuple[float, float]  # ms, and uWs


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyMeter:
    """The energy meter of a phone.

    Args:
        way: how it can be read; ``None`` if it cannot.
        rails: those that it counts, without points.
        unavailable: why it cannot be read.
    """

    way: MeterWay | None = None
    rails: tuple[Rail, ...] = ()
    unavailable: str | None = None

    @property
    def sampled(self) -> str:
        """The files to read with each sample; empty if there are none."""
        return _COUNTERS if self.way is MeterWay.FILES else ""

    @property
    def begin(self) -> str:
        """A script to run before a process."""
        return _begin_trace() if self.way is MeterWay.PERFETTO else ":"

    @property
    def end(self) -> str:
        """A script to run when the process has ended, so that all readings are written."""
        traces = self.way is MeterWay.PERFETTO
        return "{ kill $tracer; wait $tracer; } 2>/dev/null" if traces else ":"

    @property
    def asked(self) -> dict[str, str]:
        """Questions of the moments before and after a process."""
        return {_UPTIME: "cat /proc/uptime"} if self.way is MeterWay.PERFETTO else {}

    @property
    def asked_later(self) -> dict[str, str]:
        """Questions after ``end``."""
        return {_TRACE: _collect_trace()} if self.way is MeterWay.PERFETTO else {}

    def energy(
        self, before: Mapping[str, Answer], after: Mapping[str, Answer], samples: Iterable[Answer]
    ) -> Energy:
        """Returns the energy of the time in which a process had loaded its model already.

        Args:
            before, after: answers to the questions before and after it.
            samples: those during it, the first two seconds after its start.
        """
        if self.way is None:
            return Energy(unavailable=self.unavailable)
        if self.way is MeterWay.FILES:
            points: dict[str, list[_Point]] = defaultdict(list)
            for sample in samples:
                for name, point in _counted(sample.lines):
                    points[name].append(point)
            return self._with(points)
        return self._traced(before, after)

    def _traced(self, before: Mapping[str, Answer], after: Mapping[str, Answer]) -> Energy:
        up_s = [parse_number(each[_UPTIME].text.partition(" ")[0]) for each in (before, after)]
        if up_s[0] is None or up_s[1] is None:
            return Energy(unavailable="the phone does not show how long it has been up")
        trace = _trace_in(after[_TRACE])
        if trace is None:
            return Energy(unavailable=f"perfetto gave no trace: {_last_words(after[_TRACE])}")
        first_ms, last_ms = 1e3 * (up_s[0] + _LOADED_AFTER_S), 1e3 * up_s[1]
        return self._with(
            {
                rail.name: [point for point in rail.points if first_ms <= point[0] <= last_ms]
                for rail in rails_of_trace(trace)
            }
        )

    def _with(self, points: Mapping[str, Sequence[_Point]]) -> Energy:
        rails = tuple(replace(each, points=tuple(points.get(each.name, ()))) for each in self.rails)
        return Energy(way=self.way, rails=rails)


def find_meter(phone: Phone) -> EnergyMeter:
    """Returns the energy meter of a phone, and how it can be read.

    Raises:
        TransientDeviceError: the phone went away.
    """
    paths = " ".join(f"{_DEVICE}/{name}" for name in _FILES)
    found = ask_all(phone, {"files": f"grep -H . {paths}", "service": "dumpsys powerstats"})
    files = found["files"]
    readable = {name for name, _ in _counted(files.lines)}
    rails = tuple(rail for rail in _enabled(files.lines) if rail.name in readable)
    if rails:
        return EnergyMeter(way=MeterWay.FILES, rails=rails)
    channels = len(_CHANNEL.findall(found["service"].text))
    refused = next((match[1] for line in files.lines if (match := _REFUSED.match(line))), None)
    if not channels and refused is None:
        return EnergyMeter(
            unavailable="the phone shows no energy meter (Pixels from 6 on have one)"
        )
    command = f"{_begin_trace(_TRY_S)}\nwait $tracer\n{_collect_trace()}"
    done = phone.shell(command, limit_s=_TRY_LIMIT_S)
    answer = Answer(text=done.text, exit_status=done.exit_status)
    trace = _trace_in(answer)
    traced = [] if trace is None else rails_of_trace(trace)
    if any(rail.points for rail in traced):
        return EnergyMeter(
            way=MeterWay.PERFETTO, rails=tuple(replace(rail, points=()) for rail in traced)
        )
    count = f"its {channels} rails" if channels else "its rails"
    why = "perfetto shows none" if trace is not None else f"perfetto: {_last_words(answer)}"
    return EnergyMeter(
        unavailable=f"adb's shell may not read {count} ({refused or 'no files'}), and {why}"
    )


def _begin_trace(seconds: float = _LONGEST_S) -> str:
    """Returns a script that lets perfetto read the meter, as ``$tracer``."""
    poll_ms = int(1e3 * min(_POLL_S, seconds))
    return (
        f"perfetto -c - --txt -o {TRACE} >/dev/null 2>{_WORDS} <<'CONFIG' & tracer=$!\n"
        f"duration_ms: {1e3 * seconds:.0f}\n"
        "buffers { size_kb: 4096 fill_policy: DISCARD }\n"
        'data_sources { config { name: "android.power" android_power_config { '
        f"battery_poll_ms: {poll_ms} collect_power_rails: true }} }} }}\n"
        "CONFIG"
    )


def _collect_trace() -> str:
    """Returns a command that prints the trace in base 64, or perfetto's messages; removes both."""
    return (
        f"[ -s {TRACE} ] && base64 {TRACE} || cat {_WORDS} 2>/dev/null || "
        f"echo perfetto: not there; rm -f {TRACE} {_WORDS}"
    )


def rails_of_trace(trace: bytes) -> list[Rail]:
    """Returns the rails of a perfetto trace, with all points.

    A trace that is cut off gives those before the cut.
    """
    rails: dict[int, Rail] = {}
    points: dict[int, list[_Point]] = defaultdict(list)
    for message in _messages(trace, _PACKET, _POWER_RAILS):
        for number, content in _fields(message):
            values = dict(_fields(content)) if isinstance(content, bytes) else {}
            index = _number(values.get(_INDEX, 0))
            if number == _DESCRIPTOR:
                rails[int(index)] = Rail(
                    name=_text(values.get(_NAME, b"")),
                    subsystem=_text(values.get(_SUBSYSTEM, b"")),
                    sampling_hz=_number(values.get(_SAMPLING_HZ, 0)) or None,
                )
            elif number == _ENERGY_DATA and _ENERGY_UWS in values:
                at_ms = _number(values.get(_TIMESTAMP_MS, 0))
                points[int(index)].append((at_ms, _number(values[_ENERGY_UWS])))
    return [replace(rail, points=tuple(points[index])) for index, rail in rails.items()]


def _counted(lines: Sequence[str]) -> Iterator[tuple[str, _Point]]:
    for line in lines:
        match = _LINE.match(line)
        counted = _COUNTED.match(match[3]) if match and match[2] == "energy_value" else None
        if counted is not None:
            yield counted[2], (float(counted[1]), float(counted[3]))


def _enabled(lines: Sequence[str]) -> Iterator[Rail]:
    matches = [match for line in lines if (match := _LINE.match(line))]
    rates = {match[1]: parse_number(match[3]) for match in matches if match[2] == "sampling_rate"}
    for match in matches:
        enabled = _ENABLED.match(match[3]) if match[2] == "enabled_rails" else None
        if enabled is not None:
            rate_hz = rates.get(match[1]) or None
            yield Rail(name=enabled[1], subsystem=enabled[2].strip(), sampling_hz=rate_hz)


def _trace_in(answer: Answer) -> bytes | None:
    """Returns the trace that was printed in base 64; ``None`` if it was not."""
    try:
        return base64.b64decode("".join(answer.text.split()), validate=True) or None
    except binascii.Error:
        return None


def _last_words(answer: Answer) -> str:
    return answer.lines[-1] if answer.lines else "it printed nothing"


def _messages(content: bytes, *path: int) -> Iterator[bytes]:
    """Yields the messages at a path of field numbers."""
    if not path:
        yield content
        return
    for number, value in _fields(content):
        if number == path[0] and isinstance(value, bytes):
            yield from _messages(value, *path[1:])


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields the fields of a protocol buffer, up to where it is cut off or is something else."""
    at = 0
    try:
        while at < len(content):
            key, at = _varint(content, at)
            kind = key & 7
            if kind == _VARINT:
                value, at = _varint(content, at)
                yield key >> 3, value
                continue
            if kind not in (_FIXED64, _BYTES, _FIXED32):
                return
            size = 8 if kind == _FIXED64 else 4
            if kind == _BYTES:
                size, at = _varint(content, at)
            if at + size > len(content):
                return
            yield key >> 3, content[at : at + size]
            at += size
    except IndexError:
        return


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _number(value: int | bytes) -> float:
    return float(value) if isinstance(value, int) else 0.0


def _text(value: int | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
