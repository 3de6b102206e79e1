"""The published figures of FRILL and its teacher TRILL, as printed, and what is known of them.

Peplinski et al., FRILL: A Non-Semantic Speech Embedding for Mobile Devices (arXiv 2011.04609,
Interspeech 2021), and the authors' model card, which has the table by task.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

_MIB = 1 << 20
DEVICE = "Pixel 1"
TASK_SET = "seven tasks of NOSS and others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A model's published figures; none has an interval.

    Args:
        latency_us: one inference on a Pixel 1.
        accuracy: of each task, in [0, 1]: the best of several heads and normalisations.
    """

    name: str
    latency_us: float
    size_bytes: int
    accuracy: dict[str, float]

    @property
    def mean(self) -> float:
        """The plain mean over the tasks."""
        return fmean(self.accuracy.values())


TRILL = Published(
    name="TRILL",
    latency_us=275_300.0,
    size_bytes=98_100_000,
    accuracy={
        "VoxCeleb1": 0.468,
        "VoxForge": 0.845,
        "Speech Commands": 0.817,
        "CREMA-D": 0.659,
        "SAVEE": 0.700,
        "Masked Speech": 0.658,
        "ESC-50 human sounds": 0.864,
    },
)
FRILL = Published(
    name="FRILL",
    latency_us=8_500.0,
    size_bytes=round(38.5 * _MIB),
    accuracy={
        "VoxCeleb1": 0.445,
        "VoxForge": 0.769,
        "Speech Commands": 0.797,
        "CREMA-D": 0.709,
        "SAVEE": 0.675,
        "Masked Speech": 0.657,
        "ESC-50 human sounds": 0.864,
    },
)

DIFFERENCES = (
    "Device: a Pixel 1 of 2016. Tool, runtime, delegate, threads and repetitions were not "
    "published, so there are no intervals.",
    "Latency: 8.5 ms is the network alone, without the log-mel front-end, so it belongs beside "
    "the latency of the file alone. With the front-end none was published.",
    "Size: printed as 98.1 and 38.5 MB, or 40 %. TRILL's are decimal MB with its front-end, "
    "FRILL's are MiB without one (40.4 MB): 41 % in equal units.",
    "Accuracy: '2 %' is relative, from 71.6 to 70.2 %, which is 1.4 points, with TRILL itself as "
    "the teacher. Other tasks than here, and for each task the best of several heads and "
    "normalisations on the test clips; here there is one head, and nothing is chosen.",
)
