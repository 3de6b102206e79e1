"""Whether a phone computes what the host does: real inputs pushed, the tool's outputs compared."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from bench.adb.phone import Phone
from bench.core import config
from bench.core.artifact import Fidelity, Format, Tensor
from bench.core.errors import (
    BenchError,
    ConfigurationError,
    ConversionError,
    ToolOutputError,
)
from bench.core.hashing import sha256_bytes
from bench.flow.checks import EVENT, Check, Verdict, checks, subject_of
from bench.flow.measure import invoke, log
from bench.flow.phone import PhoneBench, patiently
from bench.flow.score import frontend_path
from bench.flow.staging import place_of, stage
from bench.flow.sweep import Sweep
from bench.measure.case import Case, Delegate, Mode, Protocol
from bench.measure.outcome import Failed
from bench.measure.plan import Planned
from bench.measure.suite import Target
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.flags import InputFile
from models import fidelity, tflite_file
from models.audio import packages
from models.audio.speech import Front, Inputs, inputs_for
from models.litert import Model
from models.raw_tensors import from_bytes, sides, to_bytes
from models.zoo import NO_FRONTEND, Zoo

INPUTS = 8
_OUTPUT = "outputs."
_ON_THE_CPU = (Delegate.NONE, Delegate.XNNPACK)
# Each output tensor's values for all inputs, float64 [inputs, size].
Outputs = list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What a file is given and what the host makes of it.

    Args:
        tensors: its inputs.
        given: for each inference, the raw bytes of each of them.
        reference: outputs of the float32 source, else of the file itself, without delegates.
        own: outputs of the file itself, as it is scored.
    """

    format: Format
    tensors: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    inputs: Inputs
    given: tuple[tuple[bytes, ...], ...]
    reference: Outputs
    reference_sha256: str
    own: Outputs


def check_outputs(
    phone: Phone,
    sweep: Sweep,
    session: Session,
    store: Store,
    *,
    targets: Sequence[Target],
    wait_s: float,
    said: Callable[[str], None] = lambda what: None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Checks each target with each delegate that it is timed with, once a session, and stores that.

    Raises:
        RebootedError: the phone came back on another boot.
        DeviceError: the phone does not come back, or is lost again and again.
    """
    waiting = _waiting(sweep, session, store, targets)
    if not waiting:
        return
    expected = {target.sha256: _tried(target) for target, _ in waiting}
    with tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
        files = _written(expected.values(), Path(folder))
        paths = {**sweep.paths, **files}
        patiently(phone, lambda losses: stage(phone, paths), wait_s=wait_s, said=said)
        there = {sha256: place_of(phone, path, sha256) for sha256, path in files.items()}
        sweep = replace(sweep, paths=paths, there={**sweep.there, **there}, result_file=None)
        bench = _Bench(phone, sweep, session, store, wait_s=wait_s, said=said)
        unchecked: set[str] = set()
        for done, (target, case) in enumerate(waiting, start=1):
            check = bench.check(case, expected[target.sha256])
            log(store, session, EVENT, **config.unstructure(check))
            if check.verdict is Verdict.FAILED:
                said(f"{target.name}: wrong output with {check.evidence}")
            elif check.reason and check.reason not in unchecked:
                unchecked.add(check.reason)
                said(f"{target.name}: outputs not compared with the host's: {check.reason}")
            told(done, len(waiting))


class _Bench:
    """Makes outputs on a phone, on which the sweep's files and the inputs lie."""

    def __init__(
        self,
        phone: Phone,
        sweep: Sweep,
        session: Session,
        store: Store,
        *,
        wait_s: float,
        said: Callable[[str], None],
    ) -> None:
        self._phone = phone
        self._sweep = sweep
        self._session = session
        self._store = store
        self._bench = PhoneBench(phone, sweep, wait_s, said=said, looks=False)
        self._stored = Counter(each.case.key for each in store.invocations(session.id))

    def check(self, case: Case, expected: _Expected | BenchError) -> Check:
        """Returns what is to be thought of a case's outputs."""
        blank = Check(
            case=case.key,
            artifact_sha256=case.artifact_sha256,
            device=self._session.device.key,
            os_build=self._session.device.os_build,
            tool_sha256=case.tool_sha256,
            delegate=case.delegate,
            library_sha256=case.library_sha256,
            library_options=case.library_options,
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
            outputs = self._outputs(case, expected)
            reason, found = _judged(case, expected, outputs)
        except (ConfigurationError, ConversionError, ToolOutputError) as error:
            return replace(blank, reason=f"no-outputs: {error.message}")
        verdict = Verdict.FAILED if reason else Verdict.PASSED
        return replace(blank, verdict=verdict, reason=reason, fidelity=found)

    def _outputs(self, case: Case, expected: _Expected) -> Outputs:
        """Returns what the phone makes of all inputs.

        Raises:
            ConfigurationError: the tool takes no inputs or gives no outputs.
            ToolOutputError: a process failed, or its outputs are not there or of another size.
        """
        folder = PurePosixPath(self._phone.folder)
        sizes = [each.shape[1] for each in expected.own]
        found = []
        forget = partial(self._phone.shell, f"rm -f {folder}/{_OUTPUT}*")
        self._bench.patiently(forget)
        for number, given in enumerate(expected.given):
            output = folder / f"{_OUTPUT}{number}"
            self._run(case, self._given(expected, given), output)
            done = self._bench.patiently(partial(self._phone.shell, f"cat {output}"))
            if done.exit_status:
                raise ToolOutputError(
                    "the tool ended well and wrote no output file", hint="use another build"
                )
            found.append(from_bytes(done.stdout, expected.outputs, sizes))
        self._bench.patiently(forget)
        return [np.stack(each).astype(np.float64) for each in zip(*found, strict=True)]

    def _given(self, expected: _Expected, given: Sequence[bytes]) -> tuple[InputFile, ...]:
        return tuple(
            InputFile(
                name=tensor.name,
                shape=sides(tensor),
                path=self._sweep.there[sha256_bytes(content)],
            )
            for tensor, content in zip(expected.tensors, given, strict=True)
        )

    def _run(self, case: Case, inputs: tuple[InputFile, ...], output: PurePosixPath) -> None:
        flags = replace(self._sweep.flags(case), inputs=inputs, output_file=output)
        run = partial(self._bench.run, command=self._sweep.tool.command(flags))
        planned = Planned(case=case, ordinal=self._stored[case.key])
        outcome = invoke(self._sweep, run, planned, self._session, self._store).outcome
        self._stored[case.key] += 1
        if isinstance(outcome, Failed):
            raise ToolOutputError(outcome.failure, hint="its latency cannot be measured either")


def _waiting(
    sweep: Sweep, session: Session, store: Store, targets: Sequence[Target]
) -> list[tuple[Target, Case]]:
    """Returns what is to be checked: one case of those that compute the same."""
    known = checks(store, session.device, session=session.id)
    files = {target.sha256: target for target in targets}
    alike = {subject_of(case): case for case in reversed(sweep.cases)}
    return [
        (files[case.artifact_sha256], _case(case))
        for subject, case in sorted(alike.items(), key=lambda each: str(each[0]))
        if subject not in known and case.artifact_sha256 in files
    ]


def _case(case: Case) -> Case:
    protocol = Protocol(
        mode=Mode.CORRECTNESS,
        processes=INPUTS,
        num_runs=1,
        warmup_runs=0,
        warmup_min_secs=0.0,
        max_secs=case.protocol.max_secs,
    )
    return replace(case, protocol=protocol)


def _tried(target: Target) -> _Expected | BenchError:
    try:
        return _expected(target)
    except BenchError as error:
        return error


def _expected(target: Target) -> _Expected:
    """Returns what a target is given and what the host makes of it.

    Raises:
        ConfigurationError: LiteRT is not installed, or the model takes what no audio is made for.
        ModelFileError: LiteRT cannot run it.
    """
    file = tflite_file.read(target.path)
    source, source_sha256 = _source(target)
    inputs = inputs_for(
        file.inputs,
        target.artifact.role if target.artifact else file.role,
        count=INPUTS,
        audio_root=packages.default_root(),
        front=_front(target),
    )
    return _Expected(
        format=file.format,
        tensors=file.inputs,
        outputs=file.outputs,
        inputs=inputs,
        given=tuple(
            tuple(to_bytes(value, tensor) for value, tensor in zip(each, file.inputs, strict=True))
            for each in inputs.values
        ),
        reference=_on_the_host(Model(source, delegate="none"), inputs),
        reference_sha256=source_sha256,
        own=_on_the_host(Model(target.path), inputs),
    )


def _source(target: Target) -> tuple[Path, str]:
    """Returns the float32 file that a target was made from, if its zoo has it, else itself."""
    artifact = target.artifact
    if artifact is not None:
        zoo = Zoo(target.path.parent)
        found = zoo.get(artifact.name, Format.FLOAT32)
        if found is not None and found.recipe_sha256 == artifact.recipe_sha256:
            return zoo.path(found), found.sha256
    return target.path, target.sha256


def _front(target: Target) -> tuple[int, Front] | None:
    artifact = target.artifact
    if artifact is None or artifact.frontend == NO_FRONTEND:
        return None
    path = frontend_path(artifact, Zoo(target.path.parent))
    if path is None:
        return None
    model = Model(path)
    shape = model.input_shapes()[0]
    return math.prod(shape), lambda window: model(window.reshape(shape))[0]


def _on_the_host(model: Model, inputs: Inputs) -> Outputs:
    found = [model(*each) for each in inputs.values]
    return [
        np.stack([one.ravel() for one in each]).astype(np.float64)
        for each in zip(*found, strict=True)
    ]


def _written(expected: Iterable[_Expected | BenchError], folder: Path) -> dict[str, Path]:
    """Returns where the inputs are on this machine, by SHA-256."""
    found: dict[str, Path] = {}
    for each in expected:
        given = () if isinstance(each, BenchError) else each.given
        for content in itertools.chain.from_iterable(given):
            sha256 = sha256_bytes(content)
            found[sha256] = folder / f"{sha256}.raw"
            found[sha256].write_bytes(content)
    return found


def _judged(case: Case, expected: _Expected, outputs: Outputs) -> tuple[str, Fidelity | None]:
    """Returns why outputs are wrong, or an empty text, and how near to the reference they are.

    What the conversion loses is no fault of the device: outputs that are as near as those of the
    same file on the host are right, too.

    Raises:
        ConversionError: what the host gives carries nothing itself.
    """
    format = fidelity.held_to(expected.format, accelerated=case.delegate not in _ON_THE_CPU)
    compare = partial(fidelity.compare, patches_sha256=expected.inputs.sha256)
    near = []
    for values, reference, own in zip(outputs, expected.reference, expected.own, strict=True):
        if reason := fidelity.degenerate(values):
            return reason, None
        if reason := fidelity.degenerate(reference):
            raise ConversionError(
                f"the host's own outputs carry nothing: {reason}", hint="check the conversion"
            )
        found = compare(reference, values)
        far = fidelity.shortfall(format, found) or fidelity.below_snr(format, found)
        if far and not fidelity.no_worse(found, compare(reference, own)):
            return f"wrong-output: {far}", found
        near.append(found)
    return "", near[0]
