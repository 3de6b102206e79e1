"""One process of the benchmark tool on a phone, with the telemetry around it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from bench.adb.phone import Phone
from bench.adb.staging import missing_files
from bench.adb.state.facts import AS_IN_FRONT
from bench.adb.state.reading import read_state
from bench.adb.state.watch import Watch, keeps_counters
from bench.core.device_state.state import State
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import TransientDeviceError
from bench.flow.device.sweep import Sweep
from bench.plan.case import Case
from bench.tool.host import Execution, raw_text

_AT_ONCE_S = 0.1
_AWAKE = "Awake"
_ALIKE = (
    *("battery_level_percent", "low_power", "screen"),
    *("thermal_status", "thermal_overridden"),
)
# How much longer than the first reading of the state a later one may take.
_READING_MARGIN_S, _SLOWER = 10.0, 2.0


class PhoneProcesses:
    """Runs processes on a phone on which a sweep's files are staged.

    Attributes:
        is_dark: the screen was off after the process before.
        stays_dark: it could not be woken.
    """

    def __init__(self, phone: Phone, sweep: Sweep) -> None:
        self._phone = phone
        self._sweep = sweep
        self._watch: Watch | None = None
        self._bare: Watch | None = None
        self._seen: tuple[float, State | None] = (0.0, None)
        self._caps_khz: tuple[tuple[int, float], ...] = ()
        self._dark = False
        self.stays_dark = False

    @property
    def is_dark(self) -> bool:
        """Whether the screen was off after the process before, and might be woken."""
        return self._dark and not self.stays_dark

    def forget_state(self) -> None:
        """Reads the state anew before the next process: something was changed."""
        self._dark, self._seen = False, (0.0, None)

    def run(
        self, case: Case, command: tuple[str, ...] | None = None, *, telemetry: bool = True
    ) -> Execution:
        """Returns one process that ran to its end.

        Args:
            command: instead of the sweep's; it writes no result file.
            telemetry: read the phone's state before and after it.

        Raises:
            TransientDeviceError: the phone went away, or its storage changed what was pushed.
        """
        result_file = self._sweep.result_file if command is None else None
        command = command or self._sweep.command(case)
        watch = self._watching(telemetry=telemetry)
        started_at = datetime.now(UTC).isoformat()
        started_s = time.perf_counter()
        done = watch.run(
            command,
            limit_s=self._sweep.limit_s(case),
            first=f"{AS_IN_FRONT} >/dev/null 2>&1\n"
            + (f"rm -f {result_file}" if result_file else "true"),
            before=self._just_seen() if telemetry else None,
        )
        if telemetry:
            after = done.telemetry.after
            self._seen = (time.monotonic(), after if _is_alike(done.telemetry) else None)
            self._dark = after is not None and after.screen.text not in (None, _AWAKE)
        wall_s = time.perf_counter() - started_s
        if done.exit_status and not done.timed_out:
            self._blame_storage()
        return Execution(
            command=command,
            started_at=started_at,
            wall_s=wall_s - (done.telemetry.overhead_s or 0.0),
            exit_status=done.exit_status,
            timed_out=done.timed_out,
            stdout=raw_text(done.stdout),
            stderr=raw_text(done.stderr),
            telemetry=replace(done.telemetry, caps_at_start_khz=self._caps_khz),
            result=self._result(done.exit_status) if result_file else None,
        )

    def _just_seen(self) -> State | None:
        """Returns the state after the process before, if this one follows it at once.

        Not where something had changed meanwhile, for it may change back.
        """
        seen_s, state = self._seen
        return state if time.monotonic() - seen_s < _AT_ONCE_S else None

    def _watching(self, *, telemetry: bool) -> Watch:
        """Returns how this phone's processes are watched, found out by reading its state first."""
        if self._watch is None:
            started_s = time.perf_counter()
            state = read_state(self._phone)
            limit_s = _READING_MARGIN_S + _SLOWER * (time.perf_counter() - started_s)
            self._caps_khz = tuple(
                (clock.cores[0], cap_khz)
                for clock in state.clocks
                if (cap_khz := clock.cap_khz.number) is not None
            )
            groups = tuple(clock.cores for clock in state.clocks)
            counters = keeps_counters(self._phone)
            self._watch = Watch(
                phone=self._phone, groups=groups, counters=counters, state_limit_s=limit_s
            )
            self._bare = Watch(
                phone=self._phone, groups=groups, counters=counters, state_limit_s=0.0
            )
        return self._watch if telemetry or self._bare is None else self._bare

    def _blame_storage(self) -> None:
        """Raises if the files that a failed process read are not what was pushed."""
        wrong = missing_files(self._phone, self._sweep.there)
        if wrong:
            there = self._sweep.there[wrong[0]]
            raise TransientDeviceError(
                f"{self._phone.serial}: {there} is not what was pushed any more",
                hint="another program may clean that folder; a phone that does it by itself is bad",
                serial=self._phone.serial,
            )

    def _result(self, exit_status: int) -> bytes | None:
        """Returns the result proto, in one more round trip where the tool writes one."""
        if exit_status:
            return None
        answer = self._phone.shell(f"cat {self._sweep.result_file}")
        return answer.stdout if answer.exit_status == 0 else None


def _is_alike(telemetry: Telemetry) -> bool:
    """Returns whether a phone was after a process what it was before it, but for its warmth."""
    before, after = telemetry.before, telemetry.after
    if before is None or after is None:
        return False
    return all(getattr(before, name) == getattr(after, name) for name in _ALIKE) and [
        clock.cap_khz for clock in before.clocks
    ] == [clock.cap_khz for clock in after.clocks]
