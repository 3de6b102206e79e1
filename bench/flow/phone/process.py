"""Runs processes of the benchmark tool on a phone, with telemetry."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from bench.adb.phone import Phone
from bench.adb.staging import missing_files
from bench.adb.state.energy import EnergyMeter, find_meter
from bench.adb.state.facts import AS_IN_FRONT
from bench.adb.state.reading import read_state
from bench.adb.state.watch import Watch, keeps_counters
from bench.core.device_state.state import AWAKE, State
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import TransientDeviceError
from bench.flow.device.sweep import Sweep
from bench.measure.conditions import caps_of, is_cool
from bench.measure.energy import METERED
from bench.plan.case import Case
from bench.tool.host import Execution, raw_text

_AT_ONCE_S = 0.1
_STATE_FIELDS = (
    *("battery_level_percent", "low_power", "screen"),
    *("thermal_status", "thermal_overridden"),
)
# A later reading of the state may take twice the time of the first, and 10 s more.
_READING_MARGIN_S, _READING_FACTOR = 10.0, 2.0


class PhoneProcesses:
    """Runs processes on a phone that has a sweep's files.

    Attributes:
        sweep: what is measured.
        stays_dark: the screen could not be turned on.
    """

    def __init__(self, phone: Phone, sweep: Sweep) -> None:
        self._phone = phone
        self.sweep = sweep
        self._watch: Watch | None = None
        self._meter: EnergyMeter | None = None
        self._last_state: tuple[float, State | None] = (0.0, None)
        self._caps_khz: tuple[tuple[int, float], ...] = ()
        self._cool_at_start = False
        self._dark = False
        self.stays_dark = False

    @property
    def is_dark(self) -> bool:
        """Whether the screen was off after the last process, and may be turned on."""
        return self._dark and not self.stays_dark

    def forget_state(self) -> None:
        """Makes the next process read the state again, because something was changed."""
        self._dark, self._last_state = False, (0.0, None)

    def restage(self) -> None:
        """Checks on a phone that was lost what runs its processes, and pushes it again if needed.

        Raises:
            DeviceError: the phone has no room, or refuses it.
            TransientDeviceError: the phone went away.
        """
        if self._watch is not None:
            self._watch.stage_script()

    def run(
        self,
        case: Case,
        command: tuple[str, ...] | None = None,
        *,
        telemetry: bool = True,
        before: State | None = None,
        read_after: bool = True,
    ) -> Execution:
        """Runs one process to its end and returns it.

        Args:
            command: replaces that of the sweep; it writes no result file.
            telemetry: whether to read the phone's state before and after it.
            before: the state before it, if it is known.
            read_after: ``False`` for a process that another one follows at once; only the counters
                of its cores are read.

        Raises:
            TransientDeviceError: the phone was lost, or the files on it changed.
        """
        result_file = self.sweep.result_file if command is None else None
        command = command or self.sweep.command(case)
        metered = self.sweep.energy and case.protocol.mode in METERED
        watch = self._choose_watch(telemetry=telemetry, metered=metered)
        started_at = datetime.now(UTC).isoformat()
        started_s = time.perf_counter()
        ended = watch.run(
            command,
            limit_s=self.sweep.limit_s(case),
            first=f"{AS_IN_FRONT} >/dev/null 2>&1\n"
            + (f"rm -f {result_file}" if result_file else "true"),
            before=(before or self._recent_state()) if telemetry else None,
            read_after=read_after,
        )
        if not read_after:
            self._last_state = (0.0, None)
        elif telemetry:
            after = ended.telemetry.after
            self._last_state = (time.monotonic(), after if _is_unchanged(ended.telemetry) else None)
            self._dark = after is not None and after.screen.text not in (None, AWAKE)
        wall_s = time.perf_counter() - started_s
        if ended.exit_status and not ended.timed_out:
            self._check_storage()
        return Execution(
            command=command,
            started_at=started_at,
            wall_s=wall_s - (ended.telemetry.overhead_s or 0.0),
            exit_status=ended.exit_status,
            timed_out=ended.timed_out,
            stdout=raw_text(ended.stdout),
            stderr=raw_text(ended.stderr),
            telemetry=replace(
                ended.telemetry,
                caps_at_start_khz=self._caps_khz,
                cool_at_start=self._cool_at_start,
            ),
            result=self._result(ended.exit_status) if result_file else None,
        )

    def _recent_state(self) -> State | None:
        """Returns the state after the last process, if it ended just now; else ``None``.

        ``None`` also where the state changed during that process, because it may change back.
        """
        read_s, state = self._last_state
        return state if time.monotonic() - read_s < _AT_ONCE_S else None

    def _choose_watch(self, *, telemetry: bool, metered: bool) -> Watch:
        """Returns the watch for a process; the first call reads the phone's state to set it up."""
        if self._watch is None:
            started_s = time.perf_counter()
            state = read_state(self._phone)
            limit_s = _READING_MARGIN_S + _READING_FACTOR * (time.perf_counter() - started_s)
            self._caps_khz = tuple(caps_of(state).items())
            self._cool_at_start = is_cool(state, self.sweep.limits)
            self._watch = Watch(
                phone=self._phone,
                groups=tuple(clock.cores for clock in state.clocks),
                counters=keeps_counters(self._phone),
                state_limit_s=limit_s,
            )
            self._watch.stage_script()
        if not telemetry:
            return replace(self._watch, state_limit_s=0.0)
        if not metered:
            return self._watch
        if self._meter is None:
            self._meter = find_meter(self._phone)
        return replace(self._watch, meter=self._meter)

    def _check_storage(self) -> None:
        """Raises an error if the files that a failed process read have changed on the phone."""
        wrong = missing_files(self._phone, self.sweep.paths)
        if wrong:
            path = self.sweep.device_paths[wrong[0]]
            raise TransientDeviceError(
                f"{self._phone.serial}: {path} has changed since it was pushed",
                hint="another program may clean that folder; if not, the phone's storage is bad",
                serial=self._phone.serial,
            )

    def _result(self, exit_status: int) -> bytes | None:
        """Returns the result proto, by one more command; ``None`` if the process failed."""
        if exit_status:
            return None
        answer = self._phone.shell(f"cat {self.sweep.result_file}")
        return answer.stdout if answer.exit_status == 0 else None


def _is_unchanged(telemetry: Telemetry) -> bool:
    """Returns whether the state is the same before and after a process, except temperatures."""
    before, after = telemetry.before, telemetry.after
    if before is None or after is None:
        return False
    return all(getattr(before, name) == getattr(after, name) for name in _STATE_FIELDS) and [
        clock.cap_khz for clock in before.clocks
    ] == [clock.cap_khz for clock in after.clocks]
