"""The records of a gate's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf, isfinite

from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError
from bench.core.score import Difference
from bench.gate.rule import AccuracyRule, Rule
from bench.gate.verdict import BLOCK_AXES, UNMEASURED, Axis, ModelKey, Verdict
from bench.plan.case import Delegate, Runner
from bench.plan.device import DeviceRecord

DAMAGED = "the log is damaged; restore it from where it was saved"


class CloseReason(StrEnum):
    """Why no more blocks were measured."""

    DECIDED = "decided"  # every model has an outcome; some may be at the cap or too noisy
    OUT_OF_TIME = "out-of-time"
    INTERRUPTED = "interrupted"
    DEVICE_LOST = "device-lost"
    ENVIRONMENT = "environment-unstable"


class Statistic(StrEnum):
    """The statistic of a process that is compared."""

    CPU = "minimum thread CPU time"
    WALL = "median wall time"
    WALL_MIN = "minimum wall time"
    SUSTAINED = "median wall time in the last minute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a model is measured, as observed.

    Args:
        affinity: mask of the cores that the tool is pinned to; ``None`` for all.
        inputs: shapes and values that were set; empty for the file's own.
        signature: of a file with several.
        runtime: of our runner; ``None`` for the official tool, which contains its own.
        baseline_tool_sha256, baseline_runner: if the baseline is measured with its own tool.
        baseline_delegate, baseline_threads: of the baseline, where they are not the candidate's.
        baseline_affinity: as them; ``all`` for all cores.
        warm_cache: the delegate may read the cache that an earlier process wrote.
        baseline_warm_cache: of the baseline, where it is not the candidate's.
        warmup_s: least warm-up of a process; ``None`` in logs of older versions.
        num_runs, min_s: least inferences after it, and their least time; ``None`` like it.
    """

    statistic: Statistic
    runner: Runner
    tool_sha256: str
    delegate: Delegate
    threads: int
    affinity: str | None = None
    inputs: str = ""
    signature: str = ""
    runtime: str | None = None
    baseline_tool_sha256: str | None = None
    baseline_runner: Runner | None = None
    baseline_delegate: Delegate | None = None
    baseline_threads: int | None = None
    baseline_affinity: str | None = None
    warm_cache: bool = False
    baseline_warm_cache: bool | None = None
    warmup_s: float | None = None
    num_runs: int | None = None
    min_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A model whose candidate is compared with its baseline.

    Args:
        baseline_bytes, candidate_bytes: sizes of the files; ``None`` where unknown.
        caveats: that exist before the gate begins; every finding has them.
    """

    model: ModelKey
    baseline_sha256: str
    candidate_sha256: str
    observed: Setup
    baseline_bytes: int | None = None
    candidate_bytes: int | None = None
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """A model that is not compared: new, removed or unchanged."""

    model: ModelKey
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.verdict not in UNMEASURED:
            raise ConfigurationError(
                f"{self.model}: {self.verdict} is not a reason not to measure", hint=DAMAGED
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The first line.

    Args:
        gate_id, session_id: UUIDs.
        seed: of all coins.
        models: at least one, no two with the same name and format.
        unmeasured: the other models of both sides.
        started_at: ISO 8601 with its offset from UTC; empty where unknown.
        revision: what the candidate was built from, as the user names it.
        margins: of the other axes that are compared block by block, each a share.
        size_margin: a file that grew by more than this share regressed; ``None``: not compared.
        accuracy: the rule for accuracies; ``None``: not compared.
        differences: sentences on what differs between the sides besides the models, such as the
            tool that the baseline was saved with; every report begins with them.
        sides: where each file is measured in several ways, all of them, the baseline's first.
    """

    gate_id: str
    session_id: str
    seed: int
    rule: Rule
    device: DeviceRecord
    models: tuple[Pair, ...]
    unmeasured: tuple[Unmeasured, ...] = ()
    started_at: str = ""
    revision: str = ""
    margins: Mapping[Axis, float] = field(default_factory=dict)
    size_margin: float | None = None
    accuracy: AccuracyRule | None = None
    differences: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = Counter(pair.model for pair in self.models)
        twice = [model for model, count in counts.items() if count > 1]
        if twice or not self.models:
            raise ConfigurationError(
                f"{twice[0]} is listed twice" if twice else "a gate without models",
                hint="give each pair of one name and format once",
            )
        wrong = [axis for axis in self.margins if axis not in BLOCK_AXES[1:]]
        if wrong or not all(0 < margin <= 1 for margin in self.margins.values()):
            raise ConfigurationError(
                "the margins of initialisation and peak memory are shares above 0",
                hint="give one, such as 10%",
            )
        if self.size_margin is not None and not 0 <= self.size_margin < inf:
            raise ConfigurationError(
                f"the margin of a size is a share from 0, not {self.size_margin:g}",
                hint="give one, such as 1%",
            )
        self.rule.check(self.tests)

    @property
    def tests(self) -> int:
        """The number of tests: of each model, axis that is compared in blocks, and direction."""
        return len(self.models) * (1 + len(self.margins)) * self.rule.directions

    def rule_on(self, axis: Axis) -> Rule:
        """Returns the rule for an axis: its margin, and a tolerance in proportion."""
        if axis is Axis.LATENCY:
            return self.rule
        factor = self.margins[axis] / self.rule.margin
        tolerance = min(self.rule.tolerance * factor, self.rule.tolerance)
        return replace(self.rule, margin=self.margins[axis], tolerance=tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of the benchmark tool within a block. All times in us, above 0.

    In a sustained gate it is a stretch of processes without a pause, from a cool start.

    Args:
        value_us: the statistic that is compared, as named in ``Setup``.
        min_us, p95_us: of its inferences; ``None`` where the tool does not report them.
        start_us: in a sustained gate the median in the first minute of the stretch.
        init_us: its initialisation; ``None`` like them.
        peak_mb: its peak memory in MiB; ``None`` like them.
        position: its place in the block, from 0.
        invocation: its id in the store.
    """

    value_us: float
    position: int
    invocation: int
    min_us: float | None = None
    p95_us: float | None = None
    start_us: float | None = None
    init_us: float | None = None
    peak_mb: float | None = None

    def __post_init__(self) -> None:
        for time_us in (self.value_us, self.min_us, self.p95_us, self.start_us):
            if time_us is not None and not (isfinite(time_us) and time_us > 0):
                raise ConfigurationError(f"{time_us} us is not a duration", hint=DAMAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A baseline and a candidate, back to back, in the order of a coin.

    Args:
        index: number of the attempt at a block of this model, from 0, including discarded ones.
        candidate_first: the coin.
        baseline, candidate: equally many processes, at least one.
    """

    model: ModelKey
    index: int
    candidate_first: bool
    baseline: tuple[Process, ...]
    candidate: tuple[Process, ...]

    def __post_init__(self) -> None:
        first, second = self.baseline, self.candidate
        if self.candidate_first:
            first, second = second, first
        places = [each.position for each in (*first, *second)]
        if len(first) != len(second) or sorted(places) != list(range(2 * len(first))):
            raise ConfigurationError(
                "a block needs equally many processes of both sides, each at its own position",
                hint=DAMAGED,
            )
        if not any(each.position == 0 for each in first):
            raise ConfigurationError(
                "the process at position 0 is not on the side that the coin chose", hint=DAMAGED
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """A block that the environment made invalid, whatever its latencies.

    Args:
        model, index, candidate_first: as in ``Block``.
        reasons: at least one; each a stable kebab-case code, or one with a colon and a sentence.
    """

    model: ModelKey
    index: int
    candidate_first: bool
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ConfigurationError("a discarded block needs a reason", hint=DAMAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed:
    """A model that does not run as requested; it gets no more blocks.

    Args:
        reason: which side, and why.
    """

    model: ModelKey
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The difference of a model's scores on the same clips.

    Args:
        task_set, task_set_sha256: its name and its identity.
        runtime: the interpreter that made both embeddings.
        differences: candidate less baseline, one per task, then ``mean``.
    """

    model: ModelKey
    task_set: str
    task_set_sha256: str
    runtime: str
    differences: tuple[Difference, ...]

    def __post_init__(self) -> None:
        if not self.differences or self.differences[-1].task != "mean":
            raise ConfigurationError("differences end with their mean", hint=DAMAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator of a file, or its share of an inference.

    Args:
        node_type: ``CONV_2D``, or a delegate's kernel.
        name: of its outputs, from the file or the tool.
        macs: its multiply-accumulates, where a file was read.
        avg_us: mean time in a profiled process, which profiling slows down; of several processes
            the median.
        low_us, high_us: 95 % interval of that median; ``None`` of fewer than six processes.
        index: its number in the file's graph, in a profile; ``None`` of a delegate's kernel.
        takes, gives: type and shape of each tensor, such as ``int8[1,49,40,8]``, where a file was
            read.
        delegated: whether a delegate ran it, where a profile shows that.
    """

    node_type: str
    name: str
    macs: int | None = None
    avg_us: float | None = None
    low_us: float | None = None
    high_us: float | None = None
    index: int | None = None
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    delegated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFacts:
    """Facts of one side of a model; ``None`` or empty where unknown.

    Args:
        layers: the file's operators, in order.
        operators: in run order, of profiled processes.
        partitions: parts of the graph that a delegate ran, as observed.
        nodes, delegated_nodes: of the graph.
        init_us: median over the gate's processes.
        peak_mb: peak memory in MiB, the median over the gate's processes.
        profiles: how many profiled processes the times of ``operators`` are of.
        cache: what the processes did with a delegate's cache, in words.
        structure_sha256, scales_sha256, weights_sha256: of the file's graphs without names, of
            their scales and zero points, and of their weights.
    """

    layers: tuple[Operator, ...] = ()
    operators: tuple[Operator, ...] = ()
    runtime: str | None = None
    partitions: int | None = None
    nodes: int | None = None
    delegated_nodes: int | None = None
    init_us: float | None = None
    peak_mb: float | None = None
    profiles: int | None = None
    cache: str = ""
    structure_sha256: str = ""
    scales_sha256: str = ""
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The facts of both sides of a model that regressed; verdicts do not depend on them.

    Args:
        operator_file: a file with only the operator that slowed down most, beside the log.
    """

    model: ModelKey
    baseline: SideFacts
    candidate: SideFacts
    operator_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The device was lost."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The gate continues, after a loss or in another process."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """There are no more blocks, unless the gate is resumed."""

    reason: CloseReason


Entry = Block | Discarded | ModelFailed | Scored | Explained | Lost | Resumed | Closed
