"""The answer to "which file": the most accurate that keeps all budgets, and how surely."""

from dataclasses import replace

import pytest
from support.report_rows import changed, timed

from bench.core.errors import ConfigurationError
from reports.decision import budgets, pick
from reports.decision.budgets import Keeps
from reports.decision.shown import document, lines
from reports.decision.to_measure import to_measure
from reports.rows.paired import answers
from reports.rows.schema import Row

WITHIN_1MS = [budgets.latency("1ms/s")]


def test_the_most_accurate_file_that_keeps_the_budget_is_chosen_with_its_runner_up() -> None:
    fast = timed("fast", "int8", 300.0, score=0.70)
    good = timed("good", "int8", 600.0, score=0.80)
    slow = timed("slow", "int8", 2000.0, score=0.90)
    (found,) = pick.answers([fast, good, slow], WITHIN_1MS)
    assert found.chosen is not None
    assert found.runner_up is not None
    assert (found.chosen.name, found.runner_up.name) == ("good int8", "fast int8")
    assert found.chosen.keeps is Keeps.SURELY
    assert (found.most_accurate or 0) > 0.999
    assert found.less is not None
    assert found.less.change.value == pytest.approx(0.1)
    assert not found.less.paired
    assert to_measure(found) == []


def test_a_probable_choice_names_its_probability_a_sure_one_and_what_to_measure() -> None:
    near = timed("near", "int8", 955.0, score=0.80)  # 995 us per second: 975 to 1023
    sure = timed("sure", "int8", 500.0, score=0.79)
    (found,) = pick.answers([near, sure], WITHIN_1MS)
    assert found.chosen is not None
    assert found.safe is not None
    assert (found.chosen.name, found.safe.name) == ("near int8", "sure int8")
    assert found.chosen.probability == pytest.approx(0.65, abs=0.05)
    text = "\n".join(lines(found))
    assert "probably keeps all budgets, probability 6" in text
    assert "surely within the budgets: sure int8, 1.0 points less" in text
    assert "processes instead of 10: --processes " in text
    assert "times as many test clips are needed to distinguish near int8 from sure int8" in text


def test_more_clips_are_counted_from_the_pairs_of_answers() -> None:
    right = {"one": "1" * 70 + "0" * 30, "two": "1" * 66 + "0" * 32 + "11"}
    made = [
        replace(
            timed(name, "int8", 300.0, score=digits.count("1") / 100),
            answers=answers([[{"a": digits}]]),
        )
        for name, digits in right.items()
    ]
    (found,) = pick.answers(made, WITHIN_1MS)
    assert found.less is not None
    assert (found.less.paired, found.less.clips) == (True, 100)
    [line] = to_measure(found)
    low = found.less.change.low or 0.0
    wanted = 100 * ((0.02 - low) / 0.02) ** 2
    assert f"about {wanted:.0f}" in line or f"about {int(wanted) + 1}" in line


def test_a_more_accurate_file_with_a_gap_is_named_and_not_chosen() -> None:
    known = timed("known", "int8", 300.0, score=0.70, memory_mb_peak=5.0)
    gap = timed("gap", "int8", 300.0, score=0.90)
    unscored = timed("unscored", "int8", 300.0, score=None, memory_mb_peak=5.0)
    (found,) = pick.answers([known, gap, unscored], [budgets.memory("10MB")])
    assert found.chosen is not None
    assert found.chosen.name == "known int8"
    assert "gap int8: memory: its memory was not measured" in to_measure(found)
    (lost,) = pick.answers([known, unscored], [budgets.lost("2")])
    assert "unscored int8: accuracy lost against the best: it was not scored" in to_measure(lost)


def test_nothing_fits_names_what_is_nearest() -> None:
    rows = [timed("a", "int8", 3000.0, score=0.7), timed("b", "int8", 2000.0, score=0.8)]
    (found,) = pick.answers(rows, [*WITHIN_1MS, budgets.size("2MB")])
    assert found.chosen is None
    text = list(lines(found))
    assert text[1] == "  no file keeps all budgets, of 2"
    assert text[2] == "    b int8:"
    assert document(found)["chosen"] is None


def test_what_is_invalid_is_left_out_with_its_reason() -> None:
    wrong = timed("wrong", "int8", 300.0, score=0.9, caveats="scored_on_host")
    (found,) = pick.answers([wrong, timed("right", "int8", 300.0, score=0.7)], WITHIN_1MS)
    assert found.chosen is not None
    assert found.chosen.name == "right int8"
    assert "not checked" in found.left_out["wrong int8"]


def on(device: str, row: Row, **changes: object) -> Row:
    return changed(row, device=device, case_key=device + row.case_key, **changes)


def test_devices_are_never_mixed_and_the_worst_one_decides() -> None:
    good, small = (
        timed("good", "int8", 600.0, score=0.8), timed("small", "int8", 300.0, score=0.7)
    )  # fmt: skip
    slow = {
        "latency_us_per_audio_s": 5000.0,
        "latency_us_per_audio_s_low": 4900.0,
        "latency_us_per_audio_s_high": 5100.0,
    }
    everywhere = [
        on("A", good), on("A", small), on("B", good, **slow), on("B", small),
        on("A", timed("only", "int8", 300.0, score=0.9)),
    ]  # fmt: skip
    by_device = pick.answers(everywhere, WITHIN_1MS)
    assert [each.chosen and each.chosen.name for each in by_device] == ["only int8", "small int8"]
    worst = pick.answer_for_worst(everywhere, WITHIN_1MS)
    assert worst.chosen is not None
    assert worst.chosen.name == "small int8"
    assert [part.row.setup.device for part in worst.chosen.parts] == ["A", "B"]
    assert worst.left_out == {"only int8": "it was not measured on every device"}
    apart = [*everywhere, on("C", changed(good, score_task_set="quick"))]
    with pytest.raises(ConfigurationError, match="several task sets"):
        pick.answer_for_worst(apart, WITHIN_1MS)


def test_a_wrong_choice_has_a_cost_and_students_nearer_than_two_seeds_are_named() -> None:
    better = timed("better", "int8", 600.0, score=0.80)
    other = timed("other", "int8", 300.0, score=0.79)
    (found,) = pick.answers([better, other], WITHIN_1MS)
    chosen, second = found.wrong_choice
    assert (chosen.name, second.name) == ("better int8", "other int8")
    assert chosen.best + second.best == pytest.approx(1.0)
    # What both cost differs by what they differ by on average.
    assert second.cost - chosen.cost == pytest.approx(0.01, abs=0.003)
    text = "\n".join(lines(found))
    assert "cost of a wrong choice: better int8 " in text
    assert "cannot be distinguished: the 95 % interval over clips holds 0" in text
    assert document(found)["chosen_less_runner_up"]["not_distinguished"]
    (alone,) = pick.answers([better], WITHIN_1MS)
    assert alone.wrong_choice == ()
