"""``frill-bench bisect``: which of several tools or model files, in order, became slower."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, gate_flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError, worst
from bench.core.hashing import sha256_file, sha256_value
from bench.core.paths import CALIBRATIONS, folder_beside

if TYPE_CHECKING:
    from bench.flow.fleet import Lane
    from bench.flow.gate.bisection import Bisection, Revision
    from bench.gate.history.bisection import Compared
    from bench.gate.rule import Rule
    from bench.plan.suite import Target
    from bench.store.records import Session
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench bisect model.tflite --tools builds/"
_LOGS = "bisect"
_KEY = 12  # characters of a bisection's key


class Options(
    gate_flags.BlockFlags, gate_flags.LimitFlags, gate_flags.RuleFlags, flags.VerbOptions
):
    """What the parser of ``bisect`` sets."""

    models: list[str]
    tools: list[Path]
    faster: bool
    zoo: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``bisect``."""
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="one .tflite file or name in the zoo with --tools; else two or more in order, the "
        "oldest first",
    )
    parser.add_argument(
        "--tools",
        nargs="+",
        type=Path,
        default=[],
        metavar="PATH",
        help="builds of the official benchmark_model in order, the oldest first; a folder is its "
        "files, or the benchmark_model in its folders, in the order of their names",
    )
    parser.add_argument(
        "--faster", action="store_true", help="find which became faster, instead of slower"
    )
    flags.add_zoo(parser)
    flags.add_db(parser, "database file or SQLAlchemy URL; logs are in bisect/ beside it")
    flags.add_json(parser)
    flags.add_device(parser)
    how = parser.add_argument_group("how to measure")
    gate_flags.add_how(how)
    gate_flags.add_limits(how)
    rule = parser.add_argument_group("the rule (errors are of all comparisons together)")
    add = partial(gate_flags.add_share, rule)
    add("--margin", "5%", "a step of this share or more must not be missed")
    add("--tolerance", "1%", "a step of this share or less is never named")
    gate_flags.add_false_alarms(rule, "accepted share of bisections that name a step where none is")
    flags.add_tool(parser.add_argument_group("the benchmark tool (of model files)"))


def run(options: Options) -> int:
    """Measures until the step is found, prints the comparisons, returns the exit code."""
    from bench.cli.shown import bisection as shown
    from bench.cli.terminal import print_table
    from bench.gate.history.bisection import Compared, rule_of_each

    gate_flags.require_one_device(options)
    revisions = _revisions(options)
    rule = rule_of_each(gate_flags.rule_of(options), len(revisions))
    bisection = _bisection(options, revisions, rule)
    ends_s = None if options.max_minutes is None else time.monotonic() + 60 * options.max_minutes
    codes: set[int] = set()
    while isinstance(due := bisection.next(), Compared):
        print_to_stderr("{1} against {0}".format(*bisection.named(due)))
        codes.add(_measure(options, bisection, due, rule, ends_s))
        if bisection.next() == due:  # it ended before it was decided
            break
    state = bisection.next()
    if options.json:
        print_json({"bisection": shown.document(bisection, state)})
    else:
        print_table(shown.comparisons(bisection))
    print_to_stderr(shown.conclusion(bisection, state))
    print_to_stderr(f"logs: {bisection.folder}; frill-bench gate --replay shows one")
    return worst({*codes, shown.exit_code(bisection, state)})


def _revisions(options: Options) -> tuple[Revision, ...]:
    """Returns the tools or the files, in order."""
    from bench.flow.gate.bisection import Revision, tools_in_order
    from bench.flow.gate.references import side
    from bench.flow.gate.sides import short_names

    targets: list[Target] = []
    for ref in options.models:
        found = side(ref, zoo=options.zoo).targets
        if len(found) != 1:
            raise ConfigurationError(
                f"{ref}: {len(found)} files", hint="give one file, such as NAME.FORMAT of the zoo"
            )
        targets += found
    tools = tools_in_order(options.tools)
    if not tools:
        names = short_names([target.path for target in targets])
        named = zip(names, targets, strict=True)
        return tuple(Revision(name=name, target=target) for name, target in named)
    if len(targets) > 1:
        raise ConfigurationError(
            f"--tools and {len(targets)} models: what differs is either the tool or the file",
            hint="give one model with --tools, or models without it",
        )
    (target,) = targets
    return tuple(
        Revision(name=name, target=target, tool=tool)
        for name, tool in zip(short_names(tools), tools, strict=True)
    )


def _bisection(options: Options, revisions: tuple[Revision, ...], rule: Rule) -> Bisection:
    """Returns the bisection, whose folder is named by all that its comparisons depend on."""
    from bench.cli.requests import devices_of, tool_request
    from bench.flow.device.requests import SideRequest
    from bench.flow.gate.bisection import Bisection
    from bench.plan.device import Kind

    targets = tuple({each.target.sha256: each.target for each in revisions}.values())
    kind = Kind.HOST if options.host else Kind.PHONE
    sides = [SideRequest(tool=each.tool) for each in revisions if each.tool is not None]
    request = gate_flags.block_request(options, targets, sides, kind)
    asked = tool_request(options)
    if revisions[0].tool is not None:
        asked = replace(asked, binary=revisions[0].tool)
    (device,) = devices_of(options, lambda kind: request, asked)
    identity = [
        config.unstructure(request.suite),
        [[each.target.sha256, sha256_file(each.tool) if each.tool else None] for each in revisions],
        sorted(request.value_files),
        sha256_file(options.benchmark_binary) if options.benchmark_binary else None,
        options.tool,
        options.tool_version,
        config.unstructure(rule),
        options.processes_per_side,
        options.faster,
        device.name,
    ]
    folder = folder_beside(options.db, _LOGS) / sha256_value(identity)[:_KEY]
    return Bisection(revisions=revisions, folder=folder, faster=options.faster)


def _measure(
    options: Options, bisection: Bisection, due: Compared, rule: Rule, ends_s: float | None
) -> int:
    """Measures a comparison, and returns the exit code of what ended it early; else 0."""
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, tool_request
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.jobs import GateJob

    comparison, sides = bisection.gate(due)
    gate = Gate(
        comparison=comparison,
        rule=rule,
        folder=bisection.folder_of(due),
        max_s=None if ends_s is None else max(0.0, ends_s - time.monotonic()),
        seed=options.seed,
        caveats=gate_flags.caveats_of(options),
        on_message=print_to_stderr,
    )
    tool = tool_request(options)
    if sides:
        tool = replace(tool, binary=sides[0].tool)
    request = partial(gate_flags.block_request, options, comparison.targets, sides)
    job = GateJob(
        gate=gate,
        calibrations=folder_beside(options.db, CALIBRATIONS),
        processes_per_side=options.processes_per_side,
    )
    return do_on_devices(devices_of(options, request, tool), job, options.db, _ended_early)


def _ended_early(store: Store, sessions: Sequence[Session], lanes: Sequence[Lane]) -> set[int]:
    """Returns the exit code of gates that something else than a verdict ended."""
    from bench.flow.gate.gate import logs_of
    from bench.gate.records import CloseReason

    codes = {
        CloseReason.INTERRUPTED: 130,
        CloseReason.DEVICE_LOST: 3,
        CloseReason.ENVIRONMENT: 4,
        CloseReason.OUT_OF_TIME: 5,
    }
    closed = [log.closed for _, _, log in logs_of(store, sessions)]
    return {codes[each] for each in closed if each in codes} or {0}
