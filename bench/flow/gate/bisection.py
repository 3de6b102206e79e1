"""Bisects revisions of a file or builds of the tool: each comparison is a gate with its own logs.

What is known is read from the logs, so an interrupted bisection continues with the same command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import ConfigurationError
from bench.flow.device.requests import SideRequest
from bench.flow.gate.log_file import read
from bench.flow.gate.references import Comparison, Side, pair_up
from bench.gate.findings import latency_findings
from bench.gate.history.bisection import Compared, Ended, next_comparison
from bench.gate.log import Log
from bench.gate.records import CloseReason
from bench.gate.verdict import Finding, Interval
from bench.plan.suite import Target

_TOOL = "benchmark_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One of several in order.

    Args:
        tool: the build of the tool, where those are the revisions.
    """

    name: str
    target: Target
    tool: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """A bisection.

    Args:
        revisions: the oldest first, two or more.
        folder: of the logs, a folder for each comparison; of this bisection alone.
        faster: which one became faster is asked, so the two sides of each gate are swapped.
    """

    revisions: tuple[Revision, ...]
    folder: Path
    faster: bool = False

    def next(self) -> Compared | Ended:
        """Returns what to compare next, or how it ended."""
        logs = self.logs()
        verdicts = {compared: finding_of(log).verdict for compared, log in logs.items()}
        return next_comparison(len(self.revisions), verdicts)

    def logs(self) -> Mapping[Compared, Log]:
        """Returns the log of each comparison that has ended, in order."""
        found = {}
        for folder in self.folder.glob("*-*"):
            before, _, after = folder.name.partition("-")
            logs = [read(path) for path in folder.glob("[!.]*.jsonl")]
            ended = [log for log in logs if log.closed is CloseReason.DECIDED]
            if ended:
                compared = Compared(before=int(before) - 1, after=int(after) - 1)
                found[compared] = max(ended, key=lambda log: log.opened.started_at)
        return dict(sorted(found.items()))

    def folder_of(self, compared: Compared) -> Path:
        """Returns the folder of a comparison's logs; revisions are counted from 1."""
        return self.folder / f"{compared.before + 1}-{compared.after + 1}"

    def named(self, compared: Compared) -> tuple[str, str]:
        """Returns the names of both revisions."""
        return self.revisions[compared.before].name, self.revisions[compared.after].name

    def gate(self, compared: Compared) -> tuple[Comparison, tuple[SideRequest, ...]]:
        """Returns what a comparison's gate compares, and how each side is measured.

        The sides are empty where the files differ and not the tools.
        """
        pair = [self.revisions[compared.before], self.revisions[compared.after]]
        old, new = reversed(pair) if self.faster else pair
        before, after = (Side(targets=(each.target,), is_alone=True) for each in (old, new))
        tools = [each.tool for each in (old, new) if each.tool is not None]
        return pair_up(before, after), tuple(SideRequest(tool=tool) for tool in tools)

    def change(self, log: Log) -> Interval | None:
        """Returns the ratio of the later revision to the earlier one."""
        change = finding_of(log).change
        if change is None or not self.faster:
            return change
        ends = (change.low, change.high)
        low, high = (None if each is None else 1 / each for each in reversed(ends))
        return Interval(value=1 / change.value, low=low, high=high)


def tools_in_order(places: Sequence[Path]) -> list[Path]:
    """Returns the builds of the tool in files and folders.

    The files of a folder are in the order of their names, with numbers by their value; a
    ``benchmark_model`` in each of its folders counts by the folder's name.

    Raises:
        ConfigurationError: a place has none.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = [each / _TOOL if each.is_dir() else each for each in place.glob("[!.]*")]
            builds = [each for each in inside if each.is_file()]
            found += sorted(builds, key=_by_numbers)
        else:
            builds = [place] if place.is_file() else []
            found += builds
        if not builds:
            raise ConfigurationError(
                f"--tools {place}: no build of the tool there",
                hint=f"give files in order, or a folder of files or of folders with {_TOOL}",
            )
    return found


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Returns a key by which ``v2.10`` is after ``v2.9``."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(each), "") if each.isdigit() else (-1, each) for each in parts]


def finding_of(log: Log) -> Finding:
    """Returns the only finding of a comparison's log."""
    (finding,) = latency_findings(log)
    return finding
