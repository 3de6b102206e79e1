"""A model of one's own in the runtime that it comes from: its inputs, its outputs, its float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.core.artifact import Tensor
from bench.core.errors import ConfigurationError
from models.onnx import converter, onnx_door
from models.own.source import Kind, Source
from models.tflite import reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A model before it is a .tflite file.

    Args:
        inputs: with -1 for a free axis.
        run: returns the outputs of one inference.
        write_float32: writes its float32 .tflite file for inputs of such shapes.
        tools: name to version of what does both.
    """

    inputs: tuple[Tensor, ...]
    run: Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]
    write_float32: Callable[[Sequence[tuple[int, ...]], Path], None]
    tools: dict[str, str]


def load(source: Source) -> Framework:
    """Returns a model that is no .tflite file, in its framework.

    Raises:
        ConfigurationError: the framework or its converter is not installed.
        ModelFileError: the framework cannot load it.
    """
    return _onnx(source.path) if source.kind is Kind.ONNX else _tensorflow(source.path)


def names_of(file: reader.TfliteFile) -> tuple[str, ...]:
    """Returns the names of a .tflite file's inputs in its signature; none without one."""
    return next((each.names for each in file.signatures if each.subgraph == 0), ())


def concrete(inputs: Sequence[Tensor], known: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Returns the shapes that a model is converted for: those of its real inputs, or batch one.

    Args:
        known: shapes of real inputs; empty without any.
    """
    if known:
        return list(known)
    return [
        tuple(1 if at == 0 and n < 0 else n for at, n in enumerate(each.shape)) for each in inputs
    ]


def _tensorflow(path: Path) -> Framework:
    try:
        from models.network import given
    except ImportError as error:
        raise ConfigurationError(
            f"TensorFlow is not installed ({error}); it converts Keras files and SavedModels",
            hint="pip install -e '.[zoo]' -c constraints.txt, or give a .tflite file",
        ) from error
    model = given.load(path)

    def write(shapes: Sequence[tuple[int, ...]], target: Path) -> None:
        given.write_float32(model, shapes, target)

    return Framework(
        inputs=model.inputs, run=model.run, write_float32=write, tools=given.versions()
    )


def _onnx(path: Path) -> Framework:
    inputs = onnx_door.inputs_of(path)
    named = onnx_door.load_named(path)
    runtime, runtime_version = onnx_door.runtime().split()

    def run(values: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        by_name = {each.name: value for each, value in zip(inputs, values, strict=True)}
        return list(named(by_name).values())

    def write(shapes: Sequence[tuple[int, ...]], target: Path) -> None:
        still_open = [
            each.name
            for each, shape in zip(inputs, shapes, strict=True)
            if min(shape, default=1) < 1
        ]
        if still_open:
            raise ConfigurationError(
                f"{path}: leaves sizes of its inputs open: {', '.join(still_open)}",
                hint="give the window in seconds (--window-s S), or real inputs "
                "(--calibration DIR)",
            )
        by_name = {each.name: shape for each, shape in zip(inputs, shapes, strict=True)}
        converter.to_float32(path, target, by_name)

    return Framework(
        inputs=inputs,
        run=run,
        write_float32=write,
        tools={"onnx2tf": converter.version(), runtime: runtime_version},
    )
