"""The stopping rule: how many more processes a case needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from bench.measure.outcome import Failed, Measured, Outcome
from bench.measure.summary import median_interval, relative_width
from bench.plan.case import Mode, Protocol

_SAME_FAILURES = 2  # a case that failed in the same way this often is not tried again


def missing(protocol: Protocol, outcomes: Sequence[Outcome | None]) -> int:
    """Returns how many more processes a case needs, by the outcomes so far.

    Failed processes are final. Invalid ones are repeated within the budget. Only the rule of the
    interval's width uses latencies.

    Args:
        outcomes: of the case's processes; ``None`` for one that was not parsed yet.
    """
    failures = Counter(each.code for each in outcomes if isinstance(each, Failed))
    if max(failures.values(), default=0) >= _SAME_FAILURES:
        return 0
    invalid = sum(not counts(each, protocol.mode) for each in outcomes)
    done = len(outcomes) - invalid
    target = protocol.processes
    if done >= target and _is_wide(protocol, outcomes):
        target = min(done + 1, protocol.most_processes)
    return max(0, min(target - done, protocol.most_processes + protocol.repeats - len(outcomes)))


def counts(outcome: Outcome | None, mode: Mode) -> bool:
    """Returns whether a process counts, so that it is not repeated.

    The sustained mode measures the effect of heat, so it repeats nothing.
    """
    return not isinstance(outcome, Measured) or outcome.is_valid or mode is Mode.SUSTAINED


def _is_wide(protocol: Protocol, outcomes: Sequence[Outcome | None]) -> bool:
    if protocol.ci_width is None:
        return False
    values = [
        median(each.inference_us)
        for each in outcomes
        if isinstance(each, Measured) and each.is_valid and each.inference_us
    ]
    if not values:
        return False
    width = relative_width(median_interval(values), median(values))
    return width is None or width > protocol.ci_width
