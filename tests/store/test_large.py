"""What a page of a large database reads: by index, and no more than it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from support.large_store import Size, write_large
from support.stored_sessions import CASE

from bench.flow.report.join import join
from bench.flow.report.stored import newest_results
from bench.store.store import Store

SIZE = Size(sessions=20, files=4, processes=5)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "bench.db"
    write_large(path, SIZE)
    return path


@pytest.fixture
def plans() -> Iterator[list[str]]:
    """Yields how SQLite finds the rows of each statement."""
    found: list[str] = []

    def explain(
        connection: Connection, cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            assert raw is not None
            rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[-1] for row in rows)

    event.listen(Engine, "before_cursor_execute", explain)
    yield found
    event.remove(Engine, "before_cursor_execute", explain)


def test_a_page_reads_large_tables_by_index_only(large: Path, plans: list[str]) -> None:
    with Store.open(large, create=False) as store:
        timed = newest_results(store)
        rows, _ = join(store, timed=timed)
    assert len(rows) == 4 * 4 * 2
    assert {row.sessions for row in rows} == {5}
    assert sum(bool(cases) for _, cases in timed) == 4
    assert plans
    assert scanned(plans) <= {"artifact", "session", "score"}


def test_a_session_and_its_plan_are_found_by_index_only(large: Path, plans: list[str]) -> None:
    with Store.open(large) as store:
        store.sessions(plan_sha256="p")
        assert len(store.invocations("00000000-0000-4000-8000-000000000000")) == 4 * 2 * 5
        assert len(store.events("00000009-0000-4000-8000-000000000000", kind="gate")) == 1
        list(store.inference_us([CASE.key]))
    assert plans
    assert not scanned(plans)


def scanned(plans: list[str]) -> set[str]:
    """Returns the tables that were read from one end to the other."""
    scans = [plan for plan in plans if plan.startswith("SCAN") and "COVERING" not in plan]
    return {plan.split()[1] for plan in scans} - {"sqlite_master", "schema"}
