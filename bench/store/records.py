"""The rows of the store, as the rest of the program sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.core.state import Sample, Spent, State
from bench.measure.outcome import Outcome
from bench.measure.validity import Bounds
from bench.plan.case import Case
from bench.plan.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sitting with one device on one boot of it.

    Args:
        id: UUID.
        plan_sha256: what was planned, so that an unfinished session is recognised.
        started_at: UTC, ISO 8601.
        program: version of this program.
    """

    id: str
    device: Device
    suite: str
    plan_sha256: str
    seed: int
    started_at: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensed:
    """What was seen around a process, not by it; unknown is ``None``.

    Args:
        run_s, run_queue_wait_s: how long its first thread ran, and waited for a core.
        load_before, load_after: one-minute load average of the machine.
        cores: that it was allowed, as the kernel lists them: ``4-7``.
        result_base64: the result proto that the tool wrote.
        before, after: the device; ``None`` where nobody looked.
        spent: on the cores meanwhile.
        samples: of the device while the process ran, if that took long.
        telemetry_s: how long looking took.
        caps_at_start_khz: first core of those that share a clock, and what that might reach when
            the session began.
        bounds: by which the process is judged.
    """

    run_s: float | None
    run_queue_wait_s: float | None
    load_before: float | None
    load_after: float | None
    cores: str | None = None
    result_base64: str | None = None
    before: State | None = None
    after: State | None = None
    spent: Spent | None = None
    samples: tuple[Sample, ...] = ()
    telemetry_s: float | None = None
    caps_at_start_khz: tuple[tuple[int, float], ...] = ()
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One process of a benchmark tool, as it happened.

    Args:
        ordinal: which process of its case, from 0.
        model: the file's path as it was timed.
        stdout, stderr: raw.
        exit_status: 128 and the signal's number for a killed process.
        outcome: what the newest parser made of the raw text; ``None`` if none has read it yet.
        id: given by the store; 0 before.
    """

    session_id: str
    case: Case
    ordinal: int
    model: str
    command: tuple[str, ...]
    started_at: str
    wall_s: float
    exit_status: int
    timed_out: bool
    stdout: str
    stderr: str
    sensed: Sensed
    outcome: Outcome | None = None
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened and is no result.

    Args:
        kind: kebab-case.
        facts: JSON-like.
    """

    kind: str
    at: str
    session_id: str | None = None
    facts: dict[str, object] = field(default_factory=dict)
