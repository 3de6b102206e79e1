"""What `frill-bench demo` leaves, from real conversions, processes and speech."""

import csv
import json
import resource
import shutil
import time
from pathlib import Path

import pytest
from support.demo_run import FUSED, STUDENTS, TINY, Ran
from support.program import frill_bench

from bench.core.artifact import Format
from bench.flow.demo import STUDENTS as OWN_STUDENTS
from bench.flow.report.join import join
from bench.store.store import Store
from models.zoo import Zoo

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.audio,
    pytest.mark.journey,
    pytest.mark.timeout(1800),
]

PROMISED = [
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


@pytest.fixture(scope="session")
def rows(demo: Ran) -> list[dict[str, str]]:
    with (demo.out / "results.csv").open() as stream:
        return list(csv.DictReader(stream))


def latency(rows: list[dict[str, str]], student: str, format: str, column: str = "median") -> float:
    row = next(row for row in rows if (row["student"], row["format"]) == (student, format))
    return float(row[f"latency_us_{column}"])


@pytest.mark.evidence
def test_as_it_stands_it_takes_at_most_three_minutes_and_five_of_cpu_time(
    tmp_path: Path, audio_root: Path
) -> None:
    started_s, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    frill_bench("demo", cwd=tmp_path, status=0, FRILL_BENCH_CACHE=str(tmp_path))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert time.perf_counter() - started_s < 180
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 300


def test_the_students_of_these_tests_are_among_its_own() -> None:
    assert set(STUDENTS) < set(OWN_STUDENTS)


def test_it_ends_by_naming_the_page(demo: Ran) -> None:
    assert demo.stdout == ""
    assert demo.stderr.splitlines()[-1].endswith(f"open {demo.out / 'index.html'}")


def test_the_table_has_the_promised_columns_first(rows: list[dict[str, str]]) -> None:
    assert list(rows[0])[: len(PROMISED)] == PROMISED


def test_two_students_in_four_formats_and_the_real_model_are_whole(
    rows: list[dict[str, str]],
) -> None:
    by_student: dict[str, set[str]] = {}
    for row in rows:
        by_student.setdefault(row["student"], set()).add(row["format"])
        for column in PROMISED:
            assert row[column] != "" or column == "caveats", (row["student"], column)
        assert float(row["latency_us_low"]) <= float(row["latency_us_median"])
        assert float(row["score_low"]) <= float(row["score_mean"]) <= float(row["score_high"])
        assert row["score_task_set"] == "demo"
    whole = [name for name, formats in by_student.items() if len(formats) == 4]
    assert sorted(whole) == sorted(STUDENTS)
    assert "efficientword-net" in by_student


def test_quick_and_below_floor_are_on_every_row_they_hold_for_and_none_is_untrained(
    rows: list[dict[str, str]],
) -> None:
    for row in rows:
        kinds = row["caveats"].split(";")
        assert "quick" in kinds
        assert "untrained" not in kinds
        assert ("below_floor" in kinds) == (
            float(row["score_mean"]) < float(row["score_floor_mean"])
        )


def test_every_trained_student_beats_the_log_mel_floor(rows: list[dict[str, str]]) -> None:
    trained = [row for row in rows if row["student"] != "efficientword-net"]
    assert {row["student"] for row in trained} == {TINY, FUSED}
    assert not [row["student"] for row in trained if "below_floor" in row["caveats"]]


def test_each_student_stands_at_three_hops_with_the_front_end_of_each(
    rows: list[dict[str, str]],
) -> None:
    hops = ["0.17", "0.48", "0.96"]
    costs = {}
    for row in rows:
        if row["student"] == "efficientword-net":
            assert row["audio_s_per_inference"] == "1.0"
            continue
        assert row["frontend"] == "added"
        parts = float(row["frontend_us_per_hop"]), float(row["latency_us_median"])
        hop = row["audio_s_per_inference"]
        assert float(row["latency_us_per_audio_s"]) == pytest.approx(sum(parts) / float(hop))
        costs.setdefault((row["student"], row["format"]), {})[hop] = parts
    assert len(costs) == 4 * len(STUDENTS)
    for of_file in costs.values():
        assert sorted(of_file) == hops
        fronts = [of_file[hop][0] for hop in hops]
        assert fronts == sorted(fronts)
        assert len({of_file[hop][1] for hop in hops}) == 1


def test_the_page_shows_what_the_hop_changes(demo: Ran) -> None:
    page = (demo.out / "index.html").read_text()
    assert "What the hop changes" in page
    assert "Embedding every 0.96 s instead of 0.17 s" in page


def test_there_is_a_frontier_and_the_front_end_is_paid_for_on_it(
    rows: list[dict[str, str]],
) -> None:
    on = [row for row in rows if row["on_frontier"] == "True"]
    assert on
    assert all(row["includes_frontend"] == "True" for row in on)


@pytest.mark.evidence  # wall clock, and without VNNI unfused int8 is no faster than float32
def test_unfused_int8_is_faster_than_float32_and_fused_int8_slower(
    rows: list[dict[str, str]],
) -> None:
    assert latency(rows, TINY, "int8") < latency(rows, TINY, "float32")
    assert latency(rows, FUSED, "int8") > latency(rows, FUSED, "float32")


def test_the_page_says_why(demo: Ran) -> None:
    page = (demo.out / "index.html").read_text()
    assert "HARD_SWISH has no int8 kernel" in page
    assert "one partition" in page


def test_parity_says_where_a_file_loses_and_why_its_int8_is_slower(demo: Ran) -> None:
    words = ("zoo", "parity", f"{FUSED}.int8", "--zoo", demo.out / "zoo", "--patches", "2")
    told = frill_bench(*words, "--db", demo.out / "results.db", status=0).stdout
    assert "the embedding loses most at" in told
    assert "HARD_SWISH has no int8 kernel" in told.splitlines()[-2]


def test_a_damaged_file_of_trained_weights_is_made_again_to_the_same_bytes(
    demo: Ran, tmp_path: Path
) -> None:
    for path in (demo.out / "zoo").glob(f"{TINY}.*"):
        shutil.copy(path, tmp_path)
    damaged = tmp_path / f"{TINY}.float32.tflite"
    damaged.write_bytes(b"damaged")
    assert Zoo(tmp_path).get(TINY, Format.FLOAT32) is None
    frill_bench("convert", TINY, "--formats", "float32,int8", "--zoo", tmp_path, status=0)
    for name in (damaged.name, f"{TINY}.int8.tflite"):
        assert (tmp_path / name).read_bytes() == (demo.out / "zoo" / name).read_bytes(), name


def test_a_row_is_a_join_on_the_very_file(demo: Ran, rows: list[dict[str, str]]) -> None:
    from bench.core.hashing import sha256_file

    files = {sha256_file(path) for path in (demo.out / "zoo").glob("*.tflite")}
    assert {row["artifact_sha256"] for row in rows} < files
    with Store.open(demo.out / "results.db") as store:
        joined, tasks = join(store)
        scores = {score.artifact_sha256 for score in store.scores()}
    assert {row.file.artifact_sha256 for row in joined} == {row["artifact_sha256"] for row in rows}
    assert {task.artifact_sha256 for task in tasks} <= scores


def test_a_report_of_the_same_database_has_the_same_rows(demo: Ran, tmp_path: Path) -> None:
    done = frill_bench(
        "report", "--json", "--db", demo.out / "results.db", "--out", tmp_path / "again", status=0
    )
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    again = (tmp_path / "again" / "results.csv").read_bytes()
    assert again == (demo.out / "results.csv").read_bytes()
