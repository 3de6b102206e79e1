"""What is measured, as an identity: two results with equal keys measure the same thing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value


class Runner(StrEnum):
    """Which program measures. Their results are never compared with each other."""

    LITERT_PYTHON = "litert-python"  # ours, on the LiteRT interpreter
    BENCHMARK_MODEL = "benchmark_model"  # the official interpreter tool
    COMPILED_MODEL = "litert benchmark_model"  # LiteRT's, which shares its name


class Delegate(StrEnum):
    """What runs the graph. XNNPACK is CPU and never counts as acceleration."""

    XNNPACK = "xnnpack"
    NONE = "none"
    GPU = "gpu"
    NNAPI = "nnapi"
    EXTERNAL = "external"


class Mode(StrEnum):
    """How inferences follow each other, or what else a process is for."""

    BACK_TO_BACK = "back-to-back"
    OP_PROFILE = "op-profile"  # time by operator; disturbs the latency
    PEAK_MEMORY = "peak-memory"  # memory sampled while it runs; disturbs the latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a case is measured: many short processes of three runs each.

    Three runs and no minimum time are what lets every version of the official tool give each raw
    value, and half a second of warm-up takes a phone's governor past its ramp.

    Args:
        processes: how many processes a case gets; evidence, so no part of the case's identity.
        num_runs, min_secs: minima of the measured phase.
        warmup_runs, warmup_min_secs: minima of the warm-up.
        max_secs: limit of each phase.
        run_delay_s: sleep between runs; negative for none.
    """

    mode: Mode = Mode.BACK_TO_BACK
    processes: int = 10
    num_runs: int = 3
    min_secs: float = 0.0
    warmup_runs: int = 3
    warmup_min_secs: float = 0.5
    max_secs: float = 150.0
    run_delay_s: float = -1.0

    def __post_init__(self) -> None:
        if self.processes < 1 or self.num_runs < 1 or self.warmup_runs < 0:
            raise ConfigurationError(
                f"processes={self.processes}, num_runs={self.num_runs}, "
                f"warmup_runs={self.warmup_runs}: there is nothing to measure",
                hint="give at least one process and one run",
            )
        for name in ("min_secs", "warmup_min_secs", "max_secs"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ConfigurationError(
                    f"{name}: {seconds} is no duration", hint="give seconds, from 0"
                )
        if not self.max_secs or not math.isfinite(self.run_delay_s):
            raise ConfigurationError(
                f"max_secs={self.max_secs}, run_delay_s={self.run_delay_s}: no process could end",
                hint="give a max_secs above 0 and a finite run_delay_s",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One artifact, on one device, run in one way.

    Args:
        artifact_sha256: of the very file that is timed.
        device: the device's key.
        tool_sha256: identity of the program that measures.
        affinity: mask of cores as ``taskset`` takes it, in hex without 0x; ``None`` for all.
        full_delegation: the delegate must take the whole graph in one piece.
        library_sha256: of an external delegate.
        library_options: that it is given.
    """

    artifact_sha256: str
    device: str
    runner: Runner
    tool_sha256: str
    delegate: Delegate
    threads: int
    affinity: str | None = None
    protocol: Protocol = field(default_factory=Protocol)
    full_delegation: bool = False
    library_sha256: str | None = None
    library_options: str = ""

    @property
    def key(self) -> str:
        """SHA-256 of the identity."""
        identity = config.unstructure(self)
        del identity["protocol"]["processes"]
        for name in ("full_delegation", "library_sha256", "library_options"):
            if not identity[name]:  # as if they did not exist: cases of earlier versions keep keys
                del identity[name]
        # 0 and 0.0 are one number, though not one text.
        identity["protocol"] = {
            name: float(value) if isinstance(value, int) else value
            for name, value in identity["protocol"].items()
        }
        return sha256_value(identity)
