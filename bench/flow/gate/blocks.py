"""Runs the blocks of a gate: both sides of a model back to back, in the order of a coin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from statistics import median

from bench.core.caveats import Effect
from bench.flow.measure.session import Execute, invoke, throw_away
from bench.flow.measure.sweep import Sweep
from bench.gate.records import Block, Discarded, Entry, Failed, Lost, Process, Resumed
from bench.gate.rule import Rule
from bench.gate.schedule import Next
from bench.measure import outcome as outcomes
from bench.measure.conditions import HOST_LIMITS, Limits
from bench.measure.summary import percentile
from bench.plan.case import Case, Runner
from bench.plan.order import Planned
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.host import Execution

_LOST = "device-lost"
# On a machine that others use too; a median of wall time says nothing without it.
_GUARDED = replace(HOST_LIMITS, wait_ratio=0.05)


class Statistic(StrEnum):
    """What of a process is compared."""

    CPU = "minimum thread CPU time"
    WALL = "median wall time"


def statistic_of(case: Case) -> Statistic:
    """Returns what is compared of a case.

    On a shared machine the fastest inference by the thread's own CPU time hardly moves; only our
    runner tells it, and it is the whole cost with one thread only.
    """
    ours = case.runner is Runner.LITERT_PYTHON and case.threads == 1
    return Statistic.CPU if ours else Statistic.WALL


def host_limits(sweep: Sweep) -> Limits:
    """Returns the limits of blocks on this machine; nothing disturbs CPU time."""
    on_cpu = all(statistic_of(case) is Statistic.CPU for case in sweep.cases)
    return HOST_LIMITS if on_cpu else _GUARDED


class BlockBench:
    """Runs blocks on a device.

    Args:
        sides: of each model, the cases of baseline and candidate.
        run: runs one process.
    """

    def __init__(
        self,
        sides: Mapping[str, tuple[Case, Case]],
        sweep: Sweep,
        session: Session,
        store: Store,
        run: Execute,
    ) -> None:
        self._sides = sides
        self._sweep = sweep
        self._session = session
        self._store = store
        self._run = run
        self._losses = 0
        self._warm: set[str] = set()
        self._stored = Counter(each.case.key for each in store.invocations(session.id))

    def block(self, due: Next, rule: Rule) -> Iterator[Entry]:
        """Yields what became of one block, and before that of a device that was lost in it.

        One side that is spoilt spoils both, whatever their latencies; the rest is not run.
        """
        sides = self._sides[due.model]
        self._warm_up(due.model)
        found: tuple[list[Process], list[Process]] = ([], [])
        for position in range(2 * rule.processes_per_arm):
            is_candidate = due.candidate_first == (position % 2 == 0)
            made = self._process(sides[is_candidate], position)
            if isinstance(made, outcomes.Failed):
                side = "candidate" if is_candidate else "baseline"
                yield Failed(model=due.model, reason=f"{side}: {made.failure}")
                return
            if self._losses:
                self._losses = 0
                yield Lost(reason="it went away and came back")
                yield Resumed(session_id=self._session.id)
                made = (_LOST,)
            if isinstance(made, tuple):
                yield Discarded(
                    model=due.model,
                    index=due.index,
                    candidate_first=due.candidate_first,
                    reasons=made,
                )
                return
            found[is_candidate].append(made)
        yield Block(
            model=due.model,
            index=due.index,
            candidate_first=due.candidate_first,
            baseline=tuple(found[False]),
            candidate=tuple(found[True]),
        )

    def _process(self, case: Case, position: int) -> Process | tuple[str, ...] | outcomes.Failed:
        """Returns a process, or what of the environment spoilt it, or why it failed."""
        ordinal = self._stored[case.key]
        self._stored[case.key] += 1
        planned = Planned(case=case, ordinal=ordinal)
        done = invoke(self._sweep, self._counted, planned, self._session, self._store)
        match done.outcome:
            case outcomes.Measured() as measured:
                spoilt = [each for each in measured.caveats if each.effect is Effect.INVALIDATE]
                if spoilt:
                    return tuple(
                        f"{each.kind.replace('_', '-')}: {each.evidence}".removesuffix(": ")
                        for each in spoilt
                    )
                return _timed(measured, statistic_of(case), position, done.id)
            case outcomes.Failed() as failed:
                return failed
            case None:
                raise AssertionError("a process that was not read")

    def _warm_up(self, model: str) -> None:
        for case in self._sides[model]:
            if case.key not in self._warm:
                throw_away(self._counted, case, self._session, self._store)
                self._warm.add(case.key)
        self._losses = 0  # before the block

    def _counted(self, case: Case) -> Execution:
        execution = self._run(case)
        self._losses += execution.losses
        return execution


def _timed(
    measured: outcomes.Measured, statistic: Statistic, position: int, invocation: int
) -> Process | outcomes.Failed:
    is_cpu = statistic is Statistic.CPU
    times_us = sorted((measured.cpu_us if is_cpu else measured.inference_us) or ())
    if not times_us or times_us[0] <= 0:
        return outcomes.Failed(
            failure=f"no-time: the tool tells no {'CPU' if is_cpu else 'wall'} time above 0"
        )
    return Process(
        value_us=times_us[0] if is_cpu else median(times_us),
        min_us=times_us[0],
        p95_us=percentile(times_us, 95),
        position=position,
        invocation=invocation,
    )
