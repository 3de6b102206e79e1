"""Cases and their identity: two results with equal keys measure the same thing.

A case has one identity, its key, and a few named parts of it. Other modules compare cases only by
these, so a new field belongs to all of them or is left out of one by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_value
from bench.plan.inputs import ChosenSignature, GivenInput

# Fields of a protocol that decide how much is measured, and not what.
EVIDENCE = ("processes", "ci_width", "max_processes", "max_repeats")
_WIDER = 5
_KEYS = 1 << 15  # that are remembered: each is asked for several times
PROFILED = 6  # processes of an op profile: the fewest that give a 95 % interval of a median
# Fields of a case that earlier versions lacked.
_LATER = (
    *("full_delegation", "library_sha256", "library_options", "fixed_performance"),
    *("warm_cache", "given_inputs", "signature"),
)


class Runner(StrEnum):
    """The program that measures. Results of different ones are never compared."""

    LITERT_PYTHON = "litert-python"  # ours, on the LiteRT interpreter
    BENCHMARK_MODEL = "benchmark_model"  # the official interpreter tool
    COMPILED_MODEL = "litert benchmark_model"  # LiteRT's, which shares its name
    UNKNOWN = "unknown"  # of an imported log; nothing is measured with it


class Delegate(StrEnum):
    """What runs the graph. XNNPACK is the CPU and never counts as acceleration."""

    XNNPACK = "xnnpack"
    NONE = "none"
    GPU = "gpu"
    NNAPI = "nnapi"
    EXTERNAL = "external"
    UNKNOWN = "unknown"  # of an imported log; nothing is measured with it


ASKABLE = tuple(each for each in Delegate if each is not Delegate.UNKNOWN)


class Mode(StrEnum):
    """How inferences follow each other, or another purpose of a process."""

    BACK_TO_BACK = "back-to-back"
    STREAMING = "streaming"  # a pause of the model's hop before each inference
    COLD = "cold"  # only the first inference of a new process
    SUSTAINED = "sustained"  # without a pause for minutes, one process after the other
    CONVENTIONAL = "conventional"  # one process of fifty runs, benchmark_model's default
    BLOCK = "block"  # a side of a gate's block: the fastest of several inferences
    OP_PROFILE = "op-profile"  # time by operator; disturbs the latency
    PEAK_MEMORY = "peak-memory"  # memory sampled while it runs; disturbs the latency
    OUTPUT_CHECK = "correctness"  # one run on a given input, for its output
    PROBE = "probe"  # of the device itself, with a tiny fixed model; never stored as a process

    @property
    def is_companion(self) -> bool:
        """Whether its processes add to a back-to-back case's row and are not a separate row."""
        return self in (Mode.CONVENTIONAL, Mode.OP_PROFILE, Mode.PEAK_MEMORY, Mode.OUTPUT_CHECK)

    @property
    def is_statistics(self) -> bool:
        """Whether a process has so many inferences that only their statistics are stored."""
        return self in (Mode.CONVENTIONAL, Mode.SUSTAINED, Mode.BLOCK, Mode.PROBE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a case is measured: many short processes of three runs each.

    With three runs and no minimum time, every version of the official tool gives each raw value.
    Half a second of warm-up lets a phone's clocks rise.

    Args:
        processes: number of processes of a case.
        ci_width: adds processes until the 95 % interval of the median is not wider than this share
            of the median, in (0, 1).
        max_processes: limit of those; by default five times ``processes``.
        max_repeats: limit of the repeats of invalid processes; by default ``processes``.
        num_runs, min_secs: minima of the measured phase.
        warmup_runs, warmup_min_secs: minima of the warm-up.
        max_secs: limit of each phase.
        run_delay_s: sleep between runs; negative for none.

    The four fields of ``EVIDENCE`` are not part of a case's identity.
    """

    mode: Mode = Mode.BACK_TO_BACK
    processes: int = 10
    ci_width: float | None = None
    max_processes: int | None = None
    max_repeats: int | None = None
    num_runs: int = 3
    min_secs: float = 0.0
    warmup_runs: int = 3
    warmup_min_secs: float = 0.5
    max_secs: float = 150.0
    run_delay_s: float = -1.0

    @property
    def min_s(self) -> float:
        """The least time that a process warms up and measures, in seconds."""
        return self.warmup_min_secs + self.min_secs + self.num_runs * max(self.run_delay_s, 0.0)

    @property
    def most_processes(self) -> int:
        """The largest number of valid or failed processes of a case."""
        if self.ci_width is None:
            return self.processes
        limit = _WIDER * self.processes if self.max_processes is None else self.max_processes
        return max(limit, self.processes)

    @property
    def repeats(self) -> int:
        """The largest number of repeats of invalid processes."""
        return self.processes if self.max_repeats is None else self.max_repeats

    @property
    def text(self) -> str:
        """The part that is identity, such as ``mode=cold, num_runs=1, ...``."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        return ", ".join(
            f"{name}={value if isinstance(value, str) else f'{value:g}'}"
            for name, value in parts.items()
            if name not in EVIDENCE
        )

    def __post_init__(self) -> None:
        self._check_evidence()
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
                    f"{name}: {seconds} is not a duration", hint="give seconds, from 0"
                )
        if not self.max_secs or not math.isfinite(self.run_delay_s):
            raise ConfigurationError(
                f"max_secs={self.max_secs}, run_delay_s={self.run_delay_s}: no process could end",
                hint="give a max_secs above 0 and a finite run_delay_s",
            )

    def _check_evidence(self) -> None:
        if self.ci_width is not None and not 0 < self.ci_width < 1:
            raise ConfigurationError(
                f"ci_width: {self.ci_width:g} is not a share of the median",
                hint="give one between 0 and 1, such as 0.01; on the command line 1%",
            )
        if self.max_processes is not None and self.ci_width is None:
            raise ConfigurationError(
                "max_processes: has no effect without ci_width",
                hint="give ci_width too, or processes instead",
            )
        if (self.max_processes is not None and self.max_processes < 1) or self.repeats < 0:
            raise ConfigurationError(
                f"max_processes={self.max_processes}, max_repeats={self.max_repeats}: "
                "these are counts",
                hint="count processes from 1 and repeats from 0",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """Everything that decides the outputs of an artifact on one device; the threads do not."""

    artifact_sha256: str
    tool_sha256: str
    delegate: Delegate
    library_sha256: str | None
    library_options: str
    given_inputs: tuple[GivenInput, ...] = ()
    signature: ChosenSignature | None = None

    @classmethod
    def of(cls, source: object) -> Computation:
        """Returns the computation of a case, or of any other record with these fields."""
        return cls(**{field.name: getattr(source, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One artifact, on one device, run in one way.

    Args:
        artifact_sha256: of the file that is timed.
        device: the device's key.
        tool_sha256: identity of the program that measures.
        affinity: mask of cores as ``taskset`` takes it, in hex without 0x; ``None`` for all.
        full_delegation: the delegate must take the whole graph in one piece.
        library_sha256: of an external delegate's library.
        library_options: options of that delegate.
        fixed_performance: the phone was in Android's fixed performance mode.
        warm_cache: the delegate may read the cache that an earlier process wrote.
        given_inputs: all inputs of the file, where shapes or values were set for one; else empty.
        signature: the one that is measured of a file with several; ``None`` of any other.
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
    fixed_performance: bool = False
    warm_cache: bool = False
    given_inputs: tuple[GivenInput, ...] = ()
    signature: ChosenSignature | None = None

    @property
    def key(self) -> str:
        """SHA-256 of the identity."""
        return _key_of(self)

    @property
    def without_protocol(self) -> str:
        """The key without the protocol, which a case shares with itself in other modes."""
        return replace(self, protocol=Protocol()).key

    @property
    def without_threads(self) -> str:
        """The key without the number of threads and the cores chosen for them."""
        return replace(self, threads=1, affinity=None).key

    @property
    def setup(self) -> str:
        """The key without artifact, its inputs and protocol: the device, the tool, how it runs."""
        return replace(
            self,
            artifact_sha256="",
            protocol=Protocol(),
            given_inputs=(),
            signature=None,
        ).key

    @property
    def inputs_text(self) -> str:
        """The shapes and values of the inputs; empty if none was set."""
        given = self.given_inputs
        values = [each.values_text for each in given if each.values_text]
        return ", ".join((*(each.text for each in given), *values))

    @property
    def cache_key(self) -> str:
        """SHA-256 of what decides the content of a delegate's cache."""
        parts = [config.unstructure(self.computation), self.full_delegation]
        return sha256_value(parts)

    @property
    def computation(self) -> Computation:
        """The part that decides the outputs."""
        return Computation.of(self)


@lru_cache(maxsize=_KEYS)
def _key_of(case: Case) -> str:
    identity = config.unstructure(case)
    for name in EVIDENCE:
        del identity["protocol"][name]
    for name in _LATER:
        if not identity[name]:  # left out, so that cases of earlier versions keep their keys
            del identity[name]
    # 0 and 0.0 are one number, but not one text.
    identity["protocol"] = {
        name: float(value) if isinstance(value, int) else value
        for name, value in identity["protocol"].items()
    }
    return sha256_value(identity)
