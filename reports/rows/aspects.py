"""What rows share or differ in besides their numbers: device, tool, delegate, cores, session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench.core import units
from bench.core.score import PRESENT_RULE
from reports.rows.hops import hop_s
from reports.rows.schema import MEASURED_HERE, Stream, Timed

R = TypeVar("R", bound=Timed)
_SHORT = 8  # characters of a hash or a UUID; the page's provenance has all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """Something that rows share or differ in.

    Args:
        value: returns a row's; ``None`` where it has none.
        usual: the value that is not shown where all rows share it.
        whole: returns a row's for the line of what all share, where ``value`` is shortened.
    """

    name: str
    value: Callable[[Timed], object]
    usual: str = ""
    whole: Callable[[Timed], object] | None = None


# The settings in which rows may differ besides device, program, delegate and threads, as text.
SETTINGS: Mapping[str, Callable[[Timed], str]] = {
    "tool": lambda row: short_sha256(row.setup.tool_sha256),
    "cores": lambda row: row.setup.affinity or "all",
    "library": lambda row: short_sha256(row.setup.library_sha256),
    "options": lambda row: row.setup.library_options or "none",
    "delegation": lambda row: "whole graph" if row.setup.full_delegation else "any part",
    "clocks": lambda row: "fixed" if row.setup.fixed_performance else "free",
    "cache": lambda row: "warm" if row.setup.warm_cache else "none",
    "inputs": lambda row: row.setup.given_inputs or "as in the file",
    "signature": lambda row: row.setup.signature or "the only one",
    "origin": lambda row: row.setup.origin,
}
_USUAL = {
    "cores": "all", "library": "none", "options": "none", "delegation": "any part",
    "clocks": "free", "cache": "none", "inputs": "as in the file", "signature": "the only one",
    "origin": MEASURED_HERE,
}  # fmt: skip


def short_sha256(sha256: str | None) -> str:
    """Returns the first characters of a hash; "none" for none."""
    return sha256[:_SHORT] if sha256 else "none"


def short_protocols(rows: Iterable[R]) -> dict[R, str]:
    """Returns each row's protocol without the parts that all share, and without its hop."""
    parts = {row: row.setup.protocol.split(", ") for row in rows}
    shared = set.intersection(*map(set, parts.values())) if parts else set()
    return {
        row: ", ".join(each for each in own if each not in shared and each != _pause(row))
        for row, own in parts.items()
    }


def _pause(row: Timed) -> str:
    """Returns the part of a streaming run's protocol that is its hop, which has its own column."""
    return f"run_delay_s={row.hop_s:g}" if isinstance(row, Stream) else ""


def varying(rows: Sequence[Timed]) -> list[Aspect]:
    """Returns what rows differ in, in the order of their columns."""
    return [
        aspect for aspect in _aspects(rows) if len({aspect.value(row) for row in rows} - {None}) > 1
    ]


def shared(rows: Sequence[Timed]) -> dict[str, str]:
    """Returns what all rows have in common, in words, for the line above the table."""
    common = {}
    for aspect in _aspects(rows):
        values = {(aspect.whole or aspect.value)(row) for row in rows} - {None}
        if len(values) == 1 and (value := values.pop()) not in ("", aspect.usual):
            common[aspect.name] = in_words(value)
    return common


def shared_sentence(rows: Sequence[Timed]) -> str:
    """Returns what all rows have in common as a sentence; empty for nothing."""
    parts = [f"{name} {value}" for name, value in shared(rows).items()]
    return f"In all rows: {', '.join(parts)}." if parts else ""


def in_words(value: object) -> str:
    """Returns the value of an aspect as text; a number never in exponents."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:g}" if abs(value) < 1e6 else units.significant(value)


def _aspects(rows: Sequence[Timed]) -> list[Aspect]:
    protocols = short_protocols(rows)
    settings = [
        Aspect(name=name, value=value, usual=_USUAL.get(name, ""))
        for name, value in SETTINGS.items()
    ]
    files: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        files[row.file.name].add(row.file.artifact_sha256)
    file = Aspect(name="file", value=lambda row: short_sha256(row.file.artifact_sha256))
    return [
        Aspect(name="device", value=lambda row: row.setup.device),
        Aspect(name="timed by", value=lambda row: row.setup.runner),
        settings[0],
        Aspect(name="runtime", value=lambda row: row.setup.runtime),
        Aspect(name="delegate", value=lambda row: row.setup.delegate),
        Aspect(name="threads", value=lambda row: row.setup.threads),
        *settings[1:],
        Aspect(name="protocol", value=protocols.__getitem__),
        Aspect(
            name="session",
            value=lambda row: row.session[:_SHORT],
            whole=lambda row: row.session,
        ),
        Aspect(name="processes per file", value=_column("processes")),
        Aspect(name="task set", value=_column("score_task_set")),
        Aspect(name="scored with", value=_column("score_rule"), usual=PRESENT_RULE),
        Aspect(name="hop (s)", value=hop_s),
        *([file] if any(len(of_name) > 1 for of_name in files.values()) else []),
    ]


def _column(name: str) -> Callable[[Timed], object]:
    return lambda row: getattr(row, name, None)  # some kinds of rows lack it
