"""What a database holds, joined: rows, frames, answers and the page."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from bench.api.files import DB, Texts, frame, texts
from bench.core.paths import folder_beside

if TYPE_CHECKING:
    from bench.flow.report.results import Timed
    from bench.store.store import Store
    from reports.decision.pick import Answer
    from reports.parts.documents import DataFrame
    from reports.rows.schema import Row, Stream, Task


class Results:
    """An open database of results; a context manager that closes it.

    Everything is read once, when it is first asked for.

    Args:
        task_set: which scores to use; by default the set that most files were scored on.
        with_imported: imported rows may be on a frontier with measured ones.
        beside: the folder of the database, whose gates the page shows.
    """

    def __init__(
        self,
        store: Store,
        *,
        task_set: str | None = None,
        with_imported: bool = False,
        beside: Path | None = None,
    ) -> None:
        self._store = store
        self._beside = beside
        self._task_set = task_set
        self._with_imported = with_imported

    def __enter__(self) -> Results:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the database."""
        self.close()

    def close(self) -> None:
        """Closes the database; what was read of it stays."""
        self._store.close()

    def rows(self) -> list[Row]:
        """Returns a row for each case and hop: latency, size and accuracy of one file.

        Units are in the names of the fields; what was not measured is ``None``. Rows know whether
        they are on the frontier.
        """
        return list(self._joined[0])

    def tasks(self) -> list[Task]:
        """Returns the score of each file on each task, with 95 % intervals, chance and floor."""
        return list(self._joined[1])

    def streams(self) -> list[Stream]:
        """Returns a row for each case in the streaming mode."""
        from bench.flow.report.mode_rows import modes

        return modes(self._timed)[0]

    def frame(self) -> DataFrame:
        """Returns the rows as a frame: the columns of results.csv, unrounded, units in their names.

        A number that was not measured is NaN. docs/schema.md has each column's unit and meaning.
        """
        from reports.rows.schema import Row

        return frame(self.rows(), Row)

    def task_frame(self) -> DataFrame:
        """Returns the scores of each task as a frame: the columns of tasks.csv."""
        from reports.rows.schema import Task

        return frame(self.tasks(), Task)

    def answers(
        self,
        *,
        latency: Texts = (),
        device: Texts = (),
        for_worst: bool = False,
        **budgets: str | None,
    ) -> list[Answer]:
        """Returns an answer for each device: the most accurate file that keeps all budgets.

        Args:
            latency: ``5ms/s``, per second of audio; or ``2ms``, per inference; or both.
            device: only these devices, by how their names begin.
            for_worst: one answer: what keeps the budgets on all devices.
            budgets: ``size="2MB"``, ``core="5%"``, ``memory="40MB"``, ``lost="2"`` (points against
                the most accurate file), ``accuracy="70%"``.

        Raises:
            ConfigurationError: no budget, one that cannot be read, or no such device.
        """
        from reports.decision import pick as decision
        from reports.decision.budgets import read_all, streamed

        limits = read_all(texts(latency), budgets)
        rows = decision.on_devices(self.rows(), texts(device))
        streams = streamed(rows, self.streams())
        if for_worst:
            return [decision.answer_for_worst(rows, limits, streams=streams)]
        return decision.answers(rows, limits, streams=streams)

    def report(self, out: str | Path, *, title: str = "Speech embeddings on device") -> Path:
        """Returns the page that it wrote into the folder ``out``, with tables and pictures."""
        from bench.flow.report.write import report

        page, _ = report(
            self._store,
            out=Path(out),
            title=title,
            command=f"bench.api, on {self._store.url}",
            task_set=self._task_set,
            with_imported=self._with_imported,
            beside=self._beside,
        )
        return page

    @cached_property
    def _timed(self) -> list[Timed]:
        from bench.flow.report.stored import newest_results

        return newest_results(self._store)

    @cached_property
    def _joined(self) -> tuple[list[Row], list[Task]]:
        from bench.flow.report.join import join
        from reports.rows.frontier import mark

        rows, tasks = join(
            self._store,
            task_set=self._task_set,
            timed=self._timed,
            with_imported=self._with_imported,
        )
        return [each.row for each in mark(rows)], tasks


def open(
    db: str | Path = DB, *, task_set: str | None = None, with_imported: bool = False
) -> Results:
    """Returns the results in a database, which stays open until they are closed.

    Args:
        db: a file, or a SQLAlchemy URL.
        task_set, with_imported: as for ``Results``.

    Raises:
        ConfigurationError: it is not there, or not a database of ours; nothing is made.
    """
    from bench.store.store import Store

    store = Store.open(db, create=False)
    beside = folder_beside(str(db))
    return Results(store, task_set=task_set, with_imported=with_imported, beside=beside)


def join(db: str | Path = DB, *, task_set: str | None = None) -> DataFrame:
    """Returns latency, size and accuracy of each file, joined by its SHA-256, as a frame.

    It is ``Results.frame`` of a database that is opened and closed for it.
    """
    with open(db, task_set=task_set) as results:
        return results.frame()


def pick(
    db: str | Path = DB,
    *,
    latency: Texts = (),
    device: Texts = (),
    for_worst: bool = False,
    task_set: str | None = None,
    **budgets: str | None,
) -> Answer:
    """Returns the most accurate file that keeps all budgets, how surely, and the runner-up.

    ``chosen`` of the answer is ``None`` where no file keeps them. Arguments are those of
    ``Results.answers``, which also answers for several devices at once.

    Raises:
        ConfigurationError: as ``Results.answers``; or there are several answers.
    """
    from bench.core.errors import ConfigurationError

    with open(db, task_set=task_set) as results:
        found = results.answers(latency=latency, device=device, for_worst=for_worst, **budgets)
    if len(found) > 1:
        places = "; ".join(dict.fromkeys(", ".join(each.places) for each in found))
        raise ConfigurationError(
            f"{len(found)} answers, and one is asked for: {places}",
            hint="name a device= or a task_set=, ask for_worst=True, or take Results.answers",
        )
    return found[0]
