"""Two sides out of databases: whole ones, sessions, devices or files; and why one is slower."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.config import near
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.gate.explain import facts_of, operators_of
from bench.flow.gate.operator_file import Slowed, write_operator
from bench.flow.report.join import join
from bench.flow.report.results import CaseResult, Timed
from bench.flow.report.stored import newest_results, results
from bench.gate.reasons import differences
from bench.gate.records import Operator, SideFacts
from bench.plan.device import DeviceRecord
from bench.store.store import Store
from models.zoo import Zoo
from reports.decision.comparison import By, Compared
from reports.rows.schema import Row

_LEAST_LETTERS = 4  # of the begin of a session or a hash
_HINT = "DB, DB:SESSION, DB:DEVICE, DB:NAME.FORMAT or DB:NAME, where sessions may be shortened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The rows of one side.

    Args:
        text: as it was given.
        by: what it is; a whole database is compared as a session is.
        one_format: whether it names a number format.
        results: case key and session to the case's result.
        devices: of each session.
    """

    text: str
    by: By
    one_format: bool
    rows: tuple[Row, ...]
    results: Mapping[tuple[str, str], CaseResult]
    devices: Mapping[str, DeviceRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """The mean time of all operators of a type in one inference, by an op profile of each side."""

    node_type: str
    baseline_us: float
    baseline_count: int
    candidate_us: float
    candidate_count: int


def side(text: str, *, task_set: str | None = None) -> Side:
    """Returns the rows that ``DB`` or ``DB:SELECTOR`` names.

    Raises:
        ConfigurationError: there is no such database, or nothing or several things of that name.
    """
    url, selector = _split(text)
    with Store.open(url, create=False) as store:
        timed = newest_results(store)
        chosen, by, keep = _selected(text, selector, timed)
        if selector and by is By.SESSION:  # it may be older than others of its cases
            chosen = [(session, results(store, session)) for session, _ in chosen]
        rows, _ = join(store, task_set=task_set, timed=chosen)
    rows = [row for row in rows if keep(row)]
    if not rows:
        raise ConfigurationError(
            f"{text}: holds no latency of a file with a manifest", hint="measure: frill-bench run"
        )
    of_case = {(each.case.key, session.id): each for session, cases in chosen for each in cases}
    one_format = by is By.FILE and len({row.file.format for row in rows}) == 1
    devices = {session.id: session.device for session, _ in chosen}
    return Side(
        text=text, by=by, one_format=one_format, rows=tuple(rows), results=of_case, devices=devices
    )


def check_alike(baseline: Side, candidate: Side) -> None:
    """Checks that both sides are of one kind.

    Raises:
        ConfigurationError: they are not.
    """
    if baseline.by is not candidate.by:
        raise ConfigurationError(
            f"{baseline.text} is a {baseline.by} and {candidate.text} a {candidate.by}",
            hint=f"compare two of a kind: {_HINT}",
        )


def why(pair: Compared, baseline: Side, candidate: Side, zoo: Zoo) -> tuple[str, ...]:
    """Returns what differs between both files and processes, the most important first.

    The operators of files are compared where the files are still where they were measured, or in
    the zoo.
    """
    before, after = (
        _result(row, of) for row, of in ((pair.baseline, baseline), (pair.candidate, candidate))
    )
    if before is None or after is None:
        return ()
    facts = [_facts(each, zoo) for each in (before, after)]
    tools = pair.baseline.setup.tool_sha256, pair.candidate.setup.tool_sha256
    return differences(facts[0], facts[1], tools)


def operator_times(pair: Compared, baseline: Side, candidate: Side) -> list[OperatorTime]:
    """Returns the time of each type of operator on both sides, the longest first.

    Empty where one side has no op profile.
    """
    profiles = [
        result.profiles
        for result in (_result(pair.baseline, baseline), _result(pair.candidate, candidate))
        if result is not None and result.profiles
    ]
    if len(profiles) < 2:
        return []
    before, after = (operators_of(each)[0] for each in profiles)
    types = dict.fromkeys(each.node_type for each in (*before, *after))
    times = [_time(kind, before, after) for kind in types]
    return sorted(times, key=lambda each: -max(each.baseline_us, each.candidate_us))


def export_operator(
    pair: Compared, baseline: Side, candidate: Side, zoo: Zoo, folder: Path
) -> Path:
    """Returns the path of a file with only the operator that slowed down most; see ``Slowed``.

    Raises:
        ConfigurationError: there are no op profiles, the candidate's file is not to be found, or
            the operator cannot be alone.
        OSError: the folder cannot be written.
    """
    before, after = _result(pair.baseline, baseline), _result(pair.candidate, candidate)
    name = pair.candidate.file.name
    path = None if after is None else _file(after, zoo)
    if before is None or after is None or path is None:
        raise ConfigurationError(
            f"{name}: the candidate's file is neither where it was measured nor in the zoo",
            hint="give the zoo that has it: --zoo DIR",
        )
    slowed = Slowed(
        name=name,
        path=path,
        before=_facts(before, zoo),
        after=_facts(after, zoo),
        baseline=before.case,
        candidate=after.case,
        device=candidate.devices[pair.candidate.session],
    )
    return write_operator(slowed, folder)


def _time(kind: str, before: Sequence[Operator], after: Sequence[Operator]) -> OperatorTime:
    ours = [each.avg_us or 0.0 for each in before if each.node_type == kind]
    theirs = [each.avg_us or 0.0 for each in after if each.node_type == kind]
    return OperatorTime(
        node_type=kind,
        baseline_us=sum(ours),
        baseline_count=len(ours),
        candidate_us=sum(theirs),
        candidate_count=len(theirs),
    )


def _split(text: str) -> tuple[str, str]:
    """Returns the database and the selector, which may be empty."""
    before, colon, selector = text.rpartition(":")
    if not colon or Path(text).exists():
        return text, ""
    is_url = "://" in before
    return (before, selector) if is_url or Path(before).exists() else (text, "")


_Selected = tuple[list[Timed], By, Callable[[Row], bool]]


def _selected(text: str, selector: str, timed: Sequence[Timed]) -> _Selected:
    """Returns the sessions that a selector leaves, what it names, and which rows are meant."""
    if not selector:
        return list(timed), By.SESSION, lambda _: True
    sessions = sorted({session.id for session, _ in timed})
    devices = sorted({session.device.name for session, _ in timed})
    artifacts = [each.artifact for _, cases in timed for each in cases if each.artifact]
    names = sorted({each.name for each in artifacts})
    files = sorted({f"{each.name}.{each.format}" for each in artifacts})
    hashes = sorted({each.sha256 for each in artifacts})
    found: list[tuple[By, str]] = [
        *((By.SESSION, each) for each in _begin(selector, sessions)),
        *((By.DEVICE, each) for each in devices if each.casefold() == selector.casefold()),
        *((By.FILE, each) for each in (*names, *files) if each == selector),
        *((By.FILE, each) for each in _begin(selector, hashes)),
    ]
    if len(found) != 1:
        known = [*sessions, *devices, *names, *files]
        what = "names several things" if found else f"there is no such{near(selector, known)}"
        raise ConfigurationError(
            f"{text}: {selector!r} {what}" if found else f"{text}: {what}",
            hint=f"give {_HINT}; sessions: {', '.join(each[:8] for each in sessions)}; "
            f"devices: {', '.join(devices)}",
        )
    by, name = found[0]
    match by:
        case By.SESSION:
            return [each for each in timed if each[0].id == name], by, lambda _: True
        case By.DEVICE:
            return [each for each in timed if each[0].device.name == name], by, lambda _: True
        case By.FILE:
            return (
                list(timed), by,
                lambda row: name in (row.file.student, row.file.name, row.file.artifact_sha256),
            )  # fmt: skip


def _begin(text: str, names: Sequence[str]) -> list[str]:
    if text in names:
        return [text]
    return [each for each in names if len(text) >= _LEAST_LETTERS and each.startswith(text)]


def _result(row: Row, of: Side) -> CaseResult | None:
    return of.results.get((row.case_key, row.session))


def _facts(result: CaseResult, zoo: Zoo) -> SideFacts:
    summary = result.summary
    facts = facts_of(_file(result, zoo), result.profiles)
    return replace(
        facts,
        runtime=result.runtime,
        partitions=summary.partitions if summary else None,
        nodes=summary.nodes_total if summary else None,
        delegated_nodes=summary.nodes_delegated if summary else None,
        init_us=summary.init_us_median if summary else None,
        peak_mb=summary.memory_mb_peak if summary else None,
        cache="warm" if result.case.warm_cache else "",
    )


def _file(result: CaseResult, zoo: Zoo) -> Path | None:
    """Returns where a measured file is; ``None`` where that very file is not to be found."""
    sha256 = result.case.artifact_sha256
    places = [Path(result.model)]
    if result.artifact is not None:
        places.append(zoo.path(result.artifact))
    return next((each for each in places if each.is_file() and sha256_file(each) == sha256), None)
