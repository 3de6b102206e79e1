"""Scores of artifacts, and their differences, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cli.terminal import print_rows
from bench.core.artifact import SAMPLE_RATE_HZ, Artifact
from bench.core.caveats import CaveatKind
from bench.core.score import Score, TaskScore, metric_in_words


def below_floor(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> list[str]:
    """Returns a line for each score that is below the log-mel floor."""
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    return [
        f"{names[score.artifact_sha256]}: below_floor: {score.mean:.3f}, and mean and deviation of "
        f"a log-mel spectrogram score {floor:.3f}: for this task the model is worth nothing"
        for score in scores
        if not score.condition and (floor := score.floor_mean) is not None and score.mean < floor
    ]


def best_on_test(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> list[str]:
    """Returns a line for each score whose heads the test part chose."""
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    return [
        f"{names[score.artifact_sha256]}: {each.kind.value}: {each.evidence}: {each.text}"
        for score in scores
        for each in score.caveats
        if each.kind is CaveatKind.BEST_ON_TEST
    ]


def grouped(scores: Sequence[Score]) -> list[list[Score]]:
    """Returns the scores of each task set, which have one table."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.task_set_sha256, []).append(score)
    return list(groups.values())


def print_scores(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> None:
    """Prints each score with those of its tasks, the floor and chance; then those in conditions."""
    clean = [score for score in scores if not score.condition]
    if clean:
        _print_clean(artifacts, clean)
    heard = [score for score in scores if score.condition]
    if heard:
        _print_conditions(artifacts, heard)


def _print_conditions(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> None:
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    rows = []
    for score in scores:
        less = score.less_clean[-1]
        rows.append(
            [
                names[score.artifact_sha256],
                f"{score.hop_samples / SAMPLE_RATE_HZ:.3g}",
                score.condition,
                f"{score.mean:.3f} ({score.mean_low:.3f}-{score.mean_high:.3f})",
                f"{less.value:+.3f} ({less.low:+.3f} to {less.high:+.3f})",
            ]
        )
    print_rows(["model", "hop (s)", "condition", "mean (95 %)", "less clean (95 %)"], rows)


def _print_clean(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> None:
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    tasks = scores[0].tasks
    compared = any(score.less_hop for score in scores)
    spoken = any(score.over_voices for score in scores)
    rows = [
        [
            names[score.artifact_sha256],
            f"{score.hop_samples / SAMPLE_RATE_HZ:.3g}",
            *(f"{task.value:.3f}" for task in score.tasks),
            f"{score.mean:.3f} ({score.mean_low:.3f}-{score.mean_high:.3f})",
            *([_over_voices(score)] if spoken else []),
            *([_less_hop(score)] if compared else []),
        ]
        for score in scores
    ]
    rest = ["", *["-"] * (compared + spoken)]
    floors = ("-" if task.floor is None else f"{task.floor:.3f}" for task in tasks)
    rows.append(["log-mel floor", "", *floors, *rest])
    rows.append(["chance", "", *(f"{task.chance:.3f}" for task in tasks), *rest])
    last = ["other voices (95 %)"] if spoken else []
    last += ["less reference hop (95 %)"] if compared else []
    print_rows(["model", "hop (s)", *map(_heading, tasks), "mean (95 %)", *last], rows)


def _heading(task: TaskScore) -> str:
    """Returns a task's name, with its metric where that is not a share of clips."""
    is_share = task.metric not in ("1-eer", "mean_average_precision")
    return task.task if is_share else f"{task.task} ({metric_in_words(task.metric)})"


def _over_voices(score: Score) -> str:
    """Returns the interval of the mean for other voices than those tested."""
    ends = score.over_voices
    return "-" if ends is None else f"{ends[0]:.3f}-{ends[1]:.3f}"


def _less_hop(score: Score) -> str:
    """Returns the difference of the mean to that at the reference hop."""
    if score.less_hop is None:
        return "-"
    mean = score.less_hop.differences[-1]
    return f"{mean.value:+.3f} ({mean.low:+.3f} to {mean.high:+.3f})"


def print_differences(artifacts: Sequence[Artifact], scores: Sequence[Score]) -> None:
    """Prints each task's score on the phone and on the host, and the paired difference."""
    names = {each.sha256: f"{each.name}.{each.format.value}" for each in artifacts}
    rows = []
    for score in scores:
        values = {"mean": score.mean, **{task.task: task.value for task in score.tasks}}
        for each in score.less_host:
            value = values[each.task]
            row = [names[score.artifact_sha256], each.task, f"{value:.3f}"]
            row.append(f"{value - each.value:.3f}")
            row.append(f"{each.value:+.3f} ({each.low:+.3f} to {each.high:+.3f})")
            rows.append(row)
    print_rows(("model", "task", "phone", "host", "phone less host (95 %)"), rows)
