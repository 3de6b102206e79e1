"""Imports benchmark logs that somebody already has; what a log does not have is unknown.

The raw bytes are stored before they are parsed, as the first event of a session. All else of the
session follows from them and from what the user claims: a model, a device.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from bench.core import config
from bench.core.artifact import check_name
from bench.core.device_state.telemetry import Telemetry
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_bytes, sha256_value
from bench.core.units import one_line
from bench.core.version import VERSION
from bench.flow.measure.judge import statistics_of
from bench.flow.report.origin import IMPORTED
from bench.measure.conditions import HOST_LIMITS
from bench.measure.outcome import Failed, Measured, Outcome
from bench.plan.case import Case, Delegate, Protocol, Runner
from bench.plan.device import DeviceRecord, Kind
from bench.plan.suite import Target
from bench.store.records import Invocation, Session
from bench.store.store import Store
from bench.tool.parse import Dialect, ToolLog
from bench.tool.paste import PastedRun, read_paste, shell

SUITE = "imported"
MOST_BYTES = 16 << 20  # of one log
_UNKNOWN = "unknown"
_SHORT = 24  # characters of a hash within a name
_NAMESPACE = uuid.UUID("6f0a4f6e-3c57-4d0c-9d0b-0f5f6b1d2f11")
_RUNNERS = {
    Dialect.INTERPRETER: Runner.BENCHMARK_MODEL,
    Dialect.COMPILED_MODEL: Runner.COMPILED_MODEL,
    Dialect.LITERT_RUNNER: Runner.LITERT_PYTHON,
}
# Flags that make a run slower than the model is, and what they add.
_DISTURBING = {
    "enable_op_profiling": "the time by operator was taken",
    "report_peak_memory_footprint": "the memory was sampled",
}
_SIZE_TOLERANCE = 2e-3  # of the size that a tool prints


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLog:
    """The facts of the event ``imported``: a log, and what its owner claims about it.

    Args:
        file: name of the file, without its folder.
        sha256: of its bytes.
        raw_base64: its bytes.
        artifact_sha256, size_bytes: of the model that the owner names; ``None`` if none.
        device: name of the device that the owner gives; ``None`` if none.
    """

    file: str
    sha256: str
    raw_base64: str
    artifact_sha256: str | None = None
    size_bytes: int | None = None
    device: str | None = None

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return base64.b64decode(self.raw_base64, validate=True)

    @property
    def claim(self) -> tuple[str | None, str | None]:
        """What is claimed about it: model and device."""
        return self.artifact_sha256, self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What became of one file.

    Args:
        outcomes: of its runs, in their order.
        added: how many of its runs were not in the database before.
    """

    file: str
    session: str
    outcomes: tuple[Outcome, ...]
    added: int

    @property
    def failures(self) -> tuple[str, ...]:
        """Why runs must not be trusted, in their order."""
        return tuple(each.failure for each in self.outcomes if isinstance(each, Failed))


def read_log(path: Path, *, target: Target | None = None, device: str | None = None) -> ImportedLog:
    """Returns a log with what is claimed about it.

    Raises:
        ConfigurationError: it cannot be read, is too long, or a name cannot be shown.
    """
    try:
        content = config.read_bytes(path, most=MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="check the path") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}", hint="divide the log") from error
    if device is not None:
        check_name(device, "--device")
    return ImportedLog(
        file=one_line(path.name),
        sha256=sha256_bytes(content),
        raw_base64=base64.b64encode(content).decode(),
        artifact_sha256=target.sha256 if target else None,
        size_bytes=target.path.stat().st_size if target else None,
        device=device,
    )


def import_log(store: Store, log: ImportedLog, target: Target | None = None) -> Import:
    """Stores a log, then its runs as processes of a session; what is stored already is left alone.

    Raises:
        ConfigurationError: it was imported with another claim, or its runs are of several models.
    """
    runs = read_paste(log.raw)
    _check_models(log, runs)
    session = _session(log)
    _check_claim(store, log, session)
    if session.id not in {each.id for each in store.sessions()}:
        store.add_session(session)
    if not store.events(session.id, kind=IMPORTED):
        store.log(session, IMPORTED, **config.unstructure(log))
    if target is not None and target.artifact is not None:
        store.add_artifact(target.artifact)
    stored = {(each.case.key, each.ordinal): each for each in store.invocations(session.id)}
    added = 0
    outcomes = []
    with store.writing_together() as together:  # of one log there may be thousands
        for invocation in processes(log, session):
            assert invocation.outcome is not None  # noqa: S101 - processes judges them
            outcomes.append(invocation.outcome)
            known = stored.get((invocation.case.key, invocation.ordinal))
            if known is None:
                added += 1
                together.add_outcome(together.add_invocation(invocation), invocation.outcome)
            elif known.outcome is None:  # the program was killed in between
                together.add_outcome(known.id, invocation.outcome)
    return Import(file=log.file, session=session.id, outcomes=tuple(outcomes), added=added)


def processes(log: ImportedLog, session: Session) -> Iterator[Invocation]:
    """Yields the processes of a log with their outcomes; they follow from the log alone."""
    ordinals: dict[str, int] = {}
    for run in read_paste(log.raw):
        case = _case(log, run, session.device)
        ordinal = ordinals.get(case.key, 0)
        ordinals[case.key] = ordinal + 1
        yield Invocation(
            session_id=session.id,
            case=case,
            ordinal=ordinal,
            model=_graph(run) or _UNKNOWN,
            command=(run.command,) if run.command else (),
            started_at=session.started_at,
            wall_s=0.0,
            exit_status=-1,  # not known
            timed_out=False,
            stdout="",  # the raw text is in the event
            stderr="",
            telemetry=Telemetry(),
            limits=HOST_LIMITS,
            outcome=_judge(run, log.size_bytes),
        )


def is_intact(log: ImportedLog) -> bool:
    """Returns whether a log's bytes are those of its SHA-256."""
    try:
        return sha256_bytes(log.raw) == log.sha256
    except ValueError:
        return False


def session_id(log: ImportedLog) -> str:
    """Returns the id of a log's session: the same for the same log and claim."""
    return str(uuid.uuid5(_NAMESPACE, sha256_value([log.sha256, *log.claim])))


def device_of(log: ImportedLog) -> DeviceRecord:
    """Returns the record of a device of which only a name is known, if that."""
    return DeviceRecord(
        kind=Kind.UNKNOWN,
        name=log.device or f"{_UNKNOWN} ({log.sha256[:8]})",
        model=None,
        cpu=None,
        cores=None,
        os_build=_UNKNOWN,
        abi=_UNKNOWN,
        boot_id=None,
    )


def _session(log: ImportedLog) -> Session:
    return Session(
        id=session_id(log),
        device=device_of(log),
        suite=SUITE,
        plan_sha256=sha256_value([log.sha256, *log.claim]),
        seed=0,
        started_at=datetime.now(UTC).isoformat(),
        program=VERSION,
    )


def _check_claim(store: Store, log: ImportedLog, session: Session) -> None:
    for event in store.events(kind=IMPORTED):
        known = config.structure(event.facts, ImportedLog, source=store.url)
        if known.sha256 == log.sha256 and event.session_id != session.id:
            if known.artifact_sha256 is None and log.artifact_sha256 is not None:
                continue  # without a model it has no row yet
            raise ConfigurationError(
                f"{log.file}: was imported already, as {known.file}, with "
                f"{'a' if known.artifact_sha256 else 'no'} model and device {known.device}",
                hint="a log is of one model on one device: leave --model and --device as they were",
            )


def _check_models(log: ImportedLog, runs: list[PastedRun]) -> None:
    graphs = sorted({PurePath(name).name for run in runs if (name := _graph(run))})
    if log.artifact_sha256 is not None and len(graphs) > 1:
        raise ConfigurationError(
            f"{log.file}: its runs are of several models: {', '.join(graphs)}",
            hint="write the runs of each model to a file of their own, or leave out --model",
        )


def _case(log: ImportedLog, run: PastedRun, device: DeviceRecord) -> Case:
    """Returns the case of a run: what is not known is shared with no run of another log."""
    words = sorted(word for word in shell.flags(run.command or "") if not _is_graph(word))
    tool = sha256_value([log.sha256, run.name or "", words])[:_SHORT]
    unknown_file = f"{_UNKNOWN}-{sha256_value([log.sha256, _graph(run) or ''])[:_SHORT]}"
    named = run.log.delegate
    is_ours = named in [each.value for each in Delegate]
    return Case(
        artifact_sha256=log.artifact_sha256 or unknown_file,
        device=device.key,
        runner=_RUNNERS.get(run.log.dialect, Runner.UNKNOWN),
        tool_sha256=f"{_UNKNOWN}-{tool}",
        delegate=Delegate(named) if named is not None and is_ours else Delegate.UNKNOWN,
        library_options="" if named is None or is_ours else named,
        threads=run.log.threads or 0,
        protocol=Protocol(processes=1, num_runs=1, warmup_runs=0, warmup_min_secs=0.0),
    )


def _graph(run: PastedRun) -> str | None:
    words = shell.flags(run.command or "")
    graph = next((word.partition("=")[2] for word in words if _is_graph(word)), None)
    return graph.strip("\"'") if graph else None


def _is_graph(word: str) -> bool:
    return word.startswith(("--graph=", "--model="))


def _judge(run: PastedRun, size_bytes: int | None) -> Outcome:
    """Returns the numbers of a run, or why they must not be used."""
    log = run.log
    if not log.ok:
        return Failed(failure=log.failure or "unreadable: the log cannot be trusted")
    problem = _disturbed(run) or _other_model(log, size_bytes)
    if problem is not None:
        return Failed(failure=problem)
    values = log.inference_us or ()
    statistics = None if values else statistics_of(log)
    if not values and statistics is None:
        return Failed(failure="no-values: the log gives neither latencies nor their mean")
    memory_mb = log.memory_mb or {}
    return Measured(
        init_us=log.init_us,
        first_us=log.first_us,
        inference_us=values,
        cpu_us=None,
        nodes_total=log.nodes_total,
        nodes_delegated=log.nodes_delegated,
        partitions=log.partitions,
        memory_mb_peak=memory_mb.get("peak", memory_mb.get("overall")),
        runtime=log.runtime,
        statistics=statistics,
    )


def _disturbed(run: PastedRun) -> str | None:
    """Returns why the latencies of a run are not those of the model alone."""
    for word in shell.flags(run.command or ""):
        name, _, value = word.removeprefix("--").partition("=")
        if name in _DISTURBING and value.lower() in ("true", "1"):
            return f"disturbed: {_DISTURBING[name]} meanwhile (--{name})"
        if name == "run_delay" and value.replace(".", "", 1).isdigit() and float(value) > 0:
            return f"paused: there was a pause of {value} s before each run"
    return None


def _other_model(log: ToolLog, size_bytes: int | None) -> str | None:
    """Returns why the log is of another file than the owner names, by the size that it prints."""
    printed = log.model_size_mb
    if printed is None or size_bytes is None:
        return None
    sizes = [size_bytes / unit for unit in (1e6, 2**20)]  # tools mean either
    if any(abs(printed - size) <= max(_SIZE_TOLERANCE * size, 6e-4) for size in sizes):
        return None
    return f"other-model: the log is of a file of {printed:g} MB, and --model has {sizes[0]:g} MB"
