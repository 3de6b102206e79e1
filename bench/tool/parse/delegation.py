"""Delegation: names of delegates, and what the lines about them mean together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

# Parts of the names in tools, kernels and flags, to our name.
_NAMES = (
    ("xnnpack", "xnnpack"),
    ("ynnpack", "ynnpack"),
    ("flex", "flex"),
    ("select tf ops", "flex"),
    ("gpu", "gpu"),
    ("metal", "gpu"),
    ("litert_", "gpu"),  # LITERT_CL, LITERT_GL, LITERT_WEBGPU
    ("ml_drift", "gpu"),
    ("nnapi", "nnapi"),
    ("hexagon", "hexagon"),
    ("coreml", "coreml"),
    ("dispatch", "npu"),
    ("npu", "npu"),
    ("stable", "stable"),
)
_CPU = ("xnnpack", "ynnpack")
_WRAPPERS = ("external", "stable")  # their kernels have the vendor's name


def canonical(name: str) -> str:
    """Returns our name for a delegate; ``external`` for an unknown one."""
    lower = name.lower()
    return next((ours for part, ours in _NAMES if part in lower), "external")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One line with the number of nodes that a delegate took.

    Args:
        delegate: our name.
        nodes: number of nodes taken.
        total: nodes of the graph, if printed.
        partitions: number of partitions, if printed.
        subgraph: its number; ``None`` if the line does not have it.
        announced: printed by the delegate before, not by the runtime that applied it.
    """

    delegate: str
    nodes: int
    total: int | None
    partitions: int | None
    subgraph: str | None = None
    announced: bool = False


@dataclass(slots=True)
class Delegation:
    """All lines of a log about delegates, collected line by line.

    Args:
        requested: those in the echo or the command line.
        applied: our names of those that were applied, as printed.
        partial: those that run part of the graph, as printed.
        kernels: our name to the number of pieces.
        refused: our name to the line that reports that it does not run.
        unloaded: our name to the line that reports that its library is missing.
        fallback: the line that reports that the CPU took over.
        xnnpack_created: the runtime made its XNNPACK delegate.
        default_refused: the runtime could not apply that delegate and continued without it.
        full_required: full delegation was required.
        cpu_forbidden: the CPU was not to be used at all.
    """

    requested: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    partial: set[str] = field(default_factory=set)
    kernels: dict[str, int] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unloaded: dict[str, str] = field(default_factory=dict)
    fallback: str | None = None
    xnnpack_created: bool = False
    default_refused: bool = False
    full_required: bool = False
    cpu_forbidden: bool = False

    def request(self, name: str) -> None:
        """Records that a delegate was requested."""
        if name not in self.requested:
            self.requested.append(name)

    @property
    def accelerators(self) -> list[str]:
        """Delegates that ran nodes and are not the CPU, in order; XNNPACK and Flex are the CPU."""
        took = [*self.applied, *(share.delegate for share in self.shares if share.nodes)]
        wrapped = any(name in _WRAPPERS for name in self.applied)
        return [
            name
            for name in dict.fromkeys(took)
            if name not in (*_CPU, "flex")
            and name not in self.refused
            and not (wrapped and name not in self.applied)
            and not self._empty(name)
        ]

    @property
    def observed(self) -> str | None:
        """Our name of the delegate that ran; ``none`` if the log shows that none took a node."""
        if self.accelerators:
            return self.accelerators[0]
        for name in _CPU:
            shares = [share for share in self.shares if share.delegate == name]
            if shares and not any(share.nodes for share in shares):
                return "none"
            if shares or (name in self.applied and name not in self.refused):
                return name
        if self.xnnpack_created and "xnnpack" not in self.refused:
            return "none" if self.default_refused else "xnnpack"
        shares = self._by_subgraph(self.shares)
        return "none" if shares and not any(share.nodes for share in shares) else None

    @property
    def nodes(self) -> tuple[int | None, int | None, int | None]:
        """Delegated nodes, nodes in all and partitions of the delegate that ran."""
        name = self.observed
        shares = self._by_subgraph(
            share
            for share in self.shares
            if self._belongs(share, name) and share.delegate not in self.refused
        )
        if not shares:
            return None, None, self.kernels.get(name or "")
        totals = [share.total for share in shares if share.total is not None]
        pieces = [share.partitions for share in shares if share.partitions is not None]
        return (
            sum(share.nodes for share in shares),
            sum(totals) if totals else None,
            sum(pieces) if pieces else self.kernels.get(name or ""),
        )

    @property
    def whole(self) -> bool | None:
        """Whether the delegate took the whole graph; ``None`` if unknown."""
        delegated, total, _ = self.nodes
        if self.observed in self.partial:
            return False
        if delegated is not None and total is not None:
            return delegated == total
        return True if self.observed in self.applied else None

    def _empty(self, name: str) -> bool:
        """Whether the log shows that a delegate took 0 nodes."""
        shares = self._by_subgraph(share for share in self.shares if self._belongs(share, name))
        return bool(shares) and not any(share.nodes for share in shares)

    @staticmethod
    def _belongs(share: Share, name: str | None) -> bool:
        if name in _WRAPPERS:
            return share.delegate not in (*_CPU, "flex")
        return share.delegate == name or (name == "none" and share.delegate != "flex")

    @staticmethod
    def _by_subgraph(shares: Iterable[Share]) -> list[Share]:
        """Returns one share per subgraph; the runtime's lines have priority over announcements.

        Old runtimes do not print the size of the graph; an announcement of as many nodes has it.
        """
        counted = [share for share in shares if share.delegate != "flex"]
        sizes = {share.nodes: share.total for share in counted if share.announced}
        done = [share for share in counted if not share.announced] or counted
        done = [
            replace(share, total=sizes.get(share.nodes)) if share.total is None else share
            for share in done
        ]
        by_place = {
            share.subgraph if share.subgraph is not None else (share.nodes, share.total): share
            for share in done
        }
        return list(by_place.values())
