"""A phone as a place where processes of the official tool run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from bench.adb.phone import Phone
from bench.adb.staging import Told, changed, kill_leftovers, place_of, stage
from bench.adb.state.facts import AS_IN_FRONT, BOOT_ID, Facts
from bench.adb.state.reading import read_snapshot
from bench.adb.state.settings import DeviceSettings
from bench.adb.state.watch import Watch, keeps_counters
from bench.core.errors import RebootedError, TransientDeviceError
from bench.core.hashing import sha256_file
from bench.core.state import Snapshot
from bench.core.telemetry import Telemetry
from bench.flow.device.phone_tool import make_executable, tool_there
from bench.flow.device.retry import WAIT_S, retry_when_reconnected
from bench.flow.measure.session import measure, open_session
from bench.flow.measure.sweep import Sweep, refuse_short_timeout, runner_of
from bench.measure.conditions import Limits, without_contention
from bench.plan.case import Case, Delegate
from bench.plan.device import Device, Kind
from bench.plan.suite import ALL_CORES, BIG_CORES, Suite, Target, cases
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.elf import check
from bench.tool.host import Execution, Tool, raw_text

_AT_ONCE_S = 0.1
_AWAKE = "Awake"
_ALIKE = (
    *("battery_level_percent", "low_power", "screen"),
    *("thermal_status", "thermal_overridden"),
)
_SNAPSHOT_MARGIN_S, _SLOWER = 10.0, 2.0  # how much longer than the first a snapshot may take
T = TypeVar("T")
# What a phone is measured with: its facts to the file of the tool on this machine.
ToolFor = Callable[[Facts], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What every phone is to do.

    Args:
        tool_for: which tool.
        library: of the external delegate, on this machine.
        delegates_are_default: nobody asked for XNNPACK by name, so a tool without it does too.
        mask_of_big_cores: for a number of threads; ``None`` where the phone cannot pin.
        wait_s: how long a lost phone is waited for.
        timeout_s: when a process is killed, instead of when its protocol must have ended.
        asked: what is changed on the phone meanwhile, besides the suite's fixed performance.
        limits_for: within which it is measured.
        force_unfit: measure it outside of them too, at once.
        check: whether outputs are compared with the host's: ``None`` for files with a manifest.
        second_tool: one that some cases are measured with instead, on this machine.
        open_session, measure: what is done with the sweep, as ``bench.flow.measure`` does it.
    """

    suite: Suite
    targets: tuple[Target, ...]
    tool_for: ToolFor
    mask_of_big_cores: Callable[[Facts, int], str | None]
    library: Path | None = None
    delegates_are_default: bool = False
    wait_s: float = WAIT_S
    timeout_s: float | None = None
    asked: DeviceSettings = field(default_factory=DeviceSettings)
    limits_for: Callable[[Facts], Limits] = lambda facts: phone_limits(facts, Limits())
    force_unfit: bool = False
    check: bool | None = None
    second_tool: Path | None = None
    open_session: Callable[[Sweep, Store], Session] = open_session
    measure: Callable[..., None] = measure


def phone_device(facts: Facts) -> Device:
    """Returns what is stored of a phone."""
    fastest = facts.clusters[-1].cores if facts.clusters else ()
    out = sorted(set(fastest) - set(facts.allowed_cores)) if facts.allowed_cores else []
    return Device(
        kind=Kind.PHONE,
        name=f"{facts.model} ({facts.serial})",
        model=" ".join(filter(None, (facts.manufacturer, facts.model))),
        cpu=facts.soc,
        cores=len(facts.cores) or None,
        os_build=facts.fingerprint,
        abi=facts.abis[0] if facts.abis else "unknown",
        boot_id=facts.boot_id,
        serial=facts.serial,
        virtual=facts.virtual,
        cores_left_out=",".join(map(str, out)) or None,
    )


def phone_limits(facts: Facts, limits: Limits) -> Limits:
    """Returns the limits of a phone's device profile as they hold for this very phone."""
    # A virtual one shares the cores of the machine that it runs on with all that runs there.
    return without_contention(limits) if facts.virtual else limits


def phone_sweep(
    phone: Phone,
    wanted: Wanted,
    facts: Facts,
    *,
    told: Told = lambda done, total: None,
    models: bool = True,
) -> Sweep:
    """Returns the sweep of a suite over files that lie, verified, on a phone.

    Args:
        told: how many bytes of how many are on the phone.
        models: push them too; without them nothing can run, but the commands are known.

    Raises:
        ConfigurationError: the tool is for other phones, or cannot do what the suite asks.
        DeviceError: the phone has no room, or the tool does not start there.
        TransientDeviceError: the phone went away.
    """
    kill_leftovers(phone)
    binary = wanted.tool_for(facts)
    check(binary, abis=facts.abis, page_bytes=facts.page_bytes or 0)
    suite = wanted.suite
    tool = tool_there(phone, binary)
    library_sha256 = _library(wanted, facts)
    if wanted.delegates_are_default and "use_xnnpack" not in tool.known_flags:
        suite = replace(suite, delegates=(Delegate.NONE,))
    files = {target.sha256: target.path for target in wanted.targets}
    files[tool.sha256] = binary
    tools = _second_tool(phone, wanted, facts, files)
    if wanted.library is not None and library_sha256 is not None:
        files[library_sha256] = wanted.library
    places = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
    device = phone_device(facts)
    sweep = Sweep(
        name=suite.name,
        cases=cases(
            suite,
            wanted.targets,
            device=device,
            runner=runner_of(tool),
            tool_sha256=tool.sha256,
            affinity=lambda threads: _affinity(suite, facts, wanted, threads),
            library_sha256=library_sha256,
        ),
        paths=files,
        there=places,
        library=places.get(library_sha256 or ""),
        result_file=PurePosixPath(phone.folder) / "result.pb"
        if "result_file_path" in tool.known_flags
        else None,
        tool=tool,
        tools=tools,
        device=device,
        seed=suite.seed,
        timeout_s=wanted.timeout_s,
        limits=wanted.limits_for(facts),
    )
    refuse_short_timeout(sweep.cases, wanted.timeout_s)
    if models:
        stage(phone, files, told=told)
    return sweep


class PhoneBench:
    """Runs processes on a phone on which a sweep's files lie.

    Args:
        said: told when the phone is lost and when it is back.
        looks: at the phone before and after each process.
        wake: wakes it and returns why it stays dark, where it is to stay awake.
    """

    def __init__(
        self,
        phone: Phone,
        sweep: Sweep,
        wait_s: float = WAIT_S,
        *,
        said: Callable[[str], None] = lambda what: None,
        looks: bool = True,
        wake: Callable[[], str] | None = None,
    ) -> None:
        self._phone = phone
        self._sweep = sweep
        self._wait_s = wait_s
        self._said = said
        self._looks = looks
        self._wake = wake
        self._dark = False
        self._losses = 0
        self._watch: Watch | None = None
        self._seen: tuple[float, Snapshot | None] = (0.0, None)
        self._caps_khz: tuple[tuple[int, float], ...] = ()

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        """Returns one process of ``case`` that ran to its end; one lost with the phone runs again.

        Args:
            command: instead of the sweep's.

        Raises:
            RebootedError: the phone came back on another boot.
            DeviceError: the phone does not come back, or is lost again and again.
        """
        before = self._losses
        done = self.retrying(lambda: self._run(case, command or self._sweep.command(case)))
        return replace(done, losses=self._losses - before)

    def retrying(self, act: Callable[[], T]) -> T:
        """Returns what ``act`` returns; it is done again when a lost phone is back.

        Raises:
            RebootedError: the phone came back on another boot.
            DeviceError: the phone does not come back, or is lost again and again.
        """

        def attempt(losses: int) -> T:
            if losses:
                self._losses += 1
                self._make_ready()
                self._said("it is back")
            return act()

        return retry_when_reconnected(
            self._phone, attempt, wait_s=self._wait_s, on_message=self._said
        )

    def _run(self, case: Case, command: tuple[str, ...]) -> Execution:
        result_file = self._sweep.result_file
        watch = self._watch or self._watching()
        if self._dark:
            self._wake_up()
        started_at = datetime.now(UTC).isoformat()
        started_s = time.perf_counter()
        done = watch.run(
            command,
            limit_s=self._sweep.limit_s(case),
            first=f"{AS_IN_FRONT} >/dev/null 2>&1\n"
            + (f"rm -f {result_file}" if result_file else "true"),
            known=self._just_seen(),
        )
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
            result=self._result(done.exit_status),
        )

    def _wake_up(self) -> None:
        """Wakes a phone that went dark and is to stay awake; one that stays dark is left so."""
        if self._wake is None:
            return
        words = self._wake()
        self._dark, self._seen = False, (0.0, None)
        if words:
            self._wake = None
            self._said(f"its screen went dark and cannot be woken: {words}")
        else:
            self._said("its screen went dark: it was woken again")

    def _just_seen(self) -> Snapshot | None:
        """Returns the look after the process before, if this one follows it at once.

        Not where something had changed meanwhile, for it may change back.
        """
        seen_s, state = self._seen
        return state if time.monotonic() - seen_s < _AT_ONCE_S else None

    def _watching(self) -> Watch:
        """Returns how this phone's processes are watched, found out by a first look at it."""
        started_s = time.perf_counter()
        state = read_snapshot(self._phone)
        limit_s = _SNAPSHOT_MARGIN_S + _SLOWER * (time.perf_counter() - started_s)
        self._caps_khz = tuple(
            (clock.cores[0], cap_khz)
            for clock in state.clocks
            if (cap_khz := clock.cap_khz.number) is not None
        )
        self._watch = Watch(
            phone=self._phone,
            groups=tuple(clock.cores for clock in state.clocks),
            counters=keeps_counters(self._phone),
            snapshot_limit_s=limit_s if self._looks else 0.0,
        )
        return self._watch

    def _make_ready(self) -> None:
        """Sees to it that the phone that is back is as it was.

        Raises:
            RebootedError: it is another boot.
        """
        phone, device = self._phone, self._sweep.device
        boot_id = phone.shell(f"cat {BOOT_ID}").text.strip()
        if device.boot_id is not None and boot_id != device.boot_id:
            raise RebootedError(
                f"{phone.serial}: it was rebooted", hint="run again: a new session begins"
            )
        kill_leftovers(phone)
        stage(phone, self._sweep.paths)
        for sha256 in (self._sweep.tool.sha256, *self._sweep.tools):
            make_executable(phone, self._sweep.there[sha256])

    def _blame_storage(self) -> None:
        """Raises if the files that a failed process read are not what was pushed."""
        wrong = changed(self._phone, self._sweep.there)
        if wrong:
            there = self._sweep.there[wrong[0]]
            raise TransientDeviceError(
                f"{self._phone.serial}: {there} is not what was pushed any more",
                hint="another program may clean that folder; a phone that does it by itself is bad",
                serial=self._phone.serial,
            )

    def _result(self, exit_status: int) -> bytes | None:
        """Returns the result proto, in one more round trip where the tool writes one."""
        if self._sweep.result_file is None or exit_status:
            return None
        found = self._phone.shell(f"cat {self._sweep.result_file}")
        return found.stdout if found.exit_status == 0 else None


def _is_alike(telemetry: Telemetry) -> bool:
    """Returns whether a phone was after a process what it was before it, but for its warmth."""
    before, after = telemetry.before, telemetry.after
    if before is None or after is None:
        return False
    return all(getattr(before, name) == getattr(after, name) for name in _ALIKE) and [
        each.cap_khz for each in before.clocks
    ] == [each.cap_khz for each in after.clocks]


def _second_tool(
    phone: Phone, wanted: Wanted, facts: Facts, files: dict[str, Path]
) -> dict[str, Tool]:
    """Returns another tool than the first by its SHA-256, and adds it to the files."""
    binary = wanted.second_tool
    if binary is None or sha256_file(binary) in files:
        return {}
    check(binary, abis=facts.abis, page_bytes=facts.page_bytes or 0)
    tool = tool_there(phone, binary)
    files[tool.sha256] = binary
    return {tool.sha256: tool}


def _library(wanted: Wanted, facts: Facts) -> str | None:
    """Returns the SHA-256 of the external delegate's library, once it is known to fit."""
    if wanted.library is None:
        return None
    check(wanted.library, abis=facts.abis, page_bytes=facts.page_bytes or 0)
    return sha256_file(wanted.library)


def _affinity(suite: Suite, facts: Facts, wanted: Wanted, threads: int) -> str | None:
    if suite.affinity == ALL_CORES:
        return None
    if suite.affinity not in (None, BIG_CORES):
        return suite.affinity
    return wanted.mask_of_big_cores(facts, threads) if facts.taskset else None
