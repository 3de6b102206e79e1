"""Distillation: targets are computed once, then each student in its own process; can be resumed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from bench.core import config
from bench.core.errors import BenchError, ConfigurationError, ConversionError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.paths import cache_dir
from bench.core.system.workers import Where
from models import teachers
from models.distill import card as cards
from models.distill.card import Card, CurvePoint
from models.distill.corpus import clips_of
from models.distill.job import OUTCOME, WEIGHTS, TrainingJob, TrainingOutcome
from models.distill.parts import TargetWorkers
from models.distill.recipe import Recipe
from models.distill.targets import Targets, prepare_targets
from models.student import weights as weights_file
from models.student.buildable import architecture
from models.student.spec import StudentSpec
from models.teachers import Teacher

OnProgress = Callable[[str, int, int, str], None]  # name, done, total, status

_WORK = ".training"
_BYTES_PER_STUDENT = 3 << 30
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillResult:
    """The students of a recipe.

    Args:
        cards: of the students that are ready, including those that were up to date.
        new: names of those trained now.
        failed: the error of each that failed.
    """

    cards: tuple[Card, ...]
    new: tuple[str, ...]
    failed: dict[str, BenchError]


def distill(
    recipe: Recipe,
    out: Path,
    *,
    model_dir: Path | None = None,
    workers: int | None = None,
    where: Where | None = None,
    on_progress: OnProgress = lambda name, done, total, status: None,
) -> DistillResult:
    """Returns the students of a recipe, trained now or up to date in ``out``.

    If interrupted, the same call resumes after the last whole epoch of each student.

    Args:
        out: the folder for weights (.npz) and cards (.json, .md).
        model_dir: a folder that holds the teacher, which is then not downloaded.
        workers: students at a time; by cores and memory by default.
        where: the cluster that computes the targets; by default this process.
        on_progress: called with the name of what runs now, done, total and its status.

    Raises:
        ConfigurationError: the recipe names a teacher or audio that does not exist.
        InfrastructureError: the teacher or the audio cannot be fetched.
    """
    starts = _starts(recipe, out)
    clips, licences = clips_of(recipe.targets.audio)
    load = _LoadTeacher(recipe.targets.teacher, model_dir, recipe.targets.output, cache_dir())
    teacher = load()
    with nullcontext() if where is None else where() as pool:
        targets = prepare_targets(
            recipe.targets,
            teacher,
            clips,
            cache=cache_dir(),
            on_progress=lambda done, total: on_progress(
                f"{teacher.name} on clips", done, total, ""
            ),
            workers=None if pool is None else TargetWorkers(pool=pool, teacher=load.absolute()),
        )
    trainer = _Trainer(recipe, out, targets, licences, starts, on_progress)
    ready: dict[StudentSpec, Card] = {}
    failed: dict[StudentSpec, BenchError] = {}
    with _pool(workers or _default_workers(), trainer) as pool:
        for group in trainer.order():  # float students first: the others start from their weights
            running: dict[Future[Card], StudentSpec] = {}
            for student in group:
                if student.qat and student.without_qat in failed:
                    failed[student] = failed[student.without_qat]
                else:
                    running[pool.submit(trainer.train, student)] = student
            for future in as_completed(running):
                try:
                    ready[running[future]] = future.result()
                except BenchError as error:
                    failed[running[future]] = error
    return DistillResult(
        cards=tuple(ready[student] for student in recipe.specs if student in ready),
        new=tuple(student.name for student in recipe.specs if student in trainer.new),
        failed={student.name: failed[student] for student in recipe.specs if student in failed},
    )


@dataclass(frozen=True, slots=True)
class _LoadTeacher:
    """Returns a teacher, in this process or in another one."""

    handle: str
    model_dir: Path | None
    output: str | None
    cache: Path

    def __call__(self) -> Teacher:
        return teachers.load(
            self.handle, model_dir=self.model_dir, output=self.output, cache=self.cache
        )

    def absolute(self) -> _LoadTeacher:
        """Returns the same with absolute paths, for a process in another folder."""
        names = [
            str(path.absolute()) if (path := Path(name).expanduser()).exists() else name
            for name in self.handle.split("+")
        ]
        folder = None if self.model_dir is None else self.model_dir.absolute()
        return _LoadTeacher("+".join(names), folder, self.output, self.cache.absolute())


def _starts(recipe: Recipe, out: Path) -> dict[StudentSpec, Path]:
    """Returns the files of weights that the recipe's float students start from.

    Raises:
        ConfigurationError: there are none, or they would be overwritten.
    """
    if recipe.start is None:
        return {}
    if recipe.start != weights_file.STARTER and Path(recipe.start).resolve() == out.resolve():
        raise ConfigurationError(
            f"--start and --out are one folder, {out}: the weights would be overwritten",
            hint="give another --out",
        )
    starts = {}
    for student in dict.fromkeys(each.without_qat for each in recipe.specs):
        path = weights_file.find(student, recipe.start)
        if path is None:
            raise ConfigurationError(
                f"{student.name}: no weights to start from: it is not a starter student",
                hint="starter students: "
                + ", ".join(weights_file.students_in(weights_file.starter_folder())),
            )
        starts[student] = path
    return starts


class _Trainer:
    """Trains the students of one recipe, each in a process of its own."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        targets: Targets,
        licences: tuple[str, ...],
        starts: dict[StudentSpec, Path],
        on_progress: OnProgress,
    ) -> None:
        self._recipe, self._out, self._targets = recipe, out, targets
        self._licences, self._on_progress = licences, on_progress
        self._starts = {student: path.resolve() for student, path in starts.items()}
        self._start_sha256s = {student: sha256_file(path) for student, path in starts.items()}
        self.new: set[StudentSpec] = set()
        self._running: set[subprocess.Popen[str]] = set()

    def end(self) -> None:
        """Ends all training processes; each resumes after its last whole epoch."""
        for process in list(self._running):
            process.kill()

    def order(self) -> list[list[StudentSpec]]:
        """Returns the students: float ones and those that others start from, then the rest."""
        aware = [student for student in self._recipe.specs if student.qat]
        plain = [student for student in self._recipe.specs if not student.qat]
        bases = [student.without_qat for student in aware]
        return [list(dict.fromkeys([*plain, *bases])), aware]

    def train(self, student: StudentSpec) -> Card:
        """Returns a student's card, after training it where it is not up to date.

        Raises:
            BenchError: its training failed.
        """
        work = self._work(student)
        stored = cards.load(self._out, student.name)
        weights = self._out / f"{student.name}.npz"
        is_trained = (work / WEIGHTS).is_file()
        is_current = stored is not None and stored.recipe_sha256 == self._identity(student)
        if stored is not None and is_current and weights.is_file() and is_trained:
            return stored
        if not is_trained:
            self._run(
                TrainingJob(
                    student=student,
                    schedule=self._recipe.schedule_of(student),
                    targets=self._targets.folder.resolve(),
                    folder=work.resolve(),
                    start=self._work(student.without_qat).resolve() if student.qat else None,
                    rounded=self._recipe.rounded,
                    weights=self._starts.get(student),
                )
            )
        self._out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work / WEIGHTS, weights)
        card = self._card(
            student, weights, config.load(work / OUTCOME, TrainingOutcome, finite=False)
        )
        cards.save(card, self._out)
        self.new.add(student)
        return card

    def _identity(self, student: StudentSpec) -> str:
        index = self._targets.index
        parts = [self._recipe.sha256_of(student), index.audio_sha256, index.teacher_sha256]
        start = self._start_sha256s.get(student.without_qat)
        return sha256_value([*parts, start] if start else parts)

    def _work(self, student: StudentSpec) -> Path:
        return self._out / _WORK / f"{student.name}-{self._identity(student)[:12]}"

    def _run(self, job: TrainingJob) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        config.save(job.folder / "job.json", job)
        log = job.folder / "log.txt"
        command = [sys.executable, "-P", "-m", "models.distill.train", str(job.folder / "job.json")]
        with log.open("w") as errors, self._process(command, errors) as process:
            for line in process.stdout or ():
                step = json.loads(line)
                self._on_progress(job.student.name, step["done"], step["total"], step["status"])
            status = process.wait()
        if status:
            last = [line for line in log.read_text().splitlines() if line.strip()][-_LAST_LINES:]
            reason = last[-1] if last else "-"
            raise ConversionError(
                f"{job.student.name}: its training ended with {status}: {reason}",
                hint=f"see {log}; the same command resumes after the last whole epoch",
                last_lines=last,
            )

    @contextmanager
    def _process(self, command: list[str], errors: TextIO) -> Iterator[subprocess.Popen[str]]:
        # One thread each: two students side by side on two cores train twice as fast as one after
        # the other on both, and the order of sums is always the same.
        threads = {f"TF_NUM_{kind}_THREADS": "1" for kind in ("INTRAOP", "INTEROP")}
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | threads,
            text=True,
        )
        self._running.add(process)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            self._running.discard(process)

    def _card(self, student: StudentSpec, weights: Path, outcome: TrainingOutcome) -> Card:
        index = self._targets.index
        return Card(
            student=student.name,
            weights_sha256=sha256_file(weights),
            recipe_sha256=self._identity(student),
            parameters=architecture(student).parameters,
            teacher=index.teacher,
            teacher_sha256=index.teacher_sha256,
            teacher_licence=index.teacher_licence,
            targets=self._recipe.targets,
            schedule=self._recipe.schedule_of(student),
            audio_clips=index.clips,
            audio_unreadable=index.unreadable,
            audio_hours=round(index.duration_s / 3600, 2),
            audio_windows=index.training,
            audio_sha256=index.audio_sha256,
            audio_licences=self._licences,
            curve=tuple(
                CurvePoint(
                    epoch=each.epoch,
                    loss=each.loss,
                    validation_loss=each.validation_loss,
                    validation_cosine=each.validation_cosine,
                )
                for each in outcome.curve
            ),
            best=outcome.best,
            steps=outcome.curve[-1].steps,
            validation_loss=outcome.validation_loss,
            validation_cosine=outcome.validation_cosine,
            start_sha256=self._start_sha256s.get(student.without_qat),
            tools={"tensorflow": outcome.tensorflow, "keras": outcome.keras}
            | {"numpy": version("numpy")},
        )


@contextmanager
def _pool(workers: int, trainer: _Trainer) -> Iterator[ThreadPoolExecutor]:
    """Yields threads; when this program is interrupted, the training processes are ended."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        trainer.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _default_workers() -> int:
    """Returns how many students to train at a time: a core and 3 GiB each."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count() or 1, memory // _BYTES_PER_STUDENT))
