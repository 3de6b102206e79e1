"""Ordinary least squares, and the t of its intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

_Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """What a fit found.

    Args:
        coefficients, errors: float64 [columns], estimates and their standard errors.
        spare: degrees of freedom.
        sd: standard deviation of what is left; nan without degrees of freedom.
    """

    coefficients: _Matrix
    errors: _Matrix
    spare: int
    sd: float


def least_squares(matrix: _Matrix, response: _Matrix, *, before: int) -> Fit:
    """Returns the fit of ``response``, float64 [rows], without its first ``before`` columns.

    Columns that cannot be told apart stay in the fit, through the pseudo-inverse, so that the
    others are not blamed for them; only coefficients that the rows determine have a meaning.
    """
    inverse = np.linalg.pinv(matrix)
    coefficients = inverse @ response
    residuals = response - matrix @ coefficients
    spare = len(response) - int(np.linalg.matrix_rank(matrix))
    sd = math.sqrt(float(residuals @ residuals) / spare) if spare > 0 else math.nan
    errors = sd * np.sqrt(np.sum(inverse**2, axis=1))
    return Fit(coefficients=coefficients[before:], errors=errors[before:], spare=spare, sd=sd)


def t_quantile(degrees_of_freedom: int) -> float:
    """Returns the t that holds 95 % of Student's distribution between -t and t, by bisection."""
    low, high = 0.0, 13.0  # 12.706 for one degree
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, degrees_of_freedom) < CONFIDENCE:
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
