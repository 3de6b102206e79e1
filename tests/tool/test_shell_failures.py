"""What a phone's shell, its linker and a crash leave behind, and a delegate that does nothing."""

import pytest

from bench.tool.parse import ToolLog, parse_log

STARTED = "INFO: STARTING!\nINFO: Log parameter values verbosely: [0]\n"
EXTERNAL = (
    STARTED + "INFO: External delegate path: [/data/local/tmp/libvx.so]\n"
    "INFO: EXTERNAL delegate created.\n"
)
REST = """\
INFO: Initialized session in 4.2ms.
INFO: Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=3 first=900 curr=700 min=700 max=900 avg=800 std=81

INFO: Running benchmark for at least 3 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=3 first=510 curr=490 min=490 max=510 avg=500 std=8

INFO: Inference timings in us: Init: 4200, First inference: 900, Warmup (avg): 800, Inference (avg): 500
"""  # noqa: E501 - as the tool prints it


def code(log: ToolLog) -> str:
    return "" if log.failure is None else log.failure.partition(": ")[0]


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("", 126, "not-executable"),
        ("/system/bin/sh: ./benchmark_model: can't execute: Permission denied", 126, "not-exec"),
        ("/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file", 126, "wrong-abi"),
        ("/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file", 1, "wrong-abi"),
        ("sh: ./b: cannot execute binary file: Exec format error", 126, "wrong-abi"),
        ("taskset: exec ./benchmark_model: Exec format error", 126, "wrong-abi"),
        ("taskset: exec ./benchmark_model: Permission denied", 126, "not-executable"),
        ("taskset: exec ./benchmark_model: No such file or directory", 127, "tool-missing"),
        ("", 127, "tool-missing"),
        ("/system/bin/sh: ./benchmark_model: inaccessible or not found", 127, "tool-missing"),
        (
            "./benchmark_model: error while loading shared libraries: libX.so: cannot open shared "
            "object file: No such file or directory",
            127,
            "library-missing: the tool cannot be linked on this device without libX.so",
        ),
        (
            'CANNOT LINK EXECUTABLE "./benchmark_model": library "libX.so" not found: needed by '
            "main executable",
            1,
            "library-missing: the tool cannot be linked on this device without libX.so",
        ),
        (
            'CANNOT LINK EXECUTABLE "./b": cannot locate symbol "foo" referenced by "./b"...',
            134,
            "library-mismatch: a library on this device lacks foo",
        ),
        ("./b: symbol lookup error: ./b: undefined symbol: foo", 127, "library-mismatch: "),
        (
            "./b: /lib/libc.so.6: version `GLIBC_2.38' not found (required by ./b)",
            1,
            "library-mismatch: a library on this device lacks GLIBC_2.38",
        ),
    ],
)
def test_a_program_that_never_began_is_told_apart(said: str, status: int, expected: str) -> None:
    for stdout, stderr in (("", said), (said, "")):
        log = parse_log(stdout, stderr, exit_status=status)
        assert log.failure is not None
        assert log.failure.startswith(expected)


def test_a_missing_taskset_is_not_taken_for_a_missing_tool() -> None:
    log = parse_log("", "sh: taskset: not found\n", exit_status=127)
    assert log.failure == "tool-missing: taskset was not found"


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        ("", 139, "crashed"),
        ("Segmentation fault \n", 139, "crashed"),
        ("FATAL: no buffer\nAborted \n", 134, "aborted"),
        ("", 134, "aborted"),
        ("Killed \n", 137, "killed"),
        ("", 137, "killed"),
    ],
)
@pytest.mark.parametrize("stdout", [EXTERNAL, EXTERNAL + REST], ids=["begun", "printed"])
def test_a_crash_is_one_whatever_was_printed(
    stdout: str, said: str, status: int, expected: str
) -> None:
    log = parse_log(stdout, said, exit_status=status)
    assert (log.ok, code(log)) == (False, expected)


@pytest.mark.parametrize("text", ["garbage\x00\ufffd\n" * 50, "{}", "count=", "0\n"])
def test_garbage_is_no_result_although_the_status_is_good(text: str) -> None:
    log = parse_log(text, exit_status=0)
    assert (log.ok, code(log), log.runs) == (False, "not-a-benchmark", None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "INFO: Though EXTERNAL delegate is explicitly applied, the model graph will not be "
            "executed by the delegate.\n",
            "delegate-not-applied",
        ),
        (
            "INFO: Explicitly applied EXTERNAL delegate, and the model graph will be partially "
            "executed by the delegate w/ 0 delegate kernels.\n"
            "VERBOSE: Replacing 0 out of 31 node(s) with delegate (Vx Delegate) node, yielding 0 "
            "partitions for the whole graph.\n",
            "delegate-not-seen",
        ),
        ("", "delegate-not-seen"),
    ],
)
def test_an_external_delegate_that_takes_no_node_is_a_failure(line: str, expected: str) -> None:
    assert code(parse_log(EXTERNAL + line + REST, exit_status=0)) == expected


def test_several_delegates_count_their_own_nodes_only() -> None:
    runtime = "".join(
        f"VERBOSE: Replacing {nodes} out of {total} node(s) with delegate ({name}) node, yielding "
        f"{partitions} partitions for {place}.\n"
        for nodes, total, name, partitions, place in (
            (20, 31, "Vx Delegate", 2, "subgraph 0"),
            (4, 6, "Vx Delegate", 1, "subgraph 1"),
            (9, 13, "TfLiteXNNPackDelegate", 3, "subgraph 0"),
        )
    )
    applied = (
        "INFO: Explicitly applied EXTERNAL delegate, and the model graph will be partially "
        "executed by the delegate w/ 3 delegate kernels.\n"
    )
    log = parse_log(EXTERNAL + applied + REST, runtime, exit_status=0)
    assert (log.ok, log.delegate) == (True, "external")
    assert (log.nodes_delegated, log.nodes_total, log.partitions) == (24, 37, 3)


COMPILED = """\
INFO: [benchmark_litert_model.cc:140] Loading model from: m.tflite
INFO: [cpu_registry.cc:75] XNNPACK CPU accelerator registered.
{runtime}INFO: [benchmark_litert_model.h:81] 
========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:82] Model initialization: 4.20 ms
INFO: [benchmark_litert_model.h:83] Warmup (first):       0.90 ms
INFO: [benchmark_litert_model.h:85] Warmup (avg):         0.80 ms (3 runs)
INFO: [benchmark_litert_model.h:87] Inference (avg):      0.50 ms (3 runs)
INFO: [benchmark_litert_model.h:91] Inference (min):      0.49 ms
INFO: [benchmark_litert_model.h:93] Inference (max):      0.51 ms
INFO: [benchmark_litert_model.h:95] Inference (std):      0.01
"""  # noqa: W291 - as the tool prints it


@pytest.mark.parametrize(
    ("runtime", "delegate", "nodes"),
    [
        ("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", "xnnpack", (None, None)),
        (
            "VERBOSE: Replacing 30 out of 31 node(s) with delegate (TfLiteXNNPackDelegate) node, "
            "yielding 2 partitions for subgraph 0 (main).\n",
            "xnnpack",
            (30, 31),
        ),
        (
            "VERBOSE: Replacing 31 out of 31 node(s) with delegate (LITERT_CL) node, yielding 1 "
            "partitions for subgraph 0.\n",
            "gpu",
            (31, 31),
        ),
        (  # the GPU's library is missing, so the CPU was measured
            "INFO: [auto_registration.cc:59] GPU accelerator could not be loaded and registered.\n"
            "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
            "xnnpack",
            (None, None),
        ),
        ("", None, (None, None)),
    ],
)
def test_the_compiled_model_tool_shows_what_ran(
    runtime: str, delegate: str | None, nodes: tuple[int | None, int | None]
) -> None:
    stdout = STARTED + REST.partition("INFO: Inference timings")[0]
    log = parse_log(stdout, COMPILED.replace("{runtime}", runtime), exit_status=0)
    assert (log.ok, log.failure, log.dialect) == (True, None, "compiled-model")
    assert (log.delegate, (log.nodes_delegated, log.nodes_total)) == (delegate, nodes)
    assert log.inference_us == (510, 500, 490)
