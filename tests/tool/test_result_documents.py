"""Results that are documents: our runner's JSON line and the C++ tools' binary file."""

from __future__ import annotations

import json
import struct

import pytest

from bench.tool.parse import ToolLog, parse_bytes, parse_log
from bench.tool.parse.cross_check import contradiction


def code(log: ToolLog) -> str:
    return "" if log.failure is None else log.failure.partition(": ")[0]


def test_our_runner_s_line_gives_every_value() -> None:
    line = {
        "tool": "frill-bench-litert-runner",
        "schema_version": 1,
        "runtime": "ai-edge-litert 2.3.0",
        "num_threads": 1,
        "delegate": "xnnpack",
        "nodes_total": 31,
        "nodes_delegated": 30,
        "partitions": 2,
        "init_us": 1000.5,
        "warmup_us": [30.0, 20.0],
        "inference_us": [12.0, 10.0, 14.0],
        "cpu_us": [11.0, 9.0, 13.0],
        "memory_mb": {"peak": 55.5},
    }
    log = parse_log(json.dumps(line) + "\n", "INFO: noise\n", exit_status=0)
    assert (log.ok, log.dialect, log.runtime) == (True, "litert-runner", "ai-edge-litert 2.3.0")
    assert (log.runs, log.warmup_runs, log.first_us, log.warmup_avg_us) == (3, 2, 30, 25)
    assert log.inference_us == (12.0, 10.0, 14.0)
    assert log.cpu_us == (11.0, 9.0, 13.0)
    assert (log.inference_avg_us, log.inference_min_us, log.inference_max_us) == (12, 10, 14)
    assert log.inference_std_us == pytest.approx((8 / 3) ** 0.5)
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("xnnpack", 30, 31)
    assert (log.partitions, log.memory_mb, log.threads) == (2, {"peak": 55.5}, 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"tool":"frill-bench-litert-runner","error":"no such file"}', "tool-failed"),
        ('{"tool":"frill-bench-litert-runner","schema_version":1,"init_', "incomplete"),
        ('{"tool":"frill-bench-litert-runner","schema_version":1}', "incomplete"),
        ('{"tool":"frill-bench-litert-runner","schema_version":9}', "unknown-schema"),
        (
            '{"tool":"frill-bench-litert-runner","schema_version":1,"init_us":1,"warmup_us":[],'
            '"inference_us":[],"cpu_us":[]}',
            "dry-run",
        ),
    ],
)
def test_our_runner_s_failures_are_told(line: str, expected: str) -> None:
    assert code(parse_log(line)) == expected


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(number: int, *fields: bytes) -> bytes:
    body = b"".join(fields)
    return varint(number << 3 | 2) + varint(len(body)) + body


def float_field(number: int, value: float) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<f", value)


def int_field(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


LATENCIES_MS = (0.464545, 0.442, 0.979, 0.013, 0.462, 0.46, 0.478, 4.478, 1.033, 0.465319)
RESULT = (
    message(2, *(float_field(n, value) for n, value in enumerate(LATENCIES_MS, start=1)))
    + message(3, int_field(1, 9216), int_field(2, 11264), float_field(3, 25.5))
    + message(4, float_field(1, 3.27774), int_field(2, 2112), int_field(3, 1055))
)


def test_a_binary_result_file_is_read() -> None:
    log = parse_bytes(RESULT)
    assert (log.ok, log.dialect, log.runs, log.warmup_runs) == (True, "result-proto", 2112, 1055)
    assert log.inference_avg_us == pytest.approx(464.545, abs=1e-9)
    assert log.init_us == pytest.approx(4478)
    assert log.first_us == pytest.approx(1033)
    assert log.warmup_avg_us == pytest.approx(465.319)
    assert log.percentiles_us == pytest.approx({"p5": 460, "median": 462, "p95": 478})
    assert log.memory_mb == {"init": 9.0, "overall": 11.0, "peak": 25.5}
    assert log.model_size_mb == pytest.approx(3.27774)


def test_a_binary_result_file_that_is_cut_off_is_never_a_result() -> None:
    assert [n for n in range(len(RESULT)) if parse_bytes(RESULT[:n]).ok] == []


TEXT = """\
INFO: STARTING!
INFO: Initialized session in 4.478ms.
INFO: Running benchmark for at least 3 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=1055 first=1033 curr=460 min=440 max=1033 avg=465.319 std=20 p5=441 median=462 p95=480

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=2112 first=470 curr=461 min=442 max=979 avg=464.545 std=13 p5=460 median=462 p95=478

INFO: Inference timings in us: Init: 4478, First inference: 1033, Warmup (avg): 465.319, Inference (avg): 464.545
"""  # noqa: E501 - as the tool prints it


def test_a_result_file_agrees_with_the_text_of_the_same_process() -> None:
    text = parse_log(TEXT, exit_status=0)
    assert text.ok
    assert contradiction(text, parse_bytes(RESULT)) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("count=2112", "count=2113", "2113 runs, the result file 2112"),
        ("count=1055", "count=1054", "1054 warm-up runs, the result file 1055"),
        ("min=442", "min=447", "447 as inference_min_us, the result file 442"),
        ("median=462 p95=478", "median=465 p95=478", "465 as median_us, the result file 462"),
        ("464.545", "464.6", "464.6 as inference_avg_us, the result file 464.545"),
        ("Init: 4478", "Init: 4481", "4481 as init_us, the result file 4478"),
    ],
)
def test_what_text_and_result_file_tell_differently_is_named(old: str, new: str, said: str) -> None:
    text = parse_log(TEXT.replace(old, new), exit_status=0)
    found = contradiction(text, parse_bytes(RESULT))
    assert found is not None
    assert said in found


@pytest.mark.parametrize("content", [b"", b"no result", RESULT[:20]])
def test_a_result_file_that_is_none_contradicts(content: bytes) -> None:
    found = contradiction(parse_log(TEXT, exit_status=0), parse_bytes(content))
    assert found is not None
    assert found.startswith("the result file cannot be used")
