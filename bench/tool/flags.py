"""Typed flags of one benchmark process, and its command line for each program."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import assert_never

from bench.core.device_state.caches import WEIGHTS
from bench.core.errors import ConfigurationError
from bench.tool import input_flags

_RUNNER_MODULE = "bench.tool.litert_runner"

_HELP_LINE = re.compile(r"^\s+--([\w-]+)=", re.MULTILINE)


class Program(StrEnum):
    """The two official programs, which share a file name and few flags."""

    INTERPRETER = "benchmark_model"
    COMPILED_MODEL = "litert benchmark_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """The cache of a delegate: the process reads it, or writes it where there is none.

    Args:
        folder: of its files, on the device; it exists.
        token: names the model in it.
    """

    folder: PurePath
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The flags of one benchmark process.

    Args:
        graph: the model's path on the device.
        use_xnnpack: whether XNNPACK runs the nodes that it can.
        num_runs, warmup_runs: minimum numbers of runs, exact if the phase's minimum length is 0.
        min_secs, warmup_min_secs: minimum lengths of the two phases.
        max_secs: a run of a phase starts at the latest after this time.
        run_delay_s: sleep between runs; negative for none.
        affinity: mask of cores as ``taskset`` takes it; ``None`` for all.
        use_gpu, use_nnapi: the GPU delegate with 16-bit floats; NNAPI without its own CPU.
        external_delegate: library of a delegate, on the device. The tool crashes if the file does
            not exist, so check before.
        external_delegate_options: ``key:value;key:value``.
        require_full_delegation: whether the process fails unless one delegate takes all nodes.
        enable_op_profiling, report_peak_memory_footprint: these disturb the latency, so they are
            only for processes whose latency is not used.
        result_file: path for the result file, if the program can write one.
        inputs: all inputs, in order; empty for the file's shapes and random values.
        signature: the one to run of a file with several; empty for the only one.
        signature_is_first: the tool would run that one without a flag.
        output_file: path for the raw bytes of the output tensors of the last run.
        cache: of XNNPACK's packed weights, or of the programs of the GPU or of NNAPI.
    """

    graph: PurePath
    use_xnnpack: bool
    num_threads: int
    num_runs: int
    min_secs: float
    max_secs: float
    warmup_runs: int
    warmup_min_secs: float
    run_delay_s: float
    affinity: str | None = None
    use_gpu: bool = False
    use_nnapi: bool = False
    external_delegate: PurePath | None = None
    external_delegate_options: str = ""
    require_full_delegation: bool = False
    enable_op_profiling: bool = False
    report_peak_memory_footprint: bool = False
    result_file: PurePath | None = None
    inputs: tuple[input_flags.Input, ...] = ()
    signature: str = ""
    signature_is_first: bool = True
    output_file: PurePath | None = None
    cache: Cache | None = None


# Explicit values of the flags that an official program's --help lists and that a case does not set,
# because defaults changed between versions. Empty texts are left out: they never had an effect.
_DEFAULTS = {
    "allow_fp16": "false",
    "disable_delegate_clustering": "false",
    "dry_run": "false",
    "enable_builtin_cast_constant_cache": "false",
    "enable_op_profiling": "false",
    "enable_perfetto": "false",
    "enable_weight_sharing": "false",
    "export_model_runtime_info": "false",
    "list_signatures": "false",
    "max_delegated_partitions": "0",
    "min_nodes_per_partition": "0",
    "optimize_memory_for_large_tensors": "0",
    "print_postinvoke_state": "false",
    "print_preinvoke_state": "false",
    "release_dynamic_tensors": "false",
    "report_peak_memory_footprint": "false",
    "require_full_delegation": "false",
    "run_frequency": "-1",
    "use_caching": "false",
    "use_coreml": "false",
    "use_cpu": "false",
    "use_gpu": "false",
    "use_hexagon": "false",
    "use_legacy_nnapi": "false",
    "use_nnapi": "false",
    "use_npu": "false",
    "use_profiler": "false",
    "use_ynnpack": "false",
    "verbose": "false",
    "xnnpack_force_fp16": "false",
    "xnnpack_runtime_flags": "0",
}
# Further flags, given if the program knows them: the defaults of most versions, as apps use them.
_GPU = {
    "gpu_experimental_enable_quant": "true",
    "gpu_inference_for_sustained_speed": "false",
    "gpu_precision_loss_allowed": "true",
}
_COMPILED_GPU = {"allow_fp16": "true", "gpu-precision": "fp16", "gpu_low_priority": "false"}
_NNAPI = {
    "disable_nnapi_cpu": "true",
    "nnapi_allow_dynamic_dimensions": "false",
    "nnapi_allow_fp16": "false",
    "nnapi_use_burst_mode": "false",
}
_PROFILING = {
    "allow_dynamic_profiling_buffer_increase": "true",
    "op_profiling_output_mode": "stdout",
}
_PEAK = {"memory_footprint_check_interval_ms": "50"}
_WEIGHTS_FLAG = "xnnpack_weight_cache_file_path"
_PROGRAM_FLAGS = ("delegate_serialize_dir", "delegate_serialize_token")
_COMPILED_PROGRAM_FLAGS = ("gpu_serialization_dir", "gpu_model_cache_key")
_NO_CACHE = "this build has no such cache: use a later one, or measure without --warm-cache"
_CACHE_HINTS = dict.fromkeys((_WEIGHTS_FLAG, *_PROGRAM_FLAGS, *_COMPILED_PROGRAM_FLAGS), _NO_CACHE)
_HINTS = {
    **_CACHE_HINTS,
    "use_xnnpack": "use another build, or measure with delegate=none",
    "use_gpu": "this build has no GPU delegate; use another, or measure with delegate=xnnpack",
    "use_nnapi": "this build has no NNAPI; use another, or measure with delegate=xnnpack",
    "signature_to_run_for": "this build runs the first signature only; use a newer one, or leave "
    "out --signature",
}
_INTERPRETER_ONLY = "use the interpreter's benchmark_model, not the CompiledModel tool"
_COMPILED_HINTS = _CACHE_HINTS | dict.fromkeys(
    (
        *("enable_op_profiling", "external_delegate_path", "use_nnapi"),
        *("input_layer", "input_layer_shape", "input_layer_value_files", "output_filepath"),
        "input_layer_value_range",
    ),
    _INTERPRETER_ONLY,
)


def known_flags(usage: str) -> frozenset[str]:
    """Returns the flags that a program's ``--help`` lists; none if it is not a benchmark tool.

    The tool for several performance options does not count: it always exits with 0.

    Args:
        usage: stdout and stderr, because programs differ in which one they use.
    """
    names = frozenset(_HELP_LINE.findall(usage))
    if not {"graph", "num_runs"} <= names or "perf_options_list" in names:
        return frozenset()
    return names


def program(flag_names: frozenset[str]) -> Program:
    """Returns the program that has these flags."""
    return Program.COMPILED_MODEL if {"use_cpu", "use_npu"} <= flag_names else Program.INTERPRETER


def litert_command(flags: Flags) -> tuple[str, ...]:
    """Returns the command of our runner; the process must be able to import ``bench``.

    Raises:
        ConfigurationError: the flags need something that the runner does not have.
    """
    unsupported = {
        "a GPU": flags.use_gpu,
        "NNAPI": flags.use_nnapi,
        "external delegates": flags.external_delegate is not None,
        "require_full_delegation": flags.require_full_delegation,
        "op profiles": flags.enable_op_profiling,
        "output files": flags.output_file is not None,
        "caches": flags.cache is not None,
    }
    for name, is_needed in unsupported.items():
        if is_needed:
            raise ConfigurationError(
                f"the LiteRT runner has no {name.removeprefix('a ')}",
                hint="give the official tool with --benchmark-binary",
            )
    named = {**_common(flags), "use_xnnpack": _boolean(flags.use_xnnpack)}
    files = {each.name: each.path for each in flags.inputs if each.path is not None}
    if files:
        named["input_layer_value_files"] = input_flags.value_files(files)
    return (*_taskset(flags), sys.executable, "-P", "-m", _RUNNER_MODULE, *_arguments(named))


def official_command(binary: PurePath, flags: Flags, flag_names: frozenset[str]) -> tuple[str, ...]:
    """Returns the command of an official binary whose ``--help`` lists the flags ``flag_names``.

    Raises:
        ConfigurationError: the flags need one that the binary lacks, or something that its
            program cannot do.
    """
    hints: Mapping[str, str] = _HINTS
    match kind := program(flag_names):
        case Program.INTERPRETER:
            needed, companions = _interpreter(flags, flag_names)
        case Program.COMPILED_MODEL:
            needed, companions = _compiled_model(binary, flags, flag_names)
            hints = _COMPILED_HINTS
        case _:
            assert_never(kind)
    for name in sorted(set(needed) - flag_names):
        raise ConfigurationError(
            f"{binary}: this build has no flag --{name}, which is needed",
            hint=hints.get(name, "use another build"),
        )
    optional = {**_DEFAULTS, **companions, **needed}
    named = needed | {name: value for name, value in optional.items() if name in flag_names}
    return (*_taskset(flags), str(binary), *_arguments(named))


def _interpreter(flags: Flags, flag_names: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the flags that the binary must know, and those that are given if it knows them."""
    needed, companions = _common(flags), _extras(flags)
    # Delegates are applied in the order of their flags.
    if flags.use_gpu:
        needed["use_gpu"] = "true"
        companions |= _GPU
    if flags.use_nnapi:
        needed["use_nnapi"] = "true"
        companions |= _NNAPI
    needed |= _external(flags) | _caches(flags, _PROGRAM_FLAGS)
    # A build without the flag has no XNNPACK, so it need not be switched off.
    if flags.use_xnnpack or "use_xnnpack" in flag_names:
        needed["use_xnnpack"] = _boolean(flags.use_xnnpack)
    return needed | _requirements(flags) | _signature(flags, flag_names), companions


def _compiled_model(
    binary: PurePath, flags: Flags, flag_names: frozenset[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the same for the CompiledModel tool, whose CPU always runs XNNPACK."""
    needed = {**_common(flags), **_external(flags), **_requirements(flags)}
    needed |= _caches(flags, _COMPILED_PROGRAM_FLAGS)
    needed |= _signature(flags, flag_names)
    if flags.use_nnapi:
        needed["use_nnapi"] = "true"
    on_cpu = not (flags.use_gpu or flags.use_nnapi or flags.external_delegate)
    _check_cpu(binary, flags, flag_names, on_cpu=on_cpu)
    # It aborts if full delegation is required and the CPU is allowed.
    needed["use_cpu"] = _boolean(not flags.require_full_delegation)
    companions = _extras(flags)
    if flags.use_gpu:
        needed["use_gpu"] = "true"
        companions |= _COMPILED_GPU
        if flags.cache is not None and not flags.require_full_delegation:
            companions[_WEIGHTS_FLAG] = str(flags.cache.folder / WEIGHTS)  # of the CPU's part
    return needed, companions


def _check_cpu(binary: PurePath, flags: Flags, flag_names: frozenset[str], *, on_cpu: bool) -> None:
    if on_cpu and not flags.use_xnnpack:
        raise ConfigurationError(
            f"{binary}: the CompiledModel tool always runs XNNPACK on the CPU; it cannot measure "
            "delegate=none",
            hint=_INTERPRETER_ONLY,
        )
    if on_cpu and flags.require_full_delegation:
        raise ConfigurationError(
            f"{binary}: the CompiledModel tool takes require_full_delegation with an accelerator "
            "only",
            hint="leave it out, or measure with delegate=gpu",
        )
    # That flag and a working --num_threads came with the same version, LiteRT 2.1.0: LiteRT#3360.
    if on_cpu and "compiler_cache_path" not in flag_names:
        raise ConfigurationError(
            f"{binary}: the CompiledModel tool before LiteRT 2.1.0 ignores --num_threads",
            hint="use a build of LiteRT 2.1.0 or later",
        )


def _external(flags: Flags) -> dict[str, str]:
    if flags.external_delegate is None:
        return {}
    needed = {"external_delegate_path": str(flags.external_delegate)}
    if flags.external_delegate_options:
        needed["external_delegate_options"] = flags.external_delegate_options
    return needed


def _caches(flags: Flags, program_flags: tuple[str, str]) -> dict[str, str]:
    if flags.cache is None:
        return {}
    if flags.use_gpu or flags.use_nnapi:
        return dict(zip(program_flags, (str(flags.cache.folder), flags.cache.token), strict=True))
    return {_WEIGHTS_FLAG: str(flags.cache.folder / WEIGHTS)}


def _requirements(flags: Flags) -> dict[str, str]:
    switches = {
        "require_full_delegation": flags.require_full_delegation,
        "enable_op_profiling": flags.enable_op_profiling,
        "report_peak_memory_footprint": flags.report_peak_memory_footprint,
    }
    return {name: "true" for name, is_on in switches.items() if is_on} | _tensors(flags)


def _tensors(flags: Flags) -> dict[str, str]:
    named = input_flags.official(flags.inputs)
    if flags.output_file is not None:
        named["output_filepath"] = str(flags.output_file)
    return named


def _signature(flags: Flags, flag_names: frozenset[str]) -> dict[str, str]:
    """Returns the flag of the signature, where the tool would not run that one by itself."""
    if not flags.signature:
        return {}
    needed = not flags.signature_is_first or "signature_to_run_for" in flag_names
    return {"signature_to_run_for": flags.signature} if needed else {}


def _extras(flags: Flags) -> dict[str, str]:
    companions: dict[str, str] = {}
    if flags.enable_op_profiling:
        companions |= _PROFILING
    if flags.report_peak_memory_footprint:
        companions |= _PEAK
    if flags.result_file is not None:
        companions["result_file_path"] = str(flags.result_file)
    return companions


def _taskset(flags: Flags) -> tuple[str, ...]:
    return ("taskset", flags.affinity) if flags.affinity else ()


def _common(flags: Flags) -> dict[str, str]:
    return {
        "graph": str(flags.graph),
        "num_threads": str(flags.num_threads),
        "num_runs": str(flags.num_runs),
        "min_secs": f"{flags.min_secs:g}",
        "max_secs": f"{flags.max_secs:g}",
        "warmup_runs": str(flags.warmup_runs),
        "warmup_min_secs": f"{flags.warmup_min_secs:g}",
        "run_delay": f"{flags.run_delay_s:g}",
    }


def _arguments(named: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in named.items())


def _boolean(value: bool) -> str:
    return "true" if value else "false"
