"""Effects of hyper-parameters on accuracy, latency and size: ordinary least squares on a grid.

As in the FRILL paper (Peplinski et al., 2020, section 4): main effects, and what a format changes
with each level of another choice, where that is not the same. The structure of students is fitted
over students, the format within them. The files of a student share its weights
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
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.score import t_quantile
from reports.rows.schema import Row, Setup, column, grouped, maybe

DOUBLED = "doubled"
IF = " if "  # between a format and the level of another axis
_FORMAT = "format"
_SMALL = 1e-9  # beside 1
RESPONSES = ("accuracy", "latency", "size")
_FEWEST_STUDENTS = 6
_FEWEST_AXES = 2
_FEWEST_SPARE = 2
# A format's effect depends on another choice where the difference is as large as this and at least
# twice its 95 % interval, because many pairs are tried: points, or logarithms of ratios.
_WORTH = {"accuracy": 1.0, "latency": math.log(1.1), "size": math.log(1.1)}
_SURE = 2
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The hyper-parameters of a student, which are the axes beside the format.

    Args:
        bottleneck: full or low-rank.
        graph_begins: patch; the log-mel graph inside, dft or stft; or a stream, with its hop in
            frames where that is not 17, such as stream48.
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
    level: str = column("what is compared, or doubled; a format also if another axis has a level")
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


class _Level(NamedTuple):
    """A level of an axis that varies, and what it is compared with."""

    axis: str
    level: str
    base: str


# Its value in each file, float64 [files]: 0 or 1, or log2 of a number.
_Columns: TypeAlias = Mapping[_Level, _Matrix]


class _Fit(NamedTuple):
    """Coefficients, halves of their intervals, and which coefficients each is mixed with."""

    coefficients: _Matrix
    reaches: _Matrix
    mixed: list[list[_Level]]
    degrees_of_freedom: int
    residual_sd: float


def estimates(rows: Sequence[Row], traits: Mapping[str, Traits]) -> list[Estimate]:
    """Returns the effects on each response, none where there are too few students to compare.

    Args:
        traits: by student; rows of other models are left out.
    """
    known = [row for row in rows if row.file.student in traits]
    effects: list[Estimate] = []
    for setup, listed in grouped(known, lambda row: row.setup).items():
        students = {row.file.student for row in listed}
        axes = {level.axis for level in _columns(listed, traits)}
        if len(students) < _FEWEST_STUDENTS or len(axes) < _FEWEST_AXES:
            continue
        fitted: dict[str, tuple[_Files, _Columns]] = {}
        for response in RESPONSES:
            values = [(row, _response(row, response)) for row in listed]
            present = [(row, value) for row, value in values if value is not None]
            if columns := _columns([row for row, _ in present], traits):
                fitted[response] = present, columns
        depends = _dependent(fitted)
        for response, (files, columns) in fitted.items():
            effects += _estimates(setup, response, files, columns, depends)
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


def _columns(rows: Sequence[Row], traits: Mapping[str, Traits]) -> _Columns:
    """Returns the columns of the axes that vary, without those of their bases."""
    structures = {each: asdict(traits[each]) for each in {row.file.student for row in rows}}
    files = [{**structures[row.file.student], _FORMAT: row.file.format.value} for row in rows]
    columns: dict[_Level, _Matrix] = {}
    for axis in files[0] if files else ():
        values = np.array([file[axis] for file in files])
        levels = np.unique(values).tolist()
        base = _BASES[axis] if _BASES.get(axis) in levels else levels[0]
        if axis in _BASES:
            own = {_Level(axis, each, base): values == each for each in levels if each != base}
            columns |= {level: is_level.astype(float) for level, is_level in own.items()}
        elif len(levels) > 1:
            columns[_Level(axis, DOUBLED, "")] = np.log2(values)
    return columns


def _estimates(
    setup: Setup,
    response: str,
    files: _Files,
    columns: _Columns,
    depends: Mapping[str, str],
) -> Iterator[Estimate]:
    counted = Counter(kind for row, _ in files for kind in {each.kind for each in row.caveats})
    caveats = tuple(
        Caveat(kind=kind, evidence=f"{number} of {len(files)} files")
        for kind, number in sorted(counted.items())
    )
    for units, levels, fit in _fits(columns, files, depends):
        few = "" if fit.degrees_of_freedom >= _FEWEST_SPARE else f"too few {units}"
        found = zip(levels, fit.coefficients, fit.reaches, fit.mixed, strict=True)
        for own, middle, reach, mixed in found:
            reason = few or _inseparable(own, mixed)
            ends = (middle - reach, middle, middle + reach)
            low, effect, high = (None if reason else _display(response, end) for end in ends)
            yield Estimate(
                setup=setup,
                response=response,
                unit="points" if response == "accuracy" else "%",
                axis=own.axis,
                level=own.level,
                base=own.base,
                effect=effect,
                low=low,
                high=high,
                refused=reason,
                n=len(files),
                students=len({row.file.student for row, _ in files}),
                degrees_of_freedom=fit.degrees_of_freedom,
                residual_sd=None if few else _display(response, fit.residual_sd),
                caveats=caveats,
            )


def _inseparable(own: _Level, mixed: Sequence[_Level]) -> str:
    """Returns why a level has no number, by the axes that it is mixed with; empty if by none."""
    axes = [words(axis) for axis in dict.fromkeys(each.axis for each in mixed)]
    if len(axes) == 1:
        return f"no student has {own.level} beside another {own.axis}"
    return f"{' and '.join(axes)} cannot be separated" if axes else ""


class _Students:
    """Which files are of one student; deviations from its mean, and from the mean of students."""

    def __init__(self, files: _Files) -> None:
        names, self._owners = np.unique([row.file.student for row, _ in files], return_inverse=True)
        self._counts = np.bincount(self._owners)
        self.spare_within, self.spare_between = len(files) - len(names), len(names) - 1

    def within(self, column: _Matrix) -> _Matrix:
        found: _Matrix = column - self._means(column)[self._owners]
        return found

    def between(self, column: _Matrix) -> _Matrix:
        found = self._means(column)
        found -= found.mean()
        return found

    def _means(self, column: _Matrix) -> _Matrix:
        # Without a matrix of all files: there may be thousands.
        found: _Matrix = np.bincount(self._owners, weights=column) / self._counts
        return found


def _fits(
    columns: _Columns, files: _Files, depends: Mapping[str, str]
) -> Iterator[tuple[str, _Columns, _Fit]]:
    """Yields the fit of the structure, over students, then that of the format, within them.

    Deviations are fitted: those of students from their mean, and of files from their student's.

    Args:
        depends: format to the axis that its effect depends on; each level of that has one then.
    """
    values = np.array([value for _, value in files])
    students = _Students(files)
    formats = {each: students.within(columns[each]) for each in columns if each.axis == _FORMAT}
    by_file = _least_squares(formats, students.within(values), spare=students.spare_within)
    without = values
    for level, effect in zip(formats, by_file.coefficients, strict=True):
        without = without - effect * columns[level]
    structure = {each: students.between(columns[each]) for each in columns if each.axis != _FORMAT}
    spare = students.spare_between
    yield "students", structure, _least_squares(structure, students.between(without), spare=spare)
    yield "files", formats, by_file
    if parts := _by_level(columns, depends):
        rest = {each: columns[each] for each in formats if each.level not in depends}
        both = {each: students.within(column) for each, column in {**parts, **rest}.items()}
        fit = _least_squares(both, students.within(values), spare=students.spare_within)
        found = [at for at, each in enumerate(both) if each in parts]
        yield "files", {each: both[each] for each in parts}, _only(fit, found)


def _only(fit: _Fit, at: Sequence[int]) -> _Fit:
    mixed = [fit.mixed[each] for each in at]
    return fit._replace(coefficients=fit.coefficients[at], reaches=fit.reaches[at], mixed=mixed)


def _by_level(columns: _Columns, depends: Mapping[str, str]) -> _Columns:
    """Returns a column of a format for each level of the axis that its effect depends on."""
    found: dict[_Level, _Matrix] = {}
    for own in [each for each in columns if each.axis == _FORMAT and each.level in depends]:
        others = {each: columns[each] for each in columns if each.axis == depends[own.level]}
        if not others:
            continue
        is_base = 1 - sum(others.values())
        levels = {next(iter(others)).base: is_base, **{o.level: c for o, c in others.items()}}
        for name, is_level in levels.items():
            found[own._replace(level=f"{own.level}{IF}{name}")] = columns[own] * is_level
    return found


def _dependent(fitted: Mapping[str, tuple[_Files, _Columns]]) -> dict[str, str]:
    """Returns the formats whose effect on any response depends on another axis, and that axis.

    Of several axes, the one that is surest. Axes of numbers are not tried.
    """
    surest: dict[str, tuple[float, str]] = {}
    for response, (files, columns) in fitted.items():
        students = _Students(files)
        values = students.within(np.array([value for _, value in files]))
        formats = {each: students.within(columns[each]) for each in columns if each.axis == _FORMAT}
        for own in formats:
            for other in [each for each in columns if each.axis != _FORMAT and each.base]:
                both = {**formats, other: students.within(columns[own] * columns[other])}
                fit = _least_squares(both, values, spare=students.spare_within)
                differs, reach = abs(float(fit.coefficients[-1])), float(fit.reaches[-1])
                if fit.mixed[-1] or fit.degrees_of_freedom < _FEWEST_SPARE:
                    continue
                sure = differs / max(reach, _SMALL)
                if differs >= _WORTH[response] and sure >= _SURE:
                    surest[own.level] = max(surest.get(own.level, (0.0, "")), (sure, other.axis))
    return {format: axis for format, (_, axis) in surest.items()}


def _least_squares(columns: _Columns, response: _Matrix, *, spare: int) -> _Fit:
    """Returns the fit of ``response``, float64 [rows].

    Columns that cannot be separated stay in the fit, through the pseudo-inverse, so that the
    others do not take over their effect. A coefficient has a meaning only if the rows determine it:
    if its row of the model resolution matrix (Menke, 2012, section 4.3) is that of the identity.

    Args:
        spare: degrees of freedom before any column.
    """
    matrix = np.round([*columns.values()], 12).reshape(len(columns), len(response)).T
    inverse = np.linalg.pinv(matrix, rcond=_SMALL)
    coefficients = inverse @ response
    residuals = response - matrix @ coefficients
    resolution = inverse @ matrix
    spare -= round(float(np.trace(resolution)))
    sd = math.sqrt(float(residuals @ residuals) / max(spare, 1))
    reaches = t_quantile(max(spare, 1)) * sd * np.sqrt(np.sum(inverse**2, axis=1))
    differs = abs(resolution - np.eye(len(columns))) > _SMALL
    mixed = [[level for level, one in zip(columns, row, strict=True) if one] for row in differs]
    return _Fit(coefficients, reaches, mixed, spare, sd)


def _display(response: str, value: float) -> float:
    # An interval of hundreds of decades is not one; its ends stay numbers.
    return float(value) if response == "accuracy" else 100 * math.expm1(min(value, 700.0))


def words(axis: str) -> str:
    """Returns an axis in words."""
    return axis.replace("_", " ")
