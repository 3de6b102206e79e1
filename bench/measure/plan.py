"""The order of a session: rounds over all cases, each in an order of its own."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.hashing import sha256_value
from bench.measure.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One process to come: the ``ordinal``-th of its case, from 0."""

    case: Case
    ordinal: int


def plan(cases: Iterable[Case], *, seed: int) -> tuple[Planned, ...]:
    """Returns the processes of ``cases`` in order, whatever order the cases are given in.

    Each round runs every case once, shuffled, so that heat and drift fall on all of them alike and
    a session that is cut short has measured each case about as often.
    """
    distinct = sorted({case.key: case for case in cases}.items())
    rounds = max((case.protocol.processes for _, case in distinct), default=0)
    planned: list[Planned] = []
    for ordinal in range(rounds):
        batch = [case for _, case in distinct if ordinal < case.protocol.processes]
        random.Random(f"{seed}:{ordinal}").shuffle(batch)  # noqa: S311 - an order, not a secret
        planned += [Planned(case=case, ordinal=ordinal) for case in batch]
    return tuple(planned)


def plan_sha256(planned: Iterable[Planned]) -> str:
    """Returns the identity of a plan: the cases, how often, and in which order."""
    return sha256_value([[each.case.key, each.ordinal] for each in planned])
