"""Converts models in processes of their own, and ends them quietly on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context
from typing import TypeVar

from bench.core.artifact import Artifact
from bench.core.errors import BenchError, ConversionError, InfrastructureError
from bench.core.system.workers import leave_with_parent
from models.convert.job import ConversionJob
from models.convert.model import convert_model

T = TypeVar("T")

# Two at a time: one needs up to 2.4 GB, and the converter is single-threaded.
_WORKERS = 2
# Importing TensorFlow takes longer than converting a small model; what leaks ends with a process.
_MODELS_A_PROCESS = 8
_INTERRUPTED = 130
_LEAVE_WITHIN_S = 40.0  # for a converter to leave its native code and clean up, on a busy machine
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def convert_models(
    jobs: Sequence[ConversionJob],
    *,
    executor: Executor,
    on_finished: Callable[[str], None] | None = None,
) -> tuple[dict[str, list[Artifact]], dict[str, BenchError]]:
    """Returns the artifacts of each model, and the error of each that failed; one stops no other.

    Args:
        executor: where the jobs run; ``processes()`` gives the right one.
        on_finished: called with the name of each finished model.
    """
    work = {job.model.name: partial(convert_model, job) for job in jobs}
    return in_processes(work, executor=executor, on_finished=on_finished)


def in_processes(
    work: Mapping[str, Callable[[], T]],
    *,
    executor: Executor,
    on_finished: Callable[[str], None] | None = None,
) -> tuple[dict[str, T], dict[str, BenchError]]:
    """Returns what each piece of work returns, by its name, and the error of each that failed.

    Args:
        work: what can be pickled.
        executor: where it is done; ``processes()`` gives the right one.
        on_finished: called with the name of each that is finished.
    """
    results: dict[str, T] = {}
    failed: dict[str, BenchError] = {}
    with _interrupts_wait():  # a new process holds Ctrl-C back until it can end quietly
        waiting = {executor.submit(_do, each): name for name, each in work.items()}
    for future in as_completed(waiting):
        name = waiting[future]
        try:
            results[name] = future.result()
        except BenchError as error:
            failed[name] = error
        except OSError as error:
            failed[name] = InfrastructureError(
                f"{name}: {error}",
                hint="check the zoo's path, its permissions and the free disk space",
            )
        except Exception as error:  # the process died: out of memory, killed
            failed[name] = ConversionError(
                f"{name}: the converting process died: {error}", hint="free memory and run again"
            )
        if on_finished is not None:
            on_finished(name)
    return results, failed


@contextmanager
def processes() -> Iterator[Executor]:
    """Yields an executor whose processes convert a few models each, one after another.

    When this program is interrupted, the processes are ended and waiting jobs are dropped.
    """
    before = set(active_children())
    executor = ProcessPoolExecutor(
        _WORKERS,
        mp_context=get_context("spawn"),
        max_tasks_per_child=_MODELS_A_PROCESS,
        initializer=_start,
    )
    try:
        yield executor
    except BaseException:
        own = set(active_children()) - before
        for process in own:
            process.terminate()
        for process in own:
            process.join(_LEAVE_WITHIN_S)
            process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Holds Ctrl-C back from this thread, and from what it starts, while the block runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _do(work: Callable[[], T]) -> T:
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return work()
    except SystemExit:
        os._exit(_INTERRUPTED)  # else the pool takes it for a result and starts the next job


def _start() -> None:
    # Keras imports these for wrappers and plots that no conversion uses; its start is a quarter
    # shorter where they seem not to be installed.
    for name in ("sklearn", "matplotlib"):
        sys.modules[name] = None  # type: ignore[assignment]  # Python's mark of what is not there
    threading.Thread(target=leave_with_parent, args=(_INTERRUPTED,), daemon=True).start()
    # Last: what leaves from in here is a traceback of the pool, and a thread's start takes long on
    # a busy machine.
    _leave_on_signal()


def _leave_on_signal() -> None:
    # Unlike KeyboardInterrupt, SystemExit prints no traceback; both clean up on the way out.
    def leave(*_: object) -> None:
        for number in _SIGNALS:  # a second one would interrupt the cleaning up
            signal.signal(number, lambda *_: None)
        sys.exit(_INTERRUPTED)

    for number in _SIGNALS:
        signal.signal(number, leave)
