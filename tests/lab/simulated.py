"""Gates on simulated devices, many at once, by the real decision."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Format
from bench.gate.decision import Outcome, decide
from bench.gate.log import Log
from bench.gate.records import Block, Opened, Pair, Process, Setup, Statistic
from bench.gate.rule import Rule
from bench.gate.verdict import ModelKey
from bench.plan.case import Delegate, Runner
from bench.plan.device import DeviceRecord, Kind
from lab.noise import INFERENCE_S, Floats, Profile, device, median, minimum, processes
from lab.noise import Statistic as Summary

MODELS = 30
_AT_ONCE = 3000  # rows, for the memory

DEVICE = DeviceRecord(
    kind=Kind.PHONE, name="Simulated 1", model="Simulated 1", cpu=None, cores=8, os_build="build 1",
    abi="arm64-v8a", boot_id=None,
)  # fmt: skip
SETUP = Setup(
    statistic=Statistic.WALL, runner=Runner.BENCHMARK_MODEL, tool_sha256="1" * 64,
    delegate=Delegate.XNNPACK, threads=1, affinity="f0",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a process is measured.

    Args:
        statistic: of its inferences, which a block compares.
        process_s: what it takes with a model of 20 ms: start, load, warm-up, inferences, and its
            share of reading the phone's state.
        warmup_s: in which clocks rise.
    """

    inferences: int
    statistic: Summary
    process_s: float
    warmup_s: float = 0.15


def protocol(warmup_s: float, inferences: int, statistic: Summary = minimum) -> Protocol:
    """Returns a protocol with what its process takes: 0.13 s to start, load and be read."""
    return Protocol(
        inferences=inferences,
        statistic=statistic,
        process_s=0.13 + warmup_s + inferences * INFERENCE_S,
        warmup_s=warmup_s,
    )


NOW = protocol(0.15, 7)
BEFORE = Protocol(inferences=15, statistic=median, process_s=0.5 + 15 * 0.020, warmup_s=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The results of comparisons, one a row.

    Args:
        outcome: int8 [rows], of ``Outcome``.
        blocks: int64 [rows], until then.
        log_ratios: float64 [rows, cap], nan where nothing was measured any more.
    """

    outcome: NDArray[np.int8]
    blocks: NDArray[np.int64]
    log_ratios: Floats

    def share(self, *outcomes: Outcome) -> float:
        """Returns the share of rows with one of these outcomes."""
        return float(np.isin(self.outcome, outcomes).mean())

    @property
    def passed(self) -> float:
        """The share of rows that are the same or improved."""
        return self.share(Outcome.SAME, Outcome.IMPROVED)

    @property
    def regressed(self) -> float:
        """The share of rows that are flagged as regressed."""
        return self.share(Outcome.REGRESSED)

    @property
    def red_gates(self) -> float:
        """The share of gates, of 30 rows each, with a regressed one."""
        return float((self.outcome == Outcome.REGRESSED).reshape(-1, MODELS).any(axis=1).mean())

    def seconds(self, rule: Rule, protocol: Protocol = NOW) -> float:
        """Returns the mean cost of a comparison."""
        return float(self.blocks.mean()) * 2 * rule.processes_per_side * protocol.process_s


def log_ratios(
    rng: np.random.Generator,
    profile: Profile,
    level: Floats,
    *,
    slowdown: float,
    processes_per_side: int = 1,
    protocol: Protocol = NOW,
) -> Floats:
    """Returns blocks' log-ratios: float64 [rows, blocks].

    Args:
        level: float64 [rows, blocks * 2 * processes_per_side], of the device, in order.
    """
    width = 2 * processes_per_side
    level = level.reshape(len(level), level.shape[1] // width, width)
    candidate_first = rng.random(level.shape[:2]) < 0.5
    takes_turns = np.arange(width) % 2 == 0
    is_candidate = takes_turns == candidate_first[..., None]
    inferences = processes(
        rng,
        profile,
        level + is_candidate * np.log1p(slowdown),
        inferences=protocol.inferences,
        warmup_s=protocol.warmup_s,
    )
    values = protocol.statistic(inferences)
    candidate = np.where(is_candidate, values, np.inf).min(axis=-1)
    return np.asarray(candidate - np.where(is_candidate, np.inf, values).min(axis=-1))


def gates(
    rng: np.random.Generator,
    profile: Profile,
    rows: int,
    *,
    slowdown: float = 0.0,
    rule: Rule,
    models: int = MODELS,
    protocol: Protocol = NOW,
) -> Simulated:
    """Returns the results of so many comparisons, measured for as long as they are open."""
    parts = []
    for start in range(0, rows, _AT_ONCE):
        many = min(_AT_ONCE, rows - start)
        level = device(rng, profile, many, 2 * rule.processes_per_side * rule.cap_blocks)
        parts.append(
            measured_on(
                rng, profile, level, slowdown=slowdown, rule=rule, models=models, protocol=protocol
            )
        )
    return Simulated(
        outcome=np.concatenate([part.outcome for part in parts]),
        blocks=np.concatenate([part.blocks for part in parts]),
        log_ratios=np.concatenate([part.log_ratios for part in parts]),
    )


def measured_on(
    rng: np.random.Generator,
    profile: Profile,
    level: Floats,
    *,
    slowdown: float,
    rule: Rule,
    models: int = MODELS,
    protocol: Protocol = NOW,
) -> Simulated:
    """Returns the results of comparisons on devices whose levels are given, as ``gates``."""
    rows, width = len(level), 2 * rule.processes_per_side
    ratios = np.full((rows, rule.cap_blocks), np.nan)
    outcome = np.full(rows, Outcome.OPEN, np.int8)
    blocks = np.zeros(rows, np.int64)
    done = 0
    for until in sorted({*rule.analyses[2::3], rule.cap_blocks}):  # measured in a few steps
        open_rows = np.flatnonzero(outcome == Outcome.OPEN)
        ratios[open_rows, done:until] = log_ratios(
            rng,
            profile,
            level[open_rows, done * width : until * width],
            slowdown=slowdown,
            processes_per_side=rule.processes_per_side,
            protocol=protocol,
        )
        outcome[open_rows], blocks[open_rows] = decide(
            ratios[open_rows, :until], rule, models=models
        )
        done = until
    return Simulated(outcome=outcome, blocks=blocks, log_ratios=ratios)


def student(number: int) -> ModelKey:
    """Returns the name and format of a gate's model."""
    return ModelKey(name=f"student{number:02}", format=Format.INT8)


def opened(rule: Rule, *, models: int = MODELS, seed: int = 0) -> Opened:
    """Returns a gate's first record."""
    return Opened(
        gate_id="gate",
        session_id="session",
        seed=seed,
        rule=rule,
        device=DEVICE,
        models=tuple(
            Pair(
                model=student(n),
                baseline_sha256=f"{n:064x}",
                candidate_sha256=f"{n + models:064x}",
                observed=SETUP,
            )
            for n in range(models)
        ),
    )


def block(
    model: ModelKey,
    index: int,
    *,
    candidate_first: bool,
    baseline_us: float,
    candidate_us: float,
) -> Block:
    """Returns a block of one process per side."""
    sides = {
        is_candidate: Process(
            value_us=value_us,
            min_us=0.9 * value_us,
            p95_us=1.2 * value_us,
            position=int(is_candidate != candidate_first),
            invocation=2 * index + int(is_candidate),
        )
        for is_candidate, value_us in ((False, baseline_us), (True, candidate_us))
    }
    return Block(
        model=model,
        index=index,
        candidate_first=candidate_first,
        baseline=(sides[False],),
        candidate=(sides[True],),
    )


def logged(rng: np.random.Generator, ratios: Floats, rule: Rule) -> Log:
    """Returns the log of one gate, a model a row of ``ratios``: float64 [models, blocks]."""
    first = opened(rule, models=len(ratios))
    return Log(opened=first, entries=tuple(_entries(rng, first, ratios)))


def _entries(rng: np.random.Generator, first: Opened, ratios: Floats) -> Iterator[Block]:
    for index in range(ratios.shape[1]):
        for row, pair in enumerate(first.models):
            baseline_us = 20_000 * float(np.exp(rng.normal(0, 0.05)))
            yield block(
                pair.model,
                index,
                candidate_first=bool(rng.random() < 0.5),
                baseline_us=baseline_us,
                candidate_us=baseline_us * float(np.exp(ratios[row, index])),
            )
