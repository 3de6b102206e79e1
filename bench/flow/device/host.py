"""This machine as a device."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from bench.core.errors import ConfigurationError
from bench.flow.device import derived
from bench.flow.device.device import Contact
from bench.flow.device.requests import RunRequest, ToolRequest
from bench.flow.device.sweep import Sweep, cases_of_sides, every, refuse_short_timeout, runner_of
from bench.measure.conditions import HOST_LIMITS
from bench.plan.case import Case
from bench.plan.device import this_machine
from bench.plan.suite import ALL_CORES, BIG_CORES, Suite, cases
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.fetch import fetch_tool, host_build
from bench.tool.host import Execution, Tool, execute, litert_tool, official_tool

HOST = "host"


class HostDevice:
    """This machine.

    Args:
        sweep: what is measured, from ``host_sweep``.
    """

    name = HOST
    is_this_machine = True

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._contact = Contact()
        self.folder: PurePath = Path()

    @contextmanager
    def opened(self, contact: Contact) -> Iterator[None]:
        """Makes the folder that processes may write to."""
        self._contact = contact
        with tempfile.TemporaryDirectory(prefix="frill-bench-") as folder:
            self.folder = Path(folder)
            yield

    def stage(self, *, models: bool = True) -> Sweep:
        """Returns the sweep; the files are read where they are."""
        return self._sweep

    @contextmanager
    def prepared(self) -> Iterator[Sweep]:
        """Yields the sweep; the settings of this machine are not changed."""
        yield self._sweep

    @contextmanager
    def session(self, session: Session, store: Store, contact: Contact) -> Iterator[None]:
        """Does nothing: interference with a process is in its telemetry."""
        yield

    def require_ready(self) -> None:
        """Does nothing: heat and clocks of this machine become caveats, without waiting."""

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        """Returns one process that ran to its end."""
        sweep = self._sweep
        return execute(
            command or sweep.command(case),
            limit_s=sweep.limit_s(case),
            environment=sweep.tool_of(case).environment(),
            stopped=self._contact.stopped,
        )

    def run_block(self, cases: Sequence[Case]) -> Sequence[Execution]:
        """Returns processes that ran directly after each other, up to the first that failed."""
        executions: list[Execution] = []
        for case in cases:
            executions.append(self.run(case))
            if executions[-1].exit_status or executions[-1].timed_out:
                break
        return executions

    def put(self, files: Mapping[str, Path]) -> Mapping[str, PurePath]:
        """Returns the files' own paths."""
        return files

    def read(self, path: PurePath) -> bytes | None:
        """Returns the content of a file; ``None`` if there is none."""
        return Path(path).read_bytes() if Path(path).is_file() else None

    def clear(self, pattern: str) -> None:
        """Removes files from the folder."""
        for path in Path(self.folder).glob(pattern):
            path.unlink()


def host_sweep(run: RunRequest, request: ToolRequest | None = None) -> Sweep:
    """Returns the sweep of this machine, by default with the LiteRT interpreter.

    Raises:
        ConfigurationError: the suite asks for something that only phones have, or the tool
            cannot be used.
        InfrastructureError: the official tool is asked for and cannot be downloaded.
    """
    suite, request = run.suite, request or ToolRequest()
    every_suite = [suite, *(side.suite(suite) for side in run.sides)]
    if any(map(_is_for_phones, every_suite)):
        raise ConfigurationError(
            f"suite {suite.name}: affinity big, external delegates, fixed performance and warm "
            "caches are for phones",
            hint="leave them out (a hex mask works here), or measure a phone: -s SERIAL",
        )
    if suite.energy:
        raise ConfigurationError(
            f"suite {suite.name}: energy is read from the meter of a phone, not of this machine",
            hint="leave out --energy, or measure a phone: -s SERIAL",
        )
    tool = _tool(request)
    named = dict.fromkeys(side.tool for side in run.sides if side.tool is not None)
    tools: dict[Path | None, Tool] = {None: tool, **{path: official_tool(path) for path in named}}
    device, ours = this_machine(), tool.binary is None

    def make(suite: Suite, tool: Tool) -> tuple[Case, ...]:
        mask = None if suite.affinity == ALL_CORES else suite.affinity
        return cases(
            suite,
            run.targets,
            device=device,
            runner=runner_of(tool),
            tool_sha256=tool.sha256,
            affinity=lambda threads: mask,
        )

    sides = cases_of_sides(run, suite, tools, make)
    sweep = Sweep(
        name=suite.name,
        cases=every(sides),
        sides=sides if run.sides else (),
        paths={
            **{target.sha256: target.path for target in run.targets},
            **run.value_files,
            **(derived.values(run.targets) if ours else {}),
        },
        copies=derived.copies(run.targets) if ours else {},
        tool=tool,
        tools={each.sha256: each for each in tools.values()},
        device=device,
        seed=suite.seed,
        timeout_s=run.timeout_s,
        limits=HOST_LIMITS,
    )
    refuse_short_timeout(sweep.cases, run.timeout_s)
    return sweep


def _is_for_phones(suite: Suite) -> bool:
    others = (suite.external_delegate, suite.fixed_performance, suite.warm_cache)
    return suite.affinity == BIG_CORES or any(others)


def _tool(request: ToolRequest) -> Tool:
    if request.binary is not None:
        return official_tool(request.binary)
    if request.program is None:
        return litert_tool()
    return official_tool(
        fetch_tool(
            host_build(),
            program=request.program,
            version=request.version,
            accept_new=request.accept_new,
        )
    )
