"""Databases whose outcomes follow from raw texts, as the program's own do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.core.device_state.telemetry import Telemetry
from bench.core.score import Score, TaskScore
from bench.flow.measure.judge import judge
from bench.measure.conditions import HOST_LIMITS
from bench.plan.case import Case, Protocol
from bench.plan.device import DeviceRecord
from bench.store.records import Invocation, Session
from bench.store.store import Store
from support.stored_sessions import ARTIFACT, CASE, DEVICE

_LOG = Path(__file__).parents[1] / "data/benchmark_logs/67_tf2.14.1_three_runs_recommended.txt"
_LINES = [line for line in _LOG.read_text().splitlines() if not line.startswith("#")]
_LOADED = "INFO: Loaded model m.tflite"
DELEGATED = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    "VERBOSE: Replacing 90 out of 90 node(s) with delegate (TfLiteXNNPackDelegate) node, "
    "yielding 1 partitions.\n"
)
TIMED = replace(CASE, protocol=Protocol(processes=6, warmup_min_secs=0))


def raw_text(us: int) -> str:
    """Returns the log of a process whose three inferences took ``us`` and one and two more."""
    text = "\n".join(_LINES).replace(f"{_LOADED}\n", f"{_LOADED}\n{DELEGATED}") + "\n"
    old = "first=1176 curr=6773 min=1017 max=6773 avg=2988.67 std=2676"
    new = f"first={us} curr={us + 2} min={us} max={us + 2} avg={us + 1} std=0"
    return text.replace(old, new).replace("Inference (avg): 2988.67", f"Inference (avg): {us + 1}")


def score_of(sha256: str) -> Score:
    """Returns a score of two tasks, whose values follow from their answers."""
    first = TaskScore(
        task="speaker", metric="top1", value=0.75, low=0.7, high=0.8, chance=0.1, floor=0.5,
        test_clips=6, correct=({"a": "1100", "b": "11"},),
    )  # fmt: skip
    second = replace(first, task="emotion", value=0.5, low=0.4, high=0.6, correct=())
    return Score(
        artifact_sha256=sha256,
        task_set="quick",
        task_set_sha256="s",
        tasks=(first, second),
        mean=0.625,
        mean_low=0.6,
        mean_high=0.65,
        runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack",
        threads=1,
        hop_samples=15_360,
    )


def fill(
    store: Store,
    latencies_us: Mapping[Case, int] | None = None,
    *,
    device: DeviceRecord = DEVICE,
    identity: str = "0b1e7a52-one",
    started_at: str = "2026-05-01T03:00:00+00:00",
) -> None:
    """Stores an artifact, its score, and a session of six processes of each case."""
    store.add_artifact(ARTIFACT)
    store.add_score(score_of(ARTIFACT.sha256))
    session = Session(
        id=identity, device=device, suite="standard", plan_sha256="p", seed=7,
        started_at=started_at, program="0.1.0",
    )  # fmt: skip
    store.add_session(session)
    for case, us in (latencies_us or {TIMED: 900}).items():
        for ordinal in range(6):
            invocation = Invocation(
                session_id=session.id,
                case=case,
                ordinal=ordinal,
                model="/zoo/tiny.tflite",
                command=("benchmark_model", "--num_runs=3"),
                started_at=f"2026-05-01T03:00:0{ordinal}+00:00",
                wall_s=0.5,
                exit_status=0,
                timed_out=False,
                stdout=raw_text(us + 5 * ordinal),
                stderr="",
                telemetry=Telemetry(),
                limits=HOST_LIMITS,
            )
            store.add_outcome(store.add_invocation(invocation), judge(invocation))
    store.log(session, "resumed")
