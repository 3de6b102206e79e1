"""A phone as a device. What is interrupted by a loss is repeated when the phone is back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from bench.adb.phone import Phone, open_phone
from bench.adb.staging import kill_leftovers, place_of, stage, stage_file
from bench.adb.state.facts import BOOT_ID, Facts, read_facts
from bench.adb.state.identity import own_key
from bench.adb.state.power_modes import makers_modes
from bench.adb.state.reading import read_state
from bench.adb.state.settings import (
    AWAY_S,
    ChangedSettings,
    changed_settings,
    restore_settings,
    wake,
)
from bench.adb.transport.serials import Found, is_remote
from bench.core.device_state.state import State
from bench.core.errors import ConfigurationError, DeviceError, RebootedError
from bench.flow.device.device import PUSH, Contact
from bench.flow.device.requests import PhoneRequest, RunRequest
from bench.flow.device.sweep import Sweep
from bench.flow.phone.discovery import profile_of
from bench.flow.phone.drift_probe import Probe
from bench.flow.phone.hang import Reviver
from bench.flow.phone.process import PhoneProcesses
from bench.flow.phone.readiness import MODES, Readiness, limits_of, log_settings, queue_for
from bench.flow.phone.retry import rebooted, retry_when_reconnected
from bench.flow.phone.sweep import phone_sweep
from bench.flow.phone.tool import PhoneTools, make_executable
from bench.flow.phone.warm import WarmCaches
from bench.measure.conditions import Limits, when_forced, without_contention
from bench.plan.case import Case, Mode
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.host import Execution
from device_profiles.device_profile import Profile, profiles

# The latency of these modes does not count, so they run without waiting and without telemetry.
_UNWATCHED = (Mode.OUTPUT_CHECK, Mode.PROBE)
T = TypeVar("T")


class PhoneDevice:
    """A phone, by USB, by TCP or through a running adb server.

    Args:
        tools: shared by all phones, so that phones of one kind share a download.
        known: device profiles; by default the packaged ones and the user's.
    """

    is_this_machine = False

    def __init__(
        self,
        found: Found,
        run: RunRequest,
        tools: PhoneTools,
        request: PhoneRequest | None = None,
        *,
        known: Sequence[Profile] | None = None,
    ) -> None:
        self._found = found
        self._request_run = run
        self._tools = tools
        self._request = request or PhoneRequest()
        self._known = profiles() if known is None else known
        self._contact = Contact()
        self._opened: Phone | None = None
        self._facts: Facts | None = None
        self._staged: PhoneProcesses | None = None
        self._caches: WarmCaches | None = None
        self._changed: ChangedSettings | None = None
        self._watching: tuple[Readiness, Probe] | None = None
        self._extra: dict[str, Path] = {}
        self._losses = 0
        self._reviver = Reviver(allowed=self._request.may_reboot, remote=is_remote(found))

    @property
    def name(self) -> str:
        """The serial to connect to."""
        return self._found.serial

    @property
    def folder(self) -> PurePosixPath:
        """Our folder on the phone."""
        return PurePosixPath(self._phone.folder)

    @property
    def _phone(self) -> Phone:
        if self._opened is None:
            raise AssertionError(f"{self.name} is not open")
        return self._opened

    @property
    def _processes(self) -> PhoneProcesses:
        if self._staged is None:
            raise AssertionError(f"{self.name}: nothing is staged")
        return self._staged

    @property
    def _open_session(self) -> tuple[Readiness, Probe]:
        if self._watching is None:
            raise AssertionError(f"{self.name}: no session is open")
        return self._watching

    @contextmanager
    def opened(self, contact: Contact) -> Iterator[None]:
        """Connects to the phone; no other process of this machine can use it meanwhile.

        Raises:
            ConfigurationError: the keys are unusable, or airplane mode would cut it off.
            DeviceError: it cannot be used, for example because it is unauthorized.
            TransientDeviceError: it is not connected, or another process uses it.
        """
        self._contact = contact
        self._reviver.on_message = lambda line: self._contact.on_message(line)
        if self._request.settings.airplane and is_remote(self._found):
            raise ConfigurationError(
                f"{self.name}: airplane mode would disconnect it: it is connected over a network",
                hint="plug it in, or leave out --airplane",
            )
        with open_phone(
            self._found,
            stopped=contact.stopped,
            on_prompt=lambda: contact.on_message(
                "unlock the phone and accept 'Allow USB debugging?'"
            ),
            prompt_limit_s=self._request.wait_s,
            queue=queue_for(contact, self._request.queue_s),
            revive=self._reviver.revive,
        ) as phone:
            self._opened = phone
            yield

    def stage(self, *, models: bool = True) -> Sweep:
        """Returns the sweep on this boot, after staging and verifying its files."""
        if not models:  # changes no settings, and restores those of an interrupted run
            restore_settings(self._phone)
        sweep = self._retry(lambda losses: self._stage(models), may_reboot=models)
        self._staged = PhoneProcesses(self._phone, sweep)
        self._caches = WarmCaches(
            self._phone,
            sweep,
            partial(self._staged.run, telemetry=False),
            lambda line: self._contact.on_message(line),
        )
        return sweep

    def _stage(self, models: bool) -> Sweep:
        self._facts = self._reviver.facts = read_facts(self._phone)
        self._kill_leftovers(may_reboot=models)
        sweep = phone_sweep(
            self._phone,
            self._facts,
            profile_of(self._facts, self._known),
            self._request_run,
            self._tools,
            limits=self._limits(),
            on_progress=partial(self._contact.on_progress, PUSH),
            models=models,
        )
        forced = self._request.force_unfit
        return replace(sweep, limits=when_forced(sweep.limits)) if forced else sweep

    @contextmanager
    def prepared(self) -> Iterator[Sweep]:
        """Changes the phone's settings, stages, and restores the settings at the end.

        Raises:
            DeviceError: fixed performance is requested and the phone refuses it.
        """
        request = self._request
        settings = replace(
            request.settings, fixed_performance=self._request_run.suite.fixed_performance
        )
        with changed_settings(
            self._phone,
            settings,
            serial=self._retry(lambda losses: own_key(self._phone)),
            again=lambda change: self._retry(lambda losses: change(), may_reboot=False),
            on_message=self._contact.on_message,
            away_s=min(request.wait_s, AWAY_S),
        ) as changed:
            self._changed = changed
            yield self.stage()

    @contextmanager
    def session(self, session: Session, store: Store, contact: Contact) -> Iterator[None]:
        """Watches heat, screen and speed of the phone, and stores the events."""
        log = partial(store.log, session)
        self._reviver.begin(log)
        if self._caches is not None:
            self._caches.log = log
        log_settings(log, self._changed, self._facts)
        maker = (self._facts and self._facts.manufacturer) or ""
        if modes := self._redo_if_lost(lambda: makers_modes(self._phone, maker)):
            log(MODES, on=list(modes))
        outer, self._contact = self._contact, contact
        readiness = Readiness(
            self.name,
            lambda: self._redo_if_lost(lambda: read_state(self._phone)),
            self._limits(),
            contact,
            force=self._request.force_unfit,
            log=log,
        )
        probe = Probe(self, self._processes.sweep, on_message=contact.on_message, log=log)
        self._watching = (readiness, probe)
        try:
            yield
            probe.finish()
        except RebootedError as error:
            log("rebooted", why=error.message)
            raise
        finally:
            if any(case.warm_cache for case in self._processes.sweep.cases):
                self.clear_at_the_end("cache-*")
            self._contact, self._watching = outer, None
            self._reviver.end()

    def require_ready(self) -> None:
        """Returns once the phone may be measured; waits for a hot one to cool down.

        Raises:
            UnfitError: it does not cool down in time, or is unfit for another reason.
        """
        if self._watching is not None:
            self._watching[0].require()

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        """Runs one process to its end and returns it; if the phone is lost, it runs again."""
        if self._watching is None or case.protocol.mode in _UNWATCHED:
            return self._run(case, command, telemetry=self._watching is None and command is None)
        return self.run_block([case], command)[0]

    def run_block(
        self, cases: Sequence[Case], command: tuple[str, ...] | None = None
    ) -> list[Execution]:
        """Runs processes directly after each other, up to the first that failed."""
        readiness, probe = self._open_session
        readiness.before(cases[0])
        probe.before(cases[0])
        ran: list[Execution] = []
        for case in cases:
            before = ran[-1].telemetry.before if ran else None
            last = len(ran) == len(cases) - 1
            ran.append(self._run(case, command, telemetry=True, before=before, read_after=last))
            if ran[-1].exit_status or ran[-1].timed_out:
                break
        probe.after(cases[0], ran[-1])
        readiness.after(cases[0], ran[-1])
        after = ran[-1].telemetry.after
        return [replace(each, telemetry=replace(each.telemetry, after=after)) for each in ran]

    def _run(
        self,
        case: Case,
        command: tuple[str, ...] | None,
        *,
        telemetry: bool,
        before: State | None = None,
        read_after: bool = True,
    ) -> Execution:
        processes = self._processes
        losses = self._losses
        awake = self._changed is not None and "screen" in self._changed.changed

        def run() -> Execution:
            if awake and processes.is_dark:
                self._wake_up(processes)
            caches = self._caches if case.warm_cache else None
            if caches is not None:
                caches.prepare(case)
            execution = processes.run(
                case, command, telemetry=telemetry, before=before, read_after=read_after
            )
            return execution if caches is None else caches.after(case, execution)

        return replace(self._redo_if_lost(run), losses=self._losses - losses)

    def _wake_up(self, processes: PhoneProcesses) -> None:
        """Wakes a phone whose screen went off; gives up if it cannot be woken."""
        failure = wake(self._phone)
        processes.forget_state()
        if not failure:
            self._contact.on_message("its screen went off and was turned on again")
        else:
            processes.stays_dark = True
            self._contact.on_message(f"its screen went off and cannot be turned on: {failure}")

    def put(self, files: Mapping[str, Path]) -> Mapping[str, PurePosixPath]:
        """Copies files to the phone, beside those of the sweep; returns their verified paths."""
        self._extra.update(files)
        self._redo_if_lost(lambda: stage(self._phone, self._files()))
        return {sha256: place_of(self._phone, path, sha256) for sha256, path in files.items()}

    def put_one(self, path: Path) -> PurePosixPath:
        """Copies a file to the phone, returns its verified path; not restored after a loss."""
        return self._redo_if_lost(lambda: stage_file(self._phone, path))

    def cut(self, path: PurePath, *, at: int, size_bytes: int) -> PurePosixPath:
        """Copies a piece of a file on the phone; returns its path, which its next piece overwrites.

        Args:
            at: index of the piece, from 0, in units of ``size_bytes``.
        """
        piece = self.folder / f"piece.{path.name}"
        names = f"if={shlex.quote(str(path))} of={shlex.quote(str(piece))}"
        self._redo_if_lost(lambda: self._phone.ask(f"dd {names} bs={size_bytes} skip={at} count=1"))
        return piece

    def read(self, path: PurePath) -> bytes | None:
        """Returns the content of a file there; ``None`` if there is none."""
        answer = self._redo_if_lost(lambda: self._phone.shell(f"cat {shlex.quote(str(path))}"))
        return None if answer.exit_status else answer.stdout

    def clear(self, pattern: str) -> None:
        """Removes the files in our folder whose names match a pattern."""
        folder = shlex.quote(str(self.folder))
        self._redo_if_lost(lambda: self._phone.shell(f"rm -f {folder}/{pattern}"))

    def clear_at_the_end(self, *patterns: str) -> None:
        """Removes files, also after Ctrl-C; the next run clears a phone that is lost now."""
        unstoppable = Phone(self._phone.transport, folder=self._phone.folder)
        folder = shlex.quote(self._phone.folder)
        with suppress(DeviceError):
            unstoppable.shell(f"rm -rf {' '.join(f'{folder}/{pattern}' for pattern in patterns)}")

    def _limits(self) -> Limits:
        facts, request = self._facts, self._request
        if facts is None:
            raise AssertionError(f"{self.name}: not read yet")
        if request.limits is not None:
            return request.limits
        limits = limits_of(profile_of(facts, self._known))
        if request.cooldown_s is not None:
            limits = replace(limits, cooldown_s=request.cooldown_s)
        # A virtual handset shares the cores with everything else on this machine.
        return without_contention(limits) if facts.virtual else limits

    def _files(self) -> dict[str, Path]:
        return {**self._processes.sweep.paths, **self._extra}

    def _retry(self, attempt: Callable[[int], T], *, may_reboot: bool = True) -> T:
        return retry_when_reconnected(
            self._phone,
            attempt,
            wait_s=self._request.wait_s,
            on_message=self._contact.on_message,
            revive=self._reviver.revive if may_reboot else lambda phone, error: False,
        )

    def _redo_if_lost(self, act: Callable[[], T]) -> T:
        """Returns the result of ``act``, which is repeated if the phone was lost and is back."""

        def attempt(losses: int) -> T:
            if losses:
                self._losses += 1
                self._restage()
                self._contact.on_message("it is back")
            return act()

        return self._retry(attempt)

    def _restage(self) -> None:
        """Checks that the phone is still on the same boot, and stages its files again."""
        phone, sweep = self._phone, self._processes.sweep
        boot_id = phone.shell(f"cat {BOOT_ID}").text.strip()
        if sweep.device.boot_id is not None and boot_id != sweep.device.boot_id:
            raise rebooted(phone.serial)
        self._kill_leftovers()
        stage(phone, self._files())
        self._processes.restage()
        for sha256 in (sweep.tool.sha256, *sweep.tools):
            make_executable(phone, sweep.device_paths[sha256])

    def _kill_leftovers(self, *, may_reboot: bool = True) -> None:
        """Kills programs of an interrupted run; one that cannot be killed is a phone that hangs.

        Raises:
            RebootedError: the phone was rebooted for that.
        """
        if not (left := kill_leftovers(self._phone)):
            return
        what = f"a program of an interrupted run may still run and use its cores: {left}"
        if may_reboot and self._reviver.revive(self._phone, DeviceError(what)):
            raise rebooted(self.name)
        self._contact.on_message(f"{what}; restart the phone")
