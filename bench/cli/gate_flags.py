"""The flags that ``gate`` and ``calibrate`` share, and the request that both make of a device."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
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


class OutputFlags(Protocol):
    """The outputs for CI: what ``add_outputs`` sets."""

    junit: Path | None
    summary: Path | None
    comment: Path | None
    page: Path | None


class _Outputs(argparse.Namespace):
    """The outputs for CI of a command line of which the rest is wrong."""

    junit: Path | None
    summary: Path | None
    comment: Path | None
    page: Path | None
    json: bool
    undecided: str = "warn"


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the outputs for CI."""
    outputs = parser.add_argument_group("for CI (on GitHub, annotations are written too)")
    outputs.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    outputs.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="append Markdown to this file, such as $GITHUB_STEP_SUMMARY",
    )
    outputs.add_argument(
        "--comment",
        type=Path,
        metavar="FILE",
        help="write Markdown for a comment on a pull request, at most 60 kB",
    )
    outputs.add_argument(
        "--page", type=Path, metavar="FILE", help="write a page (HTML): the verdict, each block"
    )


def outputs_of(arguments: Sequence[str]) -> _Outputs:
    """Returns the outputs for CI that a command line asks for, whatever is wrong with it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    for name in ("--junit", "--summary", "--comment", "--page"):
        parser.add_argument(name, type=Path, nargs="?")
    flags.add_json(parser)
    return parser.parse_known_args([*arguments], _Outputs())[0]


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


def add_blocks(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of how many blocks a gate measures, and of what."""
    add = group.add_argument
    add(
        "--measure-unchanged",
        action="store_true",
        help="also measure files that are equal on both sides",
    )
    add(
        "--max-minutes",
        type=flags.seconds,
        metavar="MIN",
        help="stop after this time; open models are undecided",
    )
    add(
        "--processes-per-side",
        type=int,
        metavar="N",
        help="each side of a block is the fastest of N processes (default: from the device's "
        "calibration, else 1)",
    )
    add(
        "--sustained",
        type=flags.seconds,
        default=0.0,
        metavar="MIN",
        help="a sustained gate: each side of a block runs for MIN minutes without a pause, from a "
        "cool start, and its last minute is compared",
    )


def add_rule(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of the rule for verdicts."""

    def add(name: str, default: str | None, text: str) -> None:
        group.add_argument(name, type=flags.share, default=default, metavar="P%", help=text)

    add("--margin", "5%", "a slowdown of this share or more must not pass")
    add("--tolerance", "1%", "a slowdown of this share or less is never reported")
    add(
        "--initialisation-margin",
        None,
        "also compare initialisation: a growth of this share or more must not pass",
    )
    add(
        "--memory-margin",
        None,
        "also compare peak memory: a growth of this share or more must not pass",
    )
    add("--size-margin", "1%", "a file that grew by this share or more has regressed")
    add("--accuracy-margin", "2%", "a loss of this many points of the mean must not pass")
    group.add_argument(
        "--task-set",
        metavar="SET",
        help="also compare accuracies on this task set: default, quick, a folder or a CSV, as in "
        "score (default: they are not compared)",
    )
    add("--false-alarms", "1%", "accepted share of red gates when no model changed")
    group.add_argument(
        "--undecided",
        choices=("fail", "slower", "warn"),
        default="warn",
        help="exit code if a model is undecided: 5 (fail), 5 only if it seems slower (slower), or "
        "0 (warn)",
    )


def block_request(
    options: BlockFlags, targets: Sequence[Target], kind: Kind, *, sustained_min: float = 0.0
) -> RunRequest:
    """Returns the request for a kind of device: processes of a gate's suite.

    Args:
        sustained_min: minutes of each stretch of a sustained gate.
    """
    from bench.cli.requests import measured_files
    from bench.flow.device.requests import RunRequest
    from bench.flow.gate.jobs import gate_suite
    from bench.plan.device import Kind

    ours = kind is Kind.HOST and options.benchmark_binary is None and options.tool is None
    suite = gate_suite(
        kind,
        delegate=options.delegate,
        threads=options.threads,
        ours=ours,
        sustained_min=sustained_min,
    )
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
