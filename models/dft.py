"""The tables of a real 512-point DFT in two stages of matrix products.

Cooley and Tukey (1965): sample n is n2 in row n1 of 32 samples, n = 32 n1 + n2, and bin k is
k1 + 16 k2. Stage one transforms each of the 32 columns over its rows (400 samples are 13 rows);
stage two transforms what has one k1 over n2, with the twiddle factors in its matrix. Audio is real,
so k1 = 0 to 8 are enough: bins of the others are conjugates, and only magnitudes are wanted. The
results for 0 and 8 are real and share one group. 32 columns, not 16: 8 % more time for half the
rounding error (docs/conversion.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models import frontend

COLUMNS = 32
ROWS = -(-frontend.FRAME_SAMPLES // COLUMNS)
_POINTS = frontend.FFT_SAMPLES // COLUMNS  # of stage one
GROUPS = _POINTS // 2

Table = NDArray[np.float64]


def stage_one() -> Table:
    """Returns the matrix of stage one, [13, 16]: row n1 to real and imaginary part of k1 = 0 to 7.

    The imaginary part of k1 = 0 is always zero; in its place is the real part of k1 = 8.
    """
    angle = 2 * np.pi * np.outer(np.arange(ROWS), np.arange(GROUPS)) / _POINTS
    parts = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    parts[:, 0, 1] = np.cos(np.pi * np.arange(ROWS))
    return parts.reshape(ROWS, 2 * GROUPS)


def stage_two() -> Table:
    """Returns the matrix of each group, [8, 64, 64]: its parts of each column to those of its bins.

    Both sides hold 32 real parts, then 32 imaginary ones; the bins are those of ``bins``.
    """
    return np.stack([_real_group(), *(_group(k1) for k1 in range(1, GROUPS))])


def bins() -> NDArray[np.int64]:
    """Returns the bin of each output of stage two, [8, 32]: each of 0 to 255 once."""
    upper = np.arange(GROUPS)[:, np.newaxis] + _POINTS * np.arange(COLUMNS)
    upper[0] = _real_bins()
    mirrored: NDArray[np.int64] = np.minimum(upper, frontend.FFT_SAMPLES - upper)
    return mirrored


def _real_bins() -> NDArray[np.int64]:
    # Half of k1 = 0 and half of k1 = 8; bin 256, which no mel bin weighs, has no place.
    multiples = _POINTS * np.arange(COLUMNS // 2)
    return np.concatenate([multiples, multiples + GROUPS])


def _twiddles(indices: NDArray[np.int64]) -> tuple[Table, Table]:
    angle = 2 * np.pi * np.outer(np.arange(COLUMNS), indices) / frontend.FFT_SAMPLES
    return np.cos(angle), -np.sin(angle)


def _group(k1: int) -> Table:
    real, imaginary = _twiddles(k1 + _POINTS * np.arange(COLUMNS))
    return np.block([[real, imaginary], [-imaginary, real]])


def _real_group() -> Table:
    real, imaginary = _twiddles(_real_bins())
    half = COLUMNS // 2
    of_first = np.arange(COLUMNS) < half  # bins whose column sums are those of k1 = 0, not 8
    both = np.hstack([real, imaginary])
    chosen = np.tile(of_first, 2)
    return np.vstack([both * chosen, both * ~chosen])
