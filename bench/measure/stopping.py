"""Whether what a case's processes gave is enough, or it needs one more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from bench.measure.outcome import Failed, Measured, Outcome
from bench.measure.summary import median_interval, relative_width
from bench.plan.case import Mode, Protocol

_SAME_FAILURES = 2  # a case that failed in one way this often is not tried again


def missing(protocol: Protocol, outcomes: Sequence[Outcome | None]) -> int:
    """Returns how many processes are wanted still, as far as is known.

    Failed ones were measured as good as they can be; invalid ones were not, and are measured again
    within the budget. Neither is decided by a latency; that more are wanted for a wide interval is.

    Args:
        outcomes: of the case's processes; ``None`` for one that nobody has read yet.
    """
    failures = Counter(each.code for each in outcomes if isinstance(each, Failed))
    if max(failures.values(), default=0) >= _SAME_FAILURES:
        return 0
    invalid = sum(not counts(each, protocol.mode) for each in outcomes)
    done = len(outcomes) - invalid
    target = protocol.processes
    if done >= target and _is_wide(protocol, outcomes):
        target = min(done + 1, protocol.most)
    return max(0, min(target - done, protocol.most + protocol.repeats - len(outcomes)))


def counts(outcome: Outcome | None, mode: Mode) -> bool:
    """Returns whether a process is not to be measured again.

    A sustained mode is there to see what heat does, so there nothing is repeated for it.
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
