"""Rows in the formats of model collections: litert-samples' leaderboard and AI Hub's perf.yaml.

The first keeps unknown keys, so each line has all our columns under ``frill_bench``. AI Hub's own
reader refuses them, so they are in comments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core import config
from bench.core.artifact import Format
from reports.exchange.occasion import Occasions, facts
from reports.exchange.tables import lines
from reports.rows.hops import at_shortest_hop
from reports.rows.schema import Row

_UNITS = {"xnnpack": "cpu", "none": "cpu", "gpu": "gpu"}  # of a delegate; others are named
# AI Hub's words; it has none for float16, which is a component of its own.
_PRECISIONS = {
    Format.FLOAT32: "float", Format.FLOAT16: "float", Format.DYNAMIC: "w8", Format.INT8: "w8a8",
}  # fmt: skip
_TASK = "audio-embedding"


def litert_samples(rows: Sequence[Row], occasions: Occasions) -> str:
    """Returns rows as lines of litert-samples' ``measurements.jsonl``: one line per timed case.

    Our peak memory is of another kind than its two footprints, so these are ``null``.
    """
    timed = [row for row in at_shortest_hop(rows) if row.latency_us_median is not None]
    return "".join(f"{json.dumps(_measurement(row, occasions))}\n" for row in timed)


def _measurement(row: Row, occasions: Occasions) -> dict[str, object]:
    at, setup = occasions[row.session], row.setup
    name, _, version = setup.runtime.rpartition(" ")
    file = f"{row.file.name}.tflite"
    accelerator = _UNITS.get(setup.delegate, setup.delegate)
    device = at.device_key[:12]
    identity = f"{file}@{version}/{at.platform}/{device}/{accelerator}/{row.case_key[:8]}"
    return {
        "row_id": f"{row.file.student}:{identity}",
        "model": row.file.student,
        "file": file,
        "task": _TASK,
        "model_size_mb": row.size_bytes / 1e6,
        "platform": at.platform,
        "device_id": device,
        "device": setup.device,
        "os": at.os_build,
        "accelerator": accelerator,
        "delegate": setup.delegate,
        "nodes_delegated": row.nodes_delegated,
        "nodes_total": row.nodes_total,
        "partitions": row.partitions,
        "latency_ms": {
            "median": _ms(row.latency_us_median),
            "avg": _ms(row.latency_us_mean),
            "p5": _ms(row.latency_us_p5),
            "p95": _ms(row.latency_us_p95),
            "min": _ms(row.latency_us_min),
            "max": None,
            "stddev": None,
            "init": _ms(row.init_us_median),
            "first_inference": _ms(row.first_us_median),
            "warm_up_avg": None,
        },
        "memory_mb": {"init_footprint": None, "overall_footprint": None},
        "runs": None,
        "warmup_runs": None,
        "throughput_mb_s": None,
        "source": "frill-bench",
        "runtime": name or "unknown",
        "runtime_version": version,
        "binary": setup.tool_sha256,
        "runner": setup.runner,
        "session": row.session,
        "job": row.case_key,
        "status": "measured",
        "date": at.started_at[:10],
        "frill_bench": _columns(row),
    }


def aihub(rows: Sequence[Row], occasions: Occasions) -> str:
    """Returns rows in the form of AI Hub's ``perf.yaml``: one entry per timed case.

    AI Hub has one entry for a precision, a component and a device. Another case of the same is a
    component of its own, named by the begin of its key, and so is float16. Peak memory is not in
    it: AI Hub's is a range. The comments at the end are the rows with all columns, as JSON.
    """
    timed = [row for row in at_shortest_hop(rows) if row.latency_us_median is not None]
    precisions: dict[str, Any] = {}
    comments = ["# All columns and the provenance of each entry, one line of JSON each:"]
    for row in timed:
        precision = _PRECISIONS[row.file.format]
        components = precisions.setdefault(precision, {"components": {}})["components"]
        name = _component(row, components)
        metrics = components.setdefault(name, {"performance_metrics": {}})["performance_metrics"]
        metrics[row.setup.device] = {"tflite": _performance(row)}
        comments.append(f"# {json.dumps({**_columns(row), 'provenance': facts(row, occasions)})}")
    devices = sorted({row.setup.device for row in timed})
    document = config.to_yaml({"supported_devices": devices, "precisions": precisions})
    return "\n".join([document.rstrip("\n"), *comments, ""])


def _component(row: Row, components: Mapping[str, Any]) -> str:
    """Returns the component of a row: its student, and what AI Hub has no other place for."""
    is_half = row.file.format is Format.FLOAT16
    name = f"{row.file.student} {row.file.format}" if is_half else row.file.student
    is_taken = row.setup.device in components.get(name, {}).get("performance_metrics", {})
    return f"{name} {row.case_key[:8]}" if is_taken else name


def _performance(row: Row) -> dict[str, object]:
    unit = _UNITS.get(row.setup.delegate)
    entry: dict[str, object] = {
        "job_id": row.session,
        "job_status": "Passed",
        "inference_time_milliseconds": _ms(row.latency_us_median),
        "primary_compute_unit": unit.upper() if unit else row.setup.delegate,
    }
    if row.nodes_total is not None:
        counts = {"total": row.nodes_total}
        if unit == "cpu":
            counts["cpu"] = row.nodes_total
        entry["layer_counts"] = counts
    name, _, version = row.setup.runtime.rpartition(" ")
    if name:
        entry["tool_versions"] = {"litert" if "litert" in name else "tflite": version}
    return entry


def _columns(row: Row) -> dict[str, Any]:
    (line,) = lines([row], "results")
    return line


def _ms(us: float | None) -> float | None:
    return None if us is None else us / 1000
