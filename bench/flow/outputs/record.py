"""The records of output checks, and the caveats that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeAlias

from bench.core import config, units
from bench.core.artifact import Fidelity
from bench.core.caveats import Caveat, CaveatKind
from bench.core.hashing import sha256_value
from bench.plan.case import Computation, Delegate
from bench.plan.device import DeviceRecord
from bench.plan.inputs import ChosenSignature, GivenInput
from bench.store.store import Store

EVENT = "correctness"


class Verdict(StrEnum):
    """The result of an output check."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDifference:
    """The first tensor that a device computes otherwise than this machine, by bisecting the graph.

    Args:
        op, index: the operator's type and its number in the graph, from 0; no type where none was
            found.
        operators: of the graph.
        tensor: the name of its result.
        error_max: the largest difference; ``None`` where values are not finite.
        reference_max: the largest size of a value here.
        snr_db: signal to noise of the result; ``None`` where nothing is left of it.
        runs: processes on the device.
        caveats: sentences on what makes the name less sure, or why there is none.
    """

    op: str = ""
    index: int = 0
    operators: int = 0
    tensor: str = ""
    error_max: float | None = None
    reference_max: float = 0.0
    snr_db: float | None = None
    runs: int
    caveats: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What was found, in words."""
        if not self.op:
            return f"the first tensor that differs was not found: {'; '.join(self.caveats)}"
        error = (
            "values that are not finite"
            if self.error_max is None
            else f"off by up to {self.error_max:.3g} (values up to {self.reference_max:.3g} here"
            f"{'' if self.snr_db is None else f', SNR {self.snr_db:.1f} dB'})"
        )
        name = f"{self.op} {self.tensor}, operator {self.index} of 0 to {self.operators - 1}"
        found = f"the first tensor that differs is the result of {name}: {error}"
        runs = f"found by {units.counted(self.runs, 'process')} with cut files"
        return "; ".join((f"{found}, {runs}", *self.caveats))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of an artifact's outputs on one device.

    Args:
        case: key of the case whose processes made the outputs.
        device, os_build: the device's key and system build: an update may change the driver.
        given_inputs, signature: as of the case.
        verdict: ``unchecked`` where nothing could be compared.
        reason: why it is not ``passed``: a kebab-case code, a colon and a sentence.
        inputs: the inputs, in words.
        reference_sha256: of the file that the host ran.
        fidelity: to the host's outputs; ``None`` where nothing could be compared.
        first_difference: of wrong outputs, where this machine's outputs of the same file are right.
    """

    case: str
    artifact_sha256: str
    device: str
    os_build: str
    tool_sha256: str
    delegate: Delegate
    library_sha256: str | None = None
    library_options: str = ""
    given_inputs: tuple[GivenInput, ...] = ()
    signature: ChosenSignature | None = None
    verdict: Verdict
    reason: str = ""
    inputs: str = ""
    reference_sha256: str | None = None
    fidelity: Fidelity | None = None
    first_difference: FirstDifference | None = None

    @property
    def computation(self) -> Computation:
        """What was checked."""
        return Computation.of(self)

    @property
    def evidence(self) -> str:
        """The reason and the numbers, in words."""
        fidelity = self.fidelity
        numbers = ""
        if fidelity is not None:
            snr = "" if fidelity.snr_db is None else f", SNR {fidelity.snr_db:.1f} dB"
            numbers = (
                f"cosine {fidelity.cosine_mean:.5f}, "
                f"centred {fidelity.centred_cosine_mean:.4f}{snr}, "
                f"on {self.inputs}"
            )
        first = self.first_difference.text if self.first_difference else ""
        return "; ".join(filter(None, (f"{self.delegate}: {self.reason}", numbers, first)))


_SUBJECT = ("device", "os_build", *(each.name for each in fields(Computation)))

# The newest check of each computation, by a device's key and system build.
Checks: TypeAlias = Mapping[tuple[str, str], Mapping[Computation, Check]]


def read_checks(store: Store, *, session: str | None = None) -> Checks:
    """Returns the checks of outputs that a store holds.

    Args:
        session: only the checks of this session.
    """
    checks: dict[tuple[str, str], dict[Computation, Check]] = defaultdict(dict)
    # By everything but the result: each computation is checked again in every session.
    newest: dict[str, dict[str, object]] = {}
    for event in store.events(session, kind=EVENT):
        subject = sha256_value([event.facts.get(name) for name in _SUBJECT])
        newest.pop(subject, None)
        newest[subject] = event.facts
    for facts in newest.values():
        check = config.structure(facts, Check, source=store.url)
        checks[check.device, check.os_build][check.computation] = check
    return checks


def checks_on(device: DeviceRecord, checks: Checks) -> Mapping[Computation, Check]:
    """Returns the checks on a device with its current system build."""
    return checks.get((device.key, device.os_build), {})


def output_caveats(check: Check | None) -> tuple[Caveat, ...]:
    """Returns the caveat of a device with wrong outputs, if they are wrong."""
    if check is None or check.verdict is not Verdict.FAILED:
        return ()
    return (Caveat(kind=CaveatKind.WRONG_OUTPUT, evidence=check.evidence),)


def host_score_caveats(check: Check | None, *, scored_by: str) -> tuple[Caveat, ...]:
    """Returns the caveat about a score that was made on the host by another delegate or precision.

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
