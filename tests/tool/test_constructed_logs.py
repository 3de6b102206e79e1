"""Forms that no captured log shows, written after the descriptions of the formats."""

from __future__ import annotations

import pytest

from bench.tool.parse import ToolLog, parse_log

PHASES = ("at least 1 iterations and at least 0.5", "at least 50 iterations and at least 1")
WARMUP = "count=3 first=900 curr=700 min=700 max=900 avg=800 std=81"
MEASURED = "count=50 first=510 curr=505 min=490 max=620 avg=512.25 std=17"
TIMINGS = (
    "Inference timings in us: Init: 4200, First inference: 900, "
    "Warmup (avg): 800, Inference (avg): 512.25"
)


def log_of(
    *setup: str, warmup: str = WARMUP, measured: str = MEASURED, timings: str = TIMINGS
) -> str:
    lines = [
        "STARTING!",
        "Log parameter values verbosely: [0]",
        *setup,
        "Initialized session in 4.2ms.",
    ]
    for phase, statistics in zip(PHASES, (warmup, measured), strict=True):
        lines.append(
            f"Running benchmark for {phase} seconds but terminate if exceeding 150 seconds."
        )
        lines += [statistics, ""]
    return "\n".join([*lines, timings, ""])


def code(log: ToolLog) -> str:
    return "" if log.failure is None else log.failure.partition(": ")[0]


def test_percentiles_are_read_beside_every_form_of_statistics() -> None:
    log = parse_log(
        log_of(
            warmup="count=1 curr=800 p5=800 median=800 p95=800",
            measured=MEASURED + " p5=495 median=508 p95=590",
            timings=TIMINGS.replace("First inference: 900", "First inference: 800"),
        )
    )
    assert log.ok
    assert log.percentiles_us == {"p5": 495.0, "median": 508.0, "p95": 590.0}


def test_equal_runs_give_all_raw_values() -> None:
    log = parse_log(
        log_of(
            measured="count=50 curr=512(all same) p5=512 median=512 p95=512",
            timings=TIMINGS.replace("512.25", "512"),
        )
    )
    assert log.ok
    assert log.inference_us == (512.0,) * 50
    assert log.inference_std_us == 0


def test_a_dry_run_with_percentiles_is_no_measurement() -> None:
    zero = "count=0 p5=0 median=0 p95=0"
    timings = (
        "Inference timings in us: Init: 4200, First inference: 0, "
        "Warmup (avg): 0, Inference (avg): 0"
    )
    log = parse_log(log_of(warmup=zero, measured=zero, timings=timings))
    assert (code(log), log.runs, log.inference_avg_us) == ("dry-run", 0, None)


def test_old_peak_memory_lines_are_read() -> None:
    log = parse_log(log_of() + "Peak memory footprint (MB): init=8.5 overall=12.25\n")
    assert log.memory_mb == {"init": 8.5, "overall": 12.25}


def test_gpu_with_unsupported_operations_is_a_partial_delegation_and_no_failure() -> None:
    stderr = (
        "ERROR: Following operations are not supported by GPU delegate:\n"
        "CAST: Not supported cast case\n"
        "54 operations will run on the GPU, and the remaining 505 operations will run on the CPU.\n"
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        "VERBOSE: Replacing 448 out of 508 node(s) with delegate (TfLiteXNNPackDelegate) node, "
        "yielding 9 partitions for the whole graph.\n"
    )
    applied = (
        "Explicitly applied GPU delegate, and the model graph will be partially executed by the "
        "delegate w/ 3 delegate kernels."
    )
    log = parse_log(log_of("Use gpu: [1]", applied), stderr)
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("gpu", 54, 559)
    assert log.partitions == 3


def test_the_runtime_s_own_words_go_before_an_announcement() -> None:
    log = parse_log(
        log_of(
            "Use Hexagon: [1]",
            "Applied Hexagon delegate, and the model graph will be completely executed "
            "w/ the delegate.",
        ),
        "INFO: Hexagon delegate: 71 nodes delegated out of 71 nodes.\n"
        "INFO: Replacing 70 node(s) with delegate (TfLiteHexagonDelegate) node, yielding 1 "
        "partitions.\n",
    )
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("hexagon", 70, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "Hexagon",
            "INFO: Hexagon delegate: 71 nodes delegated out of 75 nodes with 2 partitions.",
        ),
        ("CoreML", "INFO: CoreML delegate: 71 nodes delegated out of 75 nodes, with 2 partitions."),
    ],
)
def test_an_announcement_serves_where_there_is_nothing_better(name: str, said: str) -> None:
    log = parse_log(log_of(f"Use {name} : [1]", f"Applied {name} delegate."), f"{said}\n")
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == (name.lower(), 71, 75)
    assert log.partitions == 2


def test_an_announcement_of_as_many_nodes_tells_the_size_of_the_graph() -> None:
    log = parse_log(
        log_of(
            "Use Hexagon: [1]",
            "Explicitly applied Hexagon delegate, and the model graph will be partially executed "
            "by the delegate w/ 2 delegate kernels.",
        ),
        "INFO: TfLiteHexagonDelegate delegate: 136 nodes delegated out of 139 nodes with 2 "
        "partitions.\n"
        "VERBOSE: Replacing 136 node(s) with delegate (TfLiteHexagonDelegate) node, yielding 5 "
        "partitions.\n"
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        "VERBOSE: Replacing 12 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 7 "
        "partitions.\n",
    )
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("hexagon", 136, 139)
    assert log.partitions == 5


@pytest.mark.parametrize(
    ("setup", "counted"),
    [
        (
            ("Use gpu : [1]", "Applied GPU delegate."),
            "First 0 operations will run on the GPU, and the remaining 27 on the CPU.\n",
        ),
        (
            ("Use Hexagon : [1]", "Applied Hexagon delegate."),
            "INFO: Hexagon delegate: 0 nodes delegated out of 27 nodes.\n",
        ),
    ],
)
def test_a_delegate_that_was_applied_to_no_node_did_not_run(
    setup: tuple[str, ...], counted: str
) -> None:
    log = parse_log(log_of(*setup), counted)
    assert code(log) == "delegate-not-seen"
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("none", 0, 27)


def test_an_old_gpu_log_with_a_blank_before_the_colon_is_good() -> None:
    stderr = "First 28 operations will run on the GPU, and the remaining 1 on the CPU.\n"
    log = parse_log(log_of("Use gpu : [1]", "Applied GPU delegate."), stderr)
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("gpu", 28, 29)


@pytest.mark.parametrize(
    "said",
    [
        "INFO: Failed to apply the default TensorFlow Lite delegate indexed at 0 because of "
        "incompatibility between runtime and delegate. Ignoring the error, and continuing anyway.",
        "WARNING: Attempting to use a delegate that only supports static-sized tensors with a "
        "graph that has dynamic-sized tensors (tensor#94 is a dynamic-sized tensor).",
    ],
)
def test_a_default_delegate_that_could_not_be_applied_did_not_run(said: str) -> None:
    log = parse_log(log_of(), f"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n{said}\n")
    assert (log.ok, log.delegate) == (True, "none")


def test_a_replacement_that_was_quoted_without_its_partitions_tells_its_nodes() -> None:
    log = parse_log(
        log_of("Use NNAPI: [1]"),
        "Replacing 31 out of 33 node(s) with delegate (TfLiteNnapiDelegate)\n",
    )
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("nnapi", 31, 33)
    assert log.partitions is None


def test_a_refusal_that_was_wrapped_is_a_refusal() -> None:
    log = parse_log(
        log_of(
            "Use NNAPI: [1]",
            "Though NNAPI delegate is explicitly applied, the model graph",
            "      will not be executed by the delegate.",
        ),
        "Replacing 31 out of 31 node(s) with delegate (TfLiteNnapiDelegate)\n",
    )
    assert (code(log), log.delegate) == ("delegate-not-applied", None)


def test_an_external_delegate_takes_the_nodes_of_its_vendor_s_kernel() -> None:
    log = parse_log(
        log_of(
            "External delegate path: [libvx_delegate.so]",
            "EXTERNAL delegate created.",
            "Explicitly applied EXTERNAL delegate, and the model graph will be completely "
            "executed by the delegate.",
        ),
        "VERBOSE: Replacing 66 out of 66 node(s) with delegate (Vx Delegate) node, yielding 1 "
        "partitions for subgraph 0.\n",
    )
    assert log.ok
    assert (log.delegate, log.nodes_delegated, log.partitions) == ("external", 66, 1)


def test_a_delegate_that_takes_nothing_fails_the_log() -> None:
    log = parse_log(
        log_of(
            "External delegate path: [libQnnTFLiteDelegate.so]",
            "EXTERNAL delegate created.",
            "Though EXTERNAL delegate is explicitly applied, the model graph will not be executed "
            "by the delegate.",
        ),
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    )
    assert (code(log), log.delegate) == ("delegate-not-applied", "xnnpack")


def test_xnnpack_may_find_nothing_left_after_another_delegate() -> None:
    log = parse_log(
        log_of(
            "Use gpu: [1]",
            "Use xnnpack: [1]",
            "Explicitly applied GPU delegate, and the model graph will be completely executed by "
            "the delegate.",
            "Though XNNPACK delegate is explicitly applied, the model graph will not be executed "
            "by the delegate.",
        )
    )
    assert (log.ok, log.delegate) == (True, "gpu")


def test_xnnpack_in_part_is_shown_with_its_kernels() -> None:
    log = parse_log(
        log_of(
            "Use xnnpack: [1]",
            "XNNPACK delegate created.",
            "Explicitly applied XNNPACK delegate, and the model graph will be partially executed "
            "by the delegate w/ 2 delegate kernels.",
        )
    )
    assert (log.ok, log.delegate, log.partitions) == (True, "xnnpack", 2)


@pytest.mark.parametrize(
    "setup",
    [
        ("Use gpu: [1]", "GPU delegate created."),
        ("Use gpu: [1]", "GPU acceleration is unsupported on this platform."),
        ("Use nnapi : [1]",),
        ("Use xnnpack: [1]",),
        ("Delegate settings file path: [stable.json]",),
    ],
)
def test_what_was_asked_for_and_not_seen_to_run_fails_the_log(setup: tuple[str, ...]) -> None:
    log = parse_log(log_of(*setup))
    assert code(log) in ("delegate-not-seen", "delegate-not-applied")
    assert log.delegate is None


def test_named_subgraphs_are_summed_and_a_repeated_one_counts_once() -> None:
    stderr = "".join(
        f"VERBOSE: Replacing {nodes} out of {total} node(s) with delegate (TfLiteXNNPackDelegate) "
        f"node, yielding {pieces} partitions for subgraph {place}.\n"
        for nodes, total, pieces, place in (
            (10, 12, 2, "0 (main)"),
            (10, 12, 2, "0 (main)"),
            (4, 4, 1, "1 (while body)"),
        )
    )
    log = parse_log(log_of(), stderr)
    assert (log.nodes_delegated, log.nodes_total, log.partitions) == (14, 16, 3)


def test_xnnpack_that_replaced_no_node_is_no_delegate() -> None:
    log = parse_log(
        log_of(),
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        "VERBOSE: Replacing 0 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, "
        "yielding 0 partitions for the whole graph.\n",
    )
    assert (log.delegate, log.nodes_delegated, log.nodes_total) == ("none", 0, 31)


def test_flex_is_no_delegate_to_report() -> None:
    log = parse_log(
        log_of(),
        "INFO: Created TensorFlow Lite delegate for select TF ops.\n"
        "INFO: TfLiteFlexDelegate delegate: 5 nodes delegated out of 105 nodes with 3 partitions.\n"
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    )
    assert (log.ok, log.delegate, log.nodes_delegated) == (True, "xnnpack", None)


def test_full_delegation_that_was_demanded_must_be_full() -> None:
    log = parse_log(
        log_of(
            "Require full delegation: [1]",
            "Explicitly applied GPU delegate, and the model graph will be partially executed by "
            "the delegate w/ 3 delegate kernels.",
        )
    )
    assert code(log) == "partial-delegation"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (139, "crashed"),
        (-11, "crashed"),
        (135, "crashed"),
        (137, "killed"),
        (134, "aborted"),
        (1, "exit-status"),
    ],
)
def test_an_exit_status_fails_even_a_complete_log(status: int, expected: str) -> None:
    assert code(parse_log(log_of(), exit_status=status)) == expected


def test_a_crash_after_created_is_no_delegation() -> None:
    text = log_of().partition("Initialized")[0] + "EXTERNAL delegate created.\n"
    assert code(parse_log(text, exit_status=139)) == "crashed"
    log = parse_log(text)
    assert (code(log), log.delegate) == ("incomplete", None)


def test_a_killed_run_tells_its_warm_up_as_warm_up_only() -> None:
    log = parse_log(log_of().partition(MEASURED)[0])
    assert (code(log), log.warmup_runs, log.warmup_avg_us) == ("incomplete", 3, 800)
    assert (log.runs, log.inference_avg_us) == (None, None)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("ERROR: Encountered unresolved custom op: MyOp.\nSee instructions", "custom-op"),
        ("ERROR: Mmap of '3' at offset '0' failed with error '13'.", "model-permission"),
        ("ERROR: Mmap of '3' at offset '0' failed with error '19'.", "model-directory"),
        ('CANNOT LINK EXECUTABLE "./bm": library "libLiteRt.so" not found', "library-missing"),
        ("/system/bin/sh: ./bm: can't execute: Permission denied", "not-executable"),
        ("/system/bin/sh: ./bm: inaccessible or not found", "tool-missing"),
        ("Populating the tensor x of type FLOAT16 is disabled.", "input-type"),
        ("Failed to apply GPU delegate.\nBenchmarking failed.", "delegate-failed"),
        ("FATAL: something new", "fatal"),
        ("Segmentation fault", "crashed"),
        ("Killed", "killed"),
        ("Benchmarking failed.", "tool-failed"),
    ],
)
def test_an_error_line_names_the_cause(stderr: str, expected: str) -> None:
    assert code(parse_log("STARTING!\n", stderr)) == expected


def test_a_failing_inference_spoils_complete_statistics() -> None:
    stderr = "ERROR: Node number 3 (CONV_2D) failed to invoke.\nERROR: Benchmarking failed.\n"
    assert code(parse_log(log_of(), stderr)) == "invoke-failed"


def test_errors_that_the_runtime_got_over_do_not_spoil_a_complete_log() -> None:
    stderr = (
        "ERROR: Can not open OpenCL library on this device - dlopen failed: library not found\n"
        "Falling back to OpenGL\n"
        "ERROR: Attempting to use a delegate that only supports static-sized tensors with a graph "
        "that has dynamic-sized tensors.\n"
    )
    assert parse_log(log_of(), stderr).ok


def test_statistics_that_contradict_the_timings_are_not_believed() -> None:
    log = parse_log(log_of(timings=TIMINGS.replace("512.25", "800")))
    assert code(log) == "inconsistent"


def test_a_second_run_in_one_file_gives_no_numbers() -> None:
    log = parse_log(log_of() + log_of())
    assert (code(log), log.runs, log.init_us) == ("several-runs", None, None)
