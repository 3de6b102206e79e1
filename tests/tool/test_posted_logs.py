"""Logs that people posted, as they stand in their pages: what a person reads in each.

The lines ``# `` at the start of each log give its source. Some were cut or rewritten by their
authors; a number is expected only where a person can know which number it is.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from bench.tool.paste import PastedRun, read_paste

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs" / "posted"
NUMBERS = (
    "runs",
    "init_us",
    "first_us",
    "warmup_avg_us",
    "inference_avg_us",
    "delegate",
    "nodes_delegated",
    "nodes_total",
    "memory_mb",
)


def runs_of(name: str) -> list[PastedRun]:
    (path,) = LOGS.glob(f"{name}_*.txt")
    return read_paste(path.read_bytes())


def code(run: PastedRun) -> str | None:
    return run.log.failure and run.log.failure.partition(": ")[0]


def numbers(
    runs: int | None,
    init: float | None,
    first: float | None,
    warmup: float | None,
    avg: float | None,
    memory: tuple[float, float] | None = None,
    **more: object,
) -> dict[str, object]:
    sizes = None if memory is None else {"init": memory[0], "overall": memory[1]}
    return {
        **dict.fromkeys(NUMBERS),
        "runs": runs,
        "init_us": init,
        "first_us": first,
        "warmup_avg_us": warmup,
        "inference_avg_us": avg,
        "memory_mb": sizes,
        **more,
    }


def nodes(delegated: int, total: int) -> dict[str, object]:
    return {"delegate": "xnnpack", "nodes_delegated": delegated, "nodes_total": total}


GOOD = {
    "05": numbers(10, 458883, 2732148, 2732150, 2719850, (286.73, 337), **nodes(1036, 1097)),
    "10": numbers(1054, 5757, 2125, 949.861, 947.132, (4.06, 7.07), delegate="xnnpack"),
    "11": numbers(50, 365972, 120877, 108605, 92571.2, (6.90625, 61.0547)),
    "18": numbers(50, 614333, 905463, 905463, 899641, delegate="xnnpack"),
    "30": numbers(50, 164025, 394833, 394149, 392865, (65.1562, 66.5391)),
    "48": numbers(2112, 4478, 1033, 465.319, 464.545, (8.94, 11.51), **nodes(1, 1)),
    "55": numbers(50, 102320, 670083, 670083, 699438, (98.0977, 99.2031), **nodes(49, 49)),
    "57": numbers(50, 530, 124020, 117225, 116066, (3.75, 12.1914)),
    "59": numbers(50, 2517, 217409, 213058, 210028, (0, 0)),
    "61": numbers(50, 1892, 91810, 86184.3, 115062),
}
NOTHING = numbers(None, None, None, None, None)
# The reason, words of its sentence, and what can be read all the same.
BAD: dict[str, tuple[str, str, dict[str, object]]] = {
    "13": (
        "delegate-failed",
        "NNAPI could not be applied (ANEURALNETWORKS_OP_FAILED)",
        NOTHING,
    ),
    "15": (
        "unconsumed-flags",
        "--allow_fp16; also delegate-not-applied: GPU acceleration is unsupported",
        numbers(50, 18738, 140706, 85791.2, 74481.6, (6.44141, 64.8633), delegate="xnnpack"),
    ),
    "22": (
        "delegate-not-applied",
        "Could not create Hexagon delegate",
        numbers(None, 65973, 100521, 83420.5, None),
    ),
    "25": (
        "incomplete",
        "cut off inside the line with the timings",
        numbers(120, 31930, 40037, 22013.8, 33329.7, delegate="external"),
    ),
    "27": ("gpu-program-failed", "Build program failure(97:0)", NOTHING),
    "31": ("not-a-benchmark", "run_model", NOTHING),
    "33": (
        "delegate-not-applied",
        "Though NNAPI delegate is explicitly applied",
        numbers(
            50, 5664363, 328140, 319036, 309350, (375.48, 375.48),
            **(nodes(49, 49) | {"delegate": "gpu"}),
        ),
    ),
    "35": (
        "shortened",
        "the author shortened the summary",
        numbers(None, 1437460, None, None, 30386.6, delegate="stable"),
    ),
    "38": ("other-tool", "TensorFlow's own", NOTHING),
    "39": ("invented", "no benchmark program prints", NOTHING),
    "41": ("incomplete", "no statistics line", numbers(None, 4108, None, 91471, 80660.1)),
    "43": ("incomplete", "no statistics line", numbers(None, 12123, None, 135310, 150988)),
    "46": ("incomplete", "no statistics line", numbers(None, 5811, 67743, 65539, 65155.5)),
    "50": (
        "incomplete",
        "no statistics line",
        numbers(None, 714949, 2967, 2648.59, 2682.96, delegate="stable"),
    ),
    "58": ("delegate-not-loaded", "libvx_delegate.so", NOTHING),
}  # fmt: skip
# Command or configuration, reason, and numbers of each run.
MANY: dict[str, list[tuple[str, str | None, dict[str, object]]]] = {
    "01": [
        (
            "./android_aarch64_benchmark_model --num_runs=1000 --warmup_runs=5 "
            "--graph=./models/tiny_muaalem_float32.tflite",
            None,
            numbers(1000, 119515, 87112, 58147.4, 63743.2, (55.4961, 55.4961), **nodes(2168, 2168)),
        ),
        (
            "./android_aarch64_benchmark_model --num_runs=5 --warmup_runs=5 "
            "--graph=./models/tiny_muaalem_int8.tflite",
            "shape",
            NOTHING | nodes(2136, 2168),
        ),
        (
            "./android_aarch64_benchmark_model --num_runs=5 --warmup_runs=5 "
            "--graph=./models/tiny_muaalem_int4.tflite",
            None,
            numbers(24, 207799, 90710, 48230.2, 42394.8, (23.5938, 26.6797), **nodes(2136, 2168)),
        ),
        (
            "./android_aarch64_benchmark_model --num_runs=5 --warmup_runs=50 "
            "--graph=./models/tiny_muaalem_int4.tflite",
            None,
            numbers(24, 143669, 72635, 43536.2, 42435.4, (23.5625, 27.5859), **nodes(2136, 2168)),
        ),
    ],
    "03": [
        ("./label_image --image=grace_hopper.bmp --use_gpu=false", "not-a-benchmark", NOTHING),
        ("./label_image --image=grace_hopper.bmp --use_gpu=true", "not-a-benchmark", NOTHING),
        (
            "./benchmark_model --graph=mobilenet_quant_v1_224.tflite --use_gpu=false",
            None,
            numbers(50, 87639, 106436, 106065, 105784, (14.4414, 14.8164), delegate="xnnpack"),
        ),
        (
            "./benchmark_model --graph=mobilenet_quant_v1_224.tflite --use_gpu=true",
            None,
            numbers(50, 1361236, 125113, 115344, 115246, (132.816, 132.816), delegate="gpu"),
        ),
    ],
    "09": [
        (
            "adb shell benchmark_model --graph=/data/local/tmp/mobilenet_v1_0.25_224_quant.tflite "
            "--use_nnapi=true --nnapi_accelerator_name=synap-npu",
            "incomplete",
            numbers(None, *times),
        )
        for times in ((24699, 1474732, 1474730, 1674.03), (7205, 15693, 14598.5, 14640.3))
    ],
    "17": [
        ("benchmark_model --graph=mobilenet_quant_v1_224.tflite", "elided", NOTHING),
        (
            "benchmark_model --graph=mobilenet_quant_v1_224.tflite --use_nnapi=true",
            "elided",
            NOTHING,
        ),
    ],
    "21": [
        (name, "summary-only", numbers(50, None, None, None, avg))
        for name, avg in (
            ("cpu w/ 4 threads", 33904.9),
            ("cpu w/ 4 threads (xnnpack)", 39220.2),
            ("cpu w/ 2 threads (xnnpack)", 41921.3),
            ("cpu w/ 2 threads", 44573),
            ("gpu-default", 57705.5),
            ("cpu w/ 1 threads (xnnpack)", 61070),
            ("cpu w/ 1 threads", 62723.4),
        )
    ],
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_log_gives_what_it_prints(name: str) -> None:
    (run,) = runs_of(name)
    assert run.log.ok, run.log.failure
    assert {key: asdict(run.log)[key] for key in NUMBERS} == GOOD[name]


@pytest.mark.parametrize("name", BAD)
def test_a_log_that_must_not_be_trusted_gives_the_true_reason(name: str) -> None:
    expected, words, read = BAD[name]
    (run,) = runs_of(name)
    assert code(run) == expected
    assert words in (run.log.failure or "")
    assert {key: asdict(run.log)[key] for key in NUMBERS} == read


@pytest.mark.parametrize("name", MANY)
def test_several_runs_are_read_one_by_one(name: str) -> None:
    found = [
        (run.name or run.command, code(run), {key: asdict(run.log)[key] for key in NUMBERS})
        for run in runs_of(name)
    ]
    assert found == MANY[name]


def test_every_posted_log_has_an_expectation() -> None:
    assert {path.name[:2] for path in LOGS.glob("*.txt")} == GOOD.keys() | BAD.keys() | MANY.keys()
