"""The one door to litert-quantizer: float16, dynamic-range int8 and full int8 from a float32 file.

The rules, and the measurements behind them, are in docs/conversion.md. In short: the front-end
and a stream's state are never quantised (it costs the whole embedding); dynamic range leaves
weights below 1024 elements alone (else the graph falls apart); full int8 takes its ranges as a
percentile over varied samples, because the outputs of squeeze-and-excite are heavy-tailed and the
absolute range wastes the scale.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import Format
from bench.core.errors import ConfigurationError, ConversionError
from models.tflite import contents
from models.tflite.arrays import AsTaken, Samples, one_by_one
from models.tflite.extras import from_extra
from models.tflite.litert import Model

PERCENTILE = 99.0  # over samples, of a tensor's extremes in one
_FRONTEND = ".*frontend.*"


def tools() -> dict[str, str]:
    """Returns the quantiser's name and version."""
    return {"litert-quantizer": version("litert-quantizer")}


def quantise(
    source: Path,
    target: Path,
    format: Format,
    *,
    calibration: Samples | AsTaken | None = None,
    ranges: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Writes ``source``, a float32 .tflite file, in another format to ``target``.

    Args:
        calibration: real inputs; full int8 needs them, or ``ranges``.
        ranges: learned in training, of the tensors of ``contents.rounded_tensors``; full int8 takes
            them instead.

    Raises:
        ConfigurationError: full int8 without calibration inputs, or litert-quantizer is missing.
        ConversionError: the quantiser refused the model.
    """
    if format is Format.INT8 and calibration is None and ranges is None:
        raise ConfigurationError(
            f"{source}: full int8 needs calibration audio",
            hint="frill-bench data fetch, or give a folder by --audio",
        )
    tensor_ranges = None
    if format is Format.INT8 and ranges is not None:
        tensor_ranges = _learned_ranges(source, ranges)
    stream_state = contents.stream_state(source)
    with from_extra("zoo", "litert-quantizer"):
        from litert_quantizer import quantizer
    with _quiet():
        try:
            worker = quantizer.Quantizer(str(source))
            _load_recipe(worker, format, state=stream_state)
            if format is Format.INT8 and tensor_ranges is None and calibration is not None:
                signature = Model(source).signature()
                tensor_ranges = _percentile_ranges(source, worker, signature, calibration)
            content = bytes(worker.quantize(tensor_ranges).quantized_model)
        except Exception as error:  # the quantiser raises a dozen types of its own
            raise ConversionError(
                f"{source}: litert-quantizer refused {format.value}: {str(error)[:300]}",
                hint="report the model with this line",
            ) from error
    atomic.write_bytes(target, content)


def _load_recipe(worker: Any, format: Format, *, state: Sequence[str]) -> None:
    from litert_quantizer import qtyping, recipe

    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    if format is Format.FLOAT16:
        worker.add_weight_only_config(
            regex=".*",
            operation_name=everything,
            num_bits=16,
            algorithm_key=recipe.AlgorithmName.FLOAT_CASTING,
        )
    elif format is Format.DYNAMIC:
        worker.load_quantization_recipe(recipe.dynamic_legacy_wi8_afp32())
    else:
        worker.load_quantization_recipe(recipe.static_wi8_ai8())
    # What gives a tensor is found by its name and a semicolon; so are all outputs at once.
    for regex in (_FRONTEND, *(f"{re.escape(name)};" for name in state)):
        worker.update_quantization_recipe(
            regex=regex,
            operation_name=everything,
            algorithm_key=recipe.AlgorithmName.NO_QUANTIZE,
        )


def _percentile_ranges(
    source: Path,
    worker: Any,
    signature: tuple[str, tuple[str, ...]],
    calibration: Samples | AsTaken,
) -> dict[str, Any]:
    """Returns each tensor's range: a percentile, over samples, of its extremes in one sample."""
    from litert_quantizer import calibrator, recipe_manager

    recipe = recipe_manager.RecipeManager()
    recipe.load_quantization_recipe(worker.get_quantization_recipe())
    # One for all samples: reading a model takes longer than running it. The profiler sees the same
    # extremes as preserved tensors do, in two thirds of the time.
    one = calibrator.Calibrator(
        source.read_bytes(),
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
    )
    lows: dict[str, list[NDArray[Any]]] = {}
    highs: dict[str, list[NDArray[Any]]] = {}
    key, names = signature
    for sample in one_by_one(calibration):
        one.reset_model_qsvs()
        one.calibrate({key: [dict(zip(names, sample, strict=True))]}, recipe)
        for tensor, extremes in one.get_model_qsvs().items():
            lows.setdefault(tensor, []).append(extremes["min"])
            highs.setdefault(tensor, []).append(extremes["max"])
    return {
        tensor: {
            "min": np.percentile(np.stack(lows[tensor]), 100 - PERCENTILE, axis=0),
            "max": np.percentile(np.stack(highs[tensor]), PERCENTILE, axis=0),
        }
        for tensor in lows
    }


def _learned_ranges(source: Path, ranges: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Returns each tensor's range as it was learned in training."""
    tensors = contents.rounded_tensors(source)
    if len(tensors) != len(ranges):
        raise ConversionError(
            f"{source}: {len(ranges)} ranges were learned, and {len(tensors)} tensors need one",
            hint="convert the very student that was trained",
        )
    return {
        name: {"min": np.float32(low), "max": np.float32(high)}
        for group, (low, high) in zip(tensors, ranges, strict=True)
        for name in group
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # It always draws progress bars on both streams; this program shows its own.
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
