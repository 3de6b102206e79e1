"""What a folder of pages has besides the rows of all results: files, devices, gates, history."""

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
    """An operator of a file, or all of one type, by the tool's op profile.

    Args:
        name: of the operator's outputs; empty for a type.
        within_delegate: their time is also part of the delegate's.
    """

    device: str
    node_type: str
    nodes: int
    avg_us: float
    percent: float
    within_delegate: bool
    name: str = ""


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
        operators, layers: by type, and the slowest ones each for itself.
    """

    file: File
    facts: Mapping[str, str]
    caveats: tuple[str, ...]
    medians: tuple[SessionMedian, ...]
    operators: tuple[OpTime, ...]
    layers: tuple[OpTime, ...]
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
class Noise:
    """The noise of a device's gates, for models of about one latency: from its calibration.

    Args:
        models: the decade of their latency, in words.
        setup: what it was calibrated with, in words.
        second_slower_ratio: median slowdown of the second process of a block.
        smallest_slowdown_ratio: that a gate detects with 95 % power.
        red_ratio, red_ratio_high: red gates of one unchanged model, and their upper limit.
    """

    models: str
    setup: str
    measured_at: str
    blocks: int
    discarded: int
    block_sd_ratio: float
    second_slower_ratio: float
    processes_per_side: int
    smallest_slowdown_ratio: float
    red_ratio: float
    red_ratio_high: float
    caveats: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDetails:
    """One device.

    Args:
        device: its name, as in rows.
        facts: name to text of what it is.
        discards: why processes were invalid, each once, with how many cases had it.
        noise: of its calibrations, the newest first.
    """

    device: str
    facts: Mapping[str, str]
    sessions: tuple[SessionSummary, ...] = ()
    discards: tuple[tuple[str, int], ...] = ()
    noise: tuple[Noise, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedModel:
    """One model of a gate.

    Args:
        model: name and format.
        verdicts: of each axis, in words.
        latency, latency_interval: candidate over baseline, in words.
        baseline_sha256, candidate_sha256: of the files; empty where a side lacks the model.
    """

    model: str
    verdicts: str
    latency: str
    latency_interval: str
    baseline_sha256: str
    candidate_sha256: str

    @property
    def is_of_one_file(self) -> bool:
        """Whether both sides are the same file."""
        return self.baseline_sha256 == self.candidate_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """One gate.

    Args:
        page: its address in the folder; empty if it has no page.
        log: its path.
        verdict, counts: of the whole, and how many models have which.
        is_bad: something regressed or failed.
        revision: that the candidate was built from; empty if unknown.
    """

    page: str
    log: str
    device: str
    started_at: str
    verdict: str
    counts: str
    is_bad: bool
    revision: str
    models: tuple[GatedModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySummary:
    """The nightly runs of models against pinned baselines.

    Args:
        page: its address in the folder.
        summary: how many runs of what, in words.
        alarms: sentences on what became slower.
    """

    page: str
    summary: str
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the pages beside the first one are made of.

    Args:
        gates: the newest first.
        left_out: a sentence for each log or calibration that could not be read.
    """

    files: tuple[FileDetails, ...] = ()
    devices: tuple[DeviceDetails, ...] = ()
    gates: tuple[GateSummary, ...] = ()
    history: HistorySummary | None = None
    left_out: tuple[str, ...] = ()


NONE = Details()
