"""Compares a converted file's embeddings with those of its float32 source on real audio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Fidelity, Format
from bench.core.errors import ConversionError
from models.tflite import litert
from models.tflite.apart import Model
from models.tflite.arrays import AsTaken, Samples, one_by_one

# The least mean cosine (raw, centred) that a conversion may have; reasons: docs/conversion.md.
BOUNDS: dict[Format, tuple[float, float]] = {
    Format.FLOAT32: (0.9999, 0.999),  # to the framework that the file was converted from
    Format.FLOAT16: (0.9999, 0.999),
    Format.DYNAMIC: (0.999, 0.95),
    Format.INT8: (0.98, 0.80),
}
_LEEWAY = 1.25  # what a device may lose on the same file, over what the conversion loses


def embeddings(path: Path, inputs: Samples) -> NDArray[np.float64]:
    """Returns one embedding per input, float64 [inputs, size], by the file itself.

    Args:
        path: a .tflite file whose first output is the embedding.
    """
    model = Model(path)
    return np.stack([model(*each)[0].ravel() for each in one_by_one(inputs)]).astype(np.float64)


def outputs(path: Path, inputs: AsTaken, *, first_only: bool) -> NDArray[np.float64]:
    """Returns the first output, or all in a row, of each inference, float64 [inputs, size].

    Raises:
        ConversionError: the size of an output depends on the values of the input.
        ModelFileError: the file cannot run on these inputs.
    """
    model = litert.Model(path, shapes=[each.shape for each in inputs.values[0]])
    found = [model(*each) for each in one_by_one(inputs)]
    return in_rows([each[:1] if first_only else each for each in found], str(path))


def in_rows(outputs: Sequence[Sequence[NDArray[Any]]], name: str) -> NDArray[np.float64]:
    """Returns the outputs of inferences, float64 [inferences, size], all of one in a row.

    Raises:
        ConversionError: their sizes differ.
    """
    rows = [np.concatenate([np.ravel(value) for value in each]) for each in outputs]
    if len({len(row) for row in rows}) != 1:
        raise ConversionError(
            f"{name}: its outputs have another size for each input, so they cannot be compared",
            hint="compare the results of your app",
        )
    return np.stack(rows).astype(np.float64)


def compare(
    source: NDArray[np.float64],
    converted: NDArray[np.float64],
    *,
    patches_sha256: str,
    as_one: bool = False,
) -> Fidelity:
    """Returns how near two sets of embeddings, float64 [patches, size], are.

    The centred cosines have the source's mean embedding taken out of both sides: embeddings of an
    untrained network are nearly parallel, and the raw cosine then hides any damage.

    Args:
        as_one: take the values of all patches for one vector, for outputs of a few values, such as
            one probability: the direction of a single one means little.
    """
    mean = source.mean(axis=0)
    centres = source - mean, converted - mean
    pairs = [(source, converted), centres]
    if as_one:
        pairs = [(one.reshape(1, -1), other.reshape(1, -1)) for one, other in pairs]
    raw, centred = (_cosines(*pair) for pair in pairs)
    noise = float(np.square(source - converted).sum())
    signal = float(np.square(source).sum())
    return Fidelity(
        patches=len(source),
        patches_sha256=patches_sha256,
        cosine_mean=float(raw.mean()),
        cosine_p5=float(np.percentile(raw, 5)),
        cosine_min=float(raw.min()),
        centred_cosine_mean=float(centred.mean()),
        centred_cosine_p5=float(np.percentile(centred, 5)),
        centred_cosine_min=float(centred.min()),
        snr_db=10 * float(np.log10(signal / noise)) if noise > 0 else None,
    )


def shortfall(format: Format, fidelity: Fidelity) -> str:
    """Returns which bound a conversion misses, in words, or an empty text."""
    if format not in BOUNDS:
        return ""
    raw, centred = BOUNDS[format]
    if not fidelity.cosine_mean > raw:
        to = "its source" if format is Format.FLOAT32 else "float32"
        return f"mean cosine {fidelity.cosine_mean:.5f} to {to} is not above {raw}"
    if not fidelity.centred_cosine_mean > centred:
        return f"mean centred cosine {fidelity.centred_cosine_mean:.4f} is not above {centred}"
    return ""


def format_of_bounds(format: Format, *, accelerated: bool) -> Format:
    """Returns the format whose bounds hold for a device's outputs.

    A CPU may round as float16 does; an accelerator computes in it throughout, which costs about
    what weights of 8 bits do.
    """
    if format is Format.INT8:
        return format
    return Format.DYNAMIC if accelerated or format is Format.DYNAMIC else Format.FLOAT16


def below_snr(format: Format, fidelity: Fidelity) -> str:
    """Returns whether there is more noise than a format's bound allows, in words, or an empty text.

    Vectors of one length at a cosine c have a signal-to-noise ratio of -10 lg(2 (1 - c)); half of
    it is allowed for embeddings of unequal lengths. A wrong scale shows here only.
    """
    bound_db = -10 * float(np.log10(4 * (1 - BOUNDS[format][0])))
    if fidelity.snr_db is None or fidelity.snr_db > bound_db:
        return ""
    return f"signal to noise {fidelity.snr_db:.1f} dB is not above {bound_db:.1f} dB"


def wrong_state(
    format: Format, reference: NDArray[np.float64], outputs: NDArray[np.float64]
) -> str:
    """Returns why a stream's new state, float64 [inputs, size], is wrong, or an empty text.

    A state may be zeros, of which no cosine is known; its noise is that of all inputs together.
    """
    if not np.isfinite(outputs).all():
        return f"{(~np.isfinite(outputs)).sum()} of {outputs.size} values are not finite"
    return below_snr(format, compare(reference, outputs, patches_sha256=""))


def no_worse(outputs: Fidelity, conversion: Fidelity) -> bool:
    """Returns whether outputs lose at most a quarter more than the conversion itself."""
    noise_db = 10 * float(np.log10(_LEEWAY))
    return (
        1 - outputs.cosine_mean <= _LEEWAY * (1 - conversion.cosine_mean)
        and 1 - outputs.centred_cosine_mean <= _LEEWAY * (1 - conversion.centred_cosine_mean)
        and (outputs.snr_db or math.inf) >= (conversion.snr_db or math.inf) - noise_db
    )


def degenerate(outputs: NDArray[np.float64]) -> str:
    """Returns why outputs, float64 [inputs, size], carry nothing: a code and a sentence, or empty.

    The codes: ``nan-output``, ``zero-output``, ``constant-output``.
    """
    if not np.isfinite(outputs).all():
        return f"nan-output: {(~np.isfinite(outputs)).sum()} of {outputs.size} values"
    if not outputs.any(axis=1).all():
        return f"zero-output: on {(~outputs.any(axis=1)).sum()} of {len(outputs)} inputs"
    if outputs.shape[1] > 1 and (np.ptp(outputs, axis=1) == 0).any():
        return "constant-output: all values are equal"
    if len(outputs) > 1 and not np.ptp(outputs, axis=0).any():
        return f"constant-output: the same for all {len(outputs)} inputs"
    return ""


def _cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    # A zero or non-finite vector has no direction: it counts as wholly lost, never as missing.
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (a * b).sum(axis=1) / norms
    return np.where(np.isfinite(cosines), cosines, 0.0)
