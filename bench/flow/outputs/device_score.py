"""Scores a phone's own outputs on a sample of clips, compared with the host's on the same clips."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from bench.core.artifact import Artifact, Tensor
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import BenchError, DeviceError, ToolOutputError
from bench.core.paths import cache_dir
from bench.core.score import Score
from bench.flow.device.device import Contact
from bench.flow.device.interrupts import until_stopped
from bench.flow.device.requests import RunRequest
from bench.flow.measure.session import SessionOnDevice, open_session
from bench.flow.outputs.run import OUTPUT, Outputs, output_protocol
from bench.flow.phone.phone import PhoneDevice
from bench.plan.case import Case, Delegate
from bench.plan.suite import ALL_CORES, Suite, Target
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.input_flags import Input
from models import stream
from models.accuracy.score import score_beside_host
from models.audio.taskset import TaskSet
from models.embeddings.clip_windows import clip_windows
from models.embeddings.embed import BATCH, embed_clips, pooled, shaped
from models.tflite import reader
from models.tflite.apart import Model
from models.tflite.arrays import Floats
from models.tflite.raw_tensors import from_bytes, to_bytes
from models.zoo import Zoo

_MAX_SECS = 60.0
_SUFFIX = ".windows"
_BATCH_TOLERANCE = 0.01  # largest error of a batch, as a share of the range of the windows' outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """The request to score models on a phone.

    Args:
        artifacts: audio embeddings in the zoo.
        task_set: the sample of clips.
        delegate: ``None`` for XNNPACK, or none where the tool lacks it.
    """

    artifacts: tuple[Artifact, ...]
    zoo: Zoo
    task_set: TaskSet
    delegate: Delegate | None = None

    def targets(self) -> tuple[Target, ...]:
        """Returns the files.

        Raises:
            ConfigurationError: a file does not match its manifest.
        """
        return tuple(
            Target(path=self.zoo.checked_path(each), sha256=each.sha256, artifact=each)
            for each in self.artifacts
        )

    def run_request(self) -> RunRequest:
        """Returns the request to run processes for their outputs."""
        suite = Suite(
            name="score",
            models=("*",),
            delegates=(self.delegate or Delegate.XNNPACK,),
            affinity=ALL_CORES,
            protocol=output_protocol(1, max_secs=_MAX_SECS),
        )
        return RunRequest(
            suite=suite, targets=self.targets(), delegates_are_default=self.delegate is None
        )


def score_on_device(
    device: PhoneDevice,
    request: ScoreRequest,
    url: str,
    *,
    on_message: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> tuple[list[Score], dict[str, BenchError]]:
    """Returns the score of each artifact, stored at once, and the error of each that failed.

    Inputs and outputs are removed from the phone at the end; the models and the tool stay.

    Args:
        device: of ``request.run_request()``.
        url: of the store.
        on_progress: takes the name of what is scored, windows done and the total.

    Raises:
        ConfigurationError: the tool is for other phones, or does not support this.
        DeviceError: the phone fails, or does not come back.
        KeyboardInterrupt: after what ran on the phone has ended.
    """

    def score(stopped: Callable[[], bool]) -> tuple[list[Score], dict[str, BenchError]]:
        contact = Contact(on_message=on_message, on_progress=on_progress, stopped=stopped)
        with device.opened(contact), Store.open(url) as store:
            try:
                return _scores(device, request, store, contact)
            finally:
                device.clear_at_the_end(f"*{_SUFFIX}*", f"{OUTPUT}.*")

    return until_stopped([score])[0]


def _scores(
    device: PhoneDevice, request: ScoreRequest, store: Store, contact: Contact
) -> tuple[list[Score], dict[str, BenchError]]:
    scores: list[Score] = []
    failed: dict[str, BenchError] = {}
    sweep = device.stage()
    session = open_session(sweep, store)
    cases = {case.artifact_sha256: case for case in sweep.cases}
    outputs = Outputs(SessionOnDevice(device=device, sweep=sweep, session=session, store=store))
    with tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
        for target, artifact in zip(request.targets(), request.artifacts, strict=True):
            try:
                windows = _WindowRunner(device, outputs, cases[target.sha256], target, Path(folder))
                score = _score(windows, target, artifact, request, session, contact)
            except DeviceError:
                raise
            except BenchError as error:
                failed[target.name] = error
                continue
            store.add_artifact(artifact)
            store.add_score(score)
            scores.append(score)
    return scores, failed


class _WindowRunner:
    """Runs one file on windows of audio on a phone."""

    def __init__(
        self, device: PhoneDevice, outputs: Outputs, case: Case, target: Target, folder: Path
    ) -> None:
        file = reader.read(target.path)
        self.case = case
        self._device = device
        self._outputs = outputs
        self._source = target.name
        self._folder = folder
        self._inputs, self._tensors = file.inputs, file.outputs
        self._hop = stream.hop_of(tuple(each.shape for each in file.inputs))
        self._model = Model(target.path)
        self._sizes: list[int] = []

    def embeddings(self, windows: Floats, *, per_process: int) -> Floats:
        """Returns the phone's embeddings of windows, float32 [windows, dimensions].

        Args:
            per_process: how many windows a process takes: one, or all.

        Raises:
            ConfigurationError: the tool takes no inputs, or they do not fit.
            ToolOutputError: a process failed, or its output is of another size.
        """
        samples = self._samples(windows)
        firsts = [
            shaped(values[:per_process], tensor.shape, source=self._source)
            for values, tensor in zip(samples, self._inputs, strict=True)
        ]
        if not self._sizes:
            self._sizes = [one.size // per_process for one in self._model(*firsts)]
        whole = [
            self._put(number, values, tensor)
            for number, (values, tensor) in enumerate(zip(samples, self._inputs, strict=True))
        ]
        vectors = []
        for at in range(len(windows) // per_process):
            inputs = []
            for tensor, first, (there, size_bytes) in zip(self._inputs, firsts, whole, strict=True):
                if per_process < len(windows):
                    part_bytes = size_bytes * per_process // len(windows)
                    there = self._device.cut(there, at=at, size_bytes=part_bytes)
                inputs.append(Input(name=tensor.name, shape=first.shape, path=there))
            raw = self._outputs.of(self.case, inputs)
            vectors.append(
                from_bytes(raw, self._tensors, [n * per_process for n in self._sizes])[0]
            )
        self._device.clear(f"*{_SUFFIX}")
        return np.concatenate(vectors).reshape(len(windows), -1)

    def _samples(self, windows: Floats) -> tuple[Floats, ...]:
        """Returns the values of each input tensor, float32 [windows, ...]."""
        return (windows,) if self._hop is None else stream.filled(windows, self._hop)

    def _put(self, number: int, values: Floats, tensor: Tensor) -> tuple[PurePath, int]:
        """Puts an input tensor's values on the phone; returns where they are, and their bytes."""
        path = self._folder / f"inputs{number}{_SUFFIX}"
        content = to_bytes(values, tensor)
        path.write_bytes(content)
        return self._device.put_one(path), len(content)

    def batch(self, windows: Floats, on_message: Callable[[str], None]) -> tuple[int, float]:
        """Returns how many windows a process takes, and how long a process takes, in seconds.

        The tool resizes the input's first axis, which most files with a fixed batch size allow.
        Where a batch fails, or its outputs differ from those of single windows, each window gets
        its own process.

        Raises:
            ToolOutputError: single windows fail, or their outputs are not finite or all zero.
        """
        picked = sorted({0, len(windows) // 2, len(windows) - 1})
        started_s = time.perf_counter()
        singles = self.embeddings(windows[picked], per_process=1)
        single_s = (time.perf_counter() - started_s) / len(picked)
        if not np.isfinite(singles).all() or not singles.any():
            raise ToolOutputError(
                f"{self._source}: the phone's output with {self.case.delegate} is "
                f"{'all zero' if np.isfinite(singles).all() else 'not finite'}",
                hint="use another delegate or build of the tool: frill-bench run --check shows "
                "which are right",
            )
        several = len(self._inputs) > 1 or len(self._inputs[0].shape) < 2
        if several or len(windows) == len(picked):
            return 1, single_s
        started_s = time.perf_counter()
        try:
            batched = self.embeddings(windows, per_process=len(windows))
            error_max = np.abs(batched[picked] - singles).max()
        except ToolOutputError as error:
            on_message(f"a process for each window, because a batch does not run: {error.message}")
            return 1, single_s
        if not error_max <= _BATCH_TOLERANCE * np.ptp(singles, axis=0).max():
            on_message(
                f"a process for each window, because a batch changes outputs by {error_max:.2g}"
            )
            return 1, single_s
        return len(windows), time.perf_counter() - started_s


def _score(
    windows: _WindowRunner,
    target: Target,
    artifact: Artifact,
    request: ScoreRequest,
    session: Session,
    contact: Contact,
) -> Score:
    """Returns a file's score on the phone, with the differences to the host's."""
    clips, cache = request.task_set.paths(), cache_dir()
    front = request.zoo.frontend_path(artifact)
    hosts = embed_clips(target.path, artifact, clips, cache=cache, frontend_path=front)
    _, hop = artifact.audio()
    heard = list(clip_windows(artifact, clips, hops=(hop,), cache=cache, frontend_path=front))
    inputs = np.stack([window for clip in heard for window in clip.inputs])
    vectors = _vectors(windows, inputs, len(clips), target.name, contact)
    embeddings = np.stack(
        [
            pooled(
                np.stack(list(itertools.islice(vectors, len(clip.inputs)))),
                clip=clips[clip.sha256],
                source=target.name,
            )
            for clip in heard
        ]
    )
    case = windows.case
    score = score_beside_host(
        artifact,
        request.task_set,
        embeddings,
        hosts,
        cache=cache,
        device=session.device.key,
        runtime=f"{case.runner} {case.tool_sha256[:12]} on {session.device.name}",
        delegate=case.delegate.value,
    )
    virtual = (Caveat(kind=CaveatKind.VIRTUAL),) if session.device.virtual else ()
    return replace(score, caveats=(*score.caveats, *virtual))


def _vectors(
    runner: _WindowRunner, windows: Floats, clips: int, name: str, contact: Contact
) -> Iterator[Floats]:
    """Yields the phone's embedding of each window, float32 [dimensions]."""

    def on_message(line: str) -> None:
        contact.on_message(f"{name}: {line}")

    on_message(f"{clips} clips are {len(windows)} windows")
    size, each_s = runner.batch(windows[:BATCH], on_message)
    processes = -(-len(windows) // size)
    on_message(f"{processes} processes, about {processes * each_s:.0f} s")
    for start in range(0, len(windows), BATCH):
        batch = windows[start : start + BATCH]
        # The last batch is filled up, because only this size was compared with single windows.
        missing = -len(batch) % size
        full = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        yield from runner.embeddings(full, per_process=size)[: len(batch)]
        contact.on_progress(name, start + len(batch), len(windows))
