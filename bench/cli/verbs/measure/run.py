"""``frill-bench run``: measures latency by a suite, or of single files."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import flags
from bench.cli.console import print_json, print_line, print_to_stderr
from bench.core import config
from bench.core.errors import ConfigurationError

if TYPE_CHECKING:
    from bench.flow.device.device import Device
    from bench.flow.device.requests import RunRequest
    from bench.flow.device.sweep import Sweep
    from bench.flow.fleet import Lane
    from bench.plan.device import Kind
    from bench.plan.suite import Suite, Target
    from bench.store.records import Session
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench run --model model.tflite --num-threads 1,2"


class Options(flags.DeviceFlags, flags.InputFlags, flags.VerbOptions):
    """What the parser of ``run`` sets."""

    suite: Path | None
    model: list[Path]
    zoo: Path
    db: str
    num_threads: list[int] | None
    delegate: str | None
    affinity: str | None
    external_delegate: str | None
    external_delegate_options: str | None
    require_full_delegation: bool
    op_profile: bool
    peak_memory: bool
    check: bool | None
    conventional: bool | None
    streaming: bool
    cold: bool
    warm_cache: bool
    sustained: float | None
    energy: bool
    processes: int | None
    ci_width: float | None
    max_processes: int | None
    max_repeats: int | None
    num_runs: int | None
    warmup_runs: int | None
    min_secs: float | None
    max_secs: float | None
    warmup_min_secs: float | None
    seed: int | None
    timeout: float | None
    dry_run: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``run``."""
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "suite", nargs="?", type=Path, metavar="SUITE.yaml", help="measurement plan (YAML)"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE.tflite",
        help="measure these files instead of the suite's models",
    )
    flags.add_zoo(parser)
    flags.add_db(parser)
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the commands, one per line, and measure nothing",
    )
    flags.add_json(parser)
    flags.add_device(parser)
    _add_how(parser.add_argument_group("how to measure (overrides the suite)"))
    flags.add_inputs(parser.add_argument_group("what models are given"))
    flags.add_tool(parser.add_argument_group("the benchmark tool"))


def _add_how(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--num-threads", type=flags.counts, metavar="N,N", help="numbers of threads")
    add("--delegate", metavar="D,D", help="one or more of xnnpack, none, gpu, nnapi, external")
    add("--affinity", metavar="MASK", help="cores: a hex mask as for taskset, big or all")
    add(
        "--require-full-delegation",
        action="store_true",
        help="fail if a delegate does not take all nodes",
    )
    add("--external-delegate", metavar="LIB.so", help="library of the external delegate")
    add("--external-delegate-options", metavar="K:V;K:V", help="options for that library")
    add(
        "--op-profile",
        action="store_true",
        help="also time each operator, in up to six separate processes",
    )
    add("--peak-memory", action="store_true", help="also sample memory, in a separate process")
    add(
        "--check",
        action=argparse.BooleanOptionalAction,
        help="compare the official tool's outputs with the interpreter's on real speech (default: "
        "those of files with a manifest)",
    )
    add(
        "--conventional",
        action=argparse.BooleanOptionalAction,
        help="also run one process with benchmark_model's defaults, 50 runs (default: on phones)",
    )
    add(
        "--streaming",
        action="store_true",
        help="also measure with a pause of one hop between inferences, as on live audio",
    )
    add("--cold", action="store_true", help="also measure the first inference of new processes")
    add(
        "--warm-cache",
        action="store_true",
        help="on phones a first process writes the delegate's cache (XNNPACK's weights, or the "
        "GPU's programs), and all others read it; the rows are apart from those without",
    )
    add(
        "--sustained",
        type=flags.seconds,
        metavar="MIN",
        help="at the end also run each case continuously for MIN minutes",
    )
    add(
        "--energy",
        action="store_true",
        help="also read a phone's energy meter (Pixel 6 and later) in these two modes",
    )
    add("--processes", type=int, metavar="N", help="processes per case")
    add(
        "--ci-width",
        type=flags.share,
        metavar="P%",
        help="run more processes until the 95%% interval is at most this share of the median wide",
    )
    add("--max-processes", type=int, metavar="N", help="limit for --ci-width (default: five times)")
    add(
        "--max-repeats",
        type=int,
        metavar="N",
        help="how many invalid processes may be repeated (default: as many as --processes)",
    )
    flags.add_protocol(group)
    flags.add_timeout(group)
    add("--seed", type=int, help="seed of the order of the processes")


def run(options: Options) -> int:
    """Measures, prints the results, returns the exit code."""
    from bench.cli.measuring import do_on_devices
    from bench.cli.requests import devices_of, tool_request
    from bench.flow.fleet import MeasureJob

    targets: dict[str, Target] = {}

    def request(kind: Kind) -> RunRequest:
        run_request = _request(options, kind)
        targets.update({target.sha256: target for target in run_request.targets})
        return run_request

    devices = devices_of(options, request, tool_request(options))
    if options.dry_run:
        _print_commands(devices, as_json=options.json)
        return 0
    job = MeasureJob(targets=tuple(targets.values()), check=options.check)
    return do_on_devices(devices, job, options.db, partial(_show, options))


def _request(options: Options, kind: Kind) -> RunRequest:
    """Returns the request to a kind of device, from the suite and the command line."""
    from bench.cli.requests import measured_files
    from bench.flow.device.requests import RunRequest
    from bench.plan.suite import bare_target, select, zoo_targets

    suite = _suite(options, kind)
    folder = options.suite.parent if options.suite else Path()
    if options.model:
        files = {target.sha256: target for target in map(bare_target, options.model)}
        targets = tuple(files.values())
    else:
        targets = select(suite, zoo_targets(options.zoo), beside=folder)
    library = options.external_delegate
    if suite.external_delegate is not None and library is None:
        raise ConfigurationError(
            f"{options.suite}: names the library {suite.external_delegate}, and a library is "
            "loaded only from a path on the command line",
            hint="check the file, and give it: --external-delegate PATH",
        )
    given = measured_files(options, targets, suite.inputs(folder))
    choices = (options.suite, options.delegate, options.external_delegate)
    return RunRequest(
        suite=suite,
        targets=given.targets,
        value_files=given.value_files,
        library=None if library is None else Path(library).absolute(),
        delegates_are_default=choices == (None, None, None),
        timeout_s=options.timeout,
    )


def _suite(options: Options, kind: Kind) -> Suite:
    from bench.plan.case import EVIDENCE
    from bench.plan.device import Kind
    from bench.plan.suite import Suite, host_suite, phone_suite

    packaged = host_suite if kind is Kind.HOST else phone_suite
    suite = config.load(options.suite, Suite) if options.suite else packaged()
    suite = config.structure(
        {**config.unstructure(suite), **_overrides(options)}, Suite, source="command line"
    )
    protocol = {name: getattr(options, name) for name in (*EVIDENCE, *flags.PROTOCOL)}
    overrides = {name: value for name, value in protocol.items() if value is not None}
    return replace(suite, protocol=replace(suite.protocol, **overrides))


def _print_commands(devices: Sequence[Device], *, as_json: bool) -> None:
    """Prints the exact command of each process, in order."""
    from bench.flow.device.device import Contact

    commands: list[list[str]] = []
    for device in devices:
        with device.opened(Contact()):
            commands += _commands(device.stage(models=False))
    if as_json:
        print_json({"commands": commands})
        return
    for command in commands:
        print_line(shlex.join(command))


def _commands(sweep: Sweep) -> list[list[str]]:
    variables = [f"{name}={value}" for name, value in sweep.tool.environment().items()]
    prefix = ["env", *variables] if variables else []
    planned = [each.case for each in sweep.planned()]
    warm = {case.cache_key: case for case in planned if sweep.cache_of(case) is not None}
    writing = [sweep.writing_command(case) for case in warm.values()]
    return [[*prefix, *command] for command in (*writing, *map(sweep.command, planned))]


def _show(
    options: Options, store: Store, sessions: Sequence[Session], lanes: Sequence[Lane]
) -> set[int]:
    """Prints the results; returns the exit codes: 4 where a case failed."""
    from bench.cli.shown.cases import show
    from bench.flow.report.stored import results

    measured = [(session, results(store, session)) for session in sessions]
    errors = [(lane.device, lane.error) for lane in lanes if lane.error is not None]
    show(measured, errors, as_json=options.json)
    for session in sessions:
        print_to_stderr(f"wrote session {session.id} of {session.device.name} to {store.url}")
    return {4} if any(each.is_bad for _, cases in measured for each in cases) else set()


def _overrides(options: Options) -> dict[str, object]:
    from bench.plan.case import ASKABLE, Delegate

    values: dict[str, object] = {
        "threads": options.num_threads,
        "affinity": options.affinity,
        "external_delegate_options": options.external_delegate_options,
        "require_full_delegation": options.require_full_delegation or None,
        "fixed_performance": options.fixed_performance or None,
        "op_profile": options.op_profile or None,
        "peak_memory": options.peak_memory or None,
        "conventional": options.conventional,
        "streaming": options.streaming or None,
        "cold": options.cold or None,
        "warm_cache": options.warm_cache or None,
        "sustained_min": options.sustained,
        "energy": options.energy or None,
        "seed": options.seed,
    }
    if options.external_delegate is not None:
        # Relative to the current folder, not to the suite.
        values["external_delegate"] = str(Path(options.external_delegate).absolute())
        values["delegates"] = [Delegate.EXTERNAL.value]
    if options.delegate is not None:
        values["delegates"] = flags.words(options.delegate, list(ASKABLE), "delegate")
    return {name: value for name, value in values.items() if value is not None}
