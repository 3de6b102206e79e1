"""Ways to a handset for tests."""

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.adb.phone import Phone
from bench.adb.transport.direct import DirectTransport
from bench.adb.transport.link import TcpLink
from bench.adb.transport.serials import list_phones
from bench.adb.transport.server import AdbServer, ServerTransport
from bench.handset.running import Running
from support.patience import PATIENCE_S

_SETTLED_S = 5.0
_POLL_S = 0.05
Reach = Callable[..., Phone]


class Boot(Protocol):
    """Boots a handset on an address of its own; it is stopped after the test."""

    def __call__(self, **asked: Any) -> Running: ...


def direct(serial: str, **asked: Any) -> Phone:
    """Returns a handset reached without an adb server."""
    host, port = serial.split(":")
    given = {"io_limit_s": PATIENCE_S, **asked}
    return Phone(DirectTransport(TcpLink(host, int(port)), **given))


def content(phone: Phone, path: str) -> bytes:
    """Returns the content of a file of a phone."""
    done = phone.shell(f"cat {shlex.quote(path)}")
    assert done.exit_status == 0, done.stderr
    return done.stdout


def names(phone: Phone, folder: str) -> list[str]:
    """Returns the names of the files in a folder of a phone."""
    paths = phone.ask(f"find {shlex.quote(folder)} -mindepth 1 -maxdepth 1").splitlines()
    return sorted(path.rpartition("/")[2] for path in paths)


def see_up(serial: str) -> None:
    """Waits until the daemon of a handset answers."""
    with closing(direct(serial)) as phone:
        phone.wait(PATIENCE_S)


@dataclass(frozen=True)
class Serving:
    """An adb server of these tests, and the adb that talks to it."""

    binary: Path
    environ: dict[str, str]

    def adb(self, *words: str) -> str:
        """Returns what adb says, on stdout or stderr, whatever its exit status."""
        done = subprocess.run(
            [str(self.binary), *words], env=self.environ, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    def state(self, serial: str) -> str:
        """Returns the state in which the server lists a handset; empty where it does not."""
        listed = list_phones(self.environ)
        return next((each.state for each in listed if each.serial == serial), "")

    def connect(self, serial: str) -> None:
        """Makes the server list a handset as usable, by what a user would type."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.state(serial) != "device":
            assert time.monotonic() < deadline_s, self.adb("devices", "-l")
            # No adb connects to what it lists already, and an old one never tries again by itself.
            self.adb("disconnect", serial)
            if self.adb("connect", serial).startswith("connected"):
                self.settled(serial)
            else:  # while its daemon starts anew, nothing listens
                time.sleep(_POLL_S)

    def settled(self, serial: str) -> str:
        """Returns the state of a handset once it is usable, else what it is some seconds later."""
        deadline_s = time.monotonic() + _SETTLED_S
        while (state := self.state(serial)) != "device" and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        return state

    def reach(self, serial: str, **asked: Any) -> Phone:
        """Returns a handset, connected to."""
        self.connect(serial)
        given = {"io_limit_s": PATIENCE_S, **asked}
        return Phone(ServerTransport(serial, AdbServer(self.environ), **given))


@contextmanager
def serving(binary: Path, home: Path) -> Iterator[Serving]:
    """Yields an adb server on a port of its own, whose keys lie in ``home``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        "HOME": str(home),
        "PATH": os.defpath,
        # Real phones and emulators are left alone, and nothing waits 3 s for a scan of USB.
        "ADB_USB": "0",
        "ADB_EMU": "0",
        "ADB_MDNS": "0",
        "ADB_MDNS_OPENSCREEN": "0",
        "ANDROID_ADB_SERVER_PORT": str(port),
    }
    command = [str(binary), "-L", f"tcp:localhost:{port}", "server", "nodaemon"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while AdbServer(environ).version() is None:
            assert time.monotonic() < deadline_s, (home / "log").read_text()
            time.sleep(_POLL_S)
        yield Serving(binary, environ)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
