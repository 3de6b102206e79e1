"""Reads and writes records; the only module that queries the database. Rows never change."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, insert, select
from sqlalchemy.exc import IntegrityError

from bench.core import config
from bench.core.artifact import Artifact
from bench.core.errors import InfrastructureError
from bench.core.score import Score
from bench.measure.outcome import Failed, Measured, Outcome
from bench.plan.case import Mode
from bench.plan.device import DeviceRecord
from bench.store import payload, reading, schema
from bench.store.engine import WRITE, open_engine, translate_errors
from bench.store.prepare import check_file, check_pages, make_folder, prepare
from bench.store.records import Event, Invocation, Session
from bench.store.seal import columns, sealed, unsealed

# Columns that are fields of a record, under the same name.
_OF_SESSION = ("id", "suite", "plan_sha256", "seed", "started_at", "program")
_OF_CASE = ("artifact_sha256", "runner", "tool_sha256", "delegate", "threads", "affinity")
_ROWS_AT_ONCE = 200  # in memory while a query is read: raw text can be long
_CASES_OF_FILES = 100  # in one query of processes, which are in memory together
_CASES_AT_ONCE = 500  # in one query
_T = TypeVar("_T")


class Store:
    """An open database, which several processes may have open at the same time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self._version = schema.VERSION
        self._together: Connection | None = None  # of the transaction of writing_together
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
            absolute = Path(os.path.realpath(url))  # one name for it, from wherever it is given
            if create:
                make_folder(absolute)
            place = URL.create("sqlite", database=str(absolute))  # whose name may hold a % or a ?
        engine = open_engine(place, read_only=not create)
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        path = Path(file) if file and not file.startswith("file:") else None
        if path is not None:  # a SQLite URI has its own mode=
            check_file(path, create=create)
        store = cls(engine)
        try:
            beginning = (store._writer if create else engine).begin()
            with translate_errors(store.url), beginning as connection:
                store._version = prepare(connection, store.url, create=create)
                if path is not None and not create:
                    check_pages(connection, store.url, path)
        except BaseException:
            engine.dispose()
            raise
        return store

    def close(self) -> None:
        """Closes all connections; the next query makes a new one."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def writing_together(self) -> Iterator[Store]:
        """Yields this database for many writes that are stored all at the end, or none of them.

        For what is in a file already: the disk is waited for once, not for each row. Meanwhile
        other processes cannot write. What is being measured is stored process by process instead.
        """
        together = copy(self)
        with self._writing() as connection:
            together._together = connection
            yield together

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
            self._insert(schema.artifact, row, may_exist=True)

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
            **{name: getattr(invocation, name) for name in reading.OF_INVOCATION},
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
        query = self._select(table).order_by(table.c.name, table.c.format, table.c.sha256)
        return [self._structure(row["payload"], Artifact) for row in self._read(table, query)]

    def sessions(self, *, plan_sha256: str | None = None) -> list[Session]:
        """Returns all sessions, or those of one plan, the oldest first."""
        table = schema.session
        query = self._select(table).order_by(table.c.started_at, table.c.id)
        if plan_sha256 is not None:
            query = query.where(table.c.plan_sha256 == plan_sha256)
        return [
            Session(
                device=self._structure(row["payload"], DeviceRecord),
                **{name: row[name] for name in _OF_SESSION},
            )
            for row in self._read(table, query)
        ]

    def invocations(self, session_id: str | None = None) -> list[Invocation]:
        """Returns the processes of one session, or of all, in the order they were stored."""
        query = self._with_outcomes().order_by(schema.invocation.c.id)
        if session_id is not None:
            query = query.where(schema.invocation.c.session_id == session_id)
        return [reading.invocation(row, self.url) for row in self._rows(query)]

    def invocations_by_session(
        self, sessions: Collection[str]
    ) -> Iterator[tuple[str, list[Invocation]]]:
        """Yields the id and the processes of each of these sessions, one session at a time."""
        invocation = schema.invocation
        query = (
            self._with_outcomes()
            .where(invocation.c.session_id.in_(sessions))
            .order_by(invocation.c.session_id, invocation.c.id)
        )
        found = (reading.invocation(row, self.url) for row in self._rows(query))
        for identity, group in groupby(found, key=lambda each: each.session_id):
            yield identity, list(group)

    def cases_of_files(self, sessions: Collection[str]) -> Iterator[list[str]]:
        """Yields the keys of the cases of some files at a time, of those in these sessions."""
        invocation = schema.invocation
        columns = (invocation.c.artifact_sha256, invocation.c.case_key)
        query = select(*columns).distinct().where(invocation.c.session_id.in_(sessions))
        pairs = list(self._rows(query.order_by(*columns)))
        return reading.chunks(pairs, most=_CASES_OF_FILES)

    def invocations_of_cases(
        self, keys: Collection[str], sessions: Collection[str], *, states_of: Collection[Mode]
    ) -> list[list[Invocation]]:
        """Returns the processes of each file in each of these sessions, in the order of storing.

        Args:
            keys: of few cases: raw text and telemetry can be long.
            states_of: the modes whose processes get the device's states before and after.
        """
        invocation = schema.invocation
        query = self._with_outcomes().where(
            invocation.c.session_id.in_(sessions), invocation.c.case_key.in_(keys)
        )
        groups: dict[tuple[str, str], list[Invocation]] = defaultdict(list)
        for row in self._rows(query):  # in no order: a database would sort the raw texts too
            found = reading.invocation(row, self.url, states_of=states_of)
            groups[found.case.artifact_sha256, found.session_id].append(found)
        return [sorted(group, key=attrgetter("id")) for group in groups.values()]

    def invocations_of_files(self, sha256: Collection[str]) -> Iterator[Invocation]:
        """Yields the processes that ran one of these files, in the order they were stored.

        Without the device's states before and after.
        """
        invocation = schema.invocation
        for files in reading.chunks(
            [(each, each) for each in sorted(set(sha256))], most=_CASES_AT_ONCE
        ):
            query = self._with_outcomes().where(invocation.c.artifact_sha256.in_(files))
            for row in self._rows(query.order_by(invocation.c.id)):
                yield reading.invocation(row, self.url, states_of=())

    def sessions_by_case(self) -> Iterator[tuple[str, list[str]]]:
        """Yields each case's key with the ids of the sessions that have a process of it."""
        invocation = schema.invocation
        pair = (invocation.c.case_key, invocation.c.session_id)
        rows = self._rows(select(*pair).distinct().order_by(*pair))
        for key, group in groupby(rows, key=lambda row: str(row[0])):
            yield key, [row[1] for row in group]

    def inference_us(
        self, case_keys: Collection[str]
    ) -> Iterator[tuple[str, str, tuple[float, ...]]]:
        """Yields session id, case key and latencies of each valid process of some cases.

        Latencies in us. One million processes are read in seconds: no other value is converted.
        """
        invocation, outcome = schema.invocation, schema.outcome
        keys = sorted(case_keys)
        for start in range(0, len(keys), _CASES_AT_ONCE):
            query = (
                select(invocation.c.session_id, invocation.c.case_key, *self._columns(outcome))
                .select_from(invocation)
                .join(outcome, outcome.c.id == schema.newest_outcome())
                .where(invocation.c.case_key.in_(keys[start : start + _CASES_AT_ONCE]))
                .where(outcome.c.measured)
            )
            for row in self._rows(query):
                measured = unsealed(outcome, row[2:], self.url)["payload"]
                if not measured["caveats"] or self._structure(measured, Measured).is_valid:
                    yield row[0], row[1], measured["inference_us"]

    def scores(self) -> list[Score]:
        """Returns all scores, the oldest first."""
        query = self._select(schema.score).order_by(schema.score.c.id)
        rows = self._read(schema.score, query)
        return [self._structure(row["payload"], Score) for row in rows]

    def events(self, session_id: str | None = None, *, kind: str | None = None) -> list[Event]:
        """Returns the events of one session or all, of one kind or all, the oldest first."""
        table = schema.event
        query = self._select(table).order_by(table.c.id)
        if session_id is not None:
            query = query.where(table.c.session_id == session_id)
        if kind is not None:
            query = query.where(table.c.kind == kind)
        return self._events(query)

    def events_of(self, sessions: Collection[str]) -> list[Event]:
        """Returns the events of these sessions, the oldest first."""
        table = schema.event
        query = self._select(table).where(table.c.session_id.in_(sessions))
        return self._events(query.order_by(table.c.id))

    def _events(self, query: Any) -> list[Event]:
        return [
            Event(
                kind=row["kind"],
                at=row["at"],
                session_id=row["session_id"],
                facts=row["payload"],
            )
            for row in self._read(schema.event, query)
        ]

    def _columns(self, table: Table) -> list[Any]:
        return columns(table, with_checksum=self._version > 1)

    def _select(self, table: Table) -> Any:
        return select(*self._columns(table))

    def _with_outcomes(self) -> Any:
        """Returns the query of all invocations, each with its newest outcome, if any."""
        invocation, outcome = schema.invocation, schema.outcome
        return (
            select(*self._columns(invocation), *self._columns(outcome))
            .select_from(invocation)
            .outerjoin(outcome, outcome.c.id == schema.newest_outcome())
        )

    def _structure(self, value: object, kind: type[_T]) -> _T:
        return config.structure(value, kind, source=self.url)

    def _read(self, table: Table, query: Any) -> Iterator[dict[str, Any]]:
        return (unsealed(table, row, self.url) for row in self._rows(query))

    def _rows(self, query: Any) -> Iterator[Sequence[Any]]:
        """Yields rows, of which few are in memory at a time."""
        with translate_errors(self.url), self._reading() as connection:
            yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)

    def _insert(self, table: Table, row: dict[str, object], *, may_exist: bool = False) -> Any:
        """Returns the key of the new row; one that may exist leaves the transaction as it was."""
        with (
            self._writing() as connection,
            connection.begin_nested() if may_exist else nullcontext(),
        ):
            return connection.execute(insert(table), sealed(table, row)).inserted_primary_key

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if self._together is not None:
            yield self._together
        else:
            with self._engine.connect() as connection:
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translate_errors(self.url):
            if self._together is not None:
                yield self._together
            else:
                with self._writer.begin() as connection:
                    yield connection


def _payload(value: object) -> dict[str, object]:
    return {"payload_version": schema.PAYLOAD_VERSION, "payload": value}


def _now() -> str:
    return datetime.now(UTC).isoformat()
