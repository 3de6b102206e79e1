"""The demo, run once for all tests that look at what it leaves."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.demo_run import Ran
from support.gate_machine import Machine, planned, undisturbed

from bench.tool.host import Execution, execute


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what these tests remember of phones apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRILL_BENCH_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, audio_root: Path) -> Ran:
    out = tmp_path_factory.mktemp("demo") / "page"
    started = time.perf_counter()
    done = subprocess.run(
        # Half of the default processes, the fewest with an interval: the other files need the time.
        [sys.executable, "-P", "-m", "bench", "demo", "--out", str(out), "--processes", "6"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    wall_s = time.perf_counter() - started
    return Ran(out=out, wall_s=wall_s, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    """Returns one process of the runner on a small real file."""
    _, sweep = planned(tmp_path_factory.mktemp("real"), "tiny")
    case = sweep.cases[0]
    return undisturbed(
        execute(sweep.command(case), limit_s=30, environment=sweep.tool.environment())
    )


@pytest.fixture
def machine(real: Execution) -> Machine:
    return Machine(real)
