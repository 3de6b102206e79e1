"""Operators that the stand-in delegate computes wrong on a handset, and what the check finds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.flow.outputs.record import Check
from bench.handset.benchmark_tool import delegate_library
from bench.plan.case import Delegate
from bench.plan.suite import Suite
from bench.store.records import Invocation
from support.phone_sweeps import QUICK, sweep, wanted


def checked(
    serial: str, tool: Path, model: Path, options: str, database: Path
) -> tuple[Check, Sequence[Invocation]]:
    """Returns the output check of a model with the stand-in delegate, and all processes."""
    suite = Suite(
        name="test",
        models=("*",),
        delegates=(Delegate.EXTERNAL,),
        protocol=replace(QUICK, processes=1),
        external_delegate="given below",
        external_delegate_options=options,
    )
    what = wanted(tool, model, suite=suite, check=True, library=delegate_library())
    swept = sweep([serial], what, database)
    assert swept.lanes[0].error is None
    ((result,),) = swept.cases.values()
    assert result.check is not None
    return result.check, swept.only
