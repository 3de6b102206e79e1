"""Collects facts on why a model regressed: operators, their times, and facts of its processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.core.device_state.caches import CacheUse
from bench.core.errors import BenchError
from bench.flow.measure.session import SessionOnDevice
from bench.gate.records import Explained, Operator, SideFacts
from bench.gate.verdict import ModelKey
from bench.measure.outcome import Measured
from bench.measure.summary import median_interval
from bench.plan.case import PROFILED, Case, Mode, Protocol, Runner
from bench.plan.order import Planned
from bench.tool.op_profile import OpProfile, OpRow, parse_op_profile
from models.graph.operators import graph_of

_NODE = re.compile(r"\[(?P<name>.*)\]:(?P<index>\d+)")
_PROTOCOL = Protocol(mode=Mode.OP_PROFILE, processes=PROFILED)


def explain(
    model: ModelKey,
    sides: tuple[Case, Case],
    here: SessionOnDevice,
    *,
    processes: int = PROFILED,
) -> Explained:
    """Returns the facts of both sides of a model, profiled in turn where the tool can.

    Args:
        processes: profiled, of each side.

    Raises:
        DeviceError: the device was lost for good.
    """
    profiles: tuple[list[OpProfile], list[OpProfile]] = ([], [])
    for ordinal in range(processes):
        turn = (0, 1) if ordinal % 2 == 0 else (1, 0)
        for side in turn:
            profiles[side].extend(profile(sides[side], here, ordinal))
    baseline, candidate = (
        _side_facts(case, each, here) for case, each in zip(sides, profiles, strict=True)
    )
    return Explained(model=model, baseline=baseline, candidate=candidate)


def _side_facts(case: Case, profiles: Sequence[OpProfile], here: SessionOnDevice) -> SideFacts:
    outcomes = [
        each.outcome
        for each in here.store.invocations(here.session.id)
        if each.case == case and isinstance(each.outcome, Measured)
    ]

    def median_of(name: str) -> float | None:
        values = [value for each in outcomes if (value := getattr(each, name)) is not None]
        return median(values) if values else None

    facts = facts_of(here.sweep.paths[case.artifact_sha256], profiles)
    if not outcomes:
        return facts
    return replace(
        facts,
        runtime=outcomes[-1].runtime,
        partitions=outcomes[-1].partitions,
        nodes=outcomes[-1].nodes_total,
        delegated_nodes=outcomes[-1].nodes_delegated,
        init_us=median_of("init_us"),
        peak_mb=median_of("memory_mb_peak"),
        cache=cache_text(case, [each.cache for each in outcomes]),
    )


def facts_of(path: Path | None, profiles: Sequence[OpProfile]) -> SideFacts:
    """Returns the facts of a file, where it can be read, and of its profiles.

    Args:
        path: ``None`` where the file is not known.
    """
    operators, processes = operators_of(profiles)
    facts = SideFacts(operators=operators, profiles=processes or None)
    try:
        graph = None if path is None else graph_of(path)
    except BenchError:  # the file was measured, so this is not a reason to end the gate
        graph = None
    if graph is None:
        return facts
    layers = tuple(
        Operator(node_type=each.op, name=each.name, macs=each.macs, takes=each.takes,
                 gives=each.gives)
        for each in graph.layers
    )  # fmt: skip
    return replace(
        facts,
        layers=_placed(layers, profiles),
        structure_sha256=graph.structure_sha256,
        scales_sha256=graph.scales_sha256,
        weights_sha256=graph.weights_sha256,
    )


def cache_text(case: Case, uses: Iterable[CacheUse | None]) -> str:
    """Returns what processes did with a delegate's cache, in words; empty where they have none."""
    if not case.warm_cache:
        return ""
    counts = Counter(str(use) for use in uses if use is not None)
    return f"warm, {' and '.join(f'{use} by {count}' for use, count in sorted(counts.items()))}"


def profile(
    case: Case, here: SessionOnDevice, ordinal: int, *, added: bool = False
) -> list[OpProfile]:
    """Returns the op profile of one process; none where the tool does not time operators.

    Args:
        added: the file was added to the session, so that the device does not know its command.
    """
    if case.runner is Runner.LITERT_PYTHON:
        return []
    warmup_s = min(case.protocol.warmup_min_secs, _PROTOCOL.warmup_min_secs)
    profiled_case = replace(case, protocol=replace(_PROTOCOL, warmup_min_secs=warmup_s))
    flags = replace(here.sweep.flags(profiled_case), result_file=None)
    command = here.sweep.tool_of(case).command(flags) if added else None
    invocation = here.run(Planned(case=profiled_case, ordinal=ordinal), command)
    found = (
        parse_op_profile(invocation.stdout) if isinstance(invocation.outcome, Measured) else None
    )
    return [] if found is None else [found]


def operators_of(profiles: Sequence[OpProfile]) -> tuple[tuple[Operator, ...], int]:
    """Returns the operators of op profiles, each counted once, and how many profiles they are of.

    Times are medians; profiles with other operators than the first are left out.
    """
    listed = [
        [each for each in one.ops if not _is_sum(each, one.ops)] for one in profiles if one.ops
    ]
    alike = [rows for rows in listed if _names(rows) == _names(listed[0])]
    return tuple(_operator(rows) for rows in zip(*alike, strict=True)), len(alike)


def _names(rows: Sequence[OpRow]) -> list[tuple[str, str]]:
    return [(each.node_type, each.name) for each in rows]


def _operator(rows: Sequence[OpRow]) -> Operator:
    """Returns an operator out of its rows in several profiles."""
    row, times = rows[0], [each.avg_us for each in rows]
    ends = median_interval(times)
    node = _NODE.fullmatch(row.name)
    in_graph = node is not None and not row.within_delegate and not row.graph
    return Operator(
        node_type=row.node_type,
        name=node["name"] if node else row.name,
        avg_us=median(times),
        low_us=ends[0] if ends else None,
        high_us=ends[1] if ends else None,
        index=int(node["index"]) if node and in_graph else None,
    )


def _placed(layers: tuple[Operator, ...], profiles: Sequence[OpProfile]) -> tuple[Operator, ...]:
    """Returns a file's operators with what ran each, where a delegate ran and a profile is whole.

    The runtime lists its own operators by their number in the graph, and each part of the graph
    that a delegate runs as one more operator after them.
    """
    whole = next((each for each in profiles if each.whole), None)
    if whole is None:
        return layers
    nodes = (_NODE.fullmatch(row.name) for row in whole.ops if not row.within_delegate)
    indices = {int(node["index"]) for node in nodes if node}
    if not any(index >= len(layers) for index in indices):
        return layers
    return tuple(replace(each, delegated=at not in indices) for at, each in enumerate(layers))


def _is_sum(row: OpRow, rows: tuple[OpRow, ...]) -> bool:
    """Returns whether a row is the total of a delegate's partition whose kernels have rows too."""
    has_kernels = any(each.within_delegate for each in rows)
    return has_kernels and not row.within_delegate and "delegate" in row.node_type.lower()
