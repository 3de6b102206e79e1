"""How often "surely on the frontier" and "surely off" are true, in worlds whose truth is known."""

from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray
from support.tables import write_table

from bench.measure.summary import median_interval
from reports.rows.dominance import Point
from reports.rows.frontier import Membership, standings
from reports.rows.membership import SURE, probabilities
from reports.rows.paired import answers

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1800)]

WORLDS = 300
POINTS = 12
LABELS, CLIPS_PER_LABEL = 10, 40
PROCESSES = 10
PROCESS_SPREAD = 0.02  # standard deviation of the logarithm of a process's latency

_TEXT = f"""\
{WORLDS} simulated worlds of {POINTS} points each, whose true accuracies and latencies are known:
each is measured with {LABELS * CLIPS_PER_LABEL} test clips (hard ones are hard for all) and
{PROCESSES} processes (standard deviation {PROCESS_SPREAD:.0%}), and goes through the program's
own intervals and bootstrap (`make evidence`). *apart*: students of many sizes. *crowded*: four
formats each of three students, no further apart than the noise. A statement is "surely on"
(probability of at least 97.5 %, or no point could beat it by the 95 % intervals) or "surely off"
(at most 2.5 %, or a point beats it at the worst ends). *made*: the share of points that get it;
*false of all*: false statements per point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is true of some points.

    Args:
        skills: float64 [points], added to the logit of each clip's chance to be right.
        costs: float64 [points], the true median latency.
    """

    skills: NDArray[np.float64]
    costs: NDArray[np.float64]

    def on_frontier(self) -> list[bool]:
        """Returns whether each point is; the score only grows with the skill."""
        return [
            not any(
                skill >= own and cost <= price and (skill > own or cost < price)
                for skill, cost in zip(self.skills, self.costs, strict=True)
            )
            for own, price in zip(self.skills, self.costs, strict=True)
        ]


def apart(random: np.random.Generator) -> World:
    """Returns students of many sizes: what costs more is often more accurate."""
    costs = 10 ** random.uniform(1.7, 3.0, POINTS)
    return World(skills=np.log10(costs) + random.normal(0, 0.5, POINTS), costs=costs)


def crowded(random: np.random.Generator) -> World:
    """Returns four formats each of three students, about as far apart as the noise."""
    costs = np.repeat(10 ** random.uniform(1.7, 3.0, 3), 4) * np.exp(
        random.normal(0, PROCESS_SPREAD, POINTS)
    )
    return World(
        skills=np.repeat(random.normal(2.0, 0.4, 3), 4) + random.normal(0, 0.15, POINTS),
        costs=costs,
    )


def measured(world: World, random: np.random.Generator) -> list[Point]:
    """Returns the points as clips, processes and our intervals show them."""
    easy = random.logistic(0, 2, LABELS * CLIPS_PER_LABEL) - 1.5
    points = []
    for number, (skill, cost) in enumerate(zip(world.skills, world.costs, strict=True)):
        chance = 1 / (1 + np.exp(-(easy + skill)))
        right = (random.random(len(easy)) < chance).reshape(LABELS, CLIPS_PER_LABEL)
        digits = {
            f"{label:02}": "".join(map(str, row.astype(int))) for label, row in enumerate(right)
        }
        clips = answers([[digits]])
        assert clips is not None
        score = float(right.mean())
        half = 1.96 * float(np.sqrt(np.sum(np.square(clips.weighted_spread()))))
        values = list(cost * np.exp(random.normal(0, PROCESS_SPREAD, PROCESSES)))
        low, high = median_interval(values) or (0.0, np.inf)
        points.append(
            Point(
                name=f"point {number}", score=score, score_low=score - half,
                score_high=score + half, cost=float(np.median(values)), cost_low=low,
                cost_high=high, answers=clips,
            )
        )  # fmt: skip
    return points


@dataclass(slots=True)
class Tally:
    """Statements of one kind, true or not, and on how many points there might be one."""

    true: list[bool]
    possible: int = 0

    def row(self, *names: str) -> list[str]:
        share = fmean(self.true) if self.true else 1.0
        false = len(self.true) - sum(self.true)
        return [
            *names, f"{sum(self.true)} of {len(self.true)}", f"{share:.1%}",
            f"{len(self.true) / self.possible:.0%}", f"{false / self.possible:.1%}",
        ]  # fmt: skip


def test_what_is_surely_on_or_off_is_so() -> None:
    rows = []
    worst = 1.0
    for name, make in (("apart", apart), ("crowded", crowded)):
        for pairs in ("clip by clip", "independent"):
            random = np.random.default_rng(16)
            tallies = {
                (by, side): Tally([])
                for by in ("probability", "intervals")
                for side in ("surely on", "surely off")
            }
            for _ in range(WORLDS):
                world = make(random)
                points = measured(world, random)
                if pairs == "independent":
                    points = [replace(each, answers=None) for each in points]
                likely, places = probabilities(points), standings(points)
                for truth, probability, place in zip(
                    world.on_frontier(), likely, places, strict=True
                ):
                    assert probability is not None
                    for key, stated, true in (
                        (("probability", "surely on"), probability >= SURE, truth),
                        (("probability", "surely off"), probability <= 1 - SURE, not truth),
                        (("intervals", "surely on"), place.membership is Membership.ON, truth),
                        (
                            ("intervals", "surely off"),
                            place.membership is Membership.OFF,
                            not truth,
                        ),
                    ):
                        tallies[key].possible += 1
                        if stated:
                            tallies[key].true.append(true)
            for (by, side), tally in tallies.items():
                rows.append(tally.row(name, pairs, by, side))
                worst = min(worst, fmean(tally.true) if tally.true else 1.0)
    write_table(
        "membership",
        _TEXT,
        ["world", "accuracies", "by", "statement", "true", "share", "made", "false of all"],
        rows,
    )
    assert worst >= 0.93
