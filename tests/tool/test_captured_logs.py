"""Every captured log, with what a person reads in it.

Only fields that are worth checking are named; a field of ``ABSENT`` must be ``None`` unless named.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from bench.tool.parse import parse_file

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"

ABSENT = (
    "runs",
    "init_us",
    "first_us",
    "warmup_avg_us",
    "warmup_runs",
    "inference_avg_us",
    "inference_min_us",
    "inference_max_us",
    "inference_std_us",
    "inference_us",
    "percentiles_us",
    "delegate",
    "nodes_delegated",
    "nodes_total",
    "partitions",
    "memory_mb",
    "model_size_mb",
    "threads",
    "signature",
)


def latencies(
    init: float, warmup: tuple[int, float | None, float | None], measured: tuple[float, ...]
) -> dict[str, object]:
    """Expected fields from init, (runs, first, avg) and (runs, avg, min, max, std)."""
    runs, avg, low, high, std = measured
    return {
        "init_us": init,
        "warmup_runs": warmup[0],
        "first_us": warmup[1],
        "warmup_avg_us": warmup[2],
        "runs": int(runs),
        "inference_avg_us": avg,
        "inference_min_us": low,
        "inference_max_us": high,
        "inference_std_us": std,
    }


def size(init: float, overall: float, **more: float) -> dict[str, object]:
    return {"memory_mb": {"init": init, "overall": overall, **more}, "model_size_mb": 0.005}


GOOD: dict[str, dict[str, object]] = {
    "01_tf1x_cpu_no_stats": {
        **latencies(9890, (4, 606701, 577904), (10, 420334, 232432, 566895, 156392)),
        "threads": 2,
    },
    "03_tf2.4dev_gpu_arm32_full": {
        **latencies(870557, (4, 130565, 122373), (50, 119375, 113737, 124776, 1948)),
        "threads": 4,
        "delegate": "gpu",
        "requested_delegates": ("gpu",),
        "model_size_mb": 7.07479,
    },
    "06_tf2.6plus_xnnpack_int8_rpi": {
        **latencies(18777, (9, 64791, 57758.2), (50, 55043.2, 53077, 60727, 1562)),
        "threads": 4,
        "delegate": "xnnpack",
        "model_size_mb": 3.67827,
        "memory_mb": {"init": 8.97656, "overall": 18.7227},
    },
    "09_tf2.9_apk_logcat_nnapi_partial": {
        **latencies(126059, (40, 32942, 12581.9), (75, 12167.6, 11787, 13649, 325)),
        "logcat": True,
        "delegate": "nnapi",
        "partitions": 44,
        "model_size_mb": 0.113392,
    },
    "16_tf2.18dev_linux_info_prefix": {
        **latencies(12750, (37, 14744, 13764.3), (74, 13520.2, 13105, 15765, 470)),
        "delegate": "xnnpack",
        "model_size_mb": 16.9008,
    },
    "28_larq_tf2.2_2.3_rpi4": {
        **latencies(3501, (12, 156677, 43268.1), (50, 33071.8, 32687, 33239, 129)),
        "threads": 1,
        "model_size_mb": 3.34914,
    },
    "34_python_litert_benchmark_2.3.0_stdout": {
        **latencies(5390, (3, 650, 540), (30, 1120, 410, 8580, 2160)),
        "dialect": "litert-python",
        "percentiles_us": {"p5": 410.0, "median": 430.0, "p95": 6770.0},
    },
    "38_python_litert_benchmark_2.3.0_json": {
        **latencies(5390, (3, 650, 540), (30, 1120, 410, 8580, 2160)),
        "dialect": "litert-python",
        "percentiles_us": {"p5": 410.0, "median": 430.0, "p95": 6770.0},
        "threads": 1,
        "model_size_mb": 0.0,
        "signature": "serving_default",
    },
    "40_tf2.14.1_two_runs_raw": {
        **latencies(301, (0, None, None), (2, 36712, 19754, 53670, 16958)),
        **size(2.63672, 17.9102),
        "inference_us": (53670.0, 19754.0),
        "threads": 2,
    },
    "43_tf2.14.1_peak_memory": {
        **latencies(398, (79, 44365, 6185.95), (5, 4380.8, 1126, 13544, 4802)),
        **size(2.76953, 18.0352, peak=25.5977),
        "threads": 1,
    },
    "44_tf2.14.1_op_profile_stdout": {
        **latencies(433, (108, 44696, 4674.14), (20, 3447.5, 1038, 13480, 4017)),
        **size(2.76953, 18.0195),
        "threads": 1,
    },
    "59_tf2.14.1_preinvoke_state": {
        **latencies(289, (1, 46973, 46973), (2, 6586, 1364, 11808, 5222)),
        **size(2.64453, 17.9062),
        "inference_us": (11808.0, 1364.0),
        "threads": 1,
    },
    "60_tf2.14.1_input_name_warning": {
        **latencies(308, (1, 22263, 22263), (2, 4925.5, 1176, 8675, 3749)),
        **size(2.64062, 17.8828),
        "inference_us": (8675.0, 1176.0),
        "threads": 1,
    },
    "67_tf2.14.1_three_runs_recommended": {
        **latencies(3423, (3, 22379, 15928), (3, 2988.67, 1017, 6773, 2676)),
        **size(0, 11.1953),
        "inference_us": (1176.0, 1017.0, 6773.0),
        "threads": 1,
    },
    "69_tf2.14.1_value_file_and_output_file": {
        **latencies(501, (3, 28186, 12389.7), (3, 3527.67, 1323, 7909, 3098)),
        **size(0, 11.0898),
        "inference_us": (1351.0, 7909.0, 1323.0),
        "threads": 1,
    },
}

# Code of the failure, and what can be read all the same.
BAD: dict[str, tuple[str, dict[str, object]]] = {
    "02_tf2.0_2.1_apk_logcat_rss": (
        "incomplete",
        {
            "logcat": True,
            "init_us": 838811,
            "warmup_avg_us": 239907,
            "inference_avg_us": 246387,
            "memory_mb": {"max_rss": 495.105},
        },
    ),
    "05_tf2.5rc3_gpu_linux": (
        "incomplete",
        {
            "init_us": 154524,
            "warmup_runs": 237,
            "first_us": 8216,
            "warmup_avg_us": 2096.54,
            "delegate": "gpu",
            "requested_delegates": ("gpu",),
            "model_size_mb": 22.452,
        },
    ),
    "07_tf2.7_windows_gpu_minsecs0": (
        "incomplete",
        {
            "init_us": 10115400,
            "warmup_runs": 20,
            "first_us": 31530,
            "warmup_avg_us": 28473,
            "delegate": "gpu",
            "requested_delegates": ("gpu",),
            "threads": 1,
            "model_size_mb": 16.5922,
        },
    ),
    "10_tf2.9_apk_logcat_nnapi_not_used": (
        "delegate-not-applied",
        {"logcat": True, "requested_delegates": ("nnapi",)},
    ),
    "11_tf2.10nightly_apk_logcat_op_profile": (
        "incomplete",
        {"logcat": True, "memory_mb": {"init": 2.03516, "overall": 2.03516}},
    ),
    "13_fail_hexagon_apply": (
        "delegate-failed",
        {"requested_delegates": ("hexagon",), "threads": 4},
    ),
    "14_fail_flex_ops_missing": ("flex-op", {}),
    "15_fail_wrong_abi": ("wrong-abi", {"dialect": "unknown"}),
    "18_tf2.16_apk_logcat_gpu_cl_replacing": (
        "incomplete",
        {
            "logcat": True,
            "threads": 1,
            "delegate": "gpu",
            "nodes_delegated": 290,
            "nodes_total": 290,
            "partitions": 1,
            "requested_delegates": ("gpu",),
        },
    ),
    "19_apk_logcat_count_1": (
        "incomplete",
        {
            "logcat": True,
            "init_us": 9340,
            "warmup_runs": 1,
            "first_us": 1381510,
            "warmup_avg_us": 1381510,
            "delegate": "xnnpack",
            "model_size_mb": 137.514,
        },
    ),
    "21_nnapi_scientific_notation": (
        "incomplete",
        {
            "init_us": 25558,
            "first_us": 9992420,
            "warmup_avg_us": 9992420,
            "inference_avg_us": 8459.69,
            "delegate": "nnapi",
            "requested_delegates": ("nnapi",),
            "model_size_mb": 4.27635,
        },
    ),
    "23_litert2.1_npu_start": ("incomplete", {"dialect": "compiled-model"}),
    "24_litert_gpu_accelerator_missing": ("incomplete", {"dialect": "compiled-model"}),
    "25_external_delegate_vx": (
        "incomplete",
        {
            "init_us": 11237,
            "delegate": "external",
            "requested_delegates": ("external",),
            "model_size_mb": 2.26644,
        },
    ),
    "27_tf2.1_gpu_header": ("incomplete", {"requested_delegates": ("gpu",), "threads": 1}),
    "29_op_profile_2019_table": (
        "incomplete",
        {"init_us": 21528106, "warmup_avg_us": 27917.4, "inference_avg_us": 23313.5},
    ),
    "31_inference_diff_gpu": ("not-a-benchmark", {"dialect": "inference-diff"}),
    "32_rockpi4_memory_lines": ("several-runs", {}),
    "33_readme_op_profile_tables": (
        "incomplete",
        {"init_us": 38467, "warmup_avg_us": 83235, "inference_avg_us": 79760.9},
    ),
    "35_python_litert_benchmark_2.3.0_stderr_verbose": (
        "incomplete",
        {
            "dialect": "litert-python",
            "delegate": "xnnpack",
            "threads": 1,
            "model_size_mb": 0.0,
            "signature": "serving_default",
        },
    ),
    "36_python_litert_benchmark_fail_bad_model": (
        "model-invalid",
        {"dialect": "litert-python", "threads": 1, "model_size_mb": 0.0},
    ),
    "42_tf2.14.1_dry_run": (
        "dry-run",
        {"init_us": 323, "runs": 0, "warmup_runs": 0, **size(2.64453, 3.14453)},
    ),
    "46_tf2.14.1_duplicate_flag": (
        "unconsumed-flags",
        {
            **latencies(302, (1, 44365, 44365), (3, 9066, 1194, 21553, 8929)),
            **size(2.64453, 17.9023),
            "inference_us": (4451.0, 21553.0, 1194.0),
            "unconsumed_flags": ("--num_runs=7",),
        },
    ),
    "47_tf2.14.1_unconsumed_flags": (
        "unconsumed-flags",
        {
            **latencies(295, (1, 19476, 19476), (1, 7585, 7585, 7585, 0)),
            **size(2.64453, 17.9023),
            "inference_us": (7585.0,),
            "unconsumed_flags": ("--nmu_runs=3", "--use_gpu=true", "--result_file_path=x.pb"),
        },
    ),
    "48_tf2.14.1_fail_flag_value": ("flag-value", {}),
    "49_tf2.14.1_fail_graph_with_space": (
        "no-graph",
        {"unconsumed_flags": ("--graph", "m.tflite")},
    ),
    "50_tf2.14.1_fail_missing_model": ("model-missing", {}),
    "51_tf2.14.1_fail_truncated_model": ("model-invalid", {}),
    "52_tf2.14.1_fail_empty_model": ("model-empty", {}),
    "53_tf2.14.1_fail_op_version": ("op-version", {}),
    "55_tf2.14.1_fail_flex_op": ("flex-op", {}),
    "56_tf2.14.1_fail_prepare_shape": ("shape", {}),
    "57_tf2.14.1_fail_full_delegation": ("full-delegation-refused", {}),
    "61_tf2.14.1_fail_value_range_colon": ("flag-value", {}),
    "63_tf2.14.1_performance_options_cpu": (
        "several-runs",
        {"dialect": "performance-options", "requested_delegates": ("xnnpack",)},
    ),
    "64_tf2.14.1_performance_options_bad_option": (
        "flag-value",
        {"dialect": "performance-options"},
    ),
    "65_tf2.14.1_help_usage": ("usage", {}),
    "66_tf2.14.1_op_profile_csv": ("incomplete", {}),
    "68_tf2.14.1_fail_value_file_size": (
        "input-file",
        {"init_us": 460, "threads": 1, "model_size_mb": 0.005},
    ),
    "70_tf2.14.1_max_secs_cut": (
        "fewer-runs",
        {
            **latencies(502, (1, 17886, 17886), (1, 13942, 13942, 13942, 0)),
            **size(0, 11.1289),
            "inference_us": (13942.0,),
            "threads": 1,
        },
    ),
    "91_SYNTHETIC_performance_options_summary": (
        "several-runs",
        {"dialect": "performance-options"},
    ),
}

DEFAULTS: dict[str, object] = {
    **dict.fromkeys(ABSENT),
    "dialect": "interpreter",
    "logcat": False,
    "unconsumed_flags": (),
    "requested_delegates": (),
    "runtime": None,
    "cpu_us": None,
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_log_gives_what_it_prints(name: str) -> None:
    read = asdict(parse_file(LOGS / f"{name}.txt"))
    assert read == {**DEFAULTS, "ok": True, "failure": None, **GOOD[name]}


@pytest.mark.parametrize("name", BAD)
def test_a_log_that_must_not_be_trusted_says_why(name: str) -> None:
    code, expected = BAD[name]
    read = asdict(parse_file(LOGS / f"{name}.txt"))
    failure = read.pop("failure")
    assert failure.partition(": ")[0] == code
    assert read == {**DEFAULTS, "ok": False, **expected}


def test_every_captured_log_has_an_expectation() -> None:
    assert {path.stem for path in LOGS.glob("*.txt")} == GOOD.keys() | BAD.keys()
