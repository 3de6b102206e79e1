"""Budgets as text, and how surely a row keeps each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.report_rows import changed, rows, timed

from bench.core.errors import ConfigurationError
from reports.decision import budgets, pick
from reports.decision.budgets import Budget, Keeps, Measure, keep
from reports.rows.schema import Frontend, Row

SURELY, PROBABLY, UNCLEAR, NO = Keeps.SURELY, Keeps.PROBABLY, Keeps.UNCLEAR, Keeps.NO
ROW = timed("a", "int8", 960.0, score=0.80, audio_s=0.96)  # 1000 us per second: 980 to 1028


@pytest.mark.parametrize(
    ("read", "text", "measure", "limit"),
    [
        (budgets.latency, "5ms/s", Measure.LATENCY, 5000),
        (budgets.latency, "300 us/s", Measure.LATENCY, 300),
        (budgets.latency, "300µs/s", Measure.LATENCY, 300),
        (budgets.latency, ".5s", Measure.INFERENCE, 500_000),
        (budgets.latency, "2ms", Measure.INFERENCE, 2000),
        (budgets.size, "2MB", Measure.SIZE, 2_000_000),
        (budgets.size, "800kB", Measure.SIZE, 800_000),
        (budgets.memory, "64MiB", Measure.MEMORY, 64 * 2**20),
        (budgets.core, "5%", Measure.CORE, 0.05),
        (budgets.lost, "2", Measure.LOST, 0.02),
        (budgets.lost, "1.5 points", Measure.LOST, 0.015),
        (budgets.accuracy, "70%", Measure.ACCURACY, 0.7),
    ],
)  # fmt: skip
def test_a_budget_is_read_with_its_unit(
    read: object, text: str, measure: Measure, limit: float
) -> None:
    found = read(text)  # type: ignore[operator]  # one of the readers
    assert (found.measure, found.limit) == (measure, pytest.approx(limit))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (budgets.latency, "5"), (budgets.latency, "5m/s"), (budgets.latency, "-5ms"),
        (budgets.latency, "fast"), (budgets.size, "2"), (budgets.size, "2mb"),
        (budgets.core, "5"), (budgets.lost, "2%"), (budgets.accuracy, "101%"),
        (budgets.accuracy, "0.7"), (budgets.memory, "1e3MB"), (budgets.latency, ""),
    ],
)  # fmt: skip
def test_a_bad_budget_is_refused_with_an_example(read: object, text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a budget") as refused:
        read(text)  # type: ignore[operator]  # one of the readers
    assert "such as" in refused.value.hint


def kept(row: Row, text: str, *, best: Row | None = None) -> tuple[Keeps, float | None]:
    found = keep(row, budgets.latency(text), best=best)
    return found.keeps, found.probability


def test_a_latency_keeps_its_budget_by_its_interval() -> None:
    assert kept(ROW, "1100us/s")[0] is SURELY
    assert kept(ROW, "1010us/s") == (PROBABLY, pytest.approx(0.76, abs=0.02))
    assert kept(ROW, "990us/s") == (UNCLEAR, pytest.approx(0.17, abs=0.02))
    assert kept(ROW, "900us/s")[0] is NO
    assert kept(ROW, "1100us")[0] is SURELY  # per inference: 960 us
    assert kept(ROW, "900us")[0] is NO


def test_what_was_not_measured_never_passes() -> None:
    gaps: dict[Measure, Row] = {
        Measure.LATENCY: changed(ROW, includes_frontend=False, frontend=Frontend.MISSING),
        Measure.INFERENCE: changed(ROW, latency_us_per_audio_s=None),
        Measure.CORE: changed(ROW, latency_us_per_audio_s=None),
        Measure.MEMORY: ROW,
        Measure.LOST: changed(ROW, score_mean=None),
        Measure.ACCURACY: changed(ROW, score_mean=None),
    }
    for measure, row in gaps.items():
        found = keep(row, Budget(measure=measure, limit=1e12), best=ROW)
        assert (found.keeps, found.value, found.probability) == (UNCLEAR, None, None), measure
        assert found.why
    bare = changed(ROW, latency_us_per_audio_s_low=None, latency_us_per_audio_s_high=None)
    found = keep(bare, budgets.latency("9s/s"), best=ROW)
    assert (found.keeps, found.probability) == (UNCLEAR, None)
    assert "no interval" in found.why


def test_memory_and_cores_are_less_sure_than_they_seem() -> None:
    seen = changed(ROW, memory_mb_peak=10.0)
    assert keep(seen, budgets.memory("11MB"), best=None).keeps is PROBABLY
    assert keep(seen, budgets.memory("10MB"), best=None).keeps is NO  # 10 MiB are more
    assert keep(ROW, budgets.core("5%"), best=None).keeps is PROBABLY
    assert keep(ROW, budgets.core("0.05%"), best=None).keeps is NO
    assert keep(changed(ROW, threads=4), budgets.core("0.05%"), best=None).keeps is UNCLEAR
    unknown = keep(changed(ROW, threads=None), budgets.core("5%"), best=None)
    assert (unknown.keeps, unknown.value) == (UNCLEAR, None)


def test_what_is_lost_is_against_the_best() -> None:
    best = timed("best", "int8", 960.0, score=0.85, half=0.01)
    own = keep(best, budgets.lost("0"), best=best)
    assert (own.keeps, own.probability) == (SURELY, 1.0)
    assert keep(ROW, budgets.lost("2"), best=best).keeps is NO
    assert keep(ROW, budgets.lost("5.5"), best=best).keeps is PROBABLY
    assert keep(ROW, budgets.lost("9"), best=best).keeps is SURELY


_budgets = st.lists(
    st.one_of(
        st.floats(100, 3000).map(lambda us: Budget(measure=Measure.LATENCY, limit=us)),
        st.floats(5e5, 2e7).map(lambda size: Budget(measure=Measure.SIZE, limit=size)),
        st.floats(0, 0.2).map(lambda share: Budget(measure=Measure.LOST, limit=share)),
        st.floats(0.6, 0.8).map(lambda share: Budget(measure=Measure.ACCURACY, limit=share)),
    ),
    min_size=1,
    max_size=3,
)


@given(_budgets, st.floats(0.5, 1.0), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_a_tighter_budget_never_adds_a_row(wanted: list[Budget], factor: float, which: int) -> None:
    which %= len(wanted)
    tighter = list(wanted)
    at_least = wanted[which].measure is Measure.ACCURACY
    tighter[which] = replace(
        wanted[which], limit=wanted[which].limit * (1 / factor if at_least else factor)
    )
    keepers = [
        {option.name for option in pick.answers(rows(), each)[0].keepers}
        for each in (wanted, tighter)
    ]
    assert keepers[1] <= keepers[0]


@given(_budgets, st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_and_a_dominated_row_do_not_change_the_choice(
    wanted: list[Budget], random: object
) -> None:
    moved = [*rows(), timed("hopeless", "int8", 1e6, score=0.1, size_bytes=10**9)]
    random.shuffle(moved)  # type: ignore[attr-defined]  # hypothesis types it as object
    before, after = (pick.answers(each, wanted)[0].chosen for each in (rows(), moved))
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert before.parts[0].row == after.parts[0].row
        assert before.keeps is after.keeps
