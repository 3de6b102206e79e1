"""The picture of each format's latency against float32's."""

from __future__ import annotations

from collections.abc import Sequence

from reports.plots.charts import (
    Chart,
    Dot,
    Families,
    brief,
    colour_order,
    dot,
    slowest_last,
    span,
)
from reports.rows import int8
from reports.rows.names import row_names
from reports.rows.schema import Listing, Row, Value

_COLUMNS = (
    "student", "format", "device", "latency_ratio", "latency_ratio_low", "latency_ratio_high",
    "partitions", "partitions_float32",
)  # fmt: skip
_MOST_LANES = 30


def format_ratios(rows: Sequence[Row], families: Families) -> Chart | None:
    """Returns each format's latency over float32's, one lane per student; ``None`` if none can."""
    compared = [int8.compare(row, base) for row, base in int8.pairs(rows)]
    ratios = [each for each in compared if isinstance(each, int8.Comparison)]
    if not ratios:
        return None
    names = row_names(rows, hops=False)
    lanes = slowest_last((names[each.row], each.ratio) for each in ratios)
    caption = "Bars: 95 % intervals of the ratio. Partitions are named where more than one."
    if len(lanes) > _MOST_LANES:
        caption += f" The {_MOST_LANES} of {len(lanes)} students with the largest ratios."
        lanes = lanes[-_MOST_LANES:]
    return Chart(
        name="format-ratios",
        title="Latency of each format against float32",
        x_label="latency over that of float32, the file alone (log scale); below 1 is faster",
        y_label="",
        caption=caption,
        dots=tuple(
            _dot(each, families, lanes.index(names[each.row]))
            for each in ratios
            if names[each.row] in lanes
        ),
        numbers=Listing(columns=_COLUMNS, rows=tuple(map(_values, ratios))),
        families=colour_order(families),
        lanes=tuple(map(brief, lanes)),
        limit=1.0,
    )


def _values(each: int8.Comparison) -> tuple[Value, ...]:
    file, device = each.row.file, each.row.setup.device
    ratios = (each.ratio, each.ratio_low, each.ratio_high)
    return file.student, file.format, device, *ratios, each.row.partitions, each.base.partitions


def _dot(each: int8.Comparison, families: Families, lane: int) -> Dot:
    partitions = each.row.partitions or 0
    label = f"{partitions} partitions" if partitions > 1 else ""
    x = span(each.ratio_low, each.ratio, each.ratio_high, float)
    return dot(each.row, families, label=label, x=x, y=(lane,) * 3)
