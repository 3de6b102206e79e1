"""Requests to devices. A verb builds these once from its command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.adb.state.settings import DeviceSettings
from bench.measure.conditions import Limits
from bench.plan.case import Delegate
from bench.plan.device import Kind
from bench.plan.suite import Suite, Target, host_suite, phone_suite
from bench.tool.flags import Program

_WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRequest:
    """How one side of a gate is measured; ``None`` where it is as the suite has it.

    Args:
        tool: a build of the official tool, instead of the one that is requested.
        affinity: as ``Suite.affinity``.
    """

    tool: Path | None = None
    delegate: Delegate | None = None
    threads: int | None = None
    affinity: str | None = None
    warm_cache: bool | None = None

    def suite(self, suite: Suite) -> Suite:
        """Returns the suite of this side."""
        return replace(
            suite,
            delegates=suite.delegates if self.delegate is None else (self.delegate,),
            threads=suite.threads if self.threads is None else (self.threads,),
            affinity=suite.affinity if self.affinity is None else self.affinity,
            warm_cache=suite.warm_cache if self.warm_cache is None else self.warm_cache,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Which files are measured, and how.

    Args:
        sides: of a gate whose sides are measured in different ways, the baseline's first.
        value_files: SHA-256 of each file of raw input values to its path.
        library: path of the external delegate's library on this machine.
        delegates_are_default: XNNPACK was not requested, so a tool without it is accepted.
        timeout_s: kill a process after this time, instead of a limit from its protocol.
    """

    suite: Suite
    targets: tuple[Target, ...]
    sides: tuple[SideRequest, ...] = ()
    value_files: Mapping[str, Path] = field(default_factory=dict)
    library: Path | None = None
    delegates_are_default: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """Which benchmark tool to use.

    Args:
        binary: a build of the official tool; ``None`` for a download on phones, and for our
            runner on this machine.
        program, version: what to download. ``None`` as program: the interpreter's tool on phones,
            nothing on this machine.
        accept_new: download again, and accept another build than before.
    """

    binary: Path | None = None
    program: Program | None = None
    version: str | None = None
    accept_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRequest:
    """How phones are treated while they are measured.

    Args:
        wait_s: how long to wait for a lost phone.
        settings: what to change on the phone, besides the suite's fixed performance.
        limits: for its state, instead of those of its device profile.
        cooldown_s: how long to wait for a hot phone, instead of the time in its device profile.
        force_unfit: measure it outside its limits too.
        queue_s: how long to wait for another process of this machine that uses it.
        may_reboot: reboot a phone that hangs, once.
    """

    wait_s: float = _WAIT_S
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    limits: Limits | None = None
    cooldown_s: float | None = None
    force_unfit: bool = False
    queue_s: float = 0.0
    may_reboot: bool = False


def back_to_back(name: str, kind: Kind, targets: tuple[Target, ...], processes: int) -> RunRequest:
    """Returns how a kind of device times files: as ``run`` without a suite, and nothing else.

    Args:
        name: of the suite.
        processes: how many each file is timed in.
    """
    suite = host_suite() if kind is Kind.HOST else phone_suite()
    protocol = replace(suite.protocol, processes=processes)
    suite = replace(suite, name=name, conventional=False, protocol=protocol)
    return RunRequest(suite=suite, targets=targets, delegates_are_default=True)
