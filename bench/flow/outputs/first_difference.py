"""The first tensor that a device computes otherwise than this machine, found by bisecting a graph.

Files that are cut out of the model end after one operator or another; what is left of the graph
then gives its open tensors as outputs. The device and this machine's built-in kernels run each cut
on the same input, so that about log2(operators) processes find the operator whose inputs agree and
whose result does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import Format
from bench.core.errors import BenchError, ConfigurationError, ToolOutputError
from bench.flow.measure.session import SessionOnDevice
from bench.flow.outputs.record import FirstDifference
from bench.flow.outputs.run import Outputs
from bench.measure.outcome import Failed
from bench.plan.case import Case
from bench.tool.input_flags import Input
from models.graph.cut import Cutter, Piece
from models.tflite.apart import Model
from models.tflite.arrays import Floats
from models.tflite.raw_tensors import from_bytes

# Signal to noise from which a tensor counts as right: below it is what rounding explains.
_RIGHT_DB = {Format.FLOAT16: 60.0, Format.DYNAMIC: 50.0, Format.INT8: 40.0}
_LOST_DB = -20.0  # and below: nothing is left of it
_JUMP_DB = 6.0  # twice the error: less is what rounding adds from operator to operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One input of a file.

    Args:
        values: float32, of each input tensor.
        inputs: the same on the device.
    """

    values: tuple[Floats, ...]
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    """An output of a cut, as the device gave it."""

    name: str
    snr_db: float
    error_max: float | None
    reference_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    """What the device made of a cut.

    Args:
        delegated: how many operators the delegate took, as far as the tool's log shows.
    """

    tensors: tuple[_Tensor, ...]
    delegated: int | None

    @property
    def worst(self) -> _Tensor:
        return min(self.tensors, key=lambda each: each.snr_db)


def find_first_difference(
    here: SessionOnDevice,
    outputs: Outputs,
    case: Case,
    given: Given,
    *,
    bounds: Format,
    folder: Path,
) -> FirstDifference:
    """Returns where the outputs of a case first differ from those of this machine.

    Args:
        case: whose outputs on ``given`` are wrong.
        bounds: the format whose bounds hold for its outputs.
        folder: for the cut files; has to stay while the device is used.
    """
    try:
        path = here.sweep.paths[case.artifact_sha256]
        device = _CutsOnDevice(here, outputs, case, given, folder)
        return _Search(Cutter(path.read_bytes()), device, _RIGHT_DB[bounds]).run()
    except (BenchError, OSError) as error:
        if not isinstance(error, ConfigurationError | ToolOutputError | OSError):
            raise
        what = error.message if isinstance(error, BenchError) else str(error)
        return FirstDifference(runs=0, caveats=(f"the graph could not be bisected: {what}",))


class _Search:
    """The bisection of one file on one input: the signal-to-noise ratio falls where the fault is.

    Args:
        right_db: from this ratio on a tensor counts as right.
    """

    def __init__(self, cutter: Cutter, device: _CutsOnDevice, right_db: float) -> None:
        self._cutter, self._device, self._right_db = cutter, device, right_db
        self._probes: dict[int, _Probe] = {}
        self._failed: dict[int, str] = {}

    def run(self) -> FirstDifference:
        moving = [at for at in range(len(self._cutter.ops)) if at not in self._cutter.fixed]
        if not moving:
            return FirstDifference(runs=0, caveats=("no operator depends on the inputs",))
        self._probes[moving[-1]] = self._device.run(self._cutter.whole())
        if self._level_db(moving[-1]) > self._right_db - _JUMP_DB:
            return FirstDifference(
                runs=self._device.runs,
                caveats=(
                    "run again, the file gives what this machine's built-in kernels give: the "
                    "fault does not come every time, or is in what the outputs are compared with",
                ),
            )
        low, high = self._bisect(moving)
        return self._result(moving, low, high)

    def _bisect(self, moving: Sequence[int]) -> tuple[int, int]:
        """Returns the places in ``moving`` of the last right cut, -1 if none, and the next wrong.

        Cuts that do not run are stepped over, so that there may be some between both.
        """
        low, high = -1, len(moving) - 1
        while open_ := [at for at in range(low + 1, high) if moving[at] not in self._failed]:
            middle = open_[len(open_) // 2]
            try:
                self._probe(moving[middle])
            except (ToolOutputError, ConfigurationError) as error:
                self._failed[moving[middle]] = error.message
                continue
            before, here, after = (
                self._right_db if at < 0 else self._level_db(moving[at])
                for at in (low, middle, high)
            )
            if before - here >= here - after:
                high = middle
            else:
                low = middle
        return low, high

    def _result(self, moving: Sequence[int], low: int, high: int) -> FirstDifference:
        index = moving[high]
        probe = self._probes[index]
        # Of several that differ, the operator's own result is what the cut before did not have.
        names = {} if low < 0 else {each.name for each in self._probes[moving[low]].tensors}
        new = [each for each in probe.tensors if each.name not in names]
        found = min(new or probe.tensors, key=lambda each: each.snr_db)
        return FirstDifference(
            op=self._cutter.ops[index],
            index=index,
            operators=len(self._cutter.ops),
            tensor=found.name,
            error_max=found.error_max,
            reference_max=found.reference_max,
            snr_db=None if math.isinf(found.snr_db) else found.snr_db,
            caveats=tuple(self._caveats(moving, low, high)),
            runs=self._device.runs,
        )

    def _caveats(self, moving: Sequence[int], low: int, high: int) -> list[str]:
        index, found = moving[high], self._of_the_cut(moving, high)
        if high - low > 1:
            between = [moving[at] for at in range(low + 1, high)]
            found.append(
                f"cuts after the operators {', '.join(map(str, between))} do not run there, so the "
                f"fault may be in one of them: {self._failed[between[0]]}"
            )
        if low < 0:
            found.append(
                "it is the first operator: the inputs or the outputs of the tool may be wrong too"
            )
            return found
        before_db, after_db = self._level_db(moving[low]), self._level_db(index)
        if before_db - after_db < _JUMP_DB:
            found.append(
                f"there is no jump here ({before_db:.1f} dB before, {after_db:.1f} dB after): "
                "rounding adds up over many operators"
            )
        found += self._of_the_delegate(moving[low], index)
        return found

    def _of_the_cut(self, moving: Sequence[int], high: int) -> list[str]:
        """Returns whether a cut after the last operator is computed otherwise than the file."""
        if high < len(moving) - 1:
            return []  # a cut file has been wrong too
        try:
            cut = self._device.run(self._cutter.up_to(moving[high]))
        except (ToolOutputError, ConfigurationError) as error:
            return [
                f"no cut file shows the fault, and one with all operators fails: {error.message}"
            ]
        if cut.worst.snr_db > (self._right_db + self._level_db(moving[high])) / 2:
            return [
                "no cut file shows the fault, not even one with all operators: the delegate treats "
                "them otherwise than the file, so the fault may be in any operator"
            ]
        return []

    def _of_the_delegate(self, before: int, index: int) -> list[str]:
        """Returns whether the delegate computes operators together, so that a cut changes that."""
        op = self._cutter.ops
        pair = f"operators {before} {op[before]} and {index} {op[index]}"
        taken = self._probes[index].delegated, self._probes[before].delegated
        more = None if None in taken else (taken[0] or 0) - (taken[1] or 0)
        if more is not None and more > index - before:
            return [
                f"the delegate takes {more} operators more in this cut than in the one before it: "
                "it takes earlier ones only together with this one, so one of those may be wrong"
            ]
        try:
            exposed = self._device.run(self._cutter.up_to(index, also=[before]))
        except (ToolOutputError, ConfigurationError) as error:
            return [f"whether {pair} are computed together is not known: {error.message}"]
        limit_db = (self._level_db(before) + self._level_db(index)) / 2
        wrong = {each.name for each in exposed.tensors if not each.snr_db > limit_db}
        if not wrong:
            return [
                f"{pair} are computed together: where the first gives its result too, both are "
                "right; the fault is in the kernel for both"
            ]
        if self._cutter.names[before] in wrong:
            return [f"{pair} are computed together: either may be the wrong one"]
        return []

    def _level_db(self, index: int) -> float:
        worst_db = self._probes[index].worst.snr_db
        return min(max(worst_db, _LOST_DB), self._right_db)

    def _probe(self, last: int) -> None:
        if last not in self._probes:
            self._probes[last] = self._device.run(self._cutter.up_to(last))


class _CutsOnDevice:
    """Runs cut files on a device and on this machine, on one input.

    Attributes:
        runs: how many processes ran on the device.
    """

    def __init__(
        self, here: SessionOnDevice, outputs: Outputs, case: Case, given: Given, folder: Path
    ) -> None:
        self._here, self._outputs, self._case = here, outputs, case
        self._given, self._folder = given, folder
        self.runs = 0

    def run(self, piece: Piece) -> _Probe:
        """Returns what the device and this machine make of a cut.

        Raises:
            ToolOutputError, ConfigurationError: one of them cannot run it.
        """
        path = self._folder / f"cut-{self.runs}-{self._case.key[:12]}.tflite"
        path.write_bytes(piece.content)
        reference = Model(path, delegate="none")(*self._given.values)
        sha256, here = self._here.with_file(path)
        self.runs += 1
        case = replace(self._case, artifact_sha256=sha256, full_delegation=False)
        raw, outcome = self._outputs.with_outcome(
            case, self._given.inputs, here, without_delegate=True
        )
        values = from_bytes(raw, piece.outputs, [each.size for each in reference])
        tensors = zip(piece.outputs, reference, values, strict=True)
        return _Probe(
            tensors=tuple(_compared(one.name, ours, theirs) for one, ours, theirs in tensors),
            delegated=0 if isinstance(outcome, Failed) else outcome.nodes_delegated,
        )


def _compared(name: str, reference: Floats, values: Floats) -> _Tensor:
    """Returns how near a tensor of a device is to this machine's, both float32 of one size."""
    ours, theirs = (np.ravel(each).astype(np.float64) for each in (reference, values))
    error = np.abs(ours - theirs)
    finite = bool(np.isfinite(error).all())
    same = np.array_equal(ours, theirs, equal_nan=True)
    return _Tensor(
        name=name,
        snr_db=math.inf if same else _snr_db(ours, error) if finite else -math.inf,
        error_max=float(error.max(initial=0.0)) if finite else None,
        reference_max=float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0)),
    )


def _snr_db(reference: NDArray[np.float64], error: NDArray[np.float64]) -> float:
    """Returns the signal-to-noise ratio, both float64 [size] and finite."""
    signal = max(float(np.square(reference).sum()), float(np.finfo(np.float32).eps))
    return 10 * math.log10(signal / float(np.square(error).sum()))
