"""Tensors as the raw bytes that the official benchmark tool reads and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError, ToolOutputError
from models.tflite.arrays import Floats


def sides(tensor: Tensor) -> tuple[int, ...]:
    """Returns a tensor's shape with every free axis at 1, as an interpreter allocates it."""
    return tuple(abs(n) for n in tensor.shape)


def to_bytes(value: Floats, tensor: Tensor) -> bytes:
    """Returns what a tensor holds for float values, quantised where it is.

    Raises:
        ConfigurationError: it takes neither floats nor quantised ones.
    """
    dtype = _dtype(tensor)
    if np.issubdtype(dtype, np.floating):
        return value.astype(dtype).tobytes()
    if not np.issubdtype(dtype, np.integer) or not tensor.scale:
        raise ConfigurationError(
            f"the input {tensor.name} takes {tensor.dtype}, so no audio can be given to it",
            hint="only models that take float or quantised inputs can be checked",
        )
    return quantised(value, dtype, tensor.scale, tensor.zero_point or 0).tobytes()


def from_bytes(content: bytes, tensors: Sequence[Tensor], sizes: Sequence[int]) -> list[Floats]:
    """Returns the tensors, float32 [size] each, that raw bytes hold one after the other.

    Args:
        sizes: how many elements each has.

    Raises:
        ToolOutputError: there are more bytes or fewer.
    """
    dtypes = [_dtype(tensor) for tensor in tensors]
    wanted = sum(size * dtype.itemsize for size, dtype in zip(sizes, dtypes, strict=True))
    if len(content) != wanted:
        raise ToolOutputError(
            f"the outputs are {len(content)} bytes, not {wanted}",
            hint="this version of the tool may write them in another format",
        )
    values, start = [], 0
    for tensor, size, dtype in zip(tensors, sizes, dtypes, strict=True):
        value: NDArray[Any] = np.frombuffer(content, dtype, count=size, offset=start)
        start += size * dtype.itemsize
        if np.issubdtype(dtype, np.integer) and tensor.scale:
            value = dequantised(value, tensor.scale, tensor.zero_point or 0)
        values.append(value.astype(np.float32))
    return values


def quantised(
    value: NDArray[Any], dtype: np.dtype[Any], scale: float, zero_point: int
) -> NDArray[Any]:
    """Returns float values rounded to the steps of an integer type, and clipped to its range."""
    limits = np.iinfo(dtype)
    rounded = np.round(value / scale) + zero_point
    clipped: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return clipped


def dequantised(value: NDArray[Any], scale: float, zero_point: int) -> Floats:
    """Returns the float values of quantised ones, float32."""
    floats: Floats = ((value.astype(np.float32) - zero_point) * scale).astype(np.float32)
    return floats


def elements(tensor: Tensor) -> int:
    """Returns how many elements a tensor has, free axes at 1."""
    return math.prod(sides(tensor))


def _dtype(tensor: Tensor) -> np.dtype[Any]:
    try:
        return np.dtype(tensor.dtype).newbyteorder("<")
    except TypeError as error:
        raise ConfigurationError(
            f"the tensor {tensor.name} holds {tensor.dtype}, which cannot be read as raw bytes",
            hint="such models cannot be checked",
        ) from error
