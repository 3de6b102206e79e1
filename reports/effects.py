"""What each hyper-parameter does to accuracy, latency and size: ordinary least squares on a grid.

As in the FRILL paper (Peplinski et al., 2020, section 4): main effects only. What a student is
built of is fitted over students, the format within them: files of one student are no students.
Categories are differences to a base level, numbers are per doubling (log2). Latency and size are
fitted as logarithms, so their effects are ratios, told in per cent. Intervals are estimate +- t
times standard error, at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.core.caveats import CaveatKind, Effect
from reports import schema
from reports.least_squares import Fit, least_squares, t_quantile
from reports.schema import Frame, Row

DOUBLED = "doubled"
_FEWEST_STUDENTS = 6
_FEWEST_AXES = 2
_FEWEST_SPARE = 2
# Categories and the level that others are compared with: what a student is unless told otherwise.
BASES: Mapping[str, str] = {
    "size": "small",
    "head": "keras3",
    "pooling": "gap",
    "bottleneck": "full",
    "activation": "fused",
    "graph_begins": "patch",
    "training": "plain",
    "format": "float32",
}
_AXES = (
    "size", "width", "head", "pooling", "bottleneck", "embedding_size", "activation",
    "graph_begins", "training", "format",
)  # fmt: skip

_Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The hyper-parameters of one student.

    Args:
        student: its name, as in the rows.
        bottleneck: full or low-rank.
        graph_begins: patch, or the log-mel graph inside, conv or stft.
        training: plain or qat.
    """

    student: str
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
    """The effect of one level of one axis on one response, on one device.

    Args:
        response: accuracy (mean over the tasks), latency (of the file alone) or size.
        unit: of effect, interval and residual: points, or % of the ratio.
        level: what is compared, or ``doubled``.
        base: what it is compared with; empty for numbers.
        effect, low, high: estimate and 95 % interval; ``None`` where refused.
        refused: why there is no number; empty where there is one.
        n, students: files and students that the fit is over.
        degrees_of_freedom: students less coefficients; of formats, files less these and students.
        residual_sd: standard deviation of what the axes leave unexplained.
        caveats: kinds of doubt of any of its files, joined by semicolons.
    """

    device: str
    runner: str
    delegate: str
    threads: int
    response: str
    unit: str
    axis: str
    level: str
    base: str
    effect: float | None
    low: float | None
    high: float | None
    refused: str
    n: int
    students: int
    degrees_of_freedom: int
    residual_sd: float | None
    caveats: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """A file: its row, its level on every axis, and the response that is fitted."""

    row: Row
    levels: Mapping[str, Any]
    response: float


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


def estimates(rows: Frame, traits: Frame, *, bases: Mapping[str, str] = BASES) -> Frame:
    """Returns a frame of ``Estimate``, empty where there are too few students to compare.

    Args:
        rows: a frame of ``schema.Row``; models without traits are left out.
        traits: a frame of ``Traits``.
        bases: axis to the level that its others are compared with.
    """
    known = {each.student: each for each in schema.read(traits, Traits)}
    places: dict[tuple[object, ...], list[Row]] = {}
    for row in schema.read(rows, Row):
        if row.student in known:
            place = (row.device, row.runner, row.delegate, row.threads)
            places.setdefault(place, []).append(row)
    found: list[Estimate] = []
    for listed in places.values():
        if len({row.student for row in listed}) < _FEWEST_STUDENTS:
            continue
        samples = {name: _samples(listed, known, name) for name in ("accuracy", "latency", "size")}
        if len(_axes(samples["size"], bases)) >= _FEWEST_AXES:
            for response, each in samples.items():
                found += _estimates(response, each, bases)
    return schema.frame(found, Estimate)


def _samples(rows: Sequence[Row], known: Mapping[str, Traits], response: str) -> list[_Sample]:
    found = []
    for row in rows:
        value = _response(row, response)
        if value is not None:
            traits = known[row.student]
            levels = {name: getattr(traits, name) for name in _AXES if name != "format"}
            levels["format"] = row.format
            found.append(_Sample(row=row, levels=levels, response=value))
    return found


def _response(row: Row, response: str) -> float | None:
    """Returns what is fitted: points or a logarithm; ``None`` where a doubt invalidates it."""
    invalid = {doubt.kind for doubt in row.doubts if doubt.effect is Effect.INVALIDATE}
    match response:
        case "accuracy":
            # The clocks and the heat of a device do not change what a file scores.
            doubted = invalid & {CaveatKind.SCORED_ON_HOST, CaveatKind.WRONG_OUTPUT}
            return None if doubted or row.score_mean is None else 100 * row.score_mean
        case "latency":
            doubted = invalid - {CaveatKind.SCORED_ON_HOST, CaveatKind.NO_FRONTEND}
            return None if doubted or not row.latency_us_median else math.log(row.latency_us_median)
        case _:
            return math.log(row.size_bytes)


def _axes(samples: Sequence[_Sample], bases: Mapping[str, str]) -> list[_Axis]:
    """Returns the axes that vary."""
    found = []
    for name in _AXES:
        values = tuple(sample.levels[name] for sample in samples)
        distinct = sorted(set(values))
        if len(distinct) < 2:
            continue
        if name not in bases:
            base, levels = "", (DOUBLED,)
            columns = np.log2(np.array(values, dtype=np.float64))[:, None]
        else:
            base = bases[name] if bases[name] in distinct else distinct[0]
            levels = tuple(level for level in distinct if level != base)
            columns = np.array(
                [[value == level for level in levels] for value in values], dtype=np.float64
            )
        found.append(_Axis(name=name, base=base, levels=levels, values=values, columns=columns))
    return found


def _estimates(
    response: str, samples: Sequence[_Sample], bases: Mapping[str, str]
) -> Iterator[Estimate]:
    axes = _axes(samples, bases)
    if not axes:
        return
    refused = _refusals(axes)
    rows = [sample.row for sample in samples]
    kinds = {doubt.kind.value for row in rows for doubt in row.doubts}
    for stratum in sorted(_strata(axes, samples), key=lambda each: axes.index(each.axes[0])):
        fit = stratum.fit
        enough = fit.spare >= _FEWEST_SPARE
        half = t_quantile(fit.spare) * fit.errors if enough else fit.errors
        told = ((axis, level) for axis in stratum.axes for level in axis.levels)
        for index, (axis, level) in enumerate(told):
            reason = refused.get(axis.name, "") if enough else f"too few {stratum.units}"
            middle, reach = float(fit.coefficients[index]), float(half[index])
            ends = [_shown(response, each) for each in (middle, middle - reach, middle + reach)]
            effect, low, high = [None] * 3 if reason else ends
            yield Estimate(
                device=rows[0].device,
                runner=rows[0].runner,
                delegate=rows[0].delegate,
                threads=rows[0].threads,
                response=response,
                unit="points" if response == "accuracy" else "%",
                axis=axis.name,
                level=level,
                base=axis.base,
                effect=effect,
                low=low,
                high=high,
                refused=reason,
                n=len(rows),
                students=len({row.student for row in rows}),
                degrees_of_freedom=fit.spare,
                residual_sd=_shown(response, fit.sd) if enough else None,
                caveats=";".join(sorted(kinds)),
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stratum:
    """Axes whose effects have one kind of error.

    Args:
        units: what varies by itself there: files of one student, or students.
        fit: of the levels of all axes.
    """

    axes: tuple[_Axis, ...]
    units: str
    fit: Fit


def _strata(axes: Sequence[_Axis], samples: Sequence[_Sample]) -> Iterator[_Stratum]:
    """Yields the fit of the structure, over students, and that of the format, within them.

    The files of a student share its weights and all its luck in training, so they are one
    observation of its structure and not four: a split-plot design (Fisher 1925).
    """
    response = np.array([sample.response for sample in samples])
    students = sorted({sample.row.student for sample in samples})
    is_of = np.array([[each.row.student == name for name in students] for each in samples], float)
    within = tuple(axis for axis in axes if axis.name == "format")
    between = tuple(axis for axis in axes if axis.name != "format")
    if within:
        matrix = np.hstack([is_of, *(axis.columns for axis in within)])
        fit = least_squares(matrix, response, before=len(students))
        response = response - matrix[:, len(students) :] @ fit.coefficients
        yield _Stratum(axes=within, units="files", fit=fit)
    if between:
        means = (is_of / is_of.sum(axis=0)).T
        fit = least_squares(means @ _matrix(between), means @ response, before=1)
        yield _Stratum(axes=between, units="students", fit=fit)


def _shown(response: str, value: float) -> float:
    # An interval of hundreds of decades is none; its ends stay numbers.
    return value if response == "accuracy" else 100 * math.expm1(min(value, 700.0))


def _matrix(axes: Sequence[_Axis]) -> _Matrix:
    """Returns float64 [files, 1 + levels]: the constant, then the columns of the axes."""
    constant = np.ones((len(axes[0].values), 1))
    return np.hstack([constant, *(axis.columns for axis in axes)])


def _rank(axes: Sequence[_Axis]) -> int:
    return int(np.linalg.matrix_rank(_matrix(axes))) if axes else 1


def _refusals(axes: Sequence[_Axis]) -> dict[str, str]:
    """Returns why an axis has no effect of its own, for those whose levels others can stand for."""
    whole = _rank(axes)
    tangled = [
        axis
        for axis in axes
        if whole - _rank([other for other in axes if other is not axis]) < len(axis.levels)
    ]
    found: dict[str, str] = {}
    for axis in tangled:
        others = [other for other in tangled if other is not axis]
        pairs = [other for other in others if _rank([axis, other]) < _full([axis, other])]
        if pairs:
            found[axis.name] = "; ".join(
                _together(*sorted((axis, other), key=axes.index)) for other in pairs
            )
        else:
            names = ", ".join(words(other.name) for other in others)
            found[axis.name] = f"{words(axis.name)} cannot be told apart from {names}"
    return found


def _full(axes: Sequence[_Axis]) -> int:
    return 1 + sum(len(axis.levels) for axis in axes)


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
            return f"{first} and {second} cannot be told apart"


def words(axis: str) -> str:
    """Returns an axis as people say it."""
    return axis.replace("_", " ")
