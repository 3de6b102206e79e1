"""A parcel brings the rows of one database to another, where they are derived again."""

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from support.parcel_edits import sealed
from support.parcels import TIMED, fill, raw_text

from bench.cli.main import main
from bench.cli.verbs.results import export
from bench.core.errors import ConfigurationError
from bench.flow.exchange import parcel
from bench.flow.exchange.logs import import_log, read_log
from bench.flow.exchange.merge import merge
from bench.flow.exchange.rows import FileFormat, rows_of
from bench.flow.exchange.unpack import read
from bench.measure.outcome import Measured
from bench.plan.suite import GATE
from bench.store.store import Store
from reports.exchange.described import TABLES
from reports.exchange.tables import lines


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mine.db") as opened:
        fill(opened, {TIMED: 900, replace(TIMED, threads=1, affinity="f0"): 700})
        yield opened


@pytest.fixture
def other() -> Iterator[Store]:
    with Store.open("sqlite://") as opened:
        yield opened


def shown(store: Store) -> list[dict[str, object]]:
    """Returns the rows of a report without their origin."""
    rows = lines(rows_of(store, "results"), "results")
    return [{name: row[name] for name in row if name != "origin"} for row in rows]


def test_a_parcel_on_a_new_database_gives_equal_rows_with_their_origin(
    store: Store, other: Store, tmp_path: Path
) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    done = merge(other, read(tmp_path / "lab.zip"))
    assert (done.sessions, done.processes, done.artifacts, done.scores) == (1, 12, 1, 1)
    assert shown(other) == shown(store)
    (origin,) = {row["origin"] for row in lines(rows_of(other, "results"), "results")}
    assert str(origin).startswith("merged from lab.zip (")


def test_merging_twice_doubles_nothing(store: Store, other: Store, tmp_path: Path) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    merge(other, read(tmp_path / "lab.zip"))
    before = [other.sessions(), other.invocations(), other.scores(), other.events()]
    again = merge(other, read(tmp_path / "lab.zip"))
    assert (again.sessions, again.processes, again.artifacts, again.scores) == (0, 0, 0, 0)
    assert [other.sessions(), other.invocations(), other.scores(), other.events()] == before


def test_a_merge_that_ends_in_between_leaves_no_manifest_and_no_score(
    store: Store, tmp_path: Path
) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    Store.open(tmp_path / "new.db").close()
    with sqlite3.connect(tmp_path / "new.db") as file:
        file.execute(
            "create trigger full before insert on outcome when (select count(*) from outcome) = 5 "
            "begin select raise(fail, 'disk is full'); end"
        )
    with Store.open(tmp_path / "new.db") as new:
        with pytest.raises(IntegrityError, match="disk is full"):
            merge(new, read(tmp_path / "lab.zip"))
        assert (new.artifacts(), new.scores(), rows_of(new, "results")) == ([], [], [])
        with sqlite3.connect(tmp_path / "new.db") as file:
            file.execute("drop trigger full")
        assert merge(new, read(tmp_path / "lab.zip")).artifacts == 1
        assert shown(new) == shown(store)


def test_a_refused_parcel_makes_no_database_and_the_good_one_beside_it_is_not_added(
    store: Store, tmp_path: Path
) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    with zipfile.ZipFile(tmp_path / "lab.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    wrong = members["rows.jsonl"].replace(b'"processes": 6', b'"processes": 7')
    parcel.save(tmp_path / "wrong.zip", sealed({**members, "rows.jsonl": wrong}))
    files = [str(tmp_path / name) for name in ("lab.zip", "wrong.zip")]
    assert main(["merge", *files, "--db", str(tmp_path / "new.db")]) == 2
    assert not (tmp_path / "new.db").exists()


def test_ones_own_parcel_adds_nothing_and_stays_measured_here(store: Store, tmp_path: Path) -> None:
    parcel.write(store, tmp_path / "own.zip")
    assert merge(store, read(tmp_path / "own.zip")).processes == 0
    assert {row["origin"] for row in lines(rows_of(store, "results"), "results")} == {
        "measured here"
    }


def test_a_parcel_of_a_merged_and_an_imported_session_keeps_the_whole_way(
    store: Store, other: Store, tmp_path: Path
) -> None:
    (tmp_path / "log.txt").write_text(raw_text(800))
    import_log(store, read_log(tmp_path / "log.txt"))
    parcel.write(store, tmp_path / "a.zip")
    merge(other, read(tmp_path / "a.zip"))
    parcel.write(other, tmp_path / "b.zip")
    with Store.open("sqlite://") as third:
        merge(third, read(tmp_path / "b.zip"))
        kinds = [each.kind for each in third.events()]
        assert sorted(kinds) == ["imported", "merged", "merged", "merged", "merged", "resumed"]
        assert [each.outcome for each in third.invocations()] == [
            each.outcome for each in other.invocations()
        ]


def test_a_merge_that_was_killed_is_completed(store: Store, other: Store, tmp_path: Path) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    other.add_session(store.sessions()[0])  # then the program was killed
    done = merge(other, read(tmp_path / "lab.zip"))
    assert done.processes == 12
    assert [each.kind for each in other.events()] == ["merged", "resumed"]


def test_sessions_of_gates_stay_at_home(store: Store, other: Store, tmp_path: Path) -> None:
    store.add_session(replace(store.sessions()[0], id="gate", suite=GATE))
    parcel.write(store, tmp_path / "lab.zip")
    merge(other, read(tmp_path / "lab.zip"))
    assert [each.id for each in other.sessions()] == ["0b1e7a52-one"]


def test_what_the_raw_text_does_not_give_any_more_is_not_written(
    store: Store, tmp_path: Path
) -> None:
    first = store.invocations()[0]
    assert isinstance(first.outcome, Measured)
    store.add_outcome(first.id, replace(first.outcome, init_us=1.0))
    with pytest.raises(ConfigurationError, match=r"init_us is 1\.0, and derived again 3423\.0"):
        parcel.write(store, tmp_path / "lab.zip")
    assert not (tmp_path / "lab.zip").exists()


def test_the_verbs_export_and_merge(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parcel.write(store, tmp_path / "lab.zip")
    assert main(["merge", str(tmp_path / "lab.zip"), "--db", str(tmp_path / "new.db")]) == 0
    assert "lab.zip: added 1 session, 12 processes" in capsys.readouterr().out
    command = ["export", "--db", str(tmp_path / "new.db"), "--format"]
    assert main([*command, "jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main([*command, "bencher", "--out", str(tmp_path / "b.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 2
    assert len(json.loads((tmp_path / "b.json").read_text())) == 2
    assert main([*command, "aihub", "--table", "tasks"]) == 2
    assert main([*command, "parquet"]) == 2
    assert main(["merge", str(tmp_path / "none.zip"), "--db", str(tmp_path / "new.db")]) == 2


def test_the_flags_are_those_of_the_formats_and_tables() -> None:
    assert tuple(FileFormat) == export.FORMATS
    assert tuple(TABLES) == export.TABLES
