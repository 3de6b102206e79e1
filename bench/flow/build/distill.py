"""Distillation: the lesson once, then a process for each student, each of which can go on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from bench.core import config
from bench.core.errors import BenchError, ConversionError
from bench.core.hashing import sha256_file, sha256_value
from bench.core.paths import cache_dir
from models import teachers
from models.distill import card as cards
from models.distill.card import Card, Point
from models.distill.corpus import clips_of
from models.distill.outcome import OUTCOME, WEIGHTS, Job, Outcome
from models.distill.recipe import Recipe
from models.distill.targets import Targets, prepared
from models.student import mobilenetv3
from models.student.spec import parse_name

Told = Callable[[str, int, int, str], None]  # what, done, in all, how it goes

_WORK = ".training"
_BYTES_EACH = 3 << 30
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What came of a recipe.

    Args:
        cards: of the students that are ready, also of those that were before.
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
    told: Told = lambda what, done, total, how: None,
) -> Taught:
    """Returns the students of a recipe, trained or found up to date in ``out``.

    Interrupted, the same call goes on after the last whole epoch of each.

    Args:
        out: where weights (.npz) and cards (.json, .md) go.
        model_dir: a folder that holds the teacher, which is then not downloaded.
        workers: students at a time; by cores and memory by default.

    Raises:
        ConfigurationError: the recipe names what there is not.
        InfrastructureError: the teacher or the audio cannot be had.
    """
    lesson = recipe.lesson
    clips, licences = clips_of(lesson.audio)
    teacher = teachers.load(
        lesson.teacher, model_dir=model_dir, output=lesson.output, cache=cache_dir()
    )
    targets = prepared(
        lesson,
        teacher,
        clips,
        cache=cache_dir(),
        progress=lambda done, total: told(f"{teacher.name} on clips", done, total, ""),
    )
    school = _School(recipe, out, targets, licences, told)
    order = school.order()
    with _pool(workers or _at_once(), school) as pool:
        running: dict[Future[Card], str] = {}
        made: dict[str, Card] = {}
        failed: dict[str, BenchError] = {}
        for rank in order:  # float students first: the others start from their weights
            for name in rank:
                base = school.base_of(name)
                if base in failed:
                    failed[name] = failed[base]
                else:
                    running[pool.submit(school.taught, name)] = name
            for future in as_completed(running):
                name = running[future]
                try:
                    made[name] = future.result()
                except BenchError as error:
                    failed[name] = error
            running.clear()
    asked = [name for name in recipe.students if name in made]
    return Taught(
        cards=tuple(made[name] for name in asked),
        new=tuple(name for name in asked if name in school.new),
        failed={name: failed[name] for name in recipe.students if name in failed},
    )


class _School:
    """Teaches the students of one recipe, each in a process of its own."""

    def __init__(
        self, recipe: Recipe, out: Path, targets: Targets, licences: tuple[str, ...], told: Told
    ) -> None:
        self._recipe, self._out, self._targets = recipe, out, targets
        self._licences, self._told = licences, told
        self.new: set[str] = set()
        self._running: set[subprocess.Popen[str]] = set()

    def end(self) -> None:
        """Ends all trainings; each goes on after its last whole epoch."""
        for process in list(self._running):
            process.kill()

    def order(self) -> list[list[str]]:
        """Returns whom to teach: first those of float weights, and bases that nobody asked for."""
        asked = self._recipe.students
        aware = [name for name in asked if parse_name(name).qat]
        bases = [self.base_of(name) or name for name in aware]
        plain = [name for name in asked if name not in aware]
        return [list(dict.fromkeys([*plain, *bases])), aware]

    def base_of(self, name: str) -> str | None:
        """Returns whose weights a student starts from."""
        spec = parse_name(name)
        return replace(spec, qat=False).name if spec.qat else None

    def taught(self, name: str) -> Card:
        """Returns a student's card, once its weights are there.

        Raises:
            BenchError: its training failed.
        """
        work = self._work(name)
        known = cards.load(self._out, name)
        weights = self._out / f"{name}.npz"
        there = known is not None and known.recipe_sha256 == self._identity(name)
        if known is not None and there and weights.is_file() and (work / WEIGHTS).is_file():
            return known
        base = self.base_of(name)
        job = Job(
            student=name,
            schedule=self._recipe.schedule_of(name),
            targets=self._targets.folder.resolve(),
            folder=work.resolve(),
            start=self._work(base).resolve() if base else None,
            rounded=self._recipe.rounded,
        )
        if not (work / WEIGHTS).is_file():
            self._train(job)
        self._out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work / WEIGHTS, weights)
        made = self._card(name, weights, config.load(work / OUTCOME, Outcome))
        cards.save(made, self._out)
        self.new.add(name)
        return made

    def _identity(self, name: str) -> str:
        index = self._targets.index
        return sha256_value(
            [self._recipe.sha256_of(name), index.audio_sha256, index.teacher_sha256]
        )

    def _work(self, name: str) -> Path:
        return self._out / _WORK / f"{name}-{self._identity(name)[:12]}"

    def _train(self, job: Job) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        config.save(job.folder / "job.json", job)
        log = job.folder / "log.txt"
        command = [sys.executable, "-P", "-m", "models.distill.train", str(job.folder / "job.json")]
        with log.open("w") as errors, self._process(command, errors) as process:
            for line in process.stdout or ():
                step = json.loads(line)
                self._told(job.student, step["done"], step["total"], step["what"])
            status = process.wait()
        if status:
            last = [line for line in log.read_text().splitlines() if line.strip()][-_LAST_LINES:]
            raise ConversionError(
                f"{job.student}: its training ended with {status}: {last[-1] if last else '-'}",
                hint=f"see {log}; the same command goes on after the last whole epoch",
                last_lines=last,
            )

    @contextmanager
    def _process(self, command: list[str], errors: TextIO) -> Iterator[subprocess.Popen[str]]:
        # One thread each: two students on two cores learn twice as fast as one after the other on
        # both, and sums always add up in one order.
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

    def _card(self, name: str, weights: Path, outcome: Outcome) -> Card:
        index = self._targets.index
        return Card(
            student=name,
            weights_sha256=sha256_file(weights),
            recipe_sha256=self._identity(name),
            parameters=mobilenetv3.count(parse_name(name))[0],
            teacher=index.teacher,
            teacher_sha256=index.teacher_sha256,
            teacher_licence=index.teacher_licence,
            lesson=self._recipe.lesson,
            schedule=self._recipe.schedule_of(name),
            audio_clips=index.clips,
            audio_unreadable=index.unreadable,
            audio_hours=round(index.duration_s / 3600, 2),
            audio_windows=index.training,
            audio_sha256=index.audio_sha256,
            audio_licences=self._licences,
            curve=tuple(
                Point(
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
            tools={"tensorflow": outcome.tensorflow, "keras": outcome.keras}
            | {"numpy": version("numpy")},
        )


@contextmanager
def _pool(workers: int, school: _School) -> Iterator[ThreadPoolExecutor]:
    """Yields threads; when this program is interrupted, the processes they wait for are ended."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        school.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _at_once() -> int:
    """Returns how many students to train at a time: a core and 3 GiB each."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count() or 1, memory // _BYTES_EACH))
