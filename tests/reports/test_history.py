import dataclasses

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from support.night_rows import DELEGATE_AT, SLOWER_AT, nightly, nights

from reports import plots, schema
from reports.history import History, Nightly, history
from reports.looks import LIGHT, LOOKS


def made(rows: list[Nightly]) -> History:
    return history(rows, margin=0.05)


def drawn(rows: list[Nightly], look: str = "light") -> Figure:
    return plots.draw(made(rows), LOOKS[look])


def written(figure: Figure) -> list[str]:
    return [each.get_text() for axes in figure.axes for each in axes.texts if each.get_text()]


def test_nights_stand_in_the_order_of_time_one_run_a_series() -> None:
    rows = nights()
    chart = made([*rows[1::2], *reversed(rows[::2])])
    first, second = chart.runs
    assert [len(first), len(second)] == [DELEGATE_AT, len(rows) - DELEGATE_AT]
    assert [dot.ratio for dot in chart.dots] == [row.ratio for row in rows]
    assert first[0].day == 20585.125  # 12 May 2026 at 03:00
    assert [each["session"] for each in chart.numbers.records()] == [row.session for row in rows]
    assert chart.numbers.columns == tuple(each.name for each in schema.columns(Nightly))


def test_steps_and_breaks_are_flagged_between_the_nights_with_what_they_are() -> None:
    slower, faster, new = made(nights()).flags
    assert slower.text == "+5.0 % (+4.4 to +5.5)"
    assert slower.short == "+5.0 %"
    assert faster.text == "−3.0 % (−3.5 to −2.4)"
    assert new.text == "new delegate"
    assert [slower.is_break, faster.is_break, new.is_break] == [False, False, True]
    assert slower.day == 20585.125 + SLOWER_AT - 0.5


def test_many_changes_at_once_are_counted() -> None:
    changed = "device_unit;fingerprint;runtime;tool_sha256;anchor"
    (flag,) = made([nightly(0), nightly(1, series=2, changed=changed)]).flags
    assert flag.text == "new phone, system build, runtime and 2 more"
    assert flag.short == "new phone and 4 more"


def test_milliseconds_have_a_faint_panel_of_their_own_that_is_never_alarmed_on() -> None:
    ratios, times = drawn(nights()).axes
    assert times.get_ylabel() == "ms"
    assert times.get_xlim() == ratios.get_xlim()
    faint = [line for line in times.lines if len(line.get_xdata()) > 2]  # type: ignore[arg-type]  # lists
    assert len(faint) == 4
    assert all(line.get_alpha() == 0.5 for line in faint)
    assert not [text for text in times.texts if text.get_text()]
    chart = made(nights())
    assert "no alarm ever rests on them" in chart.caption
    assert "ms" in chart.caption


def test_without_milliseconds_there_is_no_panel_and_no_word_of_it() -> None:
    rows = [dataclasses.replace(row, candidate_us=None, anchor_us=None) for row in nights()]
    assert len(drawn(rows).axes) == 1
    assert "Below" not in made(rows).caption


def test_a_night_is_hollow_if_a_caveat_degrades_or_invalidates_it() -> None:
    rows = nights(40)
    axes = drawn(rows).axes[0]
    hollow = [
        line for line in axes.lines
        if line.get_marker() == "o" and to_hex(str(line.get_markerfacecolor())) == LIGHT.background
    ]  # fmt: skip
    assert sum(len(line.get_xdata()) for line in hollow) == sum(bool(row.caveats) for row in rows)  # type: ignore[arg-type]  # lists


@pytest.mark.parametrize("look", LOOKS)
def test_texts_of_flags_lie_on_no_other_and_no_line_goes_through_one(look: str) -> None:
    crowded = nights()
    for number in (20, 26, 31, 50, 55, 60, 85, 110, 115):
        crowded[number] = dataclasses.replace(
            crowded[number], step_ratio=1.012, step_ratio_low=1.006, step_ratio_high=1.018
        )
    figure = drawn(crowded, look)
    texts = [each for each in figure.axes[0].texts if isinstance(each, Annotation)]
    boxes = [each.get_window_extent() for each in texts if each.get_text()]
    assert len(boxes) == 12
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
    for line in (each for each in texts if not each.get_text()):
        x, _ = figure.axes[0].transData.transform((line.xy[0], 1))
        top = figure.axes[0].bbox.y0 + line.xyann[1]  # a pixel is a point
        assert not any(box.x0 + 1 < x < box.x1 - 1 and top > box.y0 for box in boxes)


@pytest.mark.parametrize("width", [0.001, 0.004, 0.02, 0.07, 0.3])
def test_what_stands_beside_a_tick_is_where_it_is(width: float) -> None:
    rows = [nightly(n, ratio=1.06, ratio_low=1.06 - width, ratio_high=1.06) for n in range(2)]
    axis = drawn(rows).axes[0].yaxis
    for tick, text in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
        assert float(text.get_text().rstrip("×")) == pytest.approx(tick, abs=1e-9)


def test_a_long_title_is_broken_where_the_picture_is_narrow() -> None:
    name = "tiny_w0.5_keras3_gap_e512_unfused float32"
    figure = drawn([nightly(n, model=name) for n in range(3)], "light-narrow")
    title = next(each for each in figure.texts if each.get_text().startswith("tiny"))
    assert title.get_text().count("\n") == 1
    assert title.get_window_extent().x1 <= figure.bbox.width


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("count", [1, 2, 120])
def test_any_number_of_nights_can_be_drawn(count: int, look: str) -> None:
    figure = drawn(nights(count), look)
    assert plots.svg(figure)
    labels = [each.get_text() for each in figure.axes[-1].get_xticklabels()]
    assert len(labels) == len(set(labels))


def test_pictures_are_the_same_bytes_on_a_second_run() -> None:
    once, again = drawn(nights()), drawn(nights())
    assert plots.svg(once) == plots.svg(again)
    assert plots.png(once) == plots.png(again)
