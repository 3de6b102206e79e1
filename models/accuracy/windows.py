"""Where the windows of a clip start, at any hop."""

from __future__ import annotations

from bench.core.artifact import LOG_MEL, Artifact
from models import frontend

# Less audio than this at the end of a clip makes no log-mel frame of its own.
_STEP = frontend.FRAME_HOP_SAMPLES


def starts(samples: int, *, window: int, hop: int) -> tuple[int, ...]:
    """Returns the first sample of each window of a clip.

    There is one at every hop, and one more that ends with the clip (to a frame of 10 ms) wherever
    audio would be left out. A clip that is shorter than a window has one window.

    Args:
        samples: length of the clip.
        window, hop: in samples.
    """
    last = max(0, samples - window)
    whole = tuple(range(0, last + 1, hop))
    end = last // _STEP * _STEP
    return (*whole, end) if whole[-1] < end else whole


def starts_of(artifact: Artifact, samples: int, hop: int) -> tuple[int, ...]:
    """Returns the first sample of each window of a clip that a model is given.

    Args:
        samples: length of the clip.
        hop: in samples; for a model of our log-mel, whole frames count.
    """
    if artifact.frontend == LOG_MEL:
        hop = _STEP * max(1, round(hop / _STEP))
    return starts(samples, window=artifact.audio()[0], hop=hop)
