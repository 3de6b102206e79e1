"""Sessions as a run stores them, with numbers of our choice."""

from collections.abc import Mapping
from dataclasses import replace

from bench.core.artifact import Artifact, Format, Partitions, Role, Tensor
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.telemetry import Telemetry
from bench.core.score import Score, TaskScore
from bench.measure.conditions import HOST_LIMITS
from bench.measure.outcome import Measured
from bench.plan.case import Case, Delegate, Protocol, Runner
from bench.plan.device import DeviceRecord, Kind
from bench.plan.inputs import ChosenSignature, GivenInput
from bench.store.records import Invocation, Session
from bench.store.store import Store

DEVICE = DeviceRecord(
    kind=Kind.PHONE,
    name="Pixel 6",
    model="Pixel 6",
    cpu="Tensor",
    cores=8,
    os_build="AP2A",
    abi="arm64-v8a",
    boot_id="b",
    serial="one",
)
CASE = Case(
    artifact_sha256="a" * 64,
    device=DEVICE.key,
    runner=Runner.BENCHMARK_MODEL,
    tool_sha256="c" * 64,
    delegate=Delegate.XNNPACK,
    threads=1,
    protocol=Protocol(processes=6),
)
ARTIFACT = Artifact(
    name="tiny_w0.5_keras3_gap_e512_fused",
    format=Format.FLOAT32,
    role=Role.EMBEDDING_WAVEFORM,
    file="tiny.tflite",
    sha256="a" * 64,
    size_bytes=3_130_000,
    inputs=(Tensor(name="x", shape=(1, 15_600), dtype="float32"),),
    outputs=(Tensor(name="y", shape=(1, 512), dtype="float32"),),
    parameters=782_000,
    macs=3_900_000,
    frontend="in graph",
    window_samples=15_600,
    hop_samples=15_360,
    partitions=Partitions(nodes_total=90, nodes_delegated=90, partitions=1, left={}),
    float_ops={},
    tools={"tensorflow": "2.21"},
    weights="distilled",
)

NO_TELEMETRY = Telemetry()
ANOTHER_DEVICE = replace(DEVICE, serial="two")
# Of each field of a case another value; a new field must be added here.
OTHER: dict[str, object] = {
    "artifact_sha256": "b" * 64,
    "device": ANOTHER_DEVICE.key,
    "runner": Runner.COMPILED_MODEL,
    "tool_sha256": "d" * 64,
    "delegate": Delegate.NONE,
    "threads": 4,
    "affinity": "f0",
    "protocol": Protocol(processes=6, num_runs=50),
    "full_delegation": True,
    "library_sha256": "e" * 64,
    "library_options": "priority:1",
    "fixed_performance": True,
    "warm_cache": True,
    "given_inputs": (GivenInput(name="x", shape=(1, 16_000), dtype="float32", is_set=True),),
    "signature": ChosenSignature(key="embed", graph=1, others=("train",)),
}


def scored(sha256: str, mean: float) -> Score:
    """Returns the score of a file on one made-up task, with a caveat."""
    task = TaskScore(
        task="speaker", metric="top1", value=mean, low=mean - 0.02, high=mean + 0.02, chance=0.1,
        floor=0.5, test_clips=400,
    )  # fmt: skip
    return Score(
        artifact_sha256=sha256,
        task_set="quick",
        task_set_sha256="s",
        tasks=(task,),
        mean=mean,
        mean_low=mean - 0.02,
        mean_high=mean + 0.02,
        runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack",
        threads=1,
        hop_samples=15_360,
        caveats=(Caveat(kind=CaveatKind.QUICK, evidence="400 clips"),),
    )


def add_session(
    store: Store,
    identity: str,
    latencies_us: Mapping[Case, float],
    *,
    device: DeviceRecord = DEVICE,
    processes: int = 6,
    day: int = 1,
    stdout: str = "raw",
    telemetry: Telemetry = NO_TELEMETRY,
    model: str = "/zoo/tiny.tflite",
) -> Session:
    """Stores a session in which each case took about so long; each process a little longer."""
    session = Session(
        id=identity,
        device=device,
        suite="standard",
        plan_sha256="p",
        seed=7,
        started_at=f"2026-05-{day:02}T03:00:00+00:00",
        program="0.1.0",
    )
    store.add_session(session)
    for case, us in latencies_us.items():
        for ordinal in range(processes):
            invocation = Invocation(
                session_id=identity,
                case=case,
                ordinal=ordinal,
                model=model,
                command=("benchmark_model",),
                started_at=f"2026-05-{day:02}T03:00:{ordinal:02}+00:00",
                wall_s=0.5,
                exit_status=0,
                timed_out=False,
                stdout=stdout,
                stderr="",
                telemetry=telemetry,
                limits=HOST_LIMITS,
            )
            store.add_outcome(store.add_invocation(invocation), _measured(us + ordinal))
    return session


def _measured(us: float) -> Measured:
    return Measured(
        init_us=12 * us,
        first_us=3 * us,
        inference_us=(us, us + 1, us + 2),
        cpu_us=None,
        nodes_total=90,
        nodes_delegated=90,
        partitions=1,
        memory_mb_peak=7.5,
        runtime="LiteRT 2.3.0",
    )
