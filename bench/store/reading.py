"""Stored rows as records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from bench.core import config
from bench.measure.outcome import Failed, Measured, Outcome
from bench.plan.case import Mode
from bench.store import payload, schema
from bench.store.records import Invocation
from bench.store.seal import unsealed

# Columns that are fields of a record, under the same name.
OF_INVOCATION = (
    "session_id", "ordinal", "model", "started_at", "wall_s", "exit_status", "timed_out", "stdout",
    "stderr",
)  # fmt: skip


def invocation(
    values: Sequence[Any], source: str, *, states_of: Collection[Mode] | None = None
) -> Invocation:
    """Returns a process of its row, followed by that of its newest outcome, if it has one.

    Args:
        source: the database.
        states_of: as for ``payload.read_payload``.

    Raises:
        InfrastructureError: a row is damaged.
    """
    width = len(schema.invocation.c)
    row = unsealed(schema.invocation, values[:width], source)
    outcome: Outcome | None = None
    if values[width] is not None:
        judged = unsealed(schema.outcome, values[width:], source)
        kind: type[Measured] | type[Failed] = Measured if judged["measured"] else Failed
        outcome = config.structure(judged["payload"], kind, source=source)
    stored = payload.read_payload(
        row["payload"], version=row["payload_version"], source=source, states_of=states_of
    )
    return Invocation(
        **{name: row[name] for name in OF_INVOCATION},
        id=row["id"],
        case=stored.case,
        command=tuple(row["command"]),
        telemetry=stored.telemetry,
        limits=stored.limits,
        timeout_s=stored.timeout_s,
        result=stored.result,
        outcome=outcome,
    )


def chunks(pairs: Iterable[Sequence[str]], *, most: int) -> Iterator[list[str]]:
    """Yields the keys of some cases at a time, those of one file together.

    Args:
        pairs: a file and the key of a case of it, in the order of the files.
        most: keys after which no more files are added.
    """
    keys: list[str] = []
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        keys += [key for _, key in group]
        if len(keys) >= most:
            yield keys
            keys = []
    if keys:
        yield keys
