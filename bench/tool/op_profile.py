"""Op profiles: parses the tables of operators that the interpreter's tool prints."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from bench.tool.parse.lines import read

_BEGIN = re.compile(r"(?:Operator-wise )?Profiling Info for (?P<what>.*):$")
_TITLE = re.compile(r"=+ *(?P<title>[A-Z][\w ]*?) *=+$")
_GRAPH = re.compile(
    r"(?P<primary>Primary graph)\b.*:$|(?P<inside>Delegate internal):$"
    r"|Subgraph \(index: (?P<index>\d+)(?:, name: (?P<name>.*?))?\) \w+:$"
)
_EXECUTED = re.compile(r"Number of nodes executed: (\d{1,9})$")
_RUN_ORDER, _BY_TYPE = "Run Order", "Summary by node type"
_GAP = re.compile(r"\t\s*|\s{2,}")  # pasted logs have blanks where the tool writes tabs
# The column names of all tool versions, in text and CSV, to the fields here.
_COLUMNS = {
    "node type": "node_type",
    "count": "nodes",
    "avg ms": "avg_ms",
    "avg_ms": "avg_ms",
    "%": "percent",
    "avg %": "percent",
    "mem kb": "mem_kb",
    "times called": "times_called",
    "name": "name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRow:
    """One operator, or all of one type.

    Args:
        node_type: ``CONV_2D``, or the name of a delegate or of one of its kernels.
        name: name of the operator's outputs, as printed; empty for a type.
        nodes: number of operators in the row.
        avg_us: mean time in one inference, in us.
        percent: share of its graph's time, 0 to 100.
        times_called: number of calls in one inference; old tools print 0.
        mem_kb: memory as printed, in kB.
        graph: the subgraph's name, or its number without one; empty for the primary graph.
        within_delegate: whether its time is also part of a delegate's row.
    """

    node_type: str
    name: str
    nodes: int
    avg_us: float
    percent: float
    times_called: int
    mem_kb: float
    graph: str
    within_delegate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpProfile:
    """The tables of the regular runs; those of the initialisation are left out.

    Args:
        ops: in run order, graph by graph.
        types: the longest first, graph by graph.
        whole: whether there are as many operators as the tool reports to have run.
    """

    ops: tuple[OpRow, ...]
    types: tuple[OpRow, ...]
    whole: bool


@dataclass(slots=True)
class _Reading:
    """The state of the parser between two lines, and the rows so far."""

    regular: bool = True  # old tools profiled the regular runs only and have no heading
    title: str = ""
    graph: str = ""
    within_delegate: bool = False
    csv: bool = False
    columns: list[str] = field(default_factory=list)
    ops: list[OpRow] = field(default_factory=list)
    types: list[OpRow] = field(default_factory=list)
    executed: int = 0

    def take(self, text: str) -> None:
        """Takes one line; raises ``ValueError`` for a truncated row."""
        if begin := _BEGIN.match(text):
            self.regular = "Initialization" not in begin["what"]
            self.title, self.graph, self.within_delegate = "", "", False
        elif graph := _GRAPH.match(text):
            self.title, self.graph = "", graph["name"] or graph["index"] or ""
            self.within_delegate = graph["inside"] is not None
        elif title := _TITLE.match(text):
            self.title, self.columns = title["title"], []
        elif executed := _EXECUTED.match(text):
            self.title = ""
            self.executed += int(executed[1]) if self.regular else 0
        elif self.regular and self.title in (_RUN_ORDER, _BY_TYPE):
            self._row(text)

    def _row(self, text: str) -> None:
        if not self.columns:
            self.csv = not text.startswith("[")
            self.columns = [cell.strip("[] ").lower() for cell in self._cells(text)]
            return
        cells = self._cells(text)
        if len(cells) == 1 or " count=" in text:  # the text after the last table
            self.title = ""
            return
        if len(cells) != len(self.columns):
            raise ValueError("a row was cut off")
        named = zip(self.columns, cells, strict=True)
        row = {_COLUMNS[name]: cell for name, cell in named if name in _COLUMNS}
        # A comma inside a name is a tab in CSV.
        name = row.get("name", "").replace("\t", "," if self.csv else "\t")
        rows = self.ops if self.title == _RUN_ORDER else self.types
        rows.append(
            OpRow(
                node_type=row["node_type"],
                name=name,
                nodes=int(row.get("nodes", 1)),
                avg_us=round(float(row["avg_ms"]) * 1000, 3),
                percent=_share(row["percent"]),
                times_called=int(row["times_called"]),
                mem_kb=float(row["mem_kb"]),
                graph=self.graph,
                within_delegate=self.within_delegate,
            )
        )

    def _cells(self, text: str) -> list[str]:
        # The last cell of a known table is a name, which may contain separators.
        splits = max(len(self.columns) - 1, 0)
        if self.csv:
            return text.split(", ", maxsplit=splits or -1)
        return _GAP.split(text, maxsplit=splits)


def parse_op_profile(stdout: str) -> OpProfile | None:
    """Returns the op profile of the regular runs; ``None`` if there is no readable one.

    Args:
        stdout: of a run with ``--enable_op_profiling=true``, or its CSV file.
    """
    reading = _Reading()
    try:
        for line in read(stdout):
            reading.take(line.text)
    except (KeyError, ValueError):
        return None
    if not reading.ops:
        return None
    return OpProfile(
        ops=tuple(reading.ops),
        types=tuple(reading.types),
        whole=reading.executed == len(reading.ops),
    )


def _share(text: str) -> float:
    """Returns a percentage; 0 for nan, which the tool prints if the total time is 0."""
    value = float(text.removesuffix("%"))
    return value if math.isfinite(value) else 0.0
