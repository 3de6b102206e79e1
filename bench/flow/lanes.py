"""Several phones at once: a lane a phone, each with its own connection and store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bench.adb.phone import Phone, opened
from bench.adb.serials import Found
from bench.core.errors import BenchError
from bench.flow.measure import Progress, log, measure, open_session
from bench.flow.phone import PhoneBench, RebootedError, Wanted, patiently, phone_sweep
from bench.flow.sweep import Sweep
from bench.store.records import Session
from bench.store.store import Store

_REBOOTS = 2  # a phone that boots more often while it is measured is sick
_LOOK_S = 0.2

# The steps of a phone, the first in bytes, the second in processes.
PUSH = "push"
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
    for reboots in range(_REBOOTS + 1):
        sweep = patiently(
            phone,
            lambda losses: phone_sweep(phone, wanted, told=partial(narrator.far, serial, PUSH)),
            wait_s=wanted.wait_s,
            said=partial(narrator.said, serial),
        )
        session = open_session(sweep, store)
        narrator.began(serial, session)
        try:
            _measure_session(phone, sweep, session, wanted.wait_s, store, narrator)
        except RebootedError as error:
            log(store, session, "rebooted", why=error.message)
            narrator.said(serial, "it was rebooted: a new session begins")
            if reboots == _REBOOTS:
                raise
        else:
            return


def _measure_session(
    phone: Phone,
    sweep: Sweep,
    session: Session,
    wait_s: float,
    store: Store,
    narrator: Narrator,
) -> None:
    def said(what: str) -> None:
        log(store, session, "phone", said=what)
        narrator.said(phone.serial, what)

    def far(now: Progress) -> None:
        narrator.far(phone.serial, MEASURE, now.done, now.total)

    bench = PhoneBench(phone, sweep, wait_s, said=said)
    measure(sweep, session, store, run=bench.run, progress=far)
