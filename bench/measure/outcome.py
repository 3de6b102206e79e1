"""What became of one benchmark process."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.caveats import Caveat, Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is kept of a process with too many inferences to keep each. All times in us.

    Args:
        runs: how many inferences.
        std_us: population; whole microseconds from the official tools.
        min_us, max_us, p5_us, median_us, p95_us: ``None`` where the tool does not print them.
    """

    runs: int
    avg_us: float
    min_us: float | None
    max_us: float | None
    std_us: float | None
    p5_us: float | None = None
    median_us: float | None = None
    p95_us: float | None = None

    @property
    def middle_us(self) -> float:
        """The median, else the mean."""
        return self.avg_us if self.median_us is None else self.median_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A process whose numbers may be used. All times in us; unknown is ``None``.

    Args:
        init_us: load, interpreter, delegate and tensor allocation.
        first_us: the first inference of the process, which is a warm-up one.
        inference_us: every measured inference, in order; empty in a mode of statistics.
        cpu_us: CPU time of the calling thread for each of them.
        nodes_total, nodes_delegated, partitions: as the delegate really took the graph.
        memory_mb_peak: highest resident memory in MiB: what it grew by since the tool started, or
            of the whole process where the tool tells only that.
        runtime: name and version of what ran the graph, where the tool tells it.
        statistics: instead of ``inference_us``, in a mode of statistics.
        caveats: what the device's state did to this very process.
    """

    init_us: float | None
    first_us: float | None
    inference_us: tuple[float, ...]
    cpu_us: tuple[float, ...] | None
    nodes_total: int | None
    nodes_delegated: int | None
    partitions: int | None
    memory_mb_peak: float | None
    runtime: str | None = None
    statistics: Statistics | None = None
    caveats: tuple[Caveat, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it may be averaged; an invalid one is measured again."""
        return all(caveat.effect is not Effect.INVALIDATE for caveat in self.caveats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A process whose numbers, if any, must not be used.

    Args:
        failure: a stable kebab-case code, a colon and a sentence.
    """

    failure: str

    @property
    def code(self) -> str:
        """The part that is equal for failures of one kind."""
        return self.failure.partition(":")[0]


Outcome = Measured | Failed
