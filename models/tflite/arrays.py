"""The array types that all of ``models`` uses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError

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


def filled(path: Path, declared: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Returns a declared shape that takes ``size`` numbers: a free first axis is one window.

    Raises:
        ConfigurationError: no such shape takes them; names the file.
    """
    first, *others = declared or (size,)
    shape = [1 if first < 0 and others else first, *others]
    known = math.prod(side for side in shape if side > 0)
    free = [axis for axis, side in enumerate(shape) if side < 0]
    if len(free) == 1 and size % known == 0:
        shape[free[0]] = size // known
    if math.prod(shape) != size or min(shape) < 0:
        raise ConfigurationError(
            f"{path}: takes {list(declared)}, and a window has {size} numbers",
            hint="check its window, and what the stage before it gives",
        )
    return tuple(shape)
