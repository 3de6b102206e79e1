"""The drift probe: a tiny fixed model, timed between processes if a phone hides heat and clocks.

It shows whether such a phone became slower during a session. It is not a filter: no process is
discarded because of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import DeviceError
from bench.core.hashing import sha256_file
from bench.flow.device.device import Device
from bench.flow.device.sweep import Sweep
from bench.measure.conditions import hides_heat_and_clocks
from bench.plan.case import Case, Delegate, Mode, Protocol, Runner
from bench.store.records import Event
from bench.tool.host import Execution
from bench.tool.parse import parse_log

PROBE = "probe"
MODEL = Path(__file__).with_name("probe.tflite")
EVERY = 10  # processes between two probes
PROCESSES = 3  # per probe
_DRIFT_RATIO = 0.05  # probes on a quiet phone differ by less
_PROTOCOL = Protocol(
    mode=Mode.PROBE,
    processes=PROCESSES,
    num_runs=3,
    min_secs=0.1,
    warmup_runs=1,
    warmup_min_secs=0.1,
    max_secs=5.0,
)


class Probe:
    """Times the tiny model on a phone that hides its state, and stores the times as events.

    Args:
        device: where it is timed.
        sweep: of the session; the probe runs on the same cores with the same tool.
        on_message: takes a message if the probe does not run.
        log: stores an event.
    """

    def __init__(
        self,
        device: Device,
        sweep: Sweep,
        *,
        on_message: Callable[[str], None],
        log: Callable[..., None],
    ) -> None:
        self._device = device
        self._sweep = sweep
        self._on_message = on_message
        self._log = log
        self._staged: tuple[Case, tuple[str, ...]] | None = None
        self._wanted = False
        self._since = EVERY  # processes since the last probe

    def before(self, case: Case) -> None:
        """Takes a probe before every tenth process, once the phone hides its state.

        There is no probe in the sustained mode, which must not pause.
        """
        if case.protocol.mode is not Mode.SUSTAINED and self._wanted and self._since >= EVERY:
            self.take()

    def after(self, case: Case, execution: Execution) -> None:
        """Counts a process, and checks whether the phone hides its state."""
        if case.protocol.mode is Mode.SUSTAINED:
            return
        self._since += 1
        if self._staged is None:
            after = execution.telemetry.after
            self._wanted = after is not None and hides_heat_and_clocks(after)

    def finish(self) -> None:
        """Takes a last probe, if a process ran after the one before.

        If the phone is lost now, nothing is missing: all processes are measured.
        """
        if self._wanted and self._staged is not None and self._since:
            with suppress(DeviceError):
                self.take()

    def take(self) -> None:
        """Times the tiny model now.

        Raises:
            RebootedError: the phone came back on another boot.
            DeviceError: the phone does not come back, or is lost again and again.
        """
        case, command = self._staged = self._staged or self._stage()
        runs = [self._device.run(case, command) for _ in range(PROCESSES)]
        logs = [parse_log(each.stdout, each.stderr, exit_status=each.exit_status) for each in runs]
        failure = next((log.failure or "unreadable" for log in logs if not log.ok), None)
        medians_us = [
            (log.percentiles_us or {}).get("median", log.inference_avg_us) for log in logs
        ]
        latency_us = [] if failure else [value for value in medians_us if value is not None]
        self._log(PROBE, latency_us=latency_us, command=list(runs[0].command), failure=failure)
        self._since = 0
        if not latency_us:
            self._wanted = False
            self._on_message(f"it hides heat and clocks, and the drift probe fails: {failure}")

    def _stage(self) -> tuple[Case, tuple[str, ...]]:
        """Copies the probe's file to the device; returns its case and command."""
        sha256 = sha256_file(MODEL)
        paths = self._device.put({sha256: MODEL})
        sweep = replace(
            self._sweep,
            paths={**self._sweep.paths, sha256: MODEL},
            device_paths={**self._sweep.device_paths, **paths},
            result_file=None,
            timeout_s=None,  # the user's --timeout is for other processes
        )
        like = min(sweep.cases, key=lambda case: case.threads)
        compiled = like.runner is Runner.COMPILED_MODEL  # its only CPU delegate is XNNPACK
        case = replace(
            like,
            artifact_sha256=sha256,
            threads=1,
            delegate=Delegate.XNNPACK if compiled else Delegate.NONE,
            full_delegation=False,
            warm_cache=False,
            library_sha256=None,
            library_options="",
            protocol=_PROTOCOL,
        )
        return case, sweep.command(case)


def probe_caveats(events: Iterable[Event]) -> tuple[Caveat, ...]:
    """Returns the caveat about every row of a session whose probes drifted."""
    probes_us = [_middle_us(event) for event in events if event.kind == PROBE]
    known_us = [value for value in probes_us if value is not None]
    if not known_us[1:]:  # one probe has nothing to be compared with
        return ()
    first_us, *later_us = known_us
    furthest_us = max(later_us, key=lambda value_us: abs(math.log(value_us / first_us)))
    change = furthest_us / first_us - 1
    if abs(change) <= _DRIFT_RATIO:
        return ()
    return (
        Caveat(
            kind=CaveatKind.PROBE_DRIFTED,
            evidence=f"{100 * change:+.0f} % over the session's first: {furthest_us:.0f} us after "
            f"{first_us:.0f} us, the furthest of {len(known_us)} probes",
        ),
    )


def _middle_us(event: Event) -> float | None:
    """Returns the median of a probe's processes, from stored facts; ``None`` if it failed."""
    stored = event.facts.get("latency_us")
    values_us = [float(each) for each in stored] if isinstance(stored, list) else []
    return median(values_us) if values_us and min(values_us) > 0 else None
