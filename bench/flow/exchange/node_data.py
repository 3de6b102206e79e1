"""The op profiles of a database as files for Model Explorer."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.core import atomic
from bench.core.errors import ConfigurationError
from bench.flow.report.results import CaseResult
from bench.flow.report.stored import newest_results
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.op_profile import OpProfile, OpRow
from reports.exchange.model_explorer import node_data_json

PROVENANCE = "provenance.json"
# The tool prints the names of an operator's outputs, and newer ones its number within the graph.
_OUTPUTS = re.compile(r"\[(?P<first>.*?)(?:, .*)?\](?::(?P<number>\d{1,9}))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeData:
    """A file that was written, and what is in it.

    Args:
        matched, unmatched: numbers of rows of the op profile.
        matched_us, unmatched_us: their times in one inference; a delegate's row and those of its
            kernels are both among the unmatched ones, but its time is counted once.
    """

    file: str
    model: str
    artifact_sha256: str
    device: str
    session: str
    tool_sha256: str
    delegate: str
    threads: int
    matched: int
    matched_us: float
    unmatched: int
    unmatched_us: float
    unit: str = "us"


def write_node_data(store: Store, folder: Path) -> list[NodeData]:
    """Returns what it wrote: a file for each case with an op profile, and their provenance.

    Raises:
        ConfigurationError: no case has an op profile.
    """
    profiled = [
        (session, each, each.profile)
        for session, cases in newest_results(store)
        for each in cases
        if each.profile is not None
    ]
    if not profiled:
        raise ConfigurationError(
            f"{store.url}: holds no op profile",
            hint="measure one with the official tool: frill-bench run --op-profile",
        )
    written: list[NodeData] = []
    for session, result, profile in profiled:
        file = _file_name(session, result, [each.file for each in written])
        text, about = _node_data(session, result, profile, file)
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_text(folder / file, text)
        written.append(about)
    listed = [asdict(each) for each in written]
    atomic.write_text(folder / PROVENANCE, json.dumps(listed, indent=1) + "\n")
    return written


def _node_data(
    session: Session, result: CaseResult, profile: OpProfile, file: str
) -> tuple[str, NodeData]:
    times_us: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    matched, others = [], []
    for row in profile.ops:
        node = _node(row)
        if node is None:
            others.append(row)
        else:
            matched.append(row)
            times_us[_graph(row)][node] += row.avg_us
    about = NodeData(
        file=file,
        model=result.name,
        artifact_sha256=result.case.artifact_sha256,
        device=session.device.name,
        session=session.id,
        tool_sha256=result.case.tool_sha256,
        delegate=result.case.delegate.value,
        threads=result.case.threads,
        matched=len(matched),
        matched_us=round(sum((row.avg_us for row in matched), 0.0), 3),
        unmatched=len(others),
        unmatched_us=round(sum(_once_us(others), 0.0), 3),
    )
    return node_data_json(times_us or {"": {}}), about


def _node(row: OpRow) -> str | None:
    """Returns the operator that a row is of; ``None`` for a delegate's and for no operator's."""
    outputs = _OUTPUTS.match(row.name)
    if outputs is None or row.within_delegate or "delegate" in row.node_type.lower():
        return None
    return outputs["number"] or outputs["first"] or None


def _graph(row: OpRow) -> str:
    """Returns the name that Model Explorer gives to a row's graph; empty for the main one."""
    return f"subgraph_{row.graph}" if row.graph.isdigit() else row.graph


def _once_us(rows: Sequence[OpRow]) -> Iterator[float]:
    """Yields the times of rows, those of kernels only where no row of a delegate has them too."""
    has_delegate = any("delegate" in row.node_type.lower() for row in rows)
    for row in rows:
        if not (row.within_delegate and has_delegate):
            yield row.avg_us


def _file_name(session: Session, result: CaseResult, taken: Sequence[str]) -> str:
    case = result.case
    parts = (result.name, session.device.name, case.delegate, f"{case.threads}-threads")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", ".".join(parts)).strip("-.")[:120]
    file = f"{name}.us.json"
    return f"{name}.{case.key[:8]}.us.json" if file in taken else file
