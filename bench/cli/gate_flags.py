"""The flags that ``gate`` and ``calibrate`` share, and the request that both make of a device."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from bench.cli import flags
from bench.core.caveats import Caveat, CaveatKind

if TYPE_CHECKING:
    from bench.flow.device.requests import RunRequest
    from bench.plan.device import Kind
    from bench.plan.suite import Target


class BlockFlags(flags.DeviceFlags, flags.InputFlags, Protocol):
    """How blocks are measured: what ``add_how`` sets, and the device."""

    db: str
    delegate: str | None
    threads: int
    timeout: float | None
    seed: int | None


def add_how(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of how blocks are measured."""
    add = group.add_argument
    add(
        "--delegate",
        choices=("xnnpack", "none", "gpu", "nnapi"),
        help="the delegate (default: xnnpack)",
    )
    add("--threads", "--num-threads", type=int, default=1, metavar="N", help="number of threads")
    flags.add_timeout(group)
    flags.add_inputs(group)
    add("--seed", type=int, help="seed of the coins that order each block (default: random)")


def block_request(options: BlockFlags, targets: Sequence[Target], kind: Kind) -> RunRequest:
    """Returns the request for a kind of device: processes of a gate's suite."""
    from bench.cli.requests import measured_files
    from bench.flow.device.requests import RunRequest
    from bench.flow.gate.jobs import gate_suite
    from bench.plan.device import Kind

    ours = kind is Kind.HOST and options.benchmark_binary is None and options.tool is None
    suite = gate_suite(kind, delegate=options.delegate, threads=options.threads, ours=ours)
    suite = replace(suite, fixed_performance=options.fixed_performance)
    files = measured_files(options, targets)
    return RunRequest(
        suite=suite,
        targets=files.targets,
        value_files=files.value_files,
        delegates_are_default=options.delegate is None,
        timeout_s=options.timeout,
    )


def caveats_of(options: flags.DeviceFlags) -> tuple[Caveat, ...]:
    """Returns the caveats that follow from the command line alone."""
    caveats = {
        CaveatKind.FORCE_UNFIT: options.force_unfit,
        CaveatKind.FIXED_PERFORMANCE: options.fixed_performance,
    }
    return tuple(Caveat(kind=kind) for kind, holds in caveats.items() if holds)
