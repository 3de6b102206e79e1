"""Columns of the energy of streaming and sustained runs, where it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.core import units
from bench.core.units import GAP
from reports.parts.table import Cell, Column, Footnotes, Heading, interval, number
from reports.rows.schema import Endurance, Power, Stream

E = TypeVar("E", Stream, Endurance)
_MJ = 1e3  # in a J
_STREAMED = (
    "an hour: all that the rails gave while it listened, idle in between included; an inference: "
    "what they gave above their idle power"
)
_SUSTAINED = (
    "an inference: all that the rails gave; an hour: the inferences of an hour's hops alone"
)


def energy_columns(rows: Sequence[E], notes: Footnotes) -> list[Column[E]]:
    """Returns the columns of the energy of an inference and of an hour; none if none was read."""
    if not any(row.power.energy_gap or row.power.power_w is not None for row in rows):
        return []
    return [
        (
            Heading(name="energy of an inference", unit="mJ"),
            _energy("energy_j_per_inference", _MJ, notes),
        ),
        (Heading(name="of an hour of listening", unit="J"), _energy("energy_j_per_hour", 1, notes)),
    ]


def _energy(name: str, scale: float, notes: Footnotes) -> Callable[[Stream | Endurance], Cell]:
    def text(value_j: float | None) -> str:
        return GAP if value_j is None else units.significant(scale * value_j)

    def make(row: Stream | Endurance) -> Cell:
        power = row.power
        value, low, high = (getattr(power, f"{name}{end}") for end in ("", "_low", "_high"))
        if value is None:
            return notes.gap(power.energy_gap or _missing(power, name))
        cell = number(value, text, interval(low, high, text))
        return Cell(
            text=cell.text,
            detail=cell.detail,
            marks=(notes.mark(_source(row)),),
            order=cell.order,
        )

    return make


def _missing(power: Power, name: str) -> str:
    if power.power_w is None:
        return "its energy was not asked for (run --energy)"
    if name == "energy_j_per_hour":
        return "the file has no hop"
    return "the idle power of the rails was not read in the same session"


def _source(row: Stream | Endurance) -> str:
    """Returns where an energy comes from, in words."""
    power = row.power
    rails = (power.energy_rails or "").replace(";", ", ")
    plugged = f"; the phone was powered by: {power.energy_plugged}" if power.energy_plugged else ""
    meaning = _STREAMED if isinstance(row, Stream) else _SUSTAINED
    return (
        f"energy of the rails {rails} alone, by the phone's own meter, whose accuracy its maker "
        f"does not state ({power.energy_meter}{plugged}); {meaning}"
    )
