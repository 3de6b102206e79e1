"""Runs a file on given inputs on a device, with the official tool, and returns its outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from bench.core.errors import ToolOutputError
from bench.flow.measure.session import SessionOnDevice
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Case, Mode, Protocol
from bench.plan.order import Planned
from bench.tool.input_flags import Input

OUTPUT = "outputs"
_NONE_RAN = ("delegate-not-applied", "delegate-mismatch")  # the runtime's own kernels did


def output_protocol(processes: int, *, max_secs: float) -> Protocol:
    """Returns the protocol of processes that are run for their outputs."""
    return Protocol(
        mode=Mode.OUTPUT_CHECK,
        processes=processes,
        num_runs=1,
        warmup_runs=0,
        warmup_min_secs=0.0,
        max_secs=max_secs,
    )


class Outputs:
    """Gets outputs from a device, one process at a time; each process is stored.

    Output files of an interrupted run are removed first, so that they are never used.
    """

    def __init__(self, here: SessionOnDevice) -> None:
        self._here = here
        self._stored = Counter(each.case.key for each in here.store.invocations(here.session.id))
        self.clear()

    def of(self, case: Case, inputs: Sequence[Input]) -> bytes:
        """Returns the raw bytes of all output tensors, one after the other.

        Raises:
            ConfigurationError: the tool takes no inputs or gives no outputs.
            ToolOutputError: the process failed, or wrote no outputs.
        """
        return self.with_outcome(case, inputs, self._here)[0]

    def with_outcome(
        self,
        case: Case,
        inputs: Sequence[Input],
        here: SessionOnDevice,
        *,
        without_delegate: bool = False,
    ) -> tuple[bytes, Measured | Failed]:
        """Returns the raw bytes of all output tensors, and the outcome of the process.

        Args:
            here: has the path of the case's file. Errors are those of ``of``.
            without_delegate: outputs count too if the delegate takes no operator; that is the only
                failure that is returned.
        """
        sweep, device = here.sweep, here.device
        ordinal = self._stored[case.key]
        output = device.folder / f"{OUTPUT}.{case.key[:12]}.{ordinal}"
        flags = replace(
            sweep.flags(case), inputs=tuple(inputs), output_file=output, result_file=None
        )
        planned = Planned(case=case, ordinal=ordinal)
        outcome = here.run(planned, sweep.tool_of(case).command(flags)).outcome
        self._stored[case.key] += 1
        content = device.read(output)
        if outcome is None:
            raise AssertionError("a process that was run here is judged")
        accepted = without_delegate and isinstance(outcome, Failed) and outcome.code in _NONE_RAN
        if isinstance(outcome, Failed) and not accepted:
            raise ToolOutputError(outcome.failure, hint="its latency cannot be measured either")
        if content is None:
            raise ToolOutputError(
                "the tool succeeded but wrote no output file", hint="use another build"
            )
        return content, outcome

    def clear(self) -> None:
        """Removes all outputs from the device."""
        self._here.device.clear(f"{OUTPUT}.*")
