"""How tools in common use decide whether a model got slower, each as it ships.

They get the blocks of the very gates that ours judges, in the order of our coin, which flatters
those that would measure one side after the other; and, where they compare with a stored number,
that of the session before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bench.gate.decision import Outcome
from bench.gate.rule import Rule
from lab.noise import Floats, Profile, device, processes
from lab.simulated import BEFORE, MODELS, Simulated, measured_on

LONG = 100  # inferences of criterion's one process
_ROUNDS = 50  # what pytest-benchmark fits into its second of a 20 ms model
_RUNS = 10  # that benchstat's manual asks for at least
_COLLECTED = 5  # that benchmatrix measures of a side

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What was measured of comparisons in a session, one a row. Levels are log latencies.

    Args:
        baseline, candidate: float64 [rows, 10, 15], of processes in blocks.
        long_baseline, long_candidate: float64 [rows, 100], of one process each, back to back.
        stored: float64 [rows], mean of such a baseline in the session before.
        ours: what our gate makes of blocks on the same devices.
    """

    baseline: Floats
    candidate: Floats
    long_baseline: Floats
    long_candidate: Floats
    stored: Floats
    ours: Simulated


def session(
    rng: np.random.Generator, profile: Profile, rows: int, *, slowdown: float, rule: Rule
) -> Session:
    """Returns a simulated session; each 30 rows are a gate and share what the session adds."""
    slower = np.log1p(slowdown)
    level = device(rng, profile, rows, 2 + 2 * rule.cap_blocks)
    level += np.repeat(rng.normal(0, profile.session, -(-rows // MODELS)), MODELS)[:rows, None]
    before = device(rng, profile, rows, 1)[:, 0]
    before += np.repeat(rng.normal(0, profile.session, -(-rows // MODELS)), MODELS)[:rows]
    pairs = level[:, 2 : 2 + 2 * _RUNS].reshape(rows, _RUNS, 2)
    candidate_first = rng.random((rows, _RUNS)) < 0.5
    candidate = np.where(candidate_first, pairs[..., 0], pairs[..., 1]) + slower
    baseline = np.where(candidate_first, pairs[..., 1], pairs[..., 0])
    return Session(
        baseline=processes(rng, profile, baseline, inferences=BEFORE.inferences),
        candidate=processes(rng, profile, candidate, inferences=BEFORE.inferences),
        long_baseline=processes(rng, profile, level[:, 0], inferences=LONG),
        long_candidate=processes(rng, profile, level[:, 1] + slower, inferences=LONG),
        stored=np.exp(processes(rng, profile, before, inferences=_ROUNDS)).mean(axis=-1),
        ours=measured_on(rng, profile, level[:, 2:], slowdown=slowdown, rule=rule),
    )


def frill_bench(found: Session) -> Flags:
    """Returns what our gate flags as regressed."""
    return np.asarray(found.ours.outcome == Outcome.REGRESSED)


def benchstat(found: Session) -> Flags:
    """Returns what golang.org/x/perf benchstat shows as slower: Mann-Whitney, p < 0.05 two-sided.

    Of the means of ten runs a side.
    """
    runs = [np.exp(each).mean(axis=-1) for each in (found.baseline, found.candidate)]
    p = stats.mannwhitneyu(runs[1], runs[0], axis=-1, method="exact").pvalue
    return np.asarray((p < 0.05) & (np.median(runs[1], axis=-1) > np.median(runs[0], axis=-1)))


def criterion(found: Session, rng: np.random.Generator, *, resamples: int = 1000) -> Flags:
    """Returns what criterion.rs calls regressed: bootstrapped t-test, and over the noise threshold.

    p < 0.05, and the 95 % bootstrap interval of the means' ratio wholly above 1 %; 100 samples of
    one process a side. It ships 100,000 resamples.
    """
    old, new = np.exp(found.long_baseline), np.exp(found.long_candidate)
    both = np.concatenate([old, new], axis=-1)
    counts = rng.multinomial(LONG, np.full(LONG, 1 / LONG), (2, resamples)) / LONG
    mixed = rng.multinomial(LONG, np.full(2 * LONG, 1 / (2 * LONG)), (2, resamples)) / LONG
    change = (new @ counts[1].T) / (old @ counts[0].T) - 1
    means = [both @ each.T for each in mixed]
    variances = [(both**2 @ each.T) - mean**2 for each, mean in zip(mixed, means, strict=True)]
    t = (means[1] - means[0]) / np.sqrt((variances[0] + variances[1]) / (LONG - 1))
    seen = (new.mean(-1) - old.mean(-1)) / np.sqrt((new.var(-1) + old.var(-1)) / (LONG - 1))
    p = (np.abs(t) >= np.abs(seen)[:, None]).mean(axis=-1)
    return np.asarray((p < 0.05) & (np.quantile(change, 0.025, axis=-1) > 0.01))


def pytest_benchmark(found: Session) -> Flags:
    """Returns what --benchmark-compare-fail=mean:5% fails on: a mean against the stored one."""
    return _against_stored(found, 1.05)


def github_action_benchmark(found: Session) -> Flags:
    """Returns what github-action-benchmark alerts on: 200 % of the stored number."""
    return _against_stored(found, 2.0)


def benchmatrix(found: Session) -> Flags:
    """Returns what benchmatrix 1.2.1 calls regressed: the interval wholly beyond 5 %."""
    low, _ = _benchmatrix_interval(found)
    return np.asarray(low > 1.05)


def benchmatrix_red(found: Session) -> Flags:
    """Returns on what its --fail-on-regression fails: all that is not wholly inside 5 %.

    (What is wholly better than 5 % passes too.)
    """
    low, high = _benchmatrix_interval(found)
    return np.asarray(~((low >= 0.95) & (high <= 1.05)) & ~(high < 0.95))


def _against_stored(found: Session, limit: float) -> Flags:
    mean = np.exp(found.long_candidate[:, :_ROUNDS]).mean(axis=-1)
    return np.asarray(mean > limit * found.stored)


def _benchmatrix_interval(found: Session) -> tuple[Floats, Floats]:
    """Returns its BCa interval of the ratio of medians of five runs, at 95 % over 30 models.

    With all resamples there are instead of 50,000 drawn ones: the median of five draws from five is
    one of them, with a chance that is counted.
    """
    runs = [
        np.sort(np.median(np.exp(each[:, :_COLLECTED]), axis=-1), axis=-1)
        for each in (found.baseline, found.candidate)
    ]
    at_most = stats.binom.sf(_COLLECTED // 2, _COLLECTED, np.arange(1, 6) / _COLLECTED)
    chance = np.diff(at_most, prepend=0.0)
    ratios = (runs[1][:, :, None] / runs[0][:, None, :]).reshape(len(runs[0]), -1)
    order = np.argsort(ratios, axis=-1)
    ratios = np.take_along_axis(ratios, order, axis=-1)
    weight = np.outer(chance, chance).ravel()[order]
    seen = (np.median(runs[1], axis=-1) / np.median(runs[0], axis=-1))[:, None]
    below = (weight * (ratios < seen)).sum(-1) + 0.5 * (weight * (ratios == seen)).sum(-1)
    bias = special.ndtri(np.clip(below, 1e-5, 1 - 1e-5))
    acceleration = _acceleration(runs)
    total = np.cumsum(weight, axis=-1)
    ends = []
    for z in special.ndtri(np.array([1, -1]) * 0.05 / MODELS / 2 + np.array([0, 1])):
        level = special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
        place = (total < level[:, None]).sum(axis=-1).clip(max=ratios.shape[-1] - 1)
        ends.append(np.take_along_axis(ratios, place[:, None], axis=-1)[:, 0])
    return ends[0], ends[1]


def _acceleration(runs: list[Floats]) -> Floats:
    cubes = squares = np.zeros(len(runs[0]))
    for side in (0, 1):
        left_out = np.stack(
            [np.median(np.delete(runs[side], n, axis=-1), axis=-1) for n in range(_COLLECTED)],
            axis=-1,
        )
        whole = np.median(runs[1 - side], axis=-1)[:, None]
        ratio = whole / left_out if side == 0 else left_out / whole
        pseudo = (_COLLECTED - 1) * (ratio.mean(axis=-1, keepdims=True) - ratio)
        cubes = cubes + (pseudo**3).sum(-1) / _COLLECTED**3
        squares = squares + (pseudo**2).sum(-1) / _COLLECTED**2
    return np.asarray(cubes / (6 * np.maximum(squares, 1e-300) ** 1.5))
