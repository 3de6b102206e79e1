"""What our runner measures instead of flags that it lacks: copies of files, and files of values.

Each is kept in the cache under the SHA-256 of what decides it, so that it is made once.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from math import prod
from pathlib import Path

from bench.core import atomic, config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.core.paths import cache_dir
from bench.plan.inputs import GivenInput
from bench.plan.suite import Target
from models.tflite import derived

# Of one element, for ``struct``.
_CODES = {
    "float16": "e", "float32": "f", "float64": "d", "bool": "?", "int8": "b", "uint8": "B",
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
}  # fmt: skip
_TEXT = "string"
_VERSION = 1  # of how copies are made
_FLOATS = ("float16", "float32", "float64")


def copies(targets: Sequence[Target]) -> dict[str, Path]:
    """Returns the copy of each file that is measured with other shapes or another graph.

    Returns:
        SHA-256 of the file to the path of its copy.

    Raises:
        ConfigurationError: no copy can have them, or it takes text; names the file and the official
            tool.
    """
    found: dict[str, Path] = {}
    for target in targets:
        if any(each.dtype == _TEXT and each.values_sha256 is None for each in target.given_inputs):
            raise ConfigurationError(
                f"{target.path}: takes text, which the LiteRT runner cannot make up",
                hint="measure it with the official tool: --benchmark-binary PATH",
            )
        if _graph(target) or not all(each.as_allocated for each in target.given_inputs):
            found[target.sha256] = _copy(target)
    return found


def values(targets: Sequence[Target]) -> dict[str, Path]:
    """Returns a file of seeded random values for each range of values that an input is given.

    Returns:
        ``key_of`` the input to the path.

    Raises:
        ConfigurationError: its type has no such values, or the range is not in the type.
    """
    return {
        key_of(given): _values(target, given)
        for target in targets
        for given in target.given_inputs
        if given.low is not None
    }


def _graph(target: Target) -> int:
    return target.signature.graph if target.signature else 0


def key_of(given: GivenInput) -> str:
    """Returns the identity of the values of an input with a range."""
    return sha256_value(config.unstructure(given))


def _copy(target: Target) -> Path:
    shapes = [each.shape for each in target.given_inputs]
    key = sha256_value([_VERSION, target.sha256, _graph(target), shapes])
    path = cache_dir() / "derived" / key[:16] / target.path.name
    if not path.is_file():
        content = target.path.read_bytes()
        try:
            if _graph(target):
                content = derived.with_first_graph(content, _graph(target))
            if shapes:
                content = derived.with_shapes(content, shapes)
        except ConfigurationError as error:
            raise ConfigurationError(f"{target.path}: {error.message}", hint=error.hint) from error
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as partial:
            partial.write_bytes(content)
    return path


def _values(target: Target, given: GivenInput) -> Path:
    key, code = key_of(given), _CODES.get(given.dtype)
    low, high = given.low or 0.0, given.high or 0.0
    seeded = random.Random(key)  # noqa: S311 - inputs, no secrets
    count = prod(given.shape)
    try:
        if code is None:
            raise ValueError(f"it takes {given.dtype}")
        if given.dtype in _FLOATS:
            numbers: list[float] = [seeded.uniform(low, high) for _ in range(count)]
        else:
            numbers = [seeded.randint(_whole(low), _whole(high)) for _ in range(count)]
        content = struct.pack(f"<{count}{code}", *numbers)
    except (ValueError, struct.error, OverflowError) as error:
        raise ConfigurationError(
            f"{target.path}: {given.text} cannot have values from {low:g} to {high:g}: {error}",
            hint=f"give a range of {given.dtype}, or the values: --input-value-file NAME:FILE",
        ) from error
    path = cache_dir() / "derived" / f"{key}.raw"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as partial:
            partial.write_bytes(content)
    return path


def _whole(limit: float) -> int:
    if limit != int(limit):
        raise ValueError(f"{limit:g} is not a whole number")
    return int(limit)
