"""Processes that work beside this one: a large database is read, and its page drawn, by them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import ParamSpec, TypeVar

from bench.core.errors import InfrastructureError

P = ParamSpec("P")
T = TypeVar("T")

_MOST_WORKERS = 2  # each holds thousands of rows, or a figure of as many points
_KILLED = 137


class Workers:
    """Where work is done that needs nothing of this process but its arguments."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def begin(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Returns what waits for the result of ``do``, and raises what it raised.

        Args:
            do: what can be pickled, as can its arguments.
        """
        # A new process keeps Ctrl-C held back: this one gets it too, and ends the others.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future = self._executor.submit(do, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return lambda: _result(future)


@contextmanager
def workers(prepare: Callable[[], None] | None = None) -> Iterator[Workers]:
    """Yields processes that work beside this one; whatever leaves the block ends them.

    Args:
        prepare: called in each before its first work; where ``can_fork()``, it may be what cannot
            be pickled.
    """
    before = set(active_children())
    executor = ProcessPoolExecutor(
        min(_MOST_WORKERS, cores()),
        mp_context=get_context("fork" if can_fork() else "spawn"),
        initializer=_start,
        initargs=(prepare,),
    )
    try:
        yield Workers(executor)
    except BaseException:
        for process in set(active_children()) - before:
            process.kill()  # it writes no file, so nothing needs to be cleaned up
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def can_fork() -> bool:
    """Returns whether such a process is a fork, which starts at once and has this one's modules.

    Only on Linux, from a single thread: what a second one holds, such as a lock, would be held for
    ever.
    """
    return sys.platform == "linux" and threading.active_count() == 1


def cores() -> int:
    """Returns how many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InfrastructureError(
            "a process that read rows or drew pictures was ended by the system",
            hint="free memory and run again",
        ) from error


def _start(prepare: Callable[[], None] | None) -> None:
    gc.freeze()  # what it shares with this process is not searched for garbage, which copies it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # not what this program does on them
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _leave_with_parent() -> None:
    """Ends this process when the program is killed, which no clean-up of it survives."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(_KILLED)
