"""Converts a model of one's own: float32 first, the other formats from it, and a check of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.artifact import Artifact, Format, Role, Tensor
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import BenchError, ConfigurationError, ConversionError, ModelFileError
from models.convert import fidelity
from models.own import framework
from models.own.inputs import Hears, Inputs, hears, real_inputs
from models.own.job import Made, OwnJob, Record, recipe_sha256, record_of, record_path
from models.own.quantisable import quantisable
from models.own.refusal import why_refused
from models.own.source import Kind
from models.tflite import contents, quantise, reader
from models.tflite.native_output import STDERR, STDOUT, redirected
from models.zoo import Zoo

_EMBEDDINGS = (Role.EMBEDDING_PATCH, Role.EMBEDDING_WAVEFORM, Role.EMBEDDING_STREAM)
_OF_ONNX = "ONNX_"  # begins the operators that onnx2tf leaves as they are
_FEW_VALUES = 8  # an output of fewer has no direction worth comparing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Float32:
    """A model's float32 file, and what its other formats are made and checked with.

    Args:
        copy: of the same graph, as the quantiser reads it.
        tools: name to version of what made it.
        reference: float64 [inputs, size], its own outputs of the held-out inputs.
        unchecked: why there are none.
    """

    path: Path
    copy: Path
    artifact: Artifact
    tools: dict[str, str]
    inputs: Inputs
    reference: NDArray[np.float64] | None
    unchecked: str


def convert_own(job: OwnJob) -> Made:
    """Returns the artifacts of a model of one's own, made or found up to date in the zoo.

    A format that cannot be made is refused, with the reason, and the others are made.

    Raises:
        ConfigurationError: the name belongs to another model, or what is asked for does not fit.
        ModelFileError: it is not a usable model.
        ConversionError: its float32 file could not be made.
    """
    zoo, recipe = Zoo(job.zoo), recipe_sha256(job)
    record = record_of(job, recipe)
    if (ready := _up_to_date(job, zoo, record)) is not None:
        return ready
    _refuse_clash(job, zoo)
    job.zoo.mkdir(parents=True, exist_ok=True)
    log = job.zoo / f"{job.source.name}.log"
    try:
        with (
            TemporaryDirectory(dir=job.zoo, prefix=".own-") as folder,
            redirected(log, STDOUT, STDERR),  # converters write there, where results belong
        ):
            made = _make(job, zoo, record, Path(folder))
    except SystemExit:  # interrupted: the log explains no failure
        log.unlink(missing_ok=True)
        raise
    log.unlink(missing_ok=True)
    config.save(
        record_path(job),
        replace(record, refused=made.refused, notes=made.notes, shapes=made.shapes),
    )
    return made


def _up_to_date(job: OwnJob, zoo: Zoo, record: Record) -> Made | None:
    """Returns what an earlier run made, if nothing that is asked for is missing."""
    found = {each: zoo.get(job.source.name, each) for each in Format}
    current = {
        format: each
        for format, each in found.items()
        if each is not None and each.recipe_sha256 == record.recipe_sha256
    }
    taken_as_is = bool(current) and Format.FLOAT32 not in current
    asked = () if taken_as_is else (Format.FLOAT32, *job.formats)
    if not current or any(each not in current and each not in record.refused for each in asked):
        return None
    return Made(
        name=job.source.name,
        artifacts=tuple(each for format, each in current.items() if taken_as_is or format in asked),
        refused={each: why for each, why in record.refused.items() if each in job.formats},
        notes=record.notes,
        shapes=record.shapes,
    )


def _refuse_clash(job: OwnJob, zoo: Zoo) -> None:
    for format in Format:
        path = zoo.manifest(job.source.name, format)
        if path.exists():
            other = config.load(path, Artifact)
            if not other.provenance.startswith(job.source.of_file):
                raise ConfigurationError(
                    f"{path}: another model has the name {job.source.name!r}",
                    hint="give this one another --name",
                )


def _make(job: OwnJob, zoo: Zoo, record: Record, folder: Path) -> Made:
    path = folder / "float32.tflite"
    if job.source.kind is not Kind.TFLITE:
        source = _from_framework(job, zoo, path, folder)
    else:
        file = reader.read(job.source.path)
        path.write_bytes(job.source.path.read_bytes())
        if file.format is not Format.FLOAT32:
            return _taken_as_it_is(job, zoo, record, path, file.format)
        source = _from_tflite(job, zoo, path, file, folder)
    _forget_former(job, zoo, record)
    artifacts = [_put(zoo, source.artifact, record, source.path)]
    refused: dict[Format, str] = {}
    for format in Format:
        if format not in job.formats or format is Format.FLOAT32:
            continue
        try:
            artifact, made = _in_format(job, zoo, format, source, folder)
        except BenchError as error:
            refused[format] = why_refused(error, source.copy, job.source.name)
        else:
            artifacts.append(_put(zoo, artifact, record, made))
    notes = (f"not checked: {source.unchecked}",) if source.unchecked else ()
    return Made(
        name=job.source.name,
        artifacts=tuple(artifacts),
        refused=refused,
        notes=notes,
        shapes=tuple(source.inputs.shapes),
    )


def _taken_as_it_is(job: OwnJob, zoo: Zoo, record: Record, path: Path, format: Format) -> Made:
    _forget_former(job, zoo, record)
    artifact = _described(job, zoo, path, role=job.wanted.role)
    note = (
        f"{job.source.path.name} is {format.value} already, so it is taken as it is: other formats "
        "are made from a float32 file"
    )
    return Made(
        name=job.source.name,
        artifacts=(_put(zoo, replace(artifact, provenance=job.source.origin), record, path),),
        notes=(note,),
    )


def _from_tflite(
    job: OwnJob, zoo: Zoo, path: Path, file: reader.TfliteFile, folder: Path
) -> _Float32:
    kind = hears(file.inputs, job.wanted, file.role)
    inputs = _real_inputs(job, file.inputs, framework.names_of(file), kind)
    copy = folder / "quantisable.tflite"
    shapes = inputs.shapes if inputs.shapes and _must_be_set(file) else None
    copy.write_bytes(quantisable(path.read_bytes(), shapes))
    role = _role(job, file, kind)
    artifact = _described(job, zoo, path, role=role)
    reference, unchecked = _reference(copy, inputs, artifact)
    artifact = replace(artifact, provenance=job.source.origin)
    return _Float32(
        path=path,
        copy=copy,
        artifact=artifact,
        tools={},
        inputs=inputs,
        reference=reference,
        unchecked=unchecked,
    )


def _from_framework(job: OwnJob, zoo: Zoo, path: Path, folder: Path) -> _Float32:
    model = framework.load(job.source)
    kind = hears(model.inputs, job.wanted)
    inputs = _real_inputs(job, model.inputs, [each.name for each in model.inputs], kind)
    model.write_float32(framework.concrete(model.inputs, inputs.shapes), path)
    file = reader.read(path)
    _refuse_unusable(job, model.inputs, file, path)
    copy = folder / "quantisable.tflite"
    copy.write_bytes(quantisable(path.read_bytes()))
    artifact = replace(
        _described(job, zoo, path, role=_role(job, file, kind)),
        tools=model.tools,
        provenance=job.source.origin,
    )
    reference, unchecked = _reference(copy, inputs, artifact)
    if reference is None or inputs.heldout is None:
        artifact = _with_caveat(artifact, CaveatKind.UNCHECKED, unchecked)
    else:
        first_only = artifact.role in _EMBEDDINGS
        outputs = [model.run(each) for each in inputs.heldout.values]
        theirs = fidelity.in_rows(
            [each[:1] if first_only else each for each in outputs], str(job.source.path)
        )
        artifact = _compared(artifact, theirs, reference, inputs)
    return _Float32(
        path=path,
        copy=copy,
        artifact=artifact,
        tools=model.tools,
        inputs=inputs,
        reference=reference,
        unchecked=unchecked,
    )


def _real_inputs(
    job: OwnJob, tensors: Sequence[Tensor], names: Sequence[str], kind: Hears
) -> Inputs:
    try:
        return real_inputs(tensors, names, kind, job.wanted, job.audio)
    except ConfigurationError as error:
        if str(job.source.path) in error.message or kind is Hears.GIVEN:
            raise
        raise ConfigurationError(f"{job.source.path}: {error.message}", hint=error.hint) from error


def _reference(
    path: Path, inputs: Inputs, artifact: Artifact
) -> tuple[NDArray[np.float64] | None, str]:
    """Returns the outputs that all formats are compared with, or none and why."""
    if inputs.heldout is None:
        return None, inputs.reason
    try:
        found = fidelity.outputs(path, inputs.heldout, first_only=artifact.role in _EMBEDDINGS)
    except ModelFileError as error:
        raise ConversionError(
            f"{artifact.name}: its float32 file fails on real inputs: "
            f"{why_refused(error, path, artifact.name)}",
            hint="check the model in its own framework, and the sizes of its inputs",
        ) from error
    if not np.isfinite(found).all():
        return None, "its own outputs are not finite on real inputs"
    return found, ""


def _in_format(
    job: OwnJob, zoo: Zoo, format: Format, source: _Float32, folder: Path
) -> tuple[Artifact, Path]:
    """Returns the artifact of a format and its file.

    Raises:
        BenchError: it cannot be made.
    """
    calibration = source.inputs.calibration
    if format is Format.INT8 and calibration is None:
        raise ConversionError(f"it needs real inputs to calibrate with: {source.unchecked}")
    path = folder / f"{format.value}.tflite"
    quantise.quantise(source.copy, path, format, calibration=calibration)
    file = reader.read(path)
    if file.format is not format:
        floats = ", ".join(f"{count} {op}" for op, count in file.float_ops.items())
        raise ConversionError(
            f"no operator of it is taken by the quantiser, or none has weights enough: {floats}"
        )
    artifact = replace(
        _described(job, zoo, path, role=source.artifact.role),
        tools=source.tools | quantise.tools(),
        provenance=job.source.origin,
        calibration_sha256=source.inputs.calibration_sha256 if format is Format.INT8 else None,
    )
    for each in source.artifact.caveats:
        if each.kind is CaveatKind.BELOW_BOUND:  # what is made of a wrong file is wrong
            artifact = _with_caveat(artifact, each.kind, f"its float32 file: {each.evidence}")
    if source.reference is None or source.inputs.heldout is None:
        return _with_caveat(artifact, CaveatKind.UNCHECKED, source.unchecked), path
    first_only = artifact.role in _EMBEDDINGS
    found = fidelity.outputs(path, source.inputs.heldout, first_only=first_only)
    if not np.isfinite(found).all():
        bad = (~np.isfinite(found).all(axis=1)).sum()
        raise ConversionError(f"its outputs are not finite on {bad} of {len(found)} real inputs")
    return _compared(artifact, source.reference, found, source.inputs), path


def _compared(
    artifact: Artifact,
    reference: NDArray[np.float64],
    found: NDArray[np.float64],
    inputs: Inputs,
) -> Artifact:
    """Returns an artifact with its fidelity to a reference, and a caveat if it is below bound."""
    if reference.shape != found.shape:
        return _with_caveat(
            artifact,
            CaveatKind.UNCHECKED,
            f"its outputs have {found.shape[1]} values, those of its source {reference.shape[1]}",
        )
    measured = fidelity.compare(
        reference,
        found,
        patches_sha256=inputs.heldout_sha256,
        as_one=reference.shape[1] < _FEW_VALUES,
    )
    artifact = replace(artifact, fidelity=measured)
    shortfall = fidelity.shortfall(artifact.format, measured)
    return _with_caveat(artifact, CaveatKind.BELOW_BOUND, shortfall) if shortfall else artifact


def _with_caveat(artifact: Artifact, kind: CaveatKind, evidence: str) -> Artifact:
    return replace(artifact, caveats=(*artifact.caveats, Caveat(kind=kind, evidence=evidence)))


def _must_be_set(file: reader.TfliteFile) -> bool:
    """Returns whether more than the batch is open, or LiteRT cannot allocate it as it is."""
    is_open = any(n < 0 for each in file.inputs for n in each.shape[1:])
    return is_open or file.partitions is None


def _refuse_unusable(
    job: OwnJob, inputs: Sequence[Tensor], file: reader.TfliteFile, path: Path
) -> None:
    left = {op for op, _, _ in contents.layers(path) if op.startswith(_OF_ONNX)}
    if left := left | ({file.missing_op} if file.missing_op else set()):
        raise ConversionError(
            f"{job.source.path}: the converter left operators that LiteRT lacks: "
            f"{', '.join(sorted(left))}",
            hint="export the model without them (a loop, for example, written out)",
        )
    if len(inputs) != len(file.inputs):
        raise ConversionError(
            f"{job.source.path}: has {len(inputs)} inputs, and its float32 file "
            f"{len(file.inputs)}: the converter left out what no output needs",
            hint="leave that input out of the model",
        )


def _role(job: OwnJob, file: reader.TfliteFile, kind: Hears) -> Role | None:
    """Returns the role of a file, where its shapes alone do not show it.

    A file that makes no vector of audio is its owner's model here and not another one's front-end,
    unless its owner states that.
    """
    if job.wanted.role is not None:
        return job.wanted.role
    if file.role not in (Role.OTHER, Role.FRONTEND):
        return None
    wide = [n for each in file.outputs[:1] for n in each.shape[1:] if n != 1]
    is_vector = len(wide) == 1 and wide[0] > 1
    by_kind = {Hears.AUDIO: Role.EMBEDDING_WAVEFORM, Hears.FRONT_END: Role.EMBEDDING_PATCH}
    return by_kind.get(kind, Role.OTHER) if is_vector else Role.OTHER


def _described(job: OwnJob, zoo: Zoo, path: Path, *, role: Role | None) -> Artifact:
    is_other = role is Role.OTHER
    return zoo.described(
        path,
        name=job.source.name,
        frontend_name=None if is_other else job.frontend_name,
        role=role,
        window_samples=None if job.frontend_name or is_other else job.wanted.window_samples,
        hop_samples=None if is_other else job.hop_samples,
    )


def _put(zoo: Zoo, artifact: Artifact, record: Record, made: Path) -> Artifact:
    """Returns an artifact that is in the zoo, after moving its file there."""
    artifact = replace(artifact, recipe_sha256=record.recipe_sha256)
    made.chmod(0o644)
    made.replace(zoo.path(artifact))
    zoo.put(artifact)
    return artifact


def _forget_former(job: OwnJob, zoo: Zoo, record: Record) -> None:
    """Removes what was made of a former file under the same name, or in another way."""
    for format in Format:
        path = zoo.manifest(job.source.name, format)
        if path.exists():
            former = config.load(path, Artifact)
            if former.recipe_sha256 != record.recipe_sha256:
                path.unlink()
                zoo.path(former).unlink(missing_ok=True)
