"""A seeded sample of a task set's clips that keeps every class on both sides of every fold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import numpy as np

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from models.audio.taskset import Fold, Task, TaskSet

FEWEST = 120
_SEED = 19
# A task, a label in it, and for each fold which side of it a clip is on.
_Stratum = tuple[object, ...]


def sampled(task_set: TaskSet, count: int | None = None) -> TaskSet:
    """Returns a task set of ``count`` of the clips; all of it where it has no more.

    Each stratum (a label of a task, and the sides of the folds that a clip is on) keeps a clip;
    beyond that each keeps its share.

    Args:
        count: ``None`` for the fewest that do so, but at least ``FEWEST``.

    Raises:
        ConfigurationError: there are more strata than ``count`` clips can fill.
    """
    clips = list(task_set.paths())
    if (FEWEST if count is None else count) >= len(clips):
        return task_set
    strata: dict[_Stratum, list[str]] = defaultdict(list)
    for task in task_set.tasks:
        for index, clip in enumerate(task.clips):
            sides = tuple(_side(fold, index) for fold in task.folds)
            strata[task.name, clip.label, sides].append(clip.sha256)
    order = np.random.default_rng(_SEED).permutation(len(clips))
    drawn = {sha256: int(place) for sha256, place in zip(clips, order, strict=True)}
    # The n-th of a stratum's m clips has rank n / m: the first clips of all strata come first.
    ranks: dict[str, Fraction] = {}
    for own in strata.values():
        for place, sha256 in enumerate(sorted(own, key=drawn.__getitem__)):
            rank = Fraction(place, len(own))
            ranks[sha256] = min(rank, ranks.get(sha256, rank))
    needed = sum(rank == 0 for rank in ranks.values())
    if count is None:
        count = max(FEWEST, needed)
    if count < needed:
        raise ConfigurationError(
            f"{count} clips of the task set {task_set.name} do not fill its classes and folds",
            hint=f"give at least {needed} clips, or another task set",
        )
    chosen = set(sorted(clips, key=lambda sha256: (ranks[sha256], drawn[sha256]))[:count])
    return replace(
        task_set,
        tasks=tuple(_thin(task, chosen) for task in task_set.tasks),
        caveats=(
            *(each for each in task_set.caveats if each.kind is not CaveatKind.QUICK),
            Caveat(kind=CaveatKind.QUICK, evidence=f"{count} clips"),
        ),
    )


def _side(fold: Fold, index: int) -> str:
    sides = {"train": fold.train, "test": fold.test, "validation": fold.validation}
    return ",".join(name for name, indices in sides.items() if index in indices)


def _thin(task: Task, chosen: set[str]) -> Task:
    places = [index for index, clip in enumerate(task.clips) if clip.sha256 in chosen]
    new_places = {place: index for index, place in enumerate(places)}

    def renumber(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(new_places[index] for index in indices if index in new_places)

    return replace(
        task,
        clips=tuple(task.clips[index] for index in places),
        folds=tuple(
            Fold(
                train=renumber(fold.train),
                test=renumber(fold.test),
                validation=renumber(fold.validation),
            )
            for fold in task.folds
        ),
        trials=tuple(
            replace(each, one=new_places[each.one], other=new_places[each.other])
            for each in task.trials
            if each.one in new_places and each.other in new_places
        ),
    )
