"""Runs tasks on devices, which Ctrl-C ends in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

_SIGNAL_POLL_S = 0.2
T = TypeVar("T")


def until_stopped(tasks: Sequence[Callable[[Callable[[], bool]], T]]) -> list[T]:
    """Returns the results of tasks, each run in its own thread.

    A signal reaches the main thread only, so it never cuts off a command on a device: the tasks
    are asked to stop, and first end what runs there.

    Args:
        tasks: each takes a function that returns true once it must stop.

    Raises:
        KeyboardInterrupt: after every task has ended.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(len(tasks)) as executor:
        futures: list[Future[T]] = [executor.submit(task, stop.is_set) for task in tasks]
        try:
            while wait(futures, timeout=_SIGNAL_POLL_S).not_done:
                pass
        except KeyboardInterrupt:
            stop.set()
            wait(futures)
            raise
    return [future.result() for future in futures]
