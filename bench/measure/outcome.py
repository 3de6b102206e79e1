"""What became of one benchmark process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A process whose numbers may be used. All times in us; unknown is ``None``.

    Args:
        init_us: load, interpreter, delegate and tensor allocation.
        first_us: the first inference of the process, which is a warm-up one.
        inference_us: every measured inference, in order.
        cpu_us: CPU time of the calling thread for each of them.
        nodes_total, nodes_delegated, partitions: as the delegate really took the graph.
        memory_mb_peak: highest resident memory in MiB: what it grew by since the tool started, or
            of the whole process where the tool tells only that.
        runtime: name and version of what ran the graph, where the tool tells it.
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
