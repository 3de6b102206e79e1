"""Which layers of a converted file lose most: its tensors against those of its float32 source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.core import units
from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from models.tflite.apart import Traced
from models.tflite.arrays import Floats, Samples, one_by_one, tensors_of
from models.tflite.litert import Operation

# What a full-scale signal keeps when its values, or the weights that made it, have n bits:
# 6.02 n + 1.76 dB (Bennett 1948). Float16 has 11 significant bits and a sign.
RESOLVED_DB = {Format.FLOAT16: 74.0, Format.DYNAMIC: 49.9, Format.INT8: 49.9}
_SAMPLED = 2_000  # values per tensor and patch that the percentile is taken from
_PERCENTILE = 99.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The loss of one operator's result by conversion, over all patches.

    Args:
        name: the result's tensor, without what all names begin with and without fused ones.
        tensor: its whole name, the same in both files.
        op: the operator; ``INPUT`` where the file rounds its input.
        snr_db: signal to noise against float32; ``None`` if they do not differ at all.
        lost_db: ``snr_db`` below that of the worst input, which counts as ``RESOLVED_DB`` of the
            format at most.
        clipped_ratio: share of float32's values outside ``low`` to ``high``, by over half a step;
            ``None``, as these are, where the result is not quantised.
        low, high: the range that the file's scale and zero point can hold.
        float_min, float_max: of float32's own values.
        float_p99: 99th percentile of them, from an even sample.
    """

    name: str
    tensor: str
    op: str
    snr_db: float | None
    lost_db: float
    clipped_ratio: float | None
    low: float | None
    high: float | None
    float_min: float
    float_max: float
    float_p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFidelity:
    """A converted file beside its float32 source on the same patches.

    Args:
        layers: in the graph's order; an operator whose result has another name in the float32
            file, such as the expansion of float16 weights, is left out.
        unmatched: how many were left out that do not work on weights alone: casts, as a rule.
    """

    format: Format
    patches: int
    layers: tuple[Layer, ...]
    unmatched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """One tensor on one patch."""

    signal: float
    noise: float
    clipped: int
    size: int
    low: float
    high: float
    sample: Floats


def compare_layers(
    source: Path, converted: Path, inputs: Samples, *, format: Format
) -> LayerFidelity:
    """Returns what each operator of ``converted`` loses against ``source``.

    Both run on LiteRT's built-in kernels, which keep every tensor; a delegate rounds a little
    differently and keeps none.

    Args:
        source: the float32 .tflite file.
        inputs: as the source takes them.
        format: of ``converted``.

    Raises:
        ConfigurationError: the files share few tensors, so one was not made from the other.
        ModelFileError: LiteRT cannot run one of them.
    """
    exact, rounded = Traced(source), Traced(converted)
    floats = {each.output for each in exact.operations if each.is_float} | set(exact.inputs)
    results = [*_rounded_inputs(rounded), *(op for op in rounded.operations if not op.constant)]
    shared = [each for each in results if each.output in floats]
    if 2 * len(shared) < len(results):  # any two files may share the names of inputs and outputs
        raise ConfigurationError(
            f"{converted}: shares {len(shared)} of {len(results)} tensor names with {source}",
            hint="compare a file with the float32 file that it was converted from",
        )
    ranges = {each.output: each.limits for each in shared}
    sums_of: dict[str, list[_Sums]] = {name: [] for name in ranges}
    for patch in one_by_one(inputs):
        ours, theirs = exact(*patch), rounded(*patch)
        for name, sums in sums_of.items():
            sums.append(_sums(ours[name], theirs[name], ranges[name]))
    return LayerFidelity(
        format=format,
        patches=len(tensors_of(inputs)[0]),
        layers=_layers(results, sums_of, format, rounded.outputs),
        unmatched=len(results) - len(shared),
    )


def worst(fidelity: LayerFidelity, count: int = 10) -> list[Layer]:
    """Returns the layers that lose most, the worst first."""
    return sorted(fidelity.layers, key=lambda layer: -layer.lost_db)[:count]


def sentence(fidelity: LayerFidelity) -> str:
    """Returns one sentence on where the embedding loses most."""
    layer = worst(fidelity, 1)[0]
    if layer.snr_db is None or layer.lost_db <= 0:
        return "no layer loses more than its number format does"
    before_db = layer.snr_db + layer.lost_db
    text = (
        f"the embedding loses most at {layer.name} ({layer.op}): "
        f"{before_db:.1f} -> {layer.snr_db:.1f} dB"
    )
    if layer.clipped_ratio is None:
        return text
    return f"{text}; {units.percent(layer.clipped_ratio)} % of its values are clipped"


def _rounded_inputs(model: Traced) -> list[Operation]:
    return [
        Operation(op="INPUT", inputs=(), output=name, is_float=False, constant=False, limits=limits)
        for name in model.inputs
        if (limits := model.limits(name)) is not None
    ]


def _sums(exact: Floats, rounded: Floats, limits: tuple[float, float, float] | None) -> _Sums:
    values = exact.ravel()
    # NaN and infinity count as a lost signal: noise as loud as the signal.
    noise = values - np.nan_to_num(rounded.ravel(), nan=0.0, posinf=0.0, neginf=0.0)
    clipped = 0
    if limits is not None:
        low, high, step = limits
        clipped = int(((values < low - step / 2) | (values > high + step / 2)).sum())
    return _Sums(
        signal=float(np.square(values, dtype=np.float64).sum()),
        noise=float(np.square(noise, dtype=np.float64).sum()),
        clipped=clipped,
        size=values.size,
        low=float(values.min()),
        high=float(values.max()),
        sample=values[:: -(-values.size // _SAMPLED)].copy(),
    )


def _layers(
    operations: Sequence[Operation],
    sums_of: dict[str, list[_Sums]],
    format: Format,
    outputs: Sequence[str],
) -> tuple[Layer, ...]:
    snr_db = {name: _snr_db(sums) for name, sums in sums_of.items()}
    short = _short_names([each.output for each in operations if each.output in sums_of], outputs)
    layers = []
    for each in operations:
        inputs_db = [db for name in each.inputs if (db := snr_db.get(name)) is not None]
        if each.output not in sums_of:  # a cast; its loss shows in the next operator's result
            snr_db[each.output] = min(inputs_db, default=None)
            continue
        sums = sums_of[each.output]
        after_db = snr_db[each.output]
        lost_db = 0.0 if after_db is None else min([RESOLVED_DB[format], *inputs_db]) - after_db
        clipped = sum(one.clipped for one in sums) / sum(one.size for one in sums)
        layers.append(
            Layer(
                name=short[each.output],
                tensor=each.output,
                op=each.op,
                snr_db=after_db,
                lost_db=lost_db,
                clipped_ratio=None if each.limits is None else clipped,
                low=None if each.limits is None else each.limits[0],
                high=None if each.limits is None else each.limits[1],
                float_min=min(one.low for one in sums),
                float_max=max(one.high for one in sums),
                float_p99=float(
                    np.percentile(np.concatenate([one.sample for one in sums]), _PERCENTILE)
                ),
            )
        )
    return tuple(layers)


def _snr_db(sums: Sequence[_Sums]) -> float | None:
    signal, noise = sum(one.signal for one in sums), sum(one.noise for one in sums)
    if noise == 0:
        return None
    # A signal of zeros that became anything else is lost; no ratio of numbers is lower than this.
    return 10 * float(np.log10(max(signal, np.finfo(np.float32).tiny) / noise))


def _short_names(tensors: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """Returns a readable name for each tensor: its first fused one, without the shared path."""
    paths = {tensor: tensor.split(";")[0].split("/") for tensor in tensors}
    nested = [path for path in paths.values() if len(path) > 1]
    depth = 0
    while nested and all(
        len(path) > depth + 1 and path[depth] == nested[0][depth] for path in nested
    ):
        depth += 1
    return {
        tensor: "output" if tensor in outputs else "/".join(path[depth:] if len(path) > 1 else path)
        for tensor, path in paths.items()
    }
