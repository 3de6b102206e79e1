"""Charts as pictures of a page, and the templates. The only door to jinja2."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from bench.core import atomic, units
from reports.parts.documents import to_csv
from reports.plots.charts import Chart
from reports.plots.inline import inline, variables
from reports.plots.merged import shared_once
from reports.plots.themes import DARK, LIGHT, SMALL, STYLES


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


def picture(chart: Chart, out: Path, number: int) -> Picture:
    """Returns a chart drawn for a page; the wide one is also written as files, with a CSV.

    Args:
        number: of the part of the page, from 1; the names of files have it from 2.
    """
    # Matplotlib takes a second to import, and a command that is refused need not wait for it.
    from reports.plots import drawing

    file = chart.name if number == 1 else f"{chart.name}-{number}"
    figure = drawing.draw(chart, STYLES["light"])
    wide = drawing.svg(figure)
    atomic.write_bytes(out / f"{file}.svg", wide)
    atomic.write_bytes(out / f"{file}.dark.svg", drawing.recoloured(wide, LIGHT, DARK))
    atomic.write_bytes(out / f"{file}.png", drawing.png(figure))
    figure = drawing.draw(chart, STYLES["dark"])
    atomic.write_bytes(out / f"{file}.dark.png", drawing.png(figure))
    atomic.write_text(out / f"{file}.csv", to_csv(chart.numbers))
    points = units.counted(len(chart.dots), "point")
    alt = f"{chart.title}: {points}. {chart.caption} The numbers are in the tables."
    return _picture(chart, file, wide, alt, file=file)


def inline_picture(chart: Chart, name: str) -> Picture:
    """Returns a chart drawn for a page alone.

    Args:
        name: unique in the page.
    """
    from reports.plots import drawing

    wide = drawing.svg(drawing.draw(chart, STYLES["light"]))
    alt = f"{chart.title}. {chart.caption} The numbers are in the table."
    return _picture(chart, name, wide, alt)


def small_picture(chart: Chart, name: str) -> Picture:
    """Returns a chart drawn for a page alone, small and the same for every screen.

    Args:
        name: unique in the page.
    """
    from reports.plots import drawing

    svg = drawing.svg(drawing.draw(chart, SMALL))
    alt = f"{chart.title}. {chart.caption} The numbers are in the table."
    # As in _picture: drawn by us, without comments.
    return Picture(file="", alt=alt, wide=Markup(inline(svg, name)), narrow=Markup(""))  # noqa: S704


def _picture(chart: Chart, name: str, wide: bytes, alt: str, *, file: str = "") -> Picture:
    from reports.plots import drawing

    narrow = ""
    if chart.fits_phones:
        narrow = inline(drawing.svg(drawing.draw(chart, STYLES["light-narrow"])), f"{name}-narrow")
    # Drawn by us: texts are outlines, and comments, which hold names as they are, were dropped.
    return Picture(
        file=file,
        alt=alt,
        wide=Markup(inline(wide, name)),  # noqa: S704
        narrow=Markup(narrow),  # noqa: S704
    )


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
