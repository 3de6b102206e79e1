"""Nightly series whose truth is known: what is stored decides what any detector can see."""

import numpy as np

from lab.noise import Floats

NIGHTS = 120
STEP_AT = 60
CREEP_AT = tuple(np.linspace(0.2, 0.8, 6) * NIGHTS)

_PROCESS_SD = 0.008  # of a night's estimate, as 6 to 8 blocks of the phone of noise.py leave it
_SESSION_SD = 0.020
_SESSION_KEEP = 0.5  # of a session's effect is still there the night after


def truth(kind: str) -> Floats:
    """Returns the log-ratio that is really there: float64 [nights].

    Args:
        kind: unchanged, a step of +5 %, or a creep of 6 times +1 %.
    """
    nights = np.arange(NIGHTS)
    match kind:
        case "unchanged":
            return np.zeros(NIGHTS)
        case "step":
            return np.where(nights >= STEP_AT, np.log(1.05), 0.0)
        case "creep":
            return np.log(1.01) * sum((nights >= each).astype(np.float64) for each in CREEP_AT)
        case _:
            raise ValueError(kind)


def anchored(rng: np.random.Generator, kind: str, rows: int) -> Floats:
    """Returns log-ratios to an anchor in the same session: float64 [rows, nights].

    The session is in both files and cancels; 2 % of nights are worse than process noise.
    """
    shape = (rows, NIGHTS)
    bad = (rng.random(shape) < 0.02) * rng.normal(0, 0.03, shape)
    return truth(kind) + rng.normal(0, _PROCESS_SD, shape) + bad


def absolute(rng: np.random.Generator, kind: str, rows: int) -> Floats:
    """Returns log latencies of a candidate alone, of which 3 % are of slow nights, as anchored."""
    shape = (rows, NIGHTS)
    session = rng.normal(0, _SESSION_SD, shape)
    session[:, 1:] *= np.sqrt(1 - _SESSION_KEEP**2)
    for night in range(1, NIGHTS):
        session[:, night] += _SESSION_KEEP * session[:, night - 1]
    slow = (rng.random(shape) < 0.03) * rng.exponential(0.10, shape)
    return truth(kind) + rng.normal(0, _PROCESS_SD, shape) + session + slow
