"""The demo, run once for all tests that look at what it leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.demo_run import STUDENTS, Ran
from support.gate_machine import Machine, planned, undisturbed
from support.patience import PATIENCE_S
from support.program import frill_bench

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
    # Two of its four students, the fewest processes with an interval, and no first page before.
    out.mkdir()
    (out / "index.html").touch()
    words = ["--out", out, "--students", ",".join(STUDENTS), "--processes", "6"]
    done = frill_bench("demo", *words, status=0)
    return Ran(out=out, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    """Returns one process of the runner on a small real file."""
    _, sweep = planned(tmp_path_factory.mktemp("real"), "tiny")
    case = sweep.cases[0]
    return undisturbed(
        execute(sweep.command(case), limit_s=PATIENCE_S, environment=sweep.tool.environment())
    )


@pytest.fixture
def machine(real: Execution) -> Machine:
    return Machine(real)
