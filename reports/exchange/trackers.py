"""Rows for programs that follow benchmarks over time.

Google Benchmark's JSON, the Bencher Metric Format, and github-action-benchmark's
``customSmallerIsBetter``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reports.exchange.occasion import Occasions, facts, series_name
from reports.rows.schema import Row

_NS_PER_US = 1000.0
# Column to the unit that its numbers have in a user counter.
_COUNTERS = (
    *("latency_us_low", "latency_us_high", "latency_us_min", "latency_us_p5", "latency_us_p90"),
    *("latency_us_p95", "latency_us_per_audio_s", "init_us_median", "first_us_median"),
    *("size_bytes", "score_mean", "score_low", "score_high", "memory_mb_peak", "processes"),
)


def google_benchmark(
    rows: Sequence[Row], occasions: Occasions, provenance: Mapping[str, str]
) -> str:
    """Returns rows with a median as Google Benchmark's JSON: one aggregate per row.

    Intervals, percentiles, sizes and scores are user counters, under the names of our columns,
    which have the unit in them. The CPU time is 0: it is not known, and ``compare.py`` needs the
    key. The provenance of a row is its label, as JSON.
    """
    timed = [row for row in rows if row.latency_us_median is not None]
    dates = sorted(occasions[row.session].started_at for row in timed)
    context = {
        "date": dates[-1] if dates else "",
        "host_name": ", ".join(sorted({row.setup.device for row in timed})),
        "executable": ", ".join(sorted({row.setup.runner for row in timed})),
        **provenance,
    }
    entries = [_entry(index, row, occasions) for index, row in enumerate(timed)]
    return _document({"context": context, "benchmarks": entries})


def _entry(index: int, row: Row, occasions: Occasions) -> dict[str, object]:
    name = series_name(row)
    counters = {column: getattr(row, column) for column in _COUNTERS}
    return {
        "name": f"{name}_median",
        "family_index": index,
        "per_family_instance_index": 0,
        "run_name": name,
        "run_type": "aggregate",
        "repetitions": row.processes,
        "threads": max(row.setup.threads or 1, 1),
        "aggregate_name": "median",
        "aggregate_unit": "time",
        "iterations": row.processes,
        "real_time": row.latency_us_median,
        "cpu_time": 0.0,
        "time_unit": "us",
        "label": json.dumps({**facts(row, occasions), "cpu_time": "not known"}),
        **{column: float(value) for column, value in counters.items() if value is not None},
    }


def bencher(rows: Sequence[Row]) -> str:
    """Returns rows in the Bencher Metric Format: measures of a benchmark, with their intervals.

    Bencher's own measure ``latency`` is in nanoseconds. It has no place for provenance but the
    name, which ends in the case's key.
    """
    document: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        ns = {
            "latency": _scaled(row, "latency_us_median", "latency_us", _NS_PER_US),
            "latency-per-audio-s-ns": _scaled(
                row, "latency_us_per_audio_s", "latency_us_per_audio_s", _NS_PER_US
            ),
            "file-size": {"value": float(row.size_bytes)},  # in bytes, as Bencher's own
            "accuracy": _scaled(row, "score_mean", "score", 1.0),
        }
        document[series_name(row)] = {name: metric for name, metric in ns.items() if metric}
    return _document(document)


def _scaled(row: Row, column: str, stem: str, scale: float) -> dict[str, float]:
    values = {
        "value": getattr(row, column),
        "lower_value": getattr(row, f"{stem}_low"),
        "upper_value": getattr(row, f"{stem}_high"),
    }
    if values["value"] is None:
        return {}
    return {name: value * scale for name, value in values.items() if value is not None}


def github_action_benchmark(rows: Sequence[Row], occasions: Occasions) -> str:
    """Returns rows as github-action-benchmark's ``customSmallerIsBetter``: latency and size.

    ``range`` is the 95 % interval, ``extra`` the provenance. Accuracy is not in it: there, larger
    is better.
    """
    return _document([entry for row in rows for entry in _smaller_is_better(row, occasions)])


def _smaller_is_better(row: Row, occasions: Occasions) -> Iterator[dict[str, object]]:
    extra = "\n".join(f"{name}: {value}" for name, value in facts(row, occasions).items())
    for words, column, stem, unit in (
        ("latency", "latency_us_median", "latency_us", "us"),
        ("latency per audio", "latency_us_per_audio_s", "latency_us_per_audio_s", "us/s"),
        ("size", "size_bytes", "", "bytes"),
    ):
        value = getattr(row, column)
        if value is None:
            continue
        entry: dict[str, object] = {"name": f"{series_name(row)} {words}", "unit": unit}
        entry["value"] = value
        low, high = (getattr(row, f"{stem}_{end}", None) for end in ("low", "high"))
        if low is not None and high is not None:
            entry["range"] = f"{low:g} to {high:g} (95 %)"
        yield {**entry, "extra": extra}


def _document(value: object) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"
