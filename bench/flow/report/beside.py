"""The results of a large database, which several processes read: it is half of a report's time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from bench.core.system.workers import can_fork, cores, workers
from bench.flow.report.results import SHOWING_STATES, Placed, SessionResults
from bench.store.store import Store

_MOST_HERE = 10  # pieces of about a hundred cases: less time than the start of the processes

# The id of a session, and the results of one file in it.
_OfFile: TypeAlias = tuple[str, list[Placed]]


def read_beside(store: Store, sessions: Mapping[str, SessionResults]) -> Iterator[_OfFile]:
    """Yields the results of each file in each session: the session's id, and its cases.

    Where there are many, forks of this process read the database too, each on a connection of its
    own.
    """
    pieces = list(store.cases_of_files(sessions))
    if len(pieces) <= _MOST_HERE or cores() == 1 or not can_fork():
        for keys in pieces:
            yield from _read(store, sessions, keys)
        return
    store.close()  # a connection is of one process
    with workers(partial(_Reader.begin, store, sessions)) as beside:
        waiting = [beside.begin(_Reader.read, keys) for keys in pieces]
        for wait in waiting:
            for identity, placed in wait():
                yield identity, sessions[identity].with_artifacts(placed)


def _read(
    store: Store, sessions: Mapping[str, SessionResults], keys: Sequence[str]
) -> Iterator[_OfFile]:
    groups = store.invocations_of_cases(keys, sessions, states_of=SHOWING_STATES)
    for invocations in groups:
        identity = invocations[0].session_id
        yield identity, sessions[identity].of_file(invocations)


class _Reader:
    """What a fork reads with, as it was when the fork began: nothing of it is sent."""

    store: Store
    sessions: Mapping[str, SessionResults]

    @classmethod
    def begin(cls, store: Store, sessions: Mapping[str, SessionResults]) -> None:
        """Keeps what all pieces of work need."""
        cls.store, cls.sessions = store, sessions

    @classmethod
    def read(cls, keys: Sequence[str]) -> list[_OfFile]:
        """Returns the results of some files, without their artifacts, which this program has."""
        return [
            (identity, [(at, replace(each, artifact=None)) for at, each in placed])
            for identity, placed in _read(cls.store, cls.sessions, keys)
        ]
