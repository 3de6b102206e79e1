"""Processes that work beside this one: they read a large database, draw its page, embed audio."""

from __future__ import annotations

import gc
import os
import platform
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_file
from bench.core.version import VERSION

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")

_MOST_WORKERS = 2  # each holds thousands of rows, or a figure of as many points
_INTERRUPTED, _KILLED = 130, 137
_LEAVE_WITHIN_S = 20.0  # for a process to remove the file that it is writing


class Pool(Protocol):
    """What does pieces of work: processes of this machine, or those of a cluster."""

    def each(self, do: Callable[[A], T], pieces: Iterable[A]) -> Iterator[T]:
        """Yields what ``do`` returns of each piece, in their order, and raises what it raises.

        Only a few pieces are taken at a time, and a few results wait.
        """
        ...


Where = Callable[[], AbstractContextManager[Pool]]


class Workers:
    """Where work is done that needs nothing of this process but its arguments."""

    def __init__(self, executor: ProcessPoolExecutor, count: int) -> None:
        self._executor = executor
        self._count = count

    def each(self, do: Callable[[A], T], pieces: Iterable[A]) -> Iterator[T]:
        """Yields what ``do`` returns of each piece, as of ``Pool``."""
        return in_order(lambda piece: self.begin(do, piece), pieces, ahead=2 * self._count)

    def begin(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Returns what waits for the result of ``do``, and raises what it raised.

        Args:
            do: what can be pickled, as can its arguments.
        """
        # A new process keeps Ctrl-C held back: this one gets it too, and ends the others.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future = self._executor.submit(_do, partial(do, *args, **kwargs))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return lambda: _result(future)


@contextmanager
def workers(
    prepare: Callable[[], None] | None = None, *, most: int = _MOST_WORKERS, writing: bool = False
) -> Iterator[Workers]:
    """Yields processes that work beside this one; whatever leaves the block ends them.

    Args:
        prepare: called in each before its first work; where ``can_fork()``, it may be what cannot
            be pickled.
        most: how many, if there are as many cores.
        writing: whether they write files: then they are given time to remove an unfinished one.
    """
    before = set(active_children())
    count = min(most, cores())
    executor = ProcessPoolExecutor(
        count,
        mp_context=get_context("fork" if can_fork() else "spawn"),
        initializer=_start,
        initargs=(prepare, writing),
    )
    try:
        yield Workers(executor, count)
    except BaseException:
        _end(set(active_children()) - before, writing=writing)
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def beside() -> Iterator[Pool]:
    """Yields a process on each core, for work that writes files; on one core this process."""
    if cores() == 1:
        yield Here()
    else:
        with workers(most=cores(), writing=True) as found:
            yield found


class Here:
    """Does pieces of work in this process."""

    def each(self, do: Callable[[A], T], pieces: Iterable[A]) -> Iterator[T]:
        """Yields what ``do`` returns of each piece, as of ``Pool``."""
        return map(do, pieces)


def in_order(
    begin: Callable[[A], Callable[[], T]], pieces: Iterable[A], *, ahead: int
) -> Iterator[T]:
    """Yields the result of each piece, of which ``ahead`` are begun before one is waited for.

    Args:
        begin: begins a piece, and returns what waits for its result.
    """
    waiting: deque[Callable[[], T]] = deque()
    for piece in pieces:
        waiting.append(begin(piece))
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


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


def check_machine(files: Mapping[str, Path], version: str) -> None:
    """Checks, on a machine of a cluster, that its program and files are those of the asking one.

    Args:
        files: SHA-256 to the path of each.
        version: of the asking program.

    Raises:
        ConfigurationError: they differ; names this machine.
    """
    if version != VERSION:
        raise ConfigurationError(
            f"{platform.node()} has frill-bench {VERSION}, and this machine {version}",
            hint="install one version on all machines",
        )
    for sha256, path in files.items():
        if not path.is_file() or sha256_file(path) != sha256:
            raise ConfigurationError(
                f"{path} on {platform.node()}: is not there, or is another file",
                hint="give all machines of the cluster the same audio, zoo and cache, by one path",
            )


def _result(future: Future[T]) -> T:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InfrastructureError(
            "a process that worked beside this one was ended by the system",
            hint="free memory and run again",
        ) from error


def _end(processes: set[BaseProcess], *, writing: bool) -> None:
    for process in processes:
        if writing:
            process.terminate()
        else:
            process.kill()
    for process in processes if writing else ():
        process.join(_LEAVE_WITHIN_S)
        process.kill()


def _do(work: Callable[[], T]) -> T:
    try:
        return work()
    except SystemExit:
        os._exit(_INTERRUPTED)  # else the pool takes it for a result and begins the next piece


def _leave(*_: object) -> None:
    """Leaves what is done now, past all that cleans up."""
    sys.exit(_INTERRUPTED)


def _start(prepare: Callable[[], None] | None, writing: bool) -> None:
    gc.freeze()  # what it shares with this process is not searched for garbage, which copies it
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Not what this program does on them.
        signal.signal(number, _leave if writing else signal.SIG_DFL)
    threading.Thread(target=leave_with_parent, args=(_KILLED,), daemon=True).start()
    if prepare is not None:
        prepare()


def leave_with_parent(status: int) -> None:
    """Ends this process when the program is killed, which no clean-up of it survives.

    Args:
        status: the exit status.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(status)
