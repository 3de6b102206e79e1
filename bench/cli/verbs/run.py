"""``frill-bench run``: measures latency by a suite, or of single files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.cli import flags as shared

if TYPE_CHECKING:
    from bench.flow.measure.sweep import Sweep
    from bench.plan.suite import Suite, Target
    from bench.store.store import Store

_EXAMPLE = "example: frill-bench run --model model.tflite --num-threads 1,2"


class Options(argparse.Namespace):
    """What was asked for."""

    suite: Path | None
    host: bool
    serial: list[str]
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
    sustained: float | None
    processes: int | None
    ci_width: float | None
    max_processes: int | None
    max_repeats: int | None
    seed: int | None
    benchmark_binary: Path | None
    tool: str
    tool_version: str | None
    accept_new_tool: bool
    wait_for_device: float
    fixed_performance: bool
    airplane: bool
    keep_screen: bool
    cooldown: float | None
    force_unfit: bool
    timeout: float | None
    dry_run: bool
    json: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``run``."""
    parser.epilog = _EXAMPLE
    parser.add_argument("suite", nargs="?", type=Path, metavar="SUITE.yaml", help="measuring plan")
    parser.add_argument(
        "--model",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="FILE.tflite",
        help="measure these files instead of the suite's models",
    )
    shared.add_zoo(parser)
    parser.add_argument(
        "--db", default="frill-bench.db", metavar="FILE", help="database file or SQLAlchemy URL"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the commands, one a line, and measure nothing"
    )
    shared.add_json(parser)
    add_where(parser.add_argument_group("where (by default the only phone that is attached)"))
    add_state(parser.add_argument_group("the phone's settings (restored at the end)"))
    _add_how(parser.add_argument_group("how (instead of what the suite says)"))
    add_tool(parser.add_argument_group("the benchmark tool"))


def add_where(group: argparse._ArgumentGroup) -> None:
    """Adds the flags that name the device."""
    group.add_argument("--host", action="store_true", help="this machine, instead of phones")
    shared.add_serial(group)
    group.add_argument(
        "--wait-for-device",
        type=seconds,
        default=120.0,
        metavar="S",
        help="how long to wait for a phone that went away, or for its user to allow debugging",
    )


def add_state(group: argparse._ArgumentGroup) -> None:
    """Adds the flags of what is changed on a phone meanwhile, and when it is fit."""
    add = group.add_argument
    add(
        "--fixed-performance",
        action="store_true",
        help="hold the clocks at a level that the phone can sustain; such rows say so",
    )
    add("--airplane", action="store_true", help="airplane mode; not for a phone on the network")
    add("--keep-screen", action="store_true", help="leave it alone, instead of awake and dim")
    add(
        "--cooldown",
        type=seconds,
        metavar="S",
        help="how long to wait for a hot phone (default: what its device profile says)",
    )
    add(
        "--force-unfit",
        action="store_true",
        help="measure an unfit phone too, at once and without a cool-down, and mark each row",
    )


def _add_how(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--num-threads", type=_counts, metavar="N,N", help="numbers of threads")
    add("--delegate", metavar="D,D", help="of xnnpack, none, gpu, nnapi, external")
    add("--affinity", metavar="MASK", help="cores: a hex mask as taskset takes it, big or all")
    add("--require-full-delegation", action="store_true", help="fail if a delegate leaves a node")
    add("--external-delegate", metavar="LIB.so", help="library of the delegate external")
    add("--external-delegate-options", metavar="K:V;K:V", help="what that library is given")
    add("--op-profile", action="store_true", help="also time by operator, in a process of its own")
    add("--peak-memory", action="store_true", help="also sample memory, in a process of its own")
    add(
        "--check",
        action=argparse.BooleanOptionalAction,
        help="compare the official tool's outputs with the interpreter's on real speech (default: "
        "those of files with a manifest)",
    )
    add(
        "--conventional",
        action=argparse.BooleanOptionalAction,
        help="also one process of fifty runs, as people publish it (default: on phones only)",
    )
    add("--streaming", action="store_true", help="also with a pause of the model's hop")
    add("--cold", action="store_true", help="also the first inference of new processes")
    add(
        "--sustained",
        type=seconds,
        metavar="MIN",
        help="at the end also each case for so many minutes without a pause",
    )
    add("--processes", type=int, metavar="N", help="processes a case")
    add(
        "--ci-width",
        type=share,
        metavar="P%",
        help="more processes, until the 95%% interval is no wider than this share of the median",
    )
    add("--max-processes", type=int, metavar="N", help="a limit for that (default: five times)")
    add(
        "--max-repeats",
        type=int,
        metavar="N",
        help="how many may make up for invalid ones (default: as many again)",
    )
    add(
        "--timeout",
        type=seconds,
        metavar="S",
        help="kill a process after so long (default: when its protocol must have ended)",
    )
    add("--seed", type=int, help="of the order of the processes")


def add_tool(group: argparse._ArgumentGroup) -> None:
    """Adds the flags that name the benchmark tool."""
    group.add_argument(
        "--benchmark-binary",
        type=Path,
        metavar="PATH",
        help="this build of the official benchmark_model; on this machine instead of the LiteRT "
        "interpreter, on phones instead of a download",
    )
    group.add_argument(
        "--tool",
        choices=("interpreter", "compiled-model"),
        default="interpreter",
        help="which official program to download for phones",
    )
    group.add_argument("--tool-version", metavar="V", help="of the CompiledModel tool")
    group.add_argument(
        "--accept-new-tool",
        action="store_true",
        help="download it again, and take it though it is not the one of before",
    )


def run(options: argparse.Namespace) -> int:
    """Measures, prints the results, returns the exit code."""
    chosen = cast("Options", options)
    if chosen.host:
        return _on_host(chosen)
    from bench.cli.phones import on_phones

    suite, targets = planned(chosen)
    return on_phones(chosen, suite, targets)


def planned(options: Options) -> tuple[Suite, tuple[Target, ...]]:
    """Returns what the suite and the command line ask for, and the files.

    Raises:
        ConfigurationError: it cannot be, or a file is unusable.
    """
    from bench.core import config
    from bench.plan.case import EVIDENCE
    from bench.plan.suite import (
        Suite,
        bare_target,
        host_suite,
        phone_suite,
        select,
        zoo_targets,
    )

    packaged = host_suite if options.host else phone_suite
    suite = config.load(options.suite, Suite) if options.suite else packaged()
    suite = config.structure(
        {**config.unstructure(suite), **_overrides(options)}, Suite, source="command line"
    )
    evidence = {name: getattr(options, name) for name in EVIDENCE}
    given = {name: value for name, value in evidence.items() if value is not None}
    suite = replace(suite, protocol=replace(suite.protocol, **given))
    if options.model:
        files = {target.sha256: target for target in map(bare_target, options.model)}
        return suite, tuple(files.values())
    beside = options.suite.parent if options.suite else Path()
    return suite, select(suite, zoo_targets(options.zoo), beside=beside)


def refuse_phone_flags(options: Options) -> None:
    """Raises if flags that are for phones were given with ``--host``.

    Raises:
        ConfigurationError: they were.
    """
    from bench.core.errors import ConfigurationError

    if options.serial:
        raise ConfigurationError(
            "--host and -s name two different devices", hint="give one of them"
        )
    of_phones = options.airplane or options.keep_screen or options.force_unfit
    if of_phones or options.cooldown is not None:
        raise ConfigurationError(
            "--airplane, --keep-screen, --cooldown and --force-unfit are for phones",
            hint="leave them out with --host",
        )


def print_commands(sweeps: Sequence[Sweep], *, as_json: bool) -> None:
    """Prints the exact command of each process, in order."""
    import shlex

    from bench.cli.console import print_json

    commands: list[list[str]] = []
    for sweep in sweeps:
        variables = [f"{name}={value}" for name, value in sweep.tool.environment().items()]
        prefix = ["env", *variables] if variables else []
        commands += [[*prefix, *sweep.command(each.case)] for each in sweep.planned()]
    if as_json:
        print_json({"commands": commands})
        return
    for command in commands:
        sys.stdout.write(shlex.join(command) + "\n")


def _overrides(options: Options) -> dict[str, object]:
    from bench.plan.case import Delegate

    given: dict[str, object] = {
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
        "sustained_min": options.sustained,
        "seed": options.seed,
    }
    if options.external_delegate is not None:
        # Relative to where we are, not to the suite.
        given["external_delegate"] = str(Path(options.external_delegate).absolute())
        given["delegates"] = [Delegate.EXTERNAL.value]
    if options.delegate is not None:
        given["delegates"] = shared.words(options.delegate, list(Delegate), "delegate")
    return {name: value for name, value in given.items() if value is not None}


def _on_host(options: Options) -> int:
    from bench.flow.measure.sweep import host_sweep
    from bench.store.store import Store
    from bench.tool.host import litert_tool, official_tool

    refuse_phone_flags(options)
    suite, targets = planned(options)
    binary = options.benchmark_binary
    tool = official_tool(binary) if binary else litert_tool()
    sweep = host_sweep(suite, targets, tool, timeout_s=options.timeout)
    if options.dry_run:
        print_commands([sweep], as_json=options.json)
        return 0
    with Store.open(options.db) as store:
        for target in targets:
            if target.artifact is not None:
                store.add_artifact(target.artifact)
        return _measure(options, sweep, targets, store)


def _measure(options: Options, sweep: Sweep, targets: Sequence[Target], store: Store) -> int:
    from bench.cli.console import progress, tell
    from bench.cli.shown.cases import show
    from bench.flow.measure.session import measure, open_session
    from bench.flow.outputs.check import check_outputs_here
    from bench.flow.report.results import results

    session = open_session(sweep, store)
    try:
        with progress() as display:
            if sweep.tool.binary is not None and options.check is not False:
                task = display.add_task("check outputs", total=None)
                check_outputs_here(
                    sweep,
                    session,
                    store,
                    targets=[each for each in targets if options.check or each.artifact],
                    said=tell,
                    told=lambda done, total: display.update(task, completed=done, total=total),
                )
            task = display.add_task("measure", total=None)
            measure(
                sweep,
                session,
                store,
                progress=lambda now: display.update(task, completed=now.done, total=now.total),
            )
    finally:  # also when interrupted: what was measured is shown
        found = results(store, session)
        show([(session, found)], [], as_json=options.json)
        tell(f"wrote session {session.id} to {store.url}")
    return 4 if any(each.is_bad for each in found) else 0


def _counts(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no comma list of whole numbers") from None


def share(text: str) -> float:
    """Returns the share that ``1%`` or ``0.01`` is."""
    number = text.removesuffix("%")
    try:
        return float(number) / 100 if number != text else float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share, such as 1%") from None


def seconds(text: str) -> float:
    """Returns a duration of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration, from 0")
    return value
