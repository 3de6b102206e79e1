"""The output check: compares a device's outputs with the host's on the same audio."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from bench.core import config
from bench.core.artifact import NO_FRONTEND, Fidelity, Format, Role, Tensor
from bench.core.errors import (
    BenchError,
    ConfigurationError,
    ConversionError,
    ToolOutputError,
)
from bench.core.hashing import sha256_bytes
from bench.core.progress import OnProgress, ignore
from bench.flow.measure.session import SessionOnDevice
from bench.flow.outputs.first_difference import Given, find_first_difference
from bench.flow.outputs.record import (
    EVENT,
    Check,
    FirstDifference,
    Verdict,
    checks_on,
    read_checks,
)
from bench.flow.outputs.run import Outputs, output_protocol
from bench.plan.case import Case, Delegate
from bench.plan.suite import Target
from bench.tool.input_flags import Input
from models.audio import packages
from models.audio.speech import Front, Inputs, inputs_for
from models.convert import fidelity
from models.embeddings.clip_windows import opened_front
from models.tflite import reader
from models.tflite.apart import Model
from models.tflite.raw_tensors import from_bytes, sides, to_bytes
from models.zoo import Zoo

_INPUTS = 8
_ON_THE_CPU = (Delegate.NONE, Delegate.XNNPACK)
# Each output tensor's values for all inputs, float64 [inputs, size].
Values = list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """The inputs of a file, and the host's outputs for them.

    Args:
        tensors, outputs: its input and output tensors.
        embeddings: how many outputs carry the result; those after them are a stream's new state.
        raw_inputs: for each inference, the raw bytes of each input tensor.
        reference: outputs of the float32 source, else of the file itself, without delegates.
        own: outputs of the file itself, as when it is scored.
    """

    format: Format
    tensors: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    embeddings: int
    inputs: Inputs
    raw_inputs: tuple[tuple[bytes, ...], ...]
    reference: Values
    reference_sha256: str
    own: Values


def check_outputs(
    here: SessionOnDevice,
    targets: Sequence[Target],
    *,
    on_message: Callable[[str], None],
    on_progress: OnProgress = ignore,
) -> None:
    """Checks each target with each delegate that it is timed with, once per session; stores that.

    Raises:
        RebootedError: the phone came back on another boot.
        DeviceError: the phone does not come back, or is lost again and again.
    """
    pending = _pending(here, targets)
    if not pending:
        return
    expected = {target.sha256: _prepare(target) for target, _ in pending}
    with tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
        places = here.device.put(_write_inputs(expected.values(), Path(folder)))
        outputs = Outputs(here)
        unchecked: set[str] = set()
        for done, (target, case) in enumerate(pending, start=1):
            run = _Run(here=here, outputs=outputs, places=places, folder=Path(folder))
            check = _check(case, expected[target.sha256], run)
            here.store.log(here.session, EVENT, **config.unstructure(check))
            if check.verdict is Verdict.FAILED:
                on_message(f"{target.name}: wrong output with {check.evidence}")
            elif check.reason and check.reason not in unchecked:
                unchecked.add(check.reason)
                on_message(f"{target.name}: outputs not compared with the host's: {check.reason}")
            on_progress(done, len(pending))
        outputs.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The device that is checked, with the inputs on it.

    Args:
        places: of the inputs there, by SHA-256.
        folder: for files that are cut out of a model.
    """

    here: SessionOnDevice
    outputs: Outputs
    places: Mapping[str, PurePath]
    folder: Path


def _check(case: Case, expected: _Expected | BenchError, run: _Run) -> Check:
    """Runs a case on all inputs and returns the check of its outputs."""
    session = run.here.session
    blank = Check(
        case=case.key,
        artifact_sha256=case.artifact_sha256,
        device=session.device.key,
        os_build=session.device.os_build,
        tool_sha256=case.tool_sha256,
        delegate=case.delegate,
        library_sha256=case.library_sha256,
        library_options=case.library_options,
        given_inputs=case.given_inputs,
        signature=case.signature,
        verdict=Verdict.UNCHECKED,
    )
    try:
        if isinstance(expected, BenchError):
            raise expected
        blank = replace(
            blank,
            inputs=expected.inputs.what,
            reference_sha256=expected.reference_sha256,
        )
        values = _run_device(case, expected, run)
        reason, nearness = _judge(case, expected, values)
        first = _first_difference(case, expected, values, run) if reason else None
    except (ConfigurationError, ConversionError, ToolOutputError) as error:
        return replace(blank, reason=f"no-outputs: {error.message}")
    verdict = Verdict.FAILED if reason else Verdict.PASSED
    return replace(blank, verdict=verdict, reason=reason, fidelity=nearness, first_difference=first)


def _run_device(case: Case, expected: _Expected, run: _Run) -> Values:
    """Returns the device's outputs for all inputs."""
    sizes = [each.shape[1] for each in expected.own]
    values = []
    for at in range(len(expected.raw_inputs)):
        inputs = _on_device(expected, at, run)
        values.append(from_bytes(run.outputs.of(case, inputs), expected.outputs, sizes))
    return [np.stack(each).astype(np.float64) for each in zip(*values, strict=True)]


def _on_device(expected: _Expected, at: int, run: _Run) -> tuple[Input, ...]:
    """Returns one of the inputs, as it is on the device."""
    return tuple(
        Input(name=tensor.name, shape=sides(tensor), path=run.places[sha256_bytes(content)])
        for tensor, content in zip(expected.tensors, expected.raw_inputs[at], strict=True)
    )


def _first_difference(
    case: Case, expected: _Expected, values: Values, run: _Run
) -> FirstDifference | None:
    """Returns where the device's outputs first differ; ``None`` where it gives what the host does.

    The input is the one whose outputs differ most.
    """
    with np.errstate(invalid="ignore"):
        errors = [
            np.nan_to_num(np.square(theirs - ours).sum(axis=1), nan=math.inf)
            for theirs, ours in zip(values, expected.own, strict=True)
            if not np.array_equal(theirs, ours, equal_nan=True)
        ]
    if not errors:
        return None
    at = int(np.argmax(np.sum(errors, axis=0)))
    given = Given(values=expected.inputs.values[at], inputs=_on_device(expected, at, run))
    accelerated = case.delegate not in _ON_THE_CPU
    return find_first_difference(
        run.here,
        run.outputs,
        case,
        given,
        bounds=fidelity.format_of_bounds(expected.format, accelerated=accelerated),
        folder=run.folder,
    )


def _pending(here: SessionOnDevice, targets: Sequence[Target]) -> list[tuple[Target, Case]]:
    """Returns the targets to check, each with one case of every different computation."""
    checks = read_checks(here.store, session=here.session.id)
    checked = checks_on(here.session.device, checks)
    files = {target.sha256: target for target in targets}
    alike = {case.computation: case for case in reversed(here.sweep.cases)}
    return [
        (
            files[case.artifact_sha256],
            replace(case, protocol=output_protocol(_INPUTS, max_secs=case.protocol.max_secs)),
        )
        for computation, case in sorted(alike.items(), key=lambda each: str(each[0]))
        if computation not in checked and case.artifact_sha256 in files
    ]


def _prepare(target: Target) -> _Expected | BenchError:
    try:
        return _run_host(target)
    except BenchError as error:
        return error


def _run_host(target: Target) -> _Expected:
    """Returns the inputs of a target, and the host's outputs for them."""
    if target.signature is not None and target.signature.graph:
        raise ConfigurationError(
            f"{target.path}: only outputs of the first signature are compared",
            hint="leave out --signature to compare them",
        )
    file = reader.read(target.path)
    if target.given_inputs:
        shapes = (each.shape for each in target.given_inputs)
        shaped = tuple(map(_with_shape, file.inputs, shapes))
        file = replace(file, inputs=shaped)
    role = target.artifact.role if target.artifact else file.role
    source, source_sha256 = _source(target)
    inputs = inputs_for(
        file.inputs,
        role,
        count=_INPUTS,
        audio_root=packages.default_root(),
        front=_frontend(target),
    )
    return _Expected(
        format=file.format,
        tensors=file.inputs,
        outputs=file.outputs,
        embeddings=1 if role is Role.EMBEDDING_STREAM else len(file.outputs),
        inputs=inputs,
        raw_inputs=tuple(
            tuple(to_bytes(value, tensor) for value, tensor in zip(each, file.inputs, strict=True))
            for each in inputs.values
        ),
        reference=_run(Model(source, delegate="none"), inputs),
        reference_sha256=source_sha256,
        own=_run(Model(target.path), inputs),
    )


def _with_shape(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    return replace(tensor, shape=shape)


def _source(target: Target) -> tuple[Path, str]:
    """Returns path and SHA-256 of a target's float32 source, if its zoo has it, else its own."""
    artifact = target.artifact
    if artifact is not None:
        zoo = Zoo(target.path.parent)
        source = zoo.get(artifact.name, Format.FLOAT32)
        if source is not None and source.recipe_sha256 == artifact.recipe_sha256:
            return zoo.path(source), source.sha256
    return target.path, target.sha256


def _frontend(target: Target) -> tuple[int, Front] | None:
    artifact = target.artifact
    if artifact is None or artifact.frontend == NO_FRONTEND:
        return None
    path = Zoo(target.path.parent).frontend_path(artifact)
    if path is None:
        return None
    model = opened_front(path, artifact)
    shape = model.input_shapes()[0]
    return math.prod(shape), lambda window: model(window.reshape(shape))[0]


def _run(model: Model, inputs: Inputs) -> Values:
    outputs = [model(*each) for each in inputs.values]
    return [
        np.stack([one.ravel() for one in each]).astype(np.float64)
        for each in zip(*outputs, strict=True)
    ]


def _write_inputs(expected: Iterable[_Expected | BenchError], folder: Path) -> dict[str, Path]:
    """Returns where the inputs are on this machine, by SHA-256."""
    paths: dict[str, Path] = {}
    for file in expected:
        raw_inputs = () if isinstance(file, BenchError) else file.raw_inputs
        for content in itertools.chain.from_iterable(raw_inputs):
            sha256 = sha256_bytes(content)
            paths[sha256] = folder / f"{sha256}.raw"
            paths[sha256].write_bytes(content)
    return paths


def _judge(case: Case, expected: _Expected, outputs: Values) -> tuple[str, Fidelity | None]:
    """Returns why outputs are wrong, or an empty text, and their fidelity to the reference.

    A loss by the conversion is not a fault of the device: outputs as near to the reference as the
    host's outputs of the same file are right.

    Raises:
        ConversionError: the host's outputs are degenerate themselves.
    """
    accelerated = case.delegate not in _ON_THE_CPU
    format = fidelity.format_of_bounds(expected.format, accelerated=accelerated)
    compare = partial(fidelity.compare, patches_sha256=expected.inputs.sha256)
    results = []
    triples = list(zip(outputs, expected.reference, expected.own, strict=True))
    for values, reference, own in triples[: expected.embeddings]:
        if reason := fidelity.degenerate(values):
            return reason, None
        if reason := fidelity.degenerate(reference):
            raise ConversionError(
                f"the host's own outputs are degenerate: {reason}", hint="check the conversion"
            )
        nearness = compare(reference, values)
        shortfall = fidelity.shortfall(format, nearness) or fidelity.below_snr(format, nearness)
        if shortfall and not fidelity.no_worse(nearness, compare(reference, own)):
            return f"wrong-output: {shortfall}", nearness
        results.append(nearness)
    for values, reference, _ in triples[expected.embeddings :]:  # silence is a right state
        if shortfall := fidelity.wrong_state(format, reference, values):
            return f"wrong-state: {shortfall}", results[0]
    return "", results[0]
