"""Where the windows of a clip start, at any hop."""

from __future__ import annotations

from bench.core.artifact import IN_GRAPH, LOG_MEL, Artifact, Role
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
    return starts(samples, window=artifact.audio()[0], hop=whole_hop(artifact, hop))


def whole_hop(artifact: Artifact, hop: int) -> int:
    """Returns the hop in samples that windows really have: whole frames for our log-mel."""
    return _STEP * max(1, round(hop / _STEP)) if artifact.frontend == LOG_MEL else hop


def has_choice_of_hop(artifact: Artifact) -> bool:
    """Returns whether the hop is the app's choice: a log-mel patch, or a window of audio.

    A model with a front-end of its own, or with a state, has the hop of its manifest.
    """
    return artifact.frontend == LOG_MEL or (
        artifact.role is Role.EMBEDDING_WAVEFORM and artifact.frontend == IN_GRAPH
    )
