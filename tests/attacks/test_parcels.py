"""Parcels that a stranger edited: refused, or shown to be harmless.

Each edit is of the members of a good parcel. Where it does not say otherwise, the hashes in
``parcel.json`` are computed again, as a careful stranger would.
"""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.parcel_edits import (
    HEADERS,
    MALFORMED,
    NUMBERS,
    ODD,
    Members,
    edit,
    members_of,
    other_raw_text,
    put,
    sealed,
    with_header,
)
from support.parcels import TIMED, fill
from support.stored_sessions import ARTIFACT, DEVICE

from bench.core.errors import ConfigurationError
from bench.flow.exchange import parcel, unpack
from bench.flow.exchange.merge import merge
from bench.flow.exchange.rows import rows_of
from bench.store.store import Store
from reports.exchange.tables import csv_text
from reports.page.page import environment


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """Returns the members of a parcel."""
    path = tmp_path_factory.mktemp("parcel") / "good.zip"
    with Store.open("sqlite://") as store:
        fill(store, {TIMED: 900})
        parcel.write(store, path, page=b"<html>")
    return members_of(path)


def refused(path: Path, match: str) -> None:
    """Asserts that a parcel is refused, in one visible line, and that nothing of it is stored."""
    with Store.open("sqlite://") as store:
        with pytest.raises(ConfigurationError, match=match) as error:
            merge(store, unpack.read(path))
        assert error.value.message.isprintable()
        assert (store.sessions(), store.artifacts(), store.scores()) == ([], [], [])


@pytest.mark.parametrize("name", NUMBERS)
def test_an_edited_record_is_refused_and_named(good: Members, tmp_path: Path, name: str) -> None:
    member, change, match = NUMBERS[name]
    path = tmp_path / "edited.zip"
    parcel.save(path, sealed(edit(good, member, change)))
    refused(path, match)


def test_an_edit_without_its_hash_is_refused(good: Members, tmp_path: Path) -> None:
    path = tmp_path / "edited.zip"
    parcel.save(path, edit(good, "rows.jsonl", put(latency_us_median=91.0)))
    refused(path, "rows.jsonl: its SHA-256 or size is not that of parcel.json")


def test_an_edited_raw_text_is_refused_under_its_old_hash_and_under_its_own(
    good: Members, tmp_path: Path
) -> None:
    path = tmp_path / "edited.zip"
    name = next(name for name in good if name.startswith("raw/") and good[name])
    parcel.save(path, sealed({**good, name: good[name].replace(b"first=", b"first=1")}))
    refused(path, "its SHA-256 is another than its name")
    parcel.save(path, sealed(other_raw_text(good, 90)))
    refused(path, r"inference_us\[0\] is 900.0, and derived again 90.0")


def test_a_made_up_raw_text_with_all_that_follows_from_it_is_not_noticed_and_has_its_origin(
    tmp_path: Path,
) -> None:
    # What no parcel can prove: that its raw texts were printed by a tool on a device.
    path = tmp_path / "invented.zip"
    with Store.open("sqlite://") as stranger:
        fill(stranger, {TIMED: 1})
        parcel.write(stranger, path)
    with Store.open("sqlite://") as store:
        merge(store, unpack.read(path))
        text = csv_text(rows_of(store, "results"), "results")
        assert "merged from invented.zip" in text


@pytest.mark.parametrize("name", MALFORMED)
def test_a_member_that_no_parcel_has_is_refused(good: Members, tmp_path: Path, name: str) -> None:
    change, match = MALFORMED[name]
    path = tmp_path / "edited.zip"
    parcel.save(path, change(good))
    refused(path, match)
    assert [each.name for each in tmp_path.iterdir()] == ["edited.zip"]  # nothing was unpacked


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_and_links_are_refused(good: Members, tmp_path: Path) -> None:
    path = tmp_path / "edited.zip"
    parcel.save(path, good)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("rows.jsonl", b"{}")
    refused(path, "has two members 'rows.jsonl'")
    parcel.save(path, good)
    link = zipfile.ZipInfo(f"raw/{'0' * 64}")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(path, "is a link, a folder or a device")


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_refused(good: Members, tmp_path: Path, name: str) -> None:
    path = tmp_path / "edited.zip"
    parcel.save(path, good)
    path.write_bytes(with_header(path.read_bytes(), name))
    refused(path, HEADERS[name][-1])


def test_half_a_file_and_no_zip_file_are_refused(good: Members, tmp_path: Path) -> None:
    path = tmp_path / "edited.zip"
    parcel.save(path, good)
    content = path.read_bytes()
    for wrong in (
        content[: len(content) // 2],
        b"",
        b"PK\x03\x04",
        content.replace(b"first", b"FIRST"),
    ):
        path.write_bytes(wrong)
        if wrong != content:
            refused(path, "not a zip file|SHA-256")


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=cmd|' C'!A1", "::error::x"])
def test_a_script_in_a_name_is_shown_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "named.zip"
    with Store.open("sqlite://") as stranger:
        device = replace(DEVICE, name=name)
        fill(stranger, {replace(TIMED, device=device.key): 900}, device=device)
        parcel.write(stranger, path)
    with Store.open("sqlite://") as store:
        merge(store, unpack.read(path))
        rows = rows_of(store, "results")
    line = csv_text(rows, "results").splitlines()[1]
    assert not re.search(r"(?:^|,)\"?[=+@-]cmd", line)
    shown = environment().from_string("{{ name }}").render(name=name)
    assert "<script>" not in shown


def test_another_manifest_of_a_file_that_is_here_is_refused(good: Members, tmp_path: Path) -> None:
    path = tmp_path / "good.zip"
    parcel.save(path, good)
    with Store.open("sqlite://") as store:
        store.add_artifact(replace(ARTIFACT, parameters=1))
        with pytest.raises(ConfigurationError, match="parameters is 782000, and here of the same"):
            merge(store, unpack.read(path))
        assert store.sessions() == []


def test_a_session_that_is_here_with_other_contents_is_refused(
    good: Members, tmp_path: Path
) -> None:
    path = tmp_path / "good.zip"
    parcel.save(path, good)
    with Store.open("sqlite://") as store:
        fill(store, {TIMED: 800})
        with pytest.raises(ConfigurationError, match="the database has another process of"):
            merge(store, unpack.read(path))
        assert len(store.invocations()) == 6


def test_what_was_measured_and_scored_here_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "later.zip"
    with Store.open("sqlite://") as stranger:
        fill(stranger, {TIMED: 1}, identity="later", started_at="2099-01-01T00:00:00+00:00")
        (score,) = stranger.scores()
        best = replace(score.tasks[0], value=0.99, high=1.0, correct=())
        stranger.add_score(replace(score, mean=0.99, mean_high=1.0, tasks=(best,)))
        parcel.write(stranger, path)
    with Store.open("sqlite://") as store:
        fill(store, {TIMED: 900})
        done = merge(store, unpack.read(path))
        assert (done.scores, done.scores_left) == (0, 2)
        rows = {row.setup.origin.partition(" from")[0]: row for row in rows_of(store, "results")}
        assert set(rows) == {"measured here", "merged"}
        assert rows["measured here"].latency_us_median == 913.5
        assert rows["measured here"].score_mean == 0.625


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_refused_and_are_no_bug(good: Members, tmp_path: Path, name: str) -> None:
    member, change = ODD[name]
    path = tmp_path / "odd.zip"
    parcel.save(path, sealed(edit(good, member, change)))
    with Store.open("sqlite://") as store:
        try:
            merge(store, unpack.read(path))
        except ConfigurationError as error:
            assert "odd.zip" in error.message
            assert store.sessions() == []
        else:  # it does no harm
            assert len(rows_of(store, "results")) == 1
