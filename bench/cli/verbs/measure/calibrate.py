"""``frill-bench calibrate``: the noise of a device, from files measured against themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags, gate_flags
from bench.cli.console import print_json, print_to_stderr
from bench.core import config, units
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.core.paths import CALIBRATIONS, folder_beside

if TYPE_CHECKING:
    from rich.table import Table

    from bench.flow.fleet import Lane
    from bench.gate.calibration.device_noise import Calibration, ModelClass
    from bench.gate.calibration.protocols import MeasuredProtocol
    from bench.gate.log import Log
    from bench.store.records import Session
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench calibrate --model zoo --host"
_BLOCKS = 60
_FEWEST, _OF_ALL = 20, 120  # of several models, whose blocks add up
_ORDER_EFFECT = 0.02  # above it a gate needs more blocks; its verdicts stay correct


class Options(gate_flags.BlockFlags, flags.VerbOptions):
    """What the parser of ``calibrate`` sets."""

    refs: list[str]
    blocks: int | None
    minutes: float | None
    zoo: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``calibrate``."""
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add(
        "--model",
        dest="refs",
        nargs="+",
        action="extend",
        required=True,
        metavar="REF",
        help="models to measure: .tflite files, bundles, folders of artifacts, or names in the zoo",
    )
    flags.add_zoo(parser)
    flags.add_db(parser)
    flags.add_json(parser)
    flags.add_device(parser)
    how = parser.add_argument_group("how to measure")
    how.add_argument(
        "--blocks",
        type=int,
        metavar="N",
        help="blocks of each model with each protocol (default: "
        f"{_BLOCKS}, fewer of more than two models, or as many as --minutes allows)",
    )
    how.add_argument(
        "--minutes",
        type=flags.seconds,
        metavar="MIN",
        help="stop after this time, with as many blocks of each; the same command resumes",
    )
    gate_flags.add_how(how)
    flags.add_tool(parser.add_argument_group("the benchmark tool"))


def run(options: Options) -> int:
    """Measures, prints and stores the calibration, returns the exit code."""
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, tool_request
    from bench.flow.gate.calibrate import pair_with_themselves
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.jobs import CalibrationJob
    from bench.flow.gate.references import side
    from bench.gate.calibration.device_noise import MOST_BLOCKS, same_rule

    sides = [side(ref, zoo=options.zoo) for ref in options.refs]
    if options.benchmark_binary is None:
        for tool in [each.tool for each in sides if each.tool is not None]:
            print_to_stderr(f"{tool}: not run; --benchmark-binary {tool} calibrates with it")
    comparison = pair_with_themselves(sides)
    default = _blocks(len(comparison.pairs)) if options.minutes is None else MOST_BLOCKS
    rule = same_rule(default if options.blocks is None else options.blocks)
    gate = Gate(
        comparison=comparison,
        rule=rule,
        folder=folder_beside(options.db, CALIBRATIONS),
        max_s=None if options.minutes is None else 60 * options.minutes,
        seed=options.seed,
        caveats=gate_flags.caveats_of(options),
    )
    request = partial(gate_flags.block_request, options, comparison.targets, ())
    devices = devices_of(options, request, tool_request(options))
    job = CalibrationJob(
        gate=gate,
        keeps_protocol=bool(gate_flags.given_protocol(options)),
        on_message=print_to_stderr,
    )
    return do_on_devices(devices, job, options.db, partial(_show, options))


def _blocks(models: int) -> int:
    """Returns the blocks of each of so many models, which count together."""
    return max(_FEWEST, min(_BLOCKS, _OF_ALL // models))


def _show(
    options: Options, store: Store, sessions: Sequence[Session], lanes: Sequence[Lane]
) -> set[int]:
    """Stores and prints the calibrations of A/A runs, and returns their exit codes."""
    from bench.flow.gate.calibrate import calibration_of, save
    from bench.flow.gate.gate import logs_of

    codes: set[int] = set()
    for session, path, log in logs_of(store, sessions):
        codes |= _codes(log)
        try:
            calibration = calibration_of(log, path, session, store)
        except ConfigurationError as error:
            print_to_stderr(str(error))
            codes.add(4)
            continue
        written = save(folder_beside(options.db, CALIBRATIONS), calibration)
        _print(calibration, as_json=options.json)
        for line in _messages(log, calibration):
            print_to_stderr(line)
        print_to_stderr(f"wrote {written}, session {session.id} to {store.url}, its log to {path}")
    return codes


def _codes(log: Log) -> set[int]:
    from bench.gate.records import CloseReason, ModelFailed

    codes = {
        3: log.closed is CloseReason.DEVICE_LOST,
        4: log.closed is CloseReason.ENVIRONMENT
        or any(isinstance(each, ModelFailed) for each in log.entries),
    }
    return {code for code, holds in codes.items() if holds} or {0}


def _messages(log: Log, calibration: Calibration) -> Iterator[str]:
    from bench.gate.calibration.costs import MANY_MODELS
    from bench.gate.calibration.device_noise import LEAST_BLOCKS
    from bench.gate.calibration.protocols import model_of
    from bench.gate.records import CloseReason, ModelFailed

    yield (
        "passed, regressed, red: shares of simulated gates. Their blocks are resampled from the "
        f"measured ones, each with a new coin; passed and regressed are for {MANY_MODELS} models. "
        "In brackets: the upper limit of red gates (one-sided, 95 %)"
    )
    yield from (f"{each.text} ({each.kind}: {each.effect})" for each in calibration.caveats)
    calibrated = {model for each in calibration.classes for model in each.models}
    failed = {each.model: each.reason for each in log.entries if isinstance(each, ModelFailed)}
    left_out = {model_of(pair): f"fewer than {LEAST_BLOCKS} blocks" for pair in log.opened.models}
    left_out |= {
        model_of(pair): failed[pair.model] for pair in log.opened.models if pair.model in failed
    }
    for model, why in left_out.items():
        if str(model) not in calibrated:
            yield f"{model}: left out: {why}"
    if calibration.protocol is not None:
        yield f"gates on this device measure {calibration.protocol.text} in each process"
    for each in calibration.classes:
        if each.second_slower > _ORDER_EFFECT:
            yield (
                f"{each.name}: the second process of a block is "
                f"{units.percent(each.second_slower)} % slower, so gates need more blocks; let the "
                "device rest and cool, or hold its clocks with --fixed-performance"
            )
    if log.closed is not CloseReason.DECIDED:
        blocks = sum(each.blocks for each in calibration.classes)
        yield f"ended early: {log.closed}; the calibration has {blocks} blocks"


def _print(calibration: Calibration, *, as_json: bool) -> None:
    from bench.cli.terminal import print_table

    if as_json:
        fields = config.unstructure(calibration)
        per_side = {"processes_per_side": calibration.processes_per_side}
        print_json({"calibration": {**fields, **per_side}})
        return
    for table in (_protocols(calibration), _noise(calibration), _costs(calibration)):
        print_table(table)


def _protocols(calibration: Calibration) -> Table:
    from bench.cli.terminal import plain_table

    table = plain_table(
        "protocols of a process",
        ("models", "warm-up s", "inferences", "blocks", "above longest warm-up %", "block SD %",
         "process s", "processes per side", "unchanged: s per correct verdict", ""),
        left=("models", "inferences", ""),
    )  # fmt: skip
    for each in calibration.classes:
        for measured in each.protocols:
            protocol = measured.protocol
            if protocol is None:
                continue
            per_side = calibration.sides_with(protocol)
            table.add_row(
                each.name,
                f"{protocol.warmup_s:g}",
                protocol.inferences,
                str(measured.blocks),
                _rise(measured),
                units.percent(measured.block_sd),
                units.significant(measured.process_s, 2),
                str(per_side),
                units.significant(measured.correct_s(per_side), 2),
                _worth(calibration, each, measured),
            )
    return table


def _rise(measured: MeasuredProtocol) -> str:
    if measured.rise is None:
        return "the longest"
    value, low, high = (
        None if ratio is None else units.percent(ratio - 1)
        for ratio in (measured.rise.value, measured.rise.low, measured.rise.high)
    )
    return f"{value}" if low is None else f"{value} ({low} to {high})"


def _worth(calibration: Calibration, each: ModelClass, measured: MeasuredProtocol) -> str:
    """Returns why a protocol was not chosen: the clocks, or what it costs more."""
    if measured.protocol == calibration.protocol:
        return "chosen"
    if not measured.is_eligible:
        return "clocks not risen"
    chosen = next(one for one in each.protocols if one.protocol == calibration.protocol)
    now_s, then_s = (
        one.correct_s(calibration.sides_with(one.protocol))
        for one in (chosen, measured)
        if one.protocol is not None
    )
    return f"{100 * (then_s / now_s - 1):+.0f} %"


def _noise(calibration: Calibration) -> Table:
    from bench.cli.terminal import plain_table

    virtual = any(each.kind is CaveatKind.VIRTUAL for each in calibration.caveats)
    table = plain_table(
        f"noise of blocks, on {calibration.device}{' (virtual)' * virtual}",
        ("models", "count", "blocks", "block SD % (plain)", "modes", "process s",
         "processes per side", "detects from", "red of 1 model %", "red of 30 %"),
        left=("models",),
    )  # fmt: skip
    for each in calibration.classes:
        table.add_row(
            each.name,
            str(len(each.models)),
            str(each.blocks) + (f" (+{each.discarded} discarded)" if each.discarded else ""),
            f"{units.percent(each.block_sd)} ({units.percent(each.block_sd_plain)})",
            _modes(each),
            units.significant(each.process_s, 2),
            str(each.processes_per_side),
            f"+{units.percent(each.smallest_slowdown)} %",
            *(
                f"{units.percent(red.share)} (≤ {units.percent(red.high)})"
                for red in (each.red_alone, each.red_of_many)
            ),
        )
    return table


def _modes(each: ModelClass) -> str:
    if each.modes is None:
        return "one"
    share, slowdown = map(units.percent, (each.modes.share, each.modes.slowdown))
    return f"two: {share} % are {slowdown} % slower"


def _costs(calibration: Calibration) -> Table:
    from bench.cli.terminal import plain_table
    from bench.gate.calibration.costs import MARGINS

    table = plain_table(
        "cost of a gate per model",
        ("models", "margin", "unchanged: s", "passed %", "slower by it: s", "regressed %"),
        left=("models",),
    )
    for each in calibration.classes:
        for margin in MARGINS:
            cost = each.cost(margin, calibration.processes_per_side)
            if cost is not None:
                table.add_row(
                    each.name,
                    f"{units.percent(margin)} %",
                    units.significant(cost.unchanged_s, 2),
                    units.percent(cost.passed),
                    units.significant(cost.slower_s, 2),
                    units.percent(cost.caught),
                )
    return table
