"""Wrong operators that a stand-in delegate computes on a handset, found by bisecting the graph."""

from pathlib import Path

from support.phone_sweeps import SPLIT
from support.wrong_operators import checked

from bench.flow.outputs.record import Verdict
from bench.handset.running import Running


def test_the_operator_that_a_delegate_computes_wrong_is_named(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    wrong = "take:from;at:1;count:1;gives:scaled"
    check, _ = checked(handset.serial, official_binary, SPLIT, wrong, tmp_path / "db")
    assert check.verdict is Verdict.FAILED
    first = check.first_difference
    assert first is not None
    assert (first.op, first.index, first.operators) == ("FLOOR_MOD", 1, 4)
    assert (first.tensor, first.caveats) == ("FloorMod", ())
    assert first.error_max is not None
    assert 0 < first.error_max <= 0.11 * first.reference_max
    assert "the result of FLOOR_MOD FloorMod, operator 1 of 0 to 3: off by up to" in check.evidence


def test_two_operators_that_a_delegate_computes_together_are_both_suspected(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    wrong = "take:from;at:1;count:2"
    check, _ = checked(handset.serial, official_binary, SPLIT, wrong, tmp_path / "db")
    first = check.first_difference
    assert first is not None
    assert first.index == 2
    assert first.caveats == (
        "operators 1 FLOOR_MOD and 2 RESHAPE are computed together: either may be the wrong one",
    )
