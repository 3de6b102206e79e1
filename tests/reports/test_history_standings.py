from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.night_rows import nights

from reports.gate.rows import Estimate
from reports.history_page import write_history
from reports.standings import Change, Missed, Move, Standing, alarms, notes, short, table

SHA = "9c015cdb481912fe4e7d0f447852fbfddb26aaaa"


def move(**changed: Any) -> Move:
    known: dict[str, Any] = {
        "ratio": Estimate(value=1.06, low=1.05, high=1.07),
        "before": SHA, "before_at": "2026-05-10T03:00:00+00:00",
        "after": "b" * 40, "after_at": "2026-05-11T03:00:00+00:00",
        "is_regression": True,
    }  # fmt: skip
    return Move(**{**known, **changed})


def standing(**changed: Any) -> Standing:
    known: dict[str, Any] = {
        "model": "tiny int8", "device": "Pixel 6", "anchor_sha256": "a" * 64, "nights": 120,
        "series": 1, "last_at": "2026-09-08T03:00:00+00:00", "revision": "r119",
        "last": Estimate(value=1.02), "level_ratio": 1.01, "steps": (), "drift": "same",
        "doubt": "", "margin": 0.05,
    }  # fmt: skip
    return Standing(**{**known, **changed})


def test_alarms_name_ratio_interval_and_revisions() -> None:
    found = alarms(standing(steps=(move(),), drift="regressed"))
    assert found == [
        "a step of 1.060× (1.050× to 1.070×) between 9c015cdb4819, 2026-05-10, and bbbbbbbbbbbb, "
        "2026-05-11",
        "drifted to 1.020× of its anchor at r119, 2026-09-08",
    ]


@pytest.mark.parametrize(
    ("changed", "is_regressed"),
    [
        ({}, False),
        ({"drift": "regressed"}, True),
        ({"drift": "undecided", "doubt": "capped"}, False),
        ({"drift": "regressed", "is_anchor": True}, False),
        ({"steps": (move(),)}, True),
        ({"steps": (move(is_regression=False, why_not="undone since"),)}, False),
    ],
)
def test_a_settled_slower_step_or_drift_is_a_regression(
    changed: dict[str, Any], is_regressed: bool
) -> None:
    found = standing(**changed)
    assert found.is_regressed == is_regressed
    assert bool(alarms(found)) == is_regressed


def test_what_is_no_alarm_is_a_note_with_its_reason() -> None:
    found = standing(
        steps=(move(is_regression=False, why_not="undone since"),),
        changes=(Change(at="2026-05-20T03:00:00Z", field="runtime", before="", after="x 2"),),
        missed=tuple(Missed(at=f"2026-05-0{n}T03:00:00Z", why="equal files") for n in range(1, 6)),
        doubts=(("virtual", 120),),
    )
    step, change, missed, doubt = notes(found)
    assert step.endswith("2026-05-11: undone since")
    assert change == "a new series on 2026-05-20, runtime: – → x 2"
    assert missed == "no night on 2026-05-01, 2026-05-02, 2026-05-03 and 2 more: equal files"
    assert doubt == "120 of 120 nights: measured on a virtual handset, not on a phone"


def test_hashes_are_cut_and_what_nobody_could_see_is_written_out() -> None:
    assert short(f"{SHA} and {'c' * 64}") == "9c015cdb4819 and cccccccccccc"
    assert "\x1b" not in short("\x1b[2Jr1")
    assert short("v1.2-rc3") == "v1.2-rc3"


def test_models_are_named_with_their_device_where_there_are_several() -> None:
    one, two = standing(), standing(device="Pixel 8", doubt="capped", drift="undecided")
    assert [line.cells[0].detail for line in table([one]).lines] == [""]
    first, second = table([one, two]).lines
    assert (first.cells[0].detail, second.cells[0].detail) == ("Pixel 6", "Pixel 8")
    assert "the most blocks" in second.cells[1].detail


def test_a_page_without_an_alarm_says_so_and_escapes_what_logs_say(tmp_path: Path) -> None:
    name = "<b>tiny</b> int8"
    rows = [replace(row, model=name) for row in nights(20)]
    first, again = (
        write_history(
            [standing(model=name)],
            rows,
            out=tmp_path / folder,
            left_out=["3 logs of other baselines: left out"],
            provenance={"command": "frill-bench history"},
        )
        for folder in ("first", "again")
    )
    html = first.read_text()
    assert "No model is shown to have become slower." in html
    assert "<b>tiny" not in html
    assert "3 logs of other baselines" in html
    assert again.read_bytes() == first.read_bytes()
