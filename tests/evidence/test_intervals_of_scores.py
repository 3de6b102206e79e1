"""How often the intervals of scores hold the truth, over clips and over voices; about a minute."""

from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray
from support.tables import write_table

from bench.core.score import Score, TaskScore, VoiceCount
from models.accuracy.classification import _resampled, confidence_interval
from reports.rows.paired import answers

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1800)]

WORLDS = 2000
LEAST = 0.93  # of the nominal .95

Chances = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the recalls of voices are spread: a normal of their logits."""

    name: str
    middle: float
    spread: float


KINDS = (
    Kind(name="alike", middle=0.5, spread=0.5),
    Kind(name="far apart", middle=0.5, spread=2.0),
    Kind(name="far apart, easy", middle=2.0, spread=2.0),
)


@dataclass(kw_only=True)
class Coverage:
    """How often intervals held the truth, the last one being that over voices."""

    covers: list[list[bool]] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)

    def add(self, ends: tuple[float, float] | None, *others: bool, truth: float) -> None:
        assert ends is not None
        self.covers = self.covers or [[] for _ in (*others, ends)][: len(others) + 1]
        for all_of, one in zip(self.covers, (*others, holds(ends, truth)), strict=True):
            all_of.append(one)
        self.widths.append((ends[1] - ends[0]) / 2)

    @property
    def half(self) -> str:
        return f"{100 * fmean(self.widths):.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Who says what in a task.

    Args:
        counts: int [voices, labels], test clips; the labels of a voice differ in difficulty.
    """

    name: str
    counts: NDArray[np.int64]


def one_label_each(voices: int, clips: int) -> Design:
    """Each voice is a label of its own, as where speakers are recognised."""
    counts = np.diag(np.full(voices, clips))
    return Design(name=f"{voices} voices, each a label, {clips} clips", counts=counts)


def all_labels(voices: int, clips: int) -> Design:
    """Each voice says each of four labels; some voices say four times as much as others."""
    each = np.tile([clips, 2 * clips, 4 * clips], voices)[:voices]
    counts = np.repeat(each[:, None], 4, axis=1)
    return Design(
        name=f"{voices} voices, 4 labels each, {clips} to {4 * clips} clips", counts=counts
    )


DESIGNS = (
    one_label_each(3, 60), one_label_each(6, 90), one_label_each(7, 150), all_labels(3, 10),
    all_labels(6, 10), all_labels(12, 10), all_labels(40, 3),
)  # fmt: skip


def recalls(logits: Chances) -> Chances:
    found: Chances = 1 / (1 + np.exp(-logits))
    return found


def world(design: Design, kind: Kind, own: Chances) -> Chances:
    """Returns float64 [voices, labels], the true recall of each voice in each label."""
    labels = design.counts.shape[1]
    difficulty = np.linspace(-0.5, 0.5, labels) if (design.counts > 0).all() else np.zeros(labels)
    return recalls(kind.middle + kind.spread * own[:, None] + difficulty[None, :])


def scored(design: Design, chances: Chances, random: np.random.Generator) -> TaskScore:
    """Returns the program's own score of a task whose clips are right by chance."""
    voices, correct = [], {}
    for label in range(design.counts.shape[1]):
        right: list[bool] = []
        for voice, count in enumerate(design.counts[:, label]):
            if count:
                own = random.random(count) < chances[voice, label]
                right += own.tolist()
                name = f"v{voice:02}"
                voices.append(
                    VoiceCount(
                        voice=name,
                        part=0,
                        label=f"l{label}",
                        clips=int(count),
                        right=int(own.sum()),
                    )
                )
        correct[f"l{label}"] = right
    value, resampled = _resampled(correct, random)
    low, high = confidence_interval(resampled)
    digits = {label: "".join(str(int(one)) for one in own) for label, own in correct.items()}
    return TaskScore(
        task="t", metric="balanced_accuracy", value=value, low=low, high=high, chance=0.1,
        floor=None, test_clips=int(design.counts.sum()), correct=(digits,), voices=tuple(voices),
    )  # fmt: skip


def of_voices(design: Design, chances: Chances) -> float:
    """Returns the true score of these voices: the mean recall of the labels."""
    return float(((chances * design.counts).sum(axis=0) / design.counts.sum(axis=0)).mean())


def of_all(design: Design, kind: Kind) -> float:
    """Returns the true score of all voices that there are."""
    return float(world(design, kind, np.random.default_rng(7).standard_normal(200_000)).mean())


def holds(ends: tuple[float, float] | None, truth: float) -> bool:
    assert ends is not None
    return ends[0] <= truth <= ends[1]


def share(values: list[bool]) -> str:
    return f"{fmean(values):.1%}"


def test_intervals_hold_the_truth_as_often_as_they_claim() -> None:
    rows, least = [], []
    for design in DESIGNS:
        for kind in KINDS:
            found = alone(design, kind)
            rows.append([design.name, kind.name, *map(share, found.covers), found.half])
            least += [fmean(found.covers[0]), fmean(found.covers[2])]
    for name, measured in (("difference of two students", difference), ("mean of tasks", mean)):
        for kind in KINDS:
            found = measured(kind)
            rows.append([name, kind.name, "", *map(share, found.covers), found.half])
            least.append(fmean(found.covers[-1]))
    write_table(
        "intervals-of-scores",
        f"{WORLDS} simulated test sets per row, scored by the program: how often its 95 %\n"
        "intervals hold the truth (`make evidence`). Voices have recalls of their own (standard\n"
        "deviation of the logit .5: alike, 2: far apart, as students of this project show on\n"
        "`lang3-xvoice`; easy: most recalls are near 1). An interval over clips is for the voices\n"
        "tested, one over voices for all voices like these. The mean is over six tasks like those\n"
        "of `default`: the same seven people in three of them, one, two and none in the others.",
        ["task", "voices are", "over clips, these voices", "over clips, all voices",
         "over voices, all voices", "half-width over voices (points)"],
        rows,
    )  # fmt: skip
    assert min(least) >= LEAST


def alone(design: Design, kind: Kind) -> Coverage:
    """Returns the coverage of one task: over clips of these voices, of all, and over voices."""
    random = np.random.default_rng(95)
    truth, found = of_all(design, kind), Coverage()
    for _ in range(WORLDS):
        chances = world(design, kind, random.standard_normal(len(design.counts)))
        score = scored(design, chances, random)
        ends = score.low, score.high
        here = of_voices(design, chances)
        found.add(score.over_voices, holds(ends, here), holds(ends, truth), truth=truth)
    return found


def difference(kind: Kind) -> Coverage:
    """Returns the coverage of the difference of two equal students, by clip and by voice."""
    design, found = one_label_each(6, 90), Coverage()
    random = np.random.default_rng(96)
    for _ in range(WORLDS):
        common = random.standard_normal(6)
        sides = []
        for _ in range(2):
            own = (common + 0.5 * random.standard_normal(6)) / np.sqrt(1.25)
            score = scored(design, world(design, kind, own), random)
            side = answers([score.correct], [score.without_voice])
            assert side is not None
            sides.append(side)
        by_clip = holds(sides[0].less(sides[1]), 0.0)
        found.add(sides[0].less_over_voices(sides[1]), by_clip, truth=0.0)
    return found


def mean(kind: Kind) -> Coverage:
    """Returns the coverage of the mean of six tasks, some of whose voices are the same people."""
    designs = [
        one_label_each(6, 50), one_label_each(7, 150), one_label_each(1, 400),
        one_label_each(6, 250), all_labels(2, 200), one_label_each(1, 300),
    ]  # fmt: skip
    # Of one or two voices the score is that of these voices, as its caveat states.
    known = [of_all(each, kind) if len(each.counts) > 2 else None for each in designs]
    random, found = np.random.default_rng(97), Coverage()
    for _ in range(WORLDS):
        people = random.standard_normal(7)
        tasks, truths = [], []
        for design, truth in zip(designs, known, strict=True):
            count = len(design.counts)
            own = (people[:count] + random.standard_normal(count)) / np.sqrt(2)
            chances = world(design, kind, own)
            tasks.append(scored(design, chances, random))
            truths.append(of_voices(design, chances) if truth is None else truth)
        score = mean_of(tasks)
        by_clip = holds((score.mean_low, score.mean_high), fmean(truths))
        found.add(score.over_voices, by_clip, truth=fmean(truths))
    return found


def mean_of(tasks: list[TaskScore]) -> Score:
    mean = fmean(task.value for task in tasks)
    half = np.sqrt(sum(((task.high - task.low) / 2) ** 2 for task in tasks)) / len(tasks)
    return Score(
        artifact_sha256="a", task_set="s", task_set_sha256="s", tasks=tuple(tasks), mean=mean,
        mean_low=mean - half, mean_high=mean + half, runtime="r", delegate="none", threads=1,
        hop_samples=2720,
    )  # fmt: skip
