"""One gate as reports show it: its findings and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from bench.core.errors import ConfigurationError
from bench.gate.log import Log
from bench.gate.records import Opened
from bench.gate.verdict import Finding, Verdict

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
        undecided_fails: ``--undecided=fail``.
        started_at: in UTC; ``None`` for a log that is replayed.
    """

    title: str
    device: Facts
    tool: str
    seconds: float
    exit_code: int
    findings: tuple[Finding, ...]
    differences: tuple[str, ...] = ()
    message: str = ""
    undecided_fails: bool = False
    started_at: datetime | None = None

    def __post_init__(self) -> None:
        counts = Counter((finding.model, finding.axis) for finding in self.findings)
        twice = [f"{model} {axis}" for (model, axis), count in counts.items() if count > 1]
        verdicts = {finding.verdict for finding in self.findings}
        undecided = self.undecided_fails and Verdict.UNDECIDED in verdicts
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
        """Returns the findings of these verdicts, in the order of ``Verdict``, then as given."""
        chosen = [finding for finding in self.findings if finding.verdict in verdicts]
        return sorted(chosen, key=lambda finding: list(Verdict).index(finding.verdict))


def gate_report(
    log: Log,
    findings: Sequence[Finding],
    *,
    seconds: float,
    exit_code: int,
    undecided_fails: bool,
    started_at: datetime | None = None,
) -> GateReport:
    """Returns a log with its findings, for reports.

    Args:
        seconds: that the gate has taken.
        exit_code: that the program ends with.
    """
    return GateReport(
        title=f"gate on {log.opened.device.name}",
        device=device_facts(log.opened),
        tool=" ".join(sorted({pair.observed.tool_sha256 for pair in log.opened.models})),
        seconds=seconds,
        exit_code=exit_code,
        findings=tuple(findings),
        differences=log.opened.differences,
        undecided_fails=undecided_fails,
        started_at=started_at,
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
    )


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
