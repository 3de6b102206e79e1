"""The one door to pymicro-features: TensorFlow Lite Micro's audio front-end, as wake words use it.

It is the C code that runs on microcontrollers: 30 ms windows every 10 ms, 40 bands from 125 to
7,500 Hz, noise reduction, automatic gain, logarithm; its estimate of the noise is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

HOP_SAMPLES = 160
FEATURES = 40
_FULL_SCALE = 32_768  # of 16-bit samples


class MicroFrontend:
    """The front-end from silence on.

    Raises:
        ConfigurationError: pymicro-features is not installed.
    """

    def __init__(self) -> None:
        self._front = _module().MicroFrontend()

    def __call__(self, hops: Floats) -> list[list[float]]:
        """Returns the 40 features after each ten more milliseconds; none before the first window.

        Args:
            hops: float32 [hops, 160], 16 kHz mono, in [-1, 1]; rounded to 16 bits.
        """
        whole = np.clip(np.rint(hops * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
        return [self._front.process_samples(hop.tobytes()).features for hop in whole]


def version() -> str:
    """Returns the package's name and version."""
    from importlib import metadata

    return f"pymicro-features {metadata.version('pymicro-features')}"


def _module() -> Any:
    with from_extra("detect", "pymicro-features"):
        import pymicro_features
    return pymicro_features
