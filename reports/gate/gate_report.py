"""One gate as reports show it: its findings and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import exp, isfinite

from bench.core.errors import ConfigurationError
from bench.core.version import VERSION
from bench.gate.findings import log_ratio
from bench.gate.log import Log
from bench.gate.ranks import Rank, ranks_of
from bench.gate.records import Opened
from bench.gate.verdict import Axis, Finding, ModelKey, Undecided, Verdict

_REGRESSION, _UNDECIDED, _GOOD = 1, 5, 0
_WORSE_THAN_A_REGRESSION = (130, 2, 70)

Facts = Mapping[str, float | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One gate.

    Args:
        title: distinguishes it and its device from others of one build.
        device: facts of it, as they are shown.
        tool: the benchmark program's identity.
        exit_code: by the table in docs/exit-codes.md.
        differences: what differs between the sides besides the models.
        message: why nothing was measured; empty where something was.
        undecided: ``--undecided``: which undecided models fail.
        started_at: in UTC; ``None`` for a log that is replayed.
        ratios: of each measured model's blocks, candidate over baseline, in their order.
        ranks: of a sustained gate's candidates; empty for others.
        provenance: name to text of what made these numbers.
    """

    title: str
    device: Facts
    tool: str
    seconds: float
    exit_code: int
    findings: tuple[Finding, ...]
    differences: tuple[str, ...] = ()
    message: str = ""
    undecided: Undecided = Undecided.WARN
    started_at: datetime | None = None
    ratios: Mapping[ModelKey, tuple[float, ...]] = field(default_factory=dict)
    ranks: tuple[Rank, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = Counter((finding.model, finding.axis) for finding in self.findings)
        twice = [f"{model} {axis}" for (model, axis), count in counts.items() if count > 1]
        verdicts = {finding.verdict for finding in self.findings}
        undecided = any(map(self.undecided.fails, self.findings))
        code = self.exit_code
        red = Verdict.REGRESSED in verdicts
        for holds, problem in (
            (not twice, f"{twice[0] if twice else ''} is there twice"),
            (isfinite(self.seconds) and self.seconds >= 0, f"{self.seconds} s is not a duration"),
            (red or code != _REGRESSION, "exit code 1 without a regression"),
            (
                not red or code in (_REGRESSION, *_WORSE_THAN_A_REGRESSION),
                f"a regression with exit code {code}",
            ),
            (undecided or code != _UNDECIDED, "exit code 5 without what is undecided and fails"),
            (
                code != _GOOD or not (undecided or Verdict.FAILED in verdicts),
                "exit code 0 with what failed",
            ),
        ):
            if not holds:
                raise ConfigurationError(problem, hint="correct what the gate reports")

    def of(self, *verdicts: Verdict) -> list[Finding]:
        """Returns the findings of these verdicts, in the order of ``Verdict``, then as given.

        Of the undecided ones, those that seem slower are first.
        """
        return loudest_first(each for each in self.findings if each.verdict in verdicts)

    @property
    def is_of_sides(self) -> bool:
        """Whether each file is compared with itself, measured in another way."""
        return any(finding.model.side for finding in self.findings)

    @property
    def seem_slower(self) -> list[Finding]:
        """The undecided findings that seem slower."""
        return [each for each in self.findings if each.seems_slower]


def loudest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Returns findings in the order of ``Verdict``, then as given.

    Of the undecided ones, those that seem slower are first.
    """
    order = list(Verdict)
    return sorted(findings, key=lambda each: (order.index(each.verdict), not each.seems_slower))


def gate_report(
    log: Log,
    findings: Sequence[Finding],
    *,
    seconds: float,
    exit_code: int,
    undecided: Undecided,
    started_at: datetime | None = None,
    log_file: str = "",
) -> GateReport:
    """Returns a log with its findings, for reports.

    Args:
        seconds: that the gate has taken.
        exit_code: that the program ends with.
        log_file: where the log is; empty where that is not known.
    """
    return GateReport(
        title=f"{'A/B' if log.opened.sides else 'gate'} on {log.opened.device.name}",
        device=device_facts(log.opened),
        tool=" ".join(sorted({pair.observed.tool_sha256 for pair in log.opened.models})),
        seconds=seconds,
        exit_code=exit_code,
        findings=tuple(findings),
        differences=log.opened.differences,
        undecided=undecided,
        ranks=ranks_of(log),
        started_at=started_at,
        ratios={
            finding.model: tuple(
                exp(log_ratio(block))
                for block in log.blocks(finding.model)[: finding.evidence.blocks]
            )
            for finding in findings
            if finding.axis is Axis.LATENCY and finding.evidence is not None
        },
        provenance=_provenance(log, log_file),
    )


def ended_report(
    *,
    exit_code: int,
    message: str,
    started_at: datetime,
    findings: Sequence[Finding] = (),
    differences: Sequence[str] = (),
) -> GateReport:
    """Returns a gate in which nothing was measured, for reports.

    Args:
        message: why.
        findings: on models that are not compared.
    """
    return GateReport(
        title="gate",
        device={},
        tool="",
        seconds=0.0,
        exit_code=exit_code,
        findings=tuple(findings),
        differences=tuple(differences),
        message=message,
        started_at=started_at,
        provenance={"frill-bench": VERSION},
    )


def _provenance(log: Log, log_file: str) -> dict[str, str]:
    """Returns how the models of a log were measured, name by name; what is not known is left out.

    What differs between the models is listed.
    """
    opened = log.opened
    setups = [pair.observed for pair in opened.models]
    values: dict[str, Iterable[object]] = {
        "log": [log_file],
        "gate": [opened.gate_id],
        "session": [opened.session_id],
        "started": [opened.started_at],
        "revision": [opened.revision],
        "seed of the coins": [opened.seed],
        "tool": [each.tool_sha256 for each in setups],
        "baseline's tool": [each.baseline_tool_sha256 for each in setups],
        "runner": [each.runner for each in setups],
        "runtime": [each.runtime for each in setups],
        "delegate": [each.delegate for each in setups],
        "baseline's delegate": [each.baseline_delegate for each in setups],
        "threads": [each.threads for each in setups],
        "baseline's threads": [each.baseline_threads for each in setups],
        "cores": [each.affinity for each in setups],
        "baseline's cores": [each.baseline_affinity for each in setups],
        "warm cache": ["yes" if each.warm_cache else "" for each in setups],
        "statistic": [each.statistic for each in setups],
        "processes per side": [opened.rule.processes_per_side],
        "frill-bench": [VERSION],
    }
    return {
        name: ", ".join(texts)
        for name, of in values.items()
        if (texts := [str(each) for each in dict.fromkeys(of) if each not in (None, "")])
    }


def device_facts(opened: Opened) -> Facts:
    """Returns the facts of a gate's device as they are shown."""
    device = opened.device
    return {
        "name": device.name,
        "kind": device.kind.value,
        "model": device.model,
        "cpu": device.cpu,
        "cores": device.cores,
        "os_build": device.os_build,
        "abi": device.abi,
        "serial": device.serial,
        "virtual": "yes" if device.virtual else "no",
    }
