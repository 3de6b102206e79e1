"""A score as columns of a row of results, and of a line of tasks."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact
from bench.core.score import Score, TaskScore
from reports.rows.paired import answers
from reports.rows.schema import Row, Task


def with_accuracy(row: Row, score: Score | None) -> Row:
    """Returns a row with a score's columns; as it was without one."""
    if score is None:
        return row
    less = score.less_hop
    mean = less.differences[-1] if less else None
    over_floor = score.less_floor[-1] if score.less_floor else None
    low, high = score.over_voices or (None, None)
    return replace(
        row,
        answers=answers(
            [task.correct for task in score.tasks], [task.without_voice for task in score.tasks]
        ),
        score_less_floor=over_floor.value if over_floor else None,
        score_less_floor_low=over_floor.low if over_floor else None,
        score_less_floor_high=over_floor.high if over_floor else None,
        score_rule=score.rule,
        hop_s_reference=less.hop_samples / SAMPLE_RATE_HZ if less else None,
        score_change=mean.value if mean else None,
        score_change_low=mean.low if mean else None,
        score_change_high=mean.high if mean else None,
        score_mean=score.mean,
        score_low=score.mean_low,
        score_high=score.mean_high,
        score_over_voices_low=low,
        score_over_voices_high=high,
        score_task_set=score.task_set,
        score_floor_mean=score.floor_mean,
        chance_mean=fmean(task.chance for task in score.tasks),
    )


def task_row(artifact: Artifact, score: Score, task: TaskScore) -> Task:
    """Returns an artifact's score on one task as a line of tasks.csv."""
    less = score.less_hop
    change = (
        next((each for each in less.differences if each.task == task.task), None) if less else None
    )
    by_voice = task.by_voice
    low, high = task.over_voices or (None, None)
    return Task(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format,
        task=task.task,
        metric=task.metric,
        value=task.value,
        low=task.low,
        high=task.high,
        chance=task.chance,
        floor=task.floor,
        test_clips=task.test_clips,
        hop_s=score.hop_samples / SAMPLE_RATE_HZ,
        rule=score.rule,
        hop_s_reference=less.hop_samples / SAMPLE_RATE_HZ if less else None,
        change=change.value if change else None,
        change_low=change.low if change else None,
        change_high=change.high if change else None,
        same_windows=less.same_windows[task.task] if less else None,
        voices=len(by_voice) or None,
        recall_by_voice=";".join(f"{each}:{by_voice[each]:.3f}" for each in by_voice) or None,
        over_voices_low=low,
        over_voices_high=high,
        neighbours=task.neighbours,
    )
