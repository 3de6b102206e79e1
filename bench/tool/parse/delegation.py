"""Who computed the nodes: names of delegates, and what the lines about them add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

# Parts of the names that tools, kernels and flags use, to the one name that we use.
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
_WRAPPERS = ("external", "stable")  # their kernels carry the vendor's name


def canonical(name: str) -> str:
    """Returns our name for a delegate; one that no list knows came from outside."""
    lower = name.lower()
    return next((ours for part, ours in _NAMES if part in lower), "external")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One line that says how many nodes a delegate took.

    Args:
        delegate: our name.
        nodes: taken.
        total: nodes of the graph, where said.
        partitions: pieces they were taken in, where said.
        subgraph: which one; ``None`` where the line does not name it.
        announced: said by the delegate beforehand, not by the runtime that did it.
    """

    delegate: str
    nodes: int
    total: int | None
    partitions: int | None
    subgraph: str | None = None
    announced: bool = False


@dataclass(slots=True)
class Delegation:
    """Everything a log says about delegates, gathered line by line.

    Args:
        requested: asked for, by echo or command line.
        applied: our names of those said to be applied.
        partial: those said to run part of the graph.
        kernels: of those, how many pieces.
        refused: our name to the sentence that says it does not run.
        unloaded: our name to the sentence that says its library is missing.
        fallback: the sentence that says that the CPU took over.
        xnnpack_created: the runtime made its XNNPACK delegate.
        default_refused: the runtime could not apply that delegate and went on without it.
        full_required: running in part was forbidden.
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
        """Notes that a delegate was asked for."""
        if name not in self.requested:
            self.requested.append(name)

    @property
    def accelerators(self) -> list[str]:
        """Those that ran nodes and are not the CPU, in order; XNNPACK and Flex are the CPU."""
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
        """Our name of what ran; ``none`` if delegates are known to have taken nothing."""
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
        shares = self._counted(self.shares)
        return "none" if shares and not any(share.nodes for share in shares) else None

    @property
    def nodes(self) -> tuple[int | None, int | None, int | None]:
        """Nodes delegated, nodes in all and partitions of what ran."""
        name = self.observed
        shares = self._counted(
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
        """Whether the delegate took the whole graph; ``None`` where the log does not say."""
        delegated, total, _ = self.nodes
        if self.observed in self.partial:
            return False
        if delegated is not None and total is not None:
            return delegated == total
        return True if self.observed in self.applied else None

    def _empty(self, name: str) -> bool:
        """Whether the log counts the nodes that a delegate took, and there were none."""
        shares = self._counted(share for share in self.shares if self._belongs(share, name))
        return bool(shares) and not any(share.nodes for share in shares)

    @staticmethod
    def _belongs(share: Share, name: str | None) -> bool:
        if name in _WRAPPERS:
            return share.delegate not in (*_CPU, "flex")
        return share.delegate == name or (name == "none" and share.delegate != "flex")

    @staticmethod
    def _counted(shares: Iterable[Share]) -> list[Share]:
        """Returns one share a subgraph; the runtime's own words go before an announcement.

        Old runtimes leave out the size of the graph; an announcement of as many nodes gives it.
        """
        found = [share for share in shares if share.delegate != "flex"]
        sizes = {share.nodes: share.total for share in found if share.announced}
        done = [share for share in found if not share.announced] or found
        done = [
            replace(share, total=sizes.get(share.nodes)) if share.total is None else share
            for share in done
        ]
        by_place = {
            share.subgraph if share.subgraph is not None else (share.nodes, share.total): share
            for share in done
        }
        return list(by_place.values())
