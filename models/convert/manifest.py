"""The manifest of a converted file: what it is, what decided its bytes, its origin."""

from __future__ import annotations

from pathlib import Path

from bench.core.artifact import Artifact, Format, Role, WeightsOrigin
from bench.core.caveats import Caveat, CaveatKind
from bench.core.hashing import sha256_file, sha256_value
from bench.core.version import versions_of
from models.convert.job import ConversionJob
from models.distill import card
from models.student.buildable import Buildable, LogMelFrontend, TrillShaped, architecture
from models.tflite import litert, reader

_EXPORT = "frozen"  # how a graph is exported; another way gives other bytes
_TOOLS = ("tensorflow", "tensorflow-cpu", "keras", "litert-quantizer")


def manifest_of(
    job: ConversionJob, format: Format, path: Path, *, tools: dict[str, str], learned_ranges: bool
) -> Artifact:
    """Returns the manifest of a converted file, before its fidelity is known.

    Args:
        path: the file.
        tools: name to version of what made it.
        learned_ranges: whether training gave the int8 ranges, and not calibration.
    """
    content = reader.read(path)
    model = architecture(job.model)
    random = job.weights is None and not isinstance(job.model, LogMelFrontend)
    calibration = job.inputs if format is Format.INT8 and not learned_ranges else None
    return Artifact(
        name=job.model.name,
        format=format,
        role=_role(job.model, content.role),
        file=path.name,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        inputs=content.inputs,
        outputs=content.outputs,
        parameters=model.parameters,
        macs=model.macs,
        frontend=model.frontend,
        window_samples=model.window_samples,
        hop_samples=model.hop_samples,
        calls_to_fill=model.calls_to_fill,
        partitions=content.partitions,
        float_ops=content.float_ops,
        tools=tools,
        weights=WeightsOrigin.DISTILLED if job.weights else WeightsOrigin.UNTRAINED,
        calibration_sha256=calibration.calibration_sha256 if calibration else None,
        caveats=(Caveat(kind=CaveatKind.UNTRAINED),) if random else (),
        provenance=_provenance(job),
        recipe_sha256=recipe_sha256(job),
    )


def recipe_sha256(job: ConversionJob) -> str:
    """Returns the identity of everything that decides the bytes of a conversion."""
    inputs = job.inputs and (job.inputs.calibration_sha256, job.inputs.heldout_sha256)
    parts = [job.model.name, job.seed, inputs, versions_of(_TOOLS), litert.runtime(), _EXPORT]
    if job.weights is not None:
        parts.append(sha256_file(job.weights))
    return sha256_value(parts)


def _role(model: Buildable, of_content: Role) -> Role:
    """Returns a file's role; that of a short front-end or a teacher is not known by its shapes."""
    match model:
        case LogMelFrontend():
            return Role.FRONTEND
        case TrillShaped():
            return Role.OTHER
        case _:
            return of_content


def _provenance(job: ConversionJob) -> str:
    if job.weights is None:
        return f"built from seed {job.seed}"
    model_card = card.load(job.weights.parent, job.weights.stem)
    teacher = f"distilled from {model_card.teacher}, " if model_card is not None else ""
    return f"{teacher}weights SHA-256 {sha256_file(job.weights)}"
