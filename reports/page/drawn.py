"""Charts as pictures of a page, and the templates. The only door to jinja2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import jinja2
from markupsafe import Markup

from bench.core import atomic, units
from reports.parts.documents import to_csv
from reports.plots.charts import Chart
from reports.plots.inline import inline, variables
from reports.plots.merged import shared_once
from reports.plots.themes import DARK, LIGHT, SMALL, STYLES
from reports.rows.schema import Listing

if TYPE_CHECKING:
    from bench.core.system.workers import Workers

_NO_NUMBERS = Listing(columns=(), rows=())

# More points than that, and drawing them takes longer than the start of processes that do it.
_MOST_HERE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn chart.

    Args:
        file: name of its files, without suffix; empty if it has none.
        alt: what it shows, for those who cannot see it.
        wide, narrow: SVG, for the screens of desks and of phones; the narrow one is empty where
            the points are too many for it.
    """

    file: str
    alt: str
    wide: Markup
    narrow: Markup


Waiting: TypeAlias = Callable[[], Picture]  # returns it as soon as it is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Light:
    """A chart drawn in the light theme, as files and for a page."""

    svg: bytes
    png: bytes
    wide: str
    narrow: str


class Drawing:
    """Draws the charts of a page, in other processes if it is given some.

    Args:
        out: the folder of the files.
    """

    def __init__(self, out: Path, workers: Workers | None = None) -> None:
        self._out = out
        self._workers = workers

    def begin(self, chart: Chart, number: int) -> Waiting:
        """Returns what waits for a chart's picture, and writes its files as ``picture`` does."""
        if self._workers is None:
            drawn = picture(chart, self._out, number)
            return lambda: drawn
        file = _file(chart, number)
        shown = replace(chart, numbers=_NO_NUMBERS)
        light = self._workers.begin(_light, shown, file)
        dark = self._workers.begin(_dark_png, shown)
        _write_numbers(chart, self._out, file)
        return cache(lambda: _written(shown, self._out, file, light(), dark()))


@contextmanager
def drawing_beside(out: Path, *, points: int) -> Iterator[Drawing]:
    """Yields what draws a page's charts: beside this process where there are many points.

    Args:
        out: the folder of the files.
        points: of the largest charts.
    """
    if points <= _MOST_HERE:
        yield Drawing(out)
        return
    from bench.core.system.workers import cores, workers  # few pages need it
    from reports.plots import drawing  # noqa: F401 - imported once, and each fork has it

    if cores() == 1:
        yield Drawing(out)
        return
    with workers() as found:
        yield Drawing(out, found)


def picture(chart: Chart, out: Path, number: int) -> Picture:
    """Returns a chart drawn for a page; the wide one is also written as files, with a CSV.

    Args:
        number: of the part of the page, from 1; the names of files have it from 2.
    """
    file = _file(chart, number)
    _write_numbers(chart, out, file)
    return _written(chart, out, file, _light(chart, file), _dark_png(chart))


def _file(chart: Chart, number: int) -> str:
    return chart.name if number == 1 else f"{chart.name}-{number}"


def _light(chart: Chart, name: str) -> _Light:
    # Matplotlib takes a second to import, and a command that is refused need not wait for it.
    from reports.plots import drawing

    figure = drawing.draw(chart, STYLES["light"])
    svg = drawing.svg(figure)
    return _Light(
        svg=svg, png=drawing.png(figure), wide=inline(svg, name), narrow=_narrow(chart, name)
    )


def _dark_png(chart: Chart) -> bytes:
    from reports.plots import drawing

    return drawing.png(drawing.draw(chart, STYLES["dark"]))


def _write_numbers(chart: Chart, out: Path, file: str) -> None:
    atomic.write_text(out / f"{file}.csv", to_csv(chart.numbers))


def _written(chart: Chart, out: Path, file: str, light: _Light, dark_png: bytes) -> Picture:
    from reports.plots import drawing

    atomic.write_bytes(out / f"{file}.svg", light.svg)
    atomic.write_bytes(out / f"{file}.dark.svg", drawing.recoloured(light.svg, LIGHT, DARK))
    atomic.write_bytes(out / f"{file}.png", light.png)
    atomic.write_bytes(out / f"{file}.dark.png", dark_png)
    points = units.counted(len(chart.dots), "point")
    alt = f"{chart.title}: {points}. {chart.caption} The numbers are in the tables."
    return _picture(light.wide, light.narrow, alt, file=file)


def inline_picture(chart: Chart, name: str) -> Picture:
    """Returns a chart drawn for a page alone.

    Args:
        name: unique in the page.
    """
    from reports.plots import drawing

    wide = drawing.svg(drawing.draw(chart, STYLES["light"]))
    alt = f"{chart.title}. {chart.caption} The numbers are in the table."
    return _picture(inline(wide, name), _narrow(chart, name), alt)


def small_picture(chart: Chart, name: str) -> Picture:
    """Returns a chart drawn for a page alone, small and the same for every screen.

    Args:
        name: unique in the page.
    """
    from reports.plots import drawing

    svg = drawing.svg(drawing.draw(chart, SMALL))
    alt = f"{chart.title}. {chart.caption} The numbers are in the table."
    return _picture(inline(svg, name), "", alt)


def _narrow(chart: Chart, name: str) -> str:
    from reports.plots import drawing

    if not chart.fits_phones:
        return ""
    return inline(drawing.svg(drawing.draw(chart, STYLES["light-narrow"])), f"{name}-narrow")


def _picture(wide: str, narrow: str, alt: str, *, file: str = "") -> Picture:
    # Drawn by us: texts are outlines, and comments, which hold names as they are, were dropped.
    return Picture(file=file, alt=alt, wide=Markup(wide), narrow=Markup(narrow))  # noqa: S704


@cache
def environment() -> jinja2.Environment:
    """Returns the environment that loads the page's templates, each compiled once."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("reports.page", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["plot_colours"] = variables()
    # What a template has escaped stays so: only outlines that are defined again are dropped.
    made.filters["shared_once"] = lambda main: Markup(shared_once(main))  # noqa: S704
    return made
