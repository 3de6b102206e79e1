"""Edits of a parcel, as a stranger may make them, and what each is refused with."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.core.hashing import sha256_bytes
from bench.flow.exchange import parcel
from bench.flow.report.origin import IMPORTED
from bench.plan.suite import GATE
from support.parcels import raw_text

Members = dict[str, bytes]


def members_of(path: Path) -> Members:
    """Returns the members of a parcel."""
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


_ENTRY, _END = b"PK\x01\x02", b"PK\x05\x06"  # of the central directory
# Record, offset in it, format of the value, another value, and what is found.
HEADERS = {
    "a size that is not true": (_ENTRY, 24, "<I", 10, "another size|not a zip file"),
    "a huge size": (_ENTRY, 24, "<I", 2**32 - 2, "larger than 64 MiB"),
    "an encrypted member": (_ENTRY, 8, "<H", 1, "encrypted"),
    "an unusual method": (_ENTRY, 10, "<H", 14, "unusual way"),
    "a huge list of members": (_END, 12, "<I", 2**31, "more than 60000 members"),
}


def with_header(content: bytes, name: str) -> bytes:
    """Returns a zip file with one value of a header changed."""
    record, offset, form, value, _ = HEADERS[name]
    changed = bytearray(content)
    struct.pack_into(form, changed, changed.index(record) + offset, value)
    return bytes(changed)
