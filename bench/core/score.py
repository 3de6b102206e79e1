"""The accuracy of one artifact on a task set, with confidence intervals, chance and floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean

from bench.core.caveats import Caveat


class Windows(StrEnum):
    """Which windows of a clip are embedded; scores of two rules are not comparable."""

    WHOLE_HOPS = "whole hops"  # those at whole hops; the end of a clip may be in none of them
    TO_END = "to the end"  # and one more at the clip's end, where audio would be left out


class Head(StrEnum):
    """How strongly the linear heads are regularised; scores of two rules are not comparable."""

    BY_FOLDS = "chosen by folds"  # the best of three, in folds inside the training clips
    FIXED = "C 0.1"  # inverse regularisation of all heads


PRESENT_RULE = f"windows {Windows.TO_END.value}, head {Head.FIXED.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """One task's score.

    Args:
        task: its name.
        metric: ``balanced_accuracy``, ``accuracy``, ``recall`` (a single class is tested) or
            ``top1``.
        value, low, high: the score and its 95 % interval, in [0, 1].
        chance: the score of guessing, in [0, 1].
        floor: the log-mel floor on the same clips; ``None`` if it was not computed.
        test_clips: number of test clips (queries).
        correct: of each part (a fold, or all folds pooled) label (of ``accuracy`` all of them) to
            ``1`` or ``0`` for each of its test clips, in order, to compare two scores in pairs.
            Empty in older records.
    """

    task: str
    metric: str
    value: float
    low: float
    high: float
    chance: float
    floor: float | None
    test_clips: int
    correct: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One embedding's score minus another's on the same clips.

    Args:
        task: its name, or ``mean``.
        value, low, high: the difference and its 95 % interval over pairs, in [-1, 1].
    """

    task: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HopDifference:
    """One hop's score minus that of another hop of the same artifact, on the same clips.

    Args:
        hop_samples: that other hop, the reference.
        differences: of each task, the mean last.
        same_windows: task to the share of its test clips that have the same windows at both hops,
            in [0, 1]: those clips cannot show a difference.
    """

    hop_samples: int
    differences: tuple[Difference, ...]
    same_windows: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherDifference:
    """One artifact's score against its teacher's on the same clips.

    Args:
        teacher, teacher_sha256: the teacher's name and identity.
        mean, mean_low, mean_high: the teacher's plain mean over the tasks with its 95 % interval.
        differences: the artifact's values minus the teacher's, of each task, the mean last.
        ratio, ratio_low, ratio_high: the artifact's mean over the teacher's, and its 95 % interval
            over pairs.
    """

    teacher: str
    teacher_sha256: str
    mean: float
    mean_low: float
    mean_high: float
    differences: tuple[Difference, ...]
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One artifact's accuracy on a task set, at one hop.

    Args:
        artifact_sha256: of the file that was scored, or ``log-mel`` for the floor.
        task_set: its name, ``quick`` or ``default`` or a folder's name.
        task_set_sha256: identity of clips, labels and splits.
        mean, mean_low, mean_high: plain mean over the tasks with its 95 % interval.
        runtime: the interpreter and version that made the embeddings.
        delegate, threads: those that computed the embeddings.
        device: key of the phone whose outputs were scored, on a sample of the clips; ``None`` for
            this machine.
        less_host: the score on that phone minus the host's on the same clips, the mean last.
        windows: which windows of a clip it is over; the former rule in older records.
        head: how its heads are regularised; the former rule in older records.
        less_floor: the score minus the log-mel floor on the same clips, the mean last.
        less_hop: the score minus that at the reference hop, if several hops were scored together.
        less_teacher: the score against that of a teacher, if that was scored beside it.
    """

    artifact_sha256: str
    task_set: str
    task_set_sha256: str
    tasks: tuple[TaskScore, ...]
    mean: float
    mean_low: float
    mean_high: float
    runtime: str
    delegate: str
    threads: int
    hop_samples: int
    caveats: tuple[Caveat, ...] = field(default=())
    device: str | None = None
    less_host: tuple[Difference, ...] = ()
    windows: Windows = Windows.WHOLE_HOPS
    head: Head = Head.BY_FOLDS
    less_floor: tuple[Difference, ...] = ()
    less_hop: HopDifference | None = None
    less_teacher: TeacherDifference | None = None
    schema_version: int = 1

    @property
    def rule(self) -> str:
        """Everything about how it was made that differs between versions of this program."""
        return f"windows {self.windows.value}, head {self.head.value}"

    @property
    def floor_mean(self) -> float | None:
        """The log-mel floor's mean over the tasks; ``None`` if it was not computed."""
        floors = [task.floor for task in self.tasks if task.floor is not None]
        return fmean(floors) if floors and len(floors) == len(self.tasks) else None
