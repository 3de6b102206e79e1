"""The order of a session: rounds over all cases, each in an order of its own.

Which cases a round holds may depend on what the rounds before it gave; its order depends on the
seed and the round's number alone. Sustained cases come last, one after the other.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.core.hashing import sha256_value
from bench.plan.case import Case, Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One process to come: that of its case in round ``ordinal``, from 0."""

    case: Case
    ordinal: int


# Whether a case is part of a round, by what the rounds before gave; asked when its turn comes.
Wants = Callable[[Case, int], bool]


def plan(cases: Iterable[Case], *, seed: int) -> tuple[Planned, ...]:
    """Returns the processes that ``cases`` need if nothing is invalid and no interval too wide."""
    return tuple(rounds(cases, seed=seed, wants=lambda case, n: n < case.protocol.processes))


def rounds(cases: Iterable[Case], *, seed: int, wants: Wants) -> Iterator[Planned]:
    """Yields the processes of ``cases`` in order, whatever order the cases are given in.

    Each round runs every case that wants it once, shuffled, so that heat and drift fall on all of
    them alike and a session that is cut short has measured each case about as often. What is
    yielded is to be measured, or known, before the next is asked for.
    """
    distinct = [case for _, case in sorted({case.key: case for case in cases}.items())]
    apart = [case for case in distinct if case.protocol.mode is Mode.SUSTAINED]
    together = [case for case in distinct if case.protocol.mode is not Mode.SUSTAINED]
    yield from _rounds(together, seed, wants)
    for case in _shuffled(apart, f"{seed}:sustained"):
        yield from _rounds([case], seed, wants)


def _rounds(cases: Sequence[Case], seed: int, wants: Wants) -> Iterator[Planned]:
    for ordinal in itertools.count():
        batch = [case for case in cases if wants(case, ordinal)]
        if not batch:
            return
        for case in _shuffled(batch, f"{seed}:{ordinal}"):
            yield Planned(case=case, ordinal=ordinal)


def _shuffled(cases: Sequence[Case], seed: str) -> Sequence[Case]:
    batch = list(cases)
    random.Random(seed).shuffle(batch)  # noqa: S311 - an order, not a secret
    return batch


def plan_sha256(planned: Sequence[Planned]) -> str:
    """Returns the identity of a plan: the cases, how often at least and at most, in which order."""
    identity: list[object] = [[each.case.key, each.ordinal] for each in planned]
    # Plans of earlier versions, which had no such limits, keep their identity.
    limits = {
        case.key: [protocol.ci_width, protocol.max_processes, protocol.max_repeats]
        for case in {each.case for each in planned}
        if {(protocol := case.protocol).ci_width, protocol.max_processes, protocol.max_repeats}
        != {None}
    }
    return sha256_value([*identity, limits] if limits else identity)
