import multiprocessing
import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support import stored_sessions
from support.patience import PATIENCE_S

from bench.core.artifact import Artifact, Fidelity, Format, Partitions, Role, Tensor, WeightsOrigin
from bench.core.caveats import Caveat, CaveatKind
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.score import Score, TaskScore
from bench.measure.conditions import Limits
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Case, Delegate, Protocol, Runner
from bench.plan.device import DeviceRecord, Kind
from bench.store.records import Event, Invocation, Session
from bench.store.store import Store

DEVICE = DeviceRecord(
    kind=Kind.HOST,
    name="bench-1",
    model=None,
    cpu="A CPU",
    cores=2,
    os_build="Linux 6",
    abi="x86_64",
    boot_id="b",
)
CASE = Case(
    artifact_sha256="a" * 64,
    device=DEVICE.key,
    runner=Runner.LITERT_PYTHON,
    tool_sha256="c" * 64,
    delegate=Delegate.NONE,
    threads=2,
    affinity="3",
    protocol=Protocol(processes=3),
)
ARTIFACT = Artifact(
    name="tiny",
    format=Format.INT8,
    role=Role.EMBEDDING_PATCH,
    file="tiny.int8.tflite",
    sha256="a" * 64,
    size_bytes=10_119_632,
    inputs=(Tensor(name="x", shape=(-1, 96), dtype="int8", scale=0.1, zero_point=-3),),
    outputs=(Tensor(name="y", shape=(1, 2), dtype="float32"),),
    parameters=5,
    macs=None,
    frontend="log-mel",
    window_samples=15_600,
    hop_samples=2720,
    partitions=Partitions(nodes_total=4, nodes_delegated=3, partitions=2, left={"FLOOR_MOD": 1}),
    float_ops={"MEAN": 1},
    tools={"tensorflow": "2.21"},
    weights=WeightsOrigin.UNTRAINED,
    fidelity=Fidelity(
        patches=1,
        patches_sha256="p",
        cosine_mean=1,
        cosine_p5=1,
        cosine_min=1,
        centred_cosine_mean=1,
        centred_cosine_p5=1,
        centred_cosine_min=0.5,
        snr_db=None,
    ),
    caveats=(Caveat(kind=CaveatKind.UNTRAINED),),
)
SCORE = Score(
    artifact_sha256="a" * 64,
    task_set="quick",
    task_set_sha256="s",
    tasks=(
        TaskScore(
            task="digits", metric="top1", value=0.5, low=0.4, high=0.6, chance=0.1, floor=None,
            test_clips=100,
        ),
    ),
    mean=0.5,
    mean_low=0.4,
    mean_high=0.6,
    runtime="ai-edge-litert 2.3.0",
    delegate="xnnpack",
    threads=1,
    hop_samples=2720,
    caveats=(Caveat(kind=CaveatKind.QUICK, evidence="20 clips"),),
)  # fmt: skip
MEASURED = Measured(
    init_us=1.5,
    first_us=None,
    inference_us=(1.25, 3e6, 0.1),
    cpu_us=None,
    nodes_total=3,
    nodes_delegated=None,
    partitions=1,
    memory_mb_peak=4.5,
)


def session(identity: str = "s1", *, started_at: str = "2026-01-01T00:00:00+00:00") -> Session:
    return Session(
        id=identity,
        device=DEVICE,
        suite="host",
        plan_sha256="p",
        seed=7,
        started_at=started_at,
        program="0.1.0",
    )


def invocation(ordinal: int = 0, *, session_id: str = "s1", stdout: str = "raw") -> Invocation:
    return Invocation(
        session_id=session_id,
        case=CASE,
        ordinal=ordinal,
        model="/zoo/tiny.tflite",
        command=("tool", "--graph=a b.tflite"),
        started_at="2026-01-01T00:00:01+00:00",
        wall_s=0.5,
        exit_status=137,
        timed_out=True,
        stdout=stdout,
        stderr="naïve\n",
        telemetry=Telemetry(run_s=0.2, cores=(4, 7), caps_at_start_khz=((4, 2e6),)),
        limits=Limits(temp_c=40.0),
        timeout_s=0.3,
        result=b"\0\xff",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "bench.db"


def test_every_record_comes_back_as_it_went_in(path: Path) -> None:
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        store.add_session(session())
        identity = store.add_invocation(invocation())
        store.add_outcome(identity, MEASURED)
        store.add_score(SCORE)
        store.log(session(), "resumed", stored=3)
    with Store.open(path, create=False) as store:
        assert store.artifacts() == [ARTIFACT]
        assert store.sessions() == [session()]
        assert store.invocations("s1") == [replace(invocation(), id=identity, outcome=MEASURED)]
        assert store.scores() == [SCORE]
        (event,) = store.events("s1")
        assert event == Event(kind="resumed", at=event.at, session_id="s1", facts={"stored": 3})
        assert datetime.fromisoformat(event.at).tzinfo is not None


def test_the_same_artifact_again_changes_nothing(path: Path) -> None:
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        store.add_artifact(replace(ARTIFACT, name="another name"))
        assert store.artifacts() == [ARTIFACT]


def test_raw_text_is_there_before_any_parser_reads_it(path: Path) -> None:
    with Store.open(path) as store:
        store.add_session(session())
        store.add_invocation(invocation(stdout="x\x1b[0m\r\n"))
        found = store.invocations()
    assert found[0].stdout == "x\x1b[0m\r\n"
    assert found[0].outcome is None


def test_a_later_reading_of_the_same_text_counts(path: Path) -> None:
    with Store.open(path) as store:
        store.add_session(session())
        identity = store.add_invocation(invocation())
        store.add_outcome(identity, Failed(failure="incomplete: an old parser thought so"))
        store.add_outcome(identity, MEASURED)
        assert [each.outcome for each in store.invocations()] == [MEASURED]


def test_invocations_are_of_the_session_asked_for(path: Path) -> None:
    with Store.open(path) as store:
        store.add_session(session("s1"))
        store.add_session(session("s2", started_at="2025-12-31T00:00:00+00:00"))
        store.add_invocation(invocation(session_id="s1"))
        store.add_invocation(invocation(session_id="s2"))
        assert [each.session_id for each in store.invocations("s2")] == ["s2"]
        assert len(store.invocations()) == 2
        assert [each.id for each in store.sessions()] == ["s2", "s1"]  # the oldest first


def test_a_process_is_stored_once(path: Path) -> None:
    with Store.open(path) as store:
        store.add_session(session())
        store.add_invocation(invocation(1))
        with pytest.raises(InfrastructureError, match="UNIQUE"):
            store.add_invocation(invocation(1))
        assert len(store.invocations()) == 1


def test_a_process_of_no_session_is_refused(path: Path) -> None:
    with Store.open(path) as store:
        with pytest.raises(InfrastructureError, match="FOREIGN KEY"):
            store.add_invocation(invocation(session_id="nobody"))
        assert store.invocations() == []


def test_a_power_cut_is_covered_and_readers_do_not_block(path: Path) -> None:
    with Store.open(path) as store, store._engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_url_opens_the_same_store_as_a_path(path: Path) -> None:
    with Store.open(path) as store:
        store.add_session(session())
    with Store.open(f"sqlite:///{path}") as store:
        assert store.sessions() == [session()]


def test_a_newer_schema_is_refused(path: Path) -> None:
    Store.open(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO schema VALUES (3, 'later', '9.9')"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="version 3, this program knows 2"):
        Store.open(path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes, which are longer than the header of a database " * 20)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="not a database"):
        Store.open(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE notes (text)")
    other.close()
    with pytest.raises(ConfigurationError, match="another program"):
        Store.open(path)


def test_a_missing_database_is_not_made_for_a_reader(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such database"):
        Store.open(path, create=False)
    assert not path.exists()


@pytest.mark.parametrize("url", ["nonsense://x", "sqlite:////no/such/folder/at/all.db"])
def test_a_place_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises((ConfigurationError, InfrastructureError)):
        Store.open(url)


def test_a_password_is_in_no_message(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'x.db'}?timeout=5") as store:
        assert store.url.startswith("sqlite:///")
    with pytest.raises(ConfigurationError) as caught:
        Store.open("nonsense://user:secret@host/db")
    assert "secret" not in str(caught.value)


def write(path: Path, number: int) -> None:
    with Store.open(path) as store:
        store.add_artifact(ARTIFACT)
        store.add_session(session(f"s{number}"))
        for ordinal in range(20):
            identity = store.add_invocation(invocation(ordinal, session_id=f"s{number}"))
            store.add_outcome(identity, MEASURED)


def test_several_processes_write_a_new_database_at_once(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write, args=(path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE_S)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with Store.open(path) as store:
        found = store.invocations()
        assert store.artifacts() == [ARTIFACT]
    assert {(each.session_id, each.ordinal) for each in found} == {
        (f"s{number}", ordinal) for number in range(4) for ordinal in range(20)
    }
    assert all(each.outcome == MEASURED for each in found)


def test_what_is_written_together_is_stored_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    case = stored_sessions.CASE
    with Store.open(tmp_path / "results.db") as store:
        with store.writing_together() as together:
            for _ in range(2):  # the second one is there already
                together.add_artifact(stored_sessions.ARTIFACT)
            session = stored_sessions.add_session(together, "whole", {case: 100.0})
            assert together.sessions() == [session]
            assert store.sessions() == []
        assert len(store.invocations("whole")) == 6
        with pytest.raises(InfrastructureError), store.writing_together() as together:
            stored_sessions.add_session(
                together, "part", {case: 100.0, replace(case, threads=2): 100.0}
            )
            again = store.invocations("whole")[0]
            together.add_invocation(again)
        assert [each.id for each in store.sessions()] == ["whole"]
        (group,) = store.invocations_of_cases([case.key], ["whole"], states_of=())
        assert group == store.invocations("whole")
