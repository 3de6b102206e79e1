"""Typed flags of one benchmark process, and their spelling for each program."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import ConfigurationError

RUNNER_MODULE = "bench.tool.litert_runner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What one benchmark process is asked to do.

    Args:
        use_xnnpack: whether XNNPACK runs what it can of the graph.
        num_runs, warmup_runs: minimum numbers of runs, exact where the seconds beside them are 0.
        min_secs, warmup_min_secs: minimum lengths of the two phases.
        max_secs: no run of a phase starts later than this.
        run_delay_s: sleep between runs; negative for none.
        affinity: mask of cores as ``taskset`` takes it; ``None`` for all.
    """

    graph: Path
    use_xnnpack: bool
    num_threads: int
    num_runs: int
    min_secs: float
    max_secs: float
    warmup_runs: int
    warmup_min_secs: float
    run_delay_s: float
    affinity: str | None = None


# What the official tool must be told too, because defaults changed between versions or because the
# flag would disturb the timing. Each is given only to a binary whose --help knows it.
_OFF = {
    "allow_fp16": "false",
    "dry_run": "false",
    "enable_op_profiling": "false",
    "max_delegated_partitions": "0",
    "min_nodes_per_partition": "0",
    "print_postinvoke_state": "false",
    "print_preinvoke_state": "false",
    "release_dynamic_tensors": "false",
    "report_peak_memory_footprint": "false",
    "require_full_delegation": "false",
    "run_frequency": "-1",
    "use_caching": "false",
    "use_coreml": "false",
    "use_gpu": "false",
    "use_hexagon": "false",
    "use_nnapi": "false",
    "verbose": "false",
    "xnnpack_force_fp16": "false",
}


def litert_command(flags: Flags) -> tuple[str, ...]:
    """Returns the command of our runner; ``bench`` must be importable where it starts."""
    named = {**_shared(flags), "use_xnnpack": _boolean(flags.use_xnnpack)}
    return (*_pinned(flags), sys.executable, "-P", "-m", RUNNER_MODULE, *_spelled(named))


def official_command(binary: Path, flags: Flags, known: frozenset[str]) -> tuple[str, ...]:
    """Returns the command of an official binary whose ``--help`` knows the flags ``known``.

    Raises:
        ConfigurationError: the case needs a flag that the binary lacks.
    """
    named = _shared(flags)
    # A build without the flag has no XNNPACK, which is as good as switching it off.
    if flags.use_xnnpack or "use_xnnpack" in known:
        named["use_xnnpack"] = _boolean(flags.use_xnnpack)
    for name in sorted(set(named) - known):
        raise ConfigurationError(
            f"{binary}: this build has no flag --{name}, which is needed",
            hint="use another build, or measure with delegate=none"
            if name == "use_xnnpack"
            else "use another build",
        )
    named |= {name: value for name, value in _OFF.items() if name in known}
    return (*_pinned(flags), str(binary), *_spelled(named))


def _pinned(flags: Flags) -> tuple[str, ...]:
    return ("taskset", flags.affinity) if flags.affinity else ()


def _shared(flags: Flags) -> dict[str, str]:
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


def _spelled(named: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in named.items())


def _boolean(value: bool) -> str:
    return "true" if value else "false"
