"""Logs that are JSON: our runner's line, and the result file of LiteRT's Python tool."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import cast

from bench.tool.parse import failures
from bench.tool.parse.toollog import PERCENTILES, Dialect, ToolLog, summary

_RUNNER = "frill-bench-litert-runner"

_LIMIT = 1e18

Document = dict[str, object]


def find(text: str, exit_status: int | None) -> ToolLog | None:
    """Returns the log that JSON of our runner or of LiteRT holds; ``None`` if there is none."""
    lines = [line for line in text.split("\n") if line.lstrip().startswith("{") and _RUNNER in line]
    if lines:
        return _with_status(_runner_lines(lines), exit_status)
    if text.lstrip().startswith("{") and '"accelerators"' in text:
        return _with_status(_python(_loads(text)), exit_status)
    return None


def _with_status(log: ToolLog, exit_status: int | None) -> ToolLog:
    failure = log.failure or failures.exit_status(exit_status)
    return replace(log, ok=failure is None, failure=failure)


def _failed(dialect: Dialect, failure: str) -> ToolLog:
    return ToolLog(ok=False, failure=failure, dialect=dialect)


def _runner_lines(lines: list[str]) -> ToolLog:
    document = _loads(lines[0])
    if len(lines) > 1:
        failure = "several-runs: the log holds more than one run"
    elif document is None:
        failure = "incomplete: the runner's JSON line is cut off"
    elif error := _text(document, "error"):
        failure = f"tool-failed: {error}"
    elif document.get("schema_version") != 1:
        failure = "unknown-schema: this runner is newer than the parser"
    else:
        return _runner(document)
    return _failed(Dialect.LITERT_RUNNER, failure)


def _runner(document: Document) -> ToolLog:
    values = _numbers(document, "inference_us")
    warmup = _numbers(document, "warmup_us")
    if values is None or warmup is None or _number(document, "init_us") is None:
        failure: str | None = "incomplete: the runner's JSON line lacks its latencies"
    elif not values:
        failure = "dry-run: no inference was measured"
    elif len(values) < (requested := _whole(document, "num_runs") or 0):
        failure = f"fewer-runs: {requested} were asked for, {len(values)} were measured"
    else:
        failure = None
    latency_us = {"init": _number(document, "init_us")}
    if warmup:
        latency_us |= {"warmup_first": warmup[0], "warmup_avg": statistics.fmean(warmup)}
    if values:
        latency_us |= {
            "avg": statistics.fmean(values),
            "min": min(values),
            "max": max(values),
            "std": statistics.pstdev(values),
        }
    return replace(
        summary(
            Dialect.LITERT_RUNNER,
            failure,
            latency_us,
            runs=None if values is None else len(values),
            warmup_runs=None if warmup is None else len(warmup),
        ),
        inference_us=values or None,
        delegate=_text(document, "delegate"),
        nodes_delegated=_whole(document, "nodes_delegated"),
        nodes_total=_whole(document, "nodes_total"),
        partitions=_whole(document, "partitions"),
        memory_mb=_named_numbers(document, "memory_mb"),
        threads=_whole(document, "num_threads"),
        cpu_us=_numbers(document, "cpu_us"),
        runtime=_text(document, "runtime"),
        signature=_text(document, "signature"),
    )


def _python(document: Document | None) -> ToolLog:
    latency = None if document is None else document.get("latency")
    if document is None or not isinstance(latency, dict):
        return _failed(Dialect.LITERT_PYTHON, "incomplete: the JSON document is cut off")
    numbers = {
        name.removesuffix("_ms"): round(value * 1000, 3)
        for name, value in (_named_numbers(document, "latency") or {}).items()
        if name.endswith("_ms")
    }
    runs, warmup_runs = _whole(latency, "num_runs"), _whole(latency, "num_warmup_runs")
    accelerators = _words(document, "accelerators")
    requested = tuple(name for name in accelerators if name != "cpu")
    whole = document.get("fully_accelerated") is True
    ran = requested if whole and requested and "cpu" not in accelerators else ()
    failure = None
    if not runs or not {"init", "avg", "min", "max", "std", *PERCENTILES} <= numbers.keys():
        failure = "incomplete: the JSON document lacks its latencies"
    elif not numbers["avg"]:
        failure = "below-resolution: the mean is printed as 0; the model is too fast for this tool"
    elif missing := [name for name in requested if name not in ran]:
        failure = f"delegate-not-seen: {missing[0]} was asked for, and nothing shows that it ran"
    return replace(
        summary(Dialect.LITERT_PYTHON, failure, numbers, runs=runs, warmup_runs=warmup_runs),
        delegate=ran[0] if ran else None,
        model_size_mb=_number(document, "model_size_mb"),
        threads=_whole(document, "num_threads"),
        requested_delegates=requested,
        signature=_text(document, "signature"),
    )


def _loads(text: str) -> Document | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("Document", value) if isinstance(value, dict) else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Also false for NaN; negative and infinite values were not measured.
    return float(value) if 0 <= value < _LIMIT else None


def _number(document: Document, key: str) -> float | None:
    return _finite(document.get(key))


def _whole(document: Document, key: str) -> int | None:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(document: Document, key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) and value else None


def _numbers(document: Document, key: str) -> tuple[float, ...] | None:
    value = document.get(key)
    if not isinstance(value, list):
        return None
    numbers = [_finite(item) for item in value]
    return tuple(item for item in numbers if item is not None) if None not in numbers else None


def _named_numbers(document: Document, key: str) -> dict[str, float] | None:
    value = document.get(key)
    if not isinstance(value, dict):
        return None
    numbers = {str(name): _finite(item) for name, item in value.items()}
    return {name: item for name, item in numbers.items() if item is not None} or None


def _words(document: Document, key: str) -> list[str]:
    value = document.get(key)
    return [str(item).lower() for item in value] if isinstance(value, list) else []
