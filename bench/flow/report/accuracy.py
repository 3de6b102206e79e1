"""A score as columns of a row of results, and of a line of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from bench.core.artifact import SAMPLE_RATE_HZ, Artifact
from bench.core.score import Score, ScoringProtocol, TaskScore
from bench.store.store import Store
from reports.rows.paired import answers
from reports.rows.schema import MEAN, ApartScore, File, Row, Task


def file_of(artifact: Artifact) -> File:
    """Returns the file of rows about an artifact."""
    return File(
        artifact_sha256=artifact.sha256,
        student=artifact.name,
        format=artifact.format,
        family=_family_of(artifact.name),
    )


def _family_of(name: str) -> str:
    """Returns the family of a model, which has one colour: its size, else its name."""
    size, _, rest = name.partition("_")
    return size if rest.startswith("w") else name


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
        **_of_choice(task),
    )


def _of_choice(task: TaskScore) -> dict[str, Any]:
    """Returns the columns on the head that the test part chose; none where it chose none."""
    chosen = task.chosen
    return {"chosen_head": chosen.name, "heads_tried": chosen.among} if chosen else {}


def apart_scores(store: Store, scores: Sequence[Score]) -> list[ApartScore]:
    """Returns the scores that are kept apart from the rows of results, the mean of each last.

    They are those by another protocol than the default one, and those in a condition: the newest
    of each.

    Args:
        scores: all of the store's, the oldest first.
    """
    newest = {
        (each.artifact_sha256, each.task_set_sha256, each.hop_samples, each.rule): each
        for each in scores
        if (each.protocol is not ScoringProtocol.DEFAULT or each.condition) and each.device is None
    }
    if not newest:
        return []
    artifacts = {each.sha256: each for each in store.artifacts()}
    return [
        row
        for score in newest.values()
        if (artifact := artifacts.get(score.artifact_sha256)) is not None
        for row in _apart(artifact, score)
    ]


def _apart(artifact: Artifact, score: Score) -> Iterator[ApartScore]:
    mean = ApartScore(
        file=file_of(artifact),
        task_set=score.task_set,
        task_set_sha256=score.task_set_sha256,
        task=MEAN,
        hop_s=score.hop_samples / SAMPLE_RATE_HZ,
        protocol=score.protocol.value,
        condition=score.condition or None,
        value=score.mean,
        low=score.mean_low,
        high=score.mean_high,
        caveats=score.caveats,
    )
    changes: dict[str, dict[str, Any]] = {
        each.task: {"change": each.value, "change_low": each.low, "change_high": each.high}
        for each in score.less_clean
    }
    for each in score.tasks:
        yield replace(
            mean,
            task=each.task,
            metric=each.metric,
            value=each.value,
            low=each.low,
            high=each.high,
            **_of_choice(each),
            **changes.get(each.task, {}),
        )
    yield replace(mean, **changes.get(MEAN, {}))
