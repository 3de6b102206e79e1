"""Parcels that a stranger edited: refused, or shown to be harmless.

Each edit is of the members of a good parcel. Where it does not say otherwise, the hashes in
``parcel.json`` are computed again, as a careful stranger would.
"""

import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.parcels import TIMED, fill, raw_text
from support.stored_sessions import ARTIFACT, DEVICE

from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from bench.flow.exchange import parcel, unpack
from bench.flow.exchange.merge import merge
from bench.flow.exchange.rows import rows_of
from bench.flow.report.origin import IMPORTED
from bench.plan.suite import GATE
from bench.store.store import Store
from reports.exchange.tables import csv_text
from reports.page.page import environment

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """Returns the members of a parcel."""
    path = tmp_path_factory.mktemp("parcel") / "good.zip"
    with Store.open("sqlite://") as store:
        fill(store, {TIMED: 900})
        parcel.write(store, path, page=b"<html>")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(members: Members) -> Members:
    """Returns members with the hashes of all of them in ``parcel.json``."""
    contents = json.loads(members[parcel.CONTENTS])
    others = {name: text for name, text in members.items() if name != parcel.CONTENTS}
    contents["members"] = {
        name: {"sha256": sha256_bytes(text), "size_bytes": len(text)}
        for name, text in others.items()
    }
    return {parcel.CONTENTS: json.dumps(contents).encode(), **others}


def refused(path: Path, match: str) -> None:
    """Asserts that a parcel is refused, in one visible line, and that nothing of it is stored."""
    with Store.open("sqlite://") as store:
        with pytest.raises(ConfigurationError, match=match) as error:
            merge(store, unpack.read(path))
        assert error.value.message.isprintable()
        assert (store.sessions(), store.artifacts(), store.scores()) == ([], [], [])


def edit(members: Members, name: str, change: Callable[[dict[str, Any]], object]) -> Members:
    """Returns members, the first line of one of them changed."""
    first, *rest = members[name].split(b"\n") if name.endswith("l") else [members[name]]
    record = json.loads(first)
    change(record)
    return {**members, name: b"\n".join([json.dumps(record).encode(), *rest])}


def other_raw_text(members: Members, us: int) -> Members:
    """Returns members with another raw text of the first process, under its own hash."""
    packed = json.loads(members["processes.jsonl"].split(b"\n")[0])
    old, text = packed["stdout_sha256"], raw_text(us).encode()
    new = sha256_bytes(text)
    kept = {name: content for name, content in members.items() if name != f"raw/{old}"}
    return edit(
        {**kept, f"raw/{new}": text},
        "processes.jsonl",
        lambda record: record.update(stdout_sha256=new),
    )


def put(**values: object) -> Callable[[dict[str, Any]], object]:
    """Returns a change of keys; ``a__b`` is the key b within a."""

    def change(record: dict[str, Any]) -> None:
        for path, value in values.items():
            *parents, last = path.split("__")
            at = record
            for name in parents:
                at = at[name]
            assert last in at
            at[last] = value

    return change


NUMBERS: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "a latency of a process": (
        "processes.jsonl",
        put(measured__inference_us=[90.0, 91.0, 92.0]),
        r"process 0 of /zoo/tiny.tflite: inference_us\[0\] is 90.0, and derived again 900.0",
    ),
    "an initialisation": ("processes.jsonl", put(measured__init_us=1.0), "init_us is 1.0"),
    "a caveat left out or put in": (
        "processes.jsonl",
        put(measured__caveats=[{"kind": "virtual", "evidence": ""}]),
        "caveats has 1 entries, and derived again 0",
    ),
    "a failed process as measured": (
        "processes.jsonl", put(exit_status=1), "it is measured, and by its raw text failed",
    ),
    "delegated nodes": ("processes.jsonl", put(measured__nodes_delegated=1), "_delegated is 1"),
    "another delegate": (
        "processes.jsonl", put(case__delegate="gpu"), "by its raw text failed .delegate-mismatch",
    ),
    "another tool": ("processes.jsonl", put(case__tool_sha256="e" * 64), "rows, and its raw texts"),
    "another device": ("processes.jsonl", put(case__device="e" * 64), "another session or device"),
    "a process twice": ("processes.jsonl", put(ordinal=1), "has process 1 of a case twice"),
    "a latency of a row": (
        "rows.jsonl",
        put(latency_us_median=91.0),
        r"row 1 \(a+, tiny_w0.5.*, Pixel 6\): latency_us_median is 91.0, and derived again 913.5",
    ),
    "the end of an interval": ("rows.jsonl", put(latency_us_high=950.0), "latency_us_high is 950"),
    "caveats of a row": ("rows.jsonl", put(caveats="virtual"), "caveats is 'virtual'"),
    "the origin of a row": ("rows.jsonl", put(origin="the lab"), "origin is 'the lab'"),
    "a size in a manifest": ("artifacts.jsonl", put(size_bytes=1), "size_bytes is 3130000"),
    "a hash in a manifest": ("artifacts.jsonl", put(sha256="f" * 64), "has 1 rows, and its raw"),
    "the mean of a score": ("scores.jsonl", put(mean=0.9), "mean is 0.9, and derived again 0.625"),
    "the answers of a score": (
        "scores.jsonl",
        lambda score: score["tasks"][0]["correct"][0].update(a="1111"),
        "value is 0.75, and by its answers 1.0",
    ),
    "a suite of gates": ("sessions.jsonl", put(suite=GATE), "is that of a gate"),
    "an imported log that is none": ("sessions.jsonl", put(suite="imported"), "0 imported logs"),
    "an imported log that is made up": (
        "events.jsonl",
        lambda event: event.update(
            kind=IMPORTED, facts={"file": "x", "sha256": "a" * 64, "raw_base64": ""}
        ),
        "is not that of its imported log",
    ),
    "a key of no record": ("sessions.jsonl", lambda each: each.update(run="x"), "unknown key"),
    "a time that is none": ("sessions.jsonl", put(started_at="now"), "now is not a time"),
    "an event of another session": ("events.jsonl", put(session_id="x"), "is of no session in it"),
    "a raw text that is not there": (
        "processes.jsonl", put(stdout_sha256="../../etc/passwd"), "its raw text is missing",
    ),
    "a name with escape codes": ("artifacts.jsonl", put(name="\x1b[31m"), "invisible characters"),
    "a name that leads elsewhere": ("artifacts.jsonl", put(file="../../x"), "name of a file"),
    "another version": ("parcel.json", put(schema_version=9), "schema_version: is 9"),
    "another version of rows": ("parcel.json", put(rows_version=9), "rows_version: is 9"),
}  # fmt: skip


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


MALFORMED: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a member with a path": (lambda all: {**all, "../evil.py": b""}, "is none of a parcel"),
    "an absolute path": (lambda all: {**all, "/etc/cron.d/x": b""}, "is none of a parcel"),
    "a path of Windows": (lambda all: {**all, "raw\\..\\x": b""}, "is none of a parcel"),
    "a program": (lambda all: {**all, "run.sh": b"rm -r /"}, "run.sh' is none of a parcel"),
    "escape codes in a name": (lambda all: {**all, "\x1b[2J": b""}, r"is none of a parcel"),
    "a bomb": (lambda all: {**all, f"raw/{'0' * 64}": bytes(8 << 20)}, "times as large as"),
    "no contents": (
        lambda all: {name: all[name] for name in all if name != parcel.CONTENTS}, "is not a parcel",
    ),
    "a list that is missing": (
        lambda all: {name: all[name] for name in all if name != "scores.jsonl"}, "is missing",
    ),
    "a member that is not listed": (
        lambda all: {**all, f"raw/{sha256_bytes(b'x')}": b"x"}, "is not listed",
    ),
    "deep JSON": (
        lambda all: sealed({**all, "events.jsonl": b"[" * 100_000}), "nested too deeply",
    ),
    "NaN": (
        lambda all: sealed({**all, "rows.jsonl": b'{"latency_us_median": NaN}'}), "NaN is not",
    ),
    "a list for an object": (lambda all: sealed({**all, "rows.jsonl": b"[]"}), "is not an object"),
    "no UTF-8": (lambda all: sealed({**all, "rows.jsonl": b"\xff\xfe"}), "is not JSON"),
}  # fmt: skip


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


_ENTRY, _END = b"PK\x01\x02", b"PK\x05\x06"  # of the central directory
# Record, offset in it, format of the value, another value, and what is found.
HEADERS = {
    "a size that is not true": (_ENTRY, 24, "<I", 10, "another size|not a zip file"),
    "a huge size": (_ENTRY, 24, "<I", 2**32 - 2, "larger than 64 MiB"),
    "an encrypted member": (_ENTRY, 8, "<H", 1, "encrypted"),
    "an unusual method": (_ENTRY, 10, "<H", 14, "unusual way"),
    "a huge list of members": (_END, 12, "<I", 2**31, "more than 60000 members"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_refused(good: Members, tmp_path: Path, name: str) -> None:
    record, offset, form, value, match = HEADERS[name]
    path = tmp_path / "edited.zip"
    parcel.save(path, good)
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, content.index(record) + offset, value)
    path.write_bytes(content)
    refused(path, match)


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


ODD: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "an affinity": (
        "processes.jsonl",
        lambda each: (each["case"].update(affinity="zz"), each["telemetry"].update(cores=[1])),
    ),
    "an output check": ("events.jsonl", put(kind="correctness", facts={"case": 1})),
    "settings": ("events.jsonl", put(kind="settings", facts={"refused": 3})),
    "a probe": ("events.jsonl", put(kind="probe", facts={"log": [1]})),
    "a session's time": ("sessions.jsonl", put(started_at="2026-05-01")),
    "an endless number": ("sessions.jsonl", put(seed=10**400)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_refused_and_are_no_bug(good: Members, tmp_path: Path, name: str) -> None:
    member, change = ODD[name]
    path = tmp_path / "odd.zip"
    parcel.save(path, sealed(edit(good, member, change)))
    with Store.open("sqlite://") as store:
        try:
            merge(store, unpack.read(path))
        except ConfigurationError:
            assert store.sessions() == []
        else:  # it does no harm
            assert len(rows_of(store, "results")) == 1
