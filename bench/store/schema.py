"""The tables. Identity and raw text are columns; outcomes and telemetry are versioned payloads.

Rows are only ever inserted. Types are those that SQLite and PostgreSQL share. Version 1 had neither
checksums nor the indices of version 2.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

from bench.store import seal

VERSION = 2
PAYLOAD_VERSION = 1

metadata = MetaData()


def _checksum() -> Column[str]:
    """Returns the last column of each table; it is empty in rows of version 1."""
    return Column(seal.NAME, String(64))


schema = Table(
    "schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("created_at", String(40), nullable=False),
    Column("program", String(40), nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("format", String(16), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("added_at", String(40), nullable=False),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    _checksum(),
)

session = Table(
    "session",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("device", String(64), nullable=False),
    Column("boot_id", String(64)),
    Column("os_build", Text, nullable=False),
    Column("suite", Text, nullable=False),
    Column("plan_sha256", String(64), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("program", String(40), nullable=False),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),  # the device
    _checksum(),
    Index("session_plan", "plan_sha256", "device"),
)

invocation = Table(
    "invocation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", String(36), ForeignKey("session.id"), nullable=False),
    Column("case_key", String(64), nullable=False),
    Column("ordinal", Integer, nullable=False),
    # No foreign key: a file without a manifest can be timed too.
    Column("artifact_sha256", String(64), nullable=False, index=True),
    Column("runner", String(32), nullable=False),
    Column("tool_sha256", String(64), nullable=False),
    Column("delegate", String(32), nullable=False),
    Column("threads", Integer, nullable=False),
    Column("affinity", String(32)),
    Column("model", Text, nullable=False),
    Column("command", JSON, nullable=False),
    Column("started_at", String(40), nullable=False),
    Column("wall_s", Float(53), nullable=False),
    Column("exit_status", Integer, nullable=False),
    Column("timed_out", Boolean, nullable=False),
    Column("stdout", Text, nullable=False),
    Column("stderr", Text, nullable=False),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),  # the complete case, and the telemetry
    _checksum(),
    UniqueConstraint("session_id", "case_key", "ordinal", name="invocation_once"),
    Index("invocation_case", "case_key", "session_id"),
)

# The outcome of parsing an invocation's raw text. It has its own row, because the raw text is
# stored before it is parsed, and because a later parser may parse the same text again.
outcome = Table(
    "outcome",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("invocation_id", Integer, ForeignKey("invocation.id"), nullable=False, index=True),
    Column("measured", Boolean, nullable=False),
    Column("failure", Text),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    _checksum(),
)

score = Table(
    "score",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("artifact_sha256", String(64), nullable=False, index=True),
    Column("task_set", Text, nullable=False),
    Column("task_set_sha256", String(64), nullable=False),
    Column("added_at", String(40), nullable=False),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    _checksum(),
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", String(36), ForeignKey("session.id")),
    Column("kind", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("payload_version", Integer, nullable=False),
    Column("payload", JSON, nullable=False),
    _checksum(),
    Index("event_session", "session_id", "kind"),
    Index("event_kind", "kind"),
)


def newest_outcome() -> Any:
    """Returns the id of an invocation's newest outcome, as a subquery of invocations."""
    newer = outcome.alias()
    return (
        select(func.max(newer.c.id))
        .where(newer.c.invocation_id == invocation.c.id)
        .correlate(invocation)
        .scalar_subquery()
    )
