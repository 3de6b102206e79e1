"""Scores that other benchmarks gave an artifact; they are on no axis with ours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.core.artifact import Format


class Benchmark(StrEnum):
    """The programs of others whose results are read."""

    HEAR = "HEAR"
    X_ARES = "X-ARES"
    MTEB = "MTEB"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedScore:
    """One number of another benchmark about an artifact; never compared with a ``Score``.

    Args:
        artifact_sha256: of the file that was scored.
        benchmark_version: of that program; ``None`` where its results do not give it.
        task, split, subset: as that program names them; empty where it has none.
        metric: as that program names it.
        value: as that program gives it.
        deviation: standard deviation over the program's folds, where it gives one; no interval.
        task_revision: of the task's data, where the results give it.
        file_sha256: of the file of results.
    """

    artifact_sha256: str
    benchmark: Benchmark
    benchmark_version: str | None
    task: str
    split: str
    subset: str
    metric: str
    value: float
    deviation: float | None
    task_revision: str | None
    file_sha256: str
    schema_version: int = 1

    @property
    def key(self) -> tuple[str, ...]:
        """What a later import of the same number replaces."""
        place = (self.task, self.split, self.subset, self.metric)
        return (self.artifact_sha256, self.benchmark, *place)

    @property
    def place(self) -> str:
        """Split and subset, as far as there are any."""
        return "/".join(filter(None, (self.split, self.subset)))


def other_name(name: str, format: Format) -> str:
    """Returns the name of an artifact in benchmarks that name models by organisation and name."""
    return f"frill-bench/{name}.{format}"
