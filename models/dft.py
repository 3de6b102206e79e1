"""The tables of a real 512-point DFT in two stages of matrix products.

Cooley and Tukey (1965): sample n is n2 in row n1 of 16 samples, n = 16 n1 + n2, and bin k is
k1 + 32 k2. Stage one transforms each of the 16 columns over its rows (400 samples are 25 rows);
stage two transforms what has one k1 over n2, with the twiddle factors in its matrix. Audio is real,
so k1 = 0 to 16 are enough: bins of the others are conjugates, and only magnitudes are wanted. The
results for 0 and 16 are real and share one group. Bins from 240 on, which no mel bin weighs, are
left out: one of 16 in each group.

With 32 columns the largest rounding error is half as large, at a tenth more time; with 8 or 64 more
time (docs/conversion.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models import frontend

COLUMNS = 16
ROWS = frontend.FRAME_SAMPLES // COLUMNS
_POINTS = frontend.FFT_SAMPLES // COLUMNS  # of stage one
GROUPS = _POINTS // 2
BINS = 15  # of a group

Table = NDArray[np.float64]


def stage_one() -> Table:
    """Returns the matrix of stage one, [25, 32]: row n1 to real and imaginary part of k1 = 0 to 15.

    The imaginary part of k1 = 0 is always zero; in its place is the real part of k1 = 16.
    """
    angle = 2 * np.pi * np.outer(np.arange(ROWS), np.arange(GROUPS)) / _POINTS
    parts = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    parts[:, 0, 1] = np.cos(np.pi * np.arange(ROWS))
    return parts.reshape(ROWS, 2 * GROUPS)


def stage_two() -> Table:
    """Returns the matrix of each group, [16, 32, 30]: its parts of each column to those of bins.

    Columns and bins have all real parts first, then the imaginary ones; the bins are ``bins``.
    """
    return np.stack([_real_group(), *(_group(k1) for k1 in range(1, GROUPS))])


def bins() -> NDArray[np.int64]:
    """Returns the bin of each output of stage two, [16, 15]: each of 0 to 239 once."""
    rows = [_mirrored(_indices(k1)) for k1 in range(GROUPS)]
    return np.stack(rows)


def _indices(k1: int) -> NDArray[np.int64]:
    """Returns a group's indices of the DFT, [15], some above 256: those are mirrored bins."""
    multiples = _POINTS * np.arange(COLUMNS)
    half = multiples[: COLUMNS // 2]
    indices = k1 + multiples if k1 else np.concatenate([half, half + GROUPS])
    return indices[_mirrored(indices) < frontend.used_bins()[1]]


def _mirrored(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    mirrored: NDArray[np.int64] = np.minimum(indices, frontend.FFT_SAMPLES - indices)
    return mirrored


def _twiddles(indices: NDArray[np.int64]) -> tuple[Table, Table]:
    angle = 2 * np.pi * np.outer(np.arange(COLUMNS), indices) / frontend.FFT_SAMPLES
    return np.cos(angle), -np.sin(angle)


def _group(k1: int) -> Table:
    real, imaginary = _twiddles(_indices(k1))
    return np.block([[real, imaginary], [-imaginary, real]])


def _real_group() -> Table:
    """Returns the matrix of k1 = 0 and 16, [32, 30]: each has one real part of each column."""
    indices = _indices(0)
    both = np.hstack(_twiddles(indices))
    of_first = np.tile(indices % _POINTS == 0, 2)
    return np.vstack([both * of_first, both * ~of_first])
