"""The seam between what is measured and where: a device, of which there are two kinds.

    with device.opened(contact):          # connect, lock
        with device.prepared() as sweep:  # change settings, stage files
            with device.session(session, store, contact):
                device.require_ready()
                device.run(case)

``HostDevice`` is this machine, ``PhoneDevice`` a phone through adb.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How a device that is open reaches the people who use it.

    Args:
        on_message: takes a line that people want to read at once.
        on_progress: takes a step's name, how far it is, and its total.
        stopped: true once the device must end what runs there; it raises KeyboardInterrupt.
    """

    on_message: Callable[[str], None] = lambda line: None
    on_progress: Callable[[str, int, int], None] = lambda step, done, total: None
    stopped: Callable[[], bool] = lambda: False


class Device(Protocol):
    """What processes of a benchmark tool run on."""

    @property
    def name(self) -> str:
        """The serial of a phone, or ``host``."""

    @property
    def is_this_machine(self) -> bool:
        """Whether nothing else may be measured from here meanwhile."""

    @property
    def folder(self) -> PurePath:
        """Where processes may write, once it is open."""

    def opened(self, contact: Contact) -> AbstractContextManager[None]:
        """Connects to the device, alone, for as long as the context lasts.

        Raises:
            DeviceError: it cannot be used.
        """

    def stage(self, *, models: bool = True) -> Sweep:
        """Returns what is measured there, after all files were put there and verified.

        Args:
            models: put models there too; without them nothing can run, but commands are known.

        Raises:
            ConfigurationError: the tool does not fit the device or the suite.
            DeviceError: the device has no room, or the tool does not start there.
        """

    def prepared(self) -> AbstractContextManager[Sweep]:
        """Changes the device's settings, stages, and restores the settings at the end."""

    def session(
        self, session: Session, store: Store, contact: Contact
    ) -> AbstractContextManager[None]:
        """Watches the device for as long as a session is measured, and stores what happens.

        Args:
            contact: in the place of the one that the device was opened with.
        """

    def require_ready(self) -> None:
        """Returns once the device may be measured; a hot one is waited for.

        Raises:
            UnfitError: it is not ready in time.
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

    def put(self, files: Mapping[str, Path]) -> Mapping[str, PurePath]:
        """Returns where files, by SHA-256, are on the device, beside those of the sweep.

        Raises:
            DeviceError: it has no room, or does not come back.
        """

    def read(self, path: PurePath) -> bytes | None:
        """Returns what a file there holds; ``None`` if there is none."""

    def clear(self, pattern: str) -> None:
        """Removes files from ``folder`` by the pattern of their names."""
