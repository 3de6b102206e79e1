"""How speakers are divided into training, validation and test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from bench.core.errors import ConfigurationError

SPLITS = ("train", "validation", "test")
_SEED = 0


def by_speakers(speakers: Iterable[str], shares: Sequence[float], *, what: str) -> dict[str, str]:
    """Returns each speaker's split, as TensorFlow Datasets divides its speech data sets.

    Sorted, shuffled by NumPy's RandomState(0), cut where the sums of the shares are, rounded down.

    Args:
        shares: of training, validation and test; their sum is 1.
        what: the data set, for messages.

    Raises:
        ConfigurationError: there are fewer speakers than splits.
    """
    ordered = sorted(set(speakers))
    if len(ordered) < len(shares):
        raise ConfigurationError(
            f"{what}: {len(ordered)} speakers cannot be divided into {len(shares)} splits",
            hint="the copy is not all of the data set",
        )
    np.random.RandomState(_SEED).shuffle(ordered)
    ends = [int(end * len(ordered)) for end in accumulate(shares)]
    starts = [0, *ends[:-1]]
    ends[-1] = len(ordered)
    return {
        speaker: split
        for split, start, end in zip(SPLITS, starts, ends, strict=True)
        for speaker in ordered[start:end]
    }
