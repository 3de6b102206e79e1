"""``frill-bench gate``: whether a candidate is slower, larger or less accurate than a baseline."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, gate_flags
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError, worst
from bench.core.paths import CALIBRATIONS, GATES, folder_beside

if TYPE_CHECKING:
    from bench.cli.shown.gate import Outputs
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.references import Comparison, Side

_EXAMPLE = "example: frill-bench gate --baseline old.tflite --candidate new.tflite --host"
_SAVE = "frill-bench gate --candidate REF --save-baseline DIR"


class Options(gate_flags.GateFlags, gate_flags.OutputFlags, flags.VerbOptions):
    """What the parser of ``gate`` sets."""

    zoo: Path
    baseline: str | None
    candidate: str | None
    size_margin: float
    accuracy_margin: float
    task_set: str | None
    sustained: float
    undecided: str
    own_tools: bool
    baseline_tool: Path | None
    measure_unchanged: bool
    save_baseline: Path | None
    replay: Path | None
    revision: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``gate``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    reference = "a .tflite file, a bundle, a folder of artifacts, or a name in the zoo"
    add("--baseline", metavar="REF", help=f"{reference}; files, never stored numbers")
    add("--candidate", metavar="REF", help="the files to compare with it, named the same way")
    flags.add_zoo(parser)
    add("--save-baseline", type=Path, metavar="DIR", help="only save the candidate as a bundle")
    add("--replay", type=Path, metavar="LOG", help="only print the verdicts of a gate's log")
    flags.add_db(parser)
    gate_flags.add_log(parser, GATES)
    add(
        "--revision",
        metavar="TEXT",
        help="the revision the candidate was built from, for history (default: $GITHUB_SHA)",
    )
    flags.add_json(parser)
    gate_flags.add_outputs(parser)
    flags.add_device(parser)
    how = parser.add_argument_group("how to measure")
    gate_flags.add_how(how)
    gate_flags.add_blocks(how)
    gate_flags.add_rule(parser.add_argument_group("the rule for verdicts"))
    group = parser.add_argument_group("the benchmark tool (for both sides)")
    flags.add_tool(group)
    tools = group.add_mutually_exclusive_group()
    tools.add_argument(
        "--own-tools", action="store_true", help="measure the baseline with the tool in its bundle"
    )
    tools.add_argument(
        "--baseline-tool",
        type=Path,
        metavar="PATH",
        help="measure the baseline with this build of the official benchmark_model",
    )


def run(options: Options) -> int:
    """Measures, prints the verdicts, returns the exit code."""
    from bench.cli.shown.gate import to_the_end

    if options.save_baseline is not None and options.replay is None:
        return _save_baseline(options, options.save_baseline)
    return to_the_end(options, partial(_run, options))


def write_refused(arguments: Sequence[str], exit_code: int) -> None:
    """Writes the outputs for CI of a command line that the parser has refused, with a message."""
    from bench.cli.shown.gate import Outputs

    options = gate_flags.outputs_of(arguments)
    Outputs(options).show_ended(exit_code, "the command line was refused; its messages show why")


def _run(options: Options, outputs: Outputs) -> int:
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, tool_request
    from bench.cli.shown.gate import show_sessions
    from bench.flow.device.requests import SideRequest
    from bench.flow.gate.differences import of_sides
    from bench.flow.gate.jobs import GateJob
    from bench.flow.gate.log_file import read
    from bench.flow.gate.references import pair_up

    if options.replay is not None:
        return worst(outputs.show_log(read(options.replay), log_file=options.replay))
    gate_flags.require_one_device(options)
    candidate, baseline = _candidate(options), _baseline(options)
    own_tool = baseline.tool if options.own_tools else options.baseline_tool
    comparison = pair_up(
        baseline, candidate, unchanged_too=options.measure_unchanged or own_tool is not None
    )
    differences = of_sides(comparison, candidate, options.benchmark_binary)
    if not comparison.pairs:
        lines = (*_tool_differences(options, baseline), *differences)
        outputs.show_unmeasured(comparison.unmeasured, lines, margin=options.margin)
        return 0
    gate = _with_scores(options, _gate(options, comparison))
    gate = replace(gate, saved=baseline.bundle, differences=differences)
    sides = () if own_tool is None else (SideRequest(tool=own_tool), SideRequest())
    request = partial(
        gate_flags.block_request,
        options,
        comparison.targets,
        sides,
        sustained_min=options.sustained,
    )
    devices = devices_of(options, request, tool_request(options))
    job = GateJob(
        gate=gate,
        calibrations=folder_beside(options.db, CALIBRATIONS),
        processes_per_side=options.processes_per_side,
        keeps_protocol=bool(gate_flags.given_protocol(options)),
    )
    return do_on_devices(devices, job, options.db, partial(show_sessions, outputs))


def _candidate(options: Options) -> Side:
    from bench.flow.gate.references import side

    if options.candidate is None:
        raise ConfigurationError("no candidate is given", hint="give it: --candidate REF")
    return side(options.candidate, zoo=options.zoo)


def _tool_differences(options: Options, baseline: Side) -> Iterator[str]:
    """Yields how the tool of a gate that measures nothing differs from the baseline's."""
    from bench.flow.gate.bundle import official
    from bench.flow.gate.differences import of_runtimes, of_tool
    from bench.plan.case import Runner
    from bench.tool.host import litert_tool

    if baseline.bundle is None:
        return
    saved, binary = baseline.bundle.tool, options.benchmark_binary
    if binary is not None:
        tool = official(binary)
        yield from of_tool(saved, tool.sha256, tool.kind, measured=False)
    elif not options.host:
        yield from _phone_tool_differences(options, baseline)
    elif options.tool is None:
        yield from of_tool(saved, litert_tool().sha256, Runner.LITERT_PYTHON, measured=False)
        yield from of_runtimes(baseline.bundle.runtimes, Runner.LITERT_PYTHON)


def _phone_tool_differences(options: Options, baseline: Side) -> Iterator[str]:
    """Yields how the cached tool for phones differs from the one in the baseline's bundle."""
    from bench.cli.requests import tool_request
    from bench.flow.gate.bundle import official
    from bench.flow.gate.differences import of_tool
    from bench.tool.elf import read_elf
    from bench.tool.fetch import cached_tool
    from bench.tool.flags import Program

    elf = None if baseline.tool is None else read_elf(baseline.tool)
    if baseline.bundle is None or elf is None:
        return
    asked = tool_request(options)
    program = asked.program or Program.INTERPRETER
    cached = cached_tool(elf.abi, program=program, version=asked.version)
    if cached is not None:
        tool = official(cached)
        yield from of_tool(baseline.bundle.tool, tool.sha256, tool.kind, measured=False)


def _baseline(options: Options) -> Side:
    """Returns the baseline's side; it holds a tool if --own-tools is set."""
    from bench.flow.gate.references import side

    if options.baseline is None:
        raise ConfigurationError(
            "no baseline is given",
            hint=f"save one from a good revision: {_SAVE}; then give it: --baseline DIR",
        )
    baseline = side(options.baseline, zoo=options.zoo)
    if options.own_tools and baseline.tool is None:
        raise ConfigurationError(
            f"{options.baseline}: has no tool for --own-tools; only official ones can be bundled",
            hint=f"save it with one: {_SAVE} --benchmark-binary PATH",
        )
    official = options.benchmark_binary is not None or options.tool is not None
    own_tool = "--own-tools" if options.own_tools else "--baseline-tool"
    if (options.own_tools or options.baseline_tool) and options.host and not official:
        raise ConfigurationError(
            f"{own_tool} on this machine: the candidate would be measured by the LiteRT "
            "interpreter, whose times are not those of the baseline's tool",
            hint="give the candidate's tool, which is never taken from its folder: "
            "--benchmark-binary PATH",
        )
    return baseline


def _gate(options: Options, comparison: Comparison) -> Gate:
    margins = gate_flags.margins_of(options)
    gate = gate_flags.gate_of(options, comparison, folder=GATES, margins=margins)
    revision = options.revision or os.environ.get("GITHUB_SHA", "")
    return replace(gate, revision=revision, size_margin=options.size_margin)


def _with_scores(options: Options, gate: Gate) -> Gate:
    """Returns the gate with the score differences of its models, if a task set is given."""
    if options.task_set is None:
        return gate
    from bench.cli.terminal import one_bar
    from bench.flow.gate.accuracy import score_pairs
    from bench.gate.rule import AccuracyRule
    from models.audio.tasks import task_set

    rule = AccuracyRule(
        margin=options.accuracy_margin,
        tolerance=min(AccuracyRule().tolerance, options.accuracy_margin / 4),
        false_alarms_per_gate=options.false_alarms,
    )
    tasks = task_set(options.task_set)
    with one_bar("score", "score {}") as on_progress:
        scores = score_pairs(gate.comparison.pairs, tasks, on_progress=on_progress)
        return replace(gate, accuracy=rule, scores=tuple(scores))


def _save_baseline(options: Options, folder: Path) -> int:
    """Saves a side as a bundle, with the benchmark tool where the command line gives one."""
    from bench.flow.gate.bundle import CONTENTS, check_tool, host_runner, official, save
    from bench.tool.host import litert_tool

    if options.baseline is not None:
        raise ConfigurationError(
            "--save-baseline saves the candidate and compares nothing",
            hint="leave out --baseline, or --save-baseline",
        )
    candidate = _candidate(options)
    binary = options.benchmark_binary
    if binary is None and candidate.tool is not None:
        print_to_stderr(
            f"{candidate.tool}: not saved, because a folder's own tool is not trusted; "
            "--benchmark-binary PATH saves one"
        )
    if binary is not None:
        check_tool(binary)
        bundle = save(folder, candidate.targets, tool=official(binary), binary=binary)
    elif options.host:
        tool, runtimes = host_runner(litert_tool())
        bundle = save(folder, candidate.targets, tool=tool, runtimes=runtimes)
    else:
        bundle = save(folder, candidate.targets)
        print_to_stderr("no tool is bundled; --benchmark-binary PATH adds one, for --own-tools")
    if options.json:
        print_json({"bundle": config.unstructure(bundle)})
    else:
        for each in bundle.files:
            print_line(f"{each.name} {each.format} {each.sha256}")
    print_to_stderr(f"wrote {folder / CONTENTS}")
    return 0
