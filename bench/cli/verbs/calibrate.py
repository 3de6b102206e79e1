"""``frill-bench calibrate``: the noise of a device, from files measured against themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.cli import flags as shared
from bench.cli import gate_flags as gate_options
from bench.cli.verbs import run as run_verb

if TYPE_CHECKING:
    from rich.table import Table

    from bench.flow.gate.references import Side
    from bench.gate.calibration import Calibration, ModelClass
    from bench.gate.log import Log
    from bench.store.records import Session
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench calibrate --model zoo --host"
_BLOCKS = 60
_ORDER_EFFECT = 0.02  # beyond it a gate needs more blocks; its verdicts stay correct


class Options(gate_options.Options):
    """The parsed flags; of those of ``gate`` the ones about the device and the tool."""

    refs: list[str]
    blocks: int | None
    minutes: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``calibrate``."""
    parser.epilog = _EXAMPLE
    parser.set_defaults(suite=None, model=[], check=False)
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
    shared.add_zoo(parser)
    add("--db", default="frill-bench.db", metavar="FILE", help="database file or SQLAlchemy URL")
    shared.add_json(parser)
    run_verb.add_where(parser.add_argument_group("where (default: the only phone attached)"))
    run_verb.add_state(parser.add_argument_group("the phone's settings (restored at the end)"))
    how = parser.add_argument_group("how")
    how.add_argument(
        "--blocks",
        type=int,
        metavar="N",
        help=f"blocks of each model (default: {_BLOCKS}, or as many as --minutes allows)",
    )
    how.add_argument(
        "--minutes",
        type=run_verb.seconds,
        metavar="MIN",
        help="stop after this time; the same command continues",
    )
    gate_options.add_how(how)
    run_verb.add_tool(parser.add_argument_group("the benchmark tool"))


def run(options: argparse.Namespace) -> int:
    """Measures, prints and stores the calibration, returns the exit code."""
    from bench.cli.gate_devices import on_host, on_phone
    from bench.flow.gate.calibrate import with_themselves
    from bench.flow.gate.gate import Gate
    from bench.flow.gate.references import side
    from bench.gate.calibration import MOST_BLOCKS, same_rule

    chosen = cast("Options", options)
    default = _BLOCKS if chosen.minutes is None else MOST_BLOCKS
    rule = same_rule(default if chosen.blocks is None else chosen.blocks)
    sides = [side(ref, zoo=chosen.zoo) for ref in chosen.refs]
    if chosen.benchmark_binary is None:
        chosen.benchmark_binary = _tool(sides)
    comparison = with_themselves(sides)
    gate = Gate(
        comparison=comparison,
        rule=rule,
        folder=gate_options.beside(chosen, gate_options.CALIBRATIONS),
        max_s=None if chosen.minutes is None else 60 * chosen.minutes,
        seed=chosen.seed,
        caveats=gate_options.caveats(chosen),
    )
    targets = {each.candidate.sha256: each.candidate for each in comparison.pairs}
    measured = on_host if chosen.host else on_phone
    return measured(chosen, gate, tuple(targets.values()), None, _shown)


def _tool(sides: list[Side]) -> Path | None:
    """Returns the official tool of the first bundle that has one, as a gate of it takes it."""
    return next((each.tool for each in sides if each.tool is not None), None)


def _shown(options: gate_options.Options, store: Store, session: Session) -> set[int]:
    """Stores and prints the calibration of an A/A run, and returns its exit codes."""
    from bench.cli.console import tell
    from bench.core.errors import ConfigurationError
    from bench.flow.gate.calibrate import calibration_of, save
    from bench.flow.gate.gate import log_of
    from bench.flow.gate.log_file import read

    path = log_of(store, session)
    if not path.exists():  # it ended before it began
        return set()
    log = read(path)
    try:
        calibration = calibration_of(log, path, session, store)
    except ConfigurationError as error:
        tell(str(error))
        return {4, *_codes(log)}
    written = save(gate_options.beside(options, gate_options.CALIBRATIONS), calibration)
    _print(calibration, as_json=options.json)
    for line in _messages(log, calibration):
        tell(line)
    tell(f"wrote {written}, session {session.id} to {store.url}, its log to {path}")
    return _codes(log)


def _codes(log: Log) -> set[int]:
    from bench.gate.records import CloseReason, ModelFailed

    codes = {
        3: log.closed is CloseReason.DEVICE_LOST,
        4: log.closed is CloseReason.ENVIRONMENT
        or any(isinstance(each, ModelFailed) for each in log.entries),
    }
    return {code for code, holds in codes.items() if holds} or {0}


def _messages(log: Log, calibration: Calibration) -> Iterator[str]:
    from bench.core import units
    from bench.gate.calibration import LEAST_BLOCKS, MANY_MODELS
    from bench.gate.records import CloseReason, ModelFailed

    yield (
        "passed, regressed, red: of simulated gates whose blocks are resampled from these, with a "
        f"new coin each, as of {MANY_MODELS} models; in brackets the upper limit of red gates "
        "(one-sided, 95 %)"
    )
    yield from (f"{each.text} ({each.kind}: {each.effect})" for each in calibration.caveats)
    known = {model for each in calibration.classes for model in each.models}
    failed = {each.model: each.reason for each in log.entries if isinstance(each, ModelFailed)}
    for pair in log.opened.models:
        if str(pair.model) not in known:
            why = failed.get(pair.model, f"fewer than {LEAST_BLOCKS} blocks")
            yield f"{pair.model}: left out: {why}"
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
    from bench.cli.console import print_json, print_table
    from bench.core import config

    if as_json:
        print_json(
            {
                "calibration": {
                    **config.unstructure(calibration),
                    "processes_per_side": calibration.processes_per_side,
                }
            }
        )
        return
    for table in (_noise(calibration), _costs(calibration)):
        print_table(table)


def _noise(calibration: Calibration) -> Table:
    from bench.core import units
    from bench.core.caveats import CaveatKind

    virtual = any(each.kind is CaveatKind.VIRTUAL for each in calibration.caveats)
    table = _table(
        f"noise of blocks, on {calibration.device}{' (virtual)' * virtual}",
        ("models", "count", "blocks", "block SD % (plain)", "modes", "process s",
         "processes per side", "detects from", "red of 1 model %", "red of 30 %"),
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
    from bench.core import units

    if each.modes is None:
        return "one"
    share, slowdown = map(units.percent, (each.modes.share, each.modes.slowdown))
    return f"two: {share} % are {slowdown} % slower"


def _costs(calibration: Calibration) -> Table:
    from bench.core import units
    from bench.gate.calibration import MARGINS

    table = _table(
        "cost of a gate per model",
        ("models", "margin", "unchanged: s", "passed %", "slower by it: s", "regressed %"),
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


def _table(title: str, headings: tuple[str, ...]) -> Table:
    from bench.cli.console import plain_table

    table = plain_table(title)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    return table
