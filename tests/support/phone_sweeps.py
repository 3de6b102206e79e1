"""Sweeps on phones for tests: what is measured, with what, and who watches."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.adb.phone import Phone
from bench.adb.state.facts import read_facts
from bench.adb.transport.serials import Found, Way
from bench.flow.device.requests import PhoneRequest, RunRequest, ToolRequest
from bench.flow.device.sweep import Sweep
from bench.flow.fleet import Job, Lane, MeasureJob, measure_devices
from bench.flow.phone.discovery import profile_of
from bench.flow.phone.phone import PhoneDevice
from bench.flow.phone.process import PhoneProcesses
from bench.flow.phone.sweep import phone_sweep
from bench.flow.phone.tool import PhoneTools
from bench.flow.report.results import CaseResult
from bench.flow.report.stored import results
from bench.measure.conditions import Limits, without_contention
from bench.plan.case import Delegate, Protocol
from bench.plan.suite import ALL_CORES, Suite, Target, bare_target
from bench.store.records import Invocation, Session
from bench.store.store import Store
from device_profiles.device_profile import profiles
from support.patience import PATIENCE_S

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

    def on_progress(self, device: str, step: str, done: int, total: int) -> None:
        self.steps[device, step] = (done, total)
        if step == "measure":
            self.measured.set()

    def on_message(self, device: str, line: str) -> None:
        self.lines.append(line)

    def on_session(self, device: str, session: Session) -> None:
        self.sessions.append(session)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What phones are asked to do."""

    run: RunRequest
    tool: ToolRequest
    phone: PhoneRequest
    check: bool | None = None
    job: Job | None = None

    def device(self, serial: str, way: Way = Way.TCP) -> PhoneDevice:
        """Returns a phone that is asked."""
        tools = PhoneTools(self.tool)
        return PhoneDevice(Found(serial=serial, way=way), self.run, tools, self.phone)

    def staged(self, phone: Phone) -> tuple[Sweep, PhoneProcesses]:
        """Returns what is measured on a phone that is reached already, and what runs it there."""
        facts = read_facts(phone)
        sweep = phone_sweep(
            phone,
            facts,
            profile_of(facts, profiles()),
            self.run,
            PhoneTools(self.tool),
            limits=self.phone.limits or without_contention(Limits()),
        )
        return sweep, PhoneProcesses(phone, sweep)


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


def wanted(
    tool: Path,
    *models: Path,
    suite: Suite = SUITE,
    targets: tuple[Target, ...] | None = None,
    check: bool | None = None,
    job: Job | None = None,
    wait_s: float = PATIENCE_S,
    **asked: object,
) -> Wanted:
    """Returns what phones are asked to do, on any of their cores if the suite names none.

    Args:
        asked: fields of the requests.
    """
    if suite.affinity is None:
        suite = replace(suite, affinity=ALL_CORES)
    if targets is None:
        targets = tuple(map(bare_target, models or (TINY, SPLIT)))
    of_run = {
        name: asked.pop(name)
        for name in ("library", "sides", "timeout_s", "value_files")
        if name in asked
    }
    return Wanted(
        run=RunRequest(suite=suite, targets=targets, **of_run),  # type: ignore[arg-type]
        tool=ToolRequest(binary=tool),
        phone=PhoneRequest(wait_s=wait_s, **asked),  # type: ignore[arg-type]
        check=check,
        job=job,
    )


def sweep(
    serials: Sequence[str],
    what: Wanted,
    database: Path,
    *,
    watch: Watch | None = None,
    way: Way = Way.TCP,
) -> Swept:
    watch = watch or Watch()
    job = what.job or MeasureJob(targets=what.run.targets, check=what.check)
    devices = [what.device(serial, way) for serial in serials]
    lanes = measure_devices(devices, job, str(database), reporter=watch)
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
