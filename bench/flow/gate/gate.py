"""Runs a gate on one device: blocks of both sides in the order of coins, each written down at once.

What comes next follows from the log alone, so a gate that was cut off goes on with the same coins.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from bench.core import config, lock
from bench.core.caveats import CaveatKind
from bench.core.errors import (
    ConfigurationError,
    DeviceError,
    InfrastructureError,
    RebootedError,
    UnfitError,
)
from bench.core.hashing import sha256_value
from bench.core.paths import state_dir
from bench.core.version import VERSION
from bench.flow.gate.blocks import BlockBench, statistic_of
from bench.flow.gate.explain import explained
from bench.flow.gate.log_file import Journal, read
from bench.flow.gate.references import Paired, Pairing
from bench.flow.measure.session import Execute, Progress, log, read_left, run_here
from bench.flow.measure.sweep import Sweep, runner_of
from bench.gate.decision import Outcome
from bench.gate.log import Log
from bench.gate.records import (
    Block,
    Closed,
    CloseReason,
    Explained,
    Failed,
    Lost,
    Opened,
    Pair,
    Resumed,
    Scored,
)
from bench.gate.rule import AccuracyRule, Rule
from bench.gate.schedule import Next, following
from bench.gate.verdict import Verdict, judge, standing
from bench.plan.case import Case, Runner
from bench.plan.device import Device
from bench.plan.suite import GATE
from bench.store.records import Session
from bench.store.store import Store

_EVENT = "gate"
_OVER = (CloseReason.DECIDED, CloseReason.GUARDS)  # the same command begins another gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is compared, by which rule.

    Args:
        folder: of logs, each named after its session.
        log: this file instead.
        max_s: when no more blocks begin, counted from the first.
        seed: of the coins; drawn if not given.
        caveats: kinds of doubts that every verdict carries.
        revision: what the candidate was built from.
        size_margin: a share; ``None``: sizes are not judged.
        accuracy: by what ``scores`` are judged.
        scores: how far each candidate scores from its baseline.
        told: is told each verdict in a line, as soon as it is there.
    """

    paired: Paired
    rule: Rule
    folder: Path
    log: Path | None = None
    max_s: float | None = None
    seed: int | None = None
    caveats: tuple[str, ...] = ()
    revision: str = ""
    size_margin: float | None = None
    accuracy: AccuracyRule | None = None
    scores: tuple[Scored, ...] = ()
    told: Callable[[str], None] = lambda line: None

    def opened(self, sweep: Sweep, session: Session) -> Opened:
        """Returns the first line of the log that a session has."""
        return _opened(self, session, _sides(self.paired.pairs, sweep))

    def open_session(self, sweep: Sweep, store: Store) -> Session:
        """Returns the unfinished session of this very gate, boot and build, else a new one.

        Raises:
            ConfigurationError: the tool cannot do what is asked, the rule decides nothing about so
                many models, or the file of the log is there and of another gate.
        """
        sides = _sides(self.paired.pairs, sweep)
        self.rule.check(len(sides))
        for case in (case for pair in sides.values() for case in pair):
            sweep.command(case)
        identity = _identity(self, sides)
        session = _unfinished(self, identity, sweep.device, store)
        if session is not None:
            log(store, session, "resumed")
            return session
        if self.log is not None and self.log.exists():
            raise ConfigurationError(
                f"{self.log}: is there, and this gate does not go on with it: it has ended, or is "
                "of other files, another rule, device or boot",
                hint="name another file with --log, or remove that one",
            )
        session = Session(
            id=str(uuid.uuid4()),
            device=sweep.device,
            suite=GATE,
            plan_sha256=identity,
            seed=secrets.randbits(31) if self.seed is None else self.seed,
            started_at=datetime.now(UTC).isoformat(),
            program=VERSION,
        )
        store.add_session(session)
        log(store, session, _EVENT, log=str(_place(self, session)))
        return session

    def measure(
        self,
        sweep: Sweep,
        session: Session,
        store: Store,
        *,
        run: Execute | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """Measures blocks until all models are decided, or something ends it, and logs all of it.

        Args:
            run: runs one process; on this machine if not given.

        Raises:
            DeviceError: the device went away for good, was rebooted, or is unfit.
            InfrastructureError: another process measures this very gate.
        """
        deadline_s = None if self.max_s is None else time.monotonic() + self.max_s
        read_left(session, store)
        sides = _sides(self.paired.pairs, sweep)
        opened = _opened(self, session, sides)
        with _alone(session), closing(Journal(log_of(store, session), opened)) as journal:
            if not journal.is_new:
                journal.add(Resumed(session_id=session.id))
            for score in self.scores if journal.is_new else ():
                journal.add(score)
            run = run or partial(run_here, sweep)
            bench = BlockBench(sides, sweep, session, store, run)
            with _ending(journal):
                while isinstance(due := following(journal.log), Next):
                    if deadline_s is not None and time.monotonic() >= deadline_s:
                        journal.add(Closed(reason=CloseReason.OUT_OF_TIME))
                        return
                    for entry in bench.block(due, journal.log.opened.rule):
                        journal.add(entry)
                    if decided := _decided(journal.log, due.model):
                        self.told(decided)
                    progress(_progress(journal.log))
                for model in _unexplained(journal.log) if due is CloseReason.DECIDED else ():
                    journal.add(explained(model, sides[model], sweep, session, store, run))
                journal.add(Closed(reason=due))


def log_of(store: Store, session: Session) -> Path:
    """Returns where the log of a gate's session is."""
    (event,) = store.events(session.id, kind=_EVENT)
    return Path(str(event.facts["log"]))


def _sides(pairs: Sequence[Pairing], sweep: Sweep) -> dict[str, tuple[Case, Case]]:
    """Returns the cases of baseline and candidate by the pair's name and format."""
    cases = {case.artifact_sha256: case for case in sweep.cases}
    own = {
        name: value
        for sha256, tool in sweep.tools.items()
        for name, value in (("tool_sha256", sha256), ("runner", runner_of(tool)))
    }
    return {
        f"{each.name} {each.format}": (
            replace(cases[each.baseline.sha256], **own),  # type: ignore[arg-type]  # fields of Case
            cases[each.candidate.sha256],
        )
        for each in pairs
    }


def _opened(gate: Gate, session: Session, sides: dict[str, tuple[Case, Case]]) -> Opened:
    device = session.device
    facts = {
        "kind": device.kind.value,
        "model": device.model,
        "cpu": device.cpu,
        "cores": device.cores,
        "os_build": device.os_build,
        "abi": device.abi,
        "serial": device.serial,
        "virtual": "yes" if device.virtual else "no",
    }
    caveats = (*gate.caveats, *([CaveatKind.VIRTUAL.value] if device.virtual else []))
    return Opened(
        gate_id=str(uuid.uuid4()),
        session_id=session.id,
        seed=session.seed,
        rule=gate.rule,
        device={"name": device.name, **facts},
        models=tuple(
            Pair(
                name=each.name,
                format=each.format,
                baseline_sha256=each.baseline.sha256,
                candidate_sha256=each.candidate.sha256,
                baseline_bytes=each.baseline.path.stat().st_size,
                candidate_bytes=each.candidate.path.stat().st_size,
                observed=_observed(caveats, each, *sides[f"{each.name} {each.format}"]),
            )
            for each in gate.paired.pairs
        ),
        unmeasured=gate.paired.unmeasured,
        started_at=session.started_at,
        revision=gate.revision,
        size_margin=gate.size_margin,
        accuracy=gate.accuracy,
    )


def _observed(
    caveats: tuple[str, ...], pairing: Pairing, baseline: Case, candidate: Case
) -> dict[str, str]:
    artifacts = (pairing.baseline.artifact, pairing.candidate.artifact)
    sticky = {
        caveat.kind.value
        for artifact in artifacts
        for caveat in (artifact.caveats if artifact else ())
        if caveat.sticky
    }
    found = {
        "statistic": statistic_of(candidate).value,
        "runner": candidate.runner.value,
        "tool": candidate.tool_sha256,
        "delegate": candidate.delegate.value,
        "threads": str(candidate.threads),
        "cores": candidate.affinity or "all",
        "caveats": " ".join(sorted({*sticky, *caveats})),
    }
    if candidate.runner is Runner.LITERT_PYTHON:
        found["runtime"] = f"ai-edge-litert {version('ai-edge-litert')}"
    if baseline.tool_sha256 != candidate.tool_sha256:
        found |= {"baseline_tool": baseline.tool_sha256, "baseline_runner": baseline.runner.value}
    return {name: value for name, value in found.items() if value}


def _identity(gate: Gate, sides: dict[str, tuple[Case, Case]]) -> str:
    keys = [[name, baseline.key, candidate.key] for name, (baseline, candidate) in sides.items()]
    files = [gate.size_margin, gate.accuracy, gate.scores]
    return sha256_value([GATE, keys, *map(config.unstructure, (gate.rule, *files)), gate.seed])


def _unfinished(gate: Gate, identity: str, device: Device, store: Store) -> Session | None:
    if device.boot_id is None:
        return None
    for session in reversed(store.sessions()):
        if session.plan_sha256 == identity and session.device == device:
            path = log_of(store, session)
            if path == _place(gate, session) and path.exists():
                return None if read(path).closed in _OVER else session
    return None


def _place(gate: Gate, session: Session) -> Path:
    return (gate.log or gate.folder / f"{session.id}.jsonl").absolute()


@contextmanager
def _ending(journal: Journal) -> Iterator[None]:
    """Logs why a gate ends before its time."""
    try:
        yield
    except KeyboardInterrupt:
        journal.add(Closed(reason=CloseReason.INTERRUPTED))
        raise
    except UnfitError:
        journal.add(Closed(reason=CloseReason.GUARDS))
        raise
    except DeviceError as error:
        journal.add(Lost(reason=error.message))
        journal.add(Closed(reason=CloseReason.DEVICE_LOST))
        if isinstance(error, RebootedError):  # no other session is begun for the rest of a gate
            raise DeviceError(error.message, hint="run again: a new gate begins") from error
        raise


def _alone(session: Session) -> AbstractContextManager[None]:
    return lock.locked(
        state_dir() / "locks" / f"gate-{session.id}.lock",
        lambda holder: InfrastructureError(
            f"{holder} is measuring this gate", hint="wait until that has ended"
        ),
    )


def _decided(log: Log, model: str) -> str:
    """Returns a model's end in a line; empty while it goes on."""
    failed = any(isinstance(each, Failed) and each.model == model for each in log.entries)
    kept = [each for each in log.entries if isinstance(each, Block) and each.model == model]
    outcome, _ = standing(kept, log.opened.rule, models=len(log.opened.models))
    if outcome is Outcome.OPEN and not failed:
        return ""
    said = "failed" if failed else outcome.name.lower()
    return f"{model}: {said} after {len(kept)} blocks"


def _unexplained(log: Log) -> list[str]:
    known = {each.model for each in log.entries if isinstance(each, Explained)}
    found = [each.model for each in judge(log).models if each.verdict is Verdict.REGRESSED]
    return [model for model in found if model not in known]


def _progress(log: Log) -> Progress:
    """Returns how many blocks were kept, of those that the next look of each model needs."""
    rule, models = log.opened.rule, len(log.opened.models)
    done = left = 0
    failed = {each.model for each in log.entries if isinstance(each, Failed)}
    for pair in log.opened.models:
        kept = [each for each in log.entries if isinstance(each, Block) and each.model == pair.key]
        done += len(kept)
        outcome, _ = standing(kept, rule, models=models)
        if outcome is Outcome.OPEN and pair.key not in failed:
            left += next(look for look in rule.looks if look > len(kept)) - len(kept)
    return Progress(done=done, total=done + left)
