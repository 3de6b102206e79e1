"""How often the interval of an equal error rate holds the truth: by speakers, and by clips."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from support.tables import write_table

from models.accuracy.classification import confidence_interval
from models.accuracy.verification import equal_error_rates, verified
from models.audio.taskset import Clip, Fold, Metric, Task, drawn_trials
from models.tflite.arrays import Floats

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1800)]

WORLDS = 400
LEAST = 0.93
_SIZE = 12  # dimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How many speak how often; takes of a speaker are spread by a factor of their own."""

    speakers: int
    takes: int
    unsteady: float

    @property
    def task(self) -> Task:
        clips = tuple(
            Clip(path="x", sha256=f"{who}-{take}", label=f"{who}", group="", speaker=f"{who}")
            for who in range(self.speakers)
            for take in range(self.takes)
        )
        fold = Fold(train=(), test=tuple(range(len(clips))))
        return Task(
            name="v", metric=Metric.EER, clips=clips, folds=(fold,), pooled=False, chance=0.5,
            trials=drawn_trials(clips, most=1_000),
        )  # fmt: skip

    def vectors(self, random: np.random.Generator) -> Floats:
        voices = random.normal(size=(self.speakers, 1, _SIZE))
        spread = np.exp(self.unsteady * random.normal(size=(self.speakers, 1, 1)))
        takes = random.normal(size=(self.speakers, self.takes, _SIZE))
        every: NDArray[np.float64] = voices + spread * takes
        return every.reshape(-1, _SIZE).astype(np.float32)

    def truth(self) -> float:
        """Returns the rate of all speakers like these, of 20,000 pairs of each kind."""
        many = replace(self, speakers=20_000, takes=2)
        own = many.vectors(np.random.default_rng(7)).reshape(-1, 2, _SIZE)
        own /= np.linalg.norm(own, axis=2, keepdims=True)
        same = (own[:, 0] * own[:, 1]).sum(axis=1)
        apart = (own[:, 0] * np.roll(own[:, 1], 1, axis=0)).sum(axis=1)
        kinds = np.repeat([True, False], len(same))
        both = np.concatenate([same, apart]).astype(np.float64)
        (rate,) = equal_error_rates(both, kinds, np.ones((1, len(both))))
        return 1 - float(rate)


DESIGNS = [
    Design(speakers=speakers, takes=takes, unsteady=unsteady)
    for speakers, takes in ((10, 10), (40, 8))
    for unsteady in (0.2, 0.6)
]


def test_intervals_of_equal_error_rates_hold_the_truth_as_often_as_they_claim() -> None:
    rows, least = [], []
    for design in DESIGNS:
        truth, task, random = design.truth(), design.task, np.random.default_rng(31)
        nobody = replace(task, clips=tuple(replace(each, speaker="") for each in task.clips))
        held, widths = {"speakers": 0, "clips": 0}, []
        for _ in range(WORLDS):
            vectors = design.vectors(random)
            for way, own in (("speakers", task), ("clips", nobody)):
                low, high = confidence_interval(verified(own, vectors)[1])
                held[way] += low <= truth <= high
                if way == "speakers":
                    widths.append((high - low) / 2)
        shares = {way: count / WORLDS for way, count in held.items()}
        least.append(shares["speakers"])
        rows.append(
            [f"{design.speakers}", f"{design.takes}", f"{design.unsteady}", f"{truth:.3f}"]
            + [f"{share:.1%}" for share in shares.values()]
            + [f"{100 * np.mean(widths):.1f}"]
        )
    write_table(
        "intervals-of-verification",
        f"{WORLDS} simulated test sets per row, verified by the program: how often the 95 %\n"
        "interval of one less the equal error rate holds that of all speakers (`make evidence`).\n"
        "The takes of a speaker are spread by a factor of their own (deviation of its logarithm).\n"
        "Resamples draw speakers; the column of clips is what drawing clips would hold.",
        ["speakers", "takes", "spread differs by", "truth", "over speakers", "over clips",
         "half-width over speakers (points)"],
        rows,
    )  # fmt: skip
    assert min(least) >= LEAST
