"""FRILL's own table again: what ``paper`` does before and after it measures on devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.artifact import Artifact, Format, WeightsOrigin
from bench.core.paths import folder_beside
from bench.core.progress import OnStepProgress
from bench.core.score import Score
from bench.flow.build.prepare import convert, fetch_audio, score
from bench.flow.build.score import scorable
from bench.flow.build.teachers import card_scores, teachers_of
from bench.flow.device.files import with_inputs
from bench.flow.device.requests import RunRequest, back_to_back
from bench.flow.report.write import against_teachers, report
from bench.plan.device import Kind
from bench.plan.inputs import InputFlags
from bench.plan.suite import Target, bare_target
from bench.store.store import Store
from models.audio.tasks import DEFAULT, DEMO, QUICK, task_set
from models.audio.taskset import TaskSet
from models.frontend import PATCH_HOP_FRAMES
from models.student import weights
from models.student.buildable import TRILL, LogMelFrontend, TrillShaped
from models.student.spec import FRILL, InGraphFrontend
from models.zoo import Zoo
from reports.rows.against_teacher import AgainstTeacher

_FRONTEND = LogMelFrontend(InGraphFrontend.DFT, PATCH_HOP_FRAMES).name  # of FRILL's hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The files to measure.

    Args:
        tasks: what they are scored on; ``None`` without audio.
        notes: what was left out, and why; also printed on the page.
        failed: a message for each model that failed.
    """

    zoo: Zoo
    artifacts: tuple[Artifact, ...]
    tasks: TaskSet | None
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The files."""
        return tuple(bare_target(self.zoo.path(each)) for each in self.artifacts)

    def request(self, kind: Kind, processes: int) -> RunRequest:
        """Returns how a kind of device measures them: as ``run`` does without a suite."""
        files = with_inputs(self.targets, InputFlags(), on_message=self.notes.append)
        return back_to_back("paper", kind, files.targets, processes)


def students() -> list[str]:
    """Returns FRILL and the starter students, which are compared by default."""
    return list(dict.fromkeys([FRILL.name, *weights.students_in(weights.starter_folder())]))


def prepare(
    out: Path,
    *,
    names: Sequence[str],
    formats: Sequence[Format],
    trill: Path | None,
    tasks: str,
    on_progress: OnStepProgress,
) -> Prepared:
    """Returns students, teacher and front-end in the zoo of ``out``, made now or up to date.

    Args:
        names: of students.
        formats: of the students; full int8 needs audio. The teacher is float32.
        trill: TRILL's own file, instead of a network of its shape.
        tasks: name of the task set, or its folder or CSV.

    Raises:
        ConfigurationError: there are no such tasks, or another file is TRILL in that zoo.
        ModelFileError: ``trill`` is not a usable model.
    """
    notes: list[str] = []
    failed: list[str] = []
    zoo = Zoo(out / "zoo")
    zoo.root.mkdir(parents=True, exist_ok=True)
    has_audio = fetch_audio(None, notes, on_progress)
    is_packaged = tasks in (DEFAULT, QUICK, DEMO)
    scored_on = task_set(tasks) if has_audio or not is_packaged else None
    if trill is not None:
        zoo.add(trill, name=TRILL)
    teachers = [each for each in zoo.artifacts() if each.name == TRILL]
    formats = [each for each in formats if has_audio or each is not Format.INT8]
    others = [_FRONTEND] if teachers else [_FRONTEND, TrillShaped().name]
    made = convert(others, [Format.FLOAT32], zoo, None, failed, on_progress)
    made += convert(names, formats, zoo, None, failed, on_progress)
    return Prepared(
        zoo=zoo,
        artifacts=(*teachers, *made),
        tasks=scored_on,
        notes=notes,
        failed=failed,
    )


def finish(
    prepared: Prepared, db: str, *, out: Path, command: str, on_progress: OnStepProgress
) -> tuple[Path, list[AgainstTeacher]]:
    """Returns the page and its lines of the table, after scoring what was measured.

    Args:
        db: the database with the latencies.
    """
    with Store.open(db) as store:
        prepared.failed.extend(_score(prepared, store, on_progress))
        scored = {score.task_set for score in store.scores()}
        name = prepared.tasks.name if prepared.tasks is not None else DEFAULT
        on_progress("page", 0, 1)
        page, rows = report(
            store,
            out=out,
            title="FRILL's own table again",
            command=command,
            task_set=name if name in scored else None,
            notes=prepared.notes,
            beside=folder_beside(db),
        )
        lines = against_teachers(store, rows)
        on_progress("page", 1, 1)
    return page, lines


def _score(prepared: Prepared, store: Store, on_progress: OnStepProgress) -> list[str]:
    """Stores the scores of what is trained; returns a message for each that failed."""
    chosen = [
        each for each in scorable(prepared.artifacts) if each.weights is not WeightsOrigin.UNTRAINED
    ]
    if prepared.tasks is None:
        known = [score for each in chosen for score in card_scores(each, None)]
        _take_from_cards(prepared, store, known)
        return []
    return _score_on(prepared.tasks, chosen, prepared, store, on_progress)


def _score_on(
    tasks: TaskSet,
    chosen: Sequence[Artifact],
    prepared: Prepared,
    store: Store,
    on_progress: OnStepProgress,
) -> list[str]:
    has_trill = any(each.name == TRILL for each in prepared.artifacts)
    known = {} if has_trill else {each.sha256: card_scores(each, tasks) for each in chosen}
    paired = {
        sha256: scores
        for sha256, scores in known.items()
        if any(score.less_teacher is not None for score in scores)
    }
    left = [each for each in chosen if each.sha256 not in paired]
    teachers, notes = teachers_of(left, prepared.zoo, tasks, on_progress=on_progress)
    prepared.notes.extend(notes)
    for each in left:  # their teacher cannot be used: then there is nothing to compute again
        if each.sha256 not in teachers and known.get(each.sha256):
            paired[each.sha256] = known[each.sha256]
    _take_from_cards(prepared, store, [score for of in paired.values() for score in of])
    left = [each for each in left if each.sha256 not in paired]
    if not left:
        return []
    return score(
        left,
        zoo=prepared.zoo,
        tasks=tasks,
        store=store,
        on_progress=on_progress,
        teachers=teachers,
    )


def _take_from_cards(prepared: Prepared, store: Store, scores: Sequence[Score]) -> None:
    for each in scores:
        store.add_score(each)
    if scores:
        prepared.notes.append(
            f"The accuracy of {len(scores)} files is that of their model cards: the same files "
            f"(SHA-256) on the same clips, scored with {scores[0].runtime}."
        )
