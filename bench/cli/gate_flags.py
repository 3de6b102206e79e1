"""The flags that verbs of the gate share, and the request that they make of a device."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.cli import flags
from bench.cli.console import print_to_stderr
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.paths import folder_beside

if TYPE_CHECKING:
    from bench.flow.device.requests import RunRequest, SideRequest
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.references import Comparison
    from bench.gate.rule import Rule
    from bench.gate.verdict import Axis
    from bench.plan.device import Kind
    from bench.plan.suite import Target


class BlockFlags(flags.DeviceFlags, flags.InputFlags, Protocol):
    """How blocks are measured: what ``add_how`` sets, and the device."""

    db: str
    delegate: str | None
    threads: int | None
    timeout: float | None
    seed: int | None
    num_runs: int | None
    min_secs: float | None
    warmup_min_secs: float | None


# Fields of a protocol that have flags of the same names, which are those of the official tool.
_PROTOCOL = ("num_runs", "min_secs", "warmup_min_secs")


class LimitFlags(Protocol):
    """How much is measured: what ``add_limits`` sets."""

    max_minutes: float | None
    processes_per_side: int | None


class RuleFlags(Protocol):
    """What is reported, and how surely."""

    margin: float
    tolerance: float
    false_alarms: float


class GateFlags(BlockFlags, LimitFlags, RuleFlags, Protocol):
    """A gate: what ``add_how``, ``add_limits``, ``add_margins`` and ``add_log`` set."""

    initialisation_margin: float | None
    memory_margin: float | None
    log: Path | None


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


def add_log(parser: argparse.ArgumentParser, folder: str) -> None:
    """Adds ``--log``.

    Args:
        folder: beside the database, where logs are by default.
    """
    text = f"the gate's log (default: in {folder}/ beside --db)"
    parser.add_argument("--log", type=Path, metavar="FILE", help=text)


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
    add("--threads", "--num-threads", type=int, metavar="N", help="number of threads (default: 1)")
    flags.add_timeout(group)
    flags.add_inputs(group)
    add("--seed", type=int, help="seed of the coins that order each block (default: random)")
    add(
        "--num-runs",
        type=int,
        metavar="N",
        help="measured inferences of a process, at least (default: from the device's calibration, "
        "else 7, and 15 of the LiteRT interpreter)",
    )
    add("--min-secs", type=flags.seconds, metavar="S", help="measure for at least S")
    add(
        "--warmup-min-secs",
        type=flags.seconds,
        metavar="S",
        help="warm up for at least S; each of these three flags replaces the calibration's whole "
        "protocol",
    )


def given_protocol(options: BlockFlags) -> dict[str, float]:
    """Returns the fields of a process's protocol that the command line gives."""
    fields = {name: getattr(options, name) for name in _PROTOCOL}
    return {name: value for name, value in fields.items() if value is not None}


def add_limits(group: argparse._ArgumentGroup) -> None:
    """Adds ``--max-minutes`` and ``--processes-per-side``."""
    add = group.add_argument
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


def add_blocks(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of how many blocks a gate measures, and of what."""
    add = group.add_argument
    add(
        "--measure-unchanged",
        action="store_true",
        help="also measure files that are equal on both sides",
    )
    add_limits(group)
    add(
        "--sustained",
        type=flags.seconds,
        default=0.0,
        metavar="MIN",
        help="a sustained gate: each side of a block runs for MIN minutes without a pause, from a "
        "cool start, and its last minute is compared",
    )


def add_share(group: argparse._ArgumentGroup, name: str, default: str | None, text: str) -> None:
    """Adds a flag that takes a share."""
    group.add_argument(name, type=flags.share, default=default, metavar="P%", help=text)


def add_margins(group: argparse._ArgumentGroup, change: str = "slowdown") -> None:
    """Adds the margins of what is compared in blocks.

    Args:
        change: what a latency is tested for.
    """
    add_share(group, "--margin", "5%", f"a {change} of this share or more must not pass")
    add_share(group, "--tolerance", "1%", f"a {change} of this share or less is never reported")
    other = "growth" if change == "slowdown" else change
    for name, axis in (("initialisation", "initialisation"), ("memory", "peak memory")):
        text = f"also compare {axis}: a {other} of this share or more must not pass"
        add_share(group, f"--{name}-margin", None, text)


def add_false_alarms(group: argparse._ArgumentGroup, text: str) -> None:
    """Adds ``--false-alarms``."""
    add_share(group, "--false-alarms", "1%", text)


def add_undecided(group: argparse._ArgumentGroup) -> None:
    """Adds ``--undecided``."""
    group.add_argument(
        "--undecided",
        choices=("fail", "slower", "warn"),
        default="warn",
        help="exit code if a model is undecided: 5 (fail), 5 only if it seems slower (slower), or "
        "0 (warn)",
    )


def add_rule(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of the rule for verdicts."""
    add_margins(group)
    add_share(group, "--size-margin", "1%", "a file that grew by this share or more has regressed")
    text = "a loss of this many points of the mean must not pass"
    add_share(group, "--accuracy-margin", "2%", text)
    group.add_argument(
        "--task-set",
        metavar="SET",
        help="also compare accuracies on this task set: default, quick, a folder or a CSV, as in "
        "score (default: they are not compared)",
    )
    add_false_alarms(group, "accepted share of red gates when no model changed")
    add_undecided(group)


def gate_of(
    options: GateFlags,
    comparison: Comparison,
    *,
    folder: str,
    margins: Mapping[Axis, float],
    two_sided: bool = False,
) -> Gate:
    """Returns the gate of a command line, whose sizes and accuracies are not compared.

    Args:
        folder: beside the database, for logs.
        margins: as ``Gate.margins``.
    """
    from bench.flow.gate.gate import Gate

    rule = rule_of(options, two_sided=two_sided)
    return Gate(
        comparison=comparison,
        rule=rule.for_models(len(comparison.pairs) * (1 + len(margins))),
        folder=folder_beside(options.db, folder),
        log=options.log,
        max_s=None if options.max_minutes is None else 60 * options.max_minutes,
        seed=options.seed,
        caveats=caveats_of(options),
        margins=margins,
        on_message=print_to_stderr,
    )


def rule_of(options: RuleFlags, *, two_sided: bool = False) -> Rule:
    """Returns the rule of a command line, before its false alarms are spent for its models."""
    from bench.gate.rule import Rule

    return Rule(
        margin=options.margin,
        tolerance=options.tolerance,
        false_alarms_per_gate=options.false_alarms,
        two_sided=two_sided,
    )


def margins_of(options: GateFlags) -> dict[Axis, float]:
    """Returns the margins of initialisation and peak memory, where they are compared."""
    from bench.gate.verdict import Axis

    asked = {
        Axis.INITIALISATION: options.initialisation_margin,
        Axis.MEMORY: options.memory_margin,
    }
    return {axis: margin for axis, margin in asked.items() if margin is not None}


def require_one_device(options: flags.DeviceFlags) -> None:
    """Checks that the command line names one device at most.

    Raises:
        ConfigurationError: it names several.
    """
    if options.host + len(options.serial) > 1:
        raise ConfigurationError(
            f"a gate takes one device, not {options.host + len(options.serial)}",
            hint="run one gate for each device: --host, or one -s",
        )


def block_request(
    options: BlockFlags,
    targets: Sequence[Target],
    sides: Sequence[SideRequest],
    kind: Kind,
    *,
    sustained_min: float = 0.0,
) -> RunRequest:
    """Returns the request for a kind of device: processes of a gate's suite.

    Args:
        sustained_min: minutes of each stretch of a sustained gate.
    """
    from bench.cli.requests import measured_files
    from bench.flow.device.requests import RunRequest
    from bench.flow.gate.jobs import gate_suite
    from bench.plan.device import Kind

    asked = [options.benchmark_binary, options.tool, *(side.tool for side in sides)]
    ours = kind is Kind.HOST and not any(asked)
    suite = gate_suite(
        kind,
        delegate=options.delegate,
        threads=1 if options.threads is None else options.threads,
        ours=ours,
        sustained_min=sustained_min,
    )
    given = given_protocol(options)
    if given and sustained_min:
        raise ConfigurationError(
            "--num-runs, --min-secs and --warmup-min-secs are of single processes; a sustained "
            "gate measures without a pause",
            hint="leave them out, or --sustained",
        )
    protocol = replace(suite.protocol, **given)  # type: ignore[arg-type]  # num_runs is an int
    suite = replace(suite, fixed_performance=options.fixed_performance, protocol=protocol)
    files = measured_files(options, targets)
    return RunRequest(
        suite=suite,
        targets=files.targets,
        sides=tuple(sides),
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
