"""Makes a named model's TFLite files: build, float32, the other formats, and a check of each."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import active_children, get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import Artifact, Format, Role
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import BenchError, ConfigurationError, ConversionError, InfrastructureError
from bench.core.hashing import sha256_file, sha256_value
from models import frontend
from models.convert import fidelity
from models.distill import card
from models.student import mobilenetv3, resnet
from models.student import weights as weights_file
from models.student.resnet import TRILL_SHAPED
from models.student.spec import Frontend, is_student, parse_name
from models.student.weights import Weights
from models.tflite import litert, reader
from models.zoo import IN_GRAPH, LOG_MEL, NO_FRONTEND, Zoo

FRONTENDS = tuple(f"frontend-{kind.value}" for kind in Frontend if kind is not Frontend.NONE)
UNTRAINED, DISTILLED = "untrained", "distilled"
# Two at a time: one needs up to 2.4 GB, and the converter is single-threaded.
WORKERS = 2
_INTERRUPTED = 130
_PATIENCE_S = 5.0  # for a converter to leave its native code and clean up


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Real audio for a conversion, as files so that a process of its own can read them.

    Args:
        calibration: .npy, float32 [samples, ...] as the model takes them, without batch axis.
        calibration_sha256: its identity.
        heldout, heldout_sha256: the same, from other clips, for the check.
    """

    calibration: Path
    calibration_sha256: str
    heldout: Path
    heldout_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One model's conversion.

    Args:
        name: a student's canonical name, ``trill-shaped``, ``frontend-conv`` or ``frontend-stft``.
        formats: what to make besides float32, which is always made first.
        inputs: real audio; without it batch normalisation is not settled, nothing is checked, and
            full int8 is refused.
        seed: of random weights.
        weights: of a trained student (models/student/weights.py); random ones by default.
    """

    name: str
    formats: tuple[Format, ...]
    zoo: Path
    inputs: Inputs | None
    seed: int = 1
    weights: Path | None = None


def canonical(name: str) -> str:
    """Returns the canonical name of a model that can be built.

    Raises:
        ConfigurationError: nothing of that name can be built.
    """
    if name == TRILL_SHAPED or name in FRONTENDS:
        return name
    return parse_name(name).name


def takes_audio(name: str) -> bool:
    """Returns whether a model that can be built takes audio rather than a log-mel patch."""
    if name == TRILL_SHAPED:
        return False
    return name in FRONTENDS or parse_name(name).frontend is not Frontend.NONE


def count(name: str) -> tuple[int, int]:
    """Returns a buildable model's parameters, as Keras counts them, and MACs per inference."""
    if name == TRILL_SHAPED:
        return resnet.count()
    if name in FRONTENDS:
        return 0, mobilenetv3.count_frontend(name.removeprefix("frontend-"))
    return mobilenetv3.count(parse_name(name))


def describe(name: str) -> dict[str, object]:
    """Returns what a buildable model is by its architecture alone, ready for JSON."""
    parameters, macs = count(name)
    patch = [1, frontend.PATCH_FRAMES, frontend.MEL_BINS, 1]
    if name == TRILL_SHAPED:
        outputs = [[1, 12_288], [1, resnet.EMBEDDING_SIZE]]
    elif name in FRONTENDS:
        outputs = [patch]
    else:
        outputs = [[1, parse_name(name).embedding_size]]
    return {
        "parameters": parameters,
        "macs": macs,
        "input_shapes": [[1, frontend.WINDOW_SAMPLES] if takes_audio(name) else patch],
        "output_shapes": outputs,
        "frontend": _frontend(name),
    }


def convert_all(
    jobs: Sequence[Job], *, executor: Executor, done: Callable[[str], None] | None = None
) -> tuple[dict[str, list[Artifact]], dict[str, BenchError]]:
    """Returns the artifacts of each job, and the error of each that failed; one failure stops none.

    Args:
        executor: where the jobs run; ``processes()`` gives the right one.
        done: told the name of each finished job.
    """
    made: dict[str, list[Artifact]] = {}
    failed: dict[str, BenchError] = {}
    with _interrupts_wait():  # a new process has Ctrl-C wait until it can end quietly
        waiting = {executor.submit(_convert_until_told, job): job.name for job in jobs}
    for future in as_completed(waiting):
        name = waiting[future]
        try:
            made[name] = future.result()
        except BenchError as error:
            failed[name] = error
        except OSError as error:
            failed[name] = InfrastructureError(
                f"{name}: {error}",
                hint="check the zoo's path, its permissions and the disk's space",
            )
        except Exception as error:  # the process died: out of memory, killed
            failed[name] = ConversionError(
                f"{name}: the converting process died: {error}", hint="free memory and run again"
            )
        if done is not None:
            done(name)
    return made, failed


@contextmanager
def processes() -> Iterator[Executor]:
    """Yields an executor with a fresh process for each model: TensorFlow leaks between them.

    When this program is interrupted, the processes are ended and what waits is dropped.
    """
    before = set(active_children())
    executor = ProcessPoolExecutor(
        WORKERS,
        mp_context=get_context("spawn"),
        max_tasks_per_child=1,
        initializer=_leave_when_told,
    )
    try:
        yield executor
    except BaseException:
        own = set(active_children()) - before
        for process in own:
            process.terminate()
        for process in own:
            process.join(_PATIENCE_S)
            process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Has this thread, and what it starts, take Ctrl-C only afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _convert_until_told(job: Job) -> list[Artifact]:
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return convert(job)
    except SystemExit:
        os._exit(_INTERRUPTED)  # else the pool would take it for a result and start the next job


def _leave_when_told() -> None:
    # Unlike KeyboardInterrupt, SystemExit prints no traceback; both clean up on the way out.
    told = (signal.SIGINT, signal.SIGTERM)

    def leave(*_: object) -> None:
        for number in told:  # a second one would end the cleaning up
            signal.signal(number, lambda *_: None)
        sys.exit(_INTERRUPTED)

    for number in told:
        signal.signal(number, leave)


def convert(job: Job) -> list[Artifact]:
    """Returns the artifacts of one model, made or found up to date in the zoo.

    Raises:
        ConfigurationError: full int8 without real audio.
        ConversionError: a converter refused the model.
    """
    zoo = Zoo(job.zoo)
    formats = [Format.FLOAT32, *(each for each in job.formats if each is not Format.FLOAT32)]
    ready = [zoo.get(job.name, each) for each in formats]
    if all(each is not None and _recipe(job) == each.recipe_sha256 for each in ready):
        return [each for each in ready if each is not None]
    log = job.zoo / f"{job.name}.log"
    try:
        with _output_to(log):
            made = _make(job, formats)
    except SystemExit:  # interrupted: there is no failure to look into
        log.unlink(missing_ok=True)
        raise
    log.unlink(missing_ok=True)  # another process may have made the same model
    return made


def _make(job: Job, formats: list[Format]) -> list[Artifact]:
    calibration = None if job.inputs is None else np.load(job.inputs.calibration)
    heldout = None if job.inputs is None else np.load(job.inputs.heldout)
    trained = None if job.weights is None else weights_file.load(job.weights)
    if trained is None and is_student(job.name) and parse_name(job.name).qat:
        raise ConfigurationError(
            f"{job.name}: is trained in quantisation, so it cannot have random weights",
            hint="train it by frill-bench distill, or leave out _qat: int8 by calibration is there",
        )
    source = job.zoo / f"{job.name}.{Format.FLOAT32.value}.tflite"
    tools = _export(job, source, calibration, trained)
    reference = None
    if heldout is not None and job.name not in FRONTENDS:
        reference = fidelity.embeddings(source, heldout)
    return [
        _finish(
            job,
            each,
            source,
            tools,
            calibration=calibration,
            heldout=heldout,
            reference=reference,
            ranges=trained.ranges or None if trained else None,
        )
        for each in formats
    ]


def _finish(
    job: Job,
    format: Format,
    source: Path,
    tools: dict[str, str],
    *,
    calibration: NDArray[np.float32] | None,
    heldout: NDArray[np.float32] | None,
    reference: NDArray[np.float64] | None,
    ranges: Sequence[tuple[float, float]] | None,
) -> Artifact:
    path = job.zoo / f"{job.name}.{format.value}.tflite"
    if format is not Format.FLOAT32:
        from models.tflite import quantise

        learned = ranges if format is Format.INT8 else None
        quantise.quantise(source, path, format, calibration=calibration, ranges=learned)
        tools = tools | quantise.tools()
    artifact = _describe(job, format, path, tools, learned=ranges is not None)
    if format is not Format.FLOAT32:
        artifact = _checked(artifact, path, heldout, reference, job.inputs)
    Zoo(job.zoo).put(artifact)
    return artifact


def _describe(
    job: Job, format: Format, path: Path, tools: dict[str, str], *, learned: bool
) -> Artifact:
    found = reader.read(path)
    parameters, macs = count(job.name)
    calibrated = format is Format.INT8 and job.inputs is not None and not learned
    random = job.weights is None and job.name not in FRONTENDS
    untrained = (Caveat(kind=CaveatKind.UNTRAINED),) if random else ()
    return Artifact(
        name=job.name,
        format=format,
        role=Role.OTHER if job.name == TRILL_SHAPED else found.role,
        file=path.name,
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        inputs=found.inputs,
        outputs=found.outputs,
        parameters=parameters,
        macs=macs,
        frontend=_frontend(job.name),
        window_samples=frontend.WINDOW_SAMPLES,
        hop_samples=frontend.PATCH_HOP_SAMPLES,
        partitions=litert.try_partitions(path),
        float_ops=found.float_ops,
        tools=tools,
        weights=UNTRAINED if job.weights is None else DISTILLED,
        calibration_sha256=job.inputs.calibration_sha256 if calibrated and job.inputs else None,
        caveats=untrained,
        provenance=f"built from seed {job.seed}" if job.weights is None else _taught(job.weights),
        recipe_sha256=_recipe(job),
    )


def _checked(
    artifact: Artifact,
    path: Path,
    heldout: NDArray[np.float32] | None,
    reference: NDArray[np.float64] | None,
    inputs: Inputs | None,
) -> Artifact:
    """Returns the artifact with its fidelity, and marked if that is below its bound or unknown."""
    if heldout is None or reference is None or inputs is None:
        unchecked = Caveat(kind=CaveatKind.UNCHECKED, evidence="no real audio was given")
        return replace(artifact, caveats=(*artifact.caveats, unchecked))
    found = fidelity.compare(
        reference, fidelity.embeddings(path, heldout), patches_sha256=inputs.heldout_sha256
    )
    below = fidelity.shortfall(artifact.format, found)
    caveats = artifact.caveats
    if below:
        caveats = (*caveats, Caveat(kind=CaveatKind.BELOW_BOUND, evidence=below))
    return replace(artifact, fidelity=found, caveats=caveats)


def _frontend(name: str) -> str:
    if name in FRONTENDS:
        return NO_FRONTEND
    return IN_GRAPH if takes_audio(name) else LOG_MEL


def _taught(weights: Path) -> str:
    """Returns where trained weights come from, in words."""
    known = card.load(weights.parent, weights.stem)
    told = f"distilled from {known.teacher}, " if known is not None else ""
    return f"{told}weights SHA-256 {sha256_file(weights)}"


def _recipe(job: Job) -> str:
    """Returns the identity of everything that decides the bytes."""
    inputs = (
        None if job.inputs is None else (job.inputs.calibration_sha256, job.inputs.heldout_sha256)
    )
    decided = [job.name, job.seed, inputs, _tool_versions(), litert.runtime()]
    if job.weights is not None:
        decided.append(sha256_file(job.weights))
    return sha256_value(decided)


def _tool_versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in ("tensorflow", "tensorflow-cpu", "keras", "litert-quantizer"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _export(
    job: Job, path: Path, calibration: NDArray[np.float32] | None, trained: Weights | None
) -> dict[str, str]:
    try:
        from models.network.export import export_float32
    except ImportError as error:
        raise ConfigurationError(
            f"TensorFlow is not installed ({error}), and building needs it",
            hint="pip install -e '.[zoo]' -c constraints.txt, or bring a .tflite by zoo add",
        ) from error
    return export_float32(
        job.name,
        path,
        seed=job.seed,
        inputs=calibration,
        weights=None if trained is None else trained.arrays,
    )


@contextmanager
def _output_to(log: Path) -> Iterator[None]:
    """Sends both streams, also of native code, to a file: converters write where results belong."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with log.open("wb") as stream:
        for number, _ in kept:
            os.dup2(stream.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


def save_inputs(
    folder: Path,
    calibration: tuple[NDArray[np.float32], str],
    heldout: tuple[NDArray[np.float32], str],
) -> Inputs:
    """Returns the inputs of a conversion, written as .npy files named by their hashes."""
    paths = []
    for values, sha256 in (calibration, heldout):
        path = folder / f"{sha256}.npy"
        if not path.exists():
            with atomic.replacing(path) as partial, partial.open("wb") as stream:
                np.save(stream, values)
        paths.append(path)
    return Inputs(
        calibration=paths[0],
        calibration_sha256=calibration[1],
        heldout=paths[1],
        heldout_sha256=heldout[1],
    )
