"""Group-sequential decision rule: margins, error rates, interim analyses, alpha spending."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, inf, log2

from bench.core.errors import ConfigurationError

# P-values are multiples of 2^-n and some levels are meant to equal one: rounding must not decide.
_ROUNDING = 1 + 1e-9

# Of the false alarms, the most that the first analysis that can reject may cost: with few models,
# and with many, whose levels are so low that on a noisy device the later analyses need the rest.
_FEW = 3
_FIRST_REJECTION, _FIRST_OF_MANY = 0.4, 0.2
_NEAR = 1  # an analysis so few blocks after it cannot reject: it would cost much and add little
_LEAST_LATER = 0.05  # of other later analyses, also where the plan had none
_AT_TIME_LIMIT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """An interim analysis: planned, or at a time limit.

    Args:
        blocks: of the model, so far.
        passing, rejection: share of each error that it may spend.
        planned: not at a time limit.
    """

    blocks: int
    passing: float
    rejection: float
    planned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A group-sequential rule: error rates are spent over planned analyses.

    Nearly every model passes, so the error of passing is spent early, and passing is cheap: a model
    passes after six blocks if all are below the margin. A false alarm must be very rare, whatever
    the number of models, so how early a regression can be flagged depends on that number:
    ``for_models``.

    Args:
        margin: a slowdown of this share or more must not pass.
        tolerance: a slowdown of this share or less is never reported: a new build's layout alone
            may cost it (Mytkowicz et al. 2009).
        false_alarms_per_gate: at most this share of gates reports a model within the tolerance,
            whatever the number of models (Bonferroni).
        wrong_passes_per_model: at most this share of models slower by the margin passes.
        analyses: after how many blocks of a model it is tested; the last is the cap.
        passing_shares, rejection_shares: share of each error that is spent at each analysis.
        time_limit_share: of what later analyses may still spend, the share that an analysis at a
            time limit spends. The limit does not depend on which side of a block was slower, so
            the coin protects this analysis like any other.
        processes_per_side: each side of a block is the fastest of this many processes.
        discard_budget: discarded blocks that a gate accepts, as a share of the valid ones.
        hopeless_after_blocks: from this number of blocks on, a model that is too noisy is given up.
        hopeless_margins: a model is too noisy if the smallest slowdown that is detectable at the
            cap is above this many margins.
        two_sided: faster is reported like slower, each at half of the false alarms; a model passes
            only if it is shown to be neither slower nor faster by the margin or more.
    """

    margin: float = 0.05
    tolerance: float = 0.01
    false_alarms_per_gate: float = 0.01
    wrong_passes_per_model: float = 0.05
    analyses: tuple[int, ...] = (6, 8, 11, 15, 20, 26, 34, 44, 60)
    passing_shares: tuple[float, ...] = (0.3125, 0.23, 0.16, 0.10, 0.07, 0.05, 0.04, 0.02, 0.0175)
    rejection_shares: tuple[float, ...] = (0.0, 0.0, 0.0, 0.10, 0.13, 0.16, 0.18, 0.20, 0.23)
    time_limit_share: float = 0.0
    processes_per_side: int = 1
    discard_budget: float = 0.5
    hopeless_after_blocks: int = 15
    hopeless_margins: float = 4.0
    two_sided: bool = False

    def __post_init__(self) -> None:
        for holds, problem in (
            (0 <= self.tolerance < self.margin <= 1, "0 <= tolerance < margin <= 1"),
            (0 < self.false_alarms_per_gate < 1, "0 < false_alarms_per_gate < 1"),
            (0 < self.wrong_passes_per_model < 1, "0 < wrong_passes_per_model < 1"),
            (_increases(self.analyses), "analyses that increase from at least 1"),
            (_spends(self.passing_shares, self.analyses), _spending("passing_shares")),
            (_spends(self.rejection_shares, self.analyses), _spending("rejection_shares")),
            (0 <= self.time_limit_share < 1, "0 <= time_limit_share < 1"),
            (self.processes_per_side >= 1, "processes_per_side >= 1"),
            (0 <= self.discard_budget < inf, "0 <= discard_budget < inf"),
            (self.hopeless_after_blocks >= 2, "hopeless_after_blocks >= 2"),
            (0 < self.hopeless_margins < inf, "0 < hopeless_margins < inf"),
        ):
            if not holds:
                raise ConfigurationError(f"a gate's rule needs {problem}", hint="correct the rule")

    @property
    def cap_blocks(self) -> int:
        """The most blocks that a model gets."""
        return self.analyses[-1]

    @property
    def directions(self) -> int:
        """The number of directions in which a change is reported."""
        return 1 + self.two_sided

    def for_models(self, models: int) -> Rule:
        """Returns this rule, with its false alarms spent as fits a gate of so many models.

        In two directions each model counts twice.

        If all n blocks are slower, the P-value is 2^-n. The first analysis that can reject is after
        the fewest blocks for which this costs at most 40 % of the accepted false alarms, or 20 %
        with more than three models: 8 for one model, 14 for 30, 17 for 200. Later analyses share
        the rest as planned.
        """
        tests = models * self.directions
        accepted = self.false_alarms_per_gate / tests
        limit = _FIRST_REJECTION if tests <= _FEW else _FIRST_OF_MANY
        first = max(ceil(-log2(accepted * limit)), self.analyses[0])
        if first >= self.cap_blocks:
            return self
        cost = 0.5**first / accepted
        passing = dict(zip(self.analyses, self.passing_shares, strict=True))
        later = {
            blocks: max(share, _LEAST_LATER)
            for blocks, share in zip(self.analyses, self.rejection_shares, strict=True)
            if blocks > first + _NEAR
        }
        shares = {
            blocks: (1 - cost) * share / sum(later.values()) for blocks, share in later.items()
        }
        shares[first] = cost
        analyses = tuple(sorted({*self.analyses, first}))
        return replace(
            self,
            analyses=analyses,
            passing_shares=tuple(passing.get(blocks, 0.0) for blocks in analyses),
            rejection_shares=tuple(shares.get(blocks, 0.0) for blocks in analyses),
            time_limit_share=_AT_TIME_LIMIT,
        )

    def schedule(self, time_limits: Sequence[int] = ()) -> Iterator[Analysis]:
        """Yields all analyses in order; together they spend no more than both errors.

        Args:
            time_limits: the blocks that the model had at each time limit, in order. What an
                analysis there spends, later ones have no more.
        """
        left, limits = 1.0, list(time_limits)
        planned = [*zip(self.analyses, self.passing_shares, self.rejection_shares, strict=True)]
        for index, (blocks, passing, rejection) in enumerate(planned):
            while limits and limits[0] < blocks:
                spent = left * self.time_limit_share
                yield Analysis(
                    blocks=limits.pop(0),
                    passing=spent * sum(self.passing_shares[index:]),
                    rejection=spent * sum(self.rejection_shares[index:]),
                    planned=False,
                )
                left -= spent
            yield Analysis(blocks=blocks, passing=left * passing, rejection=left * rejection)

    def passing_level(self, share: float) -> float:
        """Returns the largest P-value at which a model passes, for a share of the error."""
        return self.wrong_passes_per_model * share * _ROUNDING

    def rejection_level(self, share: float, models: int) -> float:
        """Returns the largest P-value at which one of ``models`` models regressed."""
        return self.false_alarms_per_gate / models * share * _ROUNDING

    def check(self, models: int) -> None:
        """Checks that the rule can both pass and reject one of ``models`` models.

        The smallest possible P-value, if all n blocks agree, is 2^-n.

        Raises:
            ConfigurationError: no analysis has enough blocks for the level that it may spend.
        """
        smallest = [0.5**blocks for blocks in self.analyses]
        for verb, levels in (
            ("pass", map(self.passing_level, self.passing_shares)),
            ("reject", (self.rejection_level(share, models) for share in self.rejection_shares)),
        ):
            if not any(p <= level for p, level in zip(smallest, levels, strict=True)):
                raise ConfigurationError(
                    f"this rule can never {verb} any of {models} models",
                    hint="analyse after more blocks, or allow more errors",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRule:
    """Margins and error rates for accuracies, as for latencies; all are shares.

    Args:
        margin: a loss of this share or more must not pass.
        tolerance: a loss of this share or less is never reported: fitting the heads again can
            change a score by as much.
        false_alarms_per_gate: at most this share of gates reports a model within the tolerance,
            whatever the number of models (Bonferroni).
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
                hint="correct the rule",
            )


def _increases(blocks: tuple[int, ...]) -> bool:
    return bool(blocks) and blocks[0] >= 1 and all(a < b for a, b in pairwise(blocks))


def _spends(shares: tuple[float, ...], analyses: tuple[int, ...]) -> bool:
    return (
        len(shares) == len(analyses)
        and all(share >= 0 for share in shares)
        and 0 < sum(shares) <= _ROUNDING
    )


def _spending(name: str) -> str:
    return f"{name} from 0, one per analysis, that add up to at most 1"
