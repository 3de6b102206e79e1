"""Tensors as the raw bytes that the official benchmark tool reads and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError, ToolOutputError

Floats = NDArray[np.float32]


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
            f"the input {tensor.name} takes {tensor.dtype}, which no audio is made for",
            hint="there is nothing to be done: only models that take floats can be checked",
        )
    limits = np.iinfo(dtype)
    quantised = np.round(value / tensor.scale) + (tensor.zero_point or 0)
    clipped: NDArray[Any] = np.clip(quantised, limits.min, limits.max).astype(dtype)
    return clipped.tobytes()


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
            hint="the tool may be of a version that writes them in another way",
        )
    found, start = [], 0
    for tensor, size, dtype in zip(tensors, sizes, dtypes, strict=True):
        value: NDArray[Any] = np.frombuffer(content, dtype, count=size, offset=start)
        start += size * dtype.itemsize
        if np.issubdtype(dtype, np.integer) and tensor.scale:
            value = (value.astype(np.float32) - (tensor.zero_point or 0)) * tensor.scale
        found.append(value.astype(np.float32))
    return found


def elements(tensor: Tensor) -> int:
    """Returns how many elements a tensor has, free axes at 1."""
    return math.prod(sides(tensor))


def _dtype(tensor: Tensor) -> np.dtype[Any]:
    try:
        return np.dtype(tensor.dtype).newbyteorder("<")
    except TypeError as error:
        raise ConfigurationError(
            f"the tensor {tensor.name} holds {tensor.dtype}, which has no raw bytes here",
            hint="there is nothing to be done: such models cannot be checked",
        ) from error
