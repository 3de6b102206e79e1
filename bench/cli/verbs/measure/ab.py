"""``frill-bench ab``: one file, measured in several ways that differ in one factor."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, gate_flags
from bench.core.errors import ConfigurationError
from bench.core.paths import AB, CALIBRATIONS, folder_beside

if TYPE_CHECKING:
    from bench.cli.shown.gate import Outputs
    from bench.flow.gate.sides import Sides
    from bench.gate.verdict import Axis

_EXAMPLE = (
    "example: frill-bench ab model.tflite --side tool=old/benchmark_model "
    "--side tool=new/benchmark_model"
)
# The start of a process varies more than its inferences.
_INITIALISATION = 0.10


class Options(gate_flags.GateFlags, gate_flags.OutputFlags, flags.VerbOptions):
    """What the parser of ``ab`` sets."""

    models: list[str]
    side: list[str]
    zoo: Path
    undecided: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``ab``."""
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="a .tflite file, a bundle, a folder of artifacts, or a name in the zoo",
    )
    parser.add_argument(
        "--side",
        "--arm",
        action="append",
        default=[],
        metavar="FACTOR=VALUE",
        help="how a side is measured: tool=PATH, delegate=NAME, threads=N, affinity=MASK or "
        "cache=on|off; two or more of one factor, of which the first is the others' baseline",
    )
    flags.add_zoo(parser)
    flags.add_db(parser)
    gate_flags.add_log(parser, AB)
    flags.add_json(parser)
    gate_flags.add_outputs(parser)
    flags.add_device(parser)
    how = parser.add_argument_group("how to measure (on all sides)")
    gate_flags.add_how(how)
    gate_flags.add_limits(how)
    rule = parser.add_argument_group("the rule for verdicts")
    gate_flags.add_margins(rule, change="difference")
    text = "accepted share of comparisons that show a difference where none is"
    gate_flags.add_false_alarms(rule, text)
    gate_flags.add_undecided(rule)
    flags.add_tool(parser.add_argument_group("the benchmark tool (on all sides)"))


def run(options: Options) -> int:
    """Measures, prints the verdicts, returns the exit code."""
    from bench.cli.shown.gate import to_the_end

    return to_the_end(options, partial(_run, options))


def _run(options: Options, outputs: Outputs) -> int:
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, tool_request
    from bench.cli.shown.gate import show_sessions
    from bench.flow.gate.jobs import GateJob
    from bench.flow.gate.references import side
    from bench.flow.gate.sides import sides_of_words

    gate_flags.require_one_device(options)
    sides = sides_of_words(options.side)
    _refuse_both(options, sides)
    comparison = sides.pairs(
        [target for ref in options.models for target in side(ref, zoo=options.zoo).targets]
    )
    margins = _margins(options, sides)
    gate = gate_flags.gate_of(options, comparison, folder=AB, margins=margins, two_sided=True)
    gate = replace(gate, differences=(sides.difference,), sides=sides.labels)
    tool = tool_request(options)
    if sides.requests[0].tool is not None:
        tool = replace(tool, binary=sides.requests[0].tool)
    request = partial(gate_flags.block_request, options, comparison.targets, sides.requests)
    devices = devices_of(options, request, tool)
    job = GateJob(
        gate=gate,
        calibrations=folder_beside(options.db, CALIBRATIONS),
        processes_per_side=options.processes_per_side,
    )
    return do_on_devices(devices, job, options.db, partial(show_sessions, outputs))


def _refuse_both(options: Options, sides: Sides) -> None:
    """Refuses a flag for all sides beside sides that differ in it."""
    from bench.flow.gate.sides import Factor

    given: dict[Factor, dict[str, object]] = {
        Factor.TOOL: {
            "--benchmark-binary": options.benchmark_binary,
            "--tool": options.tool,
            "--tool-version": options.tool_version,
        },
        Factor.DELEGATE: {"--delegate": options.delegate},
        Factor.THREADS: {"--threads": options.threads},
    }
    for flag, value in given.get(sides.factor, {}).items():
        if value is not None:
            raise ConfigurationError(
                f"{flag} is for all sides, and these differ in it", hint=f"leave out {flag}"
            )


def _margins(options: Options, sides: Sides) -> dict[Axis, float]:
    """Returns the margins of other axes; of a cache, the start is what it is for."""
    from bench.flow.gate.sides import Factor
    from bench.gate.verdict import Axis

    margins = gate_flags.margins_of(options)
    if sides.factor is Factor.CACHE:
        margins.setdefault(Axis.INITIALISATION, _INITIALISATION)
    return margins
