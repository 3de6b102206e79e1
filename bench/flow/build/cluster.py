"""The one door to Dask: pieces of work on the workers of a scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from bench.core.errors import BenchError, InfrastructureError
from bench.core.system.workers import Pool, Where, in_order
from models.tflite.extras import from_extra

A = TypeVar("A")
T = TypeVar("T")

_CONNECT_WITHIN_S = 30


class _Cluster:
    """The workers of a scheduler.

    A piece whose worker is lost is done again by another one; Dask sees to that.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def each(self, do: Callable[[A], T], pieces: Iterable[A]) -> Iterator[T]:
        """Yields what ``do`` returns of each piece, as of ``Pool``."""
        threads = sum(self._client.nthreads().values())
        return in_order(partial(self._begin, do), pieces, ahead=2 * max(1, threads))

    def _begin(self, do: Callable[[A], T], piece: A) -> Callable[[], T]:
        future = self._client.submit(do, piece, pure=False)
        return partial(_result, future)


def at(address: str) -> Where:
    """Returns where pieces are done by the workers of a scheduler, such as ``tcp://host:8786``.

    Entering it raises ``InfrastructureError`` where nothing answers, or the scheduler has no
    workers, and ``ConfigurationError`` where Dask is not installed.
    """
    return partial(_connected, address)


@contextmanager
def executor_at(address: str) -> Iterator[Executor]:
    """Yields the workers of a scheduler as an executor; raises what ``at`` does."""
    with _client(address) as client:
        yield client.get_executor(pure=False)


@contextmanager
def _connected(address: str) -> Iterator[Pool]:
    with _client(address) as client:
        yield _Cluster(client)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    with from_extra("cluster", "distributed"):
        import distributed
    try:
        client = distributed.Client(address, timeout=_CONNECT_WITHIN_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InfrastructureError(
            f"{address}: no scheduler of Dask answers: {error}",
            hint="start one: dask scheduler, and workers: dask worker ADDRESS --nthreads 1",
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_WITHIN_S)
        except TimeoutError as error:
            raise InfrastructureError(
                f"{address}: the scheduler has no workers",
                hint=f"start some: dask worker {address} --nthreads 1",
            ) from error
        yield client


def _result(future: Any) -> Any:
    try:
        return future.result()
    except BenchError:
        raise
    except Exception as error:  # of Dask's: a piece that ended several workers, a lost scheduler
        raise InfrastructureError(
            f"the cluster could not finish a piece of work: {error}",
            hint="see the logs of its workers, then run again: what is done is kept",
        ) from error
