from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from bench.core.errors import ConfigurationError
from bench.tool.flags import (
    Flags,
    Program,
    known_flags,
    litert_command,
    official_command,
    program,
)
from bench.tool.input_flags import Input

DATA = Path(__file__).parents[1] / "data" / "stand_in"
USAGE = (DATA / "usage.txt").read_text()
TOOL = PurePosixPath("/data/local/tmp/frill-bench/benchmark_model")
FLAGS = Flags(
    graph=PurePosixPath("/data/local/tmp/frill-bench/m.tflite"),
    use_xnnpack=False,
    num_threads=2,
    num_runs=3,
    min_secs=0.0,
    max_secs=100.0,
    warmup_runs=3,
    warmup_min_secs=0.25,
    run_delay_s=-1.0,
)
OLD = known_flags(USAGE)
# A build for Android of about LiteRT 2.1: facts of its source, no log of its own.
ANDROID = OLD | {
    "use_xnnpack",
    "xnnpack_force_fp16",
    "use_gpu",
    "gpu_precision_loss_allowed",
    "gpu_experimental_enable_quant",
    "gpu_inference_for_sustained_speed",
    "gpu_backend",
    "use_nnapi",
    "disable_nnapi_cpu",
    "nnapi_allow_fp16",
    "use_hexagon",
    "result_file_path",
    "op_profiling_output_mode",
    "export_model_runtime_info",
}
# The CompiledModel tool's, written after its source of about LiteRT 2.1.5.
COMPILED = known_flags((DATA / "usage_compiled_model.txt").read_text())


def given(flags: Flags, known: frozenset[str]) -> dict[str, str]:
    command = official_command(TOOL, flags, known)
    assert command[0] == str(TOOL)
    words = [word.removeprefix("--").partition("=")[::2] for word in command[1:]]
    names = [name for name, _ in words]
    assert len(names) == len(set(names))
    assert set(names) <= known
    return dict(words)


def test_the_programs_are_told_apart_by_their_flags() -> None:
    assert program(OLD) is program(ANDROID) is Program.INTERPRETER
    assert program(COMPILED) is Program.COMPILED_MODEL
    assert "gpu-precision" in COMPILED


def test_usage_of_another_program_gives_no_flags() -> None:
    assert known_flags("Usage: taskset [options]\n  --help\n  --graph=x\n") == frozenset()


def test_the_tool_of_many_options_is_no_tool_for_one_case() -> None:
    assert known_flags(USAGE + "\t--perf_options_list=all\tstring\toptional\tx\n") == frozenset()


def test_nothing_is_left_to_a_default_that_changed() -> None:
    told = given(replace(FLAGS, use_xnnpack=True), ANDROID)
    assert told["graph"] == "/data/local/tmp/frill-bench/m.tflite"
    assert (told["num_threads"], told["use_xnnpack"]) == ("2", "true")
    assert (told["use_gpu"], told["use_nnapi"], told["use_hexagon"]) == ("false",) * 3
    assert (told["allow_fp16"], told["xnnpack_force_fp16"]) == ("false", "false")
    assert "gpu_precision_loss_allowed" not in told
    assert "result_file_path" not in told


def test_the_gpu_s_precision_is_said_and_xnnpack_is_off_beside_it() -> None:
    told = given(replace(FLAGS, use_gpu=True, require_full_delegation=True), ANDROID)
    assert (told["use_gpu"], told["use_xnnpack"]) == ("true", "false")
    assert told["gpu_precision_loss_allowed"] == "true"
    assert told["gpu_inference_for_sustained_speed"] == "false"
    assert told["require_full_delegation"] == "true"


def test_nnapi_may_not_use_its_own_cpu() -> None:
    told = given(replace(FLAGS, use_nnapi=True), ANDROID)
    assert (told["use_nnapi"], told["disable_nnapi_cpu"]) == ("true", "true")
    assert told["nnapi_allow_fp16"] == "false"


def test_an_external_delegate_is_a_path_on_the_device_with_its_options() -> None:
    library = PurePosixPath("/data/local/tmp/frill-bench/libvx.so")
    told = given(
        replace(FLAGS, external_delegate=library, external_delegate_options="a:1;b:2"), OLD
    )
    assert told["external_delegate_path"] == str(library)
    assert told["external_delegate_options"] == "a:1;b:2"


def test_inputs_come_from_files_and_a_colon_in_a_name_is_doubled() -> None:
    inputs = (
        Input(name="serving_default_x:0", shape=(1, 96, 64, 1), path=PurePosixPath("/t/a.raw")),
        Input(name="state", shape=(1, 8), path=PurePosixPath("/t/b.raw")),
    )
    told = given(replace(FLAGS, inputs=inputs, output_file=PurePosixPath("/t/out")), OLD)
    assert told["input_layer"] == "serving_default_x:0,state"
    assert told["input_layer_shape"] == "1,96,64,1:1,8"
    assert told["input_layer_value_files"] == "serving_default_x::0:/t/a.raw,state:/t/b.raw"
    assert told["output_filepath"] == "/t/out"
    assert not {"input_layer", "output_filepath"} & set(given(FLAGS, OLD))


@pytest.mark.parametrize(("name", "shape"), [("a,b", (1, 8)), ("scalar", ())])
def test_an_input_that_the_tool_cannot_be_given_is_refused(
    name: str, shape: tuple[int, ...]
) -> None:
    inputs = (Input(name=name, shape=shape, path=PurePosixPath("/t/a.raw")),)
    with pytest.raises(ConfigurationError, match="the tool cannot take the input"):
        official_command(TOOL, replace(FLAGS, inputs=inputs), OLD)


def test_the_compiled_model_tool_takes_no_input_files() -> None:
    inputs = (Input(name="x", shape=(1, 8), path=PurePosixPath("/t/a.raw")),)
    with pytest.raises(ConfigurationError, match="no flag --input_layer"):
        official_command(TOOL, replace(FLAGS, use_xnnpack=True, inputs=inputs), COMPILED)


def test_a_profile_may_grow_its_buffer() -> None:
    told = given(replace(FLAGS, enable_op_profiling=True), ANDROID)
    assert told["enable_op_profiling"] == "true"
    assert told["allow_dynamic_profiling_buffer_increase"] == "true"
    assert told["op_profiling_output_mode"] == "stdout"


def test_a_result_file_is_written_where_the_tool_knows_how() -> None:
    flags = replace(FLAGS, result_file=PurePosixPath("/data/local/tmp/r.pb"))
    assert given(flags, ANDROID)["result_file_path"] == "/data/local/tmp/r.pb"
    assert "result_file_path" not in given(flags, OLD)


@pytest.mark.parametrize(
    ("flags", "known", "lacking"),
    [
        (replace(FLAGS, use_gpu=True), OLD, "use_gpu"),
        (replace(FLAGS, use_nnapi=True), OLD, "use_nnapi"),
        (replace(FLAGS, require_full_delegation=True), OLD - {"require_full_delegation"}, "requ"),
        (
            replace(FLAGS, report_peak_memory_footprint=True),
            OLD - {"report_peak_memory_footprint"},
            "report_peak",
        ),
        (FLAGS, OLD - {"warmup_min_secs"}, "warmup_min_secs"),
        (replace(FLAGS, use_xnnpack=True, enable_op_profiling=True), COMPILED, "enable_op"),
        (replace(FLAGS, external_delegate=PurePosixPath("/l.so")), COMPILED, "external"),
    ],
)
def test_a_flag_that_is_needed_and_lacking_is_named(
    flags: Flags, known: frozenset[str], lacking: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"no flag --{lacking}") as raised:
        official_command(TOOL, flags, known)
    assert raised.value.hint


def test_the_compiled_model_tool_runs_on_the_cpu_alone() -> None:
    told = given(replace(FLAGS, use_xnnpack=True), COMPILED)
    assert (told["use_cpu"], told["use_gpu"], told["use_npu"]) == ("true", "false", "false")
    assert (told["use_profiler"], told["enable_weight_sharing"]) == ("false", "false")
    assert "gpu-precision" not in told


def test_the_compiled_model_tool_on_the_gpu_forbids_the_cpu_only_for_full_delegation() -> None:
    part = given(replace(FLAGS, use_gpu=True), COMPILED)
    assert (part["use_gpu"], part["use_cpu"], part["gpu-precision"]) == ("true", "true", "fp16")
    assert part["require_full_delegation"] == "false"
    full = given(replace(FLAGS, use_gpu=True, require_full_delegation=True), COMPILED)
    assert (full["use_cpu"], full["require_full_delegation"]) == ("false", "true")


@pytest.mark.parametrize(
    ("flags", "known", "said"),
    [
        (FLAGS, COMPILED, "cannot measure delegate=none"),
        (
            replace(FLAGS, use_xnnpack=True, require_full_delegation=True),
            COMPILED,
            "with an accelerator only",
        ),
        (
            replace(FLAGS, use_xnnpack=True),
            COMPILED - {"compiler_cache_path"},
            "ignores --num_threads",
        ),
    ],
)
def test_what_the_compiled_model_tool_cannot_do_is_refused(
    flags: Flags, known: frozenset[str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        official_command(TOOL, flags, known)


@pytest.mark.parametrize(
    "flags",
    [
        replace(FLAGS, use_gpu=True),
        replace(FLAGS, use_nnapi=True),
        replace(FLAGS, external_delegate=PurePosixPath("/l.so")),
        replace(FLAGS, require_full_delegation=True),
        replace(FLAGS, enable_op_profiling=True),
        replace(FLAGS, output_file=PurePosixPath("/t/out")),
    ],
)
def test_our_runner_refuses_what_it_does_not_have(flags: Flags) -> None:
    with pytest.raises(ConfigurationError, match="LiteRT runner"):
        litert_command(flags)
