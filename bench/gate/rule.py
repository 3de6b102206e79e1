"""By what a gate decides: margins, errors, looks, and what it spends at each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf

from bench.core.errors import ConfigurationError

# P-values are multiples of 2^-n and some levels are meant to equal one: rounding must not decide.
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A group-sequential rule: errors are spent over planned looks, and their sum is the promise.

    Passing is cheap, for it happens with nearly every model, and so its error is spent early;
    condemning must be nearly impossible by luck, and its error is spent late. With the defaults six
    of six blocks below the margin pass, and no fewer than 15 condemn.

    Args:
        margin: a slowdown of this share or more must not pass.
        tolerance: a slowdown of this share or less is not condemned: a new build's layout alone
            may cost it (Mytkowicz et al. 2009).
        false_alarms_per_gate: at most this share of gates has a model within the tolerance
            condemned, whatever the number of models (Bonferroni).
        wrong_passes_per_model: at most this share of models slower by the margin passes.
        looks: after how many blocks of a model it is judged; the last is the cap.
        passing_shares, condemning_shares: what is spent of either error at each look.
        processes_per_arm: a block's baseline and candidate are each the fastest of so many.
        discard_budget: discarded blocks, as a share of those kept, that a gate puts up with.
        hopeless_after_blocks: from here on a model is given up whose noise is hopeless.
        hopeless_margins: noise is hopeless if the smallest slowdown that would be seen at the cap
            is above so many margins.
    """

    margin: float = 0.05
    tolerance: float = 0.01
    false_alarms_per_gate: float = 0.01
    wrong_passes_per_model: float = 0.05
    looks: tuple[int, ...] = (6, 8, 11, 15, 20, 26, 34, 44, 60)
    passing_shares: tuple[float, ...] = (0.3125, 0.23, 0.16, 0.10, 0.07, 0.05, 0.04, 0.02, 0.0175)
    condemning_shares: tuple[float, ...] = (0.0, 0.0, 0.0, 0.10, 0.13, 0.16, 0.18, 0.20, 0.23)
    processes_per_arm: int = 1
    discard_budget: float = 0.5
    hopeless_after_blocks: int = 15
    hopeless_margins: float = 4.0

    def __post_init__(self) -> None:
        for holds, problem in (
            (0 <= self.tolerance < self.margin <= 1, "0 <= tolerance < margin <= 1"),
            (0 < self.false_alarms_per_gate < 1, "0 < false_alarms_per_gate < 1"),
            (0 < self.wrong_passes_per_model < 1, "0 < wrong_passes_per_model < 1"),
            (_increasing(self.looks), "looks that grow from at least 1"),
            (_spends(self.passing_shares, self.looks), _spending("passing_shares")),
            (_spends(self.condemning_shares, self.looks), _spending("condemning_shares")),
            (self.processes_per_arm >= 1, "processes_per_arm >= 1"),
            (0 <= self.discard_budget < inf, "0 <= discard_budget < inf"),
            (self.hopeless_after_blocks >= 2, "hopeless_after_blocks >= 2"),
            (0 < self.hopeless_margins < inf, "0 < hopeless_margins < inf"),
        ):
            if not holds:
                raise ConfigurationError(f"a gate's rule needs {problem}", hint="mend the rule")

    @property
    def cap_blocks(self) -> int:
        """The most blocks that a model gets."""
        return self.looks[-1]

    def passing_level(self, look: int) -> float:
        """Returns the largest P-value at which a model passes at a look, from 0."""
        return self.wrong_passes_per_model * self.passing_shares[look] * _ROUNDING

    def condemning_level(self, look: int, models: int) -> float:
        """Returns the largest P-value at which one of so many is condemned at a look, from 0."""
        return self.false_alarms_per_gate / models * self.condemning_shares[look] * _ROUNDING

    def check(self, models: int) -> None:
        """Refuses what could never pass, or never condemn, one of so many models.

        n blocks that all agree have the smallest P-value there is, 2^-n.

        Raises:
            ConfigurationError: no look has enough blocks for what it may spend.
        """
        smallest = [0.5**blocks for blocks in self.looks]
        for verb, levels in (
            ("pass", map(self.passing_level, range(len(self.looks)))),
            ("condemn", (self.condemning_level(n, models) for n in range(len(self.looks)))),
        ):
            if not any(p <= level for p, level in zip(smallest, levels, strict=True)):
                raise ConfigurationError(
                    f"this rule can never {verb} any of {models} models",
                    hint="look after more blocks, or allow more errors",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRule:
    """Margins and errors of an accuracy, as a latency's rule has them; all are shares.

    Args:
        margin: a loss of so much or more must not pass.
        tolerance: a loss of so much or less is not condemned: fitting the heads to other numbers
            moves a score by as much.
        false_alarms_per_gate: at most this share of gates has a model within the tolerance
            condemned, whatever the number of models (Bonferroni).
        wrong_passes_per_model: at most this share of models that lost the margin passes.
    """

    margin: float = 0.02
    tolerance: float = 0.005
    false_alarms_per_gate: float = 0.01
    wrong_passes_per_model: float = 0.05

    def __post_init__(self) -> None:
        errors = (self.false_alarms_per_gate, self.wrong_passes_per_model)
        if not (0 <= self.tolerance < self.margin <= 1 and all(0 < each < 1 for each in errors)):
            raise ConfigurationError(
                "a gate's accuracy needs 0 <= tolerance < margin <= 1 and errors between 0 and 1",
                hint="mend the rule",
            )


def _increasing(looks: tuple[int, ...]) -> bool:
    return bool(looks) and looks[0] >= 1 and all(a < b for a, b in pairwise(looks))


def _spends(shares: tuple[float, ...], looks: tuple[int, ...]) -> bool:
    return (
        len(shares) == len(looks)
        and all(share >= 0 for share in shares)
        and 0 < sum(shares) <= _ROUNDING
    )


def _spending(name: str) -> str:
    return f"{name} from 0, one a look, that add up to no more than 1"
