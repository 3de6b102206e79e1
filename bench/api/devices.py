"""Jobs on this machine and on phones, without a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.files import OnMessage, Texts, texts

if TYPE_CHECKING:
    from bench.flow.device.device import Device
    from bench.flow.device.requests import RunRequest
    from bench.flow.fleet import Job
    from bench.plan.device import Kind
    from bench.store.records import Session


class Messages:
    """Collects the sessions and messages of a job; called from the threads of several devices."""

    def __init__(self, on_message: OnMessage) -> None:
        self.lines: list[str] = []
        self.sessions: list[Session] = []
        self._on_message = on_message
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Takes a line."""
        with self._lock:
            self.lines.append(line)
            self._on_message(line)

    def on_progress(self, device: str, step: str, done: int, total: int) -> None:
        """Shows no progress."""

    def on_message(self, device: str, line: str) -> None:
        """Takes a line on a device."""
        self.add(line if line.startswith(device) else f"{device}: {line}")

    def on_session(self, device: str, session: Session) -> None:
        """Collects a session, once."""
        with self._lock:
            if session not in self.sessions:
                self.sessions.append(session)


def devices_of(serial: Texts, *, host: bool, request: Callable[[Kind], RunRequest]) -> list[Device]:
    """Returns the devices as the verbs choose them: with neither, the only phone.

    Raises:
        ConfigurationError: there is no phone, or several and none is named.
        DeviceError: a phone that is named cannot be used.
    """
    from bench.flow.device.host import HostDevice, host_sweep
    from bench.plan.device import Kind

    devices: list[Device] = []
    if serial or not host:
        from bench.cli.requests import phones_of
        from bench.flow.device.requests import PhoneRequest, ToolRequest
        from bench.flow.phone.phone import PhoneDevice
        from bench.flow.phone.tool import PhoneTools
        from device_profiles.device_profile import profiles

        tools, known = PhoneTools(ToolRequest()), profiles()
        asked = request(Kind.PHONE)
        devices += [
            PhoneDevice(phone, asked, tools, PhoneRequest(), known=known)
            for phone in phones_of(texts(serial))
        ]
    if host:
        devices.append(HostDevice(host_sweep(request(Kind.HOST))))
    return devices


def do(devices: list[Device], job: Job, db: str | Path, messages: Messages) -> None:
    """Does a job on devices, to the end of each.

    Raises:
        BenchError: of the first device that was set aside; what the others measured is stored.
    """
    from bench.flow.fleet import measure_devices
    from bench.store.store import Store

    Store.open(db).close()  # a database that cannot be used is an error before anything is measured
    for lane in measure_devices(devices, job, str(db), reporter=messages):
        if lane.error is not None:
            raise lane.error
