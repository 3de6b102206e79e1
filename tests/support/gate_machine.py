"""Gates of small real files on a machine that repeats one real process with simulated times."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.core.artifact import Format
from bench.flow.device.host import host_sweep
from bench.flow.device.requests import RunRequest
from bench.flow.device.sweep import Sweep
from bench.flow.gate.gate import Gate
from bench.flow.gate.references import Comparison, FilePair
from bench.flow.gate.run_blocks import host_limits
from bench.gate.rule import Rule
from bench.gate.verdict import ModelKey
from bench.plan.case import Case, Protocol
from bench.plan.suite import Suite, bare_target
from bench.tool.host import Execution
from support.phone_sweeps import TINY

QUICK = Protocol(num_runs=3, warmup_runs=1, warmup_min_secs=0, max_secs=5)
LATENCY_US = 20_000.0


# Decides after two blocks, much too soon for anything but a test.
HASTY = Rule(
    margin=0.5,
    analyses=(2,),
    passing_shares=(1.0,),
    rejection_shares=(1.0,),
    wrong_passes_per_model=0.3,
    false_alarms_per_gate=0.3,
    discard_budget=5.0,
)


def planned(
    folder: Path, *names: str, threads: int = 1, rule: Rule | None = None
) -> tuple[Gate, Sweep]:
    """Returns a gate of models, each with a file on either side, on this machine."""
    pairs = []
    for number, name in enumerate(names):
        sides = [folder / f"{name}-{side}.tflite" for side in ("old", "new")]
        for is_new, path in enumerate(sides):
            path.write_bytes(TINY.read_bytes() + bytes(2 * number + is_new))
        old, new = map(bare_target, sides)
        model = ModelKey(name=name, format=Format.FLOAT32)
        pairs.append(FilePair(model=model, baseline=old, candidate=new))
    targets = tuple(each for pair in pairs for each in (pair.baseline, pair.candidate))
    suite = Suite(name="gate", models=("*",), threads=(threads,), protocol=QUICK)
    sweep = host_sweep(RunRequest(suite=suite, targets=targets))
    gate = Gate(
        comparison=Comparison(pairs=tuple(pairs)),
        rule=rule or Rule(),
        folder=folder / "gates",
    )
    return gate, replace(sweep, limits=host_limits(sweep))


@dataclass
class Machine:
    """Runs processes that are ``real`` but for their times.

    Args:
        slower: SHA-256 of files to the share by which they are slower.
        happens: what happens to the n-th process, from 0, instead.
    """

    real: Execution
    slower: dict[str, float] = field(default_factory=dict)
    happens: dict[int, Callable[[Execution], Execution]] = field(default_factory=dict)
    ran: list[Case] = field(default_factory=list)
    noise: random.Random = field(default_factory=lambda: random.Random(5))  # noqa: S311 - noise, no secret
    times: float = 1.0

    def require_ready(self) -> None:
        """Is always ready."""

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        number = len(self.ran)
        self.ran.append(case)
        factor = self.times * (1 + self.slower.get(case.artifact_sha256, 0.0))
        told = json.loads(self.real.stdout)
        latencies_us = [
            LATENCY_US * factor * (1 + self.noise.gauss(0, 0.01))
            for _ in range(case.protocol.num_runs)
        ]
        told |= {
            "inference_us": latencies_us,
            "cpu_us": [0.9 * each for each in latencies_us],
            "num_threads": case.threads,
        }
        execution = replace(self.real, stdout=json.dumps(told) + "\n")
        return self.happens.get(number, lambda same: same)(execution)

    def run_block(self, cases: Sequence[Case]) -> list[Execution]:
        return run_each(self.run, cases)


@dataclass
class FunctionDevice:
    """A device that does nothing but run processes, by a function."""

    function: Callable[[Case], Execution]

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        return self.function(case)

    def run_block(self, cases: Sequence[Case]) -> list[Execution]:
        return run_each(self.run, cases)


def run_each(run: Callable[[Case], Execution], cases: Sequence[Case]) -> list[Execution]:
    """Returns processes up to the first that failed."""
    executions: list[Execution] = []
    for case in cases:
        executions.append(run(case))
        if executions[-1].exit_status:
            break
    return executions


def raising(error: BaseException) -> Callable[[Execution], Execution]:
    """Returns what happens where a process cannot be run to its end."""

    def happen(_: Execution) -> Execution:
        raise error

    return happen


def crashed(execution: Execution) -> Execution:
    return replace(execution, exit_status=139, stdout="", stderr="")


def waited(execution: Execution) -> Execution:
    """Returns a process that others kept from its core for a fifth of its time."""
    return scheduled(execution, run_s=1.0, wait_s=0.25)


def undisturbed(execution: Execution) -> Execution:
    return scheduled(execution, run_s=1.0, wait_s=0.01)


def lost_once(execution: Execution) -> Execution:
    return replace(execution, losses=1)


def scheduled(execution: Execution, *, run_s: float, wait_s: float) -> Execution:
    """Returns a process that ran and waited for a core so long."""
    telemetry = replace(execution.telemetry, run_s=run_s, run_queue_wait_s=wait_s)
    return replace(execution, telemetry=telemetry)
