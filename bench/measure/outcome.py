"""The outcome of one benchmark process: ``Measured`` or ``Failed``."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.caveats import Caveat, Effect
from bench.core.device_state.caches import CacheUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Statistics of a process with too many inferences to store each. All times in us.

    Args:
        runs: number of inferences.
        std_us: population standard deviation; whole microseconds from the official tools.
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
        """The median, or the mean where the tool does not print a median."""
        return self.avg_us if self.median_us is None else self.median_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A process that gave its numbers. All times in us; unknown is ``None``.

    Args:
        init_us: load, interpreter, delegate and tensor allocation.
        first_us: the first inference of the process, part of the warm-up.
        inference_us: every measured inference, in order; empty in a mode of statistics.
        cpu_us: CPU time of the calling thread for each of these inferences.
        nodes_total, nodes_delegated, partitions: as the delegate actually took the graph.
        memory_mb_peak: peak resident memory in MiB: its growth since the tool started, or of the
            whole process if the tool shows only that.
        runtime: name and version of the runtime, if the tool shows it.
        statistics: instead of ``inference_us``, in a mode of statistics.
        caveats: of the device's state during this process.
        cache: what it did with the delegate's cache; ``None`` without a warm cache.
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
    cache: CacheUse | None = None

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
