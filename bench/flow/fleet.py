"""A job on several devices: phones in parallel, then this machine alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from bench.core.errors import BenchError, RebootedError
from bench.flow.device.device import Contact, Device
from bench.flow.device.interrupts import until_stopped
from bench.flow.device.sweep import Sweep
from bench.flow.measure.session import SessionOnDevice, measure, open_session
from bench.flow.outputs.check import check_outputs
from bench.plan.suite import Target
from bench.store.records import Session
from bench.store.store import Store

_REBOOTS = 2  # a phone that reboots more often while it is measured is set aside

# The steps of a job; their progress is in cases and in processes.
_CHECK = "check outputs"
_MEASURE = "measure"


class OpenJob(Protocol):
    """A job with a session on one device."""

    @property
    def session(self) -> Session:
        """The session of its processes."""

    def run(self, device: Device, contact: Contact) -> None:
        """Does the job.

        Raises:
            RebootedError: the phone was rebooted; the caller opens the job again.
            DeviceError: the device was lost for good; what was measured is stored.
        """


class Job(Protocol):
    """The work on each device: measure, gate or calibrate."""

    @property
    def targets(self) -> Sequence[Target]:
        """The files that are measured; their manifests are stored."""

    def open(self, sweep: Sweep, store: Store) -> OpenJob:
        """Returns the job with its unfinished session of this boot and build, or with a new one.

        Raises:
            ConfigurationError: the tool does not support the job; nothing was stored.
        """


class Reporter(Protocol):
    """Shows progress and messages; called from any thread."""

    def on_progress(self, device: str, step: str, done: int, total: int) -> None:
        """Takes the progress of a step on a device."""

    def on_message(self, device: str, line: str) -> None:
        """Takes a line to show at once."""

    def on_session(self, device: str, session: Session) -> None:
        """Takes a session that begins or is resumed; another one after a reboot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The result of one device.

    Args:
        error: why it was set aside; ``None`` if it finished.
    """

    device: str
    error: BenchError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureJob:
    """Times every case of a sweep.

    Args:
        check: whether the official tool's outputs are compared with those of the interpreter:
            ``None`` for files with a manifest.
    """

    targets: tuple[Target, ...]
    check: bool | None = None

    def open(self, sweep: Sweep, store: Store) -> OpenMeasureJob:
        """Returns the job with its session."""
        session = open_session(sweep, store)
        return OpenMeasureJob(job=self, sweep=sweep, session=session, store=store)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMeasureJob:
    """A sweep that is being timed."""

    job: MeasureJob
    sweep: Sweep
    session: Session
    store: Store

    def run(self, device: Device, contact: Contact) -> None:
        """Compares outputs where requested, waits until the device is ready, measures."""
        check, sweep = self.job.check, self.sweep
        here = SessionOnDevice(device=device, sweep=sweep, session=self.session, store=self.store)
        if sweep.tool.binary is not None and check is not False:
            check_outputs(
                here,
                [each for each in self.job.targets if check or each.artifact is not None],
                on_message=contact.on_message,
                on_progress=partial(contact.on_progress, _CHECK),
            )
        device.require_ready()
        on_progress = partial(contact.on_progress, _MEASURE)
        measure(sweep, self.session, self.store, device, on_progress=on_progress)


def measure_devices(
    devices: Sequence[Device], job: Job, url: str, *, reporter: Reporter
) -> list[Lane]:
    """Returns the result of each device; one that fails is set aside and the others continue.

    Each phone has a lane, and lanes run in parallel. This machine is measured after them, because
    they would disturb it.

    Args:
        url: of the store; each lane opens its own.

    Raises:
        KeyboardInterrupt: after every device has ended what ran on it.
    """
    phones = [each for each in devices if not each.is_this_machine]
    hosts = [each for each in devices if each.is_this_machine]
    lanes: dict[str, Lane] = {}
    for group in filter(None, (phones, hosts)):
        done = until_stopped([partial(_lane, device, job, url, reporter) for device in group])
        lanes.update({lane.device: lane for lane in done})
    return [lanes[device.name] for device in devices]


def _lane(
    device: Device, job: Job, url: str, reporter: Reporter, stopped: Callable[[], bool]
) -> Lane:
    contact = Contact(
        on_message=partial(reporter.on_message, device.name),
        on_progress=partial(reporter.on_progress, device.name),
        stopped=stopped,
    )
    try:
        with device.opened(contact), Store.open(url) as store:
            for artifact in filter(None, (target.artifact for target in job.targets)):
                store.add_artifact(artifact)
            _do(device, job, store, reporter, contact)
    except BenchError as error:
        return Lane(device=device.name, error=error)
    return Lane(device=device.name, error=None)


def _do(device: Device, job: Job, store: Store, reporter: Reporter, contact: Contact) -> None:
    """Does a job on a device, in a new session after each reboot."""
    for reboots in range(_REBOOTS + 1):
        try:
            with device.prepared() as sweep:
                opened = job.open(sweep, store)
                reporter.on_session(device.name, opened.session)
                stored = replace(
                    contact, on_message=partial(_store_message, store, opened.session, contact)
                )
                with device.session(opened.session, store, stored):
                    opened.run(device, stored)
                return
        except RebootedError:
            contact.on_message("it was rebooted: a new session begins")
            if reboots == _REBOOTS:
                raise


def _store_message(store: Store, session: Session, contact: Contact, line: str) -> None:
    store.log(session, "phone", said=line)
    contact.on_message(line)
