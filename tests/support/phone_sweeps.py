"""Sweeps on phones for tests: what is measured, with what, and who watches."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.adb.transport.serials import Found, Way
from bench.flow.device.phone import Wanted
from bench.flow.fleet import Lane, measure_phones
from bench.flow.report.results import CaseResult, results
from bench.plan.case import Delegate, Protocol
from bench.plan.suite import Suite, bare_target
from bench.store.records import Invocation, Session
from bench.store.store import Store

DATA = Path(__file__).parents[1] / "data"
TINY = DATA / "tiny.tflite"
SPLIT = DATA / "tiny_split.tflite"
QUICK = Protocol(processes=2, warmup_runs=1, warmup_min_secs=0, max_secs=5)
SUITE = Suite(name="test", models=("*",), delegates=(Delegate.NONE,), protocol=QUICK)


@dataclass
class Watch:
    """Remembers what it is told."""

    sessions: list[Session] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    steps: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    measured: threading.Event = field(default_factory=threading.Event)

    def far(self, serial: str, step: str, done: int, total: int) -> None:
        self.steps[serial, step] = (done, total)
        if step == "measure":
            self.measured.set()

    def said(self, serial: str, what: str) -> None:
        self.lines.append(what)

    def began(self, serial: str, session: Session) -> None:
        self.sessions.append(session)


@dataclass
class Swept:
    """What a sweep left."""

    lanes: list[Lane]
    watch: Watch
    invocations: dict[str, list[Invocation]]
    cases: dict[str, tuple[CaseResult, ...]]

    @property
    def only(self) -> list[Invocation]:
        """The processes of the only session."""
        (found,) = self.invocations.values()
        return found


def wait_until(holds: Callable[[], bool], *, limit_s: float = 30.0) -> None:
    """Returns once a condition holds, which is asked every few milliseconds."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def wanted(tool: Path, *models: Path, suite: Suite = SUITE, **asked: object) -> Wanted:
    return replace(
        Wanted(
            suite=suite,
            targets=tuple(map(bare_target, models or (TINY, SPLIT))),
            tool_for=lambda facts: tool,
            mask_of_big_cores=lambda facts, threads: None,
            wait_s=10.0,
        ),
        **asked,  # type: ignore[arg-type]  # fields of Wanted
    )


def sweep(
    serials: Sequence[str],
    what: Wanted,
    database: Path,
    *,
    watch: Watch | None = None,
    workers: int | None = None,
    way: Way = Way.TCP,
) -> Swept:
    watch = watch or Watch()
    phones = [Found(serial=serial, way=way) for serial in serials]
    with ThreadPoolExecutor(workers or len(phones)) as executor:
        lanes = measure_phones(phones, what, str(database), executor=executor, narrator=watch)
    with Store.open(database) as store:
        return Swept(
            lanes=lanes,
            watch=watch,
            invocations={each.id: store.invocations(each.id) for each in watch.sessions},
            cases={each.id: results(store, each) for each in watch.sessions},
        )


def stand_in(folder: Path, body: str = "", *, flags: Sequence[str] = ()) -> Path:
    """Returns a tool for phones that does ``body`` and then prints what the official one printed.

    Args:
        body: where ``$graph`` is the model and ``$result`` the file for the result proto.
        flags: that it knows beside the official one's.
    """
    usage = (DATA / "stand_in" / "usage.txt").read_text()
    usage += "".join(f"\t--{name}=\tstring\toptional\t\n" for name in flags)
    said = (DATA / "stand_in" / "run.txt").read_text().replace("@GRAPH@", "$graph")
    path = folder / "benchmark_model"
    path.write_text(
        "#!/system/bin/sh\n"
        'for word in "$@"; do case $word in\n'
        f"--help) cat >&2 <<'USAGE'\n{usage}\nUSAGE\nexit 1;;\n"
        "--graph=*) graph=${word#--graph=};;\n"
        "--result_file_path=*) result=${word#--result_file_path=};;\n"
        "esac; done\n"
        f"{body}\ncat <<SAID\n{said}SAID\n"
    )
    path.chmod(0o755)
    return path
