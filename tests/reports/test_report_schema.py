from __future__ import annotations

import csv
import dataclasses
import io

import pytest
from support.mode_rows import endured, stream
from support.report_rows import changed, rows, tasks, timed

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from reports.effects.fit import Estimate
from reports.parts.documents import results_csv
from reports.rows import intervals, schema
from reports.rows.schema import Endurance, File, Row, Setup, Slice, Stream, Task

FIRST_TWENTY = [
    "artifact_sha256",
    "student",
    "format",
    "device",
    "runner",
    "delegate",
    "threads",
    "latency_us_median",
    "latency_us_low",
    "latency_us_high",
    "includes_frontend",
    "audio_s_per_inference",
    "latency_us_per_audio_s",
    "size_bytes",
    "score_mean",
    "score_low",
    "score_high",
    "score_task_set",
    "on_frontier",
    "caveats",
]


def test_the_first_twenty_columns_are_the_published_ones() -> None:
    header = next(csv.reader(io.StringIO(results_csv(rows()))))
    assert header[:20] == FIRST_TWENTY
    assert header[20] == "caveat_evidence"


def test_what_a_case_is_stands_in_every_row_of_results() -> None:
    assert {
        "case_key", "tool_sha256", "affinity", "library_sha256", "library_options",
        "full_delegation", "fixed_performance", "warm_cache", "protocol", "given_inputs",
        "signature",
    } <= set(schema.columns(Row))  # fmt: skip


def test_caveats_are_two_columns_their_kinds_and_their_evidence() -> None:
    bound = Caveat(kind=CaveatKind.BELOW_BOUND, evidence="cosine 0.71 mean, the bound is 0.99")
    drift = Caveat(kind=CaveatKind.PROBE_DRIFTED, evidence="by 7 %")
    virtual = Caveat(kind=CaveatKind.VIRTUAL)
    row = changed(timed("a", "int8", 100.0, score=0.5), caveats=(virtual, drift, bound))
    for found, record in (
        ([row], Row),
        ([stream(row)], Stream),
        ([endured(row)], Endurance),
    ):
        (read,) = schema.listing(found, record).records()
        assert read["caveats"] == "below_bound;probe_drifted;virtual"
        assert read["caveat_evidence"] == (
            "below_bound: cosine 0.71 mean, the bound is 0.99 | probe_drifted: by 7 %"
        )


def test_columns_can_be_selected_and_put_beside_others() -> None:
    listed = schema.listing(rows()[:2], Row)
    both = listed.select(["format", "student"]).beside(listed.select(["threads"]))
    assert both.columns == ("format", "student", "threads")
    assert both.records()[1] == {
        "format": "float16",
        "student": "tiny_w0.5_keras3_gap_e2048_fused",
        "threads": 1,
    }


def test_an_estimate_outside_its_own_interval_is_refused() -> None:
    intervals.check([*rows(), *tasks(rows())])
    row = changed(timed("a", "int8", 100.0, score=0.5), score_low=0.9)
    message = "column score_mean is outside score_low to score_high in row 0"
    with pytest.raises(ConfigurationError, match=message):
        intervals.check([row])


@pytest.mark.parametrize("record", [Row, Task, Stream, Endurance, Slice, Estimate, File, Setup])
def test_every_column_says_what_it_means(record: type[object]) -> None:
    names = schema.columns(record)
    assert len(names) == len(set(names))
    for field in dataclasses.fields(record):  # type: ignore[arg-type]  # records are dataclasses
        if field.name in names and field.name != "caveats":
            assert field.metadata["meaning"], field.name
