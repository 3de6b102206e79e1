"""``frill-bench run`` on phones: which, with which tool, a lane each, and what became of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from bench.adb.phone import opened
from bench.adb.state.facts import Facts, read_facts
from bench.adb.state.settings import DeviceSettings, restore_settings
from bench.adb.transport.serials import Found, resolve
from bench.cli.console import progress, tell
from bench.cli.shown.cases import show
from bench.cli.verbs.run import print_commands
from bench.core.errors import ConfigurationError, worst
from bench.flow.device.discovery import affinity, profile_of
from bench.flow.device.phone import Wanted, phone_limits, phone_sweep
from bench.flow.device.readiness import limits_of
from bench.flow.fleet import COOL, PUSH, Lane, measure_phones
from bench.flow.report.results import results
from bench.measure.conditions import Limits
from bench.store.store import Store
from bench.tool.fetch import fetch_tool
from bench.tool.flags import Program
from device_profiles.device_profile import Profile, profiles

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bench.cli.verbs.run import Options
    from bench.plan.suite import Suite, Target
    from bench.store.records import Session

_UNITS = {PUSH: " MB", COOL: " s"}


def on_phones(options: Options, suite: Suite, targets: tuple[Target, ...]) -> int:
    """Measures on phones, prints what was measured, returns the exit code."""
    found = chosen(options.serial)
    wanted = wanted_of(options, suite, targets)
    if options.dry_run:
        _print_commands(found, wanted, as_json=options.json)
        return 0
    Store.open(options.db).close()  # a database that cannot be used is told before phones are
    display = progress()
    with display as bars:
        narrator = Narrator(bars)
        lanes: list[Lane] = []
        try:
            with ThreadPoolExecutor(len(found)) as executor:
                lanes = measure_phones(
                    found, wanted, options.db, executor=executor, narrator=narrator
                )
        finally:  # also when interrupted: what was measured is shown
            bars.stop()
            status = _end(options, narrator.sessions, lanes)
    return status


def chosen(names: Sequence[str]) -> list[Found]:
    """Returns the phones of ``-s``, by serial or as a virtual handset's name; else the only one.

    Raises:
        ConfigurationError: none, or more than one, is meant; lists what is there.
        DeviceError: a phone that is meant is there but cannot be used.
    """
    from bench.handset.running import running

    handsets = {each.name: each.serial for each in running()} if names else {}
    return resolve([handsets.get(name, name) for name in names])


def wanted_of(options: Options, suite: Suite, targets: tuple[Target, ...]) -> Wanted:
    """Returns what every phone is to do."""
    beside = options.suite.parent if options.suite else Path()
    known = profiles()
    library = suite.external_delegate
    return Wanted(
        suite=suite,
        targets=targets,
        tool_for=ToolFor(options),
        mask_of_big_cores=lambda facts, threads: affinity(facts, profile_of(facts, known), threads),
        library=None if library is None else beside / library,
        delegates_are_default=options.suite is None and options.delegate is None,
        wait_s=options.wait_for_device,
        timeout_s=options.timeout,
        asked=DeviceSettings(screen=not options.keep_screen, airplane=options.airplane),
        limits_for=lambda facts: phone_limits(
            facts, _limits(profile_of(facts, known), options.cooldown)
        ),
        force_unfit=options.force_unfit,
        check=options.check,
    )


def _limits(profile: Profile, cooldown_s: float | None) -> Limits:
    limits = limits_of(profile)
    return limits if cooldown_s is None else replace(limits, cooldown_s=cooldown_s)


class ToolFor:
    """Which tool a phone is measured with; phones of one kind share one download."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._alone = threading.Lock()
        self._accepted: set[str] = set()

    def __call__(self, facts: Facts) -> Path:
        """Returns its file on this machine, fetched or built where it is not there yet."""
        given = self._options.benchmark_binary
        if given is not None:
            if not given.is_file():
                raise ConfigurationError(f"{given}: no such file", hint="check --benchmark-binary")
            return given
        abi = facts.abis[0] if facts.abis else "unknown"
        with self._alone:
            if facts.virtual:
                from bench.handset.benchmark_tool import build_tool

                return build_tool(abi=abi)
            interpreter = self._options.tool == "interpreter"
            accept = self._options.accept_new_tool and abi not in self._accepted
            self._accepted.add(abi)
            return fetch_tool(
                abi,
                program=Program.INTERPRETER if interpreter else Program.COMPILED_MODEL,
                version=self._options.tool_version,
                accept_new=accept,
            )


class Narrator:
    """Shows what happens on all phones, and remembers the sessions."""

    def __init__(self, bars: Progress) -> None:
        self.sessions: list[Session] = []
        self._bars = bars
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._alone = threading.Lock()

    def far(self, serial: str, step: str, done: int, total: int) -> None:
        """Moves a bar; bytes are shown as MB."""
        unit = 1_000_000 if step == PUSH else 1
        with self._alone:
            if (serial, step) not in self._tasks:
                what = f"{serial} {step}{_UNITS.get(step, '')}"
                self._tasks[serial, step] = self._bars.add_task(escape(what), total=None)
            self._bars.update(
                self._tasks[serial, step], completed=done / unit, total=max(total / unit, 1)
            )

    def said(self, serial: str, what: str) -> None:
        """Prints a line above the bars."""
        line = what if what.startswith(serial) else f"{serial}: {what}"
        self._bars.console.print(escape(line), soft_wrap=True, highlight=False)

    def began(self, serial: str, session: Session) -> None:
        """Remembers a session, once."""
        with self._alone:
            if session not in self.sessions:
                self.sessions.append(session)


def _end(options: Options, sessions: Sequence[Session], lanes: Sequence[Lane]) -> int:
    """Shows what was measured and returns the exit code."""
    with Store.open(options.db) as store:
        measured = [(session, results(store, session)) for session in sessions]
        url = store.url
    errors = [(lane.found.serial, lane.error) for lane in lanes if lane.error is not None]
    show(measured, errors, as_json=options.json)
    for session in sessions:
        tell(f"wrote session {session.id} of {session.device.name} to {url}")
    for serial, error in errors:
        tell(str(error) if error.message.startswith(serial) else f"{serial}: {error}")
    codes = {error.exit_code for _, error in errors}
    if any(each.is_bad for _, found in measured for each in found):
        codes.add(4)
    return worst(codes)


def _print_commands(found: Sequence[Found], wanted: Wanted, *, as_json: bool) -> None:
    sweeps = []
    with ExitStack() as stack:
        for each in found:
            phone = stack.enter_context(opened(each))
            restore_settings(phone)
            sweeps.append(phone_sweep(phone, wanted, read_facts(phone), models=False))
    print_commands(sweeps, as_json=as_json)
