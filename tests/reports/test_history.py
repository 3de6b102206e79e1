"""Trends in words, as a table, as rows and as a page."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gate_findings import key

from bench.core.caveats import Caveat, CaveatKind
from bench.gate.history.series import Environment, NightlyRun, series
from bench.gate.history.trend import Missed, Trend, trend
from bench.gate.verdict import (
    Axis,
    Finding,
    Interval,
    LatencyEvidence,
    UndecidedReason,
    Verdict,
)
from reports.history.page import chart, write_history
from reports.history.trends import RunRow, alarms, document, notes, rows, short, table
from reports.plots import drawing
from reports.plots.themes import STYLES

SHA = "9c015cdb481912fe4e7d0f447852fbfddb26aaaa"
FIRST = datetime(2026, 5, 12, 3, tzinfo=UTC)
SLOWER_AT, FASTER_AT, DELEGATE_AT = 40, 75, 95
HERE = Environment(
    device_unit="one", processor="GS101, 8 cores", fingerprint="build 1", runtime="LiteRT 2.3",
    tool_sha256="a" * 64, delegate="xnnpack", threads="1", cores="4-7", clocks="free",
    statistic="median wall time",
)  # fmt: skip


def run(number: int, ratio: float = 1.0, *, width: float = 0.01, **changed: Any) -> NightlyRun:
    """Returns the run of a day, so many after the first."""
    change = Interval(value=ratio, low=ratio * (1 - width), high=ratio * (1 + width))
    known: dict[str, Any] = {
        "verdict": Verdict.SAME,
        "candidate_sha256": f"{number:064x}",
        "baseline_sha256": "b" * 64,
        **changed,
    }
    return NightlyRun(
        started_at=(FIRST + timedelta(days=number)).isoformat(),
        session_id=f"session {number}",
        revision=known.pop("revision", f"r{number}"),
        environment=known.pop("environment", HERE),
        ratio=change,
        finding=Finding(
            model=known.pop("model", key("tiny")),
            axis=Axis.LATENCY,
            margin=0.05,
            change=change,
            evidence=LatencyEvidence(blocks=6, smallest_slowdown=0.03),
            **known,
        ),
        candidate_us=20_000 * ratio,
        baseline_us=20_000,
    )


def history(count: int = 120, *, device: str = "Pixel 6", **changed: Any) -> Trend:
    """Returns a trend with a step of +5 %, one of -3 %, and another delegate in the end."""
    rng = np.random.default_rng(5)
    runs = []
    for number in range(count):
        level = 1.05 * 0.97 if number >= FASTER_AT else 1.05 if number >= SLOWER_AT else 1.0
        if number >= DELEGATE_AT:
            changed = {**changed, "environment": replace(HERE, delegate="none")}
            level = 1.005
        runs.append(run(number, level * float(np.exp(rng.normal(0, 0.008))), **changed))
    return trend(device, series(runs))


def stepped(**last: Any) -> Trend:
    """Returns a trend with one step, between two revisions."""
    runs = [run(number, 1.0 + 0.06 * (number >= 10)) for number in range(19)]
    runs[9], runs[10] = (
        run(9, revision=SHA),
        run(10, 1.06, revision="b" * 40),
    )
    return trend("Pixel 6", series([*runs, run(19, 1.06, **last)]))


def test_an_alarm_names_ratio_interval_and_revisions() -> None:
    step, drift = alarms(stepped(verdict=Verdict.REGRESSED))
    assert step == (
        "a step of 1.060× (1.060× to 1.060×) between 9c015cdb4819, 2026-05-21, and bbbbbbbbbbbb, "
        "2026-05-22"
    )
    assert drift == "drifted to 1.060× (1.049× to 1.071×) of its pinned baseline at r19, 2026-05-31"


def test_what_is_not_an_alarm_is_a_note_with_its_reason() -> None:
    virtual = (Caveat(kind=CaveatKind.VIRTUAL),)
    updated = replace(HERE, runtime="")
    found = trend(
        "Pixel 6",
        series(
            [
                *(run(n, 1.0 + 0.06 * (10 <= n < 19), caveats=virtual) for n in range(28)),
                run(28, environment=updated),
            ]
        ),
        [Missed(at=f"2026-05-0{n}T03:00:00Z", why="equal files") for n in range(1, 6)],
    )
    assert alarms(found) == []
    undone, faster, change, missed, caveat = notes(found)
    assert undone.endswith("2026-05-22: undone since")
    assert faster.startswith("a step of 0.9434×")
    assert change == "a new series on 2026-06-09, runtime: LiteRT 2.3 → –"
    assert missed == "no run on 2026-05-01, 2026-05-02, 2026-05-03 and 2 more: equal files"
    assert caveat == "28 of 29 runs: measured on a virtual handset, not on a phone"


def test_hashes_are_cut_and_invisible_characters_are_written_out() -> None:
    assert short(f"{SHA} and {'c' * 64}") == "9c015cdb4819 and cccccccccccc"
    assert "\x1b" not in short("\x1b[2Jr1")
    assert short("v1.2-rc3") == "v1.2-rc3"


def test_models_are_named_with_their_device_where_there_are_several() -> None:
    one = trend("Pixel 6", series([run(1)]))
    undecided = run(1, verdict=Verdict.UNDECIDED, reason=UndecidedReason.CAPPED)
    two = trend("Pixel 8", series([undecided]))
    assert [line.cells[0].detail for line in table([one]).lines] == [""]
    first, second = table([one, two]).lines
    assert (first.cells[0].detail, second.cells[0].detail) == ("Pixel 6", "Pixel 8")
    assert "number of blocks" in second.cells[1].detail


def test_rows_are_in_the_order_of_time_with_their_steps_and_series() -> None:
    found = rows(history())
    assert [row.revision for row in found] == [f"r{number}" for number in range(120)]
    assert [row.series for row in found] == [1] * DELEGATE_AT + [2] * (120 - DELEGATE_AT)
    assert [row.changed for row in found if row.changed] == ["delegate"]
    assert [row.revision for row in found if row.step_ratio] == [
        f"r{SLOWER_AT}", f"r{FASTER_AT}",
    ]  # fmt: skip
    assert found[50].level_ratio == pytest.approx(1.05, abs=0.004)


def test_the_document_says_what_the_table_says() -> None:
    found = document(stepped(verdict=Verdict.REGRESSED))
    assert (found["drift"], found["runs"], found["is_regressed"]) == ("regressed", 20, True)
    assert [each["before"] for each in found["steps"]] == [SHA]
    assert found["last"]["value"] == 1.06
    assert len(found["alarms"]) == 2


def test_the_picture_has_a_dot_a_run_a_line_a_level_and_a_cross_a_step() -> None:
    found = chart(history())
    assert len(found.dots) == 120
    assert found.dots[0].x == (1.0, 1.0, 1.0)
    assert [trace.family for trace in found.traces] == ["series 1"] * 3 + ["series 2"]
    assert [trace.cross is not None for trace in found.traces] == [False, True, True, False]
    crosses = [trace.cross[0] for trace in found.traces if trace.cross]
    assert crosses == [SLOWER_AT + 1, FASTER_AT + 1]
    assert found.levels == (("pinned baseline", 0.0), ("margin +5.0 %", 5.0))
    assert [row["session"] for row in found.numbers.records()] == [
        row.session for row in rows(history())
    ]


def test_a_run_is_hollow_if_a_caveat_degrades_it() -> None:
    marked = run(1, caveats=(Caveat(kind=CaveatKind.VIRTUAL),))
    noted = run(2, caveats=(Caveat(kind=CaveatKind.FIXED_PERFORMANCE),))
    found = chart(trend("Pixel 6", series([marked, noted])))
    assert [dot.hollow for dot in found.dots] == [True, False]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 2, 120])
def test_any_number_of_runs_can_be_drawn_with_all_that_is_in_it(count: int, style: str) -> None:
    found = chart(history(count))
    figure = drawing.draw(found, STYLES[style])
    assert drawing.svg(figure).startswith(b"<?xml")
    (low, high), (start, end) = figure.axes[0].get_ylim(), figure.axes[0].get_xlim()
    for dot in found.dots:
        assert low <= dot.y[0] <= dot.y[2] <= high
        assert start <= dot.x[1] <= end
    assert low <= 0.0 < 5.0 <= high


def test_a_page_without_an_alarm_says_so_and_escapes_what_logs_say(tmp_path: Path) -> None:
    calm = trend("<b>Pixel</b>", series([run(n) for n in range(20)]))
    first, again = (
        write_history(
            [calm],
            out=tmp_path / folder,
            left_out=["3 logs of other baselines: left out"],
            provenance={"command": "frill-bench history"},
            pages={"session 3": tmp_path / "gates" / "a b#.html", "another": tmp_path / "x.html"},
        )
        for folder in ("first", "again")
    )
    html = first.read_text()
    assert "No model is shown to have become slower." in html
    assert "<b>Pixel" not in html
    assert "3 logs of other baselines" in html
    assert html.count("Pages of its gates") == 1
    assert '<a href="../gates/a%20b%23.html">2026-05-15</a>.' in html
    assert "x.html" not in html
    assert again.read_bytes() == first.read_bytes()
    with (tmp_path / "first" / "history.csv").open() as stream:
        written = list(csv.DictReader(stream))
    assert len(written) == 20
    assert list(written[0]) == list(RunRow.__dataclass_fields__)
