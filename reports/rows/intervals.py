"""The intervals of rows: each must hold its own estimate."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import cache
from typing import Any, cast

from bench.core.errors import ConfigurationError


def check(rows: Iterable[object]) -> None:
    """Checks that each interval holds its own estimate.

    Raises:
        ConfigurationError: an interval does not; names the column and the row.
    """
    for index, row in enumerate(rows):
        for low, middle, high in _intervals(cast("Any", type(row))):
            ends = [getattr(row, name) for name in (low, middle, high)]
            present = [end for end in ends if end is not None]
            if ends[1] is not None and present != sorted(present):
                raise ConfigurationError(
                    f"column {middle} is outside {low} to {high} in row {index}",
                    hint="an interval holds its own estimate",
                )


@cache
def _intervals(record: type[Any]) -> tuple[tuple[str, str, str], ...]:
    """Returns the columns of each interval of a record: its low end, the estimate, its high end."""
    names = [field.name for field in dataclasses.fields(record)]
    found = []
    for low in [name for name in names if name.endswith("low")]:
        stem = low.removesuffix("low")
        whose = stem.removesuffix("over_voices_")  # of the same estimate, for other voices
        middles = (stem.rstrip("_"), f"{stem}median", f"{whose}mean", "value", "effect")
        found.append((low, next(name for name in middles if name in names), f"{stem}high"))
    return tuple(found)
