"""Which of revisions in order stepped, from the verdicts of comparisons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.errors import ConfigurationError
from bench.gate.history.bisection import (
    Compared,
    End,
    Ended,
    most_comparisons,
    next_comparison,
    rule_of_each,
)
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict


def bisected(costs: list[float], *, margin: float = 0.05) -> tuple[Ended, dict[Compared, Verdict]]:
    """Returns the end of a bisection whose verdicts are those of exact costs."""
    verdicts: dict[Compared, Verdict] = {}
    while isinstance(due := next_comparison(len(costs), verdicts), Compared):
        assert due not in verdicts
        is_slower = costs[due.after] >= (1 + margin) * costs[due.before]
        verdicts[due] = Verdict.REGRESSED if is_slower else Verdict.SAME
    return due, verdicts


@given(st.integers(2, 200), st.data())
def test_one_step_is_found_in_as_few_comparisons_as_promised(
    many: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(1, many - 1))
    ended, verdicts = bisected([1.0] * step + [1.1] * (many - step))
    assert ended == Ended(reason=End.FOUND, at=Compared(before=step - 1, after=step))
    assert ended.at in verdicts
    assert len(verdicts) <= most_comparisons(many)


def test_where_the_last_is_not_slower_one_comparison_is_enough() -> None:
    ended, verdicts = bisected([1.0] * 8)
    assert ended.reason is End.NOTHING
    assert list(verdicts) == [Compared(before=0, after=7)]


def test_many_small_steps_have_no_single_one() -> None:
    ended, verdicts = bisected([1.02**n for n in range(8)])
    assert ended == Ended(reason=End.GRADUAL, at=Compared(before=2, after=3))
    assert verdicts[ended.at] is Verdict.SAME


@pytest.mark.parametrize(
    ("verdict", "reason"), [(Verdict.UNDECIDED, End.UNDECIDED), (Verdict.FAILED, End.FAILED)]
)
def test_a_comparison_without_a_verdict_ends_it(verdict: Verdict, reason: End) -> None:
    whole, middle = Compared(before=0, after=7), Compared(before=0, after=3)
    assert next_comparison(8, {whole: Verdict.REGRESSED}) == middle
    found = next_comparison(8, {whole: Verdict.REGRESSED, middle: verdict})
    assert found == Ended(reason=reason, at=middle)


def test_the_errors_are_divided_among_all_comparisons() -> None:
    rule = rule_of_each(Rule(), 8)
    assert most_comparisons(8) == 5
    assert rule.false_alarms_per_gate == pytest.approx(0.01 / 5)
    assert rule.wrong_passes_per_model == pytest.approx(0.05 / 5)
    rule.check(1)
    with pytest.raises(ConfigurationError, match="two revisions"):
        rule_of_each(Rule(), 1)
