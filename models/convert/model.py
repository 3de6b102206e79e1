"""Converts one model: float32 by TensorFlow, the other formats from it, and a check of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Artifact, Format
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from models import stream
from models.convert import fidelity
from models.convert.job import ConversionJob
from models.convert.manifest import manifest_of, recipe_sha256
from models.student import weights as weights_file
from models.student.buildable import Buildable, LogMelFrontend
from models.student.spec import StudentSpec
from models.student.weights import Weights
from models.tflite import quantise
from models.tflite.arrays import Floats, Samples
from models.tflite.native_output import STDERR, STDOUT, redirected
from models.zoo import Zoo


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A model's float32 file, and what its other formats are made and checked with.

    Args:
        tools: name to version of what made it.
        calibration: real inputs.
        heldout: others, for the check.
        reference: float64 [samples, size], the file's own embeddings of ``heldout``.
        ranges: int8 ranges that training learned.
    """

    path: Path
    tools: dict[str, str]
    calibration: Samples | None
    heldout: Samples | None
    reference: NDArray[np.float64] | None
    ranges: Sequence[tuple[float, float]] | None


def convert_model(job: ConversionJob) -> list[Artifact]:
    """Returns the artifacts of one model, made or found up to date in the zoo.

    Raises:
        ConfigurationError: full int8 without real inputs.
        ConversionError: a converter refused the model.
    """
    zoo = Zoo(job.zoo)
    formats = [Format.FLOAT32, *(each for each in job.formats if each is not Format.FLOAT32)]
    recipe = recipe_sha256(job)
    ready = [zoo.get(job.model.name, each) for each in formats]
    current = [each for each in ready if each is not None and each.recipe_sha256 == recipe]
    if len(current) == len(formats):
        return current
    job.zoo.mkdir(parents=True, exist_ok=True)
    log = job.zoo / f"{job.model.name}.log"
    try:
        # Converters write to stdout, where results belong.
        with redirected(log, STDOUT, STDERR):
            source = _float32(job)
            artifacts = [_in_format(job, each, source) for each in formats]
    except SystemExit:  # interrupted: the log explains no failure
        log.unlink(missing_ok=True)
        raise
    log.unlink(missing_ok=True)  # another process may have made the same model
    return artifacts


def _float32(job: ConversionJob) -> _Source:
    calibration = None if job.inputs is None else _inputs(job.model, job.inputs.calibration)
    heldout = None if job.inputs is None else _inputs(job.model, job.inputs.heldout)
    trained = None if job.weights is None else weights_file.load(job.weights)
    if trained is None and isinstance(job.model, StudentSpec) and job.model.qat:
        raise ConfigurationError(
            f"{job.model.name}: needs trained weights (quantisation-aware training)",
            hint="train it with frill-bench distill; without _qat, int8 is made by calibration",
        )
    path = job.zoo / f"{job.model.name}.{Format.FLOAT32.value}.tflite"
    tools = _export(job, path, calibration, trained)
    reference = None
    if heldout is not None and not isinstance(job.model, LogMelFrontend):
        reference = fidelity.embeddings(path, heldout)
    return _Source(
        path=path,
        tools=tools,
        calibration=calibration,
        heldout=heldout,
        reference=reference,
        ranges=trained.ranges or None if trained else None,
    )


def _inputs(model: Buildable, path: Path) -> Samples:
    """Returns real inputs as a model takes them; of a stream those of full windows."""
    values: Floats = np.load(path)
    if isinstance(model, StudentSpec) and model.is_stream:
        return stream.filled(values, stream.Hop(model.hop_frames))
    return values


def _export(
    job: ConversionJob, path: Path, calibration: Samples | None, trained: Weights | None
) -> dict[str, str]:
    try:
        from models.network.export import export_float32
    except ImportError as error:
        raise ConfigurationError(
            f"TensorFlow is not installed ({error}); it is needed to build models",
            hint="pip install -e '.[zoo]' -c constraints.txt, or add a .tflite with zoo add",
        ) from error
    return export_float32(
        job.model,
        path,
        seed=job.seed,
        inputs=calibration,
        weights=None if trained is None else trained.arrays,
    )


def _in_format(job: ConversionJob, format: Format, source: _Source) -> Artifact:
    if format is Format.FLOAT32:
        path, tools = source.path, source.tools
    else:
        path = job.zoo / f"{job.model.name}.{format.value}.tflite"
        ranges = source.ranges if format is Format.INT8 else None
        quantise.quantise(source.path, path, format, calibration=source.calibration, ranges=ranges)
        tools = source.tools | quantise.tools()
    learned = source.ranges is not None
    artifact = manifest_of(job, format, path, tools=tools, learned_ranges=learned)
    if format is not Format.FLOAT32:
        artifact = _with_fidelity(artifact, path, job, source)
    Zoo(job.zoo).put(artifact)
    return artifact


def _with_fidelity(artifact: Artifact, path: Path, job: ConversionJob, source: _Source) -> Artifact:
    """Returns the artifact with its fidelity; with a caveat if unknown or below its bound."""
    if source.heldout is None or source.reference is None or job.inputs is None:
        unchecked = Caveat(kind=CaveatKind.UNCHECKED, evidence="no real audio was given")
        return replace(artifact, caveats=(*artifact.caveats, unchecked))
    embeddings = fidelity.embeddings(path, source.heldout)
    measured = fidelity.compare(
        source.reference, embeddings, patches_sha256=job.inputs.heldout_sha256
    )
    shortfall = fidelity.shortfall(artifact.format, measured)
    below = (Caveat(kind=CaveatKind.BELOW_BOUND, evidence=shortfall),) if shortfall else ()
    return replace(artifact, fidelity=measured, caveats=(*artifact.caveats, *below))
