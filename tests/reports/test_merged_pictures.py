import re

import pytest
from support.report_rows import rows

from reports.plots import charts, drawing
from reports.plots.inline import inline
from reports.plots.merged import shared_once
from reports.plots.themes import STYLES
from reports.rows import frontier

LETTER = '<path id="L" d="M 640 0 Q 640 640 1280 640 Q 1920 640 1920 0 L 640 0 z " {}/>'
TEXT = """<svg><g class="ink" transform="translate(9 8) scale(0.09 -0.09)">
<defs>{}</defs> <use href="#L"/> <use href="#L" transform="translate(60.5 0)"/> </g></svg>"""


@pytest.fixture(scope="module")
def picture() -> str:
    found = rows()
    families = charts.families_of(row.file.family for row in found)
    (chart, *_) = charts.charts(frontier.mark(found), families)
    return inline(drawing.svg(drawing.draw(chart, STYLES["light"])), "accuracy-latency")


def merged_text() -> str:
    return inline(TEXT.format(LETTER.format('transform="scale(0.015625)"')).encode(), "x")


def test_a_text_is_one_outline_on_a_grid_of_a_quarter_of_a_hundredth_of_its_size() -> None:
    # 640 / 64 is 10 hundredths, or 40 quarters; the second letter begins 60.5 * 4 further.
    first = "m40 0q0 40 40 40t40-40h-80z"
    assert f'd="{first}m242 0{first[5:]}"' in merged_text()
    assert 'class="ink" transform="translate(9 8) scale(0.0225 -0.0225)"' in merged_text()


def test_a_page_defines_each_outline_once() -> None:
    page = shared_once(2 * merged_text())
    (name,) = set(re.findall(r'href="#([^"]+)"', page))
    assert page.count(f'id="{name}"') == 1
    assert page.count(f'href="#{name}"') == 2


def test_all_points_and_texts_of_a_picture_are_in_it_in_few_elements(picture: str) -> None:
    inside = "".join(re.findall(r"<g clip-path=[^>]*>(.*?)</g>", picture))  # not the legend
    lines = re.findall(r'style="marker:url\(#[^)]+\)" d="M([^"]*)"', inside)
    apart = re.findall(r'<use href="#[^"]+" x="[^"]+" y="[^"]+"', inside)
    assert sum(len(places.split()) // 2 for places in lines) + len(apart) == len(rows())
    assert lines
    assert len(re.findall(r"<\w", picture)) < 300
    assert "<g>" not in picture
    for name in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', picture):
        assert picture.count(f'id="{"".join(name)}"') == 1


def test_a_picture_changes_nothing_else_of_its_page(picture: str) -> None:
    (sheet,) = re.findall(r"<style>(.*?)</style>", picture)
    assert re.fullmatch(r"(\.p[0-9a-f]{5}-\d+\{[^{}]*\})*", sheet)
