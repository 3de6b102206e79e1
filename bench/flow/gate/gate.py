"""Runs a gate on one device: A/B blocks in randomised order, each logged at once.

The next block is computed from the log alone, so an interrupted gate resumes with the same coins.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.core import config
from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import (
    ConfigurationError,
    DeviceError,
    InfrastructureError,
    RebootedError,
    UnfitError,
)
from bench.core.hashing import sha256_value
from bench.core.paths import state_dir
from bench.core.progress import OnProgress, ignore
from bench.core.system import lock
from bench.core.units import counted
from bench.flow.device.device import Device
from bench.flow.device.sweep import Sweep
from bench.flow.gate.bundle import Bundle
from bench.flow.gate.calibrate import measured_by, protocol_of
from bench.flow.gate.differences import of_own_tools, of_runtimes, of_tool
from bench.flow.gate.log_file import Journal, read
from bench.flow.gate.operator_file import explain_with_file
from bench.flow.gate.references import Comparison, FilePair
from bench.flow.gate.run_blocks import BlockBench, statistic_of
from bench.flow.measure.session import SessionOnDevice, judge_pending, new_session
from bench.gate.findings import is_open, latency_findings, outcome_of
from bench.gate.log import VERSION as LOG_VERSION
from bench.gate.log import Log
from bench.gate.records import (
    Closed,
    CloseReason,
    Explained,
    Lost,
    Opened,
    Pair,
    Resumed,
    Scored,
    Setup,
)
from bench.gate.rule import AccuracyRule, Rule
from bench.gate.schedule import Next, next_block
from bench.gate.verdict import BETWEEN_SIDES, Axis, ModelKey, Verdict
from bench.measure.result_caveats import input_caveats
from bench.plan.case import Case, Runner
from bench.plan.device import DeviceRecord
from bench.plan.suite import ALL_CORES, GATE
from bench.store.records import Session
from bench.store.store import Store

_EVENT = "gate"
_FINISHED = (CloseReason.DECIDED, CloseReason.ENVIRONMENT)  # the same command begins a new gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A gate: what is compared, by which rule.

    Args:
        folder: of logs, each named after its session.
        log: the path of the log, instead of one in ``folder``.
        max_s: no block begins after this time.
        seed: of the coins; random if ``None``.
        caveats: of every finding.
        revision: what the candidate was built from.
        margins: of initialisation and peak memory, where they are compared; each a share.
        size_margin: a share; ``None``: sizes are not compared.
        accuracy: the rule for ``scores``.
        scores: the score differences of each pair.
        saved: the bundle that the baseline is in, if it is in one.
        differences, sides: as ``Opened`` has them.
        on_message: called with a line for each verdict, as soon as it is decided.
    """

    comparison: Comparison
    rule: Rule
    folder: Path
    log: Path | None = None
    max_s: float | None = None
    seed: int | None = None
    caveats: tuple[Caveat, ...] = ()
    revision: str = ""
    margins: Mapping[Axis, float] = field(default_factory=dict)
    size_margin: float | None = None
    accuracy: AccuracyRule | None = None
    scores: tuple[Scored, ...] = ()
    saved: Bundle | None = None
    differences: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    on_message: Callable[[str], None] = lambda line: None

    def open_session(self, sweep: Sweep, store: Store) -> Session:
        """Returns the unfinished session of the same gate, boot and build, else a new one.

        Raises:
            ConfigurationError: the tool cannot run a case, the rule cannot decide on so many
                models, or the log file exists and belongs to another gate.
        """
        sides = sides_of(self.comparison.pairs, sweep)
        self.rule.check(len(sides) * (1 + len(self.margins)) * self.rule.directions)
        for case in (case for pair in sides.values() for case in pair):
            sweep.command(case)
        identity = _identity(self, sides)
        session = _find_unfinished(self, identity, sweep.device, store)
        if session is not None:
            store.log(session, "resumed")
            return session
        if self.log is not None and self.log.exists():
            raise ConfigurationError(
                f"{self.log}: exists, and this gate does not resume it: it has ended, or is of "
                "other files, another rule, device or boot, or of an older frill-bench",
                hint="name another file with --log, or remove that one",
            )
        seed = secrets.randbits(31) if self.seed is None else self.seed
        session = new_session(sweep.device, GATE, identity, seed=seed)
        store.add_session(session)
        store.log(session, _EVENT, log=str(_log_path(self, session)))
        return session

    def measure(
        self,
        sweep: Sweep,
        session: Session,
        store: Store,
        device: Device,
        *,
        on_progress: OnProgress = ignore,
    ) -> None:
        """Measures blocks until all models are decided or something ends the gate, and logs them.

        Args:
            on_progress: takes how many blocks are valid, of how many that are needed so far.

        Raises:
            DeviceError: the device was lost for good, was rebooted, or is unfit.
            InfrastructureError: another process measures the same gate.
        """
        deadline_s = None if self.max_s is None else time.monotonic() + self.max_s
        judge_pending(session, store)
        sides = sides_of(self.comparison.pairs, sweep)
        opened = first_record(self, session, sides)
        with _lock(session), closing(Journal(log_of(store, session), opened)) as journal:
            if not journal.is_new:
                journal.add(Resumed(session_id=session.id))
            for score in self.scores if journal.is_new else ():
                journal.add(score)
            here = SessionOnDevice(device=device, sweep=sweep, session=session, store=store)
            bench = BlockBench(sides, here)
            with _log_end(journal):
                while isinstance(due := next_block(journal.log), Next):
                    if deadline_s is not None and time.monotonic() >= deadline_s:
                        journal.add(Closed(reason=CloseReason.OUT_OF_TIME))
                        return
                    for entry in bench.run_block(due, journal.log.opened.rule):
                        journal.add(entry)
                    if line := _verdict_line(journal.log, due.model):
                        self.on_message(line)
                    on_progress(*_progress(journal.log))
                if due is CloseReason.DECIDED:
                    self._explain(journal, sides, here)
                journal.add(Closed(reason=due))

    def _explain(
        self,
        journal: Journal,
        sides: dict[ModelKey, tuple[Case, Case]],
        here: SessionOnDevice,
    ) -> None:
        """Logs why each model regressed, and writes their slowest operators to files."""
        log = log_of(here.store, here.session)
        for number, model in enumerate(_models_to_explain(journal.log)):
            why = explain_with_file(model, sides[model], here, log, self.on_message, number=number)
            journal.add(why)


def log_of(store: Store, session: Session) -> Path:
    """Returns the path of the log of a gate's session."""
    (event,) = store.events(session.id, kind=_EVENT)
    return Path(str(event.facts["log"]))


def logs_of(store: Store, sessions: Sequence[Session]) -> Iterator[tuple[Session, Path, Log]]:
    """Yields the sessions that have a log, as those do not that ended before their first block."""
    for session in sessions:
        path = log_of(store, session)
        if path.exists():
            yield session, path, read(path)


def sides_of(pairs: Sequence[FilePair], sweep: Sweep) -> dict[ModelKey, tuple[Case, Case]]:
    """Returns the cases of baseline and candidate by model."""
    sides = [
        {case.artifact_sha256: case for case in side} for side in sweep.sides or (sweep.cases,)
    ]
    return {
        pair.model: (
            measured_by(sides[0][pair.baseline.sha256], pair.protocol),
            measured_by(sides[pair.side][pair.candidate.sha256], pair.protocol),
        )
        for pair in pairs
    }


def first_record(gate: Gate, session: Session, sides: dict[ModelKey, tuple[Case, Case]]) -> Opened:
    """Returns the first record of a session's log."""
    virtual = [Caveat(kind=CaveatKind.VIRTUAL)] if session.device.virtual else []
    caveats = {*gate.caveats, *virtual}
    return Opened(
        gate_id=str(uuid.uuid4()),
        session_id=session.id,
        seed=session.seed,
        rule=gate.rule,
        device=session.device,
        models=tuple(
            Pair(
                model=pair.model,
                baseline_sha256=pair.baseline.sha256,
                candidate_sha256=pair.candidate.sha256,
                observed=_setup(*sides[pair.model]),
                baseline_bytes=pair.baseline.path.stat().st_size,
                candidate_bytes=pair.candidate.path.stat().st_size,
                caveats=tuple(sorted({*caveats, *_sticky(pair), *_inputs(sides[pair.model])})),
            )
            for pair in gate.comparison.pairs
        ),
        unmeasured=gate.comparison.unmeasured,
        started_at=session.started_at,
        revision=gate.revision,
        margins=gate.margins,
        size_margin=gate.size_margin,
        accuracy=gate.accuracy,
        differences=_differences(gate, sides),
        sides=gate.sides,
    )


def _differences(gate: Gate, sides: dict[ModelKey, tuple[Case, Case]]) -> tuple[str, ...]:
    baseline, candidate = next(iter(sides.values()))
    is_named = gate.sides and baseline.runner is candidate.runner
    tools = () if is_named else _of_tools(gate.saved, baseline, candidate)
    return (*tools, *gate.differences)


def _of_tools(saved: Bundle | None, baseline: Case, candidate: Case) -> Iterator[str]:
    """Yields how tool and runtime differ from the baseline's, or from those it was saved with."""
    if baseline.tool_sha256 != candidate.tool_sha256:
        yield of_own_tools(baseline, candidate)
    elif saved is not None:
        yield from of_tool(saved.tool, candidate.tool_sha256, candidate.runner)
    if saved is not None:
        yield from of_runtimes(saved.runtimes, candidate.runner)


def _sticky(pair: FilePair) -> Iterator[Caveat]:
    for artifact in (pair.baseline.artifact, pair.candidate.artifact):
        yield from (each for each in (artifact.caveats if artifact else ()) if each.sticky)


def _inputs(sides: tuple[Case, Case]) -> Iterator[Caveat]:
    for case in sides:
        yield from input_caveats(case)


def _setup(baseline: Case, candidate: Case) -> Setup:
    is_our_runner = candidate.runner is Runner.LITERT_PYTHON
    has_own_tool = baseline.tool_sha256 != candidate.tool_sha256
    has_own_cache = baseline.warm_cache != candidate.warm_cache
    has_own_cores = baseline.affinity != candidate.affinity
    return Setup(
        statistic=statistic_of(baseline, candidate),
        runner=candidate.runner,
        tool_sha256=candidate.tool_sha256,
        delegate=candidate.delegate,
        threads=candidate.threads,
        affinity=candidate.affinity,
        inputs=candidate.inputs_text,
        signature=candidate.signature.key if candidate.signature else "",
        runtime=f"ai-edge-litert {version('ai-edge-litert')}" if is_our_runner else None,
        baseline_tool_sha256=baseline.tool_sha256 if has_own_tool else None,
        baseline_runner=baseline.runner if has_own_tool else None,
        baseline_delegate=None if baseline.delegate is candidate.delegate else baseline.delegate,
        baseline_threads=None if baseline.threads == candidate.threads else baseline.threads,
        baseline_affinity=(baseline.affinity or ALL_CORES) if has_own_cores else None,
        warm_cache=candidate.warm_cache,
        baseline_warm_cache=baseline.warm_cache if has_own_cache else None,
        **config.unstructure(protocol_of(candidate)),
    )


def _identity(gate: Gate, sides: dict[ModelKey, tuple[Case, Case]]) -> str:
    keys = [
        [str(model), baseline.key, candidate.key] for model, (baseline, candidate) in sides.items()
    ]
    files = [gate.margins, gate.size_margin, gate.accuracy, gate.scores, _differences(gate, sides)]
    files += [gate.sides] if gate.sides else []
    return sha256_value([GATE, keys, *map(config.unstructure, (gate.rule, *files)), gate.seed])


def _find_unfinished(
    gate: Gate, identity: str, device: DeviceRecord, store: Store
) -> Session | None:
    if device.boot_id is None:
        return None
    for session in reversed(store.sessions(plan_sha256=identity)):
        if session.device == device:
            path = log_of(store, session)
            if path == _log_path(gate, session) and path.exists():
                log = read(path)
                return None if log.closed in _FINISHED or log.version != LOG_VERSION else session
    return None


def _log_path(gate: Gate, session: Session) -> Path:
    return (gate.log or gate.folder / f"{session.id}.jsonl").absolute()


@contextmanager
def _log_end(journal: Journal) -> Iterator[None]:
    """Logs why a gate ends early."""
    try:
        yield
    except KeyboardInterrupt:
        journal.add(Closed(reason=CloseReason.INTERRUPTED))
        raise
    except UnfitError:
        journal.add(Closed(reason=CloseReason.ENVIRONMENT))
        raise
    except DeviceError as error:
        journal.add(Lost(reason=error.message))
        journal.add(Closed(reason=CloseReason.DEVICE_LOST))
        if isinstance(error, RebootedError):  # a gate is not resumed in another session
            raise DeviceError(error.message, hint="run again: a new gate begins") from error
        raise


def _lock(session: Session) -> AbstractContextManager[None]:
    return lock.locked(
        state_dir() / "locks" / f"gate-{session.id}.lock",
        lambda holder: InfrastructureError(
            f"{holder} is measuring this gate", hint="wait until it has ended"
        ),
    )


def _verdict_line(log: Log, model: ModelKey) -> str:
    """Returns a line with the result of a model; empty while it is open."""
    if is_open(log, model):
        return ""
    standing = log.standings.of[model]
    outcome, _ = outcome_of(log, model)
    result = outcome.name.lower() if standing.failure is None else "failed"
    if model.side:
        result = {each.value: word for each, word in BETWEEN_SIDES.items()}.get(result, result)
    return f"{model}: {result} after {counted(len(standing.blocks), 'block')}"


def _models_to_explain(log: Log) -> list[ModelKey]:
    explained = {each.model for each in log.entries if isinstance(each, Explained)}
    regressed = [f.model for f in latency_findings(log) if f.verdict is Verdict.REGRESSED]
    return [model for model in regressed if model not in explained]


def _progress(log: Log) -> tuple[int, int]:
    """Returns how many blocks are valid, of those that the next analysis of each model needs."""
    done = left = 0
    for model, standing in log.standings.of.items():
        blocks = len(standing.blocks)
        done += blocks
        if is_open(log, model):
            left += next(due for due in log.opened.rule.analyses if due > blocks) - blocks
    return done, done + left
