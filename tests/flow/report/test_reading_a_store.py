import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from support.stored_sessions import ARTIFACT, CASE, add_session

from bench.core.errors import InfrastructureError
from bench.flow.outputs.record import EVENT
from bench.flow.report.join import join
from bench.flow.report.stored import newest_results, results
from bench.plan.suite import GATE
from bench.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        opened.add_artifact(ARTIFACT)
        yield opened


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """Yields the statements that read rows, as any connection sends them."""
    seen: list[str] = []

    def note(*arguments: object) -> None:
        if str(arguments[2]).startswith("SELECT"):
            seen.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def add_sessions(store: Store, numbers: range) -> None:
    for number in numbers:
        session = add_session(store, f"s{number}", {CASE: 1000.0 + number}, day=1 + number)
        facts: dict[str, object] = {
            "case": CASE.key, "artifact_sha256": CASE.artifact_sha256, "device": CASE.device,
            "os_build": session.device.os_build, "tool_sha256": CASE.tool_sha256,
            "delegate": "xnnpack", "verdict": "passed",
        }  # fmt: skip
        store.log(session, EVENT, **facts)


def test_more_sessions_are_read_with_no_more_queries(store: Store, queries: list[str]) -> None:
    add_sessions(store, range(2))
    queries.clear()
    assert len(newest_results(store)) == 2
    few = len(queries)
    add_sessions(store, range(2, 12))
    queries.clear()
    found = newest_results(store)
    assert [len(cases) for _, cases in found] == [0] * 11 + [1]
    assert len(queries) == few


def test_a_session_says_the_same_read_alone_and_among_all(store: Store) -> None:
    add_sessions(store, range(4))
    *_, (session, found) = newest_results(store)
    assert found == results(store, session)
    (only,) = found
    assert only.spread is not None
    assert only.spread.sessions == 4
    assert only.check is not None


def test_sessions_are_read_whole_if_they_are_the_newest_of_any_case(store: Store) -> None:
    other = replace(CASE, threads=4)
    add_session(store, "s0", {CASE: 1000.0, other: 400.0})
    add_session(store, "s1", {CASE: 1001.0}, day=2)
    add_session(store, "s2", {CASE: 1002.0}, day=3)
    read = {session.id: len(found) for session, found in newest_results(store)}
    assert read == {"s0": 2, "s1": 0, "s2": 1}
    latest = {(row.setup.threads, row.session) for row in join(store)[0]}
    assert latest == {(1, "s2"), (4, "s0")}


def test_sessions_of_gates_are_left_out_and_one_without_a_process_is_not(store: Store) -> None:
    first = add_session(store, "s0", {CASE: 1000.0})
    store.add_session(replace(first, id="gate", suite=GATE))
    store.add_session(replace(first, id="empty", started_at="2026-06-01T00:00:00+00:00"))
    assert [(session.id, len(found)) for session, found in newest_results(store)] == [
        ("s0", 1),
        ("empty", 0),
    ]


def add_files(store: Store, count: int) -> None:
    for number in range(count):
        sha256 = f"{number:064x}"
        store.add_artifact(replace(ARTIFACT, sha256=sha256, name=f"model{number}"))
        cases = {replace(CASE, artifact_sha256=sha256, threads=n): 1000.0 / n for n in (1, 2)}
        add_session(store, f"s{number}", cases, day=1 + number)


# A process with one thread, which can fork; this one may have more.
BESIDE = """
import pickle, sys
from bench.core.errors import BenchError
from bench.flow.report import beside
from bench.flow.report.stored import newest_results
from bench.store.store import Store
import bench.store.store
bench.store.store._CASES_OF_FILES = 2
beside._MOST_HERE, beside.cores = 0, lambda: 2
assert beside.can_fork() == (sys.platform == "linux")
try:
    with Store.open(sys.argv[1]) as store:
        found = newest_results(store)
except BenchError as error:
    found = error
sys.stdout.buffer.write(pickle.dumps(found))
"""


def read_beside(path: Path) -> object:
    command = [sys.executable, "-c", BESIDE, str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    return pickle.loads(done.stdout)  # noqa: S301 - of this test


def test_a_large_database_read_by_several_processes_has_the_same_results(
    tmp_path: Path, store: Store
) -> None:
    add_files(store, 8)
    alone = newest_results(store)
    assert [len(cases) for _, cases in alone] == [2] * 8
    assert read_beside(tmp_path / "bench.db") == alone


def test_a_damaged_row_that_another_process_reads_is_an_error_here(
    tmp_path: Path, store: Store
) -> None:
    add_files(store, 2)
    with sqlite3.connect(tmp_path / "bench.db") as database:
        database.execute("UPDATE invocation SET wall_s = 9 WHERE id = 3")
    error = read_beside(tmp_path / "bench.db")
    assert isinstance(error, InfrastructureError)
    assert "invocation 3 is damaged" in error.message
