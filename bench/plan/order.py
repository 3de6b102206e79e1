"""The order of a session's processes: rounds over all cases, each shuffled on its own.

The cases of a round may depend on the outcomes of earlier rounds; its order depends only on the
seed and the round's number. Sustained cases come last, one after the other.
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
    """A planned process: that of its case in round ``ordinal``, from 0."""

    case: Case
    ordinal: int


# Whether a case is part of a round, by the outcomes of earlier rounds; called when its turn comes.
Wants = Callable[[Case, int], bool]


def plan(cases: Iterable[Case], *, seed: int) -> tuple[Planned, ...]:
    """Returns the processes that ``cases`` need if all are valid and no interval is too wide."""
    return tuple(rounds(cases, seed=seed, wants=lambda case, n: n < case.protocol.processes))


def rounds(cases: Iterable[Case], *, seed: int, wants: Wants) -> Iterator[Planned]:
    """Yields the processes of ``cases`` in order; the order of ``cases`` itself does not matter.

    Each round runs every case that needs it once, shuffled, so that heat and drift affect all cases
    alike and an interrupted session has measured each case about as often. A process must be
    measured, or its outcome known, before the next one is requested.
    """
    distinct = [case for _, case in sorted({case.key: case for case in cases}.items())]
    sustained = [case for case in distinct if case.protocol.mode is Mode.SUSTAINED]
    others = [case for case in distinct if case.protocol.mode is not Mode.SUSTAINED]
    yield from _rounds(others, seed, wants)
    for case in _shuffle(sustained, f"{seed}:sustained"):
        yield from _rounds([case], seed, wants)


def _rounds(cases: Sequence[Case], seed: int, wants: Wants) -> Iterator[Planned]:
    for ordinal in itertools.count():
        batch = [case for case in cases if wants(case, ordinal)]
        if not batch:
            return
        for case in _shuffle(batch, f"{seed}:{ordinal}"):
            yield Planned(case=case, ordinal=ordinal)


def _shuffle(cases: Sequence[Case], seed: str) -> Sequence[Case]:
    batch = list(cases)
    random.Random(seed).shuffle(batch)  # noqa: S311 - an order, not a secret
    return batch


def plan_sha256(planned: Sequence[Planned]) -> str:
    """Returns the identity of a plan: its cases, their order, and the limits of their processes."""
    identity: list[object] = [[each.case.key, each.ordinal] for each in planned]
    # Plans of earlier versions, which had no such limits, keep their identity.
    limits = {
        case.key: [protocol.ci_width, protocol.max_processes, protocol.max_repeats]
        for case in {each.case for each in planned}
        if {(protocol := case.protocol).ci_width, protocol.max_processes, protocol.max_repeats}
        != {None}
    }
    return sha256_value([*identity, limits] if limits else identity)
