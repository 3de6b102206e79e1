"""``frill-bench gate`` on this machine and on a phone, and what it says at the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import progress, tell
from bench.cli.phones import Narrator, chosen, wanted_of
from bench.cli.shown.ci_files import leave
from bench.cli.shown.gate import exit_codes, show
from bench.cli.verbs.run import refuse_phone_flags
from bench.core.errors import ConfigurationError, worst
from bench.flow.fleet import Lane, measure_phones
from bench.flow.gate.blocks import host_limits
from bench.flow.gate.calibrate import CalibratedGate
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.log_file import read
from bench.flow.measure.sweep import host_sweep
from bench.plan.case import Delegate
from bench.plan.suite import GATE, Suite, Target, host_suite, phone_suite
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.host import litert_tool, official_tool

if TYPE_CHECKING:
    from bench.cli.gate_flags import Options

# Our runner tells every inference, and the fastest of more of them moves less.
_RUNS = 15


def on_host(
    options: Options,
    gate: Gate | CalibratedGate,
    targets: tuple[Target, ...],
    second_tool: Path | None,
    shown: Callable[[Options, Store, Session], set[int]],
) -> int:
    """Measures on this machine, prints what is ``shown``, returns the exit code."""
    refuse_phone_flags(options)
    binary = options.benchmark_binary
    tool = official_tool(binary) if binary else litert_tool()
    sweep = host_sweep(_suite(options), targets, tool, timeout_s=options.timeout)
    other = official_tool(second_tool) if second_tool else tool
    tools = {} if other.sha256 == tool.sha256 else {other.sha256: other}
    sweep = replace(sweep, limits=host_limits(sweep), tools=tools)
    codes: set[int] = set()
    with Store.open(options.db) as store:
        for target in targets:
            if target.artifact is not None:
                store.add_artifact(target.artifact)
        session = gate.open_session(sweep, store)
        try:
            with progress() as bars:
                task = bars.add_task("blocks", total=None)
                gate.measure(
                    sweep,
                    session,
                    store,
                    progress=lambda now: bars.update(task, completed=now.done, total=now.total),
                )
        finally:  # also when interrupted: what was measured is shown
            codes = shown(options, store, session)
    return worst(codes)


def on_phone(
    options: Options,
    gate: Gate | CalibratedGate,
    targets: tuple[Target, ...],
    second_tool: Path | None,
    shown: Callable[[Options, Store, Session], set[int]],
) -> int:
    """Measures on the phone that is meant, prints what is ``shown``, returns the exit code."""
    found = chosen(options.serial)
    if len(found) > 1:
        raise ConfigurationError(
            f"a gate takes one phone, not {len(found)}", hint="run one gate a phone, with one -s"
        )
    wanted = replace(
        wanted_of(options, _suite(options), targets),
        open_session=gate.open_session,
        measure=gate.measure,
        second_tool=second_tool,
    )
    Store.open(options.db).close()  # a database that cannot be used is told before phones are
    lanes: list[Lane] = []
    codes: set[int] = set()
    display = progress()
    with display as bars:
        narrator = Narrator(bars)
        try:
            with ThreadPoolExecutor(1) as executor:
                lanes = measure_phones(
                    found, wanted, options.db, executor=executor, narrator=narrator
                )
        finally:  # also when interrupted: what was measured is shown
            bars.stop()
            with Store.open(options.db) as store:
                for session in narrator.sessions:
                    codes |= shown(options, store, session)
    for error in (lane.error for lane in lanes if lane.error is not None):
        tell(str(error))
        codes.add(error.exit_code)
    return worst(codes)


def _suite(options: Options) -> Suite:
    suite = host_suite() if options.host else phone_suite()
    ours = options.host and options.benchmark_binary is None
    return replace(
        suite,
        name=GATE,
        delegates=(Delegate(options.delegate),) if options.delegate else suite.delegates,
        threads=(options.threads,),
        fixed_performance=options.fixed_performance,
        conventional=False,
        protocol=replace(suite.protocol, num_runs=_RUNS) if ours else suite.protocol,
    )


def verdicts_shown(options: Options, store: Store, session: Session) -> set[int]:
    """Prints what a gate's log says, and returns the exit codes that gives."""
    path = log_of(store, session)
    if not path.exists():  # it ended before it began
        return set()
    log = read(path)
    show(log, as_json=options.json)
    tell(f"wrote session {session.id} to {store.url}, its log to {path}")
    codes = exit_codes(log, undecided_fails=options.undecided == "fail")
    leave(options, log, exit_code=worst(codes), started_at=session.started_at)
    return codes
