"""Trained weights on disk: where they are, and one .npz per student with kernels in float16."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.errors import ConfigurationError
from models.student.buildable import Buildable
from models.student.spec import Activation, StudentSpec

RANDOM = "random"
STARTER = "starter"
_RANGES = "ranges"
_MOST_BYTES = 2 << 30
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


def starter_folder() -> Path:
    """Returns the folder of the starter students' weights and cards."""
    return Path(str(resources.files("models"))) / "starter"


def students_in(folder: Path) -> list[str]:
    """Returns the students whose weights a folder holds, sorted."""
    return sorted(path.stem for path in folder.glob("*.npz"))


def find(model: Buildable, source: str) -> Path | None:
    """Returns the file of a model's trained weights; ``None`` where it gets random ones.

    A front-end has no weights, so a student with one has those of the student without. Fused and
    unfused hard-swish are one function, so each uses the other's weights if it has none itself.

    Args:
        model: what is to be built.
        source: ``random``, ``starter`` (models that are not starter students get random ones), or
            a folder, which must hold the weights.

    Raises:
        ConfigurationError: the folder does not hold them.
    """
    if source == RANDOM or not isinstance(model, StudentSpec):
        return None
    student = model.without_frontend
    folder = starter_folder() if source == STARTER else Path(source).expanduser()
    for path in (folder / f"{each.name}.npz" for each in (student, _same_function(student))):
        if path.is_file():
            return path
    if source == STARTER:
        return None
    held = ", ".join(students_in(folder)) or "none"
    raise ConfigurationError(
        f"{folder}: holds no weights of {student.name} (it holds: {held})",
        hint="train it with frill-bench distill, or use --weights random",
    )


def save(path: Path, weights: Weights) -> None:
    """Writes weights, the same bytes again for the same weights.

    Kernels are rounded to float16. Vectors (statistics have outliers) and kernels with values
    beyond float16 stay float32.
    """
    stored = {name: _small(values) for name, values in sorted(weights.arrays.items())}
    if weights.ranges:
        stored[_RANGES] = np.array(weights.ranges, dtype=np.float32)
    with atomic.replacing(path) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **stored)  # type: ignore[arg-type]  # its stub takes a name for a flag


def load(path: Path) -> Weights:
    """Returns a student's weights.

    Raises:
        ConfigurationError: the file does not hold weights.
    """
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, MemoryError, BadZipFile, zlib.error) as error:
        raise ConfigurationError(
            f"{path}: holds no weights: {error}", hint="make them with frill-bench distill"
        ) from error
    ranges = arrays.pop(_RANGES, np.empty((0, 2), dtype=np.float32))
    return Weights(arrays=arrays, ranges=tuple((float(low), float(high)) for low, high in ranges))


def _check_size(path: Path) -> None:
    """Refuses an archive that would unpack to more than any student has."""
    with ZipFile(path) as archive:
        size_bytes = sum(each.file_size for each in archive.infolist())
    if size_bytes > _MOST_BYTES:
        raise ValueError(f"it would unpack to {size_bytes >> 20} MiB")


def _small(values: NDArray[np.float32]) -> NDArray[np.float16] | NDArray[np.float32]:
    if values.ndim < 2 or np.abs(values).max(initial=0) >= np.finfo(np.float16).max:
        return values.astype(np.float32)
    return values.astype(np.float16)


def _same_function(student: StudentSpec) -> StudentSpec:
    """Returns the student that computes the same with other operators, or the same one."""
    other = {Activation.FUSED: Activation.UNFUSED, Activation.UNFUSED: Activation.FUSED}
    # Ranges that quantisation-aware training learned belong to one graph's tensors.
    if student.qat or student.activation not in other:
        return student
    return replace(student, activation=other[student.activation])
