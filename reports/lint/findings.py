"""Findings on files: what a delegate left or split, and what is not known of a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The kind of a finding; the value is what ``--fail-on`` takes."""

    UNREADABLE = "unreadable"
    FALLBACK = "fallback"
    PARTITIONS = "partitions"
    OPERATORS_LEFT = "operators-left"
    DYNAMIC = "dynamic"
    UNKNOWN = "unknown"


MEANINGS = {
    Rule.FALLBACK: "the delegate that was asked for did not run, or ran only part of the graph",
    Rule.PARTITIONS: "a delegate runs the graph in several partitions",
    Rule.OPERATORS_LEFT: "a delegate leaves operators to the interpreter's own kernels",
    Rule.DYNAMIC: "a shape is open, or known only while the graph runs",
    Rule.UNREADABLE: "LiteRT cannot load the file, or lacks an operator of it",
    Rule.UNKNOWN: "nothing was run that would show it",
}
COSTS = {
    Rule.FALLBACK: "The times of such a run are those of the CPU, not of the delegate.",
    Rule.PARTITIONS: "Tensors are handed over at both ends of each partition, which costs time; a "
    "quantised file can so be slower than its float32 file.",
    Rule.OPERATORS_LEFT: "They run on the interpreter's own kernels, which may be many times "
    "slower.",
    Rule.DYNAMIC: "Delegates that only take static shapes (GPU, NNAPI, NPUs) leave such operators, "
    "or refuse the graph. A benchmark measures one size of an open shape.",
    Rule.UNREADABLE: "It cannot be measured or shipped with this runtime.",
    Rule.UNKNOWN: "Nothing is claimed for it. Run the file there: frill-bench run --model FILE "
    "--db FILE, with the delegate; then lint with the same --db.",
}

IN_THE_FILE = "in the file"
NOT_RUN = "unknown: nothing was run there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a delegate did with a file, where it was really run.

    Args:
        device: its name; ``this machine`` for what was observed while linting.
        tool: the program, and the runtime where it is known.
        delegate: that was asked for.
        model: of the device, as its maker names it; empty where unknown.
        nodes_total, nodes_delegated, partitions: as observed; ``None`` where the tool does not
            report them.
        failure: why it did not run as asked; empty if it did.
        session: id of the stored session, empty for none; ``at``: when, ISO 8601.
        origin: where stored numbers come from, such as an imported log; empty if measured here.
        virtual: the device is not a real one.
    """

    device: str
    tool: str
    delegate: str
    model: str = ""
    nodes_total: int | None = None
    nodes_delegated: int | None = None
    partitions: int | None = None
    failure: str = ""
    session: str = ""
    at: str = ""
    origin: str = ""
    virtual: bool = False

    @property
    def evidence(self) -> str:
        """Where and how it was observed, in words."""
        device = f"{self.device} (virtual)" if self.virtual else self.device
        by = f"observed on {device} with {self.tool}"
        return ", ".join(filter(None, (by, self.at[:10], self.origin)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding on one file.

    Args:
        message: the fact, with its numbers.
        evidence: how it is known.
        device, delegate: of which it is true; empty for what is in the file.
        why: reasons and next steps, as far as they are known.
    """

    rule: Rule
    message: str
    evidence: str
    device: str = ""
    delegate: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """One file.

    Args:
        name: of the model, with its format where that is known.
        path: as it was found.
        findings: in the order of ``Rule``.
        observations: everything that was seen of it, also where nothing was found.
    """

    name: str
    path: str
    sha256: str
    size_bytes: int
    findings: tuple[Finding, ...]
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """All files, and which findings fail.

    Args:
        classes: the device classes that were asked for.
    """

    files: tuple[Linted, ...]
    fail_on: frozenset[Rule] = frozenset()
    classes: tuple[str, ...] = ()

    def findings(self) -> Iterator[tuple[Linted, Finding]]:
        """Yields each finding with its file: those that fail first, unknown ones last."""
        found = [(file, each) for file in self.files for each in file.findings]
        yield from sorted(found, key=lambda pair: self._order(pair[1]))

    def fails(self, finding: Finding) -> bool:
        """Returns whether a finding is one of ``--fail-on``; an unreadable file always is."""
        return finding.rule in self.fail_on or finding.rule is Rule.UNREADABLE

    @property
    def failing(self) -> int:
        """How many findings fail."""
        return sum(self.fails(each) for _, each in self.findings())

    def _order(self, finding: Finding) -> tuple[bool, bool, int]:
        rules = list(Rule)
        return not self.fails(finding), finding.rule is Rule.UNKNOWN, rules.index(finding.rule)
