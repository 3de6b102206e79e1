"""Effects of hyper-parameters on accuracy, latency and size: ordinary least squares on a grid.

As in the FRILL paper (Peplinski et al., 2020, section 4): main effects only. The structure of
students is fitted over students, the format within them. The files of a student share its weights
and the chance of its training, so they are one observation of its structure and not four: a
split-plot design (Fisher 1925). Categories are differences to a base level, numbers are per
doubling (log2). Latency and size are fitted as logarithms, so their effects are ratios, in per
cent. Intervals are estimate +- t times standard error, at 95 %.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.core.caveats import Caveat, CaveatKind, Effect
from reports.rows.schema import Row, Setup, column, grouped, maybe

_CONFIDENCE = 0.95
DOUBLED = "doubled"
RESPONSES = ("accuracy", "latency", "size")
_FEWEST_STUDENTS = 6
_FEWEST_AXES = 2
_FEWEST_SPARE = 2
# What invalidates a score, or the axis of the frontier, and not the latency of the file alone.
_OF_SCORES = {CaveatKind.SCORED_ON_HOST, CaveatKind.NO_FRONTEND, CaveatKind.BELOW_FLOOR}
# Categories and the level that others are compared with: a student's defaults.
_BASES = {
    "size": "small",
    "head": "keras3",
    "pooling": "gap",
    "bottleneck": "full",
    "activation": "fused",
    "graph_begins": "patch",
    "training": "plain",
    "format": "float32",
}

_Matrix: TypeAlias = NDArray[np.float64]
_Files: TypeAlias = Sequence[tuple[Row, float]]  # and the response that is fitted
# Coefficients and half of their intervals, float64 [columns]; the degrees of freedom; the standard
# deviation of what is left.
_Fit: TypeAlias = tuple[_Matrix, _Matrix, int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The hyper-parameters of a student, which are the axes beside the format.

    Args:
        bottleneck: full or low-rank.
        graph_begins: patch, or the log-mel graph inside, dft or stft.
        training: plain or qat.
    """

    size: str
    width: float
    head: str
    pooling: str
    bottleneck: str
    embedding_size: int
    activation: str
    graph_begins: str
    training: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The effect of one level of one axis on one response, over files with one setup."""

    setup: Setup
    response: str = column("accuracy (mean over the tasks), latency (of the file alone) or size")
    unit: str = column("of effect, interval and residual: points, or % of the ratio")
    axis: str = column("the hyper-parameter, or the format")
    level: str = column("what is compared, or doubled")
    base: str = column("what it is compared with; empty for numbers")
    effect: float | None = maybe("the estimate; empty where refused")
    low: float | None = maybe("lower end of its 95 % interval")
    high: float | None = maybe("upper end of its 95 % interval")
    refused: str = column("why there is no number; empty where there is one", default="")
    n: int = column("files that the fit is over")
    students: int = column("students that the fit is over")
    degrees_of_freedom: int = column("students, or files within them, less coefficients")
    residual_sd: float | None = maybe("standard deviation of what the axes leave unexplained")
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    """An axis that varies.

    Args:
        values: its level in every file.
        columns: float64 [files, levels]: 0 or 1, or log2 of a number.
    """

    name: str
    base: str
    levels: tuple[str, ...]
    values: tuple[Any, ...]
    columns: _Matrix


def estimates(rows: Sequence[Row], traits: Mapping[str, Traits]) -> list[Estimate]:
    """Returns the effects on each response, none where there are too few students to compare.

    Args:
        traits: by student; rows of other models are left out.
    """
    known = [row for row in rows if row.file.student in traits]
    effects: list[Estimate] = []
    for setup, listed in grouped(known, lambda row: row.setup).items():
        students = {row.file.student for row in listed}
        if len(students) < _FEWEST_STUDENTS or len(_axes(listed, traits)) < _FEWEST_AXES:
            continue
        for response in RESPONSES:
            values = [(row, _response(row, response)) for row in listed]
            files = [(row, value) for row, value in values if value is not None]
            if axes := _axes([row for row, _ in files], traits):
                effects += _estimates(setup, response, files, axes)
    return effects


def _response(row: Row, response: str) -> float | None:
    """Returns what is fitted: points or a logarithm; ``None`` where a caveat invalidates it."""
    invalid = {caveat.kind for caveat in row.caveats if caveat.effect is Effect.INVALIDATE}
    match response:
        case "accuracy":
            # A device's clocks and heat do not change the score of a file.
            left_out = invalid & {CaveatKind.SCORED_ON_HOST, CaveatKind.WRONG_OUTPUT}
            return None if left_out or row.score_mean is None else 100 * row.score_mean
        case "latency":
            left_out = invalid - _OF_SCORES
            us = row.latency_us_median
            return None if left_out or not us else math.log(us)
        case _:
            return math.log(row.size_bytes)


def _axes(rows: Sequence[Row], traits: Mapping[str, Traits]) -> list[_Axis]:
    """Returns the axes that vary."""
    files = [{**asdict(traits[row.file.student]), "format": row.file.format.value} for row in rows]
    varying = []
    for name in files[0] if files else ():
        values = tuple(file[name] for file in files)
        distinct = sorted(set(values))
        if len(distinct) < 2:
            continue
        if name not in _BASES:
            base, levels = "", (DOUBLED,)
            columns = np.log2(np.array(values, dtype=np.float64))[:, None]
        else:
            base = _BASES[name] if _BASES[name] in distinct else distinct[0]
            levels = tuple(level for level in distinct if level != base)
            columns = np.array([[value == each for each in levels] for value in values], float)
        varying.append(_Axis(name=name, base=base, levels=levels, values=values, columns=columns))
    return varying


def _estimates(
    setup: Setup, response: str, files: _Files, axes: Sequence[_Axis]
) -> Iterator[Estimate]:
    refused = _refusals(axes, len(files))
    counted = Counter(kind for row, _ in files for kind in {each.kind for each in row.caveats})
    for fitted, units, (coefficients, reaches, spare, sd) in _fits(axes, files):
        enough = spare >= _FEWEST_SPARE
        levels = [(axis, level) for axis in fitted for level in axis.levels]
        for (axis, level), middle, reach in zip(levels, coefficients, reaches, strict=True):
            reason = refused.get(axis.name, "") if enough else f"too few {units}"
            ends = (None, None, None) if reason else (middle - reach, middle, middle + reach)
            low, effect, high = (_display(response, end) for end in ends)
            yield Estimate(
                setup=setup,
                response=response,
                unit="points" if response == "accuracy" else "%",
                axis=axis.name,
                level=level,
                base=axis.base,
                effect=effect,
                low=low,
                high=high,
                refused=reason,
                n=len(files),
                students=len({row.file.student for row, _ in files}),
                degrees_of_freedom=spare,
                residual_sd=_display(response, sd if enough else None),
                caveats=tuple(
                    Caveat(kind=kind, evidence=f"{counted[kind]} of {len(files)} files")
                    for kind in sorted(counted)
                ),
            )


def _fits(axes: Sequence[_Axis], files: _Files) -> Iterator[tuple[Sequence[_Axis], str, _Fit]]:
    """Yields the axes of the structure, fitted over students, then the format, within them."""
    values = np.array([value for _, value in files])
    students = sorted({row.file.student for row, _ in files})
    is_of = np.array([[row.file.student == name for name in students] for row, _ in files], float)
    structure = [axis for axis in axes if axis.name != "format"]
    formats = [axis for axis in axes if axis.name == "format"]
    within = np.hstack([is_of, *(axis.columns for axis in formats)])
    by_file = _least_squares(within, values, before=len(students))
    without_format = values - within[:, len(students) :] @ by_file[0]
    means = (is_of / is_of.sum(axis=0)).T
    between = means @ _matrix(structure, len(files))
    yield structure, "students", _least_squares(between, means @ without_format, before=1)
    yield formats, "files", by_file


def _least_squares(matrix: _Matrix, response: _Matrix, *, before: int) -> _Fit:
    """Returns the fit of ``response``, float64 [rows], without its first ``before`` columns.

    Columns that cannot be separated stay in the fit, through the pseudo-inverse, so that the
    others do not take over their effect; only coefficients that the rows determine have a meaning.
    """
    inverse = np.linalg.pinv(matrix)
    coefficients = inverse @ response
    residuals = response - matrix @ coefficients
    spare = len(response) - int(np.linalg.matrix_rank(matrix))
    sd = math.sqrt(float(residuals @ residuals) / spare) if spare > 0 else math.nan
    t = t_quantile(spare) if spare > 0 else math.nan
    reaches = t * sd * np.sqrt(np.sum(inverse**2, axis=1))
    return coefficients[before:], reaches[before:], spare, sd


def t_quantile(degrees_of_freedom: int) -> float:
    """Returns the t that holds 95 % of Student's distribution between -t and t, by bisection."""
    low, high = 0.0, 13.0  # 12.706 for one degree
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, degrees_of_freedom) < _CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, degrees_of_freedom: int) -> float:
    """Returns P(-t < T < t): Abramowitz & Stegun, 1964, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees_of_freedom))
    odd = degrees_of_freedom % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for power in range(odd, degrees_of_freedom - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * math.cos(angle) ** 2
    inside = math.sin(angle) * total
    return 2 / math.pi * (angle + inside) if odd else inside


def _display(response: str, value: float | None) -> float | None:
    if value is None or response == "accuracy":
        return None if value is None else float(value)
    # An interval of hundreds of decades is not one; its ends stay numbers.
    return 100 * math.expm1(min(value, 700.0))


def _matrix(axes: Sequence[_Axis], files: int) -> _Matrix:
    """Returns float64 [files, 1 + levels]: the constant, then the columns of the axes."""
    return np.hstack([np.ones((files, 1)), *(axis.columns for axis in axes)])


def _refusals(axes: Sequence[_Axis], files: int) -> dict[str, str]:
    """Returns why axes have no effect of their own: those whose levels other axes determine."""

    def rank(*of: _Axis) -> int:
        return int(np.linalg.matrix_rank(_matrix(of, files)))

    whole = rank(*axes)
    tangled = [
        axis
        for axis in axes
        if whole - rank(*(other for other in axes if other is not axis)) < len(axis.levels)
    ]
    reasons: dict[str, list[str]] = {axis.name: [] for axis in tangled}
    for one, other in combinations(tangled, 2):
        if rank(one, other) < 1 + len(one.levels) + len(other.levels):
            reasons[one.name].append(_together(one, other))
            reasons[other.name].append(_together(one, other))
    for name, texts in reasons.items():
        others = ", ".join(words(other) for other in reasons if other != name)
        texts += [] if texts else [f"{words(name)} cannot be separated from {others}"]
    return {name: "; ".join(texts) for name, texts in reasons.items()}


def _together(one: _Axis, other: _Axis) -> str:
    pairs = len(set(zip(one.values, other.values, strict=True)))
    first, second = words(one.name), words(other.name)
    match pairs == len(set(one.values)), pairs == len(set(other.values)):
        case True, True:
            return f"{first} and {second} always change together"
        case True, False:
            return f"{second} never changes without {first}"
        case False, True:
            return f"{first} never changes without {second}"
        case _:
            return f"{first} and {second} cannot be separated"


def words(axis: str) -> str:
    """Returns an axis in words."""
    return axis.replace("_", " ")
