"""Does a job on devices and shows its progress and its results, also after Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.cli.console import print_to_stderr
from bench.cli.terminal import progress
from bench.core.errors import worst
from bench.flow.device.device import COOL, PUSH, QUEUE, Device
from bench.flow.fleet import Job, Lane, measure_devices
from bench.store.store import Store

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from bench.store.records import Session

_UNITS = {PUSH: " MB", COOL: " s", QUEUE: " s"}
# Shows the results of sessions, and returns their exit codes.
Show = Callable[[Store, Sequence["Session"], Sequence[Lane]], set[int]]


def do_on_devices(devices: Sequence[Device], job: Job, db: str, show: Show) -> int:
    """Returns the exit code of a job on devices."""
    Store.open(db).close()  # a database that cannot be used is an error before anything is measured
    lanes: list[Lane] = []
    codes: set[int] = set()
    with progress() as bars:
        reporter = BarReporter(bars)
        try:
            lanes = measure_devices(devices, job, db, reporter=reporter)
        finally:  # also when interrupted: what was measured is shown
            bars.stop()
            with Store.open(db) as store:
                codes = show(store, reporter.sessions, lanes)
    for lane in lanes:
        if lane.error is not None:
            has_name = lane.error.message.startswith(lane.device)
            print_to_stderr(str(lane.error) if has_name else f"{lane.device}: {lane.error}")
            codes.add(lane.error.exit_code)
    return worst(codes)


class BarReporter:
    """Shows the progress and messages of all devices, and collects their sessions."""

    def __init__(self, bars: Progress) -> None:
        self.sessions: list[Session] = []
        self._bars = bars
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._lock = threading.Lock()

    def on_progress(self, device: str, step: str, done: int, total: int) -> None:
        """Moves a bar; bytes are shown as MB."""
        unit = 1_000_000 if step == PUSH else 1
        with self._lock:
            if (device, step) not in self._tasks:
                label = f"{device} {step}{_UNITS.get(step, '')}"
                self._tasks[device, step] = self._bars.add_task(label, total=None)
            self._bars.update(
                self._tasks[device, step], completed=done / unit, total=max(total / unit, 1)
            )

    def on_message(self, device: str, line: str) -> None:
        """Prints a line above the bars."""
        text = line if line.startswith(device) else f"{device}: {line}"
        self._bars.console.print(text, soft_wrap=True, highlight=False)

    def on_session(self, device: str, session: Session) -> None:
        """Collects a session, once."""
        with self._lock:
            if session not in self.sessions:
                self.sessions.append(session)
