"""A device, on which everything is measured: the common interface of this machine and phones.

    with device.opened(contact):          # connect, lock
        with device.prepared() as sweep:  # change settings, stage files
            with device.session(session, store, contact):
                device.require_ready()
                device.run(case)

``HostDevice`` is this machine, ``PhoneDevice`` a phone through adb.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from bench.flow.device.sweep import Sweep
from bench.plan.case import Case
from bench.store.records import Session
from bench.store.store import Store
from bench.tool.host import Execution

# The steps of a device: in bytes, in seconds.
PUSH = "push"
COOL = "cool-down"
QUEUE = "wait until it is free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Callbacks from an open device to the user.

    Args:
        on_message: takes a line to show at once.
        on_progress: takes the name of a step, how much is done, and the total.
        stopped: returns true once the device must end what runs there and raise KeyboardInterrupt.
    """

    on_message: Callable[[str], None] = lambda line: None
    on_progress: Callable[[str, int, int], None] = lambda step, done, total: None
    stopped: Callable[[], bool] = lambda: False


class Device(Protocol):
    """Runs processes of a benchmark tool."""

    @property
    def name(self) -> str:
        """The serial of a phone, or ``host``."""

    @property
    def is_this_machine(self) -> bool:
        """Whether it is this machine, where nothing else may run meanwhile."""

    @property
    def folder(self) -> PurePath:
        """The folder that processes may write to, once it is open."""

    def opened(self, contact: Contact) -> AbstractContextManager[None]:
        """Connects to the device and locks it, within the context.

        Raises:
            DeviceError: it cannot be used.
        """

    def stage(self, *, models: bool = True) -> Sweep:
        """Returns the sweep, after copying all files to the device and verifying them.

        Args:
            models: copy models too; without them nothing can run, but the commands are known.

        Raises:
            ConfigurationError: the tool does not fit the device or the suite.
            DeviceError: the device has no room, or the tool does not start there.
        """

    def prepared(self) -> AbstractContextManager[Sweep]:
        """Changes the device's settings, stages, and restores the settings at the end."""

    def session(
        self, session: Session, store: Store, contact: Contact
    ) -> AbstractContextManager[None]:
        """Watches the device while a session is measured, and stores its events.

        Args:
            contact: replaces the one that the device was opened with.
        """

    def require_ready(self) -> None:
        """Returns once the device may be measured; waits for a hot one to cool down.

        Raises:
            UnfitError: it is not ready in time, or is unfit for another reason.
        """

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        """Returns one process that ran to its end.

        Within a session it waits until the device is ready first, except in modes whose latency
        does not count.

        Args:
            command: instead of the sweep's.

        Raises:
            RebootedError: the device came back on another boot.
            DeviceError: the device does not come back, or is lost again and again.
        """

    def run_block(self, cases: Sequence[Case]) -> Sequence[Execution]:
        """Returns processes that ran directly after each other, up to the first that failed.

        A phone's state is read once before and once after all of them, which all then have.

        Raises:
            DeviceError: as ``run``.
        """

    def put(self, files: Mapping[str, Path]) -> Mapping[str, PurePath]:
        """Copies files, by SHA-256, to the device beside the sweep's; returns their paths there.

        Raises:
            DeviceError: it has no room, or does not come back.
        """

    def read(self, path: PurePath) -> bytes | None:
        """Returns the content of a file there; ``None`` if there is none."""

    def clear(self, pattern: str) -> None:
        """Removes the files in ``folder`` whose names match a pattern."""
