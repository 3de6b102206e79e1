"""The parsed log of one process of a benchmark program, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """Which program wrote the log."""

    INTERPRETER = "interpreter"
    COMPILED_MODEL = "compiled-model"
    LITERT_PYTHON = "litert-python"
    LITERT_RUNNER = "litert-runner"
    PERFORMANCE_OPTIONS = "performance-options"
    INFERENCE_DIFF = "inference-diff"
    RESULT_PROTO = "result-proto"
    UNKNOWN = "unknown"


PERCENTILES: tuple[str, ...] = ("p5", "median", "p95")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolLog:
    """One parsed log. ``None`` means that the log does not have the value; it never means zero.

    Latencies are in us. A log that is not ``ok`` may still have values: the printed ones, correctly
    labelled (a warm-up is never in an ``inference_*`` field), which must not be reported as a
    result.

    Args:
        ok: whether the numbers are a complete, consistent measurement of the requested case.
        failure: why not: a stable kebab-case code, a colon and a sentence; ``None`` if ok.
        dialect: which program wrote it.
        logcat: whether it came through Android's logcat.
        runs: number of measured inferences.
        init_us: load, interpreter, delegates and tensor allocation.
        first_us: the first warm-up inference; ``None`` without a warm-up.
        warmup_avg_us: mean of the warm-up; ``None`` without a warm-up.
        warmup_runs: number of warm-up inferences.
        inference_avg_us, inference_min_us, inference_max_us: of the measured inferences.
        inference_std_us: as printed: population and whole microseconds from the C++ tools, sample
            from LiteRT's Python tool, population of the raw values from our runner.
        inference_us: every measured value in order, if the log determines them: from our runner,
            and from a ``count=`` line of one to three runs or of equal ones. The middle one of
            three may come from the six-digit mean: exact below 0.1 s, within 2 us below 1 s.
        percentiles_us: ``p5``, ``median`` and ``p95`` as printed; each program defines its own.
        delegate: the one that ran, by the log: ``xnnpack``, ``gpu``, ``nnapi``, ``hexagon``,
            ``npu``, ``coreml``, ``external``, ``stable``, ``none``. Never taken from the request.
        nodes_delegated, nodes_total, partitions: of that delegate. Subgraphs that are named are
            summed, the last line of each; equal lines without a subgraph's name count once.
        memory_mb: ``init``, ``overall``, ``peak`` or, from old tools, ``max_rss``, as printed.
        model_size_mb: as printed.
        threads: as echoed; -1 is the runtime's own choice.
        unconsumed_flags: words of the command line that the tool did not understand.
        requested_delegates: from the echo or the command line in the log.
        cpu_us: thread CPU time of each measured inference, from our runner.
        runtime: name and version of the runtime, if shown.
        signature: the model's entry point that ran, if shown.
    """

    ok: bool
    failure: str | None
    dialect: Dialect
    logcat: bool = False
    runs: int | None = None
    init_us: float | None = None
    first_us: float | None = None
    warmup_avg_us: float | None = None
    warmup_runs: int | None = None
    inference_avg_us: float | None = None
    inference_min_us: float | None = None
    inference_max_us: float | None = None
    inference_std_us: float | None = None
    inference_us: tuple[float, ...] | None = None
    percentiles_us: dict[str, float] | None = None
    delegate: str | None = None
    nodes_delegated: int | None = None
    nodes_total: int | None = None
    partitions: int | None = None
    memory_mb: dict[str, float] | None = None
    model_size_mb: float | None = None
    threads: int | None = None
    unconsumed_flags: tuple[str, ...] = ()
    requested_delegates: tuple[str, ...] = ()
    cpu_us: tuple[float, ...] | None = None
    runtime: str | None = None
    signature: str | None = None


def summary(
    dialect: Dialect,
    failure: str | None,
    latency_us: Mapping[str, float | None],
    *,
    runs: int | None,
    warmup_runs: int | None,
) -> ToolLog:
    """Returns a log with these latencies, but none of a phase without inferences.

    Args:
        latency_us: ``init``, ``warmup_first``, ``warmup_avg``, and of the measured inferences
            ``avg``, ``min``, ``max``, ``std`` and percentiles; what the log lacks may be absent.
    """
    warmup = latency_us if warmup_runs != 0 else {}
    measured = latency_us if runs != 0 else {}
    percentiles = {name: us for name in PERCENTILES if (us := measured.get(name)) is not None}
    return ToolLog(
        ok=failure is None,
        failure=failure,
        dialect=dialect,
        runs=runs,
        init_us=latency_us.get("init"),
        first_us=warmup.get("warmup_first"),
        warmup_avg_us=warmup.get("warmup_avg"),
        warmup_runs=warmup_runs,
        inference_avg_us=measured.get("avg"),
        inference_min_us=measured.get("min"),
        inference_max_us=measured.get("max"),
        inference_std_us=measured.get("std"),
        percentiles_us=percentiles or None,
    )
