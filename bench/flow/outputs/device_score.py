"""Accuracy from a phone's own outputs on a sample of clips, beside the host's on the same."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.adb.phone import Phone, opened
from bench.adb.state.facts import read_facts
from bench.adb.transport.serials import Found
from bench.core.artifact import Artifact
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import BenchError, DeviceError, ToolOutputError
from bench.core.paths import cache_dir
from bench.core.score import Score
from bench.flow.build.score import frontend_path
from bench.flow.device.phone import ToolFor, Wanted, phone_sweep
from bench.flow.device.retry import WAIT_S, retry_when_reconnected
from bench.flow.measure.session import open_session
from bench.flow.outputs.run import OUTPUT, Outputs, PhonePlace, once
from bench.plan.case import Case, Delegate
from bench.plan.suite import ALL_CORES, Suite, Target
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.flags import InputFile
from models import tflite_file
from models.audio.taskset import TaskSet
from models.embed import BATCH, Floats, clip_windows, embed_clips, pooled, shaped
from models.litert import Model
from models.raw_tensors import from_bytes, to_bytes
from models.score import score_beside_host
from models.zoo import Zoo

_MAX_SECS = 60.0
_LOOK_S = 0.2
_SUFFIX = ".windows"
_ALIKE = 0.01  # how far a batch may be off, as a share of what the windows differ by

Told = Callable[[str, int, int], None]
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneScores:
    """What is to be scored on a phone.

    Args:
        artifacts: audio embeddings of the zoo.
        task_set: the sample.
        tool_for: which tool.
        delegate: ``None`` for XNNPACK, or none where the tool lacks it.
        told: how far it is: what is scored, windows done, windows in all.
        said: told what people want to know at once.
    """

    artifacts: tuple[Artifact, ...]
    zoo: Zoo
    task_set: TaskSet
    tool_for: ToolFor
    delegate: Delegate | None = None
    wait_s: float = WAIT_S
    told: Told = lambda name, done, total: None
    said: Said = lambda what: None


def score_phone(
    found: Found, wanted: PhoneScores, url: str
) -> tuple[list[Score], dict[str, BenchError]]:
    """Returns the score of each artifact, stored as it is made, and the error of each that failed.

    What was put on the phone for it is removed at the end, but for the models and the tool.

    Args:
        url: of the store.

    Raises:
        ConfigurationError: the tool is for other phones, or cannot do it.
        DeviceError: the phone fails, or does not come back.
        KeyboardInterrupt: after what ran on the phone has ended.
    """
    stop = threading.Event()

    def scored() -> tuple[list[Score], dict[str, BenchError]]:
        with opened(found, stopped=stop.is_set) as phone, Store.open(url) as store:
            return _scores(phone, wanted, store)

    with ThreadPoolExecutor(1) as executor:  # a signal must not cut off a command on the phone
        future = executor.submit(scored)
        try:
            while wait([future], timeout=_LOOK_S).not_done:
                pass
        except KeyboardInterrupt:
            stop.set()
            wait([future])
            raise
    return future.result()


def _scores(
    phone: Phone, wanted: PhoneScores, store: Store
) -> tuple[list[Score], dict[str, BenchError]]:
    made: list[Score] = []
    failed: dict[str, BenchError] = {}
    targets = tuple(
        Target(path=wanted.zoo.checked_path(each), sha256=each.sha256, artifact=each)
        for each in wanted.artifacts
    )
    sweep = retry_when_reconnected(
        phone,
        lambda losses: phone_sweep(phone, _measured(wanted, targets), read_facts(phone)),
        wait_s=wanted.wait_s,
        on_message=wanted.said,
    )
    session = open_session(sweep, store)
    place = PhonePlace(phone, sweep, {}, wait_s=wanted.wait_s, said=wanted.said)
    cases = {case.artifact_sha256: case for case in sweep.cases}
    outputs = Outputs(place, session, store)
    with _cleared(phone), tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
        for target, artifact in zip(targets, wanted.artifacts, strict=True):
            bench = _Bench(place, outputs, cases[target.sha256], target, Path(folder))
            try:
                score = _score(bench, target, artifact, wanted, session)
            except DeviceError:
                raise
            except BenchError as error:
                failed[target.name] = error
                continue
            store.add_artifact(artifact)
            store.add_score(score)
            made.append(score)
    return made, failed


def _measured(wanted: PhoneScores, targets: tuple[Target, ...]) -> Wanted:
    suite = Suite(
        name="score",
        models=("*",),
        delegates=(wanted.delegate or Delegate.XNNPACK,),
        affinity=ALL_CORES,
        protocol=once(1, max_secs=_MAX_SECS),
    )
    return Wanted(
        suite=suite,
        targets=targets,
        tool_for=wanted.tool_for,
        mask_of_big_cores=lambda facts, threads: None,
        delegates_are_default=wanted.delegate is None,
        wait_s=wanted.wait_s,
    )


@contextlib.contextmanager
def _cleared(phone: Phone) -> Iterator[None]:
    """Removes inputs and outputs from a phone at the end, however it ends."""
    try:
        yield
    finally:
        calm = Phone(phone.transport, folder=phone.folder)  # Ctrl-C has done its part
        folder = shlex.quote(phone.folder)
        with contextlib.suppress(DeviceError):  # a phone that is away is cleared by the next run
            calm.shell(f"rm -f {folder}/*{_SUFFIX}* {folder}/{OUTPUT}.*")


class _Bench:
    """Runs one file on a phone on windows of audio."""

    def __init__(
        self, place: PhonePlace, outputs: Outputs, case: Case, target: Target, folder: Path
    ) -> None:
        file = tflite_file.read(target.path)
        self.case = case
        self._place = place
        self._outputs = outputs
        self._source = target.name
        self._folder = folder
        self._input, self._tensors = file.inputs[0], file.outputs
        self._model = Model(target.path)
        self._sizes: list[int] = []

    def embeddings(self, windows: Floats, *, each: int) -> Floats:
        """Returns what the phone makes of windows, float32 [windows, dimensions].

        Args:
            each: how many a process is given: one, or all.

        Raises:
            ConfigurationError: the tool takes no inputs, or they do not fit.
            ToolOutputError: a process failed, or its output is of another size.
        """
        value = shaped(windows[:each], self._input.shape, source=self._source)
        if not self._sizes:
            self._sizes = [one.size // each for one in self._model(value)]
        path = self._folder / f"inputs{_SUFFIX}"
        content = to_bytes(windows, self._input)
        path.write_bytes(content)
        whole = self._place.put(path)
        size_bytes = len(content) * each // len(windows)
        found = []
        for at in range(len(windows) // each):
            there = whole
            if each < len(windows):
                there = self._place.cut(whole, at=at, size_bytes=size_bytes)
            given = InputFile(name=self._input.name, shape=value.shape, path=there)
            made = self._outputs.of(self.case, [given])
            found.append(from_bytes(made, self._tensors, [n * each for n in self._sizes])[0])
        self._place.remove(f"*{_SUFFIX}")
        return np.concatenate(found).reshape(len(windows), -1)

    def batch(self, windows: Floats, said: Said) -> tuple[int, float]:
        """Returns how many windows a process is given, and how long one takes, in seconds.

        The tool resizes the input's first axis. Files with a fixed batch mostly follow; where the
        outputs are not those of single windows, or there are none, each gets its own process.

        Raises:
            ToolOutputError: single windows fail, or give nothing.
        """
        picked = sorted({0, len(windows) // 2, len(windows) - 1})
        started_s = time.perf_counter()
        alone = self.embeddings(windows[picked], each=1)
        alone_s = (time.perf_counter() - started_s) / len(picked)
        if not np.isfinite(alone).all() or not alone.any():
            raise ToolOutputError(
                f"{self._source}: the phone's output with {self.case.delegate} is "
                f"{'all zero' if np.isfinite(alone).all() else 'not finite'}",
                hint="use another delegate or build of the tool: frill-bench run --check tells "
                "which are right",
            )
        if len(self._input.shape) < 2 or len(windows) == len(picked):
            return 1, alone_s
        started_s = time.perf_counter()
        try:
            apart = np.abs(self.embeddings(windows, each=len(windows))[picked] - alone).max()
        except ToolOutputError as error:
            said(f"a process for each window, because it takes no batch: {error.message}")
            return 1, alone_s
        if not apart <= _ALIKE * np.ptp(alone, axis=0).max():
            said(f"a process for each window, because a batch of them is off by {apart:.2g}")
            return 1, alone_s
        return len(windows), time.perf_counter() - started_s


def _score(
    bench: _Bench, target: Target, artifact: Artifact, wanted: PhoneScores, session: Session
) -> Score:
    """Returns a file's score on the phone, beside the host's.

    Raises:
        ConfigurationError: the tool takes no inputs, or a clip cannot be decoded.
        ConversionError: an embedding is not finite or all zero.
        ToolOutputError: a process fails, or its output carries nothing.
    """
    clips, cache = wanted.task_set.paths(), cache_dir()
    front = frontend_path(artifact, wanted.zoo)
    hosts = embed_clips(target.path, artifact, clips, cache=cache, frontend_path=front)
    owners, windows = [], []
    for sha256, many in clip_windows(artifact, clips, cache=cache, frontend_path=front):
        owners += [sha256] * len(many)
        windows += list(many)
    vectors = _vectors(bench, np.stack(windows), len(clips), target.name, wanted)
    found = pooled(zip(owners, vectors, strict=True), clips, source=target.name)
    score = score_beside_host(
        artifact,
        wanted.task_set,
        found,
        hosts,
        cache=cache,
        device=session.device.key,
        runtime=f"{bench.case.runner} {bench.case.tool_sha256[:12]} on {session.device.name}",
        delegate=bench.case.delegate.value,
    )
    virtual = (Caveat(kind=CaveatKind.VIRTUAL),) if session.device.virtual else ()
    return replace(score, caveats=(*score.caveats, *virtual))


def _vectors(
    bench: _Bench, windows: Floats, clips: int, name: str, wanted: PhoneScores
) -> Iterator[Floats]:
    """Yields what the phone makes of each window, float32 [dimensions]."""

    def said(what: str) -> None:
        wanted.said(f"{name}: {what}")

    said(f"{clips} clips are {len(windows)} windows")
    size, each_s = bench.batch(windows[:BATCH], said)
    processes = -(-len(windows) // size)
    said(f"{processes} processes, about {processes * each_s:.0f} s")
    for start in range(0, len(windows), BATCH):
        given = windows[start : start + BATCH]
        # The last batch is filled up: only this size was held against single windows.
        missing = -len(given) % size
        full = np.concatenate([given, np.repeat(given[-1:], missing, axis=0)])
        yield from bench.embeddings(full, each=size)[: len(given)]
        wanted.told(name, start + len(given), len(windows))
