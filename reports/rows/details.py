"""What a page of one file, or of one device, has besides the rows of all results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.rows.schema import File


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMedian:
    """The median of one case in one session.

    Args:
        setup: what distinguishes it from other cases of the file, in words.
        day: since the first session of the store, in days.
    """

    device: str
    setup: str
    session: str
    started_at: str
    day: float
    latency_us: float
    latency_us_low: float | None
    latency_us_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTime:
    """All operators of one type of a file, by the tool's op profile.

    Args:
        within_delegate: their time is also part of the delegate's.
    """

    device: str
    node_type: str
    nodes: int
    avg_us: float
    percent: float
    within_delegate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOutputs:
    """An output check of a file on a device."""

    device: str
    delegate: str
    verdict: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDetails:
    """One file.

    Args:
        facts: name to text of what it is and how it was made.
        caveats: the kinds' texts, with evidence.
    """

    file: File
    facts: Mapping[str, str]
    caveats: tuple[str, ...]
    medians: tuple[SessionMedian, ...]
    operators: tuple[OpTime, ...]
    checks: tuple[CheckedOutputs, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """One session of a device: how much was measured, and how warm and slow the device was.

    Args:
        spread_ratio: median over its cases of the range of the processes' medians over theirs.
        temp_c_max, clock_khz_min, cap_khz_min: sampled while long processes ran.
    """

    session: str
    suite: str
    started_at: str
    os_build: str
    cases: int
    failed: int
    discarded: int
    spread_ratio: float | None
    temp_c_max: float | None
    clock_khz_min: float | None
    cap_khz_min: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDetails:
    """One device.

    Args:
        device: its name, as in rows.
        facts: name to text of what it is.
        discards: why processes were invalid, each once, with how many cases had it.
    """

    device: str
    facts: Mapping[str, str]
    sessions: tuple[SessionSummary, ...]
    discards: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the pages beside the first one are made of."""

    files: tuple[FileDetails, ...] = ()
    devices: tuple[DeviceDetails, ...] = ()


NONE = Details()
