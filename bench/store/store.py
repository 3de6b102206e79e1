"""Reads and writes records; the only module that queries the database. Rows never change."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, Table, func, insert, inspect, select
from sqlalchemy.exc import IntegrityError

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.score import Score
from bench.core.version import VERSION
from bench.measure.outcome import Failed, Measured, Outcome
from bench.plan.device import DeviceRecord
from bench.store import payload, schema
from bench.store.engine import WRITE, open_engine, translate_errors
from bench.store.records import Event, Invocation, Session

# Columns that are fields of a record, under the same name.
_OF_SESSION = ("id", "suite", "plan_sha256", "seed", "started_at", "program")
_OF_CASE = ("artifact_sha256", "runner", "tool_sha256", "delegate", "threads", "affinity")
_OF_INVOCATION = (
    "session_id", "ordinal", "model", "started_at", "wall_s", "exit_status", "timed_out", "stdout",
    "stderr",
)  # fmt: skip
_ROWS_AT_ONCE = 200  # in memory while a query is read: raw text can be long


class Store:
    """An open database, which several processes may have open at the same time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self.url = engine.url.render_as_string(hide_password=True)

    @classmethod
    def open(cls, url: str | Path, *, create: bool = True) -> Store:
        """Returns the store at a file path or a SQLAlchemy URL; a new one gets its tables.

        Args:
            create: whether to make a file that does not exist. A reader passes false: then nothing
                can be written, and a SQLite file may be in a read-only folder.

        Raises:
            ConfigurationError: it is not a database, another program's, or of a newer schema.
            InfrastructureError: it does not answer.
        """
        place: str | URL = str(url)
        if "://" not in str(url):
            path = Path(url).absolute()
            if create:
                _make_folder(path)
            place = URL.create("sqlite", database=str(path))  # whose name may hold a % or a ?
        engine = open_engine(place, read_only=not create)
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and not file.startswith("file:"):  # a SQLite URI has its own mode=
            _check_file(Path(file), create=create)
        store = cls(engine)
        try:
            store._prepare(create=create)
        except BaseException:
            engine.dispose()
            raise
        return store

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_artifact(self, artifact: Artifact) -> None:
        """Stores an artifact; does nothing if the same file is stored already."""
        row = {
            "sha256": artifact.sha256,
            "name": artifact.name,
            "format": artifact.format,
            "size_bytes": artifact.size_bytes,
            "added_at": _now(),
            **_payload(config.unstructure(artifact)),
        }
        with suppress(IntegrityError):  # it is there
            self._insert(schema.artifact, row)

    def add_session(self, session: Session) -> None:
        """Stores a session."""
        row = {
            **{name: getattr(session, name) for name in _OF_SESSION},
            "device": session.device.key,
            "boot_id": session.device.boot_id,
            "os_build": session.device.os_build,
            **_payload(config.unstructure(session.device)),
        }
        self._insert(schema.session, row)

    def add_invocation(self, invocation: Invocation) -> int:
        """Stores a process with its raw text, in a separate transaction, and returns its id.

        Raises:
            InfrastructureError: it is stored already, or the session does not exist.
        """
        case = invocation.case
        row = {
            **{name: getattr(invocation, name) for name in _OF_INVOCATION},
            **{name: getattr(case, name) for name in _OF_CASE},
            "case_key": case.key,
            "command": list(invocation.command),
            "payload_version": payload.VERSION,
            "payload": payload.payload_of(invocation),
        }
        try:
            return int(self._insert(schema.invocation, row)[0])
        except IntegrityError as error:
            raise InfrastructureError(
                f"session {invocation.session_id}: process {invocation.ordinal} of a case "
                f"cannot be stored: {error.orig}",
                hint="if another run is measuring this session, wait for it",
            ) from error

    def add_outcome(self, invocation_id: int, outcome: Outcome) -> None:
        """Stores an outcome of an invocation; the newest one counts."""
        row = {
            "invocation_id": invocation_id,
            "measured": isinstance(outcome, Measured),
            "failure": outcome.failure if isinstance(outcome, Failed) else None,
            **_payload(config.unstructure(outcome)),
        }
        self._insert(schema.outcome, row)

    def add_score(self, score: Score) -> None:
        """Stores a score; an earlier one of the same artifact stays."""
        row = {
            "artifact_sha256": score.artifact_sha256,
            "task_set": score.task_set,
            "task_set_sha256": score.task_set_sha256,
            "added_at": _now(),
            **_payload(config.unstructure(score)),
        }
        self._insert(schema.score, row)

    def log(self, session: Session, kind: str, **facts: object) -> None:
        """Stores an event of a session, with the time now."""
        row = {"session_id": session.id, "kind": kind, "at": _now(), **_payload(facts)}
        self._insert(schema.event, row)

    def add_event(self, event: Event) -> None:
        """Stores an event with its own time, as another database had it."""
        row = {
            "session_id": event.session_id,
            "kind": event.kind,
            "at": event.at,
            **_payload(event.facts),
        }
        self._insert(schema.event, row)

    def artifacts(self) -> list[Artifact]:
        """Returns all artifacts, in the order of name and format."""
        table = schema.artifact
        query = select(table.c.payload).order_by(table.c.name, table.c.format, table.c.sha256)
        return [
            config.structure(row.payload, Artifact, source=self.url) for row in self._rows(query)
        ]

    def sessions(self) -> list[Session]:
        """Returns all sessions, the oldest first."""
        table = schema.session
        query = select(table).order_by(table.c.started_at, table.c.id)
        return [
            Session(
                device=config.structure(row.payload, DeviceRecord, source=self.url),
                **{name: getattr(row, name) for name in _OF_SESSION},
            )
            for row in self._rows(query)
        ]

    def invocations(self, session_id: str | None = None) -> list[Invocation]:
        """Returns the processes of one session, or of all, in the order they were stored."""
        query = _with_outcomes().order_by(schema.invocation.c.id)
        if session_id is not None:
            query = query.where(schema.invocation.c.session_id == session_id)
        return [self._invocation(row) for row in self._rows(query)]

    def invocations_by_session(
        self, *, except_suite: str
    ) -> Iterator[tuple[str, list[Invocation]]]:
        """Yields the id and the processes of each session that has any, one session at a time.

        Args:
            except_suite: the suite whose sessions are left out.
        """
        session, invocation = schema.session, schema.invocation
        query = (
            _with_outcomes()
            .join(session, session.c.id == invocation.c.session_id)
            .where(session.c.suite != except_suite)
            .order_by(invocation.c.session_id, invocation.c.id)
        )
        with translate_errors(self.url), self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
            for identity, group in groupby(rows, key=lambda row: str(row.session_id)):
                yield identity, [self._invocation(row) for row in group]

    def measured_outcomes(self, case_keys: Collection[str]) -> Iterator[tuple[str, str, Measured]]:
        """Yields the session id, case key and outcome of each measured process of some cases."""
        invocation, outcome = schema.invocation, schema.outcome
        query = (
            select(invocation.c.session_id, invocation.c.case_key, outcome.c.payload)
            .select_from(invocation)
            .join(outcome, outcome.c.id == _newest_outcome())
            .where(outcome.c.measured)
            .order_by(invocation.c.id)
        )
        for row in self._rows(query.where(invocation.c.case_key.in_(case_keys))):
            yield (
                row.session_id,
                row.case_key,
                config.structure(row.payload, Measured, source=self.url),
            )

    def scores(self) -> list[Score]:
        """Returns all scores, the oldest first."""
        query = select(schema.score.c.payload).order_by(schema.score.c.id)
        return [config.structure(row.payload, Score, source=self.url) for row in self._rows(query)]

    def events(self, session_id: str | None = None, *, kind: str | None = None) -> list[Event]:
        """Returns the events of one session or all, of one kind or all, the oldest first."""
        table = schema.event
        query = select(table).order_by(table.c.id)
        if session_id is not None:
            query = query.where(table.c.session_id == session_id)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        return [
            Event(kind=row.kind, at=row.at, session_id=row.session_id, facts=row.payload)
            for row in self._rows(query)
        ]

    def _invocation(self, row: Row[Any]) -> Invocation:
        outcome: Outcome | None = None
        if row.outcome is not None:
            kind: type[Measured] | type[Failed] = Measured if row.measured else Failed
            outcome = config.structure(row.outcome, kind, source=self.url)
        stored = payload.read_payload(row.payload, version=row.payload_version, source=self.url)
        return Invocation(
            **{name: getattr(row, name) for name in _OF_INVOCATION},
            id=row.id,
            case=stored.case,
            command=tuple(row.command),
            telemetry=stored.telemetry,
            limits=stored.limits,
            timeout_s=stored.timeout_s,
            result=stored.result,
            outcome=outcome,
        )

    def _rows(self, query: Any) -> list[Row[Any]]:
        with translate_errors(self.url), self._engine.connect() as connection:
            return list(connection.execute(query))

    def _insert(self, table: Table, row: dict[str, object]) -> Any:
        """Returns the key of the new row."""
        with self._writing() as connection:
            return connection.execute(insert(table).values(row)).inserted_primary_key

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translate_errors(self.url), self._writer.begin() as connection:
            yield connection

    def _prepare(self, *, create: bool) -> None:
        engine = self._writer if create else self._engine
        with translate_errors(self.url), engine.begin() as connection:
            tables = set(inspect(connection).get_table_names())
            if create and not tables:
                schema.metadata.create_all(connection)
                connection.execute(
                    insert(schema.schema).values(
                        version=schema.VERSION, created_at=_now(), program=VERSION
                    )
                )
                return
            if not {"schema", "session", "invocation"} <= tables:
                raise ConfigurationError(
                    f"{self.url}: a database, but of another program",
                    hint="give another file with --db",
                )
            version = connection.execute(select(func.max(schema.schema.c.version))).scalar()
        if version != schema.VERSION:
            raise ConfigurationError(
                f"{self.url}: its schema is version {version}, this program knows {schema.VERSION}",
                hint="update frill-bench, or give another file with --db",
            )


def _newest_outcome() -> Any:
    """Returns the id of an invocation's newest outcome, as a subquery of invocations."""
    newer = schema.outcome.alias()
    return (
        select(func.max(newer.c.id))
        .where(newer.c.invocation_id == schema.invocation.c.id)
        .correlate(schema.invocation)
        .scalar_subquery()
    )


def _with_outcomes() -> Any:
    """Returns the query of all invocations, each with its newest outcome, if any."""
    invocation, outcome = schema.invocation, schema.outcome
    return (
        select(invocation, outcome.c.measured, outcome.c.payload.label("outcome"))
        .select_from(invocation)
        .outerjoin(outcome, outcome.c.id == _newest_outcome())
    )


def _check_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise ConfigurationError(
            f"{path}: is a folder, not a database", hint="give a file with --db"
        )
    if not create and not path.exists():
        raise ConfigurationError(
            f"{path}: no such database", hint="check --db; frill-bench run or score makes one"
        )


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfrastructureError(
            f"{path}: {error.strerror}", hint="check the path and its permissions"
        ) from error


def _payload(value: object) -> dict[str, object]:
    return {"payload_version": schema.PAYLOAD_VERSION, "payload": value}


def _now() -> str:
    return datetime.now(UTC).isoformat()
