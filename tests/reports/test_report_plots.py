from __future__ import annotations

import io
import re

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from support.report_rows import changed, rows, timed

from bench.core.caveats import CaveatKind
from reports.plots import charts, drawing, ratios
from reports.plots.charts import Chart
from reports.plots.themes import DARK, LIGHT, STYLES
from reports.rows import frontier
from reports.rows.hops import at_shortest_hop
from reports.rows.schema import Row


def charts_of(found: list[Row]) -> dict[str, Chart]:
    families = charts.families_of(row.file.family for row in found)
    drawn = charts.charts(frontier.mark(found), families)
    ratios_chart = ratios.format_ratios(at_shortest_hop(found), families)
    return {chart.name: chart for chart in [*drawn, *([ratios_chart] if ratios_chart else [])]}


def marker_faces(figure: Figure) -> list[str]:
    """Returns the colour of each point's marker."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() != "None"]
    return [to_hex(str(line.get_markerfacecolor())) for line in lines for _ in line.get_xydata()]


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for text in (*figure.texts, *figure.axes[0].texts)}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Chart]:
    return charts_of(rows())


def test_a_recoloured_picture_is_the_one_drawn_in_those_colours(drawn: dict[str, Chart]) -> None:
    for chart in (drawn["accuracy-latency"], drawn["format-ratios"]):
        light, dark = (drawing.svg(drawing.draw(chart, STYLES[name])) for name in ("light", "dark"))
        recoloured = drawing.recoloured(light, LIGHT, DARK)
        # A marker's id comes from its colours.
        mine, drawn_so = (re.sub(rb"\bm[0-9a-f]{10}", b"m", each) for each in (recoloured, dark))
        assert mine == drawn_so


def test_an_svg_has_no_date_and_its_text_needs_no_font(drawn: dict[str, Chart]) -> None:
    svg = drawing.svg(drawing.draw(drawn["accuracy-latency"], STYLES["dark-narrow"])).decode()
    assert "<dc:date>" not in svg
    assert "<text" not in svg
    assert DARK.background in svg


def test_a_png_has_the_size_of_its_style(drawn: dict[str, Chart]) -> None:
    style = STYLES["light"]
    picture = imread(
        io.BytesIO(drawing.png(drawing.draw(drawn["accuracy-size"], style))), format="png"
    )
    assert picture.shape[:2] == (160 * style.height_in, 160 * style.width_in)


@pytest.mark.parametrize(
    ("caveats", "hollow"),
    [("", False), ("frontend_added", False), ("untrained", True), ("scored_on_host", True)],
)
def test_a_marker_is_hollow_if_a_caveat_degrades_or_invalidates(caveats: str, hollow: bool) -> None:
    chart = charts_of([timed("a", "int8", 100.0, score=0.5, caveats=caveats)])["accuracy-latency"]
    (face,) = marker_faces(drawing.draw(chart, STYLES["light"]))
    assert (face == LIGHT.background) == hollow


def test_the_example_has_as_many_hollow_markers_as_degraded_rows(
    drawn: dict[str, Chart],
) -> None:
    faces = marker_faces(drawing.draw(drawn["accuracy-latency"], STYLES["light"]))
    assert len(faces) == 21
    assert faces.count(LIGHT.background) == sum(
        any(caveat.kind is CaveatKind.BELOW_BOUND for caveat in row.caveats) for row in rows()
    )


def test_units_and_intervals_are_named(drawn: dict[str, Chart]) -> None:
    figure = drawing.draw(drawn["accuracy-latency"], STYLES["light"])
    axes = figure.axes[0]
    assert "(µs, log scale)" in axes.get_xlabel()
    assert "(%)" in axes.get_ylabel()
    assert any("95 % intervals" in text for text in texts(figure))
    assert "log-mel floor 65.5 %" in texts(figure)
    assert any("chance 18.3 %" in text for text in texts(figure))


def test_each_frontier_point_is_labelled(drawn: dict[str, Chart]) -> None:
    for style in STYLES.values():
        written = " ".join(texts(drawing.draw(drawn["accuracy-latency"], style)))
        for name in ("tiny w0.5", "small w1.0 unfused", "large w1.0", "small w2.0 legacy"):
            assert name in written


def test_the_numbers_beside_a_picture_are_those_of_its_points(drawn: dict[str, Chart]) -> None:
    chart = drawn["accuracy-latency"]
    numbers = chart.numbers.select(["latency_us_per_audio_s", "score_mean"]).rows
    assert [us for us, _ in numbers] == pytest.approx([dot.x[1] for dot in chart.dots])
    assert [score for _, score in numbers] == pytest.approx([dot.y[1] / 100 for dot in chart.dots])
    ratios = drawn["format-ratios"]
    (listed,) = zip(*ratios.numbers.select(["latency_ratio"]).rows, strict=True)
    assert listed == pytest.approx([dot.x[1] for dot in ratios.dots])


def test_without_scores_latency_is_drawn_against_size() -> None:
    unscored = [timed("a", "int8", 100.0, score=None), timed("b", "int8", 50.0, score=None)]
    assert list(charts_of(unscored)) == ["latency-size"]
    untimed = {"latency_us_per_audio_s": None, "latency_us_median": None}
    bare = {
        f"{name}_{end}": None
        for name in ("latency_us", "latency_us_per_audio_s")
        for end in ("low", "high")
    }
    assert charts_of([changed(row, **untimed, **bare) for row in unscored]) == {}


@pytest.mark.parametrize("style", ["light", "light-narrow"])
def test_one_row_and_a_hundred_rows_can_be_drawn(style: str) -> None:
    one = charts_of(rows()[:1])
    assert set(one) == {"accuracy-latency", "accuracy-size"}
    many = charts_of(
        [
            changed(row, student=f"{row.file.student}_{copy}", family=f"{row.file.family}{copy}")
            for copy in range(5)
            for row in rows()
        ]
    )
    chart = many["accuracy-latency"]
    assert len(chart.dots) == 105
    assert chart.families[-1] == "other"
    for each in (one["accuracy-latency"], chart):
        assert re.match(rb"<\?xml", drawing.svg(drawing.draw(each, STYLES[style])))


def at_hops(row: Row) -> list[Row]:
    """Returns a row at three hops: the longer, the cheaper and a little less accurate."""
    score = row.score_mean or 0.0
    return [
        changed(
            row,
            audio_s_per_inference=hop_s,
            score_mean=score - loss,
            latency_us_per_audio_s=(row.latency_us_median or 0.0) / hop_s,
            latency_us_per_audio_s_low=None,
            latency_us_per_audio_s_high=None,
        )
        for hop_s, loss in ((0.17, 0.0), (0.48, 0.004), (0.96, 0.008))
    ]


def test_a_file_at_several_hops_is_a_line_and_one_point_by_size() -> None:
    found = charts_of([each for row in rows()[:4] for each in at_hops(row)])
    chart = found["accuracy-latency"]
    assert len(chart.dots) == 12
    assert [len(link.points) for link in chart.links] == [3] * 4
    assert {dot.hop_s for dot in chart.dots} == {0.17, 0.48, 0.96}
    assert "one file at several hops" in chart.caption
    by_size = found["accuracy-size"]
    assert [dot.label for dot in by_size.dots] == ["tiny w0.5"] * 4
    assert [len(link.points) for link in by_size.links] == [4]
    assert by_size.caption.endswith("in several formats. Each file is at its shortest hop.")
    assert len(found["format-ratios"].dots) == 3


def test_a_file_at_several_hops_has_one_label_and_larger_markers_for_longer_hops() -> None:
    chart = charts_of([each for row in rows()[:8] for each in at_hops(row)])["accuracy-latency"]
    for style in STYLES.values():
        figure = drawing.draw(chart, style)
        for name in ("tiny w0.5", "small w1.0"):
            labels = [text for text in texts(figure) if text.startswith(name)]
            formats = ", ".join(label.removeprefix(f"{name} ") for label in labels)
            assert sorted(formats.split(", ")) == ["dynamic", "float16", "float32", "int8"]
        keys = [text.get_text() for text in figure.legends[-1].get_texts()]
        assert keys == ["hop 0.17 s", "0.48 s", "0.96 s"]
    markers = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    sizes = [line.get_markersize() for line in markers]
    assert sizes == sorted(sizes[:3]) * 2


def test_of_many_points_only_those_on_the_frontier_have_bars() -> None:
    chart = charts_of([each for row in rows() for each in at_hops(row)])["accuracy-latency"]
    assert len(chart.dots) == 63
    barred = {dot.on_frontier for dot in chart.dots if dot.y[0] < dot.y[2]}
    assert barred == {True}
    assert "95 % intervals of what is on the frontier" in chart.caption
    numbers = chart.numbers.select(["score_low", "score_high"]).rows
    assert all(low is not None and high is not None for low, high in numbers)
