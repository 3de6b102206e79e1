"""Which of several revisions in order stepped: a pure function of the verdicts so far.

The last is compared with the first. If it is slower, the middle one between those that are slower
than the first and those that are not is compared with the first, and so on; at the end the step is
measured directly, between the revision before it and its own. Each comparison is a gate of its own,
and the accepted errors are divided among all that there may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, log2

from bench.core.errors import ConfigurationError
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict

_PASSED = (Verdict.SAME, Verdict.IMPROVED)


class End(StrEnum):
    """Why there is no further comparison."""

    FOUND = "found"
    NOTHING = "nothing to find"
    GRADUAL = "gradual"  # slower than the first, and not than the one before
    UNDECIDED = "undecided"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Compared:
    """Two revisions of the list, by their places in it, from 0."""

    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a bisection.

    Args:
        at: the comparison that ended it; for ``FOUND`` and ``GRADUAL`` the step.
    """

    reason: End
    at: Compared


def most_comparisons(revisions: int) -> int:
    """Returns how many comparisons a bisection may need: the whole, the halves, the step.

    Raises:
        ConfigurationError: there is nothing to compare.
    """
    if revisions < 2:
        raise ConfigurationError(
            "a bisection needs two revisions or more", hint="give them in order, the oldest first"
        )
    return ceil(log2(revisions)) + 2


def rule_of_each(rule: Rule, revisions: int) -> Rule:
    """Returns the rule of each comparison: the errors of ``rule`` are of all together."""
    most = most_comparisons(revisions)
    return replace(
        rule,
        false_alarms_per_gate=rule.false_alarms_per_gate / most,
        wrong_passes_per_model=rule.wrong_passes_per_model / most,
    ).for_models(1)


def next_comparison(revisions: int, verdicts: Mapping[Compared, Verdict]) -> Compared | Ended:
    """Returns what to compare next, or how the bisection ended.

    Args:
        verdicts: on the latency, of the comparisons that have ended.
    """
    whole = Compared(before=0, after=revisions - 1)
    low, high = 0, revisions - 1  # not slower than the first; slower than it, if anything is
    due = whole
    while (verdict := verdicts.get(due)) is not None:
        if verdict not in (Verdict.REGRESSED, *_PASSED):
            return Ended(reason=End.FAILED if verdict is Verdict.FAILED else End.UNDECIDED, at=due)
        is_slower = verdict is Verdict.REGRESSED
        if due == whole and not is_slower:
            return Ended(reason=End.NOTHING, at=due)
        if due == Compared(before=low, after=high) and high - low == 1:
            return Ended(reason=End.FOUND if is_slower else End.GRADUAL, at=due)
        low, high = (low, due.after) if is_slower else (due.after, high)
        middle = Compared(before=0, after=(low + high) // 2)
        due = Compared(before=low, after=high) if high - low == 1 else middle
    return due
