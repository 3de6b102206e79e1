"""Trained weights on disk: one .npz a student, kernels in float16, the same bytes again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.errors import ConfigurationError

_RANGES = "ranges"
Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A student's weights.

    Args:
        arrays: ``LAYER/INDEX``, by Keras' order of a layer's weights, to float32 values.
        ranges: float32 [tensors, 2], the activations' ranges that quantisation-aware training
            learned; empty for other students.
    """

    arrays: Arrays
    ranges: tuple[tuple[float, float], ...] = field(default=())


def save(path: Path, weights: Weights) -> None:
    """Writes weights, kernels rounded to float16; vectors stay float32: statistics have outliers.

    A kernel whose largest value is beyond float16 stays float32, too.
    """
    kept = {name: _small(values) for name, values in sorted(weights.arrays.items())}
    if weights.ranges:
        kept[_RANGES] = np.array(weights.ranges, dtype=np.float32)
    with atomic.replacing(path) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **kept)  # type: ignore[arg-type]  # its stub takes a name for a flag


def load(path: Path) -> Weights:
    """Returns a student's weights.

    Raises:
        ConfigurationError: the file is no such thing.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name].astype(np.float32) for name in found.files}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path}: holds no weights: {error}", hint="make them by frill-bench distill"
        ) from error
    ranges = arrays.pop(_RANGES, np.empty((0, 2), dtype=np.float32))
    return Weights(arrays=arrays, ranges=tuple((float(low), float(high)) for low, high in ranges))


def _small(values: NDArray[np.float32]) -> NDArray[np.float16] | NDArray[np.float32]:
    if values.ndim < 2 or np.abs(values).max(initial=0) >= np.finfo(np.float16).max:
        return values.astype(np.float32)
    return values.astype(np.float16)
