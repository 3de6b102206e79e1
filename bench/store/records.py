"""The rows of the store, as the rest of the program sees them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.core.device_state.telemetry import Telemetry
from bench.measure.conditions import Limits
from bench.measure.outcome import Outcome
from bench.plan.case import Case
from bench.plan.device import DeviceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One series of measurements on one device within one boot.

    Args:
        id: UUID.
        plan_sha256: identity of the plan, by which an interrupted session is recognised.
        started_at: UTC, ISO 8601.
        program: version of this program.
    """

    id: str
    device: DeviceRecord
    suite: str
    plan_sha256: str
    seed: int
    started_at: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The record of one process of a benchmark tool.

    Args:
        ordinal: number of the process within its case, from 0.
        model: the path of the timed file.
        stdout, stderr: raw.
        exit_status: 128 and the signal's number for a killed process.
        telemetry: the device before, during and after it.
        limits: the limits that the telemetry is assessed against.
        timeout_s: the user's own ``--timeout``; ``None`` if only the protocol's limit applied.
        result: the result proto that the tool wrote; ``None`` if it did not write one.
        outcome: of the newest parsing of the raw text; ``None`` if it was not parsed yet.
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
    telemetry: Telemetry
    limits: Limits
    timeout_s: float | None = None
    result: bytes | None = None
    outcome: Outcome | None = None
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of a session that is not a result.

    Args:
        kind: kebab-case.
        facts: JSON-like.
    """

    kind: str
    at: str
    session_id: str | None = None
    facts: dict[str, object] = field(default_factory=dict)
