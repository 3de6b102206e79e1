"""The array types that all of ``models`` uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsTaken:
    """The inputs of several inferences of any model.

    Args:
        values: of each inference an array for each input tensor, of its very shape and dtype.
    """

    values: tuple[tuple[NDArray[Any], ...], ...]


# The inputs of several inferences, float32 [count, ...], of a model with one input tensor; of one
# with several, an array for each.
Samples: TypeAlias = Floats | tuple[Floats, ...]


def tensors_of(samples: Samples) -> tuple[Floats, ...]:
    """Returns the values of each input tensor, float32 [count, ...]."""
    return samples if isinstance(samples, tuple) else (samples,)


def one_by_one(samples: Samples | AsTaken) -> Iterator[tuple[NDArray[Any], ...]]:
    """Yields the values of each inference's input tensors: float32 [1, ...], or as taken."""
    if isinstance(samples, AsTaken):
        yield from samples.values
        return
    for values in zip(*tensors_of(samples), strict=True):
        yield tuple(value[np.newaxis] for value in values)


def with_length(shape: tuple[int, ...], length: int) -> tuple[int, ...]:
    """Returns a declared shape with its free sides filled: the last by a length, others by 1."""
    *first, last = shape
    return (*(max(1, side) for side in first), length if last < 0 else last)
