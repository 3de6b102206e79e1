"""Rows as files of other programs, each read again by the other side's schema or parser."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from support import mode_rows, report_rows
from support.stored_sessions import ARTIFACT

from bench.core.errors import ConfigurationError
from bench.core.imported_score import Benchmark, ImportedScore
from reports.exchange import benchmarks, peers, tables, trackers
from reports.exchange.described import TABLES, Kind, described, json_schema, markdown
from reports.exchange.occasion import Occasion, series_name
from reports.rows.schema import ROWS_VERSION, listing

ROOT = Path(__file__).parents[2]
ROWS = report_rows.rows()
OCCASIONS = {
    row.session: Occasion(
        started_at="2026-05-12T03:00:00+00:00",
        device_key="d" * 64,
        device_kind="host",
        os_build="Linux 6.1",
        cores=2,
        program="0.1.0",
    )
    for row in ROWS
}
ARTIFACTS = {
    sha256: replace(ARTIFACT, sha256=sha256, hop_samples=round(hop_s * 16_000))
    for sha256, hop_s in {
        **{row.file.artifact_sha256: row.audio_s_per_inference or 1.0 for row in ROWS[:2]},
        "e" * 64: 0.17,  # not timed
    }.items()
}
IMPORTED = [
    ImportedScore(
        artifact_sha256=sha256,
        benchmark=Benchmark.MTEB,
        benchmark_version="2.26.24",
        task="ESC50",
        split="test",
        subset="default",
        metric="main_score",
        value=0.5,
        deviation=None,
        task_revision=None,
        file_sha256="f" * 64,
    )
    for sha256 in ARTIFACTS
]
SAMPLES: dict[str, list[object]] = {
    "results": [*ROWS, report_rows.unmeasured(ROWS[0])],
    "tasks": [*report_rows.tasks(ROWS)],
    "streaming": [*map(mode_rows.stream, ROWS[:3])],
    "sustained": [mode_rows.endured(ROWS[0], slices=8)],
    "imported": [*benchmarks.imported(IMPORTED, ROWS, ARTIFACTS)],
}
# Bencher's own schema, https://bencher.dev/bmf.json
BENCHER: dict[str, Any] = {
    "type": "object",
    "patternProperties": {
        ".+": {
            "type": "object",
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {
                        name: {"type": "number"} for name in ("value", "lower_value", "upper_value")
                    },
                    "required": ["value"],
                }
            },
        }
    },
}
# Keys and types of a line of litert-samples' measurements.jsonl, by its lines of September 2026.
MEASUREMENT = {
    "row_id": str, "model": str, "file": str, "task": str, "model_size_mb": float, "platform": str,
    "device_id": str, "device": str, "os": str, "accelerator": str, "delegate": str,
    "nodes_delegated": int, "nodes_total": int, "partitions": int, "latency_ms": dict,
    "memory_mb": dict, "runs": int, "warmup_runs": int, "throughput_mb_s": float, "source": str,
    "runtime": str, "runtime_version": str, "binary": str, "runner": str, "session": str,
    "job": str, "status": str, "date": str,
}  # fmt: skip
LATENCIES = {
    "median", "avg", "p5", "p95", "min", "max", "stddev", "init", "first_inference", "warm_up_avg",
}  # fmt: skip
# Keys of one entry of AI Hub's perf.yaml that we write; its reader refuses any that it lacks.
AIHUB = {
    "job_id", "job_status", "inference_time_milliseconds", "primary_compute_unit", "layer_counts",
    "tool_versions",
}  # fmt: skip


def agrees_with_golden(path: Path, text: str) -> bool:
    if os.environ.get("FRILL_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    return path.read_text(encoding="utf-8") == text


def test_the_document_and_the_shipped_schema_are_those_of_the_code() -> None:
    document = ROOT / "docs" / "schema.md"
    head = document.read_text().partition("\n## ")[0].rstrip()
    assert f"version {ROWS_VERSION}" in head
    assert agrees_with_golden(document, f"{head}\n\n{markdown()}")
    text = json.dumps(json_schema(), indent=1) + "\n"
    assert agrees_with_golden(ROOT / "reports/exchange/rows.schema.json", text)
    Draft202012Validator.check_schema(json_schema())


def test_every_column_is_described_and_no_other() -> None:
    for table, record in TABLES.items():
        names = listing([], record).columns
        assert tuple(column.name for column in described(table)) == names
        assert all(column.meaning for column in described(table))


@pytest.mark.parametrize("table", TABLES)
def test_jsonl_is_valid_by_the_schema_and_reads_back_the_same(table: str) -> None:
    text = tables.jsonl_text(SAMPLES[table], table)
    read = [json.loads(line) for line in text.splitlines()]
    validator = Draft202012Validator(json_schema()["$defs"][table])  # type: ignore[index]
    assert [list(validator.iter_errors(line)) for line in read] == [[]] * len(SAMPLES[table])
    records = listing(SAMPLES[table], TABLES[table]).records()
    assert [{**line, "schema_version": 1, "table": table} for line in records] == read


def test_a_wrong_line_is_not_valid() -> None:
    (line,) = tables.lines(ROWS[:1], "results")
    validator = Draft202012Validator(json_schema())
    assert validator.is_valid(line)
    for wrong in ({"latency_us_median": "76"}, {"format": "int4"}, {"schema_version": 2}, {"x": 1}):
        assert not validator.is_valid({**line, **wrong}), wrong


@pytest.mark.parametrize("table", TABLES)
def test_csv_reads_back_the_same(table: str) -> None:
    read = [*csv.DictReader(io.StringIO(tables.csv_text(SAMPLES[table], table)))]
    kinds = {column.name: column for column in described(table)}

    def value(name: str, text: str) -> object:
        column = kinds[name]
        if text == "" and column.may_be_empty:
            return None
        types = {Kind.TEXT: str, Kind.WHOLE: int, Kind.NUMBER: float}
        return text == "True" if column.kind is Kind.FLAG else types[column.kind](text)

    again = [{name: value(name, text) for name, text in line.items()} for line in read]
    records = listing(SAMPLES[table], TABLES[table]).records()
    for line, record in zip(again, records, strict=True):  # "" and none are one in a CSV
        assert line == {name: value or line[name] for name, value in record.items()}


@pytest.mark.parametrize("table", TABLES)
def test_parquet_reads_back_the_same_with_units_and_meanings(table: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    tables.write_parquet(SAMPLES[table], table, path, {"program": "frill-bench 0.1.0"})
    read = parquet.read_table(path)
    assert read.to_pylist() == listing(SAMPLES[table], TABLES[table]).records()
    for column in described(table):
        metadata = read.schema.field(column.name).metadata
        assert metadata[b"unit"].decode() == column.unit
        assert metadata[b"meaning"].decode() == column.meaning
    about = json.loads(read.schema.metadata[b"frill-bench"])
    assert about == {"schema_version": 1, "table": table, "program": "frill-bench 0.1.0"}


def test_google_benchmark_has_what_its_compare_needs_and_all_intervals() -> None:
    document = json.loads(trackers.google_benchmark(ROWS, OCCASIONS, {"program": "frill-bench"}))
    assert document["context"]["host_name"] == ROWS[0].setup.device
    names = [entry["run_name"] for entry in document["benchmarks"]]
    assert len(set(names)) == len(ROWS)
    for row, entry in zip(ROWS, document["benchmarks"], strict=True):
        assert entry["name"] == f"{series_name(row)}_median"
        assert (entry["run_type"], entry["aggregate_name"]) == ("aggregate", "median")
        assert (entry["real_time"], entry["time_unit"]) == (row.latency_us_median, "us")
        assert entry["latency_us_low"] <= entry["real_time"] <= entry["latency_us_high"]
        assert json.loads(entry["label"])["artifact_sha256"] == row.file.artifact_sha256


def test_bencher_is_valid_by_its_schema_and_in_nanoseconds() -> None:
    document = json.loads(trackers.bencher([*ROWS, report_rows.unmeasured(ROWS[0])]))
    Draft7Validator(BENCHER).validate(document)
    metrics = document[series_name(ROWS[1])]
    assert metrics["latency"]["value"] == pytest.approx(75.2 * 1000)
    assert metrics["latency"]["lower_value"] < 75_200 < metrics["latency"]["upper_value"]
    assert metrics["file-size"] == {"value": 1_600_000.0}
    assert all(len(name) <= 1024 and len(each) <= 64 for name in document for each in metrics)


def test_github_action_benchmark_is_a_list_where_smaller_is_better() -> None:
    entries = json.loads(trackers.github_action_benchmark(ROWS, OCCASIONS))
    assert len({entry["name"] for entry in entries}) == len(entries) == 3 * len(ROWS)
    for entry in entries:
        assert set(entry) <= {"name", "unit", "value", "range", "extra"}
        assert isinstance(entry["value"], float | int)
        assert entry["unit"] in ("us", "us/s", "bytes")
        assert entry["unit"] == "bytes" or entry["range"].endswith("(95 %)")
        assert "artifact_sha256: " in entry["extra"]


def test_litert_samples_lines_have_its_keys_and_read_back_the_same() -> None:
    lines = [json.loads(line) for line in peers.litert_samples(ROWS, OCCASIONS).splitlines()]
    assert len({line["row_id"] for line in lines}) == len(ROWS)
    for row, line in zip(ROWS, lines, strict=True):
        assert set(line) == {*MEASUREMENT, "frill_bench"}
        for name, kind in MEASUREMENT.items():
            assert line[name] is None or isinstance(line[name], kind), name
        assert set(line["latency_ms"]) == LATENCIES
        assert line["latency_ms"]["median"] == pytest.approx((row.latency_us_median or 0) / 1000)
        assert (line["platform"], line["accelerator"]) == ("linux", "cpu")
        (ours,) = tables.lines([row], "results")
        assert line["frill_bench"] == ours


def test_aihub_has_only_the_keys_and_words_that_its_reader_takes() -> None:
    threads = replace(ROWS[0].setup, threads=4)
    again = replace(ROWS[0], case_key="0therca5e", setup=threads)
    document = yaml.safe_load(peers.aihub([*ROWS, again], OCCASIONS))
    (device,) = document["supported_devices"]
    assert set(document) == {"supported_devices", "precisions"}
    assert set(document["precisions"]) <= {"float", "w8", "w8a8"}
    entries = {
        (precision, name): metrics["performance_metrics"][device]
        for precision, of in document["precisions"].items()
        for name, metrics in of["components"].items()
    }
    student = ROWS[0].file.student
    assert len(entries) == len(ROWS) + 1
    assert {("float", f"{student} 0therca5"), ("float", f"{student} float16")} < set(entries)
    for entry in entries.values():
        assert set(entry) == {"tflite"}
        assert set(entry["tflite"]) <= AIHUB
    entry = entries["float", student]["tflite"]
    assert entry["inference_time_milliseconds"] == pytest.approx(0.076)
    assert entry["primary_compute_unit"] == "CPU"
    assert entry["tool_versions"] == {"litert": "2.3.0"}


def test_the_comments_of_aihub_are_the_rows_with_all_columns() -> None:
    comments = [line for line in peers.aihub(ROWS, OCCASIONS).splitlines() if line[:3] == "# {"]
    for row, line in zip(ROWS, comments, strict=True):
        found = json.loads(line[2:])
        assert found.pop("provenance")["started_at"] == "2026-05-12T03:00:00+00:00"
        (ours,) = tables.lines([row], "results")
        assert found == ours


def test_the_name_of_a_row_does_not_depend_on_other_rows() -> None:
    alone = json.loads(trackers.bencher(ROWS[3:4]))
    assert set(alone) < set(json.loads(trackers.bencher(ROWS)))


def test_parquet_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match="needs pyarrow"):
        tables.write_parquet(ROWS, "results", tmp_path / "x.parquet", {})
