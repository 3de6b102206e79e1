"""Real inputs that its owner gives for a model: a folder of .npy and .npz files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Tensor
from bench.core.config import near
from bench.core.errors import ConfigurationError
from models.tflite.arrays import AsTaken

_HINT = (
    "one .npz file a recording, with an array for each input under its name, or .npy files for "
    "a model of one input; each array holds one inference, or several along a first axis"
)
Sample = tuple[NDArray[Any], ...]


def given_inputs(
    folder: Path, tensors: Sequence[Tensor], names: Sequence[str]
) -> tuple[AsTaken, AsTaken]:
    """Returns real inputs to calibrate with and others to check with.

    Files take turns, by their names; of a single file the first two thirds calibrate.

    Args:
        folder: of .npy and .npz files.
        tensors: the model's inputs.
        names: other names of theirs, such as a signature's.

    Raises:
        ConfigurationError: there are too few, or one is not what the model takes.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder", hint=f"give a folder: {_HINT}")
    paths = sorted(each for each in folder.iterdir() if each.suffix in (".npy", ".npz"))
    files = [list(_samples(path, tensors, names)) for path in paths]
    if sum(map(len, files)) < 2:
        raise ConfigurationError(
            f"{folder}: holds inputs of {sum(map(len, files))} inferences, and at least two are "
            "needed: some to calibrate with, others to check with",
            hint=_HINT,
        )
    if len(files) > 1:
        halves = [[one for file in files[at::2] for one in file] for at in (0, 1)]
    else:
        cut = max(1, 2 * len(files[0]) // 3)
        halves = [files[0][:cut], files[0][cut:]]
    _refuse_unequal(folder, [one for half in halves for one in half])
    calibration, heldout = halves
    return AsTaken(values=tuple(calibration)), AsTaken(values=tuple(heldout))


def _samples(path: Path, tensors: Sequence[Tensor], names: Sequence[str]) -> Iterator[Sample]:
    arrays = _arrays(path)
    columns = []
    for at, tensor in enumerate(tensors):
        known = [str(at), f"arr_{at}", tensor.name, *names[at : at + 1]]
        key = next((each for each in known if each in arrays), None)
        if key is None and len(arrays) == len(tensors) == 1:
            key = next(iter(arrays))
        if key is None:
            raise ConfigurationError(
                f"{path}: holds {', '.join(arrays) or 'no array'}, and not the input "
                f"{names[at] if at < len(names) else tensor.name!r}"
                f"{near(tensor.name, list(arrays))}",
                hint=_HINT,
            )
        columns.append(_one_by_one(arrays[key], tensor, f"{path}: {key}"))
    counts = {len(each) for each in columns}
    if len(counts) > 1:
        raise ConfigurationError(
            f"{path}: its arrays are of {', '.join(map(str, sorted(counts)))} inferences",
            hint="give each input the same number of inferences in one file",
        )
    yield from zip(*columns, strict=True)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"0": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as error:  # a damaged zip or header raises what it likes
        raise ConfigurationError(
            f"{path}: cannot be read as arrays: {' '.join(str(error).split())[:200]}",
            hint="write it with numpy.save or numpy.savez",
        ) from error


def _one_by_one(array: NDArray[Any], tensor: Tensor, what: str) -> list[NDArray[Any]]:
    """Returns the array of each inference, of the tensor's shape and dtype."""
    shape = tensor.shape
    if _fits(array.shape, shape):
        each = [array]
    elif shape and shape[0] in (1, -1) and _fits(array.shape[1:], shape[1:]) and array.ndim:
        each = [array[at : at + 1] for at in range(len(array))]
    elif shape and shape[0] in (1, -1) and _fits(array.shape, shape[1:]):
        each = [array[np.newaxis]]
    elif array.ndim and _fits(array.shape[1:], shape):
        each = list(array)
    else:
        raise ConfigurationError(
            f"{what} is {list(array.shape)}, and the model takes {list(shape)}",
            hint="give one inference, or several along a first axis",
        )
    if not np.isfinite(array).all() if array.dtype.kind in "fc" else array.dtype.kind not in "iub":
        raise ConfigurationError(
            f"{what} holds values that are not finite numbers ({array.dtype})",
            hint="give real inputs",
        )
    dtype = np.dtype(tensor.dtype)
    return [np.array(one, dtype=dtype, order="C") for one in each]


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        side == one or one < 0 for side, one in zip(shape, wanted, strict=True)
    )


def _refuse_unequal(folder: Path, samples: Sequence[Sample]) -> None:
    for position in zip(*samples, strict=True):
        shapes = sorted({each.shape for each in position})
        if len(shapes) > 1:
            raise ConfigurationError(
                f"{folder}: holds inputs of several sizes, {list(shapes[0])} and {list(shapes[1])}",
                hint="give all inferences one size: a file is measured at one",
            )
