"""A model of one's own through the whole line: what ``bench`` does before and after it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.artifact import LOG_MEL, Artifact, Format, Role
from bench.core.errors import BenchError
from bench.core.paths import folder_beside
from bench.core.progress import OnStepProgress
from bench.flow.build.own import OwnModel, convert_models
from bench.flow.build.prepare import convert, fetch_audio, score
from bench.flow.build.score import scorable
from bench.flow.device.files import with_inputs
from bench.flow.device.requests import RunRequest, back_to_back
from bench.flow.report.write import report
from bench.plan.device import Kind
from bench.plan.inputs import InputFlags
from bench.plan.suite import Target, bare_target
from bench.store.store import Store
from models.audio.folder import own_task_set
from models.audio.tasks import DEMO, task_set
from models.audio.taskset import TaskSet
from models.frontend import PATCH_HOP_FRAMES
from models.own.job import Made
from models.student.buildable import LogMelFrontend
from models.student.spec import InGraphFrontend
from models.zoo import Zoo
from reports.rows.schema import Row

_FRONTEND = LogMelFrontend(InGraphFrontend.DFT, PATCH_HOP_FRAMES).name  # of FRILL's hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The files of a model of one's own.

    Args:
        fronts: front-ends that are timed with it.
        tasks: what it is scored on; ``None`` without audio, or if it embeds no audio.
        notes: what was left out, and why; also printed on the page.
        failed: a message for each part that failed.
    """

    zoo: Zoo
    made: Made
    fronts: tuple[Artifact, ...]
    tasks: TaskSet | None
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The files."""
        return self._targets((*self.made.artifacts, *self.fronts))

    def request(self, kind: Kind, processes: int) -> RunRequest:
        """Returns how a kind of device times them.

        Raises:
            ConfigurationError: the size of an input stays open.
        """
        shapes = {str(at): shape for at, shape in enumerate(self.made.shapes)}
        on_message = self.notes.append
        own = with_inputs(
            self._targets(self.made.artifacts), InputFlags(shapes=shapes), on_message=on_message
        )
        fronts = with_inputs(self._targets(self.fronts), InputFlags(), on_message=on_message)
        return back_to_back("bench", kind, (*own.targets, *fronts.targets), processes)

    def _targets(self, artifacts: Sequence[Artifact]) -> tuple[Target, ...]:
        return tuple(bare_target(self.zoo.path(each)) for each in artifacts)


def prepare(
    model: OwnModel,
    *,
    zoo: Zoo,
    formats: Sequence[Format],
    audio: Path | None,
    tasks: str | None,
    on_progress: OnStepProgress,
) -> Prepared:
    """Returns a model's files in a zoo, made now or up to date.

    Args:
        audio: a folder of clips by label (or a CSV) of the user's, instead of the packaged audio.
        tasks: name of the task set, or its folder or CSV; by default ``audio``, or that of the
            demo.

    Raises:
        BenchError: nothing could be made of the model.
    """
    notes: list[str] = []
    zoo.root.mkdir(parents=True, exist_ok=True)
    has_audio = model.calibration is None and fetch_audio(audio, notes, on_progress)
    on_progress("convert", 0, 1)
    folder = audio if audio is None or audio.is_dir() else audio.parent
    done, errors = convert_models([model], formats=formats, zoo=zoo, audio=folder)
    for error in errors.values():
        raise error
    (made,) = done
    on_progress("convert", 1, 1)
    notes += made.notes
    notes += [f"{made.name}.{format}: not made: {why}" for format, why in made.refused.items()]
    embeds = bool(scorable(made.artifacts))
    has_audio = has_audio or (embeds and fetch_audio(audio, notes, on_progress))
    return Prepared(
        zoo=zoo,
        made=made,
        fronts=_fronts(made, zoo, notes, on_progress),
        tasks=_tasks(tasks, audio, notes) if embeds and has_audio else None,
        notes=notes,
    )


def finish(
    prepared: Prepared, db: str, *, out: Path, command: str, on_progress: OnStepProgress
) -> tuple[Path, list[Row]]:
    """Returns the page and the model's rows, after scoring what was measured.

    Args:
        db: the database with the latencies.
    """
    with Store.open(db) as store:
        for artifact in (*prepared.made.artifacts, *prepared.fronts):
            store.add_artifact(artifact)
        if prepared.tasks is not None:
            prepared.failed.extend(
                score(
                    scorable(prepared.made.artifacts),
                    zoo=prepared.zoo,
                    tasks=prepared.tasks,
                    store=store,
                    on_progress=on_progress,
                )
            )
        on_progress("page", 0, 1)
        scored = {each.task_set for each in store.scores()}
        name = prepared.tasks.name if prepared.tasks is not None else None
        page, rows = report(
            store,
            out=out,
            title=prepared.made.name,
            command=command,
            task_set=name if name in scored else None,
            notes=prepared.notes,
            beside=folder_beside(db),
        )
        on_progress("page", 1, 1)
    own = {each.sha256 for each in prepared.made.artifacts}
    return page, [row for row in rows if row.file.artifact_sha256 in own]


def _fronts(
    made: Made, zoo: Zoo, notes: list[str], on_progress: OnStepProgress
) -> tuple[Artifact, ...]:
    """Returns the front-ends that a model needs, without which no latency of audio is known."""
    names = {each.frontend for each in made.artifacts if each.role is Role.EMBEDDING_PATCH}
    if names == {LOG_MEL}:
        return tuple(convert([_FRONTEND], [Format.FLOAT32], zoo, None, notes, on_progress))
    known = {each.name: each for each in zoo.artifacts()}
    return tuple(known[name] for name in sorted(names) if name in known)


def _tasks(name: str | None, audio: Path | None, notes: list[str]) -> TaskSet | None:
    """Returns what a model is scored on; none, and a note, where own audio has no labels.

    Raises:
        ConfigurationError: there are no such tasks.
    """
    if name is not None or audio is None:
        return task_set(name or DEMO)
    try:
        return own_task_set(audio)
    except BenchError as error:
        notes.append(f"Not scored: {error.message}.")
        return None
