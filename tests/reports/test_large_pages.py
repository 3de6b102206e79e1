"""Pictures that are drawn in processes beside the page's own, and tables that are cut."""

from contextlib import nullcontext
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from support.report_rows import timed

from bench.core.system.workers import workers
from reports.page.drawn import Drawing
from reports.parts.documents import MOST_RESULTS, results_markdown
from reports.plots.charts import Chart, charts, families_of
from reports.rows.frontier import mark


@pytest.fixture
def others() -> set[BaseProcess]:
    """Returns what runs beside this test, such as the processes of earlier ones."""
    return set(active_children())


def started(others: set[BaseProcess]) -> set[BaseProcess]:
    return set(active_children()) - others


@pytest.fixture(scope="module")
def drawn() -> list[Chart]:
    rows = [
        timed(f"tiny_w{width}_keras3_gap_e64_fused", "int8", 90.0 * width, score=0.5 + width / 9)
        for width in (0.5, 1.0, 2.0)
    ]
    return charts(mark(rows), families_of(row.file.family for row in rows))


def test_pictures_drawn_beside_the_page_are_the_same_bytes_as_those_drawn_for_it(
    drawn: list[Chart], tmp_path: Path, others: set[BaseProcess]
) -> None:
    made = {}
    for name, where in {"here": nullcontext(), "beside": workers()}.items():
        out = tmp_path / name
        out.mkdir()
        with where as found:
            drawing = Drawing(out, found)
            waiting = [drawing.begin(chart, 2) for chart in drawn]
            pictures = [wait() for wait in waiting]
        made[name] = pictures, {each.name: each.read_bytes() for each in out.iterdir()}
    assert len(made["here"][1]) == 5 * len(drawn)
    assert made["beside"] == made["here"]
    assert started(others) == set()


def test_what_fails_beside_the_page_fails_the_page(
    drawn: list[Chart], tmp_path: Path, others: set[BaseProcess]
) -> None:
    of_no_family = replace(drawn[0], families=())
    with pytest.raises(KeyError, match="tiny"), workers() as found:
        Drawing(tmp_path, found).begin(of_no_family, 1)()
    assert started(others) == set()


def test_ctrl_c_ends_what_draws_beside_the_page_and_leaves_no_part_of_a_picture(
    drawn: list[Chart], tmp_path: Path, others: set[BaseProcess]
) -> None:
    with pytest.raises(KeyboardInterrupt), workers() as found:
        for chart in drawn * 10:
            Drawing(tmp_path, found).begin(chart, 1)
        assert started(others)
        raise KeyboardInterrupt
    assert started(others) == set()
    assert {each.suffix for each in tmp_path.iterdir()} == {".csv"}


def test_the_markdown_of_hundreds_of_rows_has_the_best_ones_and_names_the_file_of_all() -> None:
    count = MOST_RESULTS + 50
    rows = [
        timed(f"m{number}", "int8", 100.0 + number, score=0.5 + number / 1000)
        for number in range(count)
    ]
    rows += [timed("worst", "int8", 900.0, score=0.3)]
    text = results_markdown(mark(rows))
    assert text.count("\n| ") == MOST_RESULTS + 2  # and two lines of headings
    assert f"Of {count + 1} lines, here are the {MOST_RESULTS}" in text
    assert "results.csv has all" in text
    assert "| worst" not in text
