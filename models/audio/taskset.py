"""What an accuracy task is: clips with labels, folds, and an identity over all of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from pathlib import Path

import numpy as np

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value


class Metric(StrEnum):
    """How a task is judged."""

    # Linear head; the mean recall of the classes tested, which is unweighted average recall (UAR).
    BALANCED_ACCURACY = "balanced_accuracy"
    ACCURACY = "accuracy"  # linear head; the share of all clips tested, as the public tasks report
    RECALL = "recall"  # linear head; a single class is tested
    TOP1 = "top1"  # nearest neighbour, no head
    # Pairs of clips by cosine, no head: whether one speaker speaks in both. It is scored as one
    # less the equal error rate, so that more is better, as in all other scores.
    EER = "eer"
    # A linear head for each label, of clips that may have several: the mean over the labels.
    MEAN_AVERAGE_PRECISION = "mean_average_precision"

    @classmethod
    def _missing_(cls, value: object) -> Metric | None:
        return {
            "unweighted_average_recall": cls.BALANCED_ACCURACY,
            "uar": cls.BALANCED_ACCURACY,
            "map": cls.MEAN_AVERAGE_PRECISION,
        }.get(str(value))

    @property
    def scored_as(self) -> str:
        """The name of the value of a score."""
        return "1-eer" if self is Metric.EER else self.value

    @property
    def has_classes(self) -> bool:
        """Whether a head gives each clip one of several labels."""
        return self not in (Metric.TOP1, Metric.EER, Metric.MEAN_AVERAGE_PRECISION)


APART = ";"  # between the labels of a clip that has several


_SEED = 31  # of pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One labelled file.

    Args:
        path: relative to the task set's root.
        sha256: of the file's bytes.
        label: the class that a head must predict; several are joined by semicolons.
        group: clips of one group (speaker, prompt, syllable) never fall on both sides of a fold
            that is made here.
        speaker: whose voice it is; empty where that is not known. No part of a task set's identity:
            it changes no score, only what is known of other voices.
    """

    path: str
    sha256: str
    label: str
    group: str
    speaker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Indices into a task's clips; those of ``validation`` neither fit the head nor test it."""

    train: tuple[int, ...]
    test: tuple[int, ...]
    validation: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Trial:
    """Two clips, and whether one speaker speaks in both; indices into a task's clips."""

    one: int
    other: int
    is_same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One accuracy task.

    Args:
        pooled: judge the test clips of all folds together (k-fold); else average over folds.
        chance: what guessing scores, in [0, 1].
        trials: of verification; its one fold tests the clips of all of them and trains none.
    """

    name: str
    metric: Metric
    clips: tuple[Clip, ...]
    folds: tuple[Fold, ...]
    pooled: bool
    chance: float
    trials: tuple[Trial, ...] = ()

    @property
    def test_clips(self) -> int:
        """How many clips (queries) are judged."""
        return sum(len(fold.test) for fold in self.folds)

    @property
    def voices_tested(self) -> tuple[str, ...]:
        """The speakers of the test clips, sorted; empty where one is not known."""
        found = {self.clips[index].speaker for fold in self.folds for index in fold.test}
        return () if "" in found else tuple(sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """Tasks over the files below one folder.

    Args:
        root: what the clips' paths are relative to; no part of the identity.
        caveats: that every score from it carries, besides those of few voices.
    """

    name: str
    root: Path
    tasks: tuple[Task, ...]
    caveats: tuple[Caveat, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """Identity of the clips' contents, labels and splits; file names do not matter."""
        return sha256_value([_identity(task) for task in self.tasks])

    @property
    def caveats_of_scores(self) -> tuple[Caveat, ...]:
        """All caveats that every score from it carries."""
        few = {CaveatKind.ONE_VOICE: 1, CaveatKind.TWO_VOICES: 2}
        named = {
            kind: [task.name for task in self.tasks if len(task.voices_tested) == count]
            for kind, count in few.items()
        }
        return (
            *self.caveats,
            *(
                Caveat(kind=kind, evidence=", ".join(names))
                for kind, names in named.items()
                if names
            ),
        )

    @property
    def speakers_sha256(self) -> str:
        """Identity of who speaks in the test clips; empty where that is not known of any task."""
        spoken = [
            [task.clips[index].speaker for fold in task.folds for index in fold.test]
            for task in self.tasks
            if task.voices_tested
        ]
        return sha256_value(spoken) if spoken else ""

    def paths(self) -> dict[str, Path]:
        """Returns one file for each distinct content, by its SHA-256, in the order of the sums."""
        clips = {clip.sha256: clip.path for task in self.tasks for clip in task.clips}
        return {sha256: self.root / clips[sha256] for sha256 in sorted(clips)}


def distinct(clips: Sequence[Clip]) -> list[Clip]:
    """Returns the clips without copies: the first of equal ones, none where labels disagree."""
    labels: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        labels[clip.sha256].add(clip.label)
    first: dict[str, Clip] = {}
    for clip in clips:
        if len(labels[clip.sha256]) == 1:
            first.setdefault(clip.sha256, clip)
    return list(first.values())


def grouped_folds(labels: Sequence[str], groups: Sequence[str], *, count: int) -> tuple[Fold, ...]:
    """Returns ``count`` folds that keep each group on one side and spread each label evenly.

    Groups are assigned from the largest to the smallest, each to the fold that has the fewest
    clips of its labels. Nothing is random.

    Raises:
        ConfigurationError: a label has fewer than two groups, so it cannot be trained and tested.
    """
    for label in sorted(set(labels)):
        if len({g for g, own in zip(groups, labels, strict=True) if own == label}) < 2:
            raise ConfigurationError(
                f"label {label!r} has one group (speaker or file) only, so it cannot be both "
                "trained and tested",
                hint="give each label clips of at least two speakers or files",
            )
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    count = min(count, len(members))
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    tests: list[list[int]] = [[] for _ in range(count)]
    for group in sorted(members, key=lambda name: (-len(members[name]), name)):
        own = Counter(labels[index] for index in members[group])
        fold = min(
            range(count), key=lambda i: (sum(held[i][label] for label in own), len(tests[i]), i)
        )
        held[fold].update(own)
        tests[fold] += members[group]
    everything = set(range(len(labels)))
    return tuple(
        Fold(train=tuple(sorted(everything - set(test))), test=tuple(sorted(test)))
        for test in tests
    )


def _identity(task: Task) -> list[object]:
    clips = [[clip.sha256, clip.label, clip.group] for clip in task.clips]
    folds = [[fold.train, fold.validation, fold.test] for fold in task.folds]
    trials = [[each.one, each.other, each.is_same] for each in task.trials]
    identity: list[object] = [task.name, task.metric, task.pooled, clips, folds]
    return [*identity, trials] if trials else identity


def drawn_trials(clips: Sequence[Clip], *, most: int) -> tuple[Trial, ...]:
    """Returns pairs of clips of one speaker, and as many of two, drawn with a seed.

    Args:
        clips: whose labels are the speakers.
        most: pairs of each kind; of one speaker there may be fewer.
    """
    rng = np.random.default_rng(_SEED)
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        by_speaker[clip.label].append(index)
    own = [pair for spoken in by_speaker.values() for pair in combinations(spoken, 2)]
    others = len(clips) * (len(clips) - 1) // 2 - len(own)
    count = min(most, len(own), others)
    apart: dict[tuple[int, int], None] = {}
    while len(apart) < count:
        one, other = sorted(rng.integers(len(clips), size=2).tolist())
        if clips[one].label != clips[other].label:
            apart[one, other] = None
    same = [own[place] for place in rng.choice(len(own), size=count, replace=False)]
    return tuple(
        sorted(
            Trial(one=one, other=other, is_same=is_same)
            for is_same, pairs in ((True, same), (False, list(apart)))
            for one, other in pairs
        )
    )
