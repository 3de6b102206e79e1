"""The array types that all of ``models`` uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
# The inputs of several inferences, float32 [count, ...], of a model with one input tensor; of one
# with several, an array for each.
Samples: TypeAlias = Floats | tuple[Floats, ...]


def tensors_of(samples: Samples) -> tuple[Floats, ...]:
    """Returns the values of each input tensor, float32 [count, ...]."""
    return samples if isinstance(samples, tuple) else (samples,)


def one_by_one(samples: Samples) -> Iterator[tuple[Floats, ...]]:
    """Yields the values of each inference's input tensors, float32 [1, ...]."""
    for values in zip(*tensors_of(samples), strict=True):
        yield tuple(value[np.newaxis] for value in values)
