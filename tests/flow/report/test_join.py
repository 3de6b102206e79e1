"""Rows of a report from cases that are stored: one case is one row, and no two cases are."""

import csv
import dataclasses
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.stored_sessions import ANOTHER_DEVICE, ARTIFACT, CASE, DEVICE, OTHER, add_session

from bench.core.caveats import Caveat, CaveatKind
from bench.flow.report.join import join
from bench.flow.report.write import report
from bench.plan.case import Case
from bench.store.store import Store
from reports.parts.documents import results_csv, to_markdown
from reports.parts.results import results
from reports.parts.table import Footnotes
from reports.rows.frontier import mark
from reports.rows.names import row_names

BOUND = Caveat(kind=CaveatKind.BELOW_BOUND, evidence="cosine 0.71 mean, the bound is 0.99")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        opened.add_artifact(ARTIFACT)
        opened.add_artifact(replace(ARTIFACT, sha256="b" * 64))
        yield opened


def add(store: Store, name: str) -> Case:
    """Stores a case, and on the next day one that differs in a field; returns that."""
    other = replace(CASE, **{name: OTHER[name]})  # type: ignore[arg-type]  # a field of Case
    add_session(store, "session one", {CASE: 9000.0})
    device = ANOTHER_DEVICE if name == "device" else DEVICE
    add_session(store, "session two", {other: 1000.0}, device=device, day=2)
    return other


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Case)])
def test_cases_that_differ_in_any_field_are_two_rows_that_show_it(store: Store, name: str) -> None:
    other = add(store, name)
    rows, _ = join(store)
    assert [row.case_key for row in rows] == [CASE.key, other.key]
    assert [row.latency_us_median for row in rows] == [9003.5, 1003.5]

    written = list(csv.DictReader(io.StringIO(results_csv(rows))))
    shown = {
        column
        for column in written[0]
        if written[0][column] != written[1][column]
        and not column.startswith(("latency_us", "init_us", "first_us", "process_spread"))
    } - {"case_key", "session", "caveats", "caveat_evidence"}
    assert shown == {name}

    drawn = results(mark(rows), Footnotes())
    one, two = drawn.lines
    differ = {
        heading.name
        for heading, left, right in zip(drawn.headings, one.cells, two.cells, strict=True)
        if left.text != right.text
    }
    assert differ - {"latency", "file alone", "load", "session"}
    assert to_markdown(drawn).count("tiny") == 2
    if name not in ("device", "runner"):
        assert len(set(row_names(rows).values())) == 2


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Case)])
def test_rows_of_one_device_from_two_sessions_say_so_and_name_them(store: Store, name: str) -> None:
    add(store, name)
    rows, _ = join(store)
    found = [[each for each in row.caveats if "several" in each.kind] for row in rows]
    if name == "device":
        assert found == [[], []]
    else:
        assert [each[0].evidence for each in found] == ["sessions session , session "] * 2


def test_two_phones_of_one_name_are_told_apart_by_their_keys(store: Store) -> None:
    add(store, "device")
    rows, _ = join(store)
    keys = (DEVICE.key, ANOTHER_DEVICE.key)
    assert [row.setup.device for row in rows] == [f"Pixel 6 ({key[:8]})" for key in keys]


def test_a_case_in_two_sessions_is_the_newest_row(store: Store) -> None:
    add_session(store, "one", {CASE: 9000.0})
    add_session(store, "two", {CASE: 1000.0}, day=2)
    (row,) = join(store)[0]
    assert (row.session, row.latency_us_median, row.sessions) == ("two", 1003.5, 2)
    assert CaveatKind.SEVERAL_SESSIONS not in {each.kind for each in row.caveats}


def test_the_evidence_of_a_caveat_reaches_page_csv_and_markdown(tmp_path: Path) -> None:
    with Store.open(tmp_path / "bench.db") as store:
        store.add_artifact(replace(ARTIFACT, caveats=(BOUND,)))
        add_session(store, "one", {CASE: 1000.0})
        page, (row,) = report(store, out=tmp_path / "page", title="", command="")
    assert BOUND in row.caveats
    assert BOUND.evidence in page.read_text()
    assert BOUND.evidence in (page.parent / "results.md").read_text()
    (written,) = csv.DictReader((page.parent / "results.csv").read_text().splitlines())
    assert written["caveats"] == "below_bound"
    assert written["caveat_evidence"] == f"below_bound: {BOUND.evidence}"
