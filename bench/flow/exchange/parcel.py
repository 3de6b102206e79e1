"""A parcel: a zip file with sessions, raw texts, manifests, scores and rows, for another database.

Its members have fixed names. ``parcel.json`` has the SHA-256 and size of each of the others. Raw
texts are members of their own, named by their SHA-256.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core import atomic, config
from bench.core.artifact import Artifact
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes
from bench.core.score import Score
from bench.core.version import VERSION
from bench.flow.exchange import rows as exported
from bench.flow.exchange.derive import difference, outcomes_of
from bench.flow.report.stored import sessions_of
from bench.measure.conditions import Limits
from bench.measure.outcome import Failed, Measured, Outcome
from bench.plan.case import Case
from bench.store.records import Event, Invocation, Session
from bench.store.store import Store
from reports.exchange.tables import jsonl_text
from reports.rows.schema import ROWS_VERSION

SCHEMA_VERSION = 1
CONTENTS = "parcel.json"
LISTS = ("artifacts", "sessions", "processes", "events", "scores", "rows")
PAGE = "page.html"
RAW = "raw/"
MOST_MEMBERS = 60_000  # a zip file of more has another form
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of all members, so that equal contents are equal files


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The entry of one member in ``parcel.json``."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The contents of ``parcel.json``.

    Args:
        rows_version: version of the columns of ``rows.jsonl``.
        program: version of frill-bench that wrote it.
        created_at: UTC, ISO 8601.
        members: by their names.
    """

    schema_version: int
    rows_version: int
    program: str
    created_at: str
    members: dict[str, Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedProcess:
    """A process; the fields are those of an ``Invocation``.

    Args:
        stdout_sha256, stderr_sha256: of the raw texts.
        measured, failed: its outcome, one of them.
    """

    session_id: str
    case: Case
    ordinal: int
    model: str
    command: tuple[str, ...]
    started_at: str
    wall_s: float
    exit_status: int
    timed_out: bool
    stdout_sha256: str
    stderr_sha256: str
    telemetry: Telemetry
    limits: Limits
    timeout_s: float | None
    result_sha256: str | None
    measured: Measured | None
    failed: Failed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedEvent:
    """An event of a session; the fields are those of an ``Event``."""

    session_id: str
    kind: str
    at: str
    facts: dict[str, Any]


def write(store: Store, path: Path, *, page: bytes | None = None) -> Contents:
    """Writes the sessions of a store, except those of gates, as a parcel, and returns its contents.

    Args:
        page: the page of its report, for people; ``merge`` does not read it.

    Raises:
        ConfigurationError: a stored outcome is another than its raw text gives now, or there are
            too many raw texts.
    """
    members = _members(store)
    if page is not None:
        members[PAGE] = page
    if len(members) >= MOST_MEMBERS:
        raise ConfigurationError(
            f"{path}: {len(members)} raw texts are too many for one parcel",
            hint="keep sessions of different days or devices in databases of their own",
        )
    contents = Contents(
        schema_version=SCHEMA_VERSION,
        rows_version=ROWS_VERSION,
        program=VERSION,
        created_at=datetime.now(UTC).isoformat(),
        members={
            name: Member(sha256=sha256_bytes(content), size_bytes=len(content))
            for name, content in members.items()
        },
    )
    with atomic.replacing(path) as partial:
        save(partial, {CONTENTS: config.to_json(contents).encode(), **members})
    return contents


def save(path: Path, members: dict[str, bytes]) -> None:
    """Writes members as a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def _members(store: Store) -> dict[str, bytes]:
    sessions = {each.id: each for each in sessions_of(store)}
    events = [each for each in store.events() if each.session_id in sessions]
    raw: dict[str, bytes] = {}
    packed = []
    for identity in sessions:
        of_session = [each for each in events if each.session_id == identity]
        processes = store.invocations(identity)
        derived = outcomes_of(sessions[identity], processes, of_session)
        for invocation, outcome in zip(processes, derived, strict=True):
            _check(invocation, outcome)
            packed.append(_packed(invocation, raw))
    lists: dict[str, Iterable[Artifact | Session | PackedProcess | Event | Score]] = {
        "artifacts": store.artifacts(),
        "sessions": sessions.values(),
        "processes": packed,
        "events": events,
        "scores": store.scores(),
    }
    members = {f"{name}.jsonl": _jsonl(records) for name, records in lists.items()}
    results = exported.rows_of(store, "results")
    members["rows.jsonl"] = jsonl_text(results, "results").encode()
    return {**members, **{f"{RAW}{sha256}": content for sha256, content in raw.items()}}


def _check(invocation: Invocation, derived: Outcome) -> None:
    wrong = difference(invocation.outcome, derived)
    if wrong is not None:
        raise ConfigurationError(
            f"session {invocation.session_id}, process {invocation.ordinal} of "
            f"{invocation.model}: {wrong}",
            hint="it was parsed by another version of this program: measure it again, or write "
            "rows with --format",
        )


def _packed(invocation: Invocation, raw: dict[str, bytes]) -> PackedProcess:
    def kept(content: bytes) -> str:
        sha256 = sha256_bytes(content)
        raw[sha256] = content
        return sha256

    outcome, result = invocation.outcome, invocation.result
    return PackedProcess(
        session_id=invocation.session_id,
        case=invocation.case,
        ordinal=invocation.ordinal,
        model=invocation.model,
        command=invocation.command,
        started_at=invocation.started_at,
        wall_s=invocation.wall_s,
        exit_status=invocation.exit_status,
        timed_out=invocation.timed_out,
        stdout_sha256=kept(invocation.stdout.encode(errors="surrogatepass")),
        stderr_sha256=kept(invocation.stderr.encode(errors="surrogatepass")),
        telemetry=invocation.telemetry,
        limits=invocation.limits,
        timeout_s=invocation.timeout_s,
        result_sha256=None if result is None else kept(result),
        measured=outcome if isinstance(outcome, Measured) else None,
        failed=outcome if isinstance(outcome, Failed) else None,
    )


def unpacked(process: PackedProcess, raw: dict[str, bytes]) -> Invocation:
    """Returns a process with its raw texts, without an outcome.

    Raises:
        KeyError: a raw text is missing.
        UnicodeDecodeError: it is not text.
    """
    fields: dict[str, Any] = {
        name: getattr(process, name)
        for name in PackedProcess.__dataclass_fields__
        if name not in ("stdout_sha256", "stderr_sha256", "result_sha256", "measured", "failed")
    }
    result = process.result_sha256
    return Invocation(
        **fields,
        stdout=raw[process.stdout_sha256].decode(errors="surrogatepass"),
        stderr=raw[process.stderr_sha256].decode(errors="surrogatepass"),
        result=None if result is None else raw[result],
    )


def _jsonl(records: Iterable[object]) -> bytes:
    lines = (json.dumps(config.unstructure(each)) + "\n" for each in records)
    return "".join(lines).encode()
