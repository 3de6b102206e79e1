"""LiteRT's own programs: the CompiledModel tool and the Python tool."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.tool.parse import ToolLog, parse_log

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"
STATISTICS = """INFO: STARTING!
INFO: Initialized session in 4.2ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if
INFO: count=3 first=900 curr=700 min=700 max=900 avg=800 std=81

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if
INFO: count=50 first=510 curr=505 min=490 max=620 avg=512.25 std=17

"""
LITERT_REPORT = """INFO: [litert/tools/benchmark_litert_model.h:81]
========== BENCHMARK RESULTS ==========
INFO: [litert/tools/benchmark_litert_model.h:82] Signature name:       main
INFO: [litert/tools/benchmark_litert_model.h:82] Model initialization: 4.20 ms
INFO: [litert/tools/benchmark_litert_model.h:84] Warmup (first):       0.90 ms
INFO: [litert/tools/benchmark_litert_model.h:86] Warmup (avg):         0.80 ms (3 runs)
INFO: [litert/tools/benchmark_litert_model.h:88] Inference (avg):      0.51 ms (50 runs)
INFO: [litert/tools/benchmark_litert_model.h:92] Inference (min):      0.49 ms
INFO: [litert/tools/benchmark_litert_model.h:94] Inference (max):      0.62 ms
INFO: [litert/tools/benchmark_litert_model.h:96] Inference (std):      0.02
INFO: [litert/tools/benchmark_litert_model.h:103] Throughput:           525.55 MB/s
INFO: [litert/tools/benchmark_litert_model.h:112]
Memory Usage:
INFO: [litert/tools/benchmark_litert_model.h:114] Init footprint:       8.94 MB
INFO: [litert/tools/benchmark_litert_model.h:116] Overall footprint:    11.51 MB
INFO: [litert/tools/benchmark_litert_model.h:123] Peak memory usage not available. (peak <= 0)
INFO: [litert/tools/benchmark_litert_model.h:126] ======================================
"""
NPU_MISSING = "WARNING: [npu_registry.cc:34] NPU accelerator could not be loaded and registered: x."


def test_a_litert_report_alone_gives_milliseconds_in_two_decimals() -> None:
    log = parse_log("", LITERT_REPORT)
    assert log.ok
    assert (log.dialect, log.signature) == ("compiled-model", "main")
    assert (log.init_us, log.first_us, log.warmup_avg_us, log.warmup_runs) == (4200, 900, 800, 3)
    assert (log.runs, log.inference_avg_us, log.inference_min_us) == (50, 510, 490)
    assert (log.inference_max_us, log.inference_std_us) == (620, 20)
    assert log.memory_mb == {"init": 8.94, "overall": 11.51}


def test_the_statistics_lines_go_before_litert_s_report() -> None:
    stdout = STATISTICS
    log = parse_log(stdout, LITERT_REPORT)
    assert (log.ok, log.dialect) == (True, "compiled-model")
    assert (log.inference_avg_us, log.inference_min_us, log.init_us) == (512.25, 490, 4200)


def test_litert_s_two_streams_must_agree() -> None:
    stdout = STATISTICS
    assert code(parse_log(stdout, LITERT_REPORT.replace("0.51", "0.53"))) == "inconsistent"


def test_a_litert_report_that_breaks_off_is_incomplete() -> None:
    half = LITERT_REPORT.partition("INFO: [litert/tools/benchmark_litert_model.h:96]")[0]
    assert code(parse_log(STATISTICS, half)) == "incomplete"


def test_a_dry_run_of_the_compiled_model_tool_is_no_measurement() -> None:
    stdout = re.sub("count=.*", "count=0", STATISTICS)
    stderr = (
        "INFO: [litert/tools/benchmark_litert_model.h:88] Inference (avg):      nan ms (0 runs)\n"
        "INFO: [litert/tools/benchmark_litert_model.h:98] No inference runs were performed.\n"
    )
    log = parse_log(stdout, stderr)
    assert (code(log), log.runs, log.inference_avg_us) == ("dry-run", 0, None)


def test_a_missing_accelerator_matters_only_if_it_was_asked_for() -> None:
    command = "$ ./benchmark_model --graph=m.tflite --use_npu=true\n"
    assert parse_log("", f"{NPU_MISSING}\n{LITERT_REPORT}").ok
    log = parse_log(command, f"{NPU_MISSING}\n{LITERT_REPORT}")
    assert (code(log), log.requested_delegates) == ("delegate-not-loaded", ("npu",))


def test_an_npu_that_ran_is_believed() -> None:
    command = "$ ./benchmark_model --graph=m.tflite --use_npu=true\n"
    replaced = (
        "VERBOSE: Replacing 31 out of 31 node(s) with delegate (DispatchDelegate) node, "
        "yielding 1 partitions for subgraph 0 (main).\n"
    )
    log = parse_log(command, f"{replaced}{NPU_MISSING}\n{LITERT_REPORT}")
    assert (log.ok, log.delegate, log.nodes_delegated) == (True, "npu", 31)


@pytest.mark.parametrize(
    ("flags", "expected", "delegate"),
    [
        ("--use_gpu=1 --use_cpu=0 --require_full_delegation=1", "", "gpu"),
        ("--use_gpu=true --require_full_delegation=true", "delegate-not-seen", None),
        ("--use_gpu=true --use_cpu=false", "delegate-not-seen", None),
    ],
)
def test_an_accelerator_that_nothing_could_replace_is_believed(
    flags: str, expected: str, delegate: str | None
) -> None:
    command = f"with `LD_LIBRARY_PATH=. ./benchmark_model_litert_115 --graph=m.tflite {flags}`\n"
    log = parse_log("", command + LITERT_REPORT)
    assert (code(log), log.delegate) == (expected, delegate)


def test_an_accelerator_that_was_not_loaded_is_not_believed_whatever_was_demanded() -> None:
    command = "./benchmark_model --use_npu=1 --use_cpu=0 --require_full_delegation=1\n"
    log = parse_log("", f"{command}{NPU_MISSING}\n{LITERT_REPORT}")
    assert (code(log), log.delegate) == ("delegate-not-loaded", None)


@pytest.mark.parametrize("mark", ["\\", "^"])
def test_a_command_may_go_on_over_several_lines(mark: str) -> None:
    command = (
        f"C:\\>.\\benchmark_model.exe {mark}\n    --graph=m {mark}\n    --use_npu=true {mark}\n"
    )
    log = parse_log("", command + LITERT_REPORT)
    assert (code(log), log.requested_delegates) == ("delegate-not-seen", ("npu",))


def test_fewer_runs_than_the_command_line_asked_for_are_told() -> None:
    command = "$ ./benchmark_model --graph=m.tflite --num_runs=60\n"
    assert code(parse_log("", command + LITERT_REPORT)) == "fewer-runs"


def code(log: ToolLog) -> str:
    return "" if log.failure is None else log.failure.partition(": ")[0]


PYTHON_HEAD = "2026-11-22 14:48:15 {level} benchmark_litert_model: {text}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Model file not found: nope.tflite", "model-missing"),
        ('Signature "nope" not found.', "signature"),
        (
            "Model is not fully accelerated but --require_full_delegation was set.",
            "full-delegation-refused",
        ),
    ],
)
def test_errors_of_litert_s_python_tool_are_named(text: str, expected: str) -> None:
    log = parse_log("", PYTHON_HEAD.format(level="ERROR", text=text) + "\n", exit_status=1)
    assert (code(log), log.dialect) == (expected, "litert-python")


def test_an_exception_of_litert_s_python_tool_is_quoted() -> None:
    stderr = PYTHON_HEAD.format(level="INFO", text="Accelerators:    GPU") + (
        "\nTraceback (most recent call last):\n  File x\nRuntimeError: Failed to compile\n"
    )
    log = parse_log("", stderr)
    assert log.failure == "tool-failed: RuntimeError: Failed to compile"
    assert log.requested_delegates == ("gpu",)


@pytest.mark.parametrize(
    ("accelerators", "failure", "delegate"),
    [("GPU", "", "gpu"), ("NPU | GPU | CPU", "delegate-not-seen", None), ("CPU", "", None)],
)
def test_full_acceleration_proves_an_accelerator_only_where_the_cpu_was_not_allowed(
    accelerators: str, failure: str, delegate: str | None
) -> None:
    stdout = (LOGS / "34_python_litert_benchmark_2.3.0_stdout.txt").read_text()
    stderr = PYTHON_HEAD.format(level="INFO", text=f"Accelerators:    {accelerators}")
    log = parse_log(stdout, stderr)
    assert (code(log), log.delegate) == (failure, delegate)


def test_a_mean_of_zero_is_no_measurement() -> None:
    stdout = (LOGS / "34_python_litert_benchmark_2.3.0_stdout.txt").read_text()
    assert code(parse_log(stdout.replace("1.12", "0.00"))) == "below-resolution"


def test_fewer_runs_than_litert_s_python_tool_was_asked_for_are_told() -> None:
    stdout = (LOGS / "34_python_litert_benchmark_2.3.0_stdout.txt").read_text()
    stderr = PYTHON_HEAD.format(level="INFO", text="Benchmark runs:  50")
    assert code(parse_log(stdout, stderr)) == "fewer-runs"
