"""Several phones at once: a lane a phone, each with its own connection and store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bench.adb.phone import Phone, opened
from bench.adb.state.facts import TASK_PROFILE, Facts, read_facts
from bench.adb.state.reading import read_snapshot
from bench.adb.state.settings import AWAY_S, ChangedSettings, changed_settings, own_serial, wake
from bench.adb.transport.serials import Found, is_remote
from bench.core.errors import BenchError, ConfigurationError, RebootedError
from bench.flow.device.drift_probe import Probe
from bench.flow.device.phone import PhoneBench, Wanted, phone_sweep
from bench.flow.device.readiness import SETTINGS, Readiness
from bench.flow.device.retry import retry_when_reconnected
from bench.flow.measure.session import Progress, log
from bench.flow.measure.sweep import Sweep
from bench.flow.outputs.check import check_outputs
from bench.measure.conditions import Limits, when_forced
from bench.store.records import Session
from bench.store.store import Store

_REBOOTS = 2  # a phone that boots more often while it is measured is sick
_LOOK_S = 0.2

# The steps of a phone: in bytes, in seconds, in cases, in processes.
PUSH = "push"
COOL = "cool-down"
CHECK = "check outputs"
MEASURE = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What became of one phone.

    Args:
        error: why it was set aside; ``None`` if it did all.
    """

    found: Found
    error: BenchError | None


class Narrator(Protocol):
    """Who is told what happens, from any thread."""

    def far(self, serial: str, step: str, done: int, total: int) -> None:
        """Takes how far a step of a phone is."""

    def said(self, serial: str, what: str) -> None:
        """Takes something that people want to know at once."""

    def began(self, serial: str, session: Session) -> None:
        """Takes a session that was begun or gone on with; one more if the phone was rebooted."""


def measure_phones(
    phones: Sequence[Found],
    wanted: Wanted,
    url: str,
    *,
    executor: Executor,
    narrator: Narrator,
) -> list[Lane]:
    """Returns what became of each phone; one that fails is set aside and the others go on.

    Args:
        url: of the store; each lane opens its own.
        executor: with a worker a phone, else they wait for each other.

    Raises:
        KeyboardInterrupt: after every phone has ended what ran on it.
    """
    stop = threading.Event()
    futures: list[Future[Lane]] = [
        executor.submit(_lane, found, wanted, url, narrator, stop) for found in phones
    ]
    try:
        while wait(futures, timeout=_LOOK_S).not_done:  # a signal is seen between two looks
            pass
    except KeyboardInterrupt:
        stop.set()
        wait(futures)
        raise
    return [future.result() for future in futures]


def _lane(
    found: Found, wanted: Wanted, url: str, narrator: Narrator, stop: threading.Event
) -> Lane:
    def prompted() -> None:
        narrator.said(found.serial, "unlock it and accept 'Allow USB debugging?'")

    try:
        if wanted.asked.airplane and is_remote(found):
            raise ConfigurationError(
                f"{found.serial}: airplane mode would cut it off, for it is reached over a network",
                hint="plug it in, or leave out --airplane",
            )
        with (
            opened(
                found, stopped=stop.is_set, on_prompt=prompted, prompt_limit_s=wanted.wait_s
            ) as phone,
            Store.open(url) as store,
        ):
            for target in wanted.targets:
                if target.artifact is not None:
                    store.add_artifact(target.artifact)
            _measure(phone, wanted, store, narrator)
    except BenchError as error:
        return Lane(found=found, error=error)
    return Lane(found=found, error=None)


def _measure(phone: Phone, wanted: Wanted, store: Store, narrator: Narrator) -> None:
    """Measures on a phone, in a new session where it was rebooted."""
    serial = phone.serial
    tell = partial(narrator.said, serial)
    stay = partial(retry_when_reconnected, phone, wait_s=wanted.wait_s, on_message=tell)
    asked = replace(wanted.asked, fixed_performance=wanted.suite.fixed_performance)
    for reboots in range(_REBOOTS + 1):
        with changed_settings(
            phone,
            asked,
            serial=stay(lambda losses: own_serial(phone)),
            again=lambda change: stay(lambda losses: change()),
            on_message=tell,
            away_s=min(wanted.wait_s, AWAY_S),
        ) as changed:
            facts, sweep = stay(lambda losses: _ready(phone, wanted, narrator))
            profile = {"task-profile": TASK_PROFILE} if facts.task_profile else {}
            session = wanted.open_session(sweep, store)
            narrator.began(serial, session)
            log(
                store,
                session,
                SETTINGS,
                changed={**changed.changed, **profile},
                refused=changed.refused,
            )
            if wanted.force_unfit:
                sweep = replace(sweep, limits=when_forced(sweep.limits))
            try:
                limits = wanted.limits_for(facts)
                _measure_session(phone, sweep, session, wanted, limits, changed, store, narrator)
            except RebootedError as error:
                log(store, session, "rebooted", why=error.message)
                tell("it was rebooted: a new session begins")
                if reboots == _REBOOTS:
                    raise
            else:
                return


def _ready(phone: Phone, wanted: Wanted, narrator: Narrator) -> tuple[Facts, Sweep]:
    """Returns what a phone is on this boot, and what is measured on it, with all files there."""
    facts = read_facts(phone)
    told = partial(narrator.far, phone.serial, PUSH)
    return facts, phone_sweep(phone, wanted, facts, told=told)


def _measure_session(
    phone: Phone,
    sweep: Sweep,
    session: Session,
    wanted: Wanted,
    limits: Limits,
    changed: ChangedSettings,
    store: Store,
    narrator: Narrator,
) -> None:
    def said(what: str) -> None:
        log(store, session, "phone", said=what)
        narrator.said(phone.serial, what)

    def far(now: Progress) -> None:
        narrator.far(phone.serial, MEASURE, now.done, now.total)

    bench = PhoneBench(
        phone,
        sweep,
        wanted.wait_s,
        said=said,
        wake=partial(wake, phone) if "screen" in changed.changed else None,
    )
    readiness = Readiness(
        phone.serial,
        lambda: bench.retrying(lambda: read_snapshot(phone)),
        limits,
        force=wanted.force_unfit,
        on_progress=partial(narrator.far, phone.serial, COOL),
        on_message=said,
        log=partial(log, store, session),
        stopped=phone.stopped,
    )
    if wanted.check is not False:
        check_outputs(
            phone,
            sweep,
            session,
            store,
            targets=[each for each in wanted.targets if wanted.check or each.artifact is not None],
            wait_s=wanted.wait_s,
            said=said,
            told=partial(narrator.far, phone.serial, CHECK),
        )
    readiness.require()
    probe = Probe(phone, sweep, wanted.wait_s, on_message=said, log=partial(log, store, session))
    run = readiness.watching(probe.watching(bench.run))
    wanted.measure(sweep, session, store, run=run, progress=far)
    probe.finish()
