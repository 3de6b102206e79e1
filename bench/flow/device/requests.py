"""What is asked of devices. A verb builds these once from its command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.adb.state.settings import DeviceSettings
from bench.measure.conditions import Limits
from bench.plan.suite import Suite, Target
from bench.tool.flags import Program

WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Which files are measured, and how.

    Args:
        library: of the external delegate, on this machine.
        delegates_are_default: nobody asked for XNNPACK by name, so a tool without it will do.
        timeout_s: when a process is killed, instead of when its protocol must have ended.
    """

    suite: Suite
    targets: tuple[Target, ...]
    library: Path | None = None
    delegates_are_default: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """Which benchmark tool measures.

    Args:
        binary: this build of the official tool; else our runner on this machine, and a download
            on phones.
        program, version: what is downloaded.
        accept_new: download it again, and accept another build than before.
        second: a build that some cases are measured with instead.
    """

    binary: Path | None = None
    program: Program = Program.INTERPRETER
    version: str | None = None
    accept_new: bool = False
    second: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRequest:
    """How phones are treated while they are measured.

    Args:
        wait_s: how long a lost phone is waited for.
        settings: what is changed on the phone, besides the suite's fixed performance.
        limits: within which it is measured, instead of those of its device profile.
        cooldown_s: how long a hot phone may cool down, instead of what its device profile says.
        force_unfit: measure it outside of its limits too.
    """

    wait_s: float = WAIT_S
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    limits: Limits | None = None
    cooldown_s: float | None = None
    force_unfit: bool = False
