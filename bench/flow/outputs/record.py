"""What is known of the outputs of an artifact on a device, and what that means for its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.core import config
from bench.core.artifact import Fidelity
from bench.core.caveats import Caveat, CaveatKind
from bench.plan.case import Case, Delegate
from bench.plan.device import Device
from bench.store.store import Store

EVENT = "correctness"
# Artifact, tool, delegate, its library and what that was given.
Subject = tuple[str | None, ...]


class Verdict(StrEnum):
    """What a check of outputs found."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of an artifact's outputs on one device.

    Args:
        case: key of the case whose processes made the outputs.
        device, os_build: the device's key and system: an update may bring another driver.
        verdict: ``unchecked`` where nothing could be compared.
        reason: why it is not ``passed``: a kebab-case code, a colon and a sentence.
        inputs: what the model was given, in words.
        reference_sha256: of the file that the host ran for comparison.
        fidelity: to it; ``None`` where nothing could be compared.
    """

    case: str
    artifact_sha256: str
    device: str
    os_build: str
    tool_sha256: str
    delegate: Delegate
    library_sha256: str | None = None
    library_options: str = ""
    verdict: Verdict
    reason: str = ""
    inputs: str = ""
    reference_sha256: str | None = None
    fidelity: Fidelity | None = None

    @property
    def evidence(self) -> str:
        """The reason and the numbers, for people."""
        found = self.fidelity
        numbers = ""
        if found is not None:
            snr = "" if found.snr_db is None else f", SNR {found.snr_db:.1f} dB"
            numbers = (
                f"cosine {found.cosine_mean:.5f}, centred {found.centred_cosine_mean:.4f}{snr}, "
                f"on {self.inputs}"
            )
        return "; ".join(filter(None, (f"{self.delegate}: {self.reason}", numbers)))


def subject_of(about: Case | Check) -> Subject:
    """Returns what computes the same on one device: numbers of threads make no other numbers."""
    return (
        *(about.artifact_sha256, about.tool_sha256, about.delegate.value),
        *(about.library_sha256, about.library_options),
    )


def checks(store: Store, device: Device, *, session: str | None = None) -> dict[Subject, Check]:
    """Returns the newest check of each subject on a device as it is now, by subject.

    Args:
        session: only those that were made in it.
    """
    found = [
        config.structure(event.facts, Check, source=store.url)
        for event in store.events(session, kind=EVENT)
    ]
    here = (device.key, device.os_build)
    return {subject_of(each): each for each in found if (each.device, each.os_build) == here}


def output_doubts(check: Check | None) -> tuple[Caveat, ...]:
    """Returns the doubt that a device computes something else, where it does."""
    if check is None or check.verdict is not Verdict.FAILED:
        return ()
    return (Caveat(kind=CaveatKind.WRONG_OUTPUT, evidence=check.evidence),)


def host_score_doubts(check: Check | None, *, scored_by: str) -> tuple[Caveat, ...]:
    """Returns the doubt about a score that was made on the host by another delegate or precision.

    Args:
        check: of the row's artifact, device and delegate.
        scored_by: the host's delegate.
    """
    if check is None:
        return (Caveat(kind=CaveatKind.SCORED_ON_HOST, evidence=f"by {scored_by}, never checked"),)
    if check.verdict is Verdict.UNCHECKED:
        evidence = f"by {scored_by}; {check.reason}"
        return (Caveat(kind=CaveatKind.SCORED_ON_HOST, evidence=evidence),)
    return ()
