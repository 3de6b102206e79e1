"""Runs the blocks of a gate: both sides of a model, back to back, in random order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median

from bench.core.caveats import Effect
from bench.flow.device.sweep import Sweep
from bench.flow.measure.session import SessionOnDevice
from bench.gate.records import (
    Block,
    Discarded,
    Entry,
    Lost,
    ModelFailed,
    Process,
    Resumed,
    Statistic,
)
from bench.gate.rule import Rule
from bench.gate.schedule import Next
from bench.gate.verdict import ModelKey
from bench.measure import outcome as outcomes
from bench.measure.conditions import HOST_LIMITS, Limits
from bench.measure.summary import percentile
from bench.measure.sustained import Point, first_and_last_minute
from bench.plan.case import Case, Mode, Protocol, Runner
from bench.plan.order import Planned
from bench.tool.host import Execution

_LOST = "device-lost"
# Of the first process of each file, which fills the caches.
_ONCE = Protocol(processes=1, num_runs=1, warmup_runs=0, warmup_min_secs=0.0)
# For shared machines: medians of wall time need a limit on waiting for a core.
_WALL_TIME_LIMITS = replace(HOST_LIMITS, wait_ratio=0.05)


def statistic_of(*sides: Case) -> Statistic:
    """Returns the statistic of cases that are compared: one that all of them have.

    On a shared machine the minimum of the thread's own CPU time hardly varies. Only our runner
    reports it, and only with one thread is it the whole cost. Of wall times every version of the
    official tool prints the minimum, which varies least on a phone.
    """
    if any(case.protocol.mode is Mode.SUSTAINED for case in sides):
        return Statistic.SUSTAINED
    if all(case.runner is Runner.LITERT_PYTHON and case.threads == 1 for case in sides):
        return Statistic.CPU
    in_blocks = all(case.protocol.mode is Mode.BLOCK for case in sides)
    return Statistic.WALL_MIN if in_blocks else Statistic.WALL


def host_limits(sweep: Sweep) -> Limits:
    """Returns the limits of blocks on this machine; other processes do not disturb CPU time."""
    on_cpu = statistic_of(*sweep.cases) is Statistic.CPU
    return HOST_LIMITS if on_cpu else _WALL_TIME_LIMITS


class BlockBench:
    """Runs blocks in a session on a device.

    Args:
        sides: of each model, the cases of baseline and candidate.
    """

    def __init__(self, sides: Mapping[ModelKey, tuple[Case, Case]], here: SessionOnDevice) -> None:
        self._sides = sides
        self._here = here
        self._losses = 0
        self._warm: set[str] = set()
        self._stored = Counter(each.case.key for each in here.store.invocations(here.session.id))

    def run_block(self, due: Next, rule: Rule) -> Iterator[Entry]:
        """Yields the records of one block, after those of a loss of the device if there was one.

        An invalid process makes the whole block invalid, whatever its latencies.
        """
        sides = self._sides[due.model]
        self._warm_up(due.model)
        processes: tuple[list[Process], list[Process]] = ([], [])
        order = [
            due.candidate_first == (position % 2 == 0)
            for position in range(2 * rule.processes_per_side)
        ]
        statistic = statistic_of(*sides)
        stretches = self._stretches([sides[each] for each in order])
        for position, (is_candidate, executions) in enumerate(zip(order, stretches, strict=False)):
            process = self._add_stretch(sides[is_candidate], executions, position, statistic)
            if isinstance(process, outcomes.Failed):
                side = "candidate" if is_candidate else "baseline"
                yield ModelFailed(model=due.model, reason=f"{side}: {process.failure}")
                return
            if self._losses:
                self._losses = 0
                yield Lost(reason="it was lost and came back")
                yield Resumed(session_id=self._here.session.id)
                process = (_LOST,)
            if isinstance(process, tuple):
                yield Discarded(
                    model=due.model,
                    index=due.index,
                    candidate_first=due.candidate_first,
                    reasons=process,
                )
                return
            processes[is_candidate].append(process)
        yield Block(
            model=due.model,
            index=due.index,
            candidate_first=due.candidate_first,
            baseline=tuple(processes[False]),
            candidate=tuple(processes[True]),
        )

    def _stretches(self, cases: Sequence[Case]) -> Iterator[Sequence[Execution]]:
        """Yields the processes of each side in turn: one each, or in a sustained gate a stretch."""
        device = self._here.device
        if cases[0].protocol.mode is not Mode.SUSTAINED:
            yield from ([each] for each in device.run_block(cases))
            return
        for case in cases:
            device.require_ready()
            executions: list[Execution] = []
            while len(executions) < case.protocol.processes:
                executions.append(device.run(case))
                if executions[-1].exit_status or executions[-1].timed_out:
                    break
            yield executions

    def _add_stretch(
        self,
        case: Case,
        executions: Sequence[Execution],
        position: int,
        statistic: Statistic,
    ) -> Process | tuple[str, ...] | outcomes.Failed:
        """Returns a stretch as one process, or the reasons why it is invalid, or why it failed."""
        added = [self._add_process(case, each, position, statistic) for each in executions]
        for each in added:
            if isinstance(each, outcomes.Failed):
                return each
        invalid = [each for each in added if isinstance(each, tuple)]
        if invalid:
            return invalid[0]
        slices = [each for each in added if isinstance(each, Process)]
        if case.protocol.mode is not Mode.SUSTAINED:
            return slices[0]
        began = [datetime.fromisoformat(each.started_at).timestamp() for each in executions]
        start_us, end_us = first_and_last_minute(
            [
                Point(at_s=at_s, until_s=at_s + execution.wall_s, latency_us=each.value_us)
                for at_s, execution, each in zip(began, executions, slices, strict=True)
            ]
        )
        return replace(slices[-1], value_us=end_us, start_us=start_us, init_us=None, peak_mb=None)

    def _add_process(
        self, case: Case, execution: Execution, position: int, statistic: Statistic
    ) -> Process | tuple[str, ...] | outcomes.Failed:
        """Returns a process, or the reasons why it is invalid, or why it failed."""
        ordinal = self._stored[case.key]
        self._stored[case.key] += 1
        self._losses += execution.losses
        invocation = self._here.add(Planned(case=case, ordinal=ordinal), execution)
        match invocation.outcome:
            case outcomes.Measured() as measured:
                invalidating = [
                    each for each in measured.caveats if each.effect is Effect.INVALIDATE
                ]
                if invalidating:
                    return tuple(
                        f"{each.kind.replace('_', '-')}: {each.evidence}".removesuffix(": ")
                        for each in invalidating
                    )
                return _read_times(measured, statistic, position, invocation.id)
            case outcomes.Failed() as failed:
                return failed
            case None:
                raise AssertionError("a process without an outcome")

    def _warm_up(self, model: ModelKey) -> None:
        for case in self._sides[model]:
            if case.key not in self._warm:
                self._here.warm_up(case, self._here.sweep.command(replace(case, protocol=_ONCE)))
                self._warm.add(case.key)
        self._losses = 0  # losses before the block do not count


def _read_times(
    measured: outcomes.Measured, statistic: Statistic, position: int, invocation: int
) -> Process | outcomes.Failed:
    is_cpu = statistic is Statistic.CPU
    if measured.statistics is not None:
        return _of_statistics(measured, measured.statistics, statistic, position, invocation)
    times_us = sorted((measured.cpu_us if is_cpu else measured.inference_us) or ())
    if not times_us or times_us[0] <= 0:
        return outcomes.Failed(
            failure=f"no-time: the tool reports no {'CPU' if is_cpu else 'wall'} time above 0"
        )
    return Process(
        value_us=times_us[0] if is_cpu else median(times_us),
        min_us=times_us[0],
        p95_us=percentile(times_us, 95),
        init_us=measured.init_us or None,
        peak_mb=measured.memory_mb_peak or None,
        position=position,
        invocation=invocation,
    )


def _of_statistics(
    measured: outcomes.Measured,
    statistics: outcomes.Statistics,
    statistic: Statistic,
    position: int,
    invocation: int,
) -> Process | outcomes.Failed:
    is_sustained = statistic is Statistic.SUSTAINED
    value_us = statistics.middle_us if is_sustained else statistics.min_us
    if not value_us:
        return outcomes.Failed(failure=f"no-time: the tool reports no {statistic} above 0")
    return Process(
        value_us=value_us,
        min_us=statistics.min_us or None,
        p95_us=statistics.p95_us,
        init_us=measured.init_us or None,
        peak_mb=measured.memory_mb_peak or None,
        position=position,
        invocation=invocation,
    )
