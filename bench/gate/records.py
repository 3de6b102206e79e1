"""What a gate writes down: the records of its log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite

from bench.core.artifact import Format
from bench.core.errors import ConfigurationError
from bench.core.score import Difference
from bench.gate.rule import AccuracyRule, Rule


class CloseReason(StrEnum):
    """Why no more blocks were measured."""

    DECIDED = "decided"  # every model, or given up at the cap or for its noise
    OUT_OF_TIME = "out-of-time"
    INTERRUPTED = "interrupted"
    DEVICE_LOST = "device-lost"
    GUARDS = "guards-never-satisfied"


class Unmeasured(StrEnum):
    """Why a model is listed and not compared."""

    NEW = "new"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A model whose candidate is compared with its baseline.

    Args:
        baseline_bytes, candidate_bytes: sizes of the files; ``None`` where nobody looked.
        observed: what is compared, as observed: the statistic, the runtime, the delegate, threads.
    """

    name: str
    format: Format
    baseline_sha256: str
    candidate_sha256: str
    baseline_bytes: int | None = None
    candidate_bytes: int | None = None
    observed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in the log's other records."""
        return f"{self.name} {self.format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The first line.

    Args:
        gate_id, session_id: UUIDs.
        seed: of all coins.
        device: facts of it, as they are shown.
        models: at least one, no two with one name and format.
        unmeasured: the other models of either side, by name and format.
        started_at: ISO 8601 with its offset from UTC; empty where nobody wrote it down.
        revision: what the candidate was built from, in the words of whoever built it.
        size_margin: a file that grew by more than this share regressed; ``None``: not judged.
        accuracy: by what accuracies are judged; ``None``: they are not.
    """

    gate_id: str
    session_id: str
    seed: int
    rule: Rule
    device: dict[str, float | str | None]
    models: tuple[Pair, ...]
    unmeasured: dict[str, Unmeasured] = field(default_factory=dict)
    started_at: str = ""
    revision: str = ""
    size_margin: float | None = None
    accuracy: AccuracyRule | None = None

    def __post_init__(self) -> None:
        twice = [key for key, n in Counter(pair.key for pair in self.models).items() if n > 1]
        if twice or not self.models:
            raise ConfigurationError(
                f"{twice[0]} is there twice" if twice else "a gate without models",
                hint="give each pair of one name and format once",
            )
        if self.size_margin is not None and not 0 <= self.size_margin < inf:
            raise ConfigurationError(
                f"a size's margin is a share from 0, not {self.size_margin:g}",
                hint="give one, such as 1%",
            )
        self.rule.check(len(self.models))


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of the benchmark tool within a block. All times in us, above 0.

    Args:
        value_us: what is compared: the median of its inferences, or what ``Pair.observed`` says.
        min_us, p95_us: of its inferences; ``None`` where the tool does not tell.
        position: its place in the block, from 0.
        invocation: its id in the store.
    """

    value_us: float
    position: int
    invocation: int
    min_us: float | None = None
    p95_us: float | None = None

    def __post_init__(self) -> None:
        for time_us in (self.value_us, self.min_us, self.p95_us):
            if time_us is not None and not (isfinite(time_us) and time_us > 0):
                raise ConfigurationError(f"{time_us} us is no duration", hint="mend the log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A baseline and a candidate, back to back, in the order of a coin.

    Args:
        model: ``Pair.key``.
        index: which attempt at a block of this model, from 0, discarded ones too.
        candidate_first: the coin.
        baseline, candidate: equally many processes, at least one.
    """

    model: str
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
                "a block needs equally many processes of both, each in a place of its own",
                hint="mend the log",
            )
        if not any(each.position == 0 for each in first):
            raise ConfigurationError(
                "the process in place 0 is not the one that the coin put there", hint="mend the log"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """A block that the environment spoiled, both sides of it; decided without its latencies.

    Args:
        model, index, candidate_first: as of a ``Block``.
        reasons: at least one; each a stable kebab-case code, or one, a colon and a sentence.
    """

    model: str
    index: int
    candidate_first: bool
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ConfigurationError("a discarded block needs a reason", hint="mend the log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A model that does not run as it was asked to, which ends it.

    Args:
        model: ``Pair.key``.
        reason: which side, and why.
    """

    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How far a model's candidate scores from its baseline on the same clips.

    Args:
        model: ``Pair.key``.
        task_set, task_set_sha256: its name and its identity.
        runtime: the interpreter that made both embeddings.
        differences: candidate less baseline, one a task and ``mean`` last.
    """

    model: str
    task_set: str
    task_set_sha256: str
    runtime: str
    differences: tuple[Difference, ...]

    def __post_init__(self) -> None:
        if not self.differences or self.differences[-1].task != "mean":
            raise ConfigurationError("differences end with their mean", hint="mend the log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator of a file, or its share of an inference.

    Args:
        node_type: ``CONV_2D``, or a delegate's kernel.
        name: of its outputs, as the file or the tool has it.
        macs: its multiply-accumulates, where a file was read.
        avg_us: in one profiled inference, which profiling itself slows down.
    """

    node_type: str
    name: str
    macs: int | None = None
    avg_us: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What else is known of one side of a model; unknown is ``None`` or empty.

    Args:
        layers: the file's operators, in order.
        operators: in run order, of one profiled process.
        partitions: pieces of the graph that a delegate took, as observed.
        nodes, delegated_nodes: of the graph.
        init_us: median over the gate's processes.
        peak_mb: of memory, likewise.
    """

    layers: tuple[Operator, ...] = ()
    operators: tuple[Operator, ...] = ()
    runtime: str | None = None
    partitions: int | None = None
    nodes: int | None = None
    delegated_nodes: int | None = None
    init_us: float | None = None
    peak_mb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What differs between both sides of a model that regressed; no verdict rests on it.

    Args:
        model: ``Pair.key``.
    """

    model: str
    baseline: Inside
    candidate: Inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The device went away."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The gate goes on, after a loss or in another process."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """No more blocks, unless it is resumed."""

    reason: CloseReason


Entry = Block | Discarded | Failed | Scored | Explained | Lost | Resumed | Closed
