"""The inputs of one benchmark process, and the flags that give them to a tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bench.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input tensor: its shape, and its values instead of the tool's random ones.

    Args:
        name: the tensor's name in the model; may be empty.
        shape: its sizes, without free axes.
        path: file with exactly the tensor's raw bytes, on the device.
        value_range: limits of random values, both inclusive.
    """

    name: str
    shape: tuple[int, ...]
    path: PurePath | None = None
    value_range: tuple[float, float] | None = None


def official(inputs: Sequence[Input]) -> dict[str, str]:
    """Returns the flags of the official tool: all names in order, shapes, values, files.

    Raises:
        ConfigurationError: it cannot take such an input.
    """
    named: dict[str, str] = {}
    for tensor in inputs:
        if "," in tensor.name or not tensor.shape:
            raise ConfigurationError(
                f"the tool cannot take the input {tensor.name!r} of shape {list(tensor.shape)}",
                hint="export the model with an axis and a name without a comma for this input",
            )
    # By the position the tool knows an input, and by its name here what belongs to it.
    names = [each.name or f"input{at}" for at, each in enumerate(inputs)]
    named_inputs = dict(zip(names, inputs, strict=True))
    if named_inputs:
        named["input_layer"] = ",".join(names)
        named["input_layer_shape"] = ":".join(",".join(map(str, tensor.shape)) for tensor in inputs)
    files = {name: each.path for name, each in named_inputs.items() if each.path is not None}
    if files:
        named["input_layer_value_files"] = value_files(files)
    ranges = {name: each.value_range for name, each in named_inputs.items() if each.value_range}
    if ranges:
        named["input_layer_value_range"] = ":".join(
            f"{name},{_whole(name, low)},{_whole(name, high)}"
            for name, (low, high) in ranges.items()
        )
    return named


def value_files(files: Mapping[str, PurePath]) -> str:
    """Returns the files of inputs, by the tensors' names, as the official tool and ours take them.

    Raises:
        ConfigurationError: neither can take a path.
    """
    if wrong := [str(path) for path in files.values() if "," in str(path)]:
        raise ConfigurationError(
            f"{wrong[0]}: the tool cannot read a file of values whose name has a comma",
            hint="give it another name",
        )
    # A colon is escaped by doubling it, not by a backslash as the tool's help claims.
    return ",".join(f"{name.replace(':', '::')}:{path}" for name, path in files.items())


def _whole(name: str, limit: float) -> int:
    """Returns a limit of random values as the official tool takes it."""
    if ":" in name or limit != int(limit):
        reason = "whole numbers only" if limit != int(limit) else "no name with a colon"
        raise ConfigurationError(
            f"the input {name!r}: the tool takes {reason} in a range of values",
            hint="give the values themselves: --input-value-file NAME:values.raw",
        )
    return int(limit)
