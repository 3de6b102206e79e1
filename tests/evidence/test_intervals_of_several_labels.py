"""How often the interval of a mean average precision holds the truth: by speakers, and by clips."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pytest
from support.tables import write_table

from models.accuracy import head
from models.accuracy.classification import confidence_interval
from models.accuracy.several_labels import average_precision, average_precisions, marks_of
from models.audio.taskset import APART, Clip, Fold, Metric, Task
from models.tflite.arrays import Floats

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

WORLDS = 300
LEAST = 0.93
MANY = 60_000  # test clips of the truth
_TRAIN = 240
_SHARES = (0.4, 0.25, 0.15)  # of the clips that have each label
_SIZE = 6  # dimensions
Drawn: TypeAlias = tuple[list[Clip], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many test clips there are, and of how many speakers.

    Args:
        speakers: 0 where nobody is known.
        between: deviation of what the clips of a speaker share, beside 1 of each clip.
    """

    clips: int
    speakers: int
    between: float

    def drawn(self, random: np.random.Generator, clips: int, prefix: str) -> Drawn:
        """Returns so many clips of other speakers than before, as many of each as in the design."""
        marks = random.random((clips, len(_SHARES))) < _SHARES
        marks[~marks.any(axis=1), 0] = True  # a clip without a label is in no such data set
        places = np.zeros((len(_SHARES), _SIZE))
        np.fill_diagonal(places, 1.2)
        speakers = max(1, round(clips * self.speakers / self.clips))
        who = np.arange(clips) % speakers
        shared = self.between * random.normal(size=(speakers, _SIZE))[who] * (self.speakers > 0)
        vectors = marks @ places + shared + random.normal(size=(clips, _SIZE))
        found = [
            Clip(
                path="x",
                sha256=f"{prefix}-{at}",
                label=APART.join(f"{label}" for label in np.flatnonzero(own)),
                group="",
                speaker=f"{prefix}-{by}" if self.speakers else "",
            )
            for at, (own, by) in enumerate(zip(marks, who, strict=True))
        ]
        return found, vectors.astype(np.float32)


DESIGNS = [
    Design(clips=100, speakers=0, between=0),
    Design(clips=400, speakers=0, between=0),
    Design(clips=100, speakers=10, between=0.5),
    Design(clips=400, speakers=40, between=0.5),
]


def task_of(train: Drawn, test: Drawn) -> tuple[Task, Floats]:
    """Returns the task of training clips and test clips, and its vectors."""
    clips = (*train[0], *test[0])
    fold = Fold(train=tuple(range(len(train[0]))), test=tuple(range(len(train[0]), len(clips))))
    task = Task(
        name="several",
        metric=Metric.MEAN_AVERAGE_PRECISION,
        clips=clips,
        folds=(fold,),
        pooled=False,
        chance=0.3,
    )
    return task, np.concatenate([train[1], test[1]])


def truth(train: Drawn, test: Drawn) -> float:
    """Returns the mean average precision of the heads of training clips on very many clips."""
    task, vectors = task_of(train, test)
    marks = marks_of([each.label for each in task.clips])
    scores = head.scores_of_labels(vectors, marks, task.folds[0])
    own = marks[list(task.folds[0].test)]
    once = np.ones((1, len(own)))
    each = [average_precisions(scores[:, at], own[:, at], once)[0] for at in range(own.shape[1])]
    return float(np.mean(each))


def test_intervals_of_mean_average_precisions_hold_the_truth_as_often_as_they_claim() -> None:
    rows, least = [], []
    for design in DESIGNS:
        random = np.random.default_rng(31)
        train = design.drawn(random, _TRAIN, "train")
        true = truth(train, design.drawn(random, MANY, "many"))
        held, widths = {"speakers": 0, "clips": 0}, []
        for world in range(WORLDS):
            task, vectors = task_of(train, design.drawn(random, design.clips, f"{world}"))
            nobody = replace(task, clips=tuple(replace(each, speaker="") for each in task.clips))
            for way, own in (("speakers", task), ("clips", nobody)):
                low, high = confidence_interval(average_precision(own, vectors)[1])
                held[way] += low <= true <= high
                if way == "speakers":
                    widths.append((high - low) / 2)
        shares = {way: count / WORLDS for way, count in held.items()}
        least.append(shares["speakers"])
        rows.append(
            [f"{design.clips}", f"{design.speakers or 'unknown'}", f"{true:.3f}"]
            + [f"{share:.1%}" for share in shares.values()]
            + [f"{100 * np.mean(widths):.1f}"]
        )
    write_table(
        "intervals-of-several-labels",
        f"{WORLDS} simulated test sets per row, scored by the program: how often the 95 %\n"
        "interval of the mean average precision of three labels holds that of the same heads on\n"
        f"{MANY:,} clips (`make evidence`). Resamples draw speakers where they are known; the\n"
        "column of clips is what drawing clips would hold.",
        ["test clips", "speakers", "truth", "as drawn", "over clips",
         "half-width as drawn (points)"],
        rows,
    )  # fmt: skip
    assert min(least) >= LEAST
