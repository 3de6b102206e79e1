"""Databases of any size: of many processes, copied with new ids, and of many scored files."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table

from bench.core import config
from bench.core.artifact import Artifact, Format
from bench.core.device_state.telemetry import Telemetry
from bench.core.hashing import sha256_bytes
from bench.core.score import Head as ScoreHead
from bench.core.score import Score, TaskScore, Windows
from bench.flow.outputs.record import EVENT
from bench.plan.case import Case
from bench.plan.device import DeviceRecord
from bench.plan.suite import GATE
from bench.store import payload, schema, seal
from bench.store.store import Store
from models.student.spec import Activation, Head, StudentSpec
from models.student.spec import Size as StudentSize
from support.device_states import QUIET
from support.stored_sessions import ARTIFACT, CASE, DEVICE, add_session, scored

_LOGS = Path(__file__).parents[1] / "data" / "benchmark_logs"
# What the official tool really printed.
TEXT = (_LOGS / "67_tf2.14.1_three_runs_recommended.txt").read_text()
_DEVICES = 4
_CLIPS = 400  # of a task
_SESSIONS_OF_GATES = 10  # each tenth one is of a gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a database is to be; a session has ``files`` x 2 x ``processes`` processes."""

    sessions: int
    files: int
    processes: int = 10

    @property
    def invocations(self) -> int:
        """The number of processes."""
        return self.sessions * self.files * 2 * self.processes


def write_large(path: Path, size: Size) -> None:
    """Writes a database of nightly sessions on four phones: all of a zoo's files, in two cases."""
    devices = [replace(DEVICE, serial=str(n), name=f"Phone {n}") for n in range(_DEVICES)]
    artifacts = list(_artifacts(size.files))
    cases = {
        device.key: [
            replace(CASE, artifact_sha256=each.sha256, device=device.key, threads=threads)
            for each in artifacts
            for threads in (1, 2)
        ]
        for device in devices
    }
    with Store.open(path) as store:
        for each in artifacts:
            store.add_artifact(each)
        add_session(store, "template", {CASE: 1000.0}, processes=1, day=1)
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous=OFF")
    template = {name: _one(database, name) for name in ("session", "invocation", "outcome")}
    payloads = {
        case.key: json.dumps(
            config.unstructure(
                payload.Payload(
                    case=case,
                    telemetry=Telemetry(before=QUIET, after=QUIET, run_s=0.2, cores=(4, 7)),
                    limits=payload.read_payload(
                        json.loads(template["invocation"]["payload"]), version=2, source="x"
                    ).limits,
                )
            )
        )
        for of_device in cases.values()
        for case in of_device
    }
    noise = Random(1)  # noqa: S311 - noise, no secret
    for number in range(size.sessions):
        device = devices[number % _DEVICES]
        with database:
            _add_night(database, template, number, device, cases[device.key], payloads, size, noise)
    with database:
        for name in ("outcome", "invocation", "session"):
            key = template[name]["id"]
            database.execute(f"DELETE FROM {name} WHERE id = ?", (key,))  # noqa: S608 - our tables
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def write_scored(path: Path, files: int) -> None:
    """Writes a database of one session, of 6 processes of each of so many files, and their scores.

    The files are FRILL's grid in four formats; three tasks are scored, with the answers for 400
    clips each, of which all files find the same ones hard.
    """
    random = np.random.default_rng(2)
    hard = random.normal(size=(3, _CLIPS))
    latencies_us = {}
    with Store.open(path) as database, database.writing_together() as store:
        for number, name in zip(range(files), _grid(), strict=False):
            format = list(Format)[number % len(Format)]
            sha256 = sha256_bytes(f"the bytes of {name}.{format}".encode())
            better = random.normal(1, 0.3)
            store.add_artifact(
                replace(
                    ARTIFACT,
                    name=name,
                    format=format,
                    file=f"{name}.{format}.tflite",
                    sha256=sha256,
                    size_bytes=int(3e5 * random.lognormal(better)),
                )
            )
            store.add_score(_scored(sha256, better > hard + random.normal(size=hard.shape)))
            case = replace(CASE, artifact_sha256=sha256)
            latencies_us[case] = 1000 * random.lognormal(better)
        add_session(
            store,
            "00000000-0000-4000-8000-000000000000",
            latencies_us,
            stdout=TEXT,
            telemetry=Telemetry(before=QUIET, after=QUIET, run_s=0.2, cores=(4, 7)),
        )


def _grid() -> Iterator[str]:
    """Yields the name of each student of a grid of 2,520, once for each format."""
    for size, width, head, rank, embedding, activation in product(
        StudentSize,
        np.arange(1, 15) / 4,
        Head,
        (None, 64),
        (128, 256, 512, 1024, 2048),
        Activation,
    ):
        spec = StudentSpec(
            size=size,
            width=float(width),
            head=head,
            bottleneck_rank=rank,
            embedding_size=embedding,
            activation=activation,
        )
        yield from [spec.name] * len(Format)


def _scored(sha256: str, right: NDArray[np.bool_]) -> Score:
    """Returns the score of a file by its answers, bool [3 tasks, clips]."""
    tasks = [
        TaskScore(
            task=task,
            metric="balanced_accuracy",
            value=float(answers.mean()),
            low=float(answers.mean()) - 0.02,
            high=float(answers.mean()) + 0.02,
            chance=0.1,
            floor=0.5,
            test_clips=_CLIPS,
            correct=({"all": "".join("01"[each] for each in answers.astype(int))},),
        )
        for task, answers in zip(("speaker", "emotion", "keyword"), right, strict=True)
    ]
    mean = fmean(each.value for each in tasks)
    return replace(
        scored(sha256, mean), tasks=tuple(tasks), windows=Windows.TO_END, head=ScoreHead.FIXED
    )


def _add_night(
    database: sqlite3.Connection,
    template: Mapping[str, Mapping[str, Any]],
    number: int,
    device: DeviceRecord,
    cases: Sequence[Case],
    payloads: Mapping[str, str],
    size: Size,
    noise: Random,
) -> None:
    identity = f"{number:08x}-0000-4000-8000-000000000000"
    at = f"20{26 + number // 336}-{1 + number // 28 % 12:02}-{1 + number % 28:02}T03"
    of_gate = number % _SESSIONS_OF_GATES == _SESSIONS_OF_GATES - 1
    session = {
        **template["session"], "id": identity, "device": device.key, "seed": number,
        "suite": GATE if of_gate else "phone", "started_at": f"{at}:00:00+00:00",
        "payload": json.dumps(config.unstructure(device)),
    }  # fmt: skip
    _insert(database, schema.session, [session])
    first = 2 + number * len(cases) * size.processes
    runs = [(ordinal, case) for ordinal in range(size.processes) for case in cases]
    _insert(
        database,
        schema.invocation,
        (
            {
                **template["invocation"], "id": first + place, "session_id": identity,
                "case_key": case.key, "ordinal": ordinal, "artifact_sha256": case.artifact_sha256,
                "threads": case.threads, "stdout": TEXT, "payload": payloads[case.key],
                "started_at": f"{at}:{ordinal:02}:01+00:00",
            }
            for place, (ordinal, case) in enumerate(runs)
        ),
    )  # fmt: skip
    measured = json.loads(template["outcome"]["payload"])
    _insert(
        database,
        schema.outcome,
        (
            {
                **template["outcome"], "id": first + place, "invocation_id": first + place,
                "payload": json.dumps(measured | {"inference_us": _times_us(case, noise)}),
            }
            for place, (_, case) in enumerate(runs)
        ),
    )  # fmt: skip
    facts = [("throw-away", {"case": cases[0].key, "stdout": TEXT, "stderr": ""})]
    facts += [("gate", {"log": f"/nowhere/{identity}.jsonl"})] * of_gate
    facts += [
        (
            EVENT,
            {
                "case": case.key, "artifact_sha256": case.artifact_sha256, "device": case.device,
                "os_build": device.os_build, "tool_sha256": case.tool_sha256,
                "delegate": case.delegate, "verdict": "passed",
            },
        )
        for case in cases[::2]
    ]  # fmt: skip
    _insert(
        database,
        schema.event,
        (
            {
                "id": None, "session_id": identity, "kind": kind, "at": f"{at}:00:00+00:00",
                "payload_version": 1, "payload": json.dumps(fact),
            }
            for kind, fact in facts
        ),
    )  # fmt: skip


def _times_us(case: Case, noise: Random) -> list[float]:
    middle_us = 1000 * (1 + int(case.artifact_sha256, 16) % 7) / case.threads
    return [round(middle_us * noise.gauss(1, 0.02), 3) for _ in range(3)]


def _artifacts(count: int) -> Iterator[Artifact]:
    widths, sizes, formats = (0.25, 0.35, 0.5, 0.75, 1.0), (128, 256, 512, 1024, 2048), list(Format)
    for number in range(count):
        width = widths[number // len(formats) % len(widths)]
        embedding = sizes[number // (len(formats) * len(widths)) % len(sizes)]
        yield replace(
            ARTIFACT,
            name=f"tiny_w{width}_keras3_gap_e{embedding}_fused",
            format=formats[number % len(formats)],
            sha256=f"{number:064x}",
            size_bytes=3_000_000 + number,
        )


def _one(database: sqlite3.Connection, table: str) -> dict[str, Any]:
    found = database.execute(f"SELECT * FROM {table}")  # noqa: S608 - our tables
    return dict(zip([each[0] for each in found.description], found.fetchone(), strict=True))


def _insert(database: sqlite3.Connection, table: Table, rows: Any) -> None:
    names = table.c.keys()
    database.executemany(
        f"INSERT INTO {table.name} VALUES ({','.join('?' * len(names))})",  # noqa: S608 - our tables
        (_values(table, names, row) for row in rows),
    )


def _values(table: Table, names: Sequence[str], row: dict[str, Any]) -> list[Any]:
    row = {**row, seal.NAME: seal.checksum(table, row)}
    return [row[name] for name in names]
