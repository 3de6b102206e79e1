"""Reads the float tensors of a PyTorch checkpoint (the format before 1.6) without PyTorch.

A checkpoint is a pickle, and a pickle may run anything. This reader knows three names and refuses
all others.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bench.core.errors import ConfigurationError
from models.tflite.arrays import Floats

_MAGIC = 0x1950A86A20F9469CFC6C
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The place of a tensor in a storage; sides and strides count elements."""

    storage: str
    offset: int
    sides: tuple[int, ...]
    strides: tuple[int, ...]


def read(path: Path, key: str) -> dict[str, Floats]:
    """Returns the tensors, float32, that a checkpoint holds under ``key``.

    Raises:
        ConfigurationError: the file is not such a checkpoint, or names anything but tensors.
    """
    try:
        with path.open("rb") as stream:
            if _Unpickler(stream).load() != _MAGIC:
                raise ValueError("it lacks the mark of the format")
            for _ in ("protocol", "the writer's integers"):
                _Unpickler(stream).load()
            views: dict[str, _View] = _Unpickler(stream).load()[key]
            names: list[str] = _Unpickler(stream).load()
            storages = {name: _storage(stream) for name in names}
        return {name: _tensor(view, storages) for name, view in views.items()}
    except (pickle.UnpicklingError, ValueError, KeyError, IndexError, TypeError, EOFError) as error:
        raise ConfigurationError(
            f"{path}: is not a checkpoint of tensors: {error}",
            hint="fetch it again; a checkpoint that names code is never run",
        ) from error


def _storage(stream: BinaryIO) -> Floats:
    count = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    content = stream.read(count * 4)
    return np.frombuffer(content, dtype="<f4", count=count).astype(np.float32)


def _tensor(view: _View, storages: Mapping[str, Floats]) -> Floats:
    elements = storages[view.storage]
    index = np.full(view.sides, view.offset)
    for axis, stride in enumerate(view.strides):
        sides = [1] * len(view.sides)
        sides[axis] = -1
        index += np.arange(view.sides[axis]).reshape(sides) * stride
    taken: Floats = elements[index]
    return taken


def _rebuild(storage: str, offset: int, sides: Any, strides: Any, *_: object) -> _View:
    return _View(storage=storage, offset=offset, sides=tuple(sides), strides=tuple(strides))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _rebuild
            case "torch", "FloatStorage":
                return "float32"
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, saved: Any) -> str:
        kind, dtype, key, *_, view = saved
        if kind != "storage" or dtype != "float32" or view is not None:
            raise pickle.UnpicklingError(f"it holds {kind} of {dtype}")
        return str(key)
